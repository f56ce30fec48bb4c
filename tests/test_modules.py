"""`DictionaryMixture`: what it computes, in every form and precision."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from skmixmate.functional import gram_encode
from skmixmate.modules import DictionaryMixture
from skmixmate.penalties import L1, GroupL2

quick = settings(max_examples=30)
seeds = st.integers(0, 2**32 - 1)
PENALTIES = [
    L1(),
    L1(nonnegative=True),
    GroupL2(group_size=2),
    GroupL2(group_size=2, nonnegative=True),
]
every_penalty = pytest.mark.parametrize("penalty", PENALTIES, ids=repr)


def randn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def problem(seed=0, n_clusters=3, n_samples=5, n_atoms=4, n_features=6):
    X = 2.0 * randn(n_samples, n_features, seed=seed)
    D = randn(n_clusters, n_atoms, n_features, seed=seed + 1)
    observed = (randn(n_samples, n_features, seed=seed + 2) < 0.5).double()
    return X, D, observed


def close(actual, expected, tolerance=1e-10):
    torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def outputs_and_gradients(module, X, mask):
    """Energies, codes, and the gradients of the loss."""
    output = module(X, mask)
    module.loss(output).backward()
    return (*output, module.dictionaries.grad)


@every_penalty
def test_energies_by_the_formula(penalty):
    X, D, observed = problem()
    pi = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    module = DictionaryMixture(D, weights=pi, penalty=penalty, alpha=0.4)
    for mask in (None, observed):
        energies, codes = (t.detach().numpy() for t in module(X, mask))
        atoms = module.dictionaries.detach().numpy()
        seen = np.ones(X.shape) if mask is None else mask.numpy()
        assert energies.shape == (5, 3)
        assert codes.shape == (3, 5, 4)
        for b in range(5):
            for k in range(3):
                z = codes[k, b]
                residual = seen[b] * (X[b].numpy() - z @ atoms[k])
                omega = np.abs(z).sum()
                if isinstance(penalty, GroupL2):
                    omega = np.hypot(z[0], z[1]) + np.hypot(z[2], z[3])
                expected = residual @ residual + 0.4 * omega - math.log(pi[k])
                assert energies[b, k] == pytest.approx(expected, rel=1e-10)
        if penalty.nonnegative:
            assert (codes >= 0).all()


def test_loss_by_the_formula():
    X, D, _ = problem()
    module = DictionaryMixture(D)
    output = module(X)
    E = output.energies.detach().numpy()
    p = np.exp(-E) / np.exp(-E).sum(1, keepdims=True)
    assert module.loss(output).item() == pytest.approx((p * E).sum(1).mean())


@quick
@given(seed=seeds, order=st.permutations(range(5)), masked=st.booleans())
def test_permutation_of_samples_permutes_outputs(seed, order, masked):
    X, D, observed = problem(seed)
    mask = observed if masked else None
    module = DictionaryMixture(D, alpha=0.3)
    energies, codes = module(X, mask)
    permuted = module(X[order], mask[order] if masked else None)
    close(permuted.energies, energies[order])
    close(permuted.codes, codes[:, order])


@quick
@given(seed=seeds, order=st.permutations(range(3)), masked=st.booleans())
def test_permutation_of_clusters_permutes_energies(seed, order, masked):
    X, D, observed = problem(seed)
    mask = observed if masked else None
    pi = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    energies, codes = DictionaryMixture(D, weights=pi, alpha=0.3)(X, mask)
    permuted = DictionaryMixture(D[order], weights=pi[order], alpha=0.3)(X, mask)
    close(permuted.energies, energies[:, order])
    close(permuted.codes, codes[order])


@every_penalty
@quick
@given(seed=seeds, step_size=st.sampled_from(["auto", 0.04]))
def test_all_forms_agree(penalty, seed, step_size):
    X, D, _ = problem(seed)
    options = {"penalty": penalty, "alpha": 0.3, "step_size": step_size}
    results = []
    for form, mask in [
        ("residual", None),
        ("gram", None),
        ("gram", torch.ones_like(X)),
    ]:
        module = DictionaryMixture(D, form=form, **options)
        results.append(outputs_and_gradients(module, X, mask))
    for other in results[1:]:
        for actual, expected in zip(other, results[0], strict=True):
            close(actual, expected)


@every_penalty
@pytest.mark.parametrize("n_complete", [0, 1, 20, 40])
@pytest.mark.parametrize("min_responsibility", [0.0, 1e-300])
def test_masked_samples_by_residuals_and_as_they_run(
    penalty, n_complete, min_responsibility
):
    """Of mixed batches too, whose complete samples go through Gram matrices."""
    X, D, observed = problem(n_samples=40, n_features=12)
    X, observed[:n_complete] = 0.1 * X, 1.0
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    options = {"penalty": penalty, "alpha": 0.1}
    reference = DictionaryMixture(D, form="residual", **options)
    module = DictionaryMixture(D, min_responsibility=min_responsibility, **options)
    for actual, expected in zip(
        outputs_and_gradients(module, X[order], observed[order]),
        outputs_and_gradients(reference, X[order], observed[order]),
        strict=True,
    ):
        close(actual, expected)


def test_complete_samples_are_the_same_beside_incomplete_ones():
    X, D, observed = problem(n_samples=6)
    observed[::2] = 1.0
    module = DictionaryMixture(D)
    mixed, complete = module(X, observed), module(X[::2])
    assert torch.equal(mixed.energies[::2], complete.energies)
    assert torch.equal(mixed.codes[:, ::2], complete.codes)


@every_penalty
def test_each_sample_has_its_own_mask(penalty):
    """A masked sample is a sample, and dictionaries, without those columns."""
    X, D, observed = problem(seed=3)
    options = {"penalty": penalty, "alpha": 0.3, "step_size": 0.1}
    module = DictionaryMixture(D, **options)
    energies, codes = module(X, observed)
    for b in range(5):
        kept = observed[b].bool()
        deleted = DictionaryMixture(D[:, :, kept], form="residual", **options)
        with torch.no_grad():  # atoms without some columns, not of unit norm again
            deleted.dictionaries.copy_(module.dictionaries[:, :, kept])
        alone = deleted(X[b : b + 1, kept])
        close(energies[b : b + 1], alone.energies)
        close(codes[:, b : b + 1], alone.codes)


@quick
@given(seed=seeds, filling=st.floats(-1e6, 1e6))
def test_values_under_the_mask_do_not_matter(seed, filling):
    X, D, observed = problem(seed)
    module = DictionaryMixture(D)
    filled = module(X.where(observed == 1, filling), observed)
    for actual, expected in zip(filled, module(X, observed), strict=True):
        assert torch.equal(actual, expected)


def test_a_sample_without_observed_entries_has_the_prior():
    X, D, observed = problem()
    pi = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    observed[1] = 0.0
    energies, codes = DictionaryMixture(D, weights=pi)(X, observed)
    close(energies[1], -pi.log())
    assert (codes[:, 1] == 0).all()


@pytest.mark.parametrize("mask", [False, True])
@every_penalty
def test_gradcheck(penalty, mask):
    X, D, observed = problem(seed=4, n_clusters=2, n_samples=3)
    module = DictionaryMixture(
        D, penalty=penalty, alpha=0.3, n_fista_iter=5, step_size=0.2
    )

    def loss(dictionaries):
        output = torch.func.functional_call(
            module, {"dictionaries": dictionaries}, (X, observed if mask else None)
        )
        return module.loss(output)

    assert gradcheck(loss, module.dictionaries)


def test_atoms_have_unit_norm():
    _, D, _ = problem()
    module = DictionaryMixture(1e3 * D)
    close(module.dictionaries, D / D.norm(dim=-1, keepdim=True))
    with torch.no_grad():
        module.dictionaries *= 0.01
    module.normalize_()
    close(module.dictionaries, D / D.norm(dim=-1, keepdim=True))
    assert module.dictionaries.requires_grad


def test_the_first_atoms_are_copied():
    _, D, _ = problem()
    before = D.clone()
    DictionaryMixture(D).dictionaries.data.zero_()
    assert torch.equal(D, before)


@every_penalty
@pytest.mark.parametrize("form", ["gram", "residual", "masked"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zero_atoms_stay_finite(penalty, form, dtype):
    """Also a dictionary of nothing else, as a cluster of blank images starts with."""
    X, D, observed = (t.to(dtype) for t in problem())
    D[0, :2] = 0.0
    D[1] = 0.0
    mask = observed if form == "masked" else None
    form = "auto" if form == "masked" else form
    module = DictionaryMixture(D, penalty=penalty, form=form)
    assert (module.dictionaries[1] == 0).all()
    output = module(X, mask)
    assert all(t.isfinite().all() for t in output)
    assert (output.codes[1] == 0).all()
    module.loss(output).backward()
    assert module.dictionaries.grad.isfinite().all()


def test_weights_enter_as_minus_log_pi():
    X, D, _ = problem()
    pi = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    equal = DictionaryMixture(D)(X).energies - np.log(3)
    close(DictionaryMixture(D, weights=pi)(X).energies, equal - pi.log())
    # Only proportions matter.
    close(DictionaryMixture(D, weights=7 * pi)(X).energies, equal - pi.log())


def test_weights_are_set_in_place():
    X, D, _ = problem()
    pi = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    module = DictionaryMixture(D)
    log_weights = module.log_weights
    module.set_weights_(7 * pi)
    assert module.log_weights is log_weights
    close(module(X).energies, DictionaryMixture(D, weights=pi)(X).energies)


def test_weights_have_no_gradient():
    X, D, _ = problem()
    module = DictionaryMixture(D)
    module.loss(module(X)).backward()
    assert module.log_weights.grad is None
    assert module.dictionaries.grad is not None


def test_a_form_that_cannot_is_an_error_with_its_name():
    X, D, observed = problem()
    for form, arguments, message in (
        ("gram", (X, observed), "takes complete samples only"),
        ("tiled", (X, None), "takes incomplete samples only"),
        ("gram", (X.clone().requires_grad_(), None), "no gradients of the samples"),
    ):
        with pytest.raises(ValueError, match=f"form='{form}' .*{message}"):
            DictionaryMixture(D, form=form)(*arguments)
    with pytest.raises(ValueError, match="form must be 'auto' or one of 'fused'"):
        DictionaryMixture(D, form="masked")


def test_tiles_are_for_the_cpu():
    X, D, observed = (tensor.to("meta") for tensor in problem())
    module = DictionaryMixture(D)
    arguments = X, observed, *module.gram_and_steps()
    assert module.encode(*arguments).penalties.shape == (len(D), len(X))
    module.form = "tiled"
    with pytest.raises(ValueError, match="form='tiled' is for device='cpu'"):
        module.encode(*arguments)


@pytest.mark.parametrize("step_size", ["auto", 0.04])
@every_penalty
def test_float32_is_close_to_float64(penalty, step_size):
    X, D, observed = problem()
    for mask in (None, observed):
        exact = DictionaryMixture(D, penalty=penalty, step_size=step_size)(X, mask)
        single = DictionaryMixture(D.float(), penalty=penalty, step_size=step_size)(
            X.float(), None if mask is None else mask.float()
        )
        for actual, expected in zip(single, exact, strict=True):
            assert actual.dtype == torch.float32
            assert expected.dtype == torch.float64
            close(actual.double(), expected, 1e-4)


def test_state_dict_carries_everything_that_is_learned():
    X, D, _ = problem()
    pi = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
    module = DictionaryMixture(D, weights=pi)
    other = DictionaryMixture(torch.ones_like(D))
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(X).energies, module(X).energies)


def test_an_encoder_has_a_layer():
    with pytest.raises(ValueError, match="n_fista_iter must be at least 1, got 0"):
        DictionaryMixture(torch.eye(3)[None], n_fista_iter=0)


@every_penalty
@pytest.mark.parametrize("form", ["auto", "residual"])
@pytest.mark.parametrize("is_masked", [False, True])
def test_leaving_out_small_responsibilities(penalty, form, is_masked):
    X, D, observed = problem(n_clusters=5, n_samples=40, n_atoms=4, n_features=12)
    mask = observed if is_masked else None
    results = {}
    for min_responsibility in (0.0, 1e-5):
        module = DictionaryMixture(
            D,
            penalty=penalty,
            alpha=0.3,
            form=form,
            min_responsibility=min_responsibility,
        )
        output = module(1.5 * X, mask)
        module.loss(output).backward()
        results[min_responsibility] = (output, module)
    exact, exact_module = results[0.0]
    shorter, module = results[1e-5]
    close(shorter.energies, exact.energies)
    close(shorter.codes, exact.codes)
    # It did leave something out, and not much was lost by it.
    p = torch.softmax(-exact.energies, dim=1)
    assert 0.0 < (p < 1e-5).double().mean() < 1.0
    expected = exact_module.dictionaries.grad
    error = torch.linalg.vector_norm(module.dictionaries.grad - expected)
    assert 0.0 < error < 1e-4 * torch.linalg.vector_norm(expected)


@pytest.mark.parametrize("is_masked", [False, True])
def test_gradients_of_samples(is_masked):
    X, D, observed = problem()
    mask = observed if is_masked else None
    gradients = []
    for form in ("auto", "residual"):
        module, wanted = DictionaryMixture(D, form=form), X.clone().requires_grad_()
        module.loss(module(wanted, mask)).backward()
        gradients.append((wanted.grad, module.dictionaries.grad))
    assert (gradients[0][0] != 0).any()
    for actual, expected in zip(*gradients, strict=True):
        close(actual, expected)


@pytest.mark.parametrize("few_matter", [True, False])
def test_layers_are_kept_where_many_samples_matter(monkeypatch, few_matter):
    X, D, _ = problem()
    module = DictionaryMixture(D, min_responsibility=1e-5)
    module.few_matter = few_matter
    told = []

    def spy(*args, few_matter):
        told.append(few_matter)
        return gram_encode(*args, few_matter=few_matter)

    monkeypatch.setattr("skmixmate.modules.encoder.gram_encode", spy)
    module(X)
    assert told == [few_matter]


def test_nothing_is_left_out_where_all_clusters_matter():
    X, D, _ = problem(n_samples=20)
    gradients = {}
    for few_matter in (True, False):
        for min_responsibility in (0.0, 1e-5):
            module = DictionaryMixture(0.01 * D, min_responsibility=min_responsibility)
            module.few_matter = few_matter
            module.loss(module(0.01 * X)).backward()
            gradients[min_responsibility] = module.dictionaries.grad
        close(gradients[1e-5], gradients[0.0])
