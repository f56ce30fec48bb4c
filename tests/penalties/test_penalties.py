"""Penalties, those of the package and those of users."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import linear_model

from skmixmate import (
    GroupSparseAutoencoder,
    MixMateClustering,
    functional,
    penalties,
)
from skmixmate.base.parameters import resolve_penalty
from skmixmate.modules import DictionaryMixture
from skmixmate.penalties import (
    L1,
    PENALTIES,
    GroupL2,
    Penalty,
)

quick = settings(max_examples=50)
# Every one by name, and with nonnegative codes; codes of the tests have six entries.
EVERY = [
    resolve_penalty(name, nonnegative=nonnegative, group_size=3)
    for name in PENALTIES
    for nonnegative in (False, True)
]
NORMS = [GroupL2(), *(penalty for penalty in EVERY if penalty.is_norm)]


def randn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


class SquaredElasticNet(Penalty):
    """``sum_p |z_p| + z_p^2 / 2``: not a norm."""

    def prox(self, codes, threshold):
        assert isinstance(threshold, torch.Tensor)
        assert threshold.shape == (len(codes), 1, 1)
        shrunk = codes.sign() * torch.relu(codes.abs() - threshold)
        return shrunk / (1.0 + threshold)

    def value(self, codes):
        return codes.abs().sum(-1) + 0.5 * codes.square().sum(-1)


class WeightedL1(Penalty):
    """``sum_p w_p |z_p|``: a norm, and the same written as if it were none."""

    def __init__(self, importance, is_norm):
        self.importance = importance
        self.is_norm = is_norm

    def prox(self, codes, threshold):
        assert isinstance(threshold, float) == self.is_norm
        return codes.sign() * torch.relu(codes.abs() - threshold * self.importance)

    def value(self, codes):
        return (self.importance * codes.abs()).sum(-1)


def test_prox_and_value_match_functional():
    codes = 2.0 * randn(2, 5, 6)
    signed, positive = L1(), L1(nonnegative=True)
    norms = codes.abs().sum(-1)
    for penalty, prox in [
        (signed, functional.soft_threshold),
        (positive, functional.nonnegative_soft_threshold),
    ]:
        assert torch.equal(penalty.prox(codes, 0.7), prox(codes, 0.7))
        torch.testing.assert_close(penalty.value(codes), norms)
    for size in (1, 2, 3, 6):
        norms = codes.reshape(2, 5, -1, size).square().sum(-1).sqrt().sum(-1)
        for nonnegative, prox in [
            (False, functional.block_soft_threshold),
            (True, functional.nonnegative_block_soft_threshold),
        ]:
            penalty = GroupL2(size, nonnegative=nonnegative)
            assert torch.equal(penalty.prox(codes, 0.7), prox(codes, 0.7, size))
            torch.testing.assert_close(penalty.value(codes), norms)


@pytest.mark.parametrize("penalty", EVERY, ids=repr)
@quick
@given(seed=st.integers(0, 2**32 - 1), threshold=st.floats(0.0, 3.0))
def test_prox_is_where_its_definition_is_least(penalty, seed, threshold):
    """``0.5 * ||z - v||^2 + threshold * Omega(z)`` over the codes that are allowed."""
    v = 2.0 * randn(1, 1, 6, seed=seed)
    others = torch.cat([2.0 * randn(1, 50, 6, seed=seed + 1), torch.zeros(1, 1, 6)], 1)
    found = penalty.prox(v, threshold)
    near = found + 0.1 * randn(1, 50, 6, seed=seed + 2) * (found != 0)
    candidates = penalty.project(torch.cat([others, near], dim=1))

    def objective(z):
        return 0.5 * (z - v).square().sum(-1) + threshold * penalty.value(z)

    assert torch.equal(penalty.project(found), found)
    assert (objective(candidates) >= objective(found) - 1e-12).all()


@pytest.mark.parametrize("penalty", EVERY, ids=repr)
def test_a_threshold_may_be_a_tensor(penalty):
    codes = 2.0 * randn(2, 5, 6)
    thresholds = torch.tensor([0.3, 0.9], dtype=torch.float64)
    together = penalty.prox(codes, thresholds[:, None, None])
    for one, threshold, expected in zip(together, thresholds, codes, strict=True):
        alone = penalty.prox(expected[None], float(threshold))[0]
        torch.testing.assert_close(one, alone, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("penalty", EVERY, ids=repr)
@pytest.mark.parametrize("estimator", [MixMateClustering, GroupSparseAutoencoder])
def test_estimators_take_every_penalty(penalty, estimator):
    X = randn(60, 8).numpy()
    sizes = {"n_clusters": 2} if estimator is MixMateClustering else {"n_groups": 2}
    sizes |= {"n_atoms": 6} if estimator is MixMateClustering else {"group_size": 6}
    model = estimator(
        **sizes, penalty=penalty, alpha=0.05, init="data", max_iter=2, random_state=0
    ).fit(X)
    assert np.isfinite(model.loss_)
    if estimator is MixMateClustering:
        assert np.isfinite(model.sample(5)[0]).all()
        codes = model.encode(X)
    else:
        codes = model.transform(X)
    if penalty.nonnegative:
        assert (codes >= 0.0).all()


@pytest.mark.parametrize("name", PENALTIES)
def test_the_documentation_of_the_estimators_has_every_name(name):
    for estimator in (MixMateClustering, GroupSparseAutoencoder):
        assert f'"{name}"' in estimator.__doc__


def test_a_penalty_of_ones_own_gets_tensors_in_sample_too():
    X = randn(60, 8).numpy()
    model = MixMateClustering(
        2, penalty=SquaredElasticNet(), init="k-means", max_iter=1, random_state=0
    ).fit(X)
    assert model.sample(3)[0].shape == (3, 8)


@pytest.mark.parametrize("penalty", NORMS, ids=repr)
@quick
@given(
    seed=st.integers(0, 2**32 - 1),
    scale=st.floats(1e-6, 1e6),
    threshold=st.floats(0.0, 3.0),
)
def test_norms_are_homogeneous(penalty, seed, scale, threshold):
    """Both of the value and of the prox, which `is_norm` lets the encoder rely on."""
    assert penalty.is_norm
    codes = randn(2, 3, 6, seed=seed)
    torch.testing.assert_close(
        penalty.value(scale * codes), scale * penalty.value(codes)
    )
    torch.testing.assert_close(
        penalty.prox(scale * codes, scale * threshold),
        scale * penalty.prox(codes, threshold),
        rtol=1e-9,
        atol=1e-12 * scale,
    )


@pytest.mark.parametrize("penalty", EVERY, ids=repr)
@pytest.mark.parametrize("threshold", [0.0, 0.7])
@pytest.mark.parametrize("samples_last", [False, True])
@quick
@given(seed=st.integers(0, 2**32 - 1))
def test_backward_is_what_autograd_gives(penalty, threshold, samples_last, seed):
    codes, grad = randn(2, 5, 6, seed=seed), randn(2, 5, 6, seed=seed + 1)
    codes[0, 0] = 0.0
    if samples_last:
        codes, grad = (t.mT.contiguous().mT for t in (codes, grad))
    torch.testing.assert_close(
        penalty.prox_backward(grad, codes, threshold),
        Penalty.prox_backward(penalty, grad, codes, threshold),
        rtol=1e-10,
        atol=1e-12,
    )


@pytest.mark.parametrize("penalty", EVERY, ids=repr)
def test_memory_layout_does_not_matter(penalty):
    codes = randn(2, 5, 6)
    samples_last = codes.mT.contiguous().mT
    for of in (lambda v: penalty.prox(v, 0.7), penalty.value):
        torch.testing.assert_close(of(samples_last), of(codes), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("penalty", EVERY, ids=repr)
def test_backward_in_single_precision_far_from_one(penalty):
    for scale in (1e-15, 1e15) if penalty.is_norm else (1.0,):
        codes, grad = (scale * randn(2, 5, 6)).float(), randn(2, 5, 6, seed=1).float()
        torch.testing.assert_close(
            penalty.prox_backward(grad, codes, scale * 0.7),
            Penalty.prox_backward(penalty, grad, codes, scale * 0.7),
            rtol=1e-4,
            atol=1e-5,
        )


class WeightedGroups(Penalty):
    """Some groups cost more: thresholds of many shapes."""

    group_size = 2
    is_norm = True

    def __init__(self, importance):
        self.importance = importance

    def prox(self, codes, threshold):
        return functional.block_soft_threshold(codes, threshold * self.importance, 2)

    def prox_backward(self, grad, codes, threshold):
        return functional.block_soft_threshold_backward(
            grad, codes, threshold * self.importance, 2
        )

    def value(self, codes):
        return (self.importance * functional.group_norms(codes, 2)).sum(-1)


# Of a group, of a dictionary, of a sample; as many samples as groups, and more.
@pytest.mark.parametrize("shape", [(3,), (2, 1, 1), (2, 1, 3), (3, 1)])
@pytest.mark.parametrize("samples_last", [False, True])
def test_thresholds_of_groups(shape, samples_last):
    codes, grad = randn(2, 3, 6), randn(2, 3, 6, seed=1)
    if samples_last:
        codes, grad = (t.mT.contiguous().mT for t in (codes, grad))
    penalty = WeightedGroups(randn(*shape, seed=2).abs())
    thresholds = (0.7 * penalty.importance).expand(2, 3, 3)
    shrunk = penalty.prox(codes, 0.7)
    for k in range(2):
        for b in range(3):
            for g, group in enumerate(codes[k, b].split(2)):
                factor = torch.relu(1.0 - thresholds[k, b, g] / group.norm())
                actual = shrunk[k, b, 2 * g : 2 * g + 2]
                torch.testing.assert_close(actual, factor * group)
    torch.testing.assert_close(
        penalty.prox_backward(grad, codes, 0.7),
        Penalty.prox_backward(penalty, grad, codes, 0.7),
    )


@pytest.mark.parametrize("n_samples", [3, 5])
def test_all_forms_agree_where_groups_cost_differently(n_samples):
    X, D = 2.0 * randn(n_samples, 7), randn(2, 6, 7, seed=1)
    penalty = WeightedGroups(torch.tensor([1.0, 3.0, 0.5], dtype=torch.float64))
    gradients = []
    for form in ("gram", "residual"):
        module = DictionaryMixture(D, penalty=penalty, alpha=0.3, form=form)
        module.loss(module(X)).backward()
        gradients.append(module.dictionaries.grad)
    torch.testing.assert_close(*gradients)


def test_another_prox_has_another_backward():
    class Doubled(L1):
        def prox(self, codes, threshold):
            return super().prox(codes, 2.0 * threshold)

    class Renamed(L1):
        pass

    codes, grad = torch.tensor([[[0.5, 1.5, 3.0]]]), torch.ones(1, 1, 3)
    assert Doubled().prox_backward(grad, codes, 1.0).tolist() == [[[0.0, 0.0, 1.0]]]
    assert Renamed().prox_backward(grad, codes, 1.0).tolist() == [[[0.0, 1.0, 1.0]]]


def test_a_constant_prox_has_no_gradient():
    class Nothing(Penalty):
        def prox(self, codes, threshold):
            return torch.zeros_like(codes)

        def value(self, codes):
            return 0.0 * codes.sum(-1)

    assert not Nothing().prox_backward(randn(1, 2, 3), randn(1, 2, 3), 1.0).any()


@pytest.mark.parametrize("penalty", [L1(), L1(nonnegative=True), GroupL2()], ids=repr)
@pytest.mark.parametrize("alpha", [np.float32(0.5), np.int64(1), torch.tensor(0.5)])
def test_numbers_of_other_libraries(penalty, alpha):
    gradients = []
    for value in (alpha, float(alpha)):
        module = DictionaryMixture(randn(2, 4, 5), penalty=penalty, alpha=value)
        module.loss(module(2.0 * randn(6, 5))).backward()
        gradients.append(module.dictionaries.grad)
    torch.testing.assert_close(*gradients)


def test_alpha_is_that_of_the_forward_pass():
    gradients = []
    for later in (0.3, 1.0):
        module = DictionaryMixture(randn(2, 4, 5), alpha=0.3, min_responsibility=1e-5)
        loss = module.loss(module(2.0 * randn(6, 5)))
        module.alpha = later
        loss.backward()
        gradients.append(module.dictionaries.grad)
    assert torch.equal(*gradients)


@pytest.mark.parametrize("penalty", EVERY, ids=repr)
def test_equality_hash_and_repr(penalty):
    again = eval(repr(penalty), vars(penalties).copy())
    assert again == penalty
    assert hash(again) == hash(penalty)
    assert [other == penalty for other in EVERY].count(True) == 1


def test_group_size_is_what_the_penalty_says():
    assert L1().group_size == 1
    assert GroupL2(group_size=5).group_size == 5
    assert SquaredElasticNet().group_size == 1
    assert not SquaredElasticNet().is_norm


@pytest.mark.parametrize("group_size", [0, -2, 2.0, "2", None, True])
def test_bad_group_size(group_size):
    with pytest.raises(ValueError, match="group_size must be a positive integer"):
        GroupL2(group_size=group_size)


def test_group_size_may_be_an_integer_of_numpy():
    codes = randn(1, 2, 6)
    penalty = GroupL2(group_size=np.int64(3))
    assert torch.equal(penalty.value(codes), GroupL2(group_size=3).value(codes))


def test_resolve_penalty():
    assert resolve_penalty("l1") == L1()
    assert resolve_penalty("l1", nonnegative=True, group_size=3) == L1(True)
    assert resolve_penalty("group-l2", group_size=3) == GroupL2(3)
    for penalty in (*EVERY, SquaredElasticNet()):
        assert resolve_penalty(penalty) is penalty


@pytest.mark.parametrize("penalty", ["l2", "L1", None, 1.0, L1, np.array(["l1", "l2"])])
def test_resolve_penalty_names_the_parameter(penalty):
    with pytest.raises(ValueError, match="penalty must be one of 'l1', "):
        resolve_penalty(penalty)


def test_penalty_is_abstract():
    with pytest.raises(TypeError, match="abstract"):
        Penalty()


def converged(penalty, X, D, alpha=0.5):
    module = DictionaryMixture(D, penalty=penalty, alpha=alpha, n_fista_iter=2000)
    return module, *(t.detach() for t in module(X))


def solve(model, X, dictionaries):
    """Codes by scikit-learn, whose regressions have atoms as columns."""
    return torch.tensor(
        np.array([[model.fit(d.T, x).coef_.copy() for x in X] for d in dictionaries])
    )


def test_elastic_net_matches_scikit_learn():
    X, D = 2.0 * randn(4, 8), randn(3, 5, 8, seed=1)
    module, energies, codes = converged(SquaredElasticNet(), X, D)
    # sklearn: ||y - Xw||^2 / 2n + a r |w| + a (1 - r) |w|^2 / 2, here times n.
    model = linear_model.ElasticNet(
        2 * 0.5 / 8, l1_ratio=0.5, fit_intercept=False, tol=1e-14, max_iter=100_000
    )
    dictionaries = module.dictionaries.detach()
    expected = solve(model, X.numpy(), dictionaries.numpy())
    assert (expected == 0).any()
    torch.testing.assert_close(codes, expected, rtol=1e-8, atol=1e-8)
    residuals = (X - expected @ dictionaries).square().sum(-1)
    penalties = 0.5 * (expected.abs() + 0.5 * expected.square()).sum(-1)
    torch.testing.assert_close(
        energies, (residuals + penalties).T + np.log(3), rtol=1e-7, atol=1e-7
    )


def test_a_norm_of_the_user_matches_scikit_learn():
    X, D = 2.0 * randn(4, 8), randn(3, 5, 8, seed=1)
    importance = torch.tensor([0.1, 0.5, 1.0, 2.0, 3.0], dtype=torch.float64)
    module, _, codes = converged(WeightedL1(importance, is_norm=True), X, D)
    # The Lasso in u_p = w_p z_p, with atoms d_p / w_p.
    model = linear_model.Lasso(
        0.5 / 8, fit_intercept=False, tol=1e-14, max_iter=100_000
    )
    scaled = module.dictionaries.detach() / importance[:, None]
    expected = solve(model, X.numpy(), scaled.numpy()) / importance
    assert (expected == 0).any()
    torch.testing.assert_close(codes, expected, rtol=1e-7, atol=1e-7)


def test_the_fast_path_of_norms_changes_nothing():
    X, D = 2.0 * randn(4, 8), randn(3, 5, 8, seed=1)
    importance = torch.tensor([0.1, 0.5, 1.0, 2.0, 3.0], dtype=torch.float64)
    gradients = []
    for is_norm in (True, False):
        module = DictionaryMixture(
            D, penalty=WeightedL1(importance, is_norm), alpha=0.3
        )
        output = module(X)
        module.loss(output).backward()
        gradients.append((*output, module.dictionaries.grad))
    for fast, general in zip(*gradients, strict=True):
        torch.testing.assert_close(fast, general, rtol=1e-10, atol=1e-10)
