"""`gram_encode` against the plain loop through residuals, gradients included."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skmixmate.functional import (
    Prox,
    fista,
    gram_encode,
    lipschitz_constant,
    residual_term,
)
from skmixmate.penalties import L1, GroupL2, Penalty

seeds = st.integers(0, 2**32 - 1)
few_or_many = pytest.mark.parametrize("few_matter", [False, True])


class Squared(Penalty):
    """Half the squared norm, which is none itself: its prox needs the step."""

    def prox(self, codes, threshold):
        return codes / (1.0 + threshold)

    def value(self, codes):
        return 0.5 * codes.square().sum(-1)


def problem(seed, n_clusters=3, n_samples=10, n_atoms=4, n_features=7):
    """Samples, dictionaries, their Gram matrices and steps."""
    generator = torch.Generator().manual_seed(seed)

    def randn(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    X = randn(n_samples, n_features)
    D = torch.nn.functional.normalize(randn(n_clusters, n_atoms, n_features), dim=-1)
    gram = D @ D.mT
    step = lipschitz_constant(gram).reciprocal()[:, None, None]
    return X, D.requires_grad_(), gram, step


def fast(X, D, gram, step, penalty, n_iter, few_matter=False):
    def threshold(step):
        return 0.1 if penalty.is_norm else step * 0.1

    prox = Prox(
        lambda V, step: penalty.prox(V, threshold(step)),
        lambda grad, V, step: penalty.prox_backward(grad, V, threshold(step)),
    )
    return gram_encode(X, D, gram, step, prox, n_iter, few_matter=few_matter)


def plain(X, D, gram, step, penalty, n_iter, few_matter=False):
    """Codes and squared residuals by `fista` over `residual_term`, and autograd."""
    threshold = 0.1 if penalty.is_norm else step * 0.1
    term = residual_term(X, D, step)
    U = fista(term.gradient_step, lambda V: penalty.prox(V, threshold), None, n_iter)
    return step * U, term.value(step * U)


def values_and_gradient(encode, X, D, *options):
    """With weights of either sign, some of which are zero."""
    codes, squared_residuals = encode(X, D, *options)
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(
        squared_residuals.shape, dtype=X.dtype, generator=generator
    ).clamp(min=-0.5)
    weights = torch.where(weights > 0.2, 0.0, weights)
    directions = torch.randn(codes.shape, dtype=X.dtype, generator=generator)
    total = (weights * (squared_residuals + (codes * directions).sum(-1))).sum()
    return codes, squared_residuals, *torch.autograd.grad(total, D)


@pytest.mark.parametrize(
    "penalty",
    [L1(), L1(nonnegative=True), GroupL2(2), GroupL2(2, nonnegative=True), Squared()],
    ids=repr,
)
@few_or_many
@pytest.mark.parametrize("n_iter", [1, 2, 3, 9])
def test_values_and_gradients_are_those_of_the_plain_loop(penalty, few_matter, n_iter):
    arguments = (*problem(n_iter), penalty, n_iter, few_matter)
    for actual, expected in zip(
        values_and_gradient(fast, *arguments),
        values_and_gradient(plain, *arguments),
        strict=True,
    ):
        torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)


@settings(deadline=None, max_examples=30)
@given(
    seed=seeds,
    n_clusters=st.integers(1, 4),
    n_samples=st.integers(1, 6),
    n_atoms=st.integers(1, 5),
    n_features=st.integers(1, 6),
    few_matter=st.booleans(),
)
def test_every_shape(seed, n_clusters, n_samples, n_atoms, n_features, few_matter):
    shape = (n_clusters, n_samples, n_atoms, n_features)
    arguments = (*problem(seed, *shape), L1(), 5, few_matter)
    for actual, expected in zip(
        values_and_gradient(fast, *arguments),
        values_and_gradient(plain, *arguments),
        strict=True,
    ):
        torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-10)


@few_or_many
def test_samples_without_weight_have_no_part_in_the_gradient(few_matter):
    X, D, gram, step = problem(0)
    chosen = torch.tensor([1, 2, 7])

    def gradient(X, samples):
        _, squared_residuals = fast(X, D, gram, step, L1(), 5, few_matter)
        return torch.autograd.grad(squared_residuals[:, samples].sum(), D)

    together, alone = gradient(X, chosen), gradient(X[chosen], slice(None))
    torch.testing.assert_close(together, alone, rtol=1e-10, atol=1e-10)


@few_or_many
def test_no_gradient_at_all(few_matter):
    X, D, gram, step = problem(0)
    _, squared_residuals = fast(X, D, gram, step, L1(), 5, few_matter)
    (gradient,) = torch.autograd.grad(0.0 * squared_residuals.sum(), D)
    assert torch.equal(gradient, torch.zeros_like(D))


def test_no_second_derivatives():
    X, D, gram, step = problem(0)
    _, squared_residuals = fast(X, D, gram, step, L1(), 5)
    total = squared_residuals.square().sum()
    (gradient,) = torch.autograd.grad(total, D, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_a_prox_may_return_what_it_got():
    X, D, gram, step = problem(0)
    identity = Prox(lambda V, step: V, lambda grad, V, step: grad)
    term = residual_term(X, D, step)
    expected = step * fista(term.gradient_step, lambda V: V, None, 6)
    for few_matter in (False, True):
        codes, _ = gram_encode(X, D, gram, step, identity, 6, few_matter=few_matter)
        torch.testing.assert_close(codes, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("few_matter", [False, True])
def test_without_gradients_nothing_is_kept(few_matter):
    X, D, gram, step = problem(0)
    with torch.no_grad():
        codes, _ = fast(X, D, gram, step, L1(), 5, few_matter)
    assert codes.grad_fn is None
