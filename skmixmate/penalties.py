"""Sparsity penalties on codes: a prox and a value each.

To add one, subclass `Penalty`, write `prox` and `value`, and pass an instance as
``penalty=`` to an estimator.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from numbers import Integral
from typing import ClassVar

import torch
from torch import Tensor

from .functional import (
    Prox,
    block_soft_threshold,
    block_soft_threshold_backward,
    group_norms,
    nonnegative_block_soft_threshold,
    nonnegative_soft_threshold,
    soft_threshold,
)

__all__ = ["L1", "GroupL2", "Penalty", "prox_in_steps", "resolve_penalty"]


class Penalty(ABC):
    """A penalty ``Omega`` on codes, the negative log of their prior density.

    Subclasses write `prox` and `value`, which autograd differentiates, and may write
    `prox_backward`, which is faster. A zero threshold must project onto the codes that
    the penalty allows, as the definition of the prox has it. Penalties have no
    parameters to learn: no gradient flows to what `prox` depends on beside the codes.

    Attributes
    ----------
    group_size : int
        Number of consecutive atoms that the penalty treats together; the number of
        atoms of a dictionary must be a multiple of it.
    is_norm : bool
        Whether ``Omega(c z) = c Omega(z)`` for positive c, as for every norm. `prox`
        then only ever gets numbers as thresholds, which is faster.
    """

    group_size: int = 1
    is_norm: bool = False

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        # The gradient of one prox is not that of another, which a subclass may have.
        if "prox" in vars(cls) and "prox_backward" not in vars(cls):
            cls.prox_backward = Penalty.prox_backward

    @abstractmethod
    def prox(self, codes: Tensor, threshold: float | Tensor) -> Tensor:
        """Return ``argmin_z 0.5 * ||z - codes||^2 + threshold * Omega(z)``.

        Parameters
        ----------
        codes : Tensor of shape (n_clusters, n_samples, n_atoms)
            Not to be written to.
        threshold : float or, unless `is_norm`, Tensor of shape (n_clusters, 1, 1)
            Nonnegative.

        Returns
        -------
        Tensor of shape (n_clusters, n_samples, n_atoms)
        """

    def prox_backward(
        self, grad: Tensor, codes: Tensor, threshold: float | Tensor
    ) -> Tensor:
        """Return the gradient of ``codes`` from that of `prox`; here by autograd.

        Parameters
        ----------
        grad : Tensor of shape (n_clusters, n_samples, n_atoms)
            Gradient of what `prox` returns.
        codes, threshold
            See `prox`.

        Returns
        -------
        Tensor of shape (n_clusters, n_samples, n_atoms)
        """
        with torch.enable_grad():
            codes = codes.detach().requires_grad_()
            thresholded = self.prox(codes, threshold)
        if not thresholded.requires_grad:  # Constant, whatever the codes.
            return torch.zeros_like(codes)
        return torch.autograd.grad(
            thresholded, codes, grad, allow_unused=True, materialize_grads=True
        )[0]

    @abstractmethod
    def value(self, codes: Tensor) -> Tensor:
        """Return ``Omega(codes)`` of each code, the last dimension summed out.

        Parameters
        ----------
        codes : Tensor of shape (..., n_atoms)

        Returns
        -------
        Tensor of shape (...)
        """


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
    is_norm: ClassVar[bool] = True

    def prox(self, codes: Tensor, threshold: float) -> Tensor:
        """Soft thresholding; see `Penalty.prox`."""
        if self.nonnegative:
            return nonnegative_soft_threshold(codes, threshold)
        return soft_threshold(codes, threshold)

    def prox_backward(self, grad: Tensor, codes: Tensor, threshold: float) -> Tensor:
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
    is_norm: ClassVar[bool] = True

    def __post_init__(self):
        if (
            isinstance(self.group_size, bool)
            or not isinstance(self.group_size, Integral)
            or self.group_size < 1
        ):
            raise ValueError(
                f"group_size must be a positive integer, got {self.group_size!r}."
            )

    def prox(self, codes: Tensor, threshold: float) -> Tensor:
        """Block soft thresholding; see `Penalty.prox`."""
        if self.nonnegative:
            return nonnegative_block_soft_threshold(codes, threshold, self.group_size)
        return block_soft_threshold(codes, threshold, self.group_size)

    def prox_backward(self, grad: Tensor, codes: Tensor, threshold: float) -> Tensor:
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


def prox_in_steps(penalty: Penalty, alpha: float) -> Prox:
    """The proximal step of ``alpha`` times a penalty on codes in units of the step.

    Parameters
    ----------
    penalty : Penalty
    alpha : float
        Strength of the penalty.

    Returns
    -------
    Prox

    References
    ----------
    MixMate (ICASSP 2022), the proximal step of eq. 4.
    """
    alpha = float(alpha)
    if penalty.is_norm:
        # Whatever the step, one number is the threshold.
        return Prox(
            lambda V, step: penalty.prox(V, alpha),
            lambda grad, V, step: penalty.prox_backward(grad, V, alpha),
        )
    # In the backward pass, the step into the prox and the one out of it cancel.
    return Prox(
        lambda V, step: penalty.prox(step * V, step * alpha) / step,
        lambda grad, V, step: penalty.prox_backward(grad, step * V, step * alpha),
    )


def resolve_penalty(penalty: "str | Penalty") -> Penalty:
    """Return the `Penalty` that ``penalty`` names, or ``penalty`` itself.

    Parameters
    ----------
    penalty : "l1" or Penalty

    Returns
    -------
    Penalty

    Raises
    ------
    ValueError
        If ``penalty`` is neither.
    """
    if isinstance(penalty, Penalty):
        return penalty
    if isinstance(penalty, str) and penalty == "l1":
        return L1()
    raise ValueError(
        f"penalty must be 'l1' or an instance of skmixmate.penalties.Penalty such as "
        f"L1(nonnegative=True) or GroupL2(group_size=5), got {penalty!r}."
    )
