"""The elastic net: known values, its limits, and scikit-learn's."""

import numpy as np
import pytest
import torch
from sklearn import linear_model

from skmixmate.modules import DictionaryMixture
from skmixmate.penalties import L1, ElasticNet


def randn(*shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator)


def test_known_values():
    codes = torch.tensor([[3.5, 0.2, -2.0]])
    penalty = ElasticNet(l1_ratio=0.5)
    assert penalty.prox(codes, 1.0).tolist() == [[2.0, 0.0, -1.0]]
    assert ElasticNet(0.5, nonnegative=True).prox(codes, 1.0).tolist() == [[2, 0, 0]]
    assert penalty.value(torch.tensor([3.0, -4.0])) == 0.5 * 7.0 + 0.25 * 25.0


@pytest.mark.parametrize("nonnegative", [False, True])
def test_with_a_ratio_of_one_it_is_the_l1_norm(nonnegative):
    codes = 2.0 * randn(2, 5, 6)
    penalty, l1 = ElasticNet(1.0, nonnegative), L1(nonnegative)
    torch.testing.assert_close(penalty.prox(codes, 0.7), l1.prox(codes, 0.7))
    torch.testing.assert_close(penalty.value(codes), l1.value(codes))


def test_with_a_ratio_of_zero_it_only_shrinks():
    codes = randn(2, 5, 6)
    torch.testing.assert_close(ElasticNet(0.0).prox(codes, 3.0), codes / 4.0)


@pytest.mark.parametrize("l1_ratio", [0.2, 0.8])
def test_codes_are_those_of_scikit_learn(l1_ratio):
    X, D = 2.0 * randn(4, 8), randn(1, 5, 8, seed=1)
    module = DictionaryMixture(
        D, penalty=ElasticNet(l1_ratio), alpha=0.5, n_fista_iter=2000
    )
    codes = module(X).codes[0].detach()
    # sklearn: ||y - Xw||^2 / 2n + a r |w| + a (1 - r) |w|^2 / 2, here times n.
    model = linear_model.ElasticNet(
        0.5 / 8, l1_ratio=l1_ratio, fit_intercept=False, tol=1e-14, max_iter=100_000
    )
    atoms = module.dictionaries[0].detach().numpy().T
    expected = np.array([model.fit(atoms, x).coef_.copy() for x in X.numpy()])
    np.testing.assert_allclose(codes.numpy(), expected, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("l1_ratio", [-0.1, 1.1, "0.5", None, True, np.nan])
def test_bad_ratio(l1_ratio):
    with pytest.raises(ValueError, match="l1_ratio must be a number from 0 to 1"):
        ElasticNet(l1_ratio)
