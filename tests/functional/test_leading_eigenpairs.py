"""Filtered subspace iteration, held to SciPy's Lanczos method and to LAPACK."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy.sparse.linalg import eigsh

from skmixmate.functional.leading_eigenpairs import block_size, leading_eigenpairs


def symmetric(eigenvalues, seed=0):
    """A matrix with these eigenvalues, (n, n), and its eigenvectors as columns."""
    n = len(eigenvalues)
    normal = np.random.RandomState(seed).standard_normal((n, n))
    vectors, _ = np.linalg.qr(normal)
    return (vectors * eigenvalues) @ vectors.T, vectors


def found(matrix, n_components, **options):
    n = len(matrix)
    A = torch.from_numpy(matrix)
    start = np.random.RandomState(1).standard_normal((n, block_size(n_components, n)))
    return leading_eigenpairs(
        lambda V: A @ V, torch.from_numpy(start), n_components, **options
    )


def sine_of_largest_angle(vectors, others):
    """Between two subspaces, given by orthonormal columns."""
    return np.linalg.norm(others - vectors @ (vectors.T @ others), ord=2)


SPECTRA = {
    "spread": np.linspace(-1.0, 1.0, 200),
    "close": np.r_[1.0 - 1e-4 * np.arange(8), np.linspace(-0.3, 0.99, 292)],
    "equal": np.r_[np.ones(6), np.linspace(-0.9, 0.8, 194)],
    "negative": np.linspace(-1.0, -0.2, 120),
    "near zero": np.r_[1.0, 0.9, np.zeros(118)],
}


@pytest.mark.parametrize("name", SPECTRA)
def test_eigenpairs_are_those_of_scipy(name):
    eigenvalues = np.sort(SPECTRA[name])
    matrix, exact = symmetric(eigenvalues)
    n_components = 2 if name == "near zero" else 6
    values, vectors = (part.numpy() for part in found(matrix, n_components))
    assert_allclose(values, eigenvalues[: -n_components - 1 : -1], atol=1e-10)
    expected = exact[:, -n_components:]
    # A single vector's products may miss some of equal eigenvalues.
    if name != "equal":
        start = np.random.RandomState(2).uniform(size=len(matrix))
        expected_values, expected = eigsh(matrix, n_components, which="LA", v0=start)
        assert_allclose(values, expected_values[::-1], atol=1e-10)
    assert_allclose(vectors.T @ vectors, np.eye(n_components), atol=1e-10)
    assert sine_of_largest_angle(vectors, expected) < 1e-6


def test_residuals_are_within_the_tolerance():
    matrix, _ = symmetric(np.linspace(-1.0, 1.0, 300) ** 3)
    for tol in (1e-4, 1e-10):
        values, vectors = (part.numpy() for part in found(matrix, 5, tol=tol))
        left = np.linalg.norm(matrix @ vectors - vectors * values, axis=0)
        assert left.max() <= tol + 1e-14


def test_without_convergence_there_is_nothing():
    # No product is twice the same: nothing converges.
    generator = torch.Generator().manual_seed(0)
    start = torch.randn((50, 14), dtype=torch.float64, generator=generator)
    noise = torch.randn((50, 50), dtype=torch.float64, generator=generator) / 15.0

    def product(V):
        noise.copy_(noise.roll(1, 0))
        return (noise + noise.T) @ V / 2.0

    assert leading_eigenpairs(product, start, 4) is None


def test_a_block_of_all_vectors_is_exact():
    assert block_size(4, 12) == 12
    matrix, vectors = symmetric(np.linspace(-0.5, 1.0, 12))
    values, same = (part.numpy() for part in found(matrix, 4))
    assert_allclose(values, np.linspace(-0.5, 1.0, 12)[:-5:-1], atol=1e-12)
    assert sine_of_largest_angle(same, vectors[:, -4:]) < 1e-10
