"""The two forms of the data term, and the bound of the Lipschitz constant."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skmixmate.functional import (
    lipschitz_constant,
    masked_term,
    residual_term,
)

quick = settings(max_examples=50)
sizes = st.integers(1, 6)
seeds = st.integers(0, 2**32 - 1)


def close(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)


def problem(seed, n_clusters=2, n_samples=3, n_atoms=4, n_features=5):
    """Samples, dictionaries, codes and a step for each cluster."""
    generator = torch.Generator().manual_seed(seed)

    def randn(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    X = randn(n_samples, n_features)
    D = randn(n_clusters, n_atoms, n_features)
    codes = randn(n_clusters, n_samples, n_atoms)
    step = 0.01 + randn(n_clusters, 1, 1).abs()
    return X, D, codes, step


shapes = st.tuples(seeds, sizes, sizes, sizes, sizes)


@quick
@given(shapes)
def test_residual_form_by_its_definition(shape):
    X, D, codes, step = problem(*shape)
    term = residual_term(X, D, step)
    stepped, value = term.gradient_step(codes), term.value(codes)
    for k in range(len(D)):
        for b in range(len(X)):
            x, d, z, eta = (t.numpy() for t in (X[b], D[k], codes[k, b], step[k, 0]))
            # In units of the step: W / eta - grad(W), with W = eta * z.
            expected = z - d @ (d.T @ (eta * z) - x)
            np.testing.assert_allclose(stepped[k, b], expected, rtol=1e-10, atol=1e-10)
            expected = sum((x - z @ d) ** 2)
            np.testing.assert_allclose(value[k, b], expected, rtol=1e-10)


@quick
@given(shapes)
def test_gradient_step_descends_half_the_value(shape):
    X, D, codes, step = problem(*shape)
    W = (step * codes).requires_grad_()
    term = residual_term(X, D, step)
    (gradient,) = torch.autograd.grad(0.5 * term.value(W).sum(), W)
    close(step * term.gradient_step(codes), W - step * gradient)


@quick
@given(shapes)
def test_full_mask_equals_complete_form(shape):
    X, D, codes, step = problem(*shape)
    reference = residual_term(X, D, step)
    term = masked_term(X, D, step, torch.ones_like(X))
    close(term.gradient_step(codes), reference.gradient_step(codes))
    close(term.value(codes), reference.value(codes))


@quick
@given(shapes, st.data())
def test_mask_equals_deletion_of_columns(shape, data):
    X, D, codes, step = problem(*shape)
    n_features = X.shape[1]
    kept = st.lists(st.booleans(), min_size=n_features, max_size=n_features)
    kept = torch.tensor(data.draw(kept))
    observed = kept.to(X.dtype).expand_as(X)
    reference = residual_term(X[:, kept], D[:, :, kept], step)
    term = masked_term(X, D, step, observed)
    close(term.gradient_step(codes), reference.gradient_step(codes))
    close(term.value(codes), reference.value(codes))


@quick
@given(shapes, st.floats(-1e6, 1e6))
def test_values_under_the_mask_do_not_matter(shape, filling):
    X, D, codes, step = problem(*shape)
    generator = torch.Generator().manual_seed(shape[0])
    observed = (torch.rand(X.shape, generator=generator) < 0.5).to(X.dtype)
    term = masked_term(X, D, step, observed)
    filled = masked_term(X.where(observed == 1, filling), D, step, observed)
    assert torch.equal(term.gradient_step(codes), filled.gradient_step(codes))
    assert torch.equal(term.value(codes), filled.value(codes))


def gram_matrices(seed, n_atoms, rank, scale, dtype):
    rng = np.random.default_rng(seed)
    factors = rng.standard_normal((3, n_atoms, rank))
    gram = factors @ factors.swapaxes(1, 2)
    gram *= scale / np.trace(gram, axis1=1, axis2=2)[:, None, None]
    return torch.tensor(gram, dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_squarings", [0, 2, 6])
@quick
@given(
    seed=seeds,
    n_atoms=st.integers(1, 40),
    rank=st.integers(1, 40),
    exponent=st.floats(-30, 30),
)
def test_lipschitz_constant_is_a_tight_bound(
    dtype, n_squarings, seed, n_atoms, rank, exponent
):
    gram = gram_matrices(seed, n_atoms, rank, 10.0**exponent, dtype)
    bound = lipschitz_constant(gram, n_squarings).double()
    largest = torch.linalg.eigvalsh(gram.double())[:, -1]
    # The reference in float64 has a rounding error of its own.
    assert (bound >= largest * (1 - 1e-14)).all()
    slack = 1 + 256 * torch.finfo(dtype).eps
    assert (bound <= largest * n_atoms ** (0.5**n_squarings) * slack).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [0.0, 1e-44])
def test_lipschitz_constant_of_nothing_is_positive_with_a_finite_inverse(dtype, scale):
    gram = torch.eye(5, dtype=dtype)[None] * scale
    bound = lipschitz_constant(gram)
    assert bound.dtype == dtype
    assert (bound >= scale).all()
    assert (bound > 0).all()
    assert bound.reciprocal().isfinite().all()


def test_lipschitz_constant_reaches_its_worst_case():
    identity = torch.eye(7, dtype=torch.float64)[None]
    bound = lipschitz_constant(identity).item()
    assert bound == pytest.approx(7 ** (1 / 64), rel=1e-12)


def test_lipschitz_constant_of_each_matrix_separately():
    gram = gram_matrices(0, 6, 6, 1.0, torch.float64)
    gram[1] = 0.0
    gram[2] *= 1e8
    together = lipschitz_constant(gram)
    alone = torch.cat([lipschitz_constant(one[None]) for one in gram])
    close(together, alone)


def test_no_gradient_flows_through_the_lipschitz_constant():
    D = torch.eye(3, dtype=torch.float64)[None].requires_grad_()
    assert not lipschitz_constant(D @ D.mT).requires_grad
