"""What a penalty is: a prox and a value."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor

__all__ = ["Penalty"]


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
        Groups may change places, and be zero throughout, where there is none: a
        penalty of zero codes, and their `prox`, must be zero.
    is_norm : bool
        Whether ``Omega(c z) = c Omega(z)`` for positive c, as for every norm. `prox`
        then only ever gets numbers as thresholds, which is faster.

    Examples
    --------
    Codes between 0 and 1, with the l1 norm:

    >>> import torch
    >>> from skmixmate import MixMateClustering
    >>> from skmixmate.penalties import Penalty
    >>> class BoundedL1(Penalty):
    ...     def prox(self, codes, threshold):
    ...         return (codes - threshold).clamp(0.0, 1.0)
    ...
    ...     def value(self, codes):
    ...         return codes.abs().sum(-1)
    >>> BoundedL1().prox(torch.tensor([[3.0, 0.75, -2.0]]), 0.5)
    tensor([[1.0000, 0.2500, 0.0000]])
    >>> X = torch.rand(40, 6, generator=torch.Generator().manual_seed(0)).numpy()
    >>> mixmate = MixMateClustering(2, penalty=BoundedL1(), random_state=0).fit(X)
    >>> mixmate.labels_.shape
    (40,)
    """

    group_size: int = 1
    is_norm: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # The gradient of one prox is not that of another, which a subclass may have.
        if "prox" in vars(cls) and "prox_backward" not in vars(cls):
            cls.prox_backward = Penalty.prox_backward  # type: ignore[method-assign]

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

    def project(self, codes: Tensor) -> Tensor:
        """Return the codes that the penalty allows nearest to ``codes``.

        Parameters
        ----------
        codes : Tensor of shape (n_clusters, n_samples, n_atoms)

        Returns
        -------
        Tensor of shape (n_clusters, n_samples, n_atoms)
        """
        no_threshold = 0.0 if self.is_norm else codes.new_zeros((len(codes), 1, 1))
        return self.prox(codes, no_threshold)

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
