"""`gram_encode` against the plain loop through residuals, gradients included."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skmixmate.functional import fista, gram_encode, gram_fista, residual_term
from skmixmate.modules.encoder import prox_in_steps
from skmixmate.penalties import L1, Penalty

from .conftest import (
    ALPHA,
    assert_same_values_and_gradients,
    encoder_problem,
    every_kind_of_penalty,
    plain_prox,
)

seeds = st.integers(0, 2**32 - 1)
few_or_many = pytest.mark.parametrize("few_matter", [False, True])


def problem(seed, **sizes):
    """Samples, dictionaries, their Gram matrices and steps."""
    X, _, D, step = encoder_problem(seed, **sizes)
    return X, D, (D @ D.mT).detach(), step


def fast(X, D, gram, step, penalty, n_iter, few_matter=False):
    prox = prox_in_steps(penalty, ALPHA)
    return gram_encode(X, D, gram, step, prox, n_iter, few_matter=few_matter)


def plain(X, D, gram, step, penalty, n_iter):
    """Codes and squared residuals by `fista` over `residual_term`, and autograd."""
    term = residual_term(X, D, step)
    U = fista(term.gradient_step, plain_prox(penalty, step), None, n_iter)
    return step * U, term.value(step * U)


def assert_fast_is_plain(X, D, gram, step, penalty, n_iter, few_matter):
    arguments = X, D, gram, step, penalty, n_iter
    assert_same_values_and_gradients(
        lambda: fast(*arguments, few_matter), lambda: plain(*arguments), D
    )


@every_kind_of_penalty
@few_or_many
@pytest.mark.parametrize("n_iter", [1, 2, 3, 9])
def test_values_and_gradients_are_those_of_the_plain_loop(penalty, few_matter, n_iter):
    assert_fast_is_plain(*problem(n_iter), penalty, n_iter, few_matter)


@settings(max_examples=30)
@given(
    seed=seeds,
    n_clusters=st.integers(1, 4),
    n_samples=st.integers(1, 6),
    n_atoms=st.integers(1, 5),
    n_features=st.integers(1, 6),
    few_matter=st.booleans(),
)
def test_every_shape(seed, few_matter, **sizes):
    assert_fast_is_plain(*problem(seed, **sizes), L1(), 5, few_matter)


@few_or_many
@pytest.mark.parametrize("n_iter", [1, 2, 5])
@pytest.mark.parametrize("n_samples", [0, 1, 3, 4, 10])
def test_tiles_of_three_samples(n_samples, n_iter, few_matter, monkeypatch):
    monkeypatch.setattr(gram_fista, "_TILE_NUMBERS", 0)
    monkeypatch.setattr(gram_fista, "_LEAST_TILE_SAMPLES", 3)
    of_these = problem(n_iter, n_samples=n_samples)
    sizes = []
    plain_layers = gram_fista._Problem.layers

    def layers(self, *arguments, **options):
        sizes.append(self.C.shape[2])
        return plain_layers(self, *arguments, **options)

    monkeypatch.setattr(gram_fista._Problem, "layers", layers)
    assert_fast_is_plain(*of_these, L1(), n_iter, few_matter)
    assert max(sizes) <= 3
    assert sum(sizes[: -(-n_samples // 3)]) == n_samples


@few_or_many
def test_other_threads_before_the_backward_pass(few_matter, monkeypatch):
    monkeypatch.setattr(gram_fista, "_TILE_NUMBERS", 0)
    X, D, gram, step = problem(0)
    gradients = []
    for size in (3, 4):
        monkeypatch.setattr(gram_fista, "_LEAST_TILE_SAMPLES", 3)
        codes, _ = fast(X, D, gram, step, L1(), 5, few_matter)
        monkeypatch.setattr(gram_fista, "_LEAST_TILE_SAMPLES", size)
        gradients.append(torch.autograd.grad(codes.square().sum(), D)[0])
    torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-10)


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
    assert_fast_is_plain(*problem(0), penalty, 6, few_matter)


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
