"""The data term ``||x - z D||^2``: its gradient step and its value.

A pair of functions of the codes. `residual_term` is the definition and the reference of
the tests, `masked_term` leaves unobserved entries out. What runs on complete samples is
`gram_encode`, which has them in Gram matrices.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class DataTerm(NamedTuple):
    """A data term as two functions of the codes.

    ``gradient_step(U)`` is a gradient step on *half* the squared residual, as in eq. 4
    of MixMate, for codes in units of the step size, ``W = step * U``: it returns
    ``U - grad(step * U)``, (K, B, P), which is ``W - step * grad(W)`` in those units.
    In them the threshold of a norm is one number for all clusters, whatever their
    steps. ``None`` for U stands for zero codes, which need no product with D.
    ``value(Z)`` is the whole squared residual of codes as they
    are, (K, B), as in eq. 5.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import residual_term
    >>> X, D = torch.tensor([[3.0, 4.0]]), torch.eye(2)[None]
    >>> gradient_step, value = residual_term(X, D, step=torch.full((1, 1, 1), 0.5))
    >>> torch.equal(gradient_step(None), gradient_step(torch.zeros(1, 1, 2)))
    True
    >>> value(torch.zeros(1, 1, 2))
    tensor([[25.]])
    """

    gradient_step: Callable[[Tensor | None], Tensor]
    value: Callable[[Tensor], Tensor]


def residual_term(X: Tensor, D: Tensor, step: Tensor) -> DataTerm:
    """The data term by its definition, through the residual ``Z D - X``.

    Parameters
    ----------
    X : Tensor of shape (B, M)
    D : Tensor of shape (K, P, M)
    step : Tensor of shape (K, 1, 1)
        Step size of each cluster.

    Returns
    -------
    DataTerm

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import residual_term
    >>> X, D = torch.tensor([[3.0, 4.0]]), torch.eye(2)[None]
    >>> step = torch.full((1, 1, 1), 0.5)
    >>> term = residual_term(X, D, step)
    >>> U = term.gradient_step(None)  # From zero codes, in units of the step.
    >>> step * U
    tensor([[[1.5000, 2.0000]]])
    >>> term.value(step * U)
    tensor([[6.2500]])
    """

    def gradient_step(U: Tensor | None) -> Tensor:
        if U is None:
            return X @ D.mT
        return U - ((step * U) @ D - X) @ D.mT

    def value(Z: Tensor) -> Tensor:
        return (X - Z @ D).square().sum(-1)

    return DataTerm(gradient_step, value)


def masked_term(X: Tensor, D: Tensor, step: Tensor, observed: Tensor) -> DataTerm:
    """The data term over the observed entries only.

    Parameters
    ----------
    X : Tensor of shape (B, M)
        Any finite value where an entry is missing.
    D : Tensor of shape (K, P, M)
    step : Tensor of shape (K, 1, 1)
        A step that is safe for all entries is safe for fewer: deleting features never
        raises the largest eigenvalue of the Gram matrix.
    observed : Tensor of shape (B, M)
        1 where observed, 0 where missing, in the dtype of ``X``.

    Returns
    -------
    DataTerm

    References
    ----------
    MixMate (ICASSP 2022), section 4, "Clustering incomplete data".

    Examples
    --------
    What stands in the place of a missing entry does not matter:

    >>> import torch
    >>> from skmixmate.functional import masked_term
    >>> X, D = torch.tensor([[3.0, 99.0]]), torch.eye(2)[None]
    >>> observed = torch.tensor([[1.0, 0.0]])
    >>> term = masked_term(X, D, torch.ones(1, 1, 1), observed)
    >>> term.gradient_step(None)
    tensor([[[3., 0.]]])
    >>> term.value(torch.tensor([[[2.0, 0.0]]]))
    tensor([[1.]])
    """
    visible = X * observed
    minus_visible = -visible

    def gradient_step(U: Tensor | None) -> Tensor:
        if U is None:
            return visible @ D.mT
        residual = torch.addcmul(minus_visible, (step * U) @ D, observed)
        return torch.baddbmm(U, residual, D.mT, alpha=-1)

    def value(Z: Tensor) -> Tensor:
        return torch.addcmul(minus_visible, Z @ D, observed).square().sum(-1)

    return DataTerm(gradient_step, value)
