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


def lipschitz_constant(gram: Tensor, n_squarings: int = 6) -> Tensor:
    """Upper bound of the largest eigenvalue of each Gram matrix.

    Parameters
    ----------
    gram : Tensor of shape (K, P, P)
        Symmetric and positive semidefinite.
    n_squarings : int, default=6
        ``q = 2**n_squarings``; the bound is at most ``P**(1/q)`` times too large.

    Returns
    -------
    Tensor of shape (K,)
        Positive, also for a zero matrix. No gradient flows through it.

    Notes
    -----
    ``lambda_max <= trace(G^q)^(1/q)``, with ``G^q`` by repeated squaring. A power
    iteration approaches the eigenvalue from below; this bound is never below, so the
    step it gives cannot make the encoder diverge. It needs no random start, nor a
    synchronisation with a GPU, as an eigenvalue routine would.
    """
    with torch.no_grad():
        tiny = torch.finfo(gram.dtype).tiny
        scale = _trace(gram)
        is_zero = scale < tiny
        scale = scale.clamp(min=tiny)
        # G^q = scale^q * exp(log_trace * q) * power keeps the powers in range.
        power = gram / scale[:, None, None]
        log_trace = torch.zeros_like(scale)
        for n_squared in range(1, n_squarings + 1):
            power = power @ power
            # Two squarings of a matrix of trace one stay in range.
            if n_squared % 2 == 0 or n_squared == n_squarings:
                trace = _trace(power).clamp(min=tiny)
                log_trace = log_trace + trace.log() / 2.0**n_squared
                power = power / trace[:, None, None]
        slack = 1.0 + 64.0 * torch.finfo(gram.dtype).eps
        # Any positive number bounds a zero matrix; one gives a step of ordinary size.
        return (scale * log_trace.exp() * slack).masked_fill(is_zero, 1.0)


def _trace(matrices: Tensor) -> Tensor:
    """Trace of each matrix, (K,)."""
    return matrices.diagonal(dim1=-2, dim2=-1).sum(-1)
