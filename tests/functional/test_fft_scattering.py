"""Scattering by fast Fourier transforms, held to the form with Fourier matrices."""

import importlib

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skmixmate.functional import (
    fft_is_faster,
    fft_scattering,
    fft_scattering_operators,
    scattering,
    scattering_operators,
    scattering_paths,
)

TOLERANCES = {torch.float32: 1e-5, torch.float64: 1e-10}


def images(seed, *shape, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator).to(dtype)


def both_forms(X, J, L, max_order=2):
    shape, kind = tuple(X.shape[1:]), {"dtype": X.dtype}
    return (
        fft_scattering(X, fft_scattering_operators(shape, J, L, **kind), max_order),
        scattering(X, scattering_operators(shape, J, L, **kind), max_order),
    )


def assert_same(S, expected, J, L, max_order=2):
    """Each order by itself: the second may be a thousand times smaller."""
    assert S.shape == expected.shape
    assert S.dtype == expected.dtype
    assert S.is_contiguous()
    lengths = torch.tensor([len(path) for path in scattering_paths(J, L, max_order)])
    for order in range(max_order + 1):
        ours, theirs = S[:, lengths == order], expected[:, lengths == order]
        if theirs.numel():
            error = (ours - theirs).abs().max()
            rounding = 10 * torch.finfo(S.dtype).eps * expected.abs().max()
            assert error < TOLERANCES[S.dtype] * theirs.abs().max() + rounding


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize(
    ("shape", "J", "L", "max_order"),
    [
        *[((32, 32), 3, 8, 2), ((28, 28), 1, 8, 2), ((27, 33), 3, 4, 1)],
        # Strides of eight and more: not all frequencies are summed.
        *[((64, 64), 5, 2, 2), ((40, 17), 4, 3, 2), ((16, 16), 5, 1, 2)],
        *[
            ((1, 200), 3, 2, 2),
            ((60, 1), 3, 2, 2),
            ((1, 1), 3, 2, 2),
            ((3, 20), 2, 5, 2),
        ],
    ],
)
def test_the_numbers_of_the_plain_form(shape, J, L, max_order, dtype):
    X = images(0, 3, *shape, dtype=dtype)
    assert_same(*both_forms(X, J, L, max_order), J, L, max_order)


@settings(max_examples=15)
@given(
    *[st.integers(0, 2**32 - 1), st.integers(1, 24), st.integers(1, 24)],
    *[st.integers(1, 4), st.integers(1, 4)],
)
def test_the_numbers_of_the_plain_form_for_any_shape(seed, height, width, J, L):
    X = images(seed, 2, height, width)
    assert_same(*both_forms(X, J, L), J, L)


@pytest.mark.parametrize("max_order", [1, 2])
@pytest.mark.parametrize(("shape", "J"), [((9, 12), 2), ((32, 32), 4)])
def test_the_gradients_of_the_plain_form(shape, J, max_order):
    X = images(1, 2, *shape).requires_grad_()
    S, expected = both_forms(X, J, 3, max_order)
    weights = images(2, *S.shape)
    (gradient,) = torch.autograd.grad((weights * S).sum(), X)
    (plain,) = torch.autograd.grad((weights * expected).sum(), X)
    torch.testing.assert_close(
        gradient, plain, rtol=0, atol=1e-10 * plain.abs().max().item()
    )


def test_gradients_by_differences():
    X = images(3, 2, 5, 4).requires_grad_()
    operators = fft_scattering_operators((5, 4), 2, 2, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda X: fft_scattering(X, operators), X)
    assert torch.autograd.gradgradcheck(lambda X: fft_scattering(X, operators), X)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_the_gradient_at_a_constant_image_is_finite(value):
    X = torch.full((2, 8, 8), value, requires_grad=True)
    S, _ = both_forms(X, 2, 4)
    S.sum().backward()
    assert S.isfinite().all()
    assert X.grad.isfinite().all()


@pytest.mark.parametrize("value", [1e-37, 1e-18, 1e30])
def test_units_that_have_no_squares_lose_nothing(value):
    X = images(4, 2, 16, 16)
    expected, _ = both_forms(X, 2, 4)
    S, _ = both_forms((value * X).float(), 2, 4)
    torch.testing.assert_close(S.double(), value * expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("entries", [1, 1000, 2**30])
def test_moduli_at_a_time_do_not_matter(entries, monkeypatch):
    X = images(5, 3, 20, 20)
    expected, _ = both_forms(X, 3, 3)
    # The module has the name of its function.
    module = importlib.import_module("skmixmate.functional.fft_scattering")
    monkeypatch.setattr(module, "_CPU_ENTRIES", entries)
    S, _ = both_forms(X, 3, 3)
    torch.testing.assert_close(S, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("shape", "J", "is_faster"),
    [
        ((28, 28), 3, False),
        ((8, 8), 1, False),
        ((32, 32), 3, True),
        ((1, 200), 3, True),
    ],
)
def test_it_is_for_large_images(shape, J, is_faster):
    assert fft_is_faster(shape, J) is is_faster


def test_neither_images_nor_filters_are_changed():
    X = images(6, 2, 9, 9)
    operators = fft_scattering_operators((9, 9), 2, 2, dtype=X.dtype)
    before = X.clone(), operators.wavelets[0, 1][0, 0].clone()
    fft_scattering(X, operators)
    assert torch.equal(X, before[0])
    assert torch.equal(operators.wavelets[0, 1][0, 0], before[1])


def test_only_frequencies_that_are_heard_are_kept():
    operators = fft_scattering_operators((128, 128), 5, 8)
    assert set(operators.wavelets[0, 0]) == {(0, 0)}
    n_blocks = len(operators.wavelets[0, 4])
    assert 8 <= n_blocks < 64  # Of 256.
