"""Spectral clustering: known partitions, both eigensolvers, degenerate graphs."""

import numpy as np
import pytest
import scipy.linalg
from scipy import sparse
from scipy.sparse.linalg import ArpackNoConvergence
from sklearn.cluster import SpectralClustering
from sklearn.datasets import load_digits, make_moons
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import kneighbors_graph

from skmixmate.initializers import (
    first_atoms,
    spectral,
    spectral_clustering_labels,
    spectral_labelings,
    spectral_labels,
)
from skmixmate.metrics import clustering_accuracy

from .test_ssc import few_points_may_differ


def planted_partition(n_nodes, n_clusters, inside, outside, seed=0):
    """Random graph whose edges are more frequent inside clusters."""
    random_state = np.random.RandomState(seed)
    target = np.arange(n_nodes) % n_clusters
    probability = np.where(target[:, None] == target, inside, outside)
    upper = np.triu(random_state.uniform(size=(n_nodes, n_nodes)) < probability, 1)
    return (upper | upper.T).astype(float), target


@pytest.mark.parametrize("as_graph", [np.asarray, sparse.csr_array])
def test_disconnected_components_are_the_clusters(as_graph):
    # A complete graph, a ring and a path, of different sizes.
    complete = np.ones((20, 20)) - np.eye(20)
    path = np.eye(12, k=1) + np.eye(12, k=-1)
    ring = np.roll(np.eye(15), 1, axis=1) + np.roll(np.eye(15), -1, axis=1)
    graph = scipy.linalg.block_diag(complete, ring, path)
    labels = spectral_clustering_labels(as_graph(graph), 3, random_state=0)
    target = np.repeat([0, 1, 2], [20, 15, 12])
    assert adjusted_rand_score(target, labels) == 1.0
    assert set(labels) == {0, 1, 2}


@pytest.mark.parametrize("n_nodes", [150, 400])  # the dense solver, ARPACK
def test_planted_partition_is_found(n_nodes):
    graph, target = planted_partition(n_nodes, 4, inside=0.3, outside=0.03)
    labels = spectral_clustering_labels(sparse.csr_array(graph), 4, random_state=0)
    assert adjusted_rand_score(target, labels) > 0.95


@pytest.mark.filterwarnings("ignore:Graph is not fully connected")
def test_moons_are_clustered_as_by_sklearn():
    X, target = make_moons(300, noise=0.05, random_state=0)
    reference = SpectralClustering(
        2, affinity="nearest_neighbors", n_neighbors=10, random_state=0
    ).fit_predict(X)
    labels = spectral_labels(X, 2, random_state=0)
    assert adjusted_rand_score(reference, labels) > 0.95
    assert adjusted_rand_score(target, labels) > 0.95


def leading_eigenvectors(graph, n_components, seed=0):
    return spectral.leading_eigenvectors(
        graph, n_components, 0.01, np.random.RandomState(seed)
    )


def test_arpack_and_the_dense_solver_agree(monkeypatch):
    graph, _ = planted_partition(300, 3, inside=0.2, outside=0.05)
    calls = []
    eigsh = spectral.eigsh
    monkeypatch.setattr(
        spectral, "eigsh", lambda *args, **kw: calls.append(1) or eigsh(*args, **kw)
    )
    values, vectors = leading_eigenvectors(graph, 5)
    assert calls == [1]
    monkeypatch.setattr(spectral, "_DENSE_SIZE", 300)
    dense_values, dense_vectors = leading_eigenvectors(graph, 5)
    assert calls == [1]
    assert (np.diff(values) <= 0).all()
    np.testing.assert_allclose(values, dense_values, atol=1e-10)
    # Equal up to a rotation of the subspace: all principal angles are zero.
    cosines = np.linalg.svd(vectors.T @ dense_vectors, compute_uv=False)
    np.testing.assert_allclose(cosines, 1.0, atol=1e-8)
    # The eigenvalues here are distinct: each vector up to its sign.
    np.testing.assert_allclose(np.abs((vectors * dense_vectors).sum(0)), 1.0, atol=1e-8)


def test_eigenvectors_are_those_of_the_regularized_graph():
    graph, _ = planted_partition(60, 3, inside=0.4, outside=0.05)
    added = graph + 0.01 / 60
    root = np.sqrt(added.sum(axis=1))
    values, vectors = leading_eigenvectors(graph, 4)
    np.testing.assert_allclose(
        (added / np.outer(root, root)) @ vectors, vectors * values, atol=1e-12
    )
    assert values[0] == pytest.approx(1.0)


def test_without_convergence_the_dense_solver_takes_over(monkeypatch):
    graph, target = planted_partition(300, 3, inside=0.3, outside=0.02)

    def fail(*args, **kwargs):
        raise ArpackNoConvergence("no convergence", np.empty(0), np.empty((300, 0)))

    expected = spectral_clustering_labels(graph, 3, random_state=0)
    monkeypatch.setattr(spectral, "eigsh", fail)
    labels = spectral_clustering_labels(graph, 3, random_state=0)
    assert adjusted_rand_score(target, labels) > 0.95
    assert adjusted_rand_score(expected, labels) == 1.0


@pytest.mark.parametrize("n_nodes", [40, 400])
def test_isolated_nodes_do_not_spoil_the_clusters(n_nodes):
    graph, target = planted_partition(n_nodes, 2, inside=0.5, outside=0.01)
    isolated = [0, 1, 7]
    graph[isolated] = graph[:, isolated] = 0.0
    labels = spectral_clustering_labels(sparse.csr_array(graph), 2, random_state=0)
    connected = np.setdiff1d(np.arange(n_nodes), isolated)
    assert adjusted_rand_score(target[connected], labels[connected]) > 0.95
    assert set(labels) <= {0, 1}


@few_points_may_differ
def test_a_graph_without_edges_gets_labels():
    labels = spectral_clustering_labels(np.zeros((30, 30)), 3, random_state=0)
    assert labels.shape == (30,)
    assert set(labels) <= {0, 1, 2}


def test_duplicates_stay_together():
    random_state = np.random.RandomState(0)
    points = np.concatenate(
        [random_state.normal(size=(10, 4)), random_state.normal(size=(10, 4)) + 20.0]
    )
    # Fewer copies than neighbours, so that the copies are no components.
    X = np.repeat(points, 5, axis=0)
    labels = spectral_labels(X, 2, random_state=0)
    assert adjusted_rand_score(np.repeat([0, 1], 50), labels) == 1.0


@pytest.mark.parametrize(("n_samples", "n_clusters"), [(1, 1), (5, 5), (3, 5), (7, 1)])
def test_few_samples_or_one_cluster(n_samples, n_clusters):
    X = np.random.RandomState(0).normal(size=(n_samples, 3))
    for labels in (
        spectral_labels(X, n_clusters, random_state=0),
        spectral_clustering_labels(X @ X.T + 10.0, n_clusters, random_state=0),
    ):
        assert labels.shape == (n_samples,)
        assert len(set(labels)) == min(n_samples, n_clusters)
        assert labels.min() == 0
        assert labels.max() < n_clusters


def test_few_samples_are_not_all_neighbors():
    X = np.array([[0.0], [0.1], [0.2], [5.0], [5.1]])
    labels = spectral_labels(X, 2, random_state=0)
    assert adjusted_rand_score([0, 0, 0, 1, 1], labels) == 1.0


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_digits_are_found(seed):
    X, target = load_digits(return_X_y=True)
    labels = spectral_labels(X, 10, random_state=seed)
    assert clustering_accuracy(target, labels) >= 0.90


@pytest.mark.parametrize("n_nodes", [100, 300])
def test_same_seed_same_labels(n_nodes):
    # No structure, so that another seed finds other clusters.
    graph, _ = planted_partition(n_nodes, 1, inside=0.1, outside=0.1)
    first, second, other = (
        spectral_clustering_labels(graph, 6, random_state=seed) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


@pytest.mark.parametrize("n_samples", [50, 300])
def test_the_global_generator_is_untouched(n_samples):
    X, _ = make_moons(n_samples, noise=0.05, random_state=0)
    graph = kneighbors_graph(X, 5)
    before = np.random.get_state()  # noqa: NPY002
    spectral_labels(X, 2)
    spectral_clustering_labels(graph + graph.T, 2)
    after = np.random.get_state()  # noqa: NPY002
    np.testing.assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_two_moons_take_two_eigenvectors(seed):
    X, y = make_moons(300, noise=0.08, random_state=seed)
    assert adjusted_rand_score(y, spectral_labels(X, 2, seed)) > 0.6


def test_a_common_offset_changes_nothing():
    X, _ = load_digits(return_X_y=True)
    X = X[:500]
    labels = spectral_labels(X, 10, random_state=0)
    # Whole numbers, so that adding rounds nothing.
    for offset in (3e8, -1.7e9, 1e9 * (np.arange(64) % 3)):
        np.testing.assert_array_equal(labels, spectral_labels(X + offset, 10, 0))
    moved = (X + 1e4).astype(np.float32)
    np.testing.assert_array_equal(labels, spectral_labels(moved, 10, 0))


@pytest.mark.parametrize("value", [1e3, 1e5, 1e12])
def test_an_extreme_row_leaves_the_others_their_labels(value):
    X, target = load_digits(return_X_y=True)
    X, target = X[:600], target[:600]
    alone = clustering_accuracy(target, spectral_labels(X, 10, random_state=0))
    for offset in (0.0, 3e8):
        A = np.vstack([X, np.full((1, 64), value)]) + offset
        labels = spectral_labels(A, 10, random_state=0)[:-1]
        assert clustering_accuracy(target, labels) > alone - 0.1


def test_arpack_is_given_no_longer_than_the_dense_solver_takes(monkeypatch):
    # So many equal eigenvalues that it may go on for very long.
    calls = []
    eigsh = spectral.eigsh

    def recorded(*args, maxiter, **kwargs):
        calls.append(maxiter)
        return eigsh(*args, maxiter=maxiter, **kwargs)

    monkeypatch.setattr(spectral, "eigsh", recorded)
    graph = sparse.block_diag([np.ones((3, 3)) - np.eye(3)] * 100).toarray()
    labels = spectral_clustering_labels(graph, 10, random_state=0)
    assert labels.shape == (300,)
    # SciPy's default is ten times the number of nodes.
    assert calls[0] <= 300


@pytest.mark.parametrize("apart", [True, False])
def test_more_draws_where_clusters_lie_apart(monkeypatch, apart):
    random_state = np.random.RandomState(0)
    X = random_state.normal(size=(1000, 10))
    if apart:
        X += 20.0 * random_state.normal(size=(8, 10))[np.arange(1000) % 8]
    draws, clusters_of_eigenvectors = [], spectral.clusters_of_eigenvectors

    def recorded(*args, n_init, **options):
        draws.append(n_init)
        return clusters_of_eigenvectors(*args, n_init=n_init, **options)

    plain = spectral_labelings(X, 8, 0)
    assert (plain.blending < 0.45) == apart
    monkeypatch.setattr(spectral, "clusters_of_eigenvectors", recorded)
    found = spectral_labelings(X, 8, 0, n_init_apart=30)
    assert draws.count(30) == (3 if apart else 0)
    if not apart:
        assert len(found) == len(plain)
        for one, other in zip(found, plain, strict=True):
            np.testing.assert_array_equal(one.labels, other.labels)


@pytest.mark.parametrize("classes", [(0, 1, 4), (1, 4, 5, 6), (3, 4, 8, 9)])
def test_a_few_equal_classes_are_not_taken_for_unequal_ones(classes):
    # Merging joins two and halves a third, which is a large error of so few.
    X, y = load_digits(return_X_y=True)
    assert not spectral_labelings(X[np.isin(y, classes)], len(classes), 0).sizes_differ


def test_unequal_clusters_say_so():
    random_state = np.random.RandomState(0)
    y = np.repeat(np.arange(6), [500, 60, 60, 50, 40, 40])
    X = 8.0 * random_state.normal(size=(6, 10))[y]
    X += random_state.normal(size=X.shape)
    assert spectral_labelings(X, 6, 0).sizes_differ


def test_the_start_of_a_mixture_takes_more_draws(monkeypatch):
    random_state = np.random.RandomState(0)
    X = random_state.normal(size=(1000, 10))
    X += 20.0 * random_state.normal(size=(8, 10))[np.arange(1000) % 8]
    draws, clusters_of_eigenvectors = [], spectral.clusters_of_eigenvectors

    def recorded(*args, n_init, **options):
        draws.append(n_init)
        return clusters_of_eigenvectors(*args, n_init=n_init, **options)

    monkeypatch.setattr(spectral, "clusters_of_eigenvectors", recorded)
    first_atoms("spectral", X, 8, 2, np.random.RandomState(0))
    assert draws.count(50) == 3
