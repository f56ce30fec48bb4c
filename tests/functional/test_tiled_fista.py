"""`tiled_encode` against the plain loop over residuals, in tiles of every shape."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skmixmate.functional import fista, masked_term, tiled_encode, tiled_fista
from skmixmate.modules.encoder import prox_in_steps
from skmixmate.penalties import L1

from .conftest import (
    ALPHA,
    assert_same_values_and_gradients,
    encoder_problem,
    every_kind_of_penalty,
    plain_prox,
)

seeds = st.integers(0, 2**32 - 1)
TILES = {"one": (256, 2**18), "many": (3, 4), "clusters together": (4, 60)}
every_tile = pytest.mark.parametrize("tiles", TILES.values(), ids=TILES)


def plain(X, observed, D, step, penalty, n_iter):
    """Codes and squared residuals by `fista` over `masked_term`, and autograd."""
    term = masked_term(X, D, step, observed)
    U = fista(term.gradient_step, plain_prox(penalty, step), None, n_iter)
    return step * U, term.value(step * U)


def assert_fast_is_plain(X, observed, D, step, penalty, n_iter):
    arguments = X, observed, D, step
    prox = prox_in_steps(penalty, ALPHA)
    assert_same_values_and_gradients(
        lambda: tiled_encode(*arguments, prox, n_iter),
        lambda: plain(*arguments, penalty, n_iter),
        D,
    )


@every_tile
@every_kind_of_penalty
@pytest.mark.parametrize("n_iter", [1, 2, 3, 9])
def test_values_and_gradients_are_those_of_the_plain_loop(
    monkeypatch, tiles, penalty, n_iter
):
    monkeypatch.setattr(tiled_fista, "_TILE_SAMPLES", tiles[0])
    monkeypatch.setattr(tiled_fista, "_TILE_NUMBERS", tiles[1])
    assert_fast_is_plain(*encoder_problem(n_iter), penalty, n_iter)


@settings(max_examples=30)
@given(
    seed=seeds,
    n_clusters=st.integers(1, 4),
    n_samples=st.integers(1, 6),
    n_atoms=st.integers(1, 5),
    n_features=st.integers(1, 6),
)
def test_every_shape(seed, **sizes):
    assert_fast_is_plain(*encoder_problem(seed, **sizes), L1(), 5)


@every_tile
def test_samples_without_weight_have_no_part_in_the_gradient(monkeypatch, tiles):
    monkeypatch.setattr(tiled_fista, "_TILE_SAMPLES", tiles[0])
    monkeypatch.setattr(tiled_fista, "_TILE_NUMBERS", tiles[1])
    X, observed, D, step = encoder_problem(0)
    chosen = torch.tensor([1, 2, 7])

    def gradient(X, observed, samples):
        _, squared_residuals = tiled_encode(
            X, observed, D, step, prox_in_steps(L1(), ALPHA), 5
        )
        return torch.autograd.grad(squared_residuals[:, samples].sum(), D)

    together = gradient(X, observed, chosen)
    alone = gradient(X[chosen], observed[chosen], slice(None))
    torch.testing.assert_close(together, alone, rtol=1e-10, atol=1e-10)


def test_no_second_derivatives():
    X, observed, D, step = encoder_problem(0)
    _, squared_residuals = tiled_encode(
        X, observed, D, step, prox_in_steps(L1(), ALPHA), 5
    )
    total = squared_residuals.square().sum()
    (gradient,) = torch.autograd.grad(total, D, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
