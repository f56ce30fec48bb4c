"""`gram_encode` against the plain loop through residuals, gradients included."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skmixmate.functional import (
    fista,
    gram_encode,
    gram_fista,
    lipschitz_constant,
    residual_term,
)
from skmixmate.penalties import L1, GroupL2, Penalty, prox_in_steps

seeds = st.integers(0, 2**32 - 1)
ALPHA = 0.1
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
    prox = prox_in_steps(penalty, ALPHA)
    return gram_encode(X, D, gram, step, prox, n_iter, few_matter=few_matter)


def plain(X, D, gram, step, penalty, n_iter, few_matter=False):
    """Codes and squared residuals by `fista` over `residual_term`, and autograd."""
    threshold = ALPHA if penalty.is_norm else step * ALPHA
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


class Identity(Penalty):
    """None at all: what goes in comes out, the same tensor."""

    is_norm = True

    def prox(self, codes, threshold):
        return codes

    def value(self, codes):
        return 0.0 * codes.sum(-1)


class Consensus(Penalty):
    """All atoms of a dictionary are used alike: one number in memory for all."""

    is_norm = True

    def prox(self, codes, threshold):
        return codes.mean(-1, keepdim=True).expand_as(codes)

    def value(self, codes):
        return 0.0 * codes.sum(-1)


@few_or_many
@pytest.mark.parametrize("penalty", [Identity(), Consensus()], ids=["same", "expanded"])
def test_memory_that_a_prox_returns_is_not_written_to(penalty, few_matter):
    arguments = (*problem(0), penalty, 6)
    for actual, expected in zip(
        values_and_gradient(fast, *arguments, few_matter),
        values_and_gradient(plain, *arguments),
        strict=True,
    ):
        torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)


def n_samples_seen(penalty, few_matter):
    """Of each prox: in the forward pass, and in the backward pass from there."""
    X, D, gram, step = problem(0)
    seen = []

    class Spy(type(penalty)):
        def prox(self, codes, threshold):
            seen.append(codes.shape[1])
            return super().prox(codes, threshold)

    _, squared_residuals = fast(X, D, gram, step, Spy(), 5, few_matter)
    forward = len(seen)
    squared_residuals[:, [1, 2, 7]].sum().backward()
    return seen[:forward], seen[forward:]


def test_samples_without_weight_are_not_encoded_again():
    assert n_samples_seen(L1(), few_matter=True) == ([10] * 5, [3] * (5 + 5))


def test_kept_layers_are_not_computed_again():
    # Once each for its gradient, and the last once more for the codes.
    assert n_samples_seen(L1(), few_matter=False) == ([10] * 5, [10] * (5 + 1))


@few_or_many
def test_what_is_kept_is_freed_by_the_backward_pass(few_matter):
    X, D, gram, step = problem(0)
    _, squared_residuals = fast(X, D, gram, step, L1(), 5, few_matter)
    node = squared_residuals.grad_fn
    n_layers = 0 if few_matter else 2 * 4
    assert len(node.saved_tensors) == 6 + n_layers
    squared_residuals.sum().backward()
    with pytest.raises(RuntimeError, match="after they have already been freed"):
        _ = node.saved_tensors


def test_no_layers_are_kept_without_gradients(monkeypatch):
    X, D, gram, step = problem(0)
    kept = []
    layers = gram_fista._Problem.layers

    def spy(self, n_iter, *, are_kept):
        kept.append(are_kept)
        return layers(self, n_iter, are_kept=are_kept)

    monkeypatch.setattr(gram_fista._Problem, "layers", spy)
    fast(X, D, gram, step, L1(), 5)
    fast(X, D.detach(), gram, step, L1(), 5)
    with torch.no_grad():
        fast(X, D, gram, step, L1(), 5)
    assert kept == [True, False, False]
