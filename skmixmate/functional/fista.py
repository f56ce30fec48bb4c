"""The fast iterative shrinkage-thresholding algorithm, unfolded."""

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor


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
    """
    codes = extrapolated = start
    for iteration, momentum in enumerate(momenta(n_iter)):
        previous, codes = codes, prox(gradient_step(extrapolated))
        if iteration < n_iter - 1:
            extrapolated = extrapolate(previous, codes, momentum)
    return codes


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
    if not momentum:
        return codes
    return torch.lerp(previous, codes, 1.0 + momentum, out=out)
