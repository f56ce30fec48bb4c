"""What the tests of the two fast encoders share."""

from dataclasses import dataclass

import pytest
import torch

from skmixmate.functional import lipschitz_constant
from skmixmate.penalties import L1, GroupL2, Penalty

ALPHA = 0.1


@dataclass(frozen=True)
class Elastic(Penalty):
    """``sum_p |z_p| + z_p^2 / 2``: no norm, so its prox needs the step; not linear."""

    def prox(self, codes, threshold):
        shrunk = codes.sign() * torch.relu(codes.abs() - threshold)
        return shrunk / (1.0 + threshold)

    def value(self, codes):
        return codes.abs().sum(-1) + 0.5 * codes.square().sum(-1)


every_kind_of_penalty = pytest.mark.parametrize(
    "penalty",
    [L1(), L1(nonnegative=True), GroupL2(2), GroupL2(2, nonnegative=True), Elastic()],
    ids=repr,
)


def plain_prox(penalty, step):
    """The proximal step on codes in units of the step, by its definition alone.

    The codes themselves go in and come out, cluster by cluster, so that it makes no
    difference whether the penalty is a norm.
    """

    def prox(v, s):
        return penalty.prox(s * v, s.item() * ALPHA) / s

    return lambda V: torch.stack([prox(*pair) for pair in zip(V, step, strict=True)])


def encoder_problem(seed, n_clusters=3, n_samples=10, n_atoms=4, n_features=7):
    """Samples, a mask of half of their entries, dictionaries and steps."""
    generator = torch.Generator().manual_seed(seed)

    def randn(*shape):
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    X = randn(n_samples, n_features)
    observed = (randn(n_samples, n_features) < 0.5).double()
    D = torch.nn.functional.normalize(randn(n_clusters, n_atoms, n_features), dim=-1)
    step = lipschitz_constant(D @ D.mT).reciprocal()[:, None, None]
    return X, observed, D.requires_grad_(), step


def assert_same_values_and_gradients(fast, plain, D, tolerance=1e-10):
    """Compare two functions that encode the same samples with the dictionaries."""
    for actual, expected in zip(
        _values_and_gradient(fast(), D), _values_and_gradient(plain(), D), strict=True
    ):
        torch.testing.assert_close(actual, expected, rtol=tolerance, atol=tolerance)


def _values_and_gradient(encoded, D):
    """With weights of either sign, some of which are zero."""
    codes, squared_residuals = encoded
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(
        squared_residuals.shape, dtype=D.dtype, generator=generator
    ).clamp(min=-0.5)
    weights = torch.where(weights > 0.2, 0.0, weights)
    directions = torch.randn(codes.shape, dtype=D.dtype, generator=generator)
    total = (weights * (squared_residuals + (codes * directions).sum(-1))).sum()
    return codes, squared_residuals, *torch.autograd.grad(total, D)
