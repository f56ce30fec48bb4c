"""Sparse subspace clustering with the lasso: its codes, its optimality, its edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso
from sklearn.utils.estimator_checks import parametrize_with_checks

from skmixmate import SparseSubspaceClustering
from skmixmate.initializers import self_representation
from skmixmate.initializers.self_representation import (
    _newton_step,
    _solve,
    lasso_representation,
)
from skmixmate.metrics import clustering_accuracy

from .test_ssc import few_points_may_differ, union_of_subspaces

quick = settings(max_examples=60)
seeds = st.integers(0, 2**32 - 1)


def unit_rows(X):
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    return X / np.where(norms > 0.0, norms, 1.0)


def paper_mu(X):
    """min_i max_{j != i} |<x_i, x_j>| of unit rows, over those that are not zero."""
    gram = np.abs(X @ X.T)
    np.fill_diagonal(gram, 0.0)
    largest = gram.max(axis=1)
    return largest[largest > 1e-5].min()


def lasso(**params):
    return SparseSubspaceClustering(3, method="lasso", random_state=0, **params)


# scikit-learn's own checks, as in tests/test_common.py. That k-means finds fewer than
# eight clusters in one round blob is true; a lasso that does not converge is not fine.
@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
@parametrize_with_checks([SparseSubspaceClustering(method="lasso")])
def test_estimator_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("alpha", [1.5, 5.0, 20.0])
@pytest.mark.parametrize("n_new_atoms", [1, 3, 100])
@pytest.mark.parametrize("block_size", [16, 512])
def test_codes_are_those_of_scikit_learn(alpha, n_new_atoms, block_size, monkeypatch):
    monkeypatch.setattr(self_representation, "_N_NEW_ATOMS", n_new_atoms)
    monkeypatch.setattr(self_representation, "_BLOCK_SIZE", block_size)
    X = np.random.RandomState(0).normal(size=(40, 12))
    representation = lasso(alpha=alpha).fit(X).representation_.toarray()
    X = unit_rows(X)
    # The lambda of the paper, in the units of scikit-learn.
    reference = Lasso(
        alpha=paper_mu(X) / alpha / 12, fit_intercept=False, tol=1e-14, max_iter=10**5
    )
    for row in range(40):
        others = np.delete(np.arange(40), row)
        expected = np.zeros(40)
        expected[others] = reference.fit(X[others].T, X[row]).coef_
        np.testing.assert_allclose(representation[row], expected, atol=1e-3)
        assert np.count_nonzero(expected)


@quick
@given(
    seed=seeds,
    n_samples=st.integers(2, 40),
    n_features=st.integers(1, 30),
    rank=st.integers(1, 30),
    alpha=st.sampled_from([1.01, 2.0, 20.0, 100.0, 800.0]),
    dtype=st.sampled_from([np.float32, np.float64]),
    n_dropped=st.integers(0, 10),
)
def test_codes_are_optimal(seed, n_samples, n_features, rank, alpha, dtype, n_dropped):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, rank)) @ rng.normal(size=(rank, n_features))
    # Duplicates and zero rows among them.
    X[rng.integers(n_samples, size=2)] = X[rng.integers(n_samples)]
    X[rng.integers(n_samples)] *= rng.integers(2)
    X = unit_rows(X).astype(dtype)
    kept = np.sort(rng.permutation(n_samples)[: max(2, n_samples - n_dropped)])
    codes = lasso_representation(X, kept, alpha).toarray()

    X = X.astype(np.float64)
    allowed = np.zeros((n_samples, n_samples), dtype=bool)
    allowed[:, kept] = True
    np.fill_diagonal(allowed, False)
    assert (codes[~allowed] == 0.0).all()
    largest = np.abs(np.where(allowed, X @ X.T, 0.0)).max(axis=1)
    largest = largest[largest > 100.0 * np.finfo(dtype).eps]
    if len(largest) == 0:
        assert (codes == 0.0).all()
        return
    threshold = largest.min() / alpha
    tolerance = 1.01 * max(1e-4 * threshold, 1e-7)
    correlations = (X - codes @ X) @ X.T
    used = codes != 0.0
    np.testing.assert_allclose(
        correlations[used], threshold * np.sign(codes[used]), rtol=0.0, atol=tolerance
    )
    unused = np.abs(correlations[allowed & ~used])
    assert unused.max(initial=0.0) <= threshold + tolerance


@quick
@given(seed=seeds, size=st.integers(1, 12), rank=st.integers(1, 12))
def test_newton_step_never_raises_the_objective(seed, size, rank):
    rng = np.random.default_rng(seed)
    # Singular if there are fewer features than atoms.
    atoms = unit_rows(rng.normal(size=(size, rank)))
    sample, code = rng.normal(size=rank), rng.normal(size=size)
    threshold = rng.uniform(0.0, 1.0)

    def objective(code):
        residual = sample - code @ atoms
        return 0.5 * residual @ residual + threshold * np.abs(code).sum()

    new = _newton_step(code, atoms @ atoms.T, atoms @ sample, threshold)
    assert objective(new) <= objective(code) + 1e-9


def test_newton_step_solves_for_kept_signs():
    atoms = np.array([[1.0, 0.0], [0.6, 0.8]])
    code, threshold = np.array([0.3, -0.1]), 0.01
    sample = np.array([0.5, -0.2]) @ atoms
    new = _newton_step(code, atoms @ atoms.T, atoms @ sample, threshold)
    gradient = atoms @ (sample - new @ atoms)
    np.testing.assert_allclose(gradient, threshold * np.array([1.0, -1.0]), atol=1e-12)


def test_rounding_errors_are_no_coefficients():
    # Left by equal atoms, and of a sign that violates the optimality conditions.
    for seed in range(100):
        atom = np.random.RandomState(seed).normal(size=(1, 20)).astype(np.float32)
        atom = unit_rows(atom).astype(np.float64)
        code = _solve(atom[0], atom[[0, 0]], np.array([0.9958, -1e-17]), 0.0042, 0.0042)
        assert code.sum() == pytest.approx(0.9958, abs=1e-6)
        assert np.count_nonzero(code) == 1


def test_no_code_is_zero_down_to_alpha_one():
    X = np.random.RandomState(0).normal(size=(50, 10))
    codes = lasso(alpha=1.001).fit(X).representation_.toarray()
    assert (np.abs(codes).sum(axis=1) > 0.0).all()
    # The sample that sets mu is about to lose its one coefficient.
    weakest = codes[np.abs(codes).sum(axis=1).argmin()]
    assert np.count_nonzero(weakest) == 1
    mu = paper_mu(unit_rows(X))
    assert np.abs(weakest).sum() == pytest.approx(mu * (1.0 - 1.0 / 1.001), rel=0.01)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("params", [{}, {"n_rounds": 5, "dropout": 0.5}])
def test_planted_subspaces_are_found(dtype, params):
    X, target = union_of_subspaces(dim=6)
    ssc = lasso(**params).fit(X.astype(dtype))
    assert clustering_accuracy(target, ssc.labels_) > 0.95
    same = target[:, None] == target
    weight = abs(ssc.representation_).toarray()
    assert weight[same].sum() > 0.95 * weight.sum()


def test_single_and_double_precision_agree():
    X, _ = union_of_subspaces(20)
    single, double = (lasso().fit(X.astype(t)) for t in (np.float32, np.float64))
    assert single.representation_.dtype == np.float64
    assert abs(single.representation_ - double.representation_).max() < 1e-3


def test_graph_is_that_of_the_paper():
    X = np.random.RandomState(0).normal(size=(50, 10))
    ssc = lasso().fit(X)
    codes, affinity = ssc.representation_.toarray(), ssc.affinity_matrix_.toarray()
    assert (np.diag(codes) == 0.0).all()
    scaled = np.abs(codes) / np.abs(codes).max(axis=1, keepdims=True)
    np.testing.assert_allclose(affinity, scaled + scaled.T)


def test_what_auto_stands_for():
    whole = np.random.RandomState(0).normal(size=(2500, 4))
    for method, n_samples, n_rounds, dropout in (
        ("lasso", 50, 1, 0.0),
        ("omp", 50, 10, 0.5),
        ("omp", 1250, 10, 0.6),
        ("omp", 2500, 10, 0.8),
    ):
        X = whole[:n_samples]
        auto, explicit = (
            SparseSubspaceClustering(3, method=method, random_state=0, **params).fit(X)
            for params in ({}, {"n_rounds": n_rounds, "dropout": dropout})
        )
        difference = auto.representation_ - explicit.representation_
        assert abs(difference).max() == 0.0
    assert SparseSubspaceClustering().method == "omp"


def test_a_round_uses_only_its_subset():
    X = np.random.RandomState(0).normal(size=(50, 10))
    one = lasso(n_rounds=1, dropout=0.8).fit(X).representation_
    used = np.count_nonzero(abs(one).sum(axis=0))
    assert 1 <= used <= 10
    many = lasso(n_rounds=10, dropout=0.8).fit(X).representation_
    assert many.nnz > one.nnz


def test_a_duplicate_represents_its_twin():
    X = np.random.RandomState(0).normal(size=(30, 20))
    X[1] = -2.0 * X[0]
    codes = lasso().fit(X).representation_.toarray()
    shrunk = 1.0 - paper_mu(unit_rows(X)) / 20.0
    assert codes[0, 1] == pytest.approx(-shrunk, abs=1e-4)
    assert np.count_nonzero(codes[0]) == 1


def test_zero_rows_have_no_part():
    X, target = union_of_subspaces(n_per_subspace=40)
    with_zero = np.insert(X, 39, 0.0, axis=0)
    ssc, without = lasso().fit(with_zero), lasso().fit(X)
    assert ssc.affinity_matrix_[[39], :].nnz == 0
    labels = np.delete(ssc.labels_, 39)
    assert clustering_accuracy(target, labels) > 0.95
    # Nor do they set mu.
    codes = np.delete(ssc.representation_.toarray(), 39, axis=0)
    np.testing.assert_allclose(
        np.delete(codes, 39, axis=1), without.representation_.toarray(), atol=1e-4
    )


@few_points_may_differ
@pytest.mark.parametrize(
    "X", [np.zeros((12, 3)), np.ones((12, 3)), np.eye(12), np.ones((12, 1))]
)
def test_data_without_any_structure(X):
    ssc = lasso().fit(X)
    assert set(ssc.labels_) <= {0, 1, 2}
    assert np.isfinite(ssc.affinity_matrix_.data).all()


def test_rounding_errors_are_no_correlations():
    # The last row is orthogonal to all others, but for rounding: mu must not be 1e-17.
    X = np.zeros((30, 20))
    X[:29, :19] = np.random.RandomState(0).normal(size=(29, 19))
    X[29, 19] = 1.0
    rotation, _ = np.linalg.qr(np.random.RandomState(1).normal(size=(20, 20)))
    codes = lasso().fit(X @ rotation).representation_.toarray()
    assert (codes[29] == 0.0).all()
    assert (codes[:, 29] == 0.0).all()
    without = lasso().fit(X[:29]).representation_.toarray()
    np.testing.assert_allclose(codes[:29, :29], without, atol=1e-3)


def test_smallest_sizes():
    X = np.array([[1.0, 0.0], [1.0, 1.0]])
    ssc = SparseSubspaceClustering(1, method="lasso", random_state=0).fit(X)
    # Each is the other, shrunk: mu = cos(45 degrees), alpha = 20.
    expected = np.sqrt(0.5) * (1.0 - 1.0 / 20.0)
    np.testing.assert_allclose(
        ssc.representation_.toarray(), [[0.0, expected], [expected, 0.0]], rtol=1e-4
    )


def test_same_seed_same_bits():
    X = np.random.RandomState(0).normal(size=(60, 10))
    ssc = lasso(n_rounds=3, dropout=0.5)
    first, second = clone(ssc).fit(X), ssc.fit(X[::-1]).fit(X)
    np.testing.assert_array_equal(first.labels_, second.labels_)
    assert abs(first.representation_ - second.representation_).max() == 0.0
    # The plain method draws nothing for its codes.
    one, two = (lasso().set_params(random_state=seed).fit(X) for seed in (0, 1))
    assert abs(one.representation_ - two.representation_).max() == 0.0


def test_the_global_generator_and_the_data_are_untouched():
    X, _ = union_of_subspaces(20)
    kept = X.copy()
    before = np.random.get_state()  # noqa: NPY002
    SparseSubspaceClustering(3, method="lasso").fit(X)
    after = np.random.get_state()  # noqa: NPY002
    np.testing.assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]
    np.testing.assert_array_equal(X, kept)


def test_unsolved_samples_are_counted(monkeypatch):
    monkeypatch.setattr(self_representation, "_MAX_PASSES", 1)
    X = np.random.RandomState(0).normal(size=(40, 12))
    with pytest.warns(ConvergenceWarning, match="lasso codes of 40 samples") as record:
        lasso().fit(X)
    assert record[0].filename == __file__


@pytest.mark.parametrize("method", ["lars", "OMP", None, 1, ["lasso"]])
def test_wrong_method_is_named(method):
    with pytest.raises(ValueError, match=r"method must be 'omp' or 'lasso', got"):
        SparseSubspaceClustering(2, method=method).fit(np.eye(20))


@pytest.mark.parametrize("method", ["omp", "lasso"])
@pytest.mark.parametrize("alpha", [1.0, 0.5, -1, "a", None, np.nan, np.inf, True])
def test_wrong_alpha_is_named(method, alpha):
    with pytest.raises((TypeError, ValueError), match="alpha"):
        SparseSubspaceClustering(2, method=method, alpha=alpha).fit(np.eye(20))


@pytest.mark.parametrize(
    ("name", "accepted"),
    [("n_rounds", "an integer >= 1"), ("dropout", r"a number in \[0, 1\)")],
)
def test_other_words_than_auto_are_named(name, accepted):
    message = f"{name} must be 'auto' or {accepted}, got 'always'"
    with pytest.raises(ValueError, match=message):
        lasso(**{name: "always"}).fit(np.eye(20))
