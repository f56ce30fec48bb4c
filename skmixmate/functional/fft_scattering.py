"""The wavelet scattering transform of large images, by fast Fourier transforms.

The numbers are those of `scattering`, whose products with dense Fourier matrices take
time that grows with the third power of an image's side. Here a wavelet is a product in
frequency, and sampling a sum over the frequencies that become one, of which only those
that the wavelet hears are summed. Averages are products with matrices, since few
survive.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from .scattering import image_units
from .scattering_filters import (
    averages,
    cropped,
    morlet_filters,
    moved,
    padded_size,
    paddings,
)

# Entries of the wavelet coefficients at a time: what a CPU's cache holds, what keeps a
# GPU busy.
_CPU_ENTRIES, _GPU_ENTRIES = 2**19, 2**26


# Sum of the sides of padded images from which this form is the faster one, as measured
# on a CPU; at 44 by 44 pixels neither is.
_LEAST_SIDES = 90


def fft_is_faster(image_shape: tuple[int, int], J: int) -> bool:
    """Whether `fft_scattering` takes less time than `scattering`.

    Examples
    --------
    >>> from skmixmate.functional import fft_is_faster
    >>> fft_is_faster((28, 28), J=2), fft_is_faster((96, 96), J=2)
    (False, True)
    """
    return sum(padded_size(size, J) for size in image_shape) >= _LEAST_SIDES


class FFTScattering(NamedTuple):
    """The filters of a scattering transform; see `fft_scattering_operators`.

    Level j is the grid that is sampled every ``2^j`` pixels. Paddings are the pixels
    that a padded row, or column, is copied from. Sampling at level j sums blocks of h
    by w frequencies; ``wavelets[i, j]`` has a pair of those of level i that scale j
    hears, by row and column of blocks, with its filters (L, h, 2 w) there, each number
    twice: for a real and an imaginary part. ``averages[j]`` is a pair of matrices that
    average and sample the rows and the columns of level j.

    Examples
    --------
    >>> from skmixmate.functional import fft_scattering_operators
    >>> operators = fft_scattering_operators((8, 8), J=2, L=4)
    >>> list(operators.wavelets)
    [(0, 0), (0, 1)]
    >>> [tuple(rows.shape) for rows, _ in operators.averages]
    [(2, 16), (2, 8)]
    """

    paddings: tuple[Tensor, ...]
    wavelets: dict[tuple[int, int], dict[tuple[int, int], Tensor]]
    averages: list[tuple[Tensor, ...]]


def fft_scattering_operators(
    image_shape: tuple[int, int],
    J: int,
    L: int,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> FFTScattering:
    """Compute the filters of a scattering transform by fast Fourier transforms.

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
    FFTScattering

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import fft_scattering, fft_scattering_operators
    >>> operators = fft_scattering_operators((64, 64), J=3, L=8)
    >>> fft_scattering(torch.zeros(2, 64, 64), operators).shape
    torch.Size([2, 217, 8, 8])
    """
    padded = [padded_size(size, J) for size in image_shape]
    wavelets = {}
    for j in range(J):
        filters = morlet_filters(padded, j, L)
        # A first-order path starts at level zero, a second-order one at level i < j.
        for i in range(max(j, 1)):
            wavelets[i, j] = _in_blocks(cropped(filters, i), 2 ** (j - i), dtype)
    operators = FFTScattering(
        paddings=paddings(image_shape, padded),
        wavelets=wavelets,
        averages=averages(image_shape, padded, J),
    )
    return moved(operators, dtype, device)


def fft_scattering(X: Tensor, operators: FFTScattering, max_order: int = 2) -> Tensor:
    """Scattering coefficients of images; differentiable.

    Parameters
    ----------
    X : Tensor of shape (B, height, width)
        In the dtype and on the device of the operators.
    operators : FFTScattering
    max_order : {1, 2}, default=2

    Returns
    -------
    Tensor of shape (B, n_paths, rows, columns)
        As `scattering` returns it.

    Examples
    --------
    >>> import torch
    >>> from skmixmate import functional
    >>> X = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(0))
    >>> operators = functional.fft_scattering_operators((8, 8), J=2, L=4)
    >>> S = functional.fft_scattering(X, operators)
    >>> S.shape
    torch.Size([2, 25, 2, 2])
    >>> operators = functional.scattering_operators((8, 8), J=2, L=4)
    >>> torch.allclose(S, functional.scattering(X, operators), atol=1e-5)
    True
    """
    rows, columns = operators.paddings
    unit = image_units(X.detach())
    U = (X / unit)[:, rows][:, :, columns]
    n_scales = len(operators.averages)
    orders = [[_averaged(U[:, None], operators, 0)], [], []]
    frequencies = torch.fft.fft2(U)
    for j in range(n_scales):
        U = _wavelet_modulus(frequencies, operators.wavelets[0, j])
        orders[1].append(_averaged(U, operators, j))
        if max_order == 2 and j < n_scales - 1:
            orders[2].append(_second_order(U, operators, j))
    return torch.cat([S for order in orders for S in order], dim=1) * unit[..., None]


def _second_order(U: Tensor, operators: FFTScattering, i: int) -> Tensor:
    """Coefficients of the paths that start with scale i, from its moduli.

    Parameters
    ----------
    U : Tensor of shape (B, L, H, W)

    Returns
    -------
    Tensor of shape (B, n_paths, rows, columns)
        Paths in the order of first angle, second scale, second angle.
    """
    n_images, n_angles, height, width = U.shape
    entries = _CPU_ENTRIES if U.device.type == "cpu" else _GPU_ENTRIES
    # Of the largest arrays, at the next level.
    n_moduli = max(1, 2 * entries // (n_angles * height * width))
    parts = []
    for moduli in U.flatten(0, 1).split(n_moduli):
        frequencies = torch.fft.fft2(moduli)
        scales = [
            _averaged(
                _wavelet_modulus(frequencies, operators.wavelets[i, j]), operators, j
            )
            for j in range(i + 1, len(operators.averages))
        ]
        parts.append(torch.cat(scales, dim=1))
    return torch.cat(parts).unflatten(0, (n_images, n_angles)).flatten(1, 2)


def _wavelet_modulus(F: Tensor, wavelets: dict[tuple[int, int], Tensor]) -> Tensor:
    """Moduli of the wavelet coefficients of a scale, sampled at its level.

    Parameters
    ----------
    F : Tensor of shape (Q, H, W), complex
        Fourier transforms.
    wavelets : dict
        Filters of shape (L, h, 2 w) of each block of frequencies that is heard.

    Returns
    -------
    Tensor of shape (Q, L, h, w)
    """
    (row, column), filters = next(iter(wavelets.items()))
    height, width = filters.shape[1], filters.shape[2] // 2
    stride = F.shape[1] // height
    # Parts are columns: products of complex with real numbers would copy the latter.
    F = torch.view_as_real(F).view(-1, 1, stride, height, stride, 2 * width)
    W = F[:, :, row, :, column] * filters
    for (row, column), filters in list(wavelets.items())[1:]:
        # In place, the sum passes over the memory once a block.
        W.addcmul_(F[:, :, row, :, column], filters)
    return torch.fft.ifft2(torch.view_as_complex(W.unflatten(-1, (width, 2)))).abs()


def _averaged(U: Tensor, operators: FFTScattering, level: int) -> Tensor:
    """Local averages at a level, (..., H, W) to (..., rows, columns)."""
    row_matrix, column_matrix = operators.averages[level]
    return row_matrix @ (U @ column_matrix.T)


def _in_blocks(
    filters: Tensor, stride: int, dtype: torch.dtype
) -> dict[tuple[int, int], Tensor]:
    """Blocks (L, h, 2 w) of filters (L, H, W), the mean over aliases included.

    Only those where a filter is more than rounding error of its largest value.
    """
    n_angles, height, width = filters.shape
    h, w = height // stride, width // stride
    magnitudes = filters.reshape(n_angles, stride, h, stride, w).abs().amax((0, 2, 4))
    is_heard = magnitudes > torch.finfo(dtype).eps * magnitudes.max()
    return {
        (row, column): (
            filters[:, row * h : (row + 1) * h, column * w : (column + 1) * w]
            .div(stride**2)
            .repeat_interleave(2, dim=-1)
        )
        for row, column in is_heard.nonzero().tolist()
    }
