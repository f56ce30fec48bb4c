"""The unfolded encoder through Gram matrices, with a backward pass of its own.

`gram_encode` computes what `fista` computes with `residual_term`, without touching the
features again in each iteration. Autograd would keep every step of every iteration and
add up the gradients of each; here a few products make them, for the samples that have
one. On a CPU a few samples at a time go through all iterations, so that their codes
stay in its cache.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from .fista import Encoded, Prox, extrapolate, momenta

__all__ = ["gram_encode"]

# In the codes of the samples that each thread of a CPU encodes at a time, as
# benchmarks/speed/tiles.py compares.
_TILE_NUMBERS = 2**17
_LEAST_TILE_SAMPLES = 64


def gram_encode(
    X: Tensor,
    D: Tensor,
    gram: Tensor,
    step: Tensor,
    prox: Prox,
    n_iter: int,
    *,
    few_matter: bool = False,
) -> Encoded:
    """Encode complete samples against every dictionary.

    Parameters
    ----------
    X : Tensor of shape (B, M)
    D : Tensor of shape (K, P, M)
        Gradients flow to it alone.
    gram : Tensor of shape (K, P, P)
        ``D D^T``, the gradient of which is part of that of D.
    step : Tensor of shape (K, 1, 1)
    prox : Prox
    n_iter : int
        Number of iterations, at least one.
    few_matter : bool, default=False
        Whether to keep no layers for the backward pass, and encode again the samples
        that have a gradient: less work if they are few for each dictionary, more if
        not. The number of them is read, for which a GPU would have to wait.

    Returns
    -------
    Encoded
        Not to be differentiated twice.

    Notes
    -----
    With ``C = X D^T``, ``A = I - step * G`` and E for the extrapolated codes in units
    of the step, a layer and its backward pass are::

        V = C + E A
        U = prox(V)

        dE = dV A
        dC = dV, dA = E^T dV

    summed over layers. Inside, samples are the last axis of every array, with which
    small products take less time.

    References
    ----------
    MixMate (ICASSP 2022), eq. 4.

    Examples
    --------
    The second dictionary has no atom along the first feature, and leaves it out:

    >>> import torch
    >>> from skmixmate.functional import Prox, gram_encode, soft_threshold
    >>> prox = Prox(
    ...     forward=lambda V, step: soft_threshold(V, 1.0),
    ...     backward=lambda grad, V, step: grad * (V.abs() > 1.0),
    ... )
    >>> X = torch.tensor([[4.0, 0.0, 0.0]])
    >>> D = torch.stack([torch.eye(3)[:2], torch.eye(3)[1:]])
    >>> codes, squared_residuals = gram_encode(
    ...     X, D, gram=D @ D.mT, step=torch.ones(2, 1, 1), prox=prox, n_iter=5
    ... )
    >>> codes[:, 0]
    tensor([[3., 0.],
            [0., 0.]])
    >>> squared_residuals.round(decimals=3)
    tensor([[ 1.],
            [16.]])
    """
    # Asked here, since gradients are off inside.
    keeps_layers = torch.is_grad_enabled() and D.requires_grad and not few_matter
    return Encoded(*_GramEncoder.apply(D, X, gram, step, prox, n_iter, keeps_layers))


class _Layer(NamedTuple):
    """Extrapolated codes, None for zero, and what goes into the prox, (K, P, b)."""

    E: Tensor | None
    V: Tensor


class _Problem(NamedTuple):
    """What codes of some samples depend on, samples last.

    ``C`` is (K, P, b), ``gram`` and ``A`` (K, P, P), ``step`` (K, 1, 1).
    """

    C: Tensor
    gram: Tensor
    A: Tensor
    step: Tensor
    prox: Prox

    @property
    def tiles(self) -> list[slice]:
        """Samples that are encoded together, of which there may be none."""
        K, P, n_samples = self.C.shape
        n_tiles = 1
        if self.C.device.type == "cpu":
            most = _TILE_NUMBERS * torch.get_num_threads() // (K * P)
            most = max(most, _LEAST_TILE_SAMPLES)
            n_tiles = max(-(-n_samples // most), 1)
        size = -(-n_samples // n_tiles)
        return [slice(i * size, (i + 1) * size) for i in range(n_tiles)]

    def of(self, tile: slice) -> "_Problem":
        return self._replace(C=self.C[..., tile].contiguous())

    def threshold(self, V: Tensor) -> Tensor:
        """Codes (K, P, b) in units of the step after the proximal step."""
        return self.prox.forward(V.mT, self.step).mT

    def threshold_backward(self, U_grad: Tensor, V: Tensor) -> Tensor:
        """Gradient of V from that of the codes after the proximal step."""
        return self.prox.backward(U_grad.mT, V.mT, self.step).mT

    def layers(self, n_iter: int, *, are_kept: bool) -> Iterator[_Layer]:
        """Yield the layers; E is in the memory of the one before unless they are kept.

        V is not: a prox may return it, or part of it, as the codes.
        """
        V, U = self.C, None
        yield _Layer(None, V)
        buffer = None if are_kept else torch.empty_like(V)
        for momentum in momenta(n_iter - 1):
            previous, U = U, self.threshold(V)
            E = extrapolate(previous, U, momentum, out=buffer)
            V = torch.baddbmm(self.C, self.A, E)
            yield _Layer(E, V)


class _GramEncoder(torch.autograd.Function):
    @staticmethod
    def forward(ctx, D, X, gram, step, prox, n_iter, keeps_layers):
        C = (D.flatten(0, 1) @ X.T).unflatten(0, D.shape[:2])
        identity = torch.eye(D.shape[1], dtype=D.dtype, device=D.device)
        problem = _Problem(C, gram, identity - step * gram, step, prox)
        codes = torch.empty_like(C)
        squared_residuals = X.square().sum(-1).repeat(len(D), 1)
        kept = []
        tiles = problem.tiles
        for tile in tiles:
            part = problem.of(tile)
            for layer in part.layers(n_iter, are_kept=keeps_layers):
                if keeps_layers and layer.E is not None:
                    kept += layer
            Z = torch.mul(step, part.threshold(layer.V), out=codes[..., tile])
            products = torch.baddbmm(part.C, gram, Z, beta=-2).mul_(Z)
            squared_residuals[:, tile] += products.sum(1)
        # Saved like this, they are freed by the backward pass.
        ctx.save_for_backward(D, X, C, gram, problem.A, step, *kept)
        ctx.options = prox, n_iter, tiles if keeps_layers else None
        return codes.mT, squared_residuals

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, codes_grad, squared_residuals_grad):
        D, X, C, gram, A, step, *kept = ctx.saved_tensors
        # Those of the layers: threads may be others by now.
        prox, n_iter, tiles = ctx.options
        problem = _Problem(C, gram, A, step, prox)
        gradients = codes_grad.mT, squared_residuals_grad.unsqueeze(1)
        if tiles is not None:
            D_grad = _kept_backward(D, X, problem, n_iter, tiles, kept, gradients)
        else:
            D_grad = _again_backward(D, X, problem, n_iter, gradients)
        return D_grad, None, None, None, None, None, None


def _kept_backward(D, X, problem, n_iter, tiles, kept, gradients) -> Tensor:
    """Gradient of the dictionaries from the layers of all samples."""
    later = map(_Layer, kept[::2], kept[1::2])
    C_grad, gram_grad = _backward(
        problem,
        tiles,
        lambda part: [_Layer(None, part.C), *itertools.islice(later, n_iter - 1)],
        *gradients,
    )
    D_grad = (gram_grad + gram_grad.mT) @ D
    D_grad.flatten(0, 1).addmm_(C_grad.flatten(0, 1), X)
    return D_grad


def _again_backward(D, X, problem, n_iter, gradients) -> Tensor:
    """Gradient of the dictionaries from samples that are encoded again."""
    Z_grad, value_grad = gradients
    # Sums of magnitudes: reductions of booleans are slow.
    matters = value_grad.squeeze(1).abs() + Z_grad.abs().sum(1) != 0
    n_most = int(matters.sum(1).max())
    # As many samples of each cluster, so that they are one array.
    rows = matters.byte().topk(n_most, sorted=False).indices
    index = rows.unsqueeze(1)
    index_of_codes = index.expand(-1, D.shape[1], -1)
    problem = problem._replace(C=problem.C.gather(2, index_of_codes))
    C_grad, gram_grad = _backward(
        problem,
        problem.tiles,
        lambda part: list(part.layers(n_iter, are_kept=True)),
        Z_grad.gather(2, index_of_codes),
        value_grad.gather(2, index),
    )
    D_grad = (gram_grad + gram_grad.mT) @ D
    # Cluster by cluster, the samples stay in the cache.
    for one, one_C_grad, chosen in zip(D_grad, C_grad, rows, strict=True):
        one.addmm_(one_C_grad, X.index_select(0, chosen))
    return D_grad


def _backward(
    problem: _Problem,
    tiles: list[slice],
    layers_of: Callable[[_Problem], list[_Layer]],
    Z_grad: Tensor,
    value_grad: Tensor,
) -> tuple[Tensor, Tensor]:
    """Gradients of C (K, P, b) and of the Gram matrices (K, P, P).

    ``layers_of`` is called with tiles of the problem in turn; ``Z_grad`` is (K, P, b),
    of the codes, and ``value_grad`` (K, 1, b), of the squared residuals.
    """
    C_grad = torch.empty_like(problem.C)
    gram_grad = torch.zeros_like(problem.gram)
    for tile in tiles:
        part = problem.of(tile)
        C_grad[..., tile], part_gram_grad = _backward_of_tile(
            part, layers_of(part), Z_grad[..., tile], value_grad[..., tile]
        )
        gram_grad += part_gram_grad
    return C_grad, gram_grad


def _backward_of_tile(
    problem: _Problem, layers: list[_Layer], Z_grad: Tensor, value_grad: Tensor
) -> tuple[Tensor, Tensor]:
    step = problem.step
    Z = step * problem.threshold(layers[-1].V)
    weighted = value_grad * Z
    minus_correlations = torch.baddbmm(problem.C, problem.gram, Z, beta=-1)
    U_grad = step * torch.addcmul(Z_grad, value_grad, minus_correlations, value=2)
    C_grad = -2.0 * weighted
    A_grad = torch.zeros_like(problem.gram)
    # Codes of a layer are in the next E with 1 + momentum, and with -momentum in the
    # one after it; the first factor goes into the product.
    from_next, ratio = None, 0.0
    momentum_before = [0.0, *momenta(len(layers) - 1)]
    for (E, V), momentum in zip(layers[::-1], momentum_before[::-1], strict=True):
        V_grad = problem.threshold_backward(U_grad, V)
        C_grad += V_grad
        if E is None:
            break
        A_grad.baddbmm_(V_grad, E.mT)
        factor = 1.0 + momentum
        from_later, from_next = (
            from_next,
            torch.baddbmm(V_grad, problem.A, V_grad, beta=0, alpha=factor),
        )
        U_grad = from_next
        if from_later is not None:
            U_grad = torch.sub(from_next, from_later, alpha=ratio)
        ratio = momentum / factor
    return C_grad, weighted @ Z.mT - step * A_grad
