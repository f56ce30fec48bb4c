"""What a GPU computes of a start, on the CPU, held to what a CPU does itself."""

import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import kneighbors_graph

from skmixmate import SparseSubspaceClustering
from skmixmate.initializers import (
    copies,
    even,
    on_device,
    self_representation,
    spectral,
    spectral_labelings,
    ssc,
)
from skmixmate.ready import starts
from skmixmate.utils.device import CPU

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
DEVICES = [CPU, pytest.param("cuda", marks=needs_cuda)]


@pytest.fixture
def _as_on_a_gpu(monkeypatch):
    """All takes the forms of a GPU, with tensors on the CPU."""
    for module in (copies, self_representation, spectral, ssc):
        monkeypatch.setattr(module, "is_accelerator", lambda device: True)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:900], y[:900]


def neighbor_graph(X, n_neighbors=10):
    graph = kneighbors_graph(X, n_neighbors)
    return sparse.csr_array(0.5 * (graph + graph.T))


def components(n_each, n_components, degree=8, seed=0):
    """A graph of random parts without edges between them."""
    random_state = np.random.RandomState(seed)
    parts = []
    for _ in range(n_components):
        part = random_state.uniform(size=(n_each, n_each)) < degree / n_each
        parts.append(sparse.csr_array((part | part.T).astype(float)))
    return sparse.csr_array(sparse.block_diag(parts, format="csr"))


def weakly_tied(graph, n_ties=6, seed=1):
    """The same with few edges more: as many eigenvalues near one as it has parts."""
    random_state = np.random.RandomState(seed)
    rows, columns = random_state.randint(graph.shape[0], size=(2, n_ties))
    ties = sparse.csr_array((np.ones(n_ties), (rows, columns)), shape=graph.shape)
    return sparse.csr_array(graph + 0.05 * (ties + ties.T))


def sine_of_largest_angle(vectors, others):
    """Between two subspaces, given by orthonormal columns."""
    return np.linalg.norm(others - vectors @ (vectors.T @ others), ord=2)


GRAPHS = {
    "digits": lambda: neighbor_graph(load_digits(return_X_y=True)[0]),
    "components": lambda: components(120, 7),
    "near-degenerate": lambda: weakly_tied(components(120, 7)),
    "no clusters": lambda: components(800, 1),
    # Isolated nodes are tied to all others alike.
    "isolated": lambda: sparse.csr_array(
        sparse.block_diag([components(300, 2), np.zeros((5, 5))], format="csr")
    ),
}


def eigenpairs(graph, n_components, device=CPU, seed=0):
    return spectral.leading_eigenvectors(
        graph, n_components, 0.01, np.random.RandomState(seed), torch.device(device)
    )


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", GRAPHS)
def test_eigenvectors_are_those_of_scipy(name, device, monkeypatch, request):
    graph = GRAPHS[name]()
    values, vectors = eigenpairs(graph, 11)
    request.getfixturevalue("_as_on_a_gpu")
    # Both would take the dense solver in the end.
    monkeypatch.setattr(spectral.scipy.linalg, "eigh", None)
    found_values, found = eigenpairs(graph, 11, device)
    assert_allclose(found_values, values, atol=1e-8)
    assert_allclose(found.T @ found, np.eye(11), atol=1e-8)
    # The subspaces that a gap separates: within them, any rotation will do.
    n_compared = 0
    for n in range(1, 11):
        if values[n - 1] - values[n] > 1e-3:
            assert sine_of_largest_angle(vectors[:, :n], found[:, :n]) < 1e-5
            n_compared += 1
    assert n_compared > 0


@pytest.mark.usefixtures("_as_on_a_gpu")
def test_more_equal_eigenvalues_than_columns_are_left_to_the_dense_solver():
    graph = sparse.block_diag([np.ones((3, 3)) - np.eye(3)] * 100, format="csr")
    values, vectors = eigenpairs(sparse.csr_array(graph), 8)
    assert_allclose(values[0], 1.0)
    assert_allclose(vectors.T @ vectors, np.eye(8), atol=1e-8)


@pytest.mark.parametrize("device", DEVICES)
def test_draws_of_k_means_are_those_of_scikit_learn(digits, device):
    X, _ = digits
    _, points = eigenpairs(neighbor_graph(X), 12)
    ours, theirs = np.random.RandomState(0), np.random.RandomState(0)
    labels = on_device.k_means_labels(points, 12, 10, ours, torch.device(device))
    expected = KMeans(12, n_init=10, random_state=theirs).fit_predict(points)
    assert adjusted_rand_score(expected, labels) > 0.9
    # Later draws do not depend on the device.
    assert ours.uniform() == theirs.uniform()


def test_fewer_points_than_clusters_warn_as_scikit_learn_does():
    points = np.repeat(np.eye(3), 4, axis=0)
    with pytest.warns(ConvergenceWarning, match=r"distinct clusters \(3\)"):
        on_device.k_means_labels(points, 5, 2, np.random.RandomState(0), CPU)


@pytest.mark.parametrize("device", DEVICES)
def test_neighbors_are_those_of_scikit_learn(device, monkeypatch):
    X = np.random.RandomState(0).standard_normal((400, 20))
    expected = kneighbors_graph(X, 7, mode="distance")
    # In one block, and in several, the last of which is smaller.
    for block_size in (on_device._BLOCK_SIZE, 150 * len(X)):
        monkeypatch.setattr(on_device, "_BLOCK_SIZE", block_size)
        graph = on_device.nearest_neighbors(X, 7, torch.device(device))
        assert_array_equal(graph.indices, expected.indices)
        assert_array_equal(graph.indptr, expected.indptr)
        assert_allclose(graph.data, expected.data)


def test_a_copy_is_a_neighbor_at_distance_zero():
    X = np.random.RandomState(0).standard_normal((50, 5))
    X[40:] = X[:10]
    graph = on_device.nearest_neighbors(X, 3, CPU)
    assert graph.diagonal().sum() == 0.0
    nearest, distances = graph.indices[::3], graph.data[::3]
    assert_array_equal(nearest[:10], np.arange(40, 50))
    assert_array_equal(nearest[40:], np.arange(10))
    assert_array_equal(distances[:10], 0.0)


@pytest.mark.parametrize("device", DEVICES)
def test_energies_under_clusters(digits, device):
    X = digits[0] / np.linalg.norm(digits[0], axis=1, keepdims=True)
    codes = self_representation.omp_representation(X, np.arange(0, 900, 2), 5)
    labels = digits[1].astype(np.intp)
    labels[labels == 3] = 11  # Numbers need not follow one another.
    energies = on_device.ClusterEnergies(X, codes, torch.device(device))(labels)
    assert_allclose(energies, ssc._energies_on_cpu(X, codes)(labels), atol=1e-10)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("largest_gram", [5000, 100])
def test_representations_are_the_same_everywhere(
    digits, device, largest_gram, monkeypatch, request
):
    monkeypatch.setattr(self_representation, "_LARGEST_GRAM", largest_gram)
    X = digits[0] / np.linalg.norm(digits[0], axis=1, keepdims=True)
    kept = np.arange(0, 900, 3)
    expected = self_representation.omp_representation(X, kept, 4)
    request.getfixturevalue("_as_on_a_gpu")
    codes = self_representation.omp_representation(X, kept, 4, torch.device(device))
    assert_allclose(codes.toarray(), expected.toarray(), atol=1e-8)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "start", [starts.any_sizes, starts.least_cut, starts.similar_sizes]
)
def test_starts_are_as_on_a_cpu(digits, device, start, monkeypatch, request):
    X, y = (part[:400] for part in digits)
    monkeypatch.setattr(even, "_MOST_DRAWS", 8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pixels blend.
        expected = start(X, 10, np.random.RandomState(0))
        request.getfixturevalue("_as_on_a_gpu")
        found = start(X, 10, np.random.RandomState(0), torch.device(device))
    assert found.are_of_one_size == expected.are_of_one_size
    scores = [adjusted_rand_score(y, labels[0].labels) for labels in (expected, found)]
    assert scores[1] > scores[0] - 0.1


@pytest.mark.usefixtures("_as_on_a_gpu")
def test_copies_are_told_the_same(digits):
    X = np.concatenate([digits[0][:300], digits[0][:60] + 1e-7])
    with pytest.warns(UserWarning, match="near copies"):
        found = spectral_labelings(X, 10, 0)
    for one in found:
        assert_array_equal(one.labels[300:], one.labels[:60])


@needs_cuda
def test_cuda_gives_the_same_twice(digits):
    X, y = digits
    ssc = SparseSubspaceClustering(10, random_state=0, device="cuda")
    first, second = ssc.fit_predict(X), ssc.fit_predict(X)
    assert_array_equal(first, second)
    on_cpu = ssc.set_params(device="cpu").fit_predict(X)
    assert adjusted_rand_score(y, first) > adjusted_rand_score(y, on_cpu) - 0.1
