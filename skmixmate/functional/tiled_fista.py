"""The unfolded encoder over observed entries, with a backward pass of its own.

`tiled_encode` computes what `fista` computes with `masked_term`, a few clusters and
samples at a time. Residuals, of which autograd would keep two a layer, are as large as
the data for each cluster; here they stay in the processor's cache, and the backward
pass computes them again, for the samples that have a gradient.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from .fista import Encoded, Prox, extrapolate, momenta

__all__ = ["tiled_encode"]

# Samples in a tile, and numbers in the residuals of one, which should fit in the
# processor's second cache together with the samples and their mask.
_TILE_SAMPLES = 256
_TILE_NUMBERS = 2**18


def tiled_encode(
    X: Tensor,
    observed: Tensor,
    D: Tensor,
    step: Tensor,
    prox: Prox,
    n_iter: int,
) -> Encoded:
    """Encode incomplete samples against every dictionary.

    Parameters
    ----------
    X : Tensor of shape (B, M)
        Any finite value where an entry is missing.
    observed : Tensor of shape (B, M)
        1 where observed, 0 where missing, in the dtype of ``X``.
    D : Tensor of shape (K, P, M)
        Gradients flow to it alone.
    step : Tensor of shape (K, 1, 1)
    prox : Prox
    n_iter : int
        Number of iterations, at least one.

    Returns
    -------
    Encoded
        Not to be differentiated twice.

    Notes
    -----
    With ``*`` for products of entries, O for ``observed`` and E for the extrapolated
    codes in units of the step, a layer and its backward pass are::

        R = O * (X - step * E D)
        V = E + R D^T
        U = prox(V)

        T  = O * (dV D)
        dE = dV - step * T D^T
        dD = dV^T R - step * E^T T

    Inside, samples are the last axis of every array, with which the products of a
    few samples take less time.

    References
    ----------
    MixMate (ICASSP 2022), eq. 4 and section 4, "Clustering incomplete data".

    Examples
    --------
    The observed entry decides the code, which fills in the other:

    >>> import torch
    >>> from skmixmate.functional import Prox, soft_threshold, tiled_encode
    >>> prox = Prox(
    ...     forward=lambda V, step: soft_threshold(V, 0.1),
    ...     backward=lambda grad, V, step: grad * (V.abs() > 0.1),
    ... )
    >>> X = torch.tensor([[2.0, 99.0]])
    >>> observed = torch.tensor([[1.0, 0.0]])
    >>> D = torch.tensor([[[0.6, 0.8]]])
    >>> codes, squared_residuals = tiled_encode(
    ...     X, observed, D, step=torch.ones(1, 1, 1), prox=prox, n_iter=100
    ... )
    >>> (codes @ D).round(decimals=2)
    tensor([[[1.8300, 2.4400]]])
    """
    # Asked here, since gradients are off inside.
    needs_grad = torch.is_grad_enabled() and D.requires_grad
    return Encoded(
        *_MaskedEncoder.apply(D, X * observed, observed, step, prox, n_iter, needs_grad)
    )


class _Tile(NamedTuple):
    """Some samples and dictionaries, samples last.

    ``visible`` (M, b) is zero where an entry is missing, ``observed`` (M, b),
    ``D`` (k, P, M), ``decoder`` (k, M, P) is ``D^T`` and ``step`` (k, 1, 1).
    """

    visible: Tensor
    observed: Tensor
    D: Tensor
    decoder: Tensor
    step: Tensor
    prox: Prox

    def residual(self, Z: Tensor) -> Tensor:
        """Residuals of codes (k, P, b) where observed, (k, M, b)."""
        fit = self.decoder @ Z
        return torch.addcmul(self.visible, fit, self.observed, value=-1, out=fit)

    def threshold(self, V: Tensor) -> Tensor:
        """Proximal step on codes (k, P, b) in units of the step."""
        return self.prox.forward(V.mT, self.step).mT

    def threshold_backward(self, U_grad: Tensor, V: Tensor) -> Tensor:
        """Gradient of V from that of the codes after the proximal step."""
        return self.prox.backward(U_grad.mT, V.mT, self.step).mT


class _MaskedEncoder(torch.autograd.Function):
    @staticmethod
    def forward(ctx, D, visible, observed, step, prox, n_iter, needs_grad):
        n_clusters, n_atoms, _ = D.shape
        codes = D.new_empty((n_clusters, len(visible), n_atoms))
        squared_residuals = D.new_empty((n_clusters, len(visible)))
        # What goes into each prox, from which the backward pass restores the rest.
        n_kept = n_iter if needs_grad else 0
        inputs = D.new_empty((n_kept, *codes.shape))
        visible_T, observed_T = visible.T.contiguous(), observed.T.contiguous()
        for clusters, samples in _tiles(n_clusters, *visible.shape):
            tile = _tile(
                visible_T[:, samples],
                observed_T[:, samples],
                D,
                step,
                prox,
                clusters,
            )
            for layer, V in enumerate(_layers(tile, n_iter)):
                if n_kept:
                    inputs[layer, clusters, samples] = V.mT
            Z = tile.step * tile.threshold(V)
            codes[clusters, samples] = Z.mT
            residual = tile.residual(Z)
            squared_residuals[clusters, samples] = residual.square_().sum(1)
        ctx.save_for_backward(D, visible, observed, step, inputs)
        ctx.prox = prox
        return codes, squared_residuals

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, codes_grad, squared_residuals_grad):
        D, visible, observed, step, inputs = ctx.saved_tensors
        D_grad = torch.zeros_like(D)
        matters = (squared_residuals_grad != 0) | (codes_grad != 0).any(-1)
        for clusters, samples in _tiles(len(D), *visible.shape):
            rows = matters[clusters, samples].any(0).nonzero().flatten()
            if len(rows) == 0:
                continue
            rows += samples.start
            D_grad[clusters] += _tile_grad(
                _tile(visible[rows].T, observed[rows].T, D, step, ctx.prox, clusters),
                inputs[:, clusters, rows].mT.contiguous(),
                codes_grad[clusters, rows].mT,
                squared_residuals_grad[clusters, None, rows],
            )
        return D_grad, None, None, None, None, None, None


def _tiles(
    n_clusters: int, n_samples: int, n_features: int
) -> Iterator[tuple[slice, slice]]:
    """Yield clusters and samples whose residuals fit in the cache."""
    size = max(1, min(n_samples, _TILE_SAMPLES) * n_features)
    n_together = max(1, _TILE_NUMBERS // size)
    for sample in range(0, n_samples, _TILE_SAMPLES):
        samples = slice(sample, min(sample + _TILE_SAMPLES, n_samples))
        for cluster in range(0, n_clusters, n_together):
            yield slice(cluster, min(cluster + n_together, n_clusters)), samples


def _tile(visible, observed, D, step, prox, clusters) -> _Tile:
    """Some dictionaries with samples (M, b)."""
    return _Tile(
        visible.contiguous(),
        observed.contiguous(),
        D[clusters],
        D[clusters].mT.contiguous(),
        step[clusters],
        prox,
    )


def _layers(tile: _Tile, n_iter: int) -> Iterator[Tensor]:
    """Yield what goes into the prox of each layer, (k, P, b)."""
    V = tile.D @ tile.visible
    yield V
    codes = None
    for momentum in momenta(n_iter - 1):
        previous, codes = codes, tile.threshold(V)
        E = extrapolate(previous, codes, momentum)
        V = torch.baddbmm(E, tile.D, tile.residual(tile.step * E))
        yield V


def _tile_grad(tile: _Tile, inputs, Z_grad, value_grad) -> Tensor:
    """Gradient of the dictionaries of a tile, (k, P, M).

    ``inputs`` (L, k, P, b) went into the prox of each layer.
    """
    V = inputs.unbind()
    codes = [tile.threshold(one) for one in V]
    Z = tile.step * codes[-1]
    R_grad = 2.0 * value_grad * tile.residual(Z)
    D_grad = -(Z @ R_grad.mT)
    momentum_after = list(momenta(len(codes) - 1))
    U_grads = [torch.zeros_like(one) for one in codes]
    U_grads[-1] = tile.step * (Z_grad - tile.D @ R_grad)
    for layer in range(len(V) - 1, 0, -1):
        V_grad = tile.threshold_backward(U_grads[layer], V[layer])
        momentum = momentum_after[layer - 1]
        E = tile.step * extrapolate(codes[layer - 2], codes[layer - 1], momentum)
        # The two products with D in one, and the two that make its gradient.
        pair = tile.decoder @ torch.cat([E, V_grad], dim=-1)
        R, T = pair.chunk(2, dim=-1)
        torch.addcmul(tile.visible, R, tile.observed, value=-1, out=R)
        T.mul_(tile.observed)
        D_grad.baddbmm_(torch.cat([V_grad, -E], dim=-1), pair.mT)
        E_grad = V_grad - tile.step * (tile.D @ T)
        U_grads[layer - 1] += (1.0 + momentum) * E_grad
        if momentum:
            U_grads[layer - 2] -= momentum * E_grad
    V_grad = tile.threshold_backward(U_grads[0], V[0])
    return D_grad.baddbmm_(V_grad, tile.visible.T.expand(len(Z), -1, -1))
