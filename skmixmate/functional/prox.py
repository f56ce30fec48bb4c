"""Proximal operators of the sparsity penalties.

Each maps ``v`` to ``argmin_z 0.5 * ||z - v||^2 + threshold * Omega(z)``.
"""

import torch
from torch import Tensor


def soft_threshold(v: Tensor, threshold: float) -> Tensor:
    """Proximal operator of the l1 norm: ``sign(v) * (|v| - threshold)_+``.

    Parameters
    ----------
    v : Tensor of shape (..., P)
    threshold : float, nonnegative

    Returns
    -------
    Tensor of shape (..., P)

    References
    ----------
    MixMate (ICASSP 2022), the operator ``f`` of eq. 4.
    """
    return torch.nn.functional.softshrink(v, threshold)


def nonnegative_soft_threshold(v: Tensor, threshold: float) -> Tensor:
    """Proximal operator of the l1 norm on nonnegative codes: ``(v - threshold)_+``.

    Parameters
    ----------
    v : Tensor of shape (..., P)
    threshold : float, nonnegative

    Returns
    -------
    Tensor of shape (..., P)
    """
    return torch.relu(v - threshold)


def group_norms(v: Tensor, group_size: int) -> Tensor:
    """Euclidean norm of each group of ``group_size`` consecutive entries.

    Parameters
    ----------
    v : Tensor of shape (..., P), P a multiple of ``group_size``
    group_size : int

    Returns
    -------
    Tensor of shape (..., P / group_size)
        The gradient at an all-zero group is zero, as the penalty's subgradient allows.
    """
    groups = v.unflatten(-1, (-1, group_size))
    return torch.linalg.vector_norm(groups, dim=-1)


def block_soft_threshold(v: Tensor, threshold: float, group_size: int) -> Tensor:
    """Proximal operator of the sum of group norms: ``(1 - threshold/||v_g||)_+ v_g``.

    Parameters
    ----------
    v : Tensor of shape (..., P), P a multiple of ``group_size``
    threshold : float, nonnegative
    group_size : int

    Returns
    -------
    Tensor of shape (..., P)

    References
    ----------
    Group-sparse autoencoders (arXiv:2102.07003), eq. 7.
    """
    # Where atoms are not side by side in memory, a copy costs less than strided sums.
    v = v.contiguous()
    norms = group_norms(v, group_size)
    # A zero group has shrinkage 0/tiny = 0 and stays zero, without a division by zero.
    tiny = torch.finfo(v.dtype).tiny
    shrinkage = torch.relu(norms - threshold) / norms.clamp(min=tiny)
    return (v.unflatten(-1, (-1, group_size)) * shrinkage.unsqueeze(-1)).flatten(-2)


def nonnegative_block_soft_threshold(
    v: Tensor, threshold: float, group_size: int
) -> Tensor:
    """Proximal operator of the sum of group norms on nonnegative codes.

    It is block soft thresholding of the positive part: the projection comes first.

    Parameters
    ----------
    v : Tensor of shape (..., P), P a multiple of ``group_size``
    threshold : float, nonnegative
    group_size : int

    Returns
    -------
    Tensor of shape (..., P)
    """
    return block_soft_threshold(torch.relu(v), threshold, group_size)
