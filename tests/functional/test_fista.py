"""The encoder against scikit-learn's Lasso, its convergence bound and eq. 4."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Lasso

from skmixmate.functional import (
    fista,
    lipschitz_constant,
    masked_term,
    nonnegative_soft_threshold,
    residual_term,
    soft_threshold,
)
from skmixmate.modules import DictionaryMixture

PROX = {False: soft_threshold, True: nonnegative_soft_threshold}
either_sign = pytest.mark.parametrize("nonnegative", [False, True])


def problem(seed, n_clusters=2, n_samples=4, n_atoms=5, n_features=8, common=0.0):
    """Unit-norm dictionaries; ``common`` correlates their atoms."""
    generator = torch.Generator().manual_seed(seed)

    def randn(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    D = randn(n_clusters, n_atoms, n_features) + common * randn(1, 1, n_features)
    D = D / D.norm(dim=-1, keepdim=True)
    return 2.0 * randn(n_samples, n_features), D


def encode(X, D, alpha, n_iter, nonnegative=False):
    """Codes and the Lipschitz bound, (K,), with the step that follows from it."""
    gram = D @ D.mT
    bound = lipschitz_constant(gram)
    step = bound.reciprocal()[:, None, None]
    start = X.new_zeros((len(D), len(X), D.shape[1]))
    codes = step * fista(
        residual_term(X, D, step).gradient_step,
        lambda V: PROX[nonnegative](V, alpha),
        start,
        n_iter,
    )
    return codes, bound


def lasso(X, D, alpha, nonnegative=False):
    """scikit-learn's solution; its Lasso divides the squares by 2 n_features."""
    model = Lasso(
        alpha / X.shape[1],
        fit_intercept=False,
        tol=1e-14,
        max_iter=100_000,
        positive=nonnegative,
    )
    codes = [[model.fit(d.T, x).coef_.copy() for x in X.numpy()] for d in D.numpy()]
    return torch.tensor(np.array(codes))


def objective(X, D, codes, alpha):
    return 0.5 * (X - codes @ D).square().sum(-1) + alpha * codes.abs().sum(-1)


def textbook_fista(x, A, lam, step, n_iter):
    """Eq. 4 of MixMate, letter by letter: one sample, atoms as columns of A."""
    alpha, beta, t = np.zeros(A.shape[1]), np.zeros(A.shape[1]), 1.0
    for _ in range(n_iter):
        previous, t_previous = alpha, t
        moved = beta + step * A.T @ (x - A @ beta)
        alpha = np.array(
            [math.copysign(max(abs(m) - step * lam, 0.0), m) for m in moved]
        )
        t = 0.5 * (1.0 + math.sqrt(1.0 + 4.0 * t_previous**2))
        beta = alpha + (t_previous - 1.0) / t * (alpha - previous)
    return alpha


@either_sign
@pytest.mark.parametrize("alpha", [0.1, 0.75])
def test_converges_to_the_lasso(nonnegative, alpha):
    X, D = problem(seed=0)
    codes, _ = encode(X, D, alpha, 3000, nonnegative)
    expected = lasso(X, D, alpha, nonnegative)
    assert (expected != 0).any()
    assert (expected == 0).any()
    torch.testing.assert_close(codes, expected, rtol=1e-8, atol=1e-8)


@either_sign
@pytest.mark.parametrize("common", [0.0, 3.0])
def test_objective_is_within_the_bound_of_fista(nonnegative, common):
    """``F(z_l) - F(z*) <= 2 L ||z*||^2 / (l + 1)^2`` (Beck and Teboulle)."""
    X, D = problem(seed=1, common=common)
    best = lasso(X, D, 0.3, nonnegative)
    lowest = objective(X, D, best, 0.3)
    for n_iter in range(1, 60):
        codes, bound = encode(X, D, 0.3, n_iter, nonnegative)
        gap = objective(X, D, codes, 0.3) - lowest
        allowed = 2 * bound[:, None] * best.square().sum(-1) / (n_iter + 1) ** 2
        assert (gap >= -1e-9).all()
        assert (gap <= allowed + 1e-9).all()


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_iter=st.integers(1, 20),
    step_size=st.sampled_from([0.04, "auto"]),
    form=st.sampled_from(["gram", "residual"]),
)
def test_codes_of_the_module_are_those_of_the_paper(seed, n_iter, step_size, form):
    X, D = problem(seed, n_clusters=3)
    module = DictionaryMixture(
        D, alpha=0.4, n_fista_iter=n_iter, step_size=step_size, form=form
    )
    codes = module(X).codes.detach().numpy()
    steps = [0.04] * 3
    if step_size == "auto":
        steps = (1 / lipschitz_constant(D @ D.mT)).tolist()
        assert len(set(steps)) == 3
    for k, step in enumerate(steps):
        for b, x in enumerate(X.numpy()):
            expected = textbook_fista(x, D[k].numpy().T, 0.4, step, n_iter)
            np.testing.assert_allclose(codes[k, b], expected, rtol=1e-10, atol=1e-10)


def correlated_problem():
    """Sixty atoms that are nearly one: the Lipschitz constant is nearly sixty."""
    X, D = problem(seed=2, n_atoms=60, n_features=30, common=30.0)
    assert (torch.linalg.eigvalsh(D @ D.mT)[:, -1] > 55).all()
    return X, D


@pytest.mark.parametrize("form", ["auto", "residual"])
@pytest.mark.parametrize("masked", [False, True])
def test_automatic_step_never_diverges(form, masked):
    X, D = correlated_problem()
    module = DictionaryMixture(D, alpha=0.1, n_fista_iter=500, form=form)
    observed = None
    if masked:
        observed = torch.ones_like(X)
        observed[:, ::3] = 0.0
        X = X * observed
    codes = module(X, observed).codes.detach()
    reconstruction = codes @ D
    if masked:
        reconstruction = reconstruction * observed
    value = 0.5 * (X - reconstruction).square().sum(-1) + 0.1 * codes.abs().sum(-1)
    # FISTA is not monotone, but it is below its start, the zero code, by far.
    assert (value <= 0.5 * X.square().sum(-1) + 1e-9).all()


def test_the_step_of_the_paper_diverges_on_correlated_atoms():
    X, D = correlated_problem()
    module = DictionaryMixture(D, alpha=0.1, n_fista_iter=100, step_size=0.04)
    assert module(X).codes.abs().max() > 1e10


def test_number_of_iterations():
    calls = []
    start = torch.ones(1, 2, 3)
    for n_iter in (0, 1, 4):
        calls.clear()
        codes = fista(lambda U: U + 1, lambda V: calls.append(V) or V, start, n_iter)
        assert len(calls) == n_iter
        if n_iter == 0:
            assert torch.equal(codes, start)
        elif n_iter == 1:
            assert torch.equal(codes, start + 1)


def test_start_at_the_solution_stays_there():
    X, D = problem(seed=3)
    step = torch.full((2, 1, 1), 0.1, dtype=torch.float64)
    solution = lasso(X, D, 0.5)
    codes = step * fista(
        residual_term(X, D, step).gradient_step,
        lambda V: soft_threshold(V, 0.5),
        solution / step,
        10,
    )
    torch.testing.assert_close(codes, solution, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("form", ["residual", "masked"])
def test_no_start_is_zero(form):
    X, D = problem(seed=4)
    step = torch.full((2, 1, 1), 0.1, dtype=torch.float64)
    observed = (torch.arange(X.numel()).reshape(X.shape) % 3 > 0).double()
    term = {
        "residual": lambda: residual_term(X, D, step),
        "masked": lambda: masked_term(X, D, step, observed),
    }[form]()
    zero = X.new_zeros((len(D), len(X), D.shape[1]))
    from_none, from_zero = (
        fista(term.gradient_step, lambda V: soft_threshold(V, 0.1), start, 7)
        for start in (None, zero)
    )
    torch.testing.assert_close(from_none, from_zero, rtol=1e-12, atol=1e-12)
