"""The data term ``||x - z D||^2``: its gradient step and its value, in three forms.

Every form is a pair of functions of the codes. `residual_term` is the definition and
the reference of the tests; `gram_term` computes the same without touching the features
again; `masked_term` leaves unobserved entries out.
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
    X : Tensor of shape (B, M) or (K, B, M)
        The same samples for all dictionaries, or others for each.
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
    X : Tensor of shape (B, M) or (K, B, M)
        Any finite value where an entry is missing.
    D : Tensor of shape (K, P, M)
    step : Tensor of shape (K, 1, 1)
        A step that is safe for all entries is safe for fewer: deleting features never
        raises the largest eigenvalue of the Gram matrix.
    observed : Tensor of the shape of X
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


def gram_term(X: Tensor, D: Tensor, gram: Tensor, step: Tensor) -> DataTerm:
    """The data term through ``G = D D^T`` and ``C = X D^T``, computed once.

    Parameters
    ----------
    X : Tensor of shape (B, M) or (K, B, M)
    D : Tensor of shape (K, P, M)
    gram : Tensor of shape (K, P, P)
        ``D D^T``, which the caller has from computing the step size.
    step : Tensor of shape (K, 1, 1)

    Returns
    -------
    DataTerm
    """
    squared_norms = X.square().sum(-1)
    return correlation_term(squared_norms, correlate(X, D), gram, step)


def gram_matrix(D: Tensor) -> Tensor:
    """``D D^T`` of each dictionary, (K, P, P), with a cheaper backward pass.

    The gradient of ``D D^T`` in D is ``(g + g^T) D``. Autograd takes two products with
    D for it; here the two ``g`` are added first, small as they are.
    """
    half = D @ D.detach().mT
    return half + (half.mT - half.detach())


def correlate(X: Tensor, D: Tensor) -> Tensor:
    """``X D^T`` for all dictionaries, (K, B, P).

    ``X`` is (B, M), and all is one matrix product, or (K, B, M), with other samples for
    each dictionary.
    """
    if X.ndim == 3:
        return X @ D.mT
    n_clusters, n_atoms, _ = D.shape
    correlations = X @ D.flatten(0, 1).mT
    correlations = correlations.unflatten(-1, (n_clusters, n_atoms)).transpose(0, 1)
    # Every iteration adds to it: one copy now instead of one in each.
    return correlations.contiguous()


def correlation_term(
    squared_norms: Tensor, correlations: Tensor, gram: Tensor, step: Tensor
) -> DataTerm:
    """The data term given ``||x||^2``, ``C = X D^T`` and ``G = D D^T``.

    Parameters
    ----------
    squared_norms : Tensor of shape (B,) or (K, B)
    correlations : Tensor of shape (K, B, P)
    gram : Tensor of shape (K, P, P)
    step : Tensor of shape (K, 1, 1)

    Returns
    -------
    DataTerm

    Notes
    -----
    ::

        U - grad(step * U) = U (I - step * G) + C
        ||x - z D||^2      = ||x||^2 + <z G - 2 c, z>
    """
    identity = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    transition = identity - step * gram

    def gradient_step(U: Tensor | None) -> Tensor:
        if U is None:
            return correlations
        return torch.baddbmm(correlations, U, transition)

    def value(Z: Tensor) -> Tensor:
        return squared_norms + (torch.baddbmm(correlations, Z, gram, beta=-2) * Z).sum(
            -1
        )

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
        return torch.where(is_zero, 1.0, scale * log_trace.exp() * slack)


def _trace(matrices: Tensor) -> Tensor:
    """Trace of each matrix, (K,)."""
    return matrices.diagonal(dim1=-2, dim2=-1).sum(-1)
