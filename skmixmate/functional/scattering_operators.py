"""The operators of the scattering transform: filters, Fourier matrices, averages."""

import math

import torch
from torch import Tensor

from .scattering import Scattering
from .scattering_filters import (
    averages,
    cropped,
    morlet_filters,
    moved,
    padded_size,
    paddings,
)


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

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import scattering, scattering_operators
    >>> operators = scattering_operators((28, 28), J=2, L=8)
    >>> scattering(torch.zeros(5, 28, 28), operators).shape
    torch.Size([5, 81, 7, 7])
    """
    padded = [padded_size(size, J) for size in image_shape]
    shapes = [[size >> j for size in padded] for j in range(J)]
    wavelets = {}
    for j in range(J):
        filters = morlet_filters(padded, j, L)
        # A first-order path starts at level zero, a second-order one at level i < j.
        for i in range(max(j, 1)):
            wavelets[i, j] = _by_alias(cropped(filters, i), 2 ** (j - i))
    operators = Scattering(
        paddings=paddings(image_shape, padded),
        to_frequencies=[
            (_real_fourier(height), _complex_fourier(width)) for height, width in shapes
        ],
        from_frequencies=[
            (_inverse_fourier(height), _inverse_fourier(width))
            for height, width in shapes
        ],
        wavelets=wavelets,
        averages=averages(image_shape, padded, J),
    )
    return moved(operators, dtype, device)


def _by_alias(filters: Tensor, stride: int) -> Tensor:
    """Filters (L, H, W) as (h w, 1, L, stride^2), the mean over aliases included."""
    n_angles, height, width = filters.shape
    h, w = height // stride, width // stride
    filters = filters.reshape(n_angles, stride, h, stride, w).permute(2, 4, 0, 1, 3)
    return filters.reshape(h * w, 1, n_angles, stride**2) / stride**2


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
