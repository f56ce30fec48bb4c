"""The wavelet scattering transform of images, as matrix products.

``S x = [x * phi, |x * psi| * phi, ||x * psi| * psi'| * phi]``: averages of an image, of
the moduli of its wavelet coefficients, and of the moduli of theirs (Bruna and Mallat,
"Invariant scattering convolution networks", 2013). Filters, padding and sampling are
those of kymatio, so that the numbers are too.

Images are small and only a few averages of each path survive, so Fourier transforms and
averages are products with small matrices, over all images and paths at once: images are
the *last* axis, Q of them (or of images times paths), and no product needs a transpose.
A complex array is real with an axis of length two for its real and imaginary parts.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor


class Scattering(NamedTuple):
    """The linear operators of a scattering transform; see `scattering_operators`.

    Level j is the grid that is sampled every ``2^j`` pixels. Paddings are the pixels
    that a padded row, or column, is copied from. Fourier matrices take one axis at a
    time: ``to_frequencies[j]`` and ``from_frequencies[j]`` are pairs, for the axis of
    rows and that of columns. ``wavelets[i, j]`` (H W, 1, L, aliases) are the filters of
    scale j on the frequencies of level i, ready to be summed over the frequencies that
    become one at level j. ``averages[j]`` is a pair of matrices that average and sample
    the rows and the columns of level j.

    Examples
    --------
    >>> from skmixmate.functional import scattering_operators
    >>> operators = scattering_operators((8, 8), J=2, L=4)
    >>> list(operators.wavelets)
    [(0, 0), (0, 1)]
    >>> [tuple(rows.shape) for rows, _ in operators.averages]
    [(2, 16), (2, 8)]
    """

    paddings: tuple[Tensor, ...]
    to_frequencies: list[tuple[Tensor, Tensor]]
    from_frequencies: list[tuple[Tensor, Tensor]]
    wavelets: dict[tuple[int, int], Tensor]
    averages: list[tuple[Tensor, ...]]


def scattering_paths(J: int, L: int, max_order: int = 2) -> list[tuple]:
    """Paths in the order of the coefficients.

    Returns
    -------
    list of tuple
        ``()`` of order zero, ``((j, angle),)`` of order one and
        ``((j, angle), (j2, angle2))`` with ``j2 > j`` of order two.

    Examples
    --------
    >>> from skmixmate.functional import scattering_paths
    >>> scattering_paths(J=2, L=1)
    [(), ((0, 0),), ((1, 0),), ((0, 0), (1, 0))]
    """
    first = [(j, angle) for j in range(J) for angle in range(L)]
    paths = [(), *((path,) for path in first)]
    if max_order == 2:
        paths += [(a, b) for a in first for b in first if b[0] > a[0]]
    return paths


def scattering(X: Tensor, operators: Scattering, max_order: int = 2) -> Tensor:
    """Scattering coefficients of images; differentiable.

    Parameters
    ----------
    X : Tensor of shape (B, height, width)
        In the dtype and on the device of the operators.
    operators : Scattering
    max_order : {1, 2}, default=2

    Returns
    -------
    Tensor of shape (B, n_paths, rows, columns)
        Paths as in `scattering_paths`. There is a row for every ``2^J`` pixels of
        height, and at least one; likewise columns.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import (
    ...     scattering,
    ...     scattering_operators,
    ...     scattering_paths,
    ... )
    >>> stripes = torch.tensor([1.0, -1.0]).repeat(8, 4)
    >>> X = torch.stack([stripes, stripes.T])
    >>> S = scattering(X, scattering_operators((8, 8), J=2, L=4))
    >>> S.shape
    torch.Size([2, 25, 2, 2])
    >>> paths = scattering_paths(J=2, L=4)
    >>> [paths[i] for i in S.mean((2, 3)).argmax(1)]
    [((0, 3),), ((0, 1),)]
    """
    rows, columns = operators.paddings
    unit = image_units(X.detach())
    U = (X / unit)[:, rows][:, :, columns].permute(1, 2, 0).contiguous()
    n_images, n_scales = len(X), len(operators.averages)
    orders = [[_averaged(U, operators, 0)], [], []]
    frequencies = _to_frequencies(U, operators, 0)
    for j in range(n_scales):
        U = _wavelet_modulus(frequencies, operators, 0, j)
        orders[1].append(_averaged(U, operators, j))
        if max_order == 1 or j == n_scales - 1:
            continue
        of_moduli = _to_frequencies(U, operators, j)
        second = [
            _averaged(_wavelet_modulus(of_moduli, operators, j, j2), operators, j2)
            for j2 in range(j + 1, n_scales)
        ]
        orders[2].append(_second_order(second, n_images))
    S = torch.cat([S for order in orders for S in order], dim=2)
    S = S.unflatten(2, (-1, n_images)) * unit.flatten()
    return S.permute(3, 2, 0, 1).contiguous()


def normalized_paths(S: Tensor) -> Tensor:
    """Divide the coefficients of each path by the largest magnitude among them.

    Parameters
    ----------
    S : Tensor of shape (B, n_paths, ...)
        Rows and columns last; channels before them share what they are divided by.

    Returns
    -------
    Tensor of the shape of S
        Paths that are rounding error beside the largest of their image stay small.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import normalized_paths
    >>> S = torch.tensor([[[8.0, 4.0], [0.5, 0.25]]])
    >>> normalized_paths(S)
    tensor([[[1.0000, 0.5000],
             [1.0000, 0.5000]]])
    """
    largest = S.abs().amax(dim=tuple(range(2, S.ndim)), keepdim=True)
    info = torch.finfo(S.dtype)
    rounding_error = 100.0 * info.eps * largest.amax(dim=1, keepdim=True)
    divisor = torch.maximum(largest, rounding_error)
    # Blank images have nothing to divide by, and subnormal numbers no digits to keep.
    return S / divisor.masked_fill(divisor < info.tiny, 1.0)


def image_units(X: Tensor) -> Tensor:
    """Power of two next to the largest magnitude of each image, (B, 1, 1).

    In this unit no modulus that matters is squared to nothing or to infinity, and
    powers of two leave the digits as they are.
    """
    largest = X.abs().amax(dim=(1, 2), keepdim=True)
    largest = largest.masked_fill(largest == 0.0, 1.0)
    mantissa, _ = torch.frexp(largest)
    # Twice the mantissa: the next power of two may be too large to be a number.
    return (largest / (2.0 * mantissa)).clamp(min=torch.finfo(X.dtype).tiny)


def _to_frequencies(U: Tensor, operators: Scattering, level: int) -> Tensor:
    """Fourier transform of real images, (H, W, Q) to (H, W, 2, Q)."""
    height, width, n_images = U.shape
    row_matrix, column_matrix = operators.to_frequencies[level]
    F = row_matrix @ U.reshape(height, width * n_images)
    F = column_matrix @ F.view(height, 2 * width, n_images)
    return F.view(height, width, 2, n_images)


def _wavelet_modulus(F: Tensor, operators: Scattering, i: int, j: int) -> Tensor:
    """Moduli of the wavelet coefficients of scale j, sampled at level j.

    Parameters
    ----------
    F : Tensor of shape (H, W, 2, Q)
        Fourier transform at level i.

    Returns
    -------
    Tensor of shape (h, w, L * Q)
        Angles before images.
    """
    row_matrix, column_matrix = operators.from_frequencies[j]
    height, width, n_images = (
        row_matrix.shape[0] // 2,
        column_matrix.shape[0] // 2,
        F.shape[-1],
    )
    stride = F.shape[0] // height
    # Frequencies that sampling makes one, side by side.
    F = F.view(stride, height, stride, width, 2, n_images)
    F = F.permute(1, 3, 4, 0, 2, 5).reshape(height * width, 2, stride**2, n_images)
    wavelets = operators.wavelets[i, j]
    # A sum of one term is slow as a matrix product.
    W = wavelets * F if stride == 1 else wavelets @ F
    W = column_matrix @ W.reshape(height, 2 * width, -1)
    W = row_matrix @ W.view(2 * height, -1)
    return _Modulus.apply(W.view(2, height, width, -1))


class _Modulus(torch.autograd.Function):
    """Modulus over the first axis, of length two, whose gradient at zero is zero."""

    @staticmethod
    def forward(ctx, W):
        real, imaginary = W
        U = real.square().addcmul_(imaginary, imaginary).sqrt_()
        ctx.save_for_backward(W, U)
        return U

    @staticmethod
    def backward(ctx, grad):
        W, U = ctx.saved_tensors
        return W / U.clamp(min=torch.finfo(U.dtype).tiny) * grad


def _averaged(U: Tensor, operators: Scattering, level: int) -> Tensor:
    """Local averages of images at a level, (H, W, Q) to (rows, columns, Q)."""
    height, width, n_images = U.shape
    row_matrix, column_matrix = operators.averages[level]
    S = (row_matrix @ U.reshape(height, width * n_images)).view(-1, width, n_images)
    return column_matrix @ S


def _second_order(S: list[Tensor], n_images: int) -> Tensor:
    """Order paths as (first angle, second scale, second angle), images last.

    ``S`` has a tensor (rows, columns, L * L * B) for each second scale, second angles
    first.
    """
    stacked = torch.stack(S, dim=2)
    n_angles = math.isqrt(stacked.shape[-1] // n_images)
    stacked = stacked.unflatten(3, (n_angles, n_angles, n_images))
    return stacked.permute(0, 1, 4, 2, 3, 5).flatten(2)
