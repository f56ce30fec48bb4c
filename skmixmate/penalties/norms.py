"""Norms as penalties: of single atoms and of groups of them."""

from dataclasses import dataclass
from numbers import Integral

import torch
from torch import Tensor

from ..functional import (
    block_soft_threshold,
    block_soft_threshold_backward,
    group_norms,
    nonnegative_block_soft_threshold,
    nonnegative_soft_threshold,
    soft_threshold,
)
from .penalty import Penalty

__all__ = ["L1", "GroupL2"]


@dataclass(frozen=True)
class L1(Penalty):
    """The l1 norm ``sum_p |z_p|``: a Laplace prior on codes.

    Parameters
    ----------
    nonnegative : bool, default=False
        Restrict codes to nonnegative values (an exponential prior): samples are then
        sums of atoms without cancellation.

    References
    ----------
    MixMate (ICASSP 2022), eqs. 1 and 5.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.penalties import L1
    >>> codes = torch.tensor([[3.0, 0.5, -2.0]])
    >>> L1().prox(codes, 1.0)
    tensor([[ 2.,  0., -1.]])
    >>> L1(nonnegative=True).prox(codes, 1.0)
    tensor([[2., 0., 0.]])
    """

    nonnegative: bool = False
    is_norm = True

    def prox(self, codes: Tensor, threshold: float | Tensor) -> Tensor:
        """Soft thresholding; see `Penalty.prox`."""
        if self.nonnegative:
            return nonnegative_soft_threshold(codes, threshold)
        return soft_threshold(codes, threshold)

    def prox_backward(
        self, grad: Tensor, codes: Tensor, threshold: float | Tensor
    ) -> Tensor:
        """Zero where codes are; see `Penalty.prox_backward`."""
        # What autograd would call, without its overhead in each layer.
        if self.nonnegative:
            return torch.ops.aten.threshold_backward(grad, codes, threshold)
        return torch.ops.aten.softshrink_backward(grad, codes, threshold)

    def value(self, codes: Tensor) -> Tensor:
        """Sum of magnitudes; see `Penalty.value`."""
        return codes.abs().sum(-1)


@dataclass(frozen=True)
class GroupL2(Penalty):
    """The sum of Euclidean norms of groups of atoms, ``sum_g ||z_g||``.

    Whole groups of consecutive atoms are used or left unused together.

    Parameters
    ----------
    group_size : int, default=2
        Number of consecutive atoms in a group; at least 1. A group of one atom makes
        this the l1 norm.
    nonnegative : bool, default=False
        Restrict codes to nonnegative values.

    Raises
    ------
    ValueError
        If ``group_size`` is not a positive integer.

    References
    ----------
    Group-sparse autoencoders (arXiv:2102.07003), eqs. 7 and 8.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.penalties import GroupL2
    >>> codes = torch.tensor([[3.0, 4.0, 0.3, 0.4]])
    >>> GroupL2(group_size=2).prox(codes, 1.0)
    tensor([[2.4000, 3.2000, 0.0000, 0.0000]])
    """

    group_size: int = 2
    nonnegative: bool = False
    is_norm = True

    def __post_init__(self):
        if (
            isinstance(self.group_size, bool)
            or not isinstance(self.group_size, Integral)
            or self.group_size < 1
        ):
            raise ValueError(
                f"group_size must be a positive integer, got {self.group_size!r}."
            )

    def prox(self, codes: Tensor, threshold: float | Tensor) -> Tensor:
        """Block soft thresholding; see `Penalty.prox`."""
        if self.nonnegative:
            return nonnegative_block_soft_threshold(codes, threshold, self.group_size)
        return block_soft_threshold(codes, threshold, self.group_size)

    def prox_backward(
        self, grad: Tensor, codes: Tensor, threshold: float | Tensor
    ) -> Tensor:
        """See `Penalty.prox_backward`."""
        if not self.nonnegative:
            return block_soft_threshold_backward(
                grad, codes, threshold, self.group_size
            )
        positive = torch.relu(codes)
        grad = block_soft_threshold_backward(grad, positive, threshold, self.group_size)
        return torch.ops.aten.threshold_backward(grad, codes, 0.0)

    def value(self, codes: Tensor) -> Tensor:
        """Sum of group norms; see `Penalty.value`."""
        return group_norms(codes, self.group_size).sum(-1)
