"""The l1 norm and the squared Euclidean norm together."""

from dataclasses import dataclass
from numbers import Real

from torch import Tensor

from ..functional import nonnegative_soft_threshold, soft_threshold
from .penalty import Penalty

__all__ = ["ElasticNet"]


@dataclass(frozen=True)
class ElasticNet(Penalty):
    """The elastic net, ``r sum_p |z_p| + (1 - r) / 2 sum_p z_p^2``, r the ``l1_ratio``.

    Atoms that are much alike share a code, where the l1 norm alone picks one of them.

    Parameters
    ----------
    l1_ratio : float, default=0.5
        Share of the l1 norm, from 0, no sparsity, to 1, `L1`.
    nonnegative : bool, default=False
        Restrict codes to nonnegative values.

    Raises
    ------
    ValueError
        If ``l1_ratio`` is not a number from 0 to 1.

    References
    ----------
    Zou and Hastie, "Regularization and variable selection via the elastic net" (2005).
    Parikh and Boyd, "Proximal algorithms" (2014), section 6.5.3.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.penalties import ElasticNet
    >>> codes = torch.tensor([[3.5, 0.2, -2.0]])
    >>> ElasticNet().prox(codes, 1.0)
    tensor([[ 2.,  0., -1.]])
    """

    l1_ratio: float = 0.5
    nonnegative: bool = False

    def __post_init__(self):
        ratio = self.l1_ratio
        if isinstance(ratio, bool) or not (
            isinstance(ratio, Real) and 0.0 <= ratio <= 1.0
        ):
            raise ValueError(f"l1_ratio must be a number from 0 to 1, got {ratio!r}.")

    def prox(self, codes: Tensor, threshold: float | Tensor) -> Tensor:
        """Soft thresholding, then shrinking; see `Penalty.prox`."""
        threshold_codes = (
            nonnegative_soft_threshold if self.nonnegative else soft_threshold
        )
        shrunk = threshold_codes(codes, self.l1_ratio * threshold)
        return shrunk / (1.0 + (1.0 - self.l1_ratio) * threshold)

    def value(self, codes: Tensor) -> Tensor:
        """See `Penalty.value`."""
        ridge = 0.5 * (1.0 - self.l1_ratio) * codes.square()
        return (self.l1_ratio * codes.abs() + ridge).sum(-1)
