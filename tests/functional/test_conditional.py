"""Conditional means and variances against the textbook, in double precision."""

import numpy as np
import pytest
import torch

from skmixmate.functional import conditional_means, conditional_variances, smoother

NOISE = 0.1


@pytest.fixture
def gaussian():
    """Basis, covariance of the coordinates, samples and where they are observed."""
    generator = torch.Generator().manual_seed(0)
    draw = {"generator": generator, "dtype": torch.float64}
    basis = torch.linalg.qr(torch.randn(12, 5, **draw)).Q
    root = torch.randn(5, 5, **draw)
    covariance = root @ root.T
    X = torch.randn(30, 12, **draw)
    observed = torch.rand(30, 12, **draw) < 0.6
    observed[0], observed[1] = True, False
    return basis, covariance, X, observed


def textbook(basis, covariance, x, observed):
    """Mean and covariance of what is missing of one sample."""
    full = basis @ covariance @ basis.T + NOISE * torch.eye(len(x), dtype=x.dtype)
    o, m = observed, ~observed
    weights = torch.linalg.solve(full[o][:, o], full[o][:, m]).T
    return weights @ x[o], full[m][:, m] - weights @ full[o][:, m]


@pytest.mark.parametrize("with_start", [False, True])
def test_means(gaussian, with_start):
    basis, covariance, X, observed = gaussian
    start = torch.flip(X, [1]) if with_start else None
    found = conditional_means(
        X * observed,
        observed.double(),
        basis,
        smoother(covariance, NOISE),
        start,
        n_iter=40,
    )
    assert (found[observed] == 0.0).all()
    for x, seen, means in zip(X, observed, found, strict=True):
        expected, _ = textbook(basis, covariance, x, seen)
        torch.testing.assert_close(means[~seen], expected, rtol=1e-8, atol=1e-10)


def test_what_is_missing_does_not_matter_and_rows_are_apart(gaussian):
    basis, covariance, X, observed = gaussian
    arguments = basis, smoother(covariance, NOISE)
    seen = observed.double()
    found = conditional_means(X * seen, seen, *arguments, n_iter=5)
    other = X.clone()
    other[3] = 1e6
    again = conditional_means(other * seen, seen, *arguments, n_iter=5)
    rows = torch.arange(len(X)) != 3
    torch.testing.assert_close(found[rows], again[rows])


def test_variances(gaussian):
    basis, covariance, X, observed = gaussian
    values, vectors = torch.linalg.eigh(covariance)
    factors = basis @ (vectors * values.sqrt())
    specific = torch.full((12,), NOISE, dtype=torch.float64)
    found = conditional_variances(observed.double(), factors, specific)
    for x, seen, variances in zip(X, observed, found, strict=True):
        _, expected = textbook(basis, covariance, x, seen)
        torch.testing.assert_close(variances[~seen], expected.diagonal())


def test_the_smoother_shrinks_each_component():
    covariance = torch.diag(torch.tensor([4.0, 1.0, 0.0]))
    np.testing.assert_allclose(
        smoother(covariance, 1.0), np.diag([0.8, 0.5, 0.0]), atol=1e-7
    )
