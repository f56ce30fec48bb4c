"""Largest eigenpairs of a symmetric operator, by products with blocks of vectors."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["block_size", "leading_eigenpairs"]

# Vectors beyond those wanted, as a share of them and at least so many: what is wanted
# converges by its distance from the last of these, and eigenvalues lie close together.
_MORE, _LEAST_MORE = 0.5, 10
# What a filter makes of the largest eigenvector beside the last one of the block: more,
# and the others would drown in its rounding errors. At most so many products each.
_LARGEST_GAIN, _LARGEST_DEGREE = 1e6, 50
# Three to six do for graphs of images.
_MOST_FILTERS = 60


def block_size(n_components: int, n: int) -> int:
    """Number of columns to start with, for so many eigenpairs of an operator of size n.

    Parameters
    ----------
    n_components, n : int

    Returns
    -------
    int
    """
    return min(n, n_components + max(_LEAST_MORE, math.ceil(_MORE * n_components)))


def leading_eigenpairs(
    product: Callable[[Tensor], Tensor],
    start: Tensor,
    n_components: int,
    tol: float = 1e-10,
) -> tuple[Tensor, Tensor] | None:
    """Find the largest eigenvalues of an operator with all eigenvalues in [-1, 1].

    By few products with many vectors each, and little else, which is what a GPU is good
    at. On a CPU, Lanczos' method takes less time, up to a quarter.

    Parameters
    ----------
    product : callable
        From vectors (n, b), float64, to the products of the operator, symmetric, with
        them.
    start : Tensor of shape (n, b)
        Random, in double precision; b is `block_size`.
    n_components : int
        Less than b, unless b is n.
    tol : float, default=1e-10
        Largest norm of ``A v - lambda v`` of what is returned.

    Returns
    -------
    values : Tensor of shape (n_components,)
        Largest first.
    vectors : Tensor of shape (n, n_components)
        Orthonormal.
    None
        In place of both if they do not converge, as where more eigenvalues than there
        are columns are equal.

    Notes
    -----
    Subspace iteration: a Chebyshev polynomial that is small on the interval from -1 to
    the least Ritz value of the block, and grows fast beyond, is applied to the block,
    which is then made orthonormal and rotated to its Ritz vectors.

    References
    ----------
    Zhou, Saad, Tiago and Chelikowsky, "Self-consistent-field calculations using
    Chebyshev-filtered subspace iteration" (2006), algorithm 4.1 for the scaled
    polynomial.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional.leading_eigenpairs import leading_eigenpairs
    >>> A = torch.linspace(-1.0, 1.0, 100, dtype=torch.float64).diag()
    >>> start = torch.eye(100, 12, dtype=torch.float64) + 0.1
    >>> values, vectors = leading_eigenpairs(lambda V: A @ V, start, 2)
    >>> values.round(decimals=4)
    tensor([1.0000, 0.9798], dtype=torch.float64)
    """
    V = start
    for _ in range(_MOST_FILTERS):
        V, _ = torch.linalg.qr(V)
        AV = product(V)
        projected = V.T @ AV
        values, rotation = torch.linalg.eigh(0.5 * (projected + projected.T))
        values, rotation = values.flip(0), rotation.flip(1)
        V, AV = V @ rotation, AV @ rotation
        wanted = slice(n_components)
        left = AV[:, wanted] - V[:, wanted] * values[wanted]
        if float(torch.linalg.vector_norm(left, dim=0).max()) <= tol:
            return values[wanted], V[:, wanted]
        V = _filtered(product, V, AV, float(values[-1]))
    return None


def _filtered(product, V: Tensor, AV: Tensor, bound: float) -> Tensor:
    """A polynomial of the operator, small from -1 to ``bound``, times vectors V.

    It is one at an eigenvalue of one.
    """
    # The interval's middle and half of its length, which rounding may not make zero.
    middle, half = 0.5 * (bound - 1.0), max(0.5 * (bound + 1.0), 1e-8)
    top = (1.0 - middle) / half
    degree = math.log(2.0 * _LARGEST_GAIN) / math.acosh(max(top, 1.0 + 1e-12))
    degree = min(max(int(degree), 2), _LARGEST_DEGREE)
    ratio = 1.0 / top
    before, now = V, (AV - middle * V) * (ratio / half)
    for _ in range(degree - 1):
        next_ratio = 1.0 / (2.0 * top - ratio)
        following = (product(now) - middle * now) * (2.0 * next_ratio / half)
        following -= (ratio * next_ratio) * before
        before, now, ratio = now, following, next_ratio
    return now
