"""Copies of samples, exact and near: told from data that have none."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris, make_blobs, make_moons
from sklearn.metrics import adjusted_rand_score

from skmixmate import MixMateClustering, SparseSubspaceClustering
from skmixmate.initializers import InitializationWarning, spectral_labels
from skmixmate.initializers.copies import distinct_rows, distinct_samples
from skmixmate.metrics import clustering_accuracy

# Where data have no structure, rounding decides whether k-means finds fewer clusters.
pytestmark = pytest.mark.filterwarnings("ignore:Number of distinct clusters")


def ssc_labels(X, n_clusters, random_state):
    ssc = SparseSubspaceClustering(n_clusters, random_state=random_state)
    return ssc.fit_predict(X)


def digits(n_samples=240):
    X, target = load_digits(return_X_y=True)
    return X[:n_samples], target[:n_samples]


def repeated(X, n_times, noise=0.0, dtype=np.float64):
    A = np.repeat(X, n_times, axis=0)
    A = A + noise * np.random.RandomState(0).standard_normal(A.shape)
    return A.astype(dtype)


START = [spectral_labels, ssc_labels]


@pytest.mark.parametrize("start", START)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_times", [2, 12])
def test_copies_follow_their_row(start, n_times, dtype):
    X, _ = digits()
    X = X.astype(dtype)
    labels = start(X, 10, 0)
    order = np.random.RandomState(0).permutation(240 * n_times)
    found = start(repeated(X, n_times, dtype=dtype), 10, 0)
    np.testing.assert_array_equal(found, np.repeat(labels, n_times))
    # In any order, other rows come first, and lead to other draws.
    found = start(np.repeat(X, n_times, axis=0)[order], 10, 0)
    for row in range(0, 240, 40):
        assert len(set(found[order // n_times == row])) == 1


@pytest.mark.parametrize("start", START)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n_times", "noise"), [(2, 1e-6), (12, 1e-6), (12, 1e-3)])
def test_near_copies_follow_their_row_and_are_told_of(start, n_times, noise, dtype):
    X, target = digits()
    alone = clustering_accuracy(target, start(X, 10, 0))
    A = repeated(X, n_times, noise, dtype)
    with pytest.warns(InitializationWarning, match="samples are near copies") as caught:
        labels = start(A, 10, 0)
    assert len(caught) == 1
    accuracy = clustering_accuracy(np.repeat(target, n_times), labels)
    assert accuracy > alone - 0.1
    # Five images have a twin closer than any noise.
    same = labels.reshape(240, n_times) == labels[::n_times, None]
    assert same.all(axis=1).sum() >= 235


@pytest.mark.parametrize("scale", [1.0, 1e-140, 1e150])
def test_near_copies_in_any_unit(scale):
    X = scale * repeated(digits(200)[0], 3, 1e-6)
    with pytest.warns(InitializationWarning, match="400 of 600 different"):
        rows, copy_of, _ = distinct_samples(X, 10)
    np.testing.assert_array_equal(rows, np.arange(0, 600, 3))
    np.testing.assert_array_equal(copy_of, np.repeat(np.arange(200), 3))


def test_a_few_rows_with_many_copies():
    X, target = digits(600)
    few = np.random.RandomState(0).choice(600, 40, replace=False)
    for start in START:
        alone = clustering_accuracy(target, start(X, 10, 0))
        labels = start(np.vstack([X, np.repeat(X[few], 20, axis=0)]), 10, 0)
        assert clustering_accuracy(target, labels[:600]) > alone - 0.1
        np.testing.assert_array_equal(labels[600:], np.repeat(labels[few], 20))


def test_half_of_the_rows_are_one():
    # Which may be a cluster of its own: it stays as large as it is.
    X, target = digits(400)
    A = np.vstack([X, np.zeros_like(X)])
    rows, _, _ = distinct_samples(A, 10)
    assert len(rows) == 800
    for start in START:
        labels = start(A, 11, 0)
        assert clustering_accuracy(target, labels[:400]) > 0.7
        assert len(set(labels[400:])) == 1


CLEAN = {
    "digits": (digits(500)[0], 10),
    "iris": (load_iris().data, 3),  # one row twice
    "line": (make_blobs(400, n_features=1, centers=3, random_state=0)[0], 3),
    "tight blobs": (
        make_blobs(400, n_features=2, centers=5, cluster_std=1e-4, random_state=0)[0],
        5,
    ),
    "curves": (make_moons(400, random_state=0)[0], 2),
    "grid": (np.indices((20, 20)).reshape(2, -1).T.astype(float), 4),
    "bits": (np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1) * 1.0, 4),
    "heavy tails": (np.exp(3 * np.random.RandomState(0).normal(size=(400, 3))), 4),
    "extreme rows": (
        np.random.RandomState(0).normal(size=(400, 3))
        * np.where(np.arange(400) < 5, 1e6, 1.0)[:, None],
        3,
    ),
    "two densities": (
        np.random.RandomState(0).normal(size=(400, 3))
        * np.where(np.arange(400) < 150, 1e-4, 1.0)[:, None],
        2,
    ),
    "one value": (np.ones((50, 3)), 4),
    "fewer than clusters": (np.repeat(np.eye(3), 10, axis=0), 4),
}


@pytest.mark.parametrize("name", CLEAN)
def test_other_data_stay_as_they_are(name):
    X, n_clusters = CLEAN[name]
    rows, copy_of, graph = distinct_samples(X, n_clusters)
    np.testing.assert_array_equal(rows, np.arange(len(X)))
    np.testing.assert_array_equal(copy_of, np.arange(len(X)))
    assert graph.shape == (len(X), len(X))
    assert spectral_labels(X, n_clusters, random_state=0).shape == (len(X),)


def test_chains_of_close_rows_are_no_copies():
    # Circles, far apart, of rows that are close to two others each.
    angles = np.linspace(0, 2 * np.pi, 50, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    offsets = 100.0 * np.arange(8)[:, None, None]
    X = (circle + offsets).reshape(400, 2)
    rows, _, _ = distinct_samples(X, 2, n_neighbors=2)
    assert len(rows) == 400


def test_numbers_near_the_largest_of_single_precision():
    X = np.random.RandomState(0).uniform(-3e38, 3e38, (100, 5)).astype(np.float32)
    rows, _, _ = distinct_samples(X, 4)
    assert len(rows) == 100


def test_negative_zeros_are_zeros():
    X = digits(100)[0]
    A = np.vstack([X, np.where(X == 0, -0.0, X)])
    rows, copy_of, _ = distinct_samples(A, 5)
    np.testing.assert_array_equal(rows, np.arange(100))
    np.testing.assert_array_equal(copy_of, np.tile(np.arange(100), 2))


def test_multiples_are_copies_of_one_direction():
    X, _ = digits(200)
    alone = SparseSubspaceClustering(10, random_state=0).fit(X)
    factors = np.array([1.0, 3.0, -1.0, -0.7])
    A = np.einsum("f,ij->ifj", factors, X).reshape(800, 64)
    ssc = SparseSubspaceClustering(10, random_state=0).fit(A)
    np.testing.assert_array_equal(ssc.labels_, np.repeat(alone.labels_, 4))
    # No copy represents any; each is represented as the first, but for the sign.
    C = ssc.representation_.toarray()
    np.testing.assert_allclose(C[::4, ::4], alone.representation_.toarray())
    assert not C[:, np.arange(800) % 4 > 0].any()
    for copy, sign in ((1, 1), (2, -1), (3, -1)):
        np.testing.assert_array_equal(C[copy::4], sign * C[::4])
    affinity = ssc.affinity_matrix_.toarray()
    np.testing.assert_array_equal(affinity, affinity.T)
    assert not affinity.diagonal().any()


def test_lines_are_subspaces_not_copies():
    random_state = np.random.RandomState(0)
    lines = random_state.normal(size=(4, 20))
    X = np.concatenate([random_state.normal(size=(30, 1)) * line for line in lines])
    labels = SparseSubspaceClustering(4, random_state=0).fit_predict(X)
    assert adjusted_rand_score(np.repeat(np.arange(4), 30), labels) == 1.0


def test_mixmate_survives_copies():
    X, target = make_blobs(120, n_features=10, centers=4, random_state=0)
    model = MixMateClustering(4, n_atoms=5, max_iter=2, random_state=0)
    labels = model.fit_predict(repeated(X, 12))
    assert clustering_accuracy(np.repeat(target, 12), labels) == 1.0


@pytest.mark.parametrize(("n_large", "n_small"), [(1800, 200), (900, 100), (920, 80)])
def test_a_small_cluster_far_away_is_not_copies(n_large, n_small):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((n_large + n_small, 4))
    X[n_large:] += 40.0
    target = np.arange(len(X)) >= n_large
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        labels = spectral_labels(X, 2, 0)
    assert adjusted_rand_score(target, labels) == 1.0


@pytest.mark.parametrize("noise", [None, 0.0, 1e-6, 1e-3])
@pytest.mark.filterwarnings("ignore:.*near copies:UserWarning")
def test_rows_are_the_same_with_and_without_the_graph(noise):
    """Where nothing looks like near copies, the neighbours of all are not searched."""
    X, _ = load_digits(return_X_y=True)
    X = X[:200]
    if noise is not None:
        rng = np.random.RandomState(0)
        X = np.repeat(X, 4, axis=0)
        X = X + noise * rng.standard_normal(X.shape)
    rows, copy_of, _ = distinct_samples(X, 10)
    found = distinct_rows(X, 10)
    np.testing.assert_array_equal(found[0], rows)
    np.testing.assert_array_equal(found[1], copy_of)
    assert len(rows) == 200
