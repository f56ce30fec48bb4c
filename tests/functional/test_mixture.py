"""Energies, responsibilities and the loss."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch.autograd import gradcheck

from skmixmate.functional import energies, expected_energy, responsibilities

quick = settings(max_examples=50)


def matrices(bound):
    return hnp.arrays(
        np.float64,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=5),
        elements=st.floats(-bound, bound),
    ).map(torch.from_numpy)


def test_energies_by_the_formula():
    generator = torch.Generator().manual_seed(0)
    squared = torch.rand(3, 4, dtype=torch.float64, generator=generator)
    penalties = torch.rand(3, 4, dtype=torch.float64, generator=generator)
    weights = [0.2, 0.5, 0.3]
    E = energies(squared, penalties, torch.tensor(weights, dtype=torch.float64).log())
    assert E.shape == (4, 3)
    for b in range(4):
        for k in range(3):
            expected = squared[k, b] + penalties[k, b] - math.log(weights[k])
            assert E[b, k].item() == pytest.approx(expected.item(), rel=1e-14)


@quick
@given(matrices(20.0))
def test_responsibilities_by_the_formula(E):
    p = responsibilities(E)
    for row, expected_row in zip(p, E, strict=True):
        total = sum(math.exp(-e) for e in expected_row)
        expected = [math.exp(-e) / total for e in expected_row]
        np.testing.assert_allclose(row, expected, rtol=1e-12)


@quick
@given(matrices(1e300))
def test_extreme_energies_do_not_overflow(E):
    E.requires_grad_()
    p = responsibilities(E)
    torch.testing.assert_close(p.sum(-1), torch.ones(len(E), dtype=E.dtype))
    assert (p >= 0).all()
    averages = expected_energy(E)
    assert averages.isfinite().all()
    (gradient,) = torch.autograd.grad(averages.sum(), E)
    assert gradient.isfinite().all()


def test_certain_samples_have_their_lowest_energy():
    E = torch.tensor([[1e6, 3.0, 2e6], [-1e6, 0.0, 5.0]], dtype=torch.float64)
    expected = torch.tensor([3.0, -1e6], dtype=torch.float64)
    assert torch.equal(expected_energy(E), expected)


@quick
@given(matrices(20.0), st.floats(-100, 100))
def test_a_shift_of_all_energies_shifts_the_average(E, shift):
    torch.testing.assert_close(
        responsibilities(E + shift), responsibilities(E), rtol=1e-10, atol=1e-12
    )
    torch.testing.assert_close(
        expected_energy(E + shift), expected_energy(E) + shift, rtol=1e-10, atol=1e-10
    )


@quick
@given(matrices(20.0))
def test_gradient_flows_through_the_responsibilities(E):
    """d/dE_k of sum_j p_j E_j is p_k (1 - E_k + sum_j p_j E_j), not p_k."""
    E.requires_grad_()
    averages = expected_energy(E)
    (gradient,) = torch.autograd.grad(averages.sum(), E)
    p = responsibilities(E)
    expected = p * (1 - E + (p * E).sum(-1, keepdim=True))
    torch.testing.assert_close(gradient, expected, rtol=1e-10, atol=1e-10)


def test_gradcheck():
    generator = torch.Generator().manual_seed(0)
    E = torch.randn(4, 3, dtype=torch.float64, generator=generator)
    assert gradcheck(expected_energy, E.requires_grad_())


def test_hopeless_clusters_get_no_subnormal_gradient():
    # exp(-90) is subnormal in single precision: right, and many times slower.
    energies = torch.tensor([[1.0, 3.0, 91.0]], requires_grad=True)
    loss = expected_energy(energies)
    loss.sum().backward()
    p = torch.softmax(torch.tensor([-1.0, -3.0]), dim=0)
    torch.testing.assert_close(loss, (p[0] + 3.0 * p[1]).reshape(1))
    assert energies.grad[0, 2] == 0.0
    assert (energies.grad[0, :2] != 0.0).all()


@pytest.mark.parametrize("size", [1e6, 1e9, 1e12])
def test_large_energies_in_single_precision(size):
    values = size * torch.tensor([[2.0, 2.1, 3.0]], dtype=torch.float64)
    results = []
    for dtype in (torch.float32, torch.float64):
        E = values.to(dtype).requires_grad_()
        loss = expected_energy(E)
        loss.sum().backward()
        results.append((loss.detach().double(), E.grad.double()))
    torch.testing.assert_close(results[0], results[1], rtol=1e-6, atol=0.0)


def test_an_infinite_energy_is_not_hidden():
    E = torch.tensor([[1.0, torch.inf]])
    assert expected_energy(E).isnan().all()
