"""The whole loss, through all iterations, as a function of the dictionaries."""

from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from skmixmate.functional import (
    block_soft_threshold,
    energies,
    expected_energy,
    fista,
    gram_encode,
    group_norms,
    masked_term,
    nonnegative_block_soft_threshold,
    nonnegative_soft_threshold,
    residual_term,
    soft_threshold,
)
from skmixmate.modules.encoder import prox_in_steps
from skmixmate.penalties import L1, GroupL2

ALPHA = 0.3


def l1(codes):
    return codes.abs().sum(-1)


def group_l2(codes):
    return group_norms(codes, 2).sum(-1)


# prox, value, and both as an object
PENALTIES = {
    "l1": (soft_threshold, l1, L1()),
    "l1+": (nonnegative_soft_threshold, l1, L1(nonnegative=True)),
    "group": (partial(block_soft_threshold, group_size=2), group_l2, GroupL2()),
    "group+": (
        partial(nonnegative_block_soft_threshold, group_size=2),
        group_l2,
        GroupL2(nonnegative=True),
    ),
}
every_penalty = pytest.mark.parametrize("penalty", PENALTIES)


def problem(seed, n_clusters=2, n_samples=3, n_atoms=4, n_features=5):
    generator = torch.Generator().manual_seed(seed)

    def randn(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    X = randn(n_samples, n_features)
    D = randn(n_clusters, n_atoms, n_features)
    D = (D / D.norm(dim=-1, keepdim=True)).requires_grad_()
    log_weights = randn(n_clusters).log_softmax(0).requires_grad_()
    # Unit-norm atoms have a Lipschitz constant of at most their number: no divergence.
    step = torch.linspace(0.5, 1.0, n_clusters, dtype=torch.float64)[:, None, None]
    step = step / n_atoms
    observed = (torch.rand(X.shape, generator=generator) < 0.7).double()
    return X, D, log_weights, step, observed


def forward(penalty, form, X, D, log_weights, step, observed, n_iter=6):
    prox, value, as_object = PENALTIES[penalty]
    if form == "gram":
        gram = (D @ D.mT).detach()
        codes, squared_residuals = gram_encode(
            X, D, gram, step, prox_in_steps(as_object, ALPHA), n_iter
        )
        return energies(squared_residuals, ALPHA * value(codes), log_weights), codes
    if form == "residual":
        term = residual_term(X, D, step)
    else:
        term = masked_term(X, D, step, observed)
    start = X.new_zeros((len(D), len(X), D.shape[1]))
    codes = step * fista(term.gradient_step, lambda V: prox(V, ALPHA), start, n_iter)
    return energies(term.value(codes), ALPHA * value(codes), log_weights), codes


def loss(*args, **kwargs):
    return expected_energy(forward(*args, **kwargs)[0]).mean()


@every_penalty
@pytest.mark.parametrize("form", ["gram", "residual", "masked"])
def test_gradcheck(penalty, form):
    X, D, log_weights, step, observed = problem(seed=1)
    _, codes = forward(penalty, form, X, D, log_weights, step, observed)
    assert (codes != 0).any()
    assert (codes == 0).any()
    assert gradcheck(
        lambda D, log_weights: loss(penalty, form, X, D, log_weights, step, observed),
        (D, log_weights),
    )


@every_penalty
@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_clusters=st.integers(1, 4),
    n_samples=st.integers(1, 5),
    n_atoms=st.sampled_from([2, 4, 6]),
    n_features=st.integers(1, 7),
    n_iter=st.integers(1, 15),
)
def test_all_forms_have_the_same_loss_and_gradients(
    penalty, seed, n_clusters, n_samples, n_atoms, n_features, n_iter
):
    X, D, log_weights, step, _ = problem(
        seed, n_clusters, n_samples, n_atoms, n_features
    )
    results = {}
    for form in ("residual", "gram", "masked"):
        value = loss(penalty, form, X, D, log_weights, step, torch.ones_like(X), n_iter)
        results[form] = (value, *torch.autograd.grad(value, (D, log_weights)))
    for form in ("gram", "masked"):
        for actual, expected in zip(results[form], results["residual"], strict=True):
            torch.testing.assert_close(actual, expected, rtol=1e-10, atol=1e-10)


@every_penalty
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32 - 1), data=st.data())
def test_mask_equals_deletion_of_columns(penalty, seed, data):
    X, D, log_weights, step, _ = problem(seed)
    kept = torch.tensor(data.draw(st.lists(st.booleans(), min_size=5, max_size=5)))
    observed = kept.double().expand_as(X)
    E, codes = forward(penalty, "masked", X, D, log_weights, step, observed)
    X, D = X[:, kept], D[:, :, kept]
    E_deleted, codes_deleted = forward(
        penalty, "residual", X, D, log_weights, step, None
    )
    torch.testing.assert_close(E, E_deleted, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(codes, codes_deleted, rtol=1e-10, atol=1e-10)


@every_penalty
def test_missing_columns_get_no_gradient(penalty):
    X, D, log_weights, step, observed = problem(seed=2)
    observed = observed.index_fill(1, torch.tensor([1, 3]), 0.0)
    loss(penalty, "masked", X, D, log_weights, step, observed).backward()
    assert (D.grad[:, :, [1, 3]] == 0).all()
    assert (D.grad[:, :, [0, 2, 4]] != 0).any()


@every_penalty
@pytest.mark.parametrize("form", ["gram", "residual", "masked"])
def test_blank_samples_and_dead_atoms_give_finite_gradients(penalty, form):
    X, D, log_weights, step, observed = problem(seed=3)
    with torch.no_grad():
        X[0] = 0.0
        D[0, :2] = 0.0
        D[1] = 0.0
        observed[1] = 0.0
    loss(penalty, form, X, D, log_weights, step, observed).backward()
    assert D.grad.isfinite().all()
    assert log_weights.grad.isfinite().all()
