"""What every form of the scattering transform is made of: padding, filters, averages.

The Morlet filters are those of kymatio, computed in double precision.
"""

import math

import torch
from torch import Tensor

__all__ = [
    "averages",
    "cropped",
    "morlet_filters",
    "moved",
    "padded_size",
    "paddings",
]

# kymatio's value of pi in the norm of its filters. With a better one, coefficients of
# order two would differ from kymatio's by 1e-4 of their size.
_PI = 3.1415


def padded_size(size: int, J: int) -> int:
    """Room for at least ``2^J / 2`` more pixels on each side, a multiple of ``2^J``."""
    return ((size + 2**J) // 2**J + 1) * 2**J


def paddings(image_shape, padded: list[int]) -> tuple[Tensor, ...]:
    """Pixels that padded rows, and columns, are copied from."""
    return tuple(
        _reflection(size, length)
        for size, length in zip(image_shape, padded, strict=True)
    )


def averages(image_shape, padded: list[int], J: int) -> list[tuple[Tensor, ...]]:
    """A pair of matrices for each level that average and sample rows and columns."""
    lowpass = [_gaussian(size, 0.8 * 2 ** (J - 1)) for size in padded]
    return [
        tuple(
            _average(cropped(hat, j, n_axes=1), size, J - j)
            for hat, size in zip(lowpass, image_shape, strict=True)
        )
        for j in range(J)
    ]


def _reflection(size: int, padded: int) -> Tensor:
    """Pixels that mirror an axis at its ends until it is ``padded`` long."""
    position = torch.arange(padded) - (padded - size) // 2
    period = max(2 * (size - 1), 1)
    return (size - 1) - (position.remainder(period) - (size - 1)).abs()


def _gaussian(size: int, sigma: float) -> Tensor:
    """Fourier transform of a periodic Gaussian on one axis, (size,)."""
    u = torch.arange(size, dtype=torch.float64)
    envelope = sum(
        torch.exp(-((u + shift * size) ** 2) / (2 * sigma**2)) for shift in range(-2, 3)
    )
    return torch.fft.fft(envelope).real / math.sqrt(2 * _PI * sigma**2)


def morlet_filters(shape: list[int], j: int, L: int) -> Tensor:
    """Fourier transforms of the Morlet wavelets of scale j, (L, H, W).

    They are real, since the wavelets are Hermitian; each is a plane wave under a
    Gaussian, minus as much of the Gaussian as makes its sum zero.
    """
    sigma, frequency, slant = 0.8 * 2**j, 0.75 * math.pi / 2**j, 4.0 / L
    filters = []
    for index in range(L):
        angle = (int(L - L / 2 - 1) - index) * math.pi / L
        wave, envelope = _gabor(shape, sigma, angle, frequency, slant)
        wavelet = wave - wave.sum() / envelope.sum() * envelope
        filters.append(torch.fft.fft2(wavelet).real)
    return torch.stack(filters)


def _gabor(
    shape, sigma: float, angle: float, frequency: float, slant: float
) -> tuple[Tensor, Tensor]:
    """A plane wave under a Gaussian, and the Gaussian, made periodic, (H, W)."""
    height, width = shape
    cos, sin = math.cos(angle), math.sin(angle)
    wave = torch.zeros(shape, dtype=torch.complex128)
    envelope = torch.zeros(shape, dtype=torch.float64)
    for row_shift in range(-2, 3):
        for column_shift in range(-2, 3):
            u = torch.arange(height, dtype=torch.float64)[:, None] + row_shift * height
            v = torch.arange(width, dtype=torch.float64) + column_shift * width
            along, across = u * cos + v * sin, slant * (v * cos - u * sin)
            magnitude = torch.exp(-(along**2 + across**2) / (2 * sigma**2))
            envelope += magnitude
            wave += torch.polar(magnitude, frequency * along)
    norm = 2 * _PI * sigma**2 / slant
    return wave / norm, envelope / norm


def cropped(hat: Tensor, level: int, n_axes: int = 2) -> Tensor:
    """Filters in the frequencies of a level: the lowest of the last ``n_axes`` axes."""
    for axis in range(-n_axes, 0):
        size = hat.shape[axis]
        kept = size >> level
        # One highest frequency is left, the negative one, unless all are kept.
        order = torch.arange(kept)
        hat = hat.index_select(
            axis, torch.where(order < kept // 2, order, order + size - kept)
        )
    return hat


def _average(hat: Tensor, size: int, log_stride: int) -> Tensor:
    """Matrix that filters an axis, samples it and keeps what is within the image."""
    filtered = torch.fft.ifft(
        torch.fft.fft(torch.eye(len(hat), dtype=torch.float64)) * hat
    )
    sampled = filtered.real.T[:: 2**log_stride]
    # The outermost samples are of the padding. An image of less than 2^J pixels is
    # centred on the second of its two samples.
    return sampled[1:-1] if len(sampled) > 2 else sampled[1:]


def moved(item, dtype, device):
    """A nest of tensors in another dtype, integers excepted, and on another device."""
    if isinstance(item, Tensor):
        return item.to(device, dtype if item.is_floating_point() else None)
    if isinstance(item, dict):
        return {key: moved(value, dtype, device) for key, value in item.items()}
    parts = [moved(value, dtype, device) for value in item]
    return type(item)(*parts) if hasattr(item, "_fields") else type(item)(parts)
