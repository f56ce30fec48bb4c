"""The scattering transform: kymatio's numbers, gradients, and what the theory says."""

import functools
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skmixmate.functional import scattering, scattering_operators, scattering_paths

with warnings.catch_warnings():
    # Its public import fails with recent SciPy, and old code may warn.
    warnings.simplefilter("ignore")
    from kymatio.scattering2d.backend.torch_backend import TorchBackend2D
    from kymatio.scattering2d.core.scattering2d import scattering2d
    from kymatio.scattering2d.filter_bank import filter_bank
    from kymatio.scattering2d.frontend.torch_frontend import ScatteringTorch2D

quick = settings(max_examples=8)
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 20)
scales = st.integers(1, 3)
angles = st.integers(1, 4)
cached_kymatio = functools.lru_cache(ScatteringTorch2D)
cached_operators = functools.lru_cache(scattering_operators)


def images(seed, *shape, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator).to(dtype)


def transformed(X, J, L, max_order=2):
    operators = cached_operators(tuple(X.shape[1:]), J, L, dtype=X.dtype)
    return scattering(X, operators, max_order)


def orders(S, J, L, max_order=2):
    """Coefficients of order zero, one, and two, if there are any."""
    order = torch.tensor([len(path) for path in scattering_paths(J, L, max_order)])
    assert S.shape[1] == len(order)
    return [S[:, order == n] for n in range(order.max() + 1)]


def assert_kymatio(S, expected, J, L, max_order=2):
    assert S.shape == expected.shape
    ours, theirs = (orders(s.double(), J, L, max_order) for s in (S, expected))
    for actual, reference in zip(ours, theirs, strict=True):
        error = (actual - reference).abs().max()
        assert error < 1e-5
        # An order may be a thousand times smaller than another. kymatio's filters are
        # rounded to single precision.
        assert error < 1e-5 * reference.abs().max() + 1e-7


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("shape", "J", "L", "max_order"),
    [
        ((28, 28), 1, 8, 2),
        ((28, 28), 2, 8, 1),
        ((28, 28), 3, 8, 2),
        ((8, 8), 2, 8, 2),
        ((16, 16), 4, 3, 2),
        ((27, 33), 3, 4, 2),
        ((33, 9), 3, 5, 1),
        ((7, 24), 2, 6, 2),
        ((2, 3), 1, 1, 2),
    ],
)
def test_the_numbers_of_kymatio(shape, J, L, max_order, dtype):
    X = images(0, 3, *shape, dtype=dtype)
    kymatio = cached_kymatio(J, shape, L=L, max_order=max_order).double()
    S = transformed(X, J, L, max_order)
    assert S.dtype == dtype
    assert S.is_contiguous()
    assert S.shape[2:] == (shape[0] >> J, shape[1] >> J)
    assert_kymatio(S, kymatio(X.double()), J, L, max_order)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@quick
@given(seed=seeds, J=scales, L=angles, data=st.data())
def test_the_numbers_of_kymatio_for_any_shape(dtype, seed, J, L, data):
    # kymatio refuses exactly the images with a side of less than 2^J pixels.
    sides = st.integers(2**J, 20)
    X = images(seed, 2, data.draw(sides), data.draw(sides), dtype=dtype)
    kymatio = cached_kymatio(J, tuple(X.shape[1:]), L=L).double()
    assert_kymatio(transformed(X, J, L), kymatio(X.double()), J, L)


def kymatio_of_small_images(X, J, L):
    """What kymatio would give for small images, with paddings of our own."""
    padded = [((size + 2**J) // 2**J + 1) * 2**J for size in X.shape[1:]]
    extra = [p - size for p, size in zip(padded, X.shape[1:], strict=True)]
    widths = [(n // 2, n - n // 2) for n in extra]

    def pad(X):
        X = np.pad(X.numpy(), [(0, 0), *widths], mode="reflect")
        return torch.tensor(X)[..., None]

    def unpad(S):
        rows, columns = (slice(1, -1 if n > 2 else None) for n in S.shape[-3:-1])
        return S[..., rows, columns, 0]

    def tensors(item):
        levels = [torch.tensor(level)[..., None].double() for level in item["levels"]]
        return {**item, "levels": levels}

    filters = filter_bank(*padded, J, L)
    phi, psi = tensors(filters["phi"]), [tensors(psi) for psi in filters["psi"]]
    return scattering2d(X, pad, unpad, TorchBackend2D, J, L, phi, psi, max_order=2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("shape", "J"),
    [
        ((9, 9), 3),  # kymatio takes these: the reference is right.
        *[((7, 7), 3), ((3, 20), 3), ((20, 3), 2), ((5, 2), 3), ((2, 2), 4)],
        *[((1, 1), 1), ((1, 1), 3), ((1, 30), 3), ((30, 1), 2), ((1, 2), 1)],
    ],
)
def test_images_smaller_than_the_averages(shape, J, dtype):
    X = images(1, 2, *shape, dtype=dtype)
    S = transformed(X, J, 3)
    assert S.shape[2:] == tuple(max(size >> J, 1) for size in shape)
    assert_kymatio(S, kymatio_of_small_images(X.double(), J, 3), J, 3)


@pytest.mark.parametrize("max_order", [1, 2])
@pytest.mark.parametrize(("J", "L"), [(1, 3), (2, 1), (3, 2), (4, 2)])
def test_paths_are_in_the_order_of_kymatio(J, L, max_order):
    kymatio = cached_kymatio(J, (2**J, 2**J), L=L, max_order=max_order, out_type="list")
    expected = [
        tuple(zip(S["j"], S["theta"], strict=True))
        for S in kymatio(torch.zeros(1, 2**J, 2**J))
    ]
    assert scattering_paths(J, L, max_order) == expected
    assert max_order == 2 or max(map(len, expected)) == 1


@pytest.mark.parametrize("max_order", [1, 2])
@pytest.mark.parametrize("shape", [(5, 4), (1, 3), (2, 2)])
def test_gradients(shape, max_order):
    X = images(2, 2, *shape).requires_grad_()
    operators = scattering_operators(shape, 2, 2, dtype=torch.float64)

    def transform(X):
        return scattering(X, operators, max_order)

    assert torch.autograd.gradcheck(transform, X)
    assert torch.autograd.gradgradcheck(transform, X)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("shape", [(8, 8), (1, 1)])
def test_the_gradient_at_a_constant_image_is_finite(shape, value, dtype):
    X = torch.full((2, *shape), value, dtype=dtype, requires_grad=True)
    S = transformed(X, 2, 4)
    S.sum().backward()
    assert S.isfinite().all()
    assert X.grad.isfinite().all()


@pytest.mark.parametrize("value", [1e-37, 1e-18, 1e30])
def test_units_that_have_no_squares_lose_nothing(value):
    X = images(8, 2, 8, 8)
    expected = transformed(X, 2, 4)
    X = (value * X).float().requires_grad_()
    S = transformed(X, 2, 4)
    torch.testing.assert_close(S.double(), value * expected, rtol=1e-4, atol=0)
    # Of order one in X, so that gradients have no unit.
    S.sum().backward()
    doubles = X.detach().double().requires_grad_()
    transformed(doubles, 2, 4).sum().backward()
    torch.testing.assert_close(X.grad.double(), doubles.grad, rtol=1e-3, atol=1e-4)


def test_one_blank_image_leaves_the_others_alone():
    X = images(3, 3, 8, 8)
    X[1] = 0.0
    X.requires_grad_()
    transformed(X, 2, 4).square().sum().backward()
    alone = X.detach()[:1].requires_grad_()
    transformed(alone, 2, 4).square().sum().backward()
    torch.testing.assert_close(X.grad[:1], alone.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@quick
@given(seeds, sizes, sizes, scales, angles)
def test_moduli_are_not_negative(dtype, seed, height, width, J, L):
    X = images(seed, 2, height, width, dtype=dtype)
    slack = 16 * torch.finfo(dtype).eps * X.abs().max()
    _, *averages_of_moduli = orders(transformed(X, J, L), J, L)
    for S in averages_of_moduli:
        assert S.min() >= -slack


@quick
@given(seeds, sizes, sizes, scales, angles, st.floats(-3, 3))
def test_homogeneous(seed, height, width, J, L, exponent):
    X = images(seed, 2, height, width)
    S, c = transformed(X, J, L), 10.0**exponent
    atol = 1e-12 * c * X.abs().max().item()
    torch.testing.assert_close(transformed(c * X, J, L), c * S, rtol=1e-10, atol=atol)
    # The modulus forgets the sign, the average does not.
    sign = torch.ones(S.shape[1], 1, 1, dtype=S.dtype)
    sign[0] = -1.0
    torch.testing.assert_close(
        transformed(-X, J, L), sign * S, rtol=1e-10, atol=atol / c
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@quick
@given(
    # Subnormal numbers have no relative precision.
    st.floats(-1e3, 1e3).map(lambda value: value if abs(value) > 1e-30 else 0.0),
    sizes,
    sizes,
    scales,
    angles,
)
def test_constant_images_have_only_order_zero(dtype, value, height, width, J, L):
    X = torch.full((1, height, width), value, dtype=dtype)
    zero, *others = orders(transformed(X, J, L), J, L)
    # Half a per cent off: the norm of kymatio's Gaussian.
    torch.testing.assert_close(zero, torch.full_like(zero, value), rtol=5e-3, atol=0)
    rounding = 8 * torch.finfo(dtype).eps * abs(value)
    for S in others:
        assert S.abs().max() <= rounding


@quick
@given(seeds, scales, angles)
def test_a_shift_changes_the_coefficients_less_than_the_pixels(seed, J, L):
    X = torch.zeros(2, 24, 24, dtype=torch.float64)
    X[:, 8:16, 8:16] = images(seed, 2, 8, 8)
    shifted = X.roll((1, 1), dims=(1, 2))

    def relative_change(before, after):
        change = (after - before).flatten(1).norm(dim=1)
        return change / before.flatten(1).norm(dim=1)

    of_coefficients = relative_change(transformed(X, J, L), transformed(shifted, J, L))
    assert (of_coefficients < 0.75 * relative_change(X, shifted)).all()


@quick
@given(seeds, sizes, sizes, scales, angles)
def test_images_do_not_mix(seed, height, width, J, L):
    X = images(seed, 3, height, width)
    alone = torch.cat([transformed(x[None], J, L) for x in X])
    torch.testing.assert_close(transformed(X, J, L), alone, rtol=1e-10, atol=1e-13)


def test_turning_an_image_permutes_the_angles():
    J, L = 2, 4
    X = torch.zeros(1, 33, 33, dtype=torch.float64)
    X[0, 12:21, 12:21] = images(4, 9, 9)

    def energies(X):
        first = transformed(X, J, L, 1)[0, 1:].mean(dim=(1, 2))
        return first.view(J, L)

    # A quarter turn is L / 2 of the angles; samples fall on other pixels.
    turned = energies(X.rot90(dims=(1, 2)))
    torch.testing.assert_close(
        turned, energies(X).roll(L // 2, dims=1), rtol=0.02, atol=0.0
    )


def test_a_wave_is_heard_at_its_own_angle_and_scale():
    J, L = 3, 8
    paths = scattering_paths(J, L, 1)
    row = torch.arange(64, dtype=torch.float64)
    for j in range(J):
        for index in range(L):
            angle = (L // 2 - 1 - index) * np.pi / L
            u, v = row[:, None] * np.cos(angle), row * np.sin(angle)
            X = torch.cos(0.75 * np.pi / 2**j * (u + v))[None]
            S = transformed(X, J, L, 1)[0, :, 2:-2, 2:-2].mean(dim=(1, 2))
            assert paths[1 + S[1:].argmax()] == ((j, index),)


def test_the_images_and_the_operators_are_not_changed():
    X = images(5, 2, 9, 9)
    operators = scattering_operators((9, 9), 2, 2, dtype=X.dtype)
    before = X.clone(), operators.wavelets[0, 1].clone()
    scattering(X, operators)
    assert torch.equal(X, before[0])
    assert torch.equal(operators.wavelets[0, 1], before[1])
