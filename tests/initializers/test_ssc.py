"""Sparse subspace clustering: recovery, the plain method, errors, degenerate rows."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import orthogonal_mp
from sklearn.metrics import adjusted_rand_score
from sklearn.utils.validation import check_is_fitted

from skmixmate import SparseSubspaceClustering

# Where eigenvectors leave fewer points than clusters, rounding decides whether k-means
# sees it and says so.
few_points_may_differ = pytest.mark.filterwarnings(
    "ignore:Number of distinct clusters:sklearn.exceptions.ConvergenceWarning"
)


def union_of_subspaces(n_per_subspace=60, n_subspaces=3, dim=4, n_features=30, seed=0):
    random_state = np.random.RandomState(seed)
    X = np.concatenate(
        [
            random_state.normal(size=(n_per_subspace, dim))
            @ random_state.normal(size=(dim, n_features))
            for _ in range(n_subspaces)
        ]
    )
    return X, np.repeat(np.arange(n_subspaces), n_per_subspace)


@pytest.mark.parametrize("params", [{}, {"n_rounds": 1, "dropout": 0}])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_planted_subspaces_are_found(params, dtype):
    X, target = union_of_subspaces(dim=6)
    ssc = SparseSubspaceClustering(3, random_state=0, **params).fit(X.astype(dtype))
    assert adjusted_rand_score(target, ssc.labels_) > 0.95
    # Samples are represented by samples of their own subspace.
    same = target[:, None] == target
    weight = abs(ssc.representation_).toarray()
    assert weight[same].sum() > 0.95 * weight.sum()


@pytest.mark.parametrize("n_nonzero_coefs", [1, 3, 5])
def test_plain_method_is_orthogonal_matching_pursuit(n_nonzero_coefs):
    X = np.random.RandomState(0).normal(size=(40, 12))
    ssc = SparseSubspaceClustering(
        2, n_nonzero_coefs=n_nonzero_coefs, n_rounds=1, dropout=0, random_state=0
    ).fit(X)
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    representation = ssc.representation_.toarray()
    for row in (0, 7, 39):
        others = np.delete(np.arange(40), row)
        expected = np.zeros(40)
        expected[others] = orthogonal_mp(
            X[others].T, X[row], n_nonzero_coefs=n_nonzero_coefs
        )
        np.testing.assert_allclose(representation[row], expected, atol=1e-10)
        assert np.count_nonzero(expected) == n_nonzero_coefs


def test_samples_beyond_the_first_block_are_coded_alike():
    # More samples than a block holds.
    X, _ = union_of_subspaces(n_per_subspace=260, n_subspaces=2, dim=10)
    ssc = SparseSubspaceClustering(2, n_rounds=1, dropout=0, random_state=0).fit(X)
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    others = np.arange(519)
    row = ssc.representation_.toarray()[519]
    expected = orthogonal_mp(X[others].T, X[519], n_nonzero_coefs=5)
    np.testing.assert_allclose(row, [*expected, 0.0], atol=1e-10)


@pytest.mark.parametrize("params", [{}, {"n_rounds": 1, "dropout": 0}])
def test_graph_is_symmetric_nonnegative_and_without_loops(params):
    X = np.random.RandomState(0).normal(size=(50, 10))
    ssc = SparseSubspaceClustering(3, random_state=0, **params).fit(X)
    assert sparse.issparse(ssc.representation_)
    assert sparse.issparse(ssc.affinity_matrix_)
    representation = ssc.representation_.toarray()
    affinity = ssc.affinity_matrix_.toarray()
    assert (np.diag(representation) == 0).all()
    np.testing.assert_array_equal(affinity, affinity.T)
    assert (affinity >= 0).all()
    scaled = np.abs(representation)
    scaled /= scaled.max(axis=1, keepdims=True)
    np.testing.assert_allclose(affinity, scaled + scaled.T)


def test_rounds_average_over_subsets():
    X = np.random.RandomState(0).normal(size=(50, 10))
    one = SparseSubspaceClustering(3, n_rounds=1, dropout=0.8, random_state=0).fit(X)
    ten = SparseSubspaceClustering(3, n_rounds=10, dropout=0.8, random_state=0).fit(X)
    used = np.count_nonzero(abs(one.representation_).toarray().sum(axis=0))
    assert used <= 10
    assert ten.representation_.nnz > one.representation_.nnz
    assert ten.representation_.nnz <= 10 * 5 * 50
    # The mean of equal rounds is each of them.
    plain, twice = (
        SparseSubspaceClustering(3, n_rounds=n, dropout=0, random_state=0).fit(X)
        for n in (1, 2)
    )
    difference = plain.representation_ - twice.representation_
    assert abs(difference).max() < 1e-12


@pytest.mark.parametrize("name", ["n_clusters", "n_nonzero_coefs", "n_rounds"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "a", None])
def test_wrong_counts_are_named(name, value):
    ssc = SparseSubspaceClustering(**{name: value})
    with pytest.raises((TypeError, ValueError), match=name):
        ssc.fit(np.eye(20))


@pytest.mark.parametrize("value", [1.0, -0.1, 2, "a", None, float("nan")])
def test_wrong_dropout_is_named(value):
    with pytest.raises((TypeError, ValueError), match="dropout"):
        SparseSubspaceClustering(2, dropout=value).fit(np.eye(20))


def test_wrong_random_state():
    with pytest.raises(ValueError, match="random_state"):
        SparseSubspaceClustering(2, random_state="a").fit(np.eye(20))


def test_fewer_samples_than_clusters():
    with pytest.raises(ValueError, match=r"n_samples=4 .* n_clusters=5"):
        SparseSubspaceClustering(5).fit(np.eye(4))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (sparse.eye_array(20).tocsr(), "[Ss]parse"),
        (np.where(np.eye(20), np.nan, 1.0), "NaN"),
        (np.where(np.eye(20), np.inf, 1.0), "infinity"),
        (np.ones(20), "1D array"),
        (np.ones((1, 20)), "minimum of 2"),
    ],
)
def test_wrong_data(X, message):
    with pytest.raises((TypeError, ValueError), match=message):
        SparseSubspaceClustering(2).fit(X)


def test_duplicates_and_zero_rows():
    X, target = union_of_subspaces(n_per_subspace=40, n_subspaces=2)
    X[0] = X[1] = X[2]  # the same subspace
    X[39] = 0.0
    ssc = SparseSubspaceClustering(2, random_state=0).fit(X)
    assert np.isfinite(ssc.representation_.data).all()
    assert np.isfinite(ssc.affinity_matrix_.data).all()
    assert adjusted_rand_score(np.delete(target, 39), np.delete(ssc.labels_, 39)) > 0.95
    # A zero row represents nothing and is represented by nothing.
    assert ssc.affinity_matrix_[[39], :].nnz == 0


@few_points_may_differ
@pytest.mark.parametrize("X", [np.zeros((12, 3)), np.ones((12, 3)), np.eye(12)])
def test_data_without_any_structure(X):
    ssc = SparseSubspaceClustering(3, random_state=0)
    labels = ssc.fit_predict(X)
    assert labels.shape == (12,)
    assert set(labels) <= {0, 1, 2}
    assert np.isfinite(ssc.affinity_matrix_.data).all()


@few_points_may_differ
def test_smallest_sizes():
    X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    labels = SparseSubspaceClustering(2, n_nonzero_coefs=50, random_state=0).fit(X)
    assert labels.labels_.shape == (3,)
    labels = SparseSubspaceClustering(1, random_state=0).fit_predict(X[:2])
    np.testing.assert_array_equal(labels, [0, 0])


def test_same_seed_same_bits_and_refit():
    X = np.random.RandomState(0).normal(size=(60, 10))
    ssc = SparseSubspaceClustering(4, random_state=3)
    first = clone(ssc).fit(X)
    second = ssc.fit(X[::-1]).fit(X)
    other = SparseSubspaceClustering(4, random_state=4).fit(X)
    np.testing.assert_array_equal(first.labels_, second.labels_)
    difference = first.representation_ - second.representation_
    assert abs(difference).max() == 0.0
    assert abs(first.representation_ - other.representation_).max() > 0.0


def test_the_global_generator_and_the_data_are_untouched():
    X, _ = union_of_subspaces(20)
    kept = X.copy()
    before = np.random.get_state()  # noqa: NPY002
    SparseSubspaceClustering(3).fit(X)
    after = np.random.get_state()  # noqa: NPY002
    np.testing.assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]
    np.testing.assert_array_equal(X, kept)


def test_scaling_a_sample_changes_nothing():
    X, _ = union_of_subspaces(20)
    scale = 2.0 ** np.random.RandomState(0).randint(-3, 4, size=(60, 1))
    first, second = (
        SparseSubspaceClustering(3, random_state=0).fit(data) for data in (X, X * scale)
    )
    np.testing.assert_array_equal(first.labels_, second.labels_)


def test_feature_names_and_fitted_state():
    ssc = SparseSubspaceClustering(2, random_state=0)
    with pytest.raises(NotFittedError):
        check_is_fitted(ssc)
    X = np.random.RandomState(0).normal(size=(20, 6))
    ssc.fit(pd.DataFrame(X, columns=list("abcdef")))
    assert ssc.n_features_in_ == 6
    assert list(ssc.feature_names_in_) == list("abcdef")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_size_of_a_sample_does_not_matter(dtype):
    X = np.random.RandomState(0).standard_normal((60, 8)).astype(dtype)
    _, largest = np.frexp(np.finfo(dtype).max)
    powers = np.array([largest - 4, 0, 8 - largest])[np.arange(60) % 3]
    first, second = (
        SparseSubspaceClustering(2, random_state=0).fit(A).representation_.toarray()
        for A in (X, np.ldexp(X, powers[:, None]).astype(dtype))
    )
    np.testing.assert_array_equal(first, second)
