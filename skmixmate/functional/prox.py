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
    values, atoms = _atoms_axis(v)
    squares = _squared_norms(values, atoms, group_size)
    norms = _positive_root(squares).where(squares > 0.0, 0.0)
    return norms if atoms == -1 else norms.mT


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
    values, atoms = _atoms_axis(v)
    norms = _positive_root(_squared_norms(values, atoms, group_size))
    shrinkage = torch.relu(norms - threshold) / norms
    shrunk = _groups(values, atoms, group_size) * shrinkage.unsqueeze(atoms)
    shrunk = shrunk.flatten(atoms - 1, atoms)
    return shrunk if atoms == -1 else shrunk.mT


def block_soft_threshold_backward(
    grad: Tensor, v: Tensor, threshold: float, group_size: int
) -> Tensor:
    """Gradient of ``v`` from ``grad``, that of its `block_soft_threshold`.

    What autograd gives, in a third of the time.

    Parameters
    ----------
    grad, v : Tensor of shape (..., P), P a multiple of ``group_size``
    threshold : float, nonnegative
    group_size : int

    Returns
    -------
    Tensor of shape (..., P)

    Notes
    -----
    Where ``||v_g|| > threshold``, and zero elsewhere::

        (1 - threshold/||v_g||) grad_g + threshold/||v_g||^3 <v_g, grad_g> v_g
    """
    values, atoms = _atoms_axis(v)
    if atoms == -2:
        grad = grad.mT
    norms = _positive_root(_squared_norms(values, atoms, group_size))
    excess = torch.relu(norms - threshold)
    along = _groups(values * grad, atoms, group_size).sum(atoms)
    # Divided one by one, since third powers leave the range of single precision.
    along = along * threshold * (excess > 0) / norms / norms / norms
    result = torch.addcmul(
        _groups(grad, atoms, group_size) * (excess / norms).unsqueeze(atoms),
        _groups(values, atoms, group_size),
        along.unsqueeze(atoms),
    ).flatten(atoms - 1, atoms)
    return result if atoms == -1 else result.mT


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


def _atoms_axis(v: Tensor) -> tuple[Tensor, int]:
    """Codes and the axis of their atoms: the last, or the one before.

    Codes whose samples are side by side in memory are transposed: sums over strided
    groups would take many times as long.
    """
    if v.ndim > 1 and v.stride(-1) != 1:
        return v.mT, -2
    return v, -1


def _groups(values: Tensor, atoms: int, group_size: int) -> Tensor:
    """Codes with the axis of the atoms split in two, members where it was."""
    return values.unflatten(atoms, (-1, group_size))


def _squared_norms(values: Tensor, atoms: int, group_size: int) -> Tensor:
    """Squared norm of each group."""
    return _groups(values.square(), atoms, group_size).sum(atoms)


def _positive_root(squares: Tensor) -> Tensor:
    """Norms that can be divided by; no gradient flows to a group of zeros."""
    return squares.clamp(min=torch.finfo(squares.dtype).tiny).sqrt()
