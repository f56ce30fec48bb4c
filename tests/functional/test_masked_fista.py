"""`masked_encode` against the plain loop over residuals, in tiles of every shape."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skmixmate.functional import (
    fista,
    lipschitz_constant,
    masked_encode,
    masked_fista,
    masked_term,
)
from skmixmate.penalties import L1, GroupL2, Penalty, prox_in_steps

seeds = st.integers(0, 2**32 - 1)
TILES = {"one": (256, 2**18), "many": (3, 4), "clusters together": (4, 60)}
every_tile = pytest.mark.parametrize("tiles", TILES.values(), ids=TILES)


class Squared(Penalty):
    """Half the squared norm, which is none itself: its prox needs the step."""

    def prox(self, codes, threshold):
        return codes / (1.0 + threshold)

    def value(self, codes):
        return 0.5 * codes.square().sum(-1)


def problem(seed, n_clusters=3, n_samples=10, n_atoms=4, n_features=7):
    """Samples, their mask, dictionaries and steps."""
    generator = torch.Generator().manual_seed(seed)

    def randn(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    X = randn(n_samples, n_features)
    observed = (randn(n_samples, n_features) < 0.5).double()
    D = torch.nn.functional.normalize(randn(n_clusters, n_atoms, n_features), dim=-1)
    step = lipschitz_constant(D @ D.mT).reciprocal()[:, None, None]
    return X, observed, D.requires_grad_(), step


def plain(X, observed, D, step, prox, n_iter):
    """Codes and squared residuals by `fista` over `masked_term`, and autograd."""
    term = masked_term(X, D, step, observed)
    U = fista(term.gradient_step, lambda V: prox.forward(V, step), None, n_iter)
    return step * U, term.value(step * U)


def values_and_gradient(encode, X, observed, D, *options):
    """With weights of either sign, some of which are zero."""
    codes, squared_residuals = encode(X, observed, D, *options)
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(
        squared_residuals.shape, dtype=X.dtype, generator=generator
    ).clamp(min=-0.5)
    weights = torch.where(weights > 0.5, 0.0, weights)
    directions = torch.randn(codes.shape, dtype=X.dtype, generator=generator)
    total = (weights * (squared_residuals + (codes * directions).sum(-1))).sum()
    return codes, squared_residuals, *torch.autograd.grad(total, D)


@every_tile
@pytest.mark.parametrize(
    "penalty",
    [L1(), L1(nonnegative=True), GroupL2(2), GroupL2(2, nonnegative=True), Squared()],
    ids=repr,
)
@pytest.mark.parametrize("n_iter", [1, 2, 3, 9])
def test_values_and_gradients_are_those_of_the_plain_loop(
    monkeypatch, tiles, penalty, n_iter
):
    monkeypatch.setattr(masked_fista, "_TILE_SAMPLES", tiles[0])
    monkeypatch.setattr(masked_fista, "_TILE_NUMBERS", tiles[1])

    prox = prox_in_steps(penalty, 0.1)
    arguments = (*problem(n_iter), prox, n_iter)
    for actual, expected in zip(
        values_and_gradient(masked_encode, *arguments),
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
)
def test_every_shape(seed, n_clusters, n_samples, n_atoms, n_features):
    shape = (n_clusters, n_samples, n_atoms, n_features)

    arguments = (*problem(seed, *shape), prox_in_steps(L1(), 0.1), 5)
    for actual, expected in zip(
        values_and_gradient(masked_encode, *arguments),
        values_and_gradient(plain, *arguments),
        strict=True,
    ):
        torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-10)


@every_tile
def test_samples_without_weight_have_no_part_in_the_gradient(monkeypatch, tiles):
    monkeypatch.setattr(masked_fista, "_TILE_SAMPLES", tiles[0])
    monkeypatch.setattr(masked_fista, "_TILE_NUMBERS", tiles[1])
    X, observed, D, step = problem(0)
    chosen = torch.tensor([1, 2, 7])

    def gradient(X, observed, samples):
        _, squared_residuals = masked_encode(
            X, observed, D, step, prox_in_steps(L1(), 0.1), 5
        )
        return torch.autograd.grad(squared_residuals[:, samples].sum(), D)

    together = gradient(X, observed, chosen)
    alone = gradient(X[chosen], observed[chosen], slice(None))
    torch.testing.assert_close(together, alone, rtol=1e-10, atol=1e-10)


def test_no_second_derivatives():
    X, observed, D, step = problem(0)
    _, squared_residuals = masked_encode(
        X, observed, D, step, prox_in_steps(L1(), 0.1), 5
    )
    total = squared_residuals.square().sum()
    (gradient,) = torch.autograd.grad(total, D, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
