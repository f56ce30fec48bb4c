"""Proximal operators of the sparsity penalties.

Each maps ``v`` to ``argmin_z 0.5 * ||z - v||^2 + threshold * Omega(z)``.
"""

import torch
from torch import Tensor


def soft_threshold(v: Tensor, threshold: float | Tensor) -> Tensor:
    """Proximal operator of the l1 norm: ``sign(v) * (|v| - threshold)_+``.

    Parameters
    ----------
    v : Tensor of shape (..., P)
    threshold : float or Tensor that broadcasts with ``v``, nonnegative

    Returns
    -------
    Tensor of shape (..., P)

    References
    ----------
    MixMate (ICASSP 2022), the operator ``f`` of eq. 4.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import soft_threshold
    >>> soft_threshold(torch.tensor([3.0, 0.5, -2.0]), 1.0)
    tensor([ 2.,  0., -1.])
    """
    if isinstance(threshold, Tensor):
        return v - v.clamp(-threshold, threshold)
    return torch.nn.functional.softshrink(v, threshold)


def nonnegative_soft_threshold(v: Tensor, threshold: float | Tensor) -> Tensor:
    """Proximal operator of the l1 norm on nonnegative codes: ``(v - threshold)_+``.

    Parameters
    ----------
    v : Tensor of shape (..., P)
    threshold : float or Tensor that broadcasts with ``v``, nonnegative

    Returns
    -------
    Tensor of shape (..., P)

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import nonnegative_soft_threshold
    >>> nonnegative_soft_threshold(torch.tensor([3.0, 0.5, -2.0]), 1.0)
    tensor([2., 0., 0.])
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
        Norms whose squares underflow (1e-19 in single precision) count as zero. The
        gradient at an all-zero group is zero, as the penalty's subgradient allows.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import group_norms
    >>> group_norms(torch.tensor([3.0, 4.0, 0.0, 0.0]), group_size=2)
    tensor([5., 0.])
    """
    norms = _positive_norms(v, group_size)
    return norms.masked_fill(norms <= torch.finfo(v.dtype).tiny ** 0.5, 0.0)


def block_soft_threshold(
    v: Tensor, threshold: float | Tensor, group_size: int
) -> Tensor:
    """Proximal operator of the sum of group norms: ``(1 - threshold/||v_g||)_+ v_g``.

    Parameters
    ----------
    v : Tensor of shape (..., P), P a multiple of ``group_size``
    threshold : float or Tensor that broadcasts with (..., P / group_size), nonnegative
    group_size : int

    Returns
    -------
    Tensor of shape (..., P)

    References
    ----------
    Group-sparse autoencoders (arXiv:2102.07003), eq. 7.

    Examples
    --------
    The first group, of norm 5, is shortened; the second is too short to stay:

    >>> import torch
    >>> from skmixmate.functional import block_soft_threshold
    >>> v = torch.tensor([3.0, 4.0, 0.3, 0.4])
    >>> block_soft_threshold(v, 2.5, group_size=2)
    tensor([1.5000, 2.0000, 0.0000, 0.0000])
    """
    norms = _positive_norms(v, group_size)
    return _scaled_groups(v, torch.relu(norms - threshold) / norms, group_size)


def block_soft_threshold_backward(
    grad: Tensor, v: Tensor, threshold: float | Tensor, group_size: int
) -> Tensor:
    """Gradient of ``v`` from ``grad``, that of its `block_soft_threshold`.

    What autograd gives, in less time.

    Parameters
    ----------
    grad, v : Tensor of shape (..., P), P a multiple of ``group_size``
    threshold : float or Tensor that broadcasts with (..., P / group_size), nonnegative
    group_size : int

    Returns
    -------
    Tensor of shape (..., P)

    Notes
    -----
    Where ``||v_g|| > threshold``, and zero elsewhere::

        (1 - threshold/||v_g||) grad_g + threshold/||v_g||^3 <v_g, grad_g> v_g

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import (
    ...     block_soft_threshold,
    ...     block_soft_threshold_backward,
    ... )
    >>> v = torch.tensor([3.0, 4.0, 0.3, 0.4], requires_grad=True)
    >>> block_soft_threshold(v, 2.5, group_size=2).sum().backward()
    >>> grad = block_soft_threshold_backward(torch.ones(4), v.detach(), 2.5, 2)
    >>> torch.allclose(grad, v.grad)
    True
    """
    norms = _positive_norms(v, group_size)
    excess = torch.relu(norms - threshold)
    # Divided one by one, since third powers leave the range of single precision.
    along = _group_sums(v * grad, group_size) / norms / norms / norms
    along = along * threshold * (excess > 0)
    return _scaled_groups(grad, excess / norms, group_size) + _scaled_groups(
        v, along, group_size
    )


def nonnegative_block_soft_threshold(
    v: Tensor, threshold: float | Tensor, group_size: int
) -> Tensor:
    """Proximal operator of the sum of group norms on nonnegative codes.

    It is block soft thresholding of the positive part: the projection comes first.

    Parameters
    ----------
    v : Tensor of shape (..., P), P a multiple of ``group_size``
    threshold : float or Tensor that broadcasts with (..., P / group_size), nonnegative
    group_size : int

    Returns
    -------
    Tensor of shape (..., P)

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import nonnegative_block_soft_threshold
    >>> v = torch.tensor([2.0, -4.0, 3.0, 4.0])
    >>> nonnegative_block_soft_threshold(v, 1.0, group_size=2)
    tensor([1.0000, 0.0000, 2.4000, 3.2000])
    """
    return block_soft_threshold(torch.relu(v), threshold, group_size)


def _positive_norms(v: Tensor, group_size: int) -> Tensor:
    """Norms of groups that can be divided by, also those of zeros.

    No gradient flows to a group of zeros.
    """
    squares = _group_sums(v.square(), group_size)
    return squares.clamp(min=torch.finfo(v.dtype).tiny).sqrt()


# Where samples, not atoms, are side by side in memory, sums over groups and products
# with them go over the transpose: else they would take many times as long.


def _group_sums(values: Tensor, group_size: int) -> Tensor:
    """Sum of each group, (..., P / group_size)."""
    if _has_samples_last(values):
        return values.mT.unflatten(-2, (-1, group_size)).sum(-2).mT
    return values.unflatten(-1, (-1, group_size)).sum(-1)


def _scaled_groups(values: Tensor, factors: Tensor, group_size: int) -> Tensor:
    """Groups times a factor each, (..., P / group_size), in the shape of the values."""
    if _has_samples_last(values):
        groups = values.mT.unflatten(-2, (-1, group_size))
        return (groups * factors.mT.unsqueeze(-2)).flatten(-3, -2).mT
    groups = values.unflatten(-1, (-1, group_size))
    return (groups * factors.unsqueeze(-1)).flatten(-2)


def _has_samples_last(values: Tensor) -> bool:
    return values.ndim > 1 and values.stride(-1) != 1
