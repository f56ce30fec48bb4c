"""`DictionaryAutoencoder`: what it computes, against independent references."""

import numpy as np
import pytest
import torch
from sklearn.decomposition import sparse_encode
from torch.autograd import gradcheck

from skmixmate.functional import group_norms
from skmixmate.modules import DictionaryAutoencoder
from skmixmate.penalties import L1, GroupL2


def randn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


X, D = randn(7, 6), randn(8, 6, seed=1)


@pytest.mark.parametrize("nonnegative", [False, True])
def test_codes_of_many_iterations_are_the_lasso_of_scikit_learn(nonnegative):
    network = DictionaryAutoencoder(
        D, penalty=L1(nonnegative), alpha=0.3, n_fista_iter=3000
    )
    codes = network(X).codes.detach().numpy()
    expected = sparse_encode(
        X.numpy(),
        network.dictionary.detach().numpy(),
        algorithm="lasso_cd",
        alpha=0.3,
        positive=nonnegative,
        max_iter=100_000,
    )
    np.testing.assert_allclose(codes, expected, atol=1e-4)
    assert (codes != 0).any()


def test_codes_of_many_iterations_satisfy_the_conditions_of_the_group_lasso():
    network = DictionaryAutoencoder(D, penalty=GroupL2(2), alpha=0.5, n_fista_iter=3000)
    codes = network(X).codes.detach()
    atoms = network.dictionary.detach()
    slopes = ((X - codes @ atoms) @ atoms.T).unflatten(-1, (-1, 2))
    codes = codes.unflatten(-1, (-1, 2))
    norms = codes.norm(dim=-1, keepdim=True)
    active = norms.squeeze(-1) > 0
    assert active.any()
    assert not active.all()
    expected = 0.5 * codes / norms
    torch.testing.assert_close(slopes[active], expected[active], rtol=0, atol=1e-8)
    assert (slopes[~active].norm(dim=-1) <= 0.5 + 1e-8).all()


def test_one_iteration_is_the_group_relu_of_the_correlations():
    # Eq. 11 has a step of one; another one scales the codes.
    network, damped = (
        DictionaryAutoencoder(
            D,
            penalty=GroupL2(2),
            alpha=0.5,
            n_fista_iter=1,
            step_size=step_size,
            normalize_atoms=False,
        )
        for step_size in (1.0, "auto")
    )
    v = (X @ D.T).unflatten(-1, (-1, 2))
    norms = v.norm(dim=-1, keepdim=True)
    expected = ((1.0 - 0.5 / norms).clamp(min=0.0) * v).flatten(-2)
    torch.testing.assert_close(network(X).codes, expected)
    step = damped.gram_and_steps()[1].item()
    torch.testing.assert_close(damped(X).codes, step * expected)


@pytest.mark.parametrize("loss_name", ["penalized", "reconstruction"])
@pytest.mark.parametrize("masked", [False, True])
def test_loss_by_the_formula(loss_name, masked):
    observed = (randn(7, 6, seed=2) < 0.7).double() if masked else None
    network = DictionaryAutoencoder(
        D, penalty=GroupL2(2), alpha=0.5, loss_name=loss_name
    )
    output = network(X, observed)
    residuals = X - output.codes @ network.dictionary
    residuals = residuals * observed if masked else residuals
    expected = 0.5 * residuals.square().sum(-1)
    if loss_name == "penalized":
        expected = expected + 0.5 * group_norms(output.codes, 2).sum(-1)
    torch.testing.assert_close(output.losses(loss_name == "penalized"), expected)
    torch.testing.assert_close(network.loss(output), expected.mean())


@pytest.mark.parametrize("loss_name", ["penalized", "reconstruction"])
@pytest.mark.parametrize("n_fista_iter", [1, 4])
def test_gradients_are_those_of_finite_differences(loss_name, n_fista_iter):
    def loss(dictionary):
        network = DictionaryAutoencoder(
            dictionary,
            penalty=GroupL2(2),
            alpha=0.5,
            n_fista_iter=n_fista_iter,
            step_size=0.1,
            loss_name=loss_name,
            normalize_atoms=False,
        )
        # The parameter is a copy, which gradients would not pass.
        del network._parameters["dictionaries"]
        network.dictionaries = dictionary.unsqueeze(0)
        return network.loss(network(X))

    assert gradcheck(loss, (0.7 * D).requires_grad_())


def test_gram_and_residual_form_agree():
    outputs = [
        DictionaryAutoencoder(D, penalty=GroupL2(2), alpha=0.5, form=form)(X)
        for form in ("gram", "residual")
    ]
    for ours, reference in zip(*outputs, strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-9, atol=1e-9)


def test_atoms_keep_their_norms_where_asked():
    assert torch.equal(DictionaryAutoencoder(D, normalize_atoms=False).dictionary, D)
    norms = DictionaryAutoencoder(D).dictionary.norm(dim=1)
    torch.testing.assert_close(norms, torch.ones_like(norms))


def test_a_loss_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="loss must be 'penalized' or 'reconstr"):
        DictionaryAutoencoder(D, loss_name="l2")
