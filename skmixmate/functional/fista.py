"""The fast iterative shrinkage-thresholding algorithm, unfolded: its loop, its step.

`Prox` is what all forms of the encoder take, `Encoded` what they give.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor


class Encoded(NamedTuple):
    """Codes (K, B, P) and squared residuals (K, B) over what is observed.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import Encoded
    >>> encoded = Encoded(torch.zeros(2, 5, 3), torch.ones(2, 5))
    >>> codes, squared_residuals = encoded  # 2 clusters, 5 samples, 3 atoms
    >>> codes.shape, squared_residuals.shape
    (torch.Size([2, 5, 3]), torch.Size([2, 5]))
    """

    codes: Tensor
    squared_residuals: Tensor


class Prox(NamedTuple):
    """The proximal step of codes (k, b, P) in units of the step size, and its gradient.

    ``forward(V, step)`` are the codes after it, ``step`` (k, 1, 1) being the step sizes
    of their dictionaries; ``backward(grad, V, step)`` is the gradient of ``V`` if
    ``grad`` is that of what ``forward`` returns. No gradient flows to what else they
    depend on.

    Examples
    --------
    The l1 norm, whose threshold in units of the step is the same for all steps:

    >>> import torch
    >>> from skmixmate.functional import Prox, soft_threshold
    >>> prox = Prox(
    ...     forward=lambda V, step: soft_threshold(V, 1.0),
    ...     backward=lambda grad, V, step: grad * (V.abs() > 1.0),
    ... )
    >>> prox.forward(torch.tensor([[[3.0, 0.5]]]), torch.ones(1, 1, 1))
    tensor([[[2., 0.]]])
    """

    forward: Callable[[Tensor, Tensor], Tensor]
    backward: Callable[[Tensor, Tensor, Tensor], Tensor]


def fista(
    gradient_step: Callable[[Tensor | None], Tensor],
    prox: Callable[[Tensor], Tensor],
    start: Tensor | None,
    n_iter: int,
) -> Tensor:
    """Run ``n_iter`` accelerated proximal gradient steps.

    Parameters
    ----------
    gradient_step : callable
        The explicit half of a step, on the data term.
    prox : callable
        The implicit half, on the penalty.
    start : Tensor of shape (K, B, P) or None
        The first codes; None for zero, which ``gradient_step`` then gets as it is.
    n_iter : int
        Number of iterations L, the number of layers of the unfolded network; at least
        one from None.

    Returns
    -------
    Tensor of shape (K, B, P)
        The codes after the last proximal step.

    Notes
    -----
    With ``t_0 = 1`` and ``t_l = (1 + sqrt(1 + 4 t_{l-1}^2)) / 2``::

        Z_l = prox(gradient_step(W_{l-1}))
        W_l = Z_l + (t_{l-1} - 1) / t_l * (Z_l - Z_{l-1})

    References
    ----------
    Beck and Teboulle (2009); MixMate (ICASSP 2022), eq. 4.

    Examples
    --------
    At the minimum, used atoms correlate with the residual as much as the penalty asks:

    >>> import torch
    >>> from skmixmate.functional import fista, residual_term, soft_threshold
    >>> X = torch.tensor([[3.0, 1.0]])
    >>> D = torch.tensor([[[1.0, 0.0], [0.6, 0.8]]])
    >>> step = torch.full((1, 1, 1), 0.5)
    >>> term = residual_term(X, D, step)
    >>> U = fista(term.gradient_step, lambda V: soft_threshold(V, 0.5), None, 100)
    >>> ((X - step * U @ D) @ D.mT).round(decimals=3)
    tensor([[[0.5000, 0.5000]]])
    """
    codes = extrapolated = start
    for iteration, momentum in enumerate(momenta(n_iter)):
        previous, codes = codes, prox(gradient_step(extrapolated))
        if iteration < n_iter - 1:
            extrapolated = extrapolate(previous, codes, momentum)
    return codes  # type: ignore[return-value]  # None from none, by no iteration


def momenta(n_iter: int) -> Iterator[float]:
    """Yield ``(t_{l-1} - 1) / t_l`` for l from 1 to ``n_iter``; the first is zero."""
    t = 1.0
    for _ in range(n_iter):
        t_previous, t = t, (1.0 + math.sqrt(1.0 + 4.0 * t * t)) / 2.0
        yield (t_previous - 1.0) / t


def extrapolate(
    previous: Tensor | None,
    codes: Tensor,
    momentum: float,
    out: Tensor | None = None,
) -> Tensor:
    """``codes + momentum * (codes - previous)``, in one kernel.

    ``codes`` themselves without momentum; else in ``out`` if it is given.
    """
    if previous is None or not momentum:
        return codes
    return torch.lerp(previous, codes, 1.0 + momentum, out=out)


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

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import lipschitz_constant
    >>> gram = torch.tensor([[[2.0, 1.0], [1.0, 2.0]]])  # Of eigenvalues 1 and 3.
    >>> bound = lipschitz_constant(gram)
    >>> bound.round(decimals=2)
    tensor([3.])
    >>> bool(bound >= 3.0)
    True
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
