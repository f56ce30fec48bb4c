"""The operators of the scattering transform: filters, Fourier matrices, averages.

The Morlet filters are those of kymatio, computed in double precision.
"""

import math

import torch
from torch import Tensor

from .scattering import Scattering

# kymatio's value of pi in the norm of its filters. With a better one, coefficients of
# order two would differ from kymatio's by 1e-4 of their size.
_PI = 3.1415


def scattering_operators(
    image_shape: tuple[int, int],
    J: int,
    L: int,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Scattering:
    """Compute the operators of a scattering transform.

    Parameters
    ----------
    image_shape : tuple of int
        Height and width of the images, in pixels.
    J : int
        Number of scales, at least one: averages are over about ``2^J`` pixels.
    L : int
        Number of angles, at least one.
    dtype : torch.dtype, default=torch.float32
    device : torch.device or str, default="cpu"

    Returns
    -------
    Scattering
    """
    padded = [_padded_size(size, J) for size in image_shape]
    shapes = [[size >> j for size in padded] for j in range(J)]
    lowpass = [_gaussian(size, 0.8 * 2 ** (J - 1)) for size in padded]
    wavelets = {}
    for j in range(J):
        filters = _morlet_filters(padded, j, L)
        # A first-order path starts at level zero, a second-order one at level i < j.
        for i in range(max(j, 1)):
            wavelets[i, j] = _by_alias(_cropped(filters, i), 2 ** (j - i))
    operators = Scattering(
        paddings=tuple(
            _reflection(s, p) for s, p in zip(image_shape, padded, strict=True)
        ),
        to_frequencies=[
            (_real_fourier(height), _complex_fourier(width)) for height, width in shapes
        ],
        from_frequencies=[
            (_inverse_fourier(height), _inverse_fourier(width))
            for height, width in shapes
        ],
        wavelets=wavelets,
        averages=[
            tuple(
                _average(_cropped(hat, j, n_axes=1), size, J - j)
                for hat, size in zip(lowpass, image_shape, strict=True)
            )
            for j in range(J)
        ],
    )
    return _moved(operators, dtype, device)


def _padded_size(size: int, J: int) -> int:
    """Room for at least ``2^J / 2`` more pixels on each side, a multiple of ``2^J``."""
    return ((size + 2**J) // 2**J + 1) * 2**J


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


def _morlet_filters(shape: list[int], j: int, L: int) -> Tensor:
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


def _cropped(hat: Tensor, level: int, n_axes: int = 2) -> Tensor:
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


def _by_alias(filters: Tensor, stride: int) -> Tensor:
    """Filters (L, H, W) as (h w, 1, L, stride^2), the mean over aliases included."""
    n_angles, height, width = filters.shape
    h, w = height // stride, width // stride
    filters = filters.reshape(n_angles, stride, h, stride, w).permute(2, 4, 0, 1, 3)
    return filters.reshape(h * w, 1, n_angles, stride**2) / stride**2


def _average(hat: Tensor, size: int, log_stride: int) -> Tensor:
    """Matrix that filters an axis, samples it and keeps what is within the image."""
    filtered = torch.fft.ifft(
        torch.fft.fft(torch.eye(len(hat), dtype=torch.float64)) * hat
    )
    sampled = filtered.real.T[:: 2**log_stride]
    # The outermost samples are of the padding. An image of less than 2^J pixels is
    # centred on the second of its two samples.
    return sampled[1:-1] if len(sampled) > 2 else sampled[1:]


def _fourier(size: int) -> tuple[Tensor, Tensor]:
    """Real and imaginary parts of the matrix of the Fourier transform."""
    k = torch.arange(size, dtype=torch.float64)
    # Without the remainder, angles of many turns would be rounded.
    angles = 2 * math.pi / size * torch.outer(k, k).remainder(size)
    return torch.cos(angles), -torch.sin(angles)


def _real_fourier(size: int) -> Tensor:
    """Fourier transform of a real axis, (2 size, size): (frequency, part) from u."""
    return torch.stack(_fourier(size), dim=1).flatten(0, 1)


def _complex_fourier(size: int) -> Tensor:
    """Fourier transform, (2 size, 2 size): (frequency, part) from (part, u)."""
    return _real_matrix(*_fourier(size)).permute(2, 0, 1, 3).reshape(2 * size, -1)


def _inverse_fourier(size: int) -> Tensor:
    """Inverse transform, (2 size, 2 size): (part, u) from (frequency, part)."""
    cos, minus_sin = _fourier(size)
    matrix = _real_matrix(cos / size, -minus_sin / size)
    return matrix.permute(0, 2, 3, 1).reshape(2 * size, -1)


def _real_matrix(real: Tensor, imaginary: Tensor) -> Tensor:
    """A complex matrix as a real one, (part out, part in, rows, columns)."""
    return torch.stack(
        [torch.stack([real, -imaginary]), torch.stack([imaginary, real])]
    )


def _moved(item, dtype, device):
    """A nest of tensors in another dtype, integers excepted, and on another device."""
    if isinstance(item, Tensor):
        return item.to(device, dtype if item.is_floating_point() else None)
    if isinstance(item, dict):
        return {key: _moved(value, dtype, device) for key, value in item.items()}
    moved = [_moved(value, dtype, device) for value in item]
    return type(item)(*moved) if isinstance(item, Scattering) else type(item)(moved)
