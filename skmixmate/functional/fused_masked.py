"""The unfolded encoder over observed entries by GPU kernels.

`fused_masked_encode` computes what `tiled_encode` does in single precision, and the
penalties. It has no residuals: each sample gets Gram matrices of its own, over what is
observed of it, and keeps one on the chip for all layers.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .fused_fista import (
    FusedEncoded,
    NormPenalty,
    compiled_for,
    momenta_on,
    segments,
    why_no_kernels,
)

__all__ = ["fused_masked_encode", "why_not_fused_masked"]

# Numbers of the products of atoms and of the Gram matrices that there are at a time.
_MAX_NUMBERS = 2**25
# Of those products for one dictionary, which are there whole, and of what a batch keeps
# for its backward pass.
_MAX_NUMBERS_OF_ONE, _MAX_KEPT_NUMBERS = 2**28, 2**28
# Features of a program that multiplies atoms.
_N_FEATURES = 512
# By the number of atoms that kernels are compiled for: a thread's shares of a matrix
# and its gradient are to fit in its registers.
_N_WARPS = {16: 1, 32: 4, 64: 8, 128: 16}


def why_not_fused_masked(
    X: Tensor, D: Tensor, penalty: NormPenalty | None, n_iter: int
) -> str | None:
    """What speaks against `fused_masked_encode` before it is tried, None if nothing.

    Parameters
    ----------
    X : Tensor of shape (B, M)
    D : Tensor of shape (K, P, M)
    penalty : NormPenalty or None
        None for one that the kernels do not know.
    n_iter : int

    Returns
    -------
    str or None
        To follow the name of the form of the encoder.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import NormPenalty, why_not_fused_masked
    >>> X, D = torch.zeros(4, 9), torch.zeros(2, 3, 9)
    >>> why_not_fused_masked(X.double(), D.double(), NormPenalty(0.1), n_iter=15)
    'is for single precision'
    """
    if lack := why_no_kernels(X, D, penalty):
        return lack
    n_clusters, n_atoms, n_features = D.shape
    n_pairs = _n_pairs(n_atoms)
    if len(X) == 0 or n_features == 0:
        return "takes no such number of samples or features"
    if n_pairs * n_features > _MAX_NUMBERS_OF_ONE:
        return "takes fewer atoms or features"
    n_kept = len(X) * n_clusters * (n_pairs + n_iter * n_atoms)
    if torch.is_grad_enabled() and D.requires_grad and n_kept > _MAX_KEPT_NUMBERS:
        return "takes smaller batches for gradients"
    return None


def fused_masked_encode(
    X: Tensor,
    observed: Tensor,
    D: Tensor,
    step: Tensor,
    penalty: NormPenalty,
    n_iter: int,
    *,
    with_codes: bool = True,
) -> FusedEncoded:
    """Encode incomplete samples against every dictionary.

    Parameters
    ----------
    X : Tensor of shape (B, M), float32
        Anything where an entry is missing.
    observed : Tensor of shape (B, M), float32
        1 where observed, 0 where missing.
    D : Tensor of shape (K, P, M), float32
        Gradients flow to it alone.
    step : Tensor of shape (K, 1, 1)
    penalty : NormPenalty
    n_iter : int
        Number of iterations, at least one.
    with_codes : bool, default=True
        Without, there are codes of a few thousand samples at most at a time. Values are
        the same bits either way.

    Returns
    -------
    FusedEncoded
        Not to be differentiated twice.

    Notes
    -----
    With O for ``observed``, the Gram matrices of all samples are one product of
    matrices, of the mask and the products of the atoms' entries::

        G_b[p, q] = sum_m O[b, m] (D[p, m] D[q, m])

    of which there are ``P (P + 1) / 2`` for a dictionary. Layers are those of
    `gram_encode`, with ``A_b = I - step * G_b``. Back, the gradient of the products is
    another one, of the mask and the gradients of the Gram matrices.

    Operations for a sample and a dictionary, of M features, P atoms and L iterations,
    and for 784, 50 and 15, in millions, forward and both ways:

    =================  =================================  =======  ====
    form               forward                            forward  both
    =================  =================================  =======  ====
    through residuals  ``4 L M P``                        2.35     8.2
    Gram, per sample   ``M P (P + 1) + 2 M P + 2 L P^2``  2.15     4.4
    Gram, complete     ``2 M P + 2 L P^2``                0.15     0.38
    =================  =================================  =======  ====

    Residuals take ten ``M P`` a layer back, in products of as few columns as a program
    has samples, whose factors all have to be split in three for exact products on
    tensor cores. Here it is two products of large matrices, as wide as a batch. With
    more than 100 atoms or so, residuals would take fewer operations.

    Of a batch of 256 and ten dictionaries, products of atoms are 40 MB and Gram
    matrices 13, each written and read once a pass. Programs that go through residuals
    would read each dictionary once a layer for every 16 samples, 0.4 GB forward.

    References
    ----------
    MixMate (ICASSP 2022), eq. 4 and section 4, "Clustering incomplete data".

    Examples
    --------
    The observed entry decides the code, which fills in the other:

    >>> import torch
    >>> from skmixmate.functional import NormPenalty, fused_masked_encode
    >>> if torch.cuda.is_available():
    ...     X = torch.tensor([[2.0, torch.nan]]).cuda()
    ...     observed = torch.tensor([[1.0, 0.0]]).cuda()
    ...     D, step = torch.tensor([[[0.6, 0.8]]]).cuda(), torch.ones(1, 1, 1).cuda()
    ...     arguments = X, observed, D, step, NormPenalty(0.1), 100
    ...     codes = fused_masked_encode(*arguments).codes
    ...     assert torch.allclose(
    ...         codes @ D, torch.tensor([[[1.83, 2.44]]]).cuda(), 0.01
    ...     )
    """
    # Asked here, since gradients are off inside.
    keeps_layers = torch.is_grad_enabled() and D.requires_grad
    visible = torch.where(observed > 0, X, 0.0)
    codes, *values = _FusedMaskedEncoder.apply(
        *(D, visible, observed, step, penalty, n_iter, with_codes, keeps_layers)
    )
    return FusedEncoded(codes, *values)


class _Part(NamedTuple):
    """Some dictionaries and samples, whose Gram matrices there are at a time."""

    clusters: slice
    samples: slice

    @property
    def numbers(self) -> tuple[int, int, int]:
        """How many dictionaries, and the first of these and of the samples."""
        clusters, samples = self
        return clusters.stop - clusters.start, clusters.start, samples.start

    @property
    def n_programs(self) -> int:
        return self.numbers[0] * (self.samples.stop - self.samples.start)


class _FusedMaskedEncoder(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx, D, visible, observed, step, penalty, n_iter, with_codes, keeps_layers
    ):
        kernels = masked_kernels()
        ctx.set_materialize_grads(False)
        (K, P, M), B = D.shape, len(visible)
        D, step = D.contiguous(), step.contiguous()
        # Correlations, and what goes into the prox of the layers: all of them, or the
        # last two, which the next segment needs.
        n_places = n_iter if keeps_layers else 3 if len(segments(n_iter)) > 1 else 1
        squared_residuals, penalties = D.new_empty(2, K, B)
        Z = D.new_empty((K, B, P) if with_codes else 1)
        norms = torch.linalg.vector_norm(visible, dim=1)
        options = _options(P, penalty)
        kept = []
        with torch.cuda.device_of(D):
            for clusters, of_samples in _parts(K, B, P, M):
                products = _products(D, clusters)
                for samples in of_samples:
                    part = _Part(clusters, samples)
                    G = observed[samples] @ products.T
                    V = D.new_empty(n_places, part.n_programs, P)
                    torch.mm(
                        visible[samples],
                        D[clusters].flatten(0, 1).T,
                        out=V[0].view(samples.stop - samples.start, -1),
                    )
                    for segment in segments(n_iter):
                        kernels.masked_forward_kernel[(part.n_programs,)](
                            *(V, G, step, momenta_on(D.device, n_iter), norms),
                            *(squared_residuals, penalties, Z, float(penalty.alpha)),
                            *(P, B, *part.numbers, segment.first_layer, n_places),
                            P if with_codes else 0,
                            KEEPS_LAYERS=n_places > 1,
                            **segment.options,
                            **options,
                        )
                    kept += [G, V] if keeps_layers else []
                del products
        if keeps_layers:
            ctx.save_for_backward(D, visible, observed, step, *kept)
        ctx.arguments = float(penalty.alpha), n_iter, options
        return Z if with_codes else None, squared_residuals, penalties

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, codes_grad, squares_grad, penalties_grad):
        kernels = masked_kernels()
        D, visible, observed, step, *kept = ctx.saved_tensors
        alpha, n_iter, options = ctx.arguments
        (K, P, M), B = D.shape, len(visible)
        squares_grad, penalties_grad = (
            D.new_zeros(K, B) if grad is None else grad.contiguous()
            for grad in (squares_grad, penalties_grad)
        )
        # Codes have none in training; by the same kernel, which then reads no gradient.
        Z_grad = step if codes_grad is None else codes_grad.contiguous()
        D_grad = torch.zeros_like(D)
        layers = iter(zip(kept[::2], kept[1::2], strict=True))
        with torch.cuda.device_of(D):
            for clusters, of_samples in _parts(K, B, P, M):
                products_grad = None
                for samples in of_samples:
                    part = _Part(clusters, samples)
                    G, V = next(layers)
                    C_grad, G_grad = torch.empty_like(V[0]), torch.empty_like(G)
                    carried = torch.empty_like(V[:2])
                    for segment in reversed(segments(n_iter)):
                        kernels.masked_backward_kernel[(part.n_programs,)](
                            *(V, G, step, momenta_on(D.device, n_iter)),
                            *(squares_grad, penalties_grad, Z_grad),
                            *(carried, C_grad, G_grad, alpha),
                            *(P, B, *part.numbers, segment.first_layer),
                            0 if codes_grad is None else P,
                            **segment.options,
                            **options,
                        )
                    C_grad = C_grad.view(samples.stop - samples.start, -1)
                    D_grad[clusters].flatten(0, 1).addmm_(C_grad.T, visible[samples])
                    if products_grad is None:
                        products_grad = G_grad.T @ observed[samples]
                    else:
                        products_grad.addmm_(G_grad.T, observed[samples])
                kernels.products_backward_kernel[_grid_of_atoms(clusters, P, M)](
                    *(products_grad, D, D_grad, P, M, clusters.start), MM=_N_FEATURES
                )
        return D_grad, *(None,) * 7


def _n_pairs(n_atoms: int) -> int:
    return n_atoms * (n_atoms + 1) // 2


def _parts(
    n_clusters: int, n_samples: int, n_atoms: int, n_features: int
) -> Iterator[tuple[slice, list[slice]]]:
    """Yield dictionaries, and the samples that they are taken with in turn.

    The same whoever asks, so that a value does not depend on it.
    """
    n_pairs = _n_pairs(n_atoms)
    for clusters in _slices(n_clusters, _MAX_NUMBERS // (n_pairs * n_features)):
        n_numbers = (clusters.stop - clusters.start) * n_pairs
        yield clusters, _slices(n_samples, _MAX_NUMBERS // n_numbers)


def _slices(n_all: int, most: int) -> list[slice]:
    """As few slices of at most as many, or one, of about one size."""
    n_slices = -(-n_all // max(most, 1))
    size = -(-n_all // n_slices)
    return [slice(i, min(i + size, n_all)) for i in range(0, n_all, size)]


def _products(D: Tensor, clusters: slice) -> Tensor:
    """Products of the entries of two atoms each, (k P (P + 1) / 2, M)."""
    _, P, M = D.shape
    products = D.new_empty((clusters.stop - clusters.start) * _n_pairs(P), M)
    masked_kernels().products_kernel[_grid_of_atoms(clusters, P, M)](
        *(D, products, P, M, clusters.start), MM=_N_FEATURES
    )
    return products


def _grid_of_atoms(clusters: slice, n_atoms: int, n_features: int) -> tuple[int, int]:
    return (clusters.stop - clusters.start) * n_atoms, -(-n_features // _N_FEATURES)


def masked_kernels() -> Any:
    """Return the kernels, whose module needs Triton."""
    from . import fused_masked_kernels as kernels

    return kernels


def _options(n_atoms: int, penalty: NormPenalty) -> dict:
    """Of both kernels of the encoder: what they are compiled for, and how they run."""
    return {
        "PP": compiled_for(n_atoms),
        "GROUP": penalty.group_size,
        "NONNEGATIVE": penalty.nonnegative,
        # Of products of tiles alone, of which these kernels have none.
        "PREC": "ieee",
        "num_warps": _N_WARPS[compiled_for(n_atoms)],
    }
