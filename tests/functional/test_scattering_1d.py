"""The scattering transform of signals: kymatio's numbers, gradients, what it says."""

import functools
import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skmixmate.functional import (
    scattering_1d,
    scattering_1d_frequencies,
    scattering_1d_operators,
    scattering_1d_paths,
)
from skmixmate.functional.scattering_1d_filters import smallest_scale

with warnings.catch_warnings():
    # Its public import fails with recent SciPy, and old code may warn.
    warnings.simplefilter("ignore")
    from kymatio.scattering1d.frontend.numpy_frontend import ScatteringNumPy1D

quick = settings(max_examples=8)
seeds = st.integers(0, 2**32 - 1)
lengths = st.integers(2, 70)
qualities = st.integers(1, 9)
cached_operators = functools.lru_cache(scattering_1d_operators)


def signals(seed, *shape, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator).to(dtype)


def transformed(X, J, Q, max_order=2):
    operators = cached_operators(X.shape[1], J, Q, dtype=X.dtype)
    return scattering_1d(X, operators, max_order)


@functools.lru_cache
def kymatio(J, n_times, Q, max_order=2):
    with warnings.catch_warnings():
        # Of small signals it says that their ends matter.
        warnings.simplefilter("ignore")
        return ScatteringNumPy1D(J, n_times, Q=Q, max_order=max_order)


def assert_kymatio(S, expected, J, Q, max_order=2):
    assert S.shape == expected.shape
    order = np.array([len(path) for path in scattering_1d_paths(J, Q, max_order)])
    # An order may be a thousand times smaller than another.
    tolerance = 2e-6 if S.dtype == torch.float32 else 1e-13
    for n in np.unique(order):
        error = abs(S.double().numpy() - expected)[:, order == n].max()
        assert error < tolerance * abs(expected[:, order == n]).max()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("n_times", "J", "Q", "max_order"),
    [
        *[(512, 6, 8, 2), (512, 7, 8, 1), (500, 5, 8, 2), (333, 4, 8, 2)],
        *[(1000, 9, 16, 2), (2048, 4, 12, 2), (700, 9, 2, 2), (129, 7, 3, 2)],
        *[(64, 6, 8, 2), (64, 6, 1, 2), (37, 5, 4, 2), (16, 2, 8, 2)],
        *[(2, 1, 2, 2), (3, 1, 8, 2), (4, 2, 8, 1), (5, 2, 3, 2)],
    ],
)
def test_the_numbers_of_kymatio(n_times, J, Q, max_order, dtype):
    X = signals(0, 3, n_times, dtype=dtype)
    S = transformed(X, J, Q, max_order)
    assert S.dtype == dtype
    assert S.is_contiguous()
    expected = kymatio(J, n_times, Q, max_order)(X.double().numpy())
    assert_kymatio(S, expected, J, Q, max_order)


@quick
@given(seeds, lengths, qualities, st.data())
def test_the_numbers_of_kymatio_for_any_length(seed, n_times, Q, data):
    J = data.draw(st.integers(1, n_times.bit_length() - 1))
    X = signals(seed, 2, n_times)
    expected = kymatio(J, n_times, Q)(X.numpy())
    assert_kymatio(transformed(X, J, Q), expected, J, Q)


def test_one_sample_is_extended_for_ever():
    X = torch.tensor([[3.0], [-4.0]], dtype=torch.float64)
    S = transformed(X, 1, 2)
    assert S.shape[2] == 1
    torch.testing.assert_close(S[:, 0], X, rtol=1e-12, atol=0)
    assert S[:, 1:].abs().max() < 1e-14


@pytest.mark.parametrize("max_order", [1, 2])
@pytest.mark.parametrize(("J", "Q"), [(1, 8), (3, 1), (5, 8), (8, 3), (9, 16)])
def test_paths_and_frequencies_are_those_of_kymatio(J, Q, max_order):
    meta = kymatio(J, 2**J, Q, max_order).meta()

    def as_paths(rows):
        return [tuple(value for value in row if not math.isnan(value)) for row in rows]

    paths = scattering_1d_paths(J, Q, max_order)
    assert paths == as_paths(meta["n"])
    assert all(type(n) is int for path in paths for n in path)
    frequencies = scattering_1d_frequencies(J, Q, max_order)
    assert len(frequencies) == len(paths)
    for path, expected in zip(frequencies, as_paths(meta["xi"]), strict=True):
        assert path == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("Q", [1, 2, 4, 8, 16, 40])
def test_from_the_smallest_scale_on_high_frequencies_are_heard(Q):
    J = smallest_scale(Q)
    assert J >= 1
    # 0.35 and 0.5 cycles per sample are the limits of any highest frequency.
    assert max(scattering_1d_frequencies(J, Q, 1)[1:])[0] >= 0.35
    assert J == 1 or max(scattering_1d_frequencies(J - 1, Q, 1)[1:])[0] < 0.1


@pytest.mark.parametrize("max_order", [1, 2])
@pytest.mark.parametrize("n_times", [9, 16])
def test_gradients(n_times, max_order):
    X = signals(2, 2, n_times).requires_grad_()
    operators = scattering_1d_operators(n_times, 3, 2, dtype=torch.float64)

    def transform(X):
        return scattering_1d(X, operators, max_order)

    assert torch.autograd.gradcheck(transform, X)
    assert torch.autograd.gradgradcheck(transform, X)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("n_times", [1, 16])
def test_the_gradient_at_a_constant_signal_is_finite(n_times, value, dtype):
    X = torch.full((2, n_times), value, dtype=dtype, requires_grad=True)
    S = transformed(X, 1, 4)
    S.sum().backward()
    assert S.isfinite().all()
    assert X.grad.isfinite().all()


@pytest.mark.parametrize("value", [1e-37, 1e-18, 1e30])
def test_units_that_have_no_squares_lose_nothing(value):
    X = signals(8, 2, 64)
    expected = transformed(X, 4, 4)
    X = (value * X).float().requires_grad_()
    S = transformed(X, 4, 4)
    torch.testing.assert_close(
        S.double() / value, expected, rtol=1e-4, atol=1e-6 * expected.max().item()
    )
    # Of order one in X, so that gradients have no unit.
    S.sum().backward()
    doubles = X.detach().double().requires_grad_()
    transformed(doubles, 4, 4).sum().backward()
    torch.testing.assert_close(X.grad.double(), doubles.grad, rtol=1e-3, atol=1e-3)


def test_one_blank_signal_leaves_the_others_alone():
    X = signals(3, 3, 64)
    X[1] = 0.0
    X.requires_grad_()
    transformed(X, 4, 4).square().sum().backward()
    alone = X.detach()[:1].requires_grad_()
    transformed(alone, 4, 4).square().sum().backward()
    assert X.grad[1].isfinite().all()
    torch.testing.assert_close(X.grad[:1], alone.grad, rtol=1e-10, atol=1e-12)


@quick
@given(seeds, lengths, qualities)
def test_signals_do_not_mix_and_moduli_are_not_negative(seed, n_times, Q):
    J = n_times.bit_length() - 1
    X = signals(seed, 3, n_times)
    S = transformed(X, J, Q)
    alone = torch.cat([transformed(x[None], J, Q) for x in X])
    torch.testing.assert_close(S, alone, rtol=1e-10, atol=1e-13)
    assert S[:, 1:].min() > -1e-13


@quick
@given(seeds, lengths, qualities, st.floats(-3, 3))
def test_homogeneous(seed, n_times, Q, exponent):
    J, c = n_times.bit_length() - 1, 10.0**exponent
    X = signals(seed, 2, n_times)
    S = transformed(X, J, Q)
    torch.testing.assert_close(
        transformed(c * X, J, Q), c * S, rtol=1e-10, atol=1e-12 * c
    )
    # The modulus forgets the sign, the average does not.
    sign = torch.ones(S.shape[1], 1, dtype=S.dtype)
    sign[0] = -1.0
    torch.testing.assert_close(transformed(-X, J, Q), sign * S, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_times", [2, 17, 64])
def test_constant_signals_have_only_order_zero(n_times, dtype):
    X = torch.full((1, n_times), 7.0, dtype=dtype)
    S = transformed(X, n_times.bit_length() - 1, 4)
    # Averages weigh with what sums to one.
    torch.testing.assert_close(S[:, 0], torch.full_like(S[:, 0], 7.0))
    assert S[:, 1:].abs().max() <= 80 * torch.finfo(dtype).eps


def test_a_wave_is_heard_at_its_own_frequency():
    J, Q = 7, 8
    frequencies = scattering_1d_frequencies(J, Q, 1)[1:]
    time = torch.arange(1024, dtype=torch.float64)
    for n, (frequency,) in enumerate(frequencies[:40]):
        X = torch.cos(2 * math.pi * frequency * time)[None]
        S = transformed(X, J, Q, 1)[0, 1:, 2:-2].mean(dim=1)
        assert S.argmax() == n


def test_what_swells_is_heard_by_order_two():
    J, Q = 8, 8
    paths = scattering_1d_paths(J, Q)
    frequencies = scattering_1d_frequencies(J, Q)
    carrier, swell = frequencies[paths.index((5, 4))]
    time = torch.arange(2048, dtype=torch.float64)
    wave = torch.cos(2 * math.pi * carrier * time)
    swelling = wave * (1 + torch.cos(2 * math.pi * swell * time))
    S = transformed(torch.stack([wave, swelling]), J, Q)[:, :, 2:-2].mean(dim=2)
    of_carrier = [i for i, path in enumerate(paths) if len(path) == 2 and path[0] == 5]
    assert paths[of_carrier[S[1, of_carrier].argmax()]] == (5, 4)
    assert S[0, of_carrier].max() < 0.1 * S[1, of_carrier].max()


def test_a_shift_changes_the_coefficients_less_than_the_samples():
    X = torch.zeros(2, 512, dtype=torch.float64)
    X[:, 200:300] = signals(9, 2, 100)
    shifted = X.roll(4, dims=1)

    def relative_change(before, after):
        change = (after - before).flatten(1).norm(dim=1)
        return change / before.flatten(1).norm(dim=1)

    of_coefficients = relative_change(transformed(X, 7, 8), transformed(shifted, 7, 8))
    assert (of_coefficients < 0.1 * relative_change(X, shifted)).all()


def test_the_signals_and_the_operators_are_not_changed():
    X = signals(5, 2, 64)
    operators = scattering_1d_operators(64, 4, 2, dtype=X.dtype)
    before = X.clone(), operators.first[0].clone(), operators.lowpass.clone()
    scattering_1d(X, operators)
    assert torch.equal(X, before[0])
    assert torch.equal(operators.first[0], before[1])
    assert torch.equal(operators.lowpass, before[2])
