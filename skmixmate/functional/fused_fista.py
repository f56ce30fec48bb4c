"""The unfolded encoder of complete samples as one GPU kernel each way.

`fused_encode` computes what `gram_encode` does in single precision, and the penalties.
There, every product and every threshold of a layer is a kernel of its own, through
which all codes travel; here, the codes of some samples stay on the chip for all layers.
"""

import functools
import importlib.util
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .fista import momenta

__all__ = [
    "FusedEncoded",
    "NormPenalty",
    "Tile",
    "compiled_for",
    "fused_encode",
    "fused_kernels",
    "has_triton",
    "momenta_on",
    "segments",
    "tiles",
    "why_no_kernels",
    "why_not_fused",
]

# Layers that a kernel unrolls, which takes the compiler longer with each.
_LAYERS_AT_ONCE = 32
# Two matrices of this size, cut in three for their products, fill an H100's chip.
_MAX_ATOMS = 128
# Gradients of Gram matrices for each tile of samples, numbers in all.
_MAX_GRADIENT_NUMBERS = 2**28
# Samples are made a multiple of this, for which alone kernels are compiled.
_MULTIPLE = 16


class NormPenalty(NamedTuple):
    """A norm that the kernels know, times ``alpha``.

    The sum of Euclidean norms of groups of ``group_size`` consecutive atoms: with one
    atom, the l1 norm. ``nonnegative`` restricts codes to nonnegative values.

    Examples
    --------
    Pairs of atoms need dictionaries of an even number of them:

    >>> import torch
    >>> from skmixmate.functional import NormPenalty, why_not_fused
    >>> X, D = torch.zeros(16, 4), torch.zeros(2, 3, 4)
    >>> why_not_fused(X, D, NormPenalty(alpha=0.1, group_size=2), n_iter=5)
    'knows no such penalty'
    """

    alpha: float
    group_size: int = 1
    nonnegative: bool = False


class FusedEncoded(NamedTuple):
    """Codes (K, B, P), and what they cost, (K, B) each.

    Codes are None where they were not asked for, which type checkers need not see.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import FusedEncoded, energies
    >>> K, B, P = 2, 5, 3
    >>> encoded = FusedEncoded(
    ...     torch.zeros(K, B, P), torch.ones(K, B), torch.zeros(K, B)
    ... )
    >>> energies(*encoded[1:], log_weights=torch.zeros(K)).shape
    torch.Size([5, 2])
    """

    codes: Tensor
    squared_residuals: Tensor
    penalties: Tensor


class Tile(NamedTuple):
    """Samples of a program, and the warps of threads that it runs in.

    Examples
    --------
    >>> from skmixmate.functional import Tile
    >>> tile = Tile(n_samples=16, n_warps=4)
    >>> n_programs = -(-100 // tile.n_samples)  # Of a batch of 100, for each cluster.
    >>> n_programs
    7
    """

    n_samples: int
    n_warps: int


def tiles(n_atoms: int, *, keeps_layers: bool) -> tuple[Tile, ...]:
    """Return the tiles to be tried, the first that compiles being the one.

    Small batches, as those of training, are to be spread over a whole GPU, and the
    backward pass holds more on the chip.
    """
    n_warps = 4 if n_atoms <= 64 else 8
    if keeps_layers:
        return (Tile(16, n_warps),)
    largest = 64 if n_atoms <= 64 else 32
    return Tile(largest, n_warps), Tile(largest // 2, n_warps)


def compiled_for(n_atoms: int) -> int:
    """Return the number of atoms of the kernels that take so many."""
    return max(16, 1 << (n_atoms - 1).bit_length())


def why_not_fused(
    X: Tensor, D: Tensor, penalty: NormPenalty | None, n_iter: int
) -> str | None:
    """What speaks against `fused_encode` before any kernel is tried, None if nothing.

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
    >>> from skmixmate.functional import NormPenalty, why_not_fused
    >>> X, D = torch.zeros(4, 9), torch.zeros(2, 3, 9)
    >>> why_not_fused(X.double(), D.double(), NormPenalty(0.1), n_iter=15)
    'is for single precision'
    >>> why_not_fused(X, D, None, n_iter=15)
    'knows no such penalty'
    """
    if lack := why_no_kernels(X, D, penalty):
        return lack
    n_clusters, n_atoms, _ = D.shape
    n_tiles = -(-len(X) // _MULTIPLE)
    if not 0 < n_atoms * n_tiles * _MULTIPLE < 2**31:
        return "takes no such number of samples"
    if (
        torch.is_grad_enabled()
        and D.requires_grad
        and n_tiles * n_clusters * n_atoms**2 > _MAX_GRADIENT_NUMBERS
    ):
        return "takes smaller batches for gradients"
    return None


def why_no_kernels(X: Tensor, D: Tensor, penalty: NormPenalty | None) -> str | None:
    """What speaks against kernels of either encoder, None if nothing.

    Parameters
    ----------
    X : Tensor of shape (B, M)
    D : Tensor of shape (K, P, M)
    penalty : NormPenalty or None

    Returns
    -------
    str or None
        To follow the name of the form of the encoder.
    """
    n_clusters, n_atoms, _ = D.shape
    if X.dtype != torch.float32 or D.dtype != torch.float32:
        return "is for single precision"
    # Tensors without numbers stand for those on a GPU.
    is_meta = X.device.type == "meta"
    if torch.is_autocast_enabled("cuda" if is_meta else X.device.type):
        return "is not for autocast"
    if penalty is None or n_atoms % penalty.group_size:
        return "knows no such penalty"
    if n_atoms > _MAX_ATOMS:
        return f"takes at most {_MAX_ATOMS} atoms"
    if not (0 < n_clusters < 2**16 and n_atoms > 0):
        return "takes no such number of dictionaries"
    if not has_triton():
        return "needs the package triton"
    return None


@functools.cache
def has_triton() -> bool:
    """Whether there is the package, which comes with PyTorch's CUDA builds."""
    return importlib.util.find_spec("triton") is not None


def fused_encode(
    X: Tensor,
    D: Tensor,
    gram: Tensor,
    step: Tensor,
    penalty: NormPenalty,
    n_iter: int,
    tile: Tile,
    *,
    with_codes: bool = True,
) -> FusedEncoded:
    """Encode complete samples against every dictionary.

    Parameters
    ----------
    X : Tensor of shape (B, M), float32
    D : Tensor of shape (K, P, M), float32
        Gradients flow to it alone.
    gram : Tensor of shape (K, P, P)
        ``D D^T``, the gradient of which is part of that of D.
    step : Tensor of shape (K, 1, 1)
    penalty : NormPenalty
    n_iter : int
        Number of iterations, at least one.
    tile : Tile
    with_codes : bool, default=True
        Without, codes never leave the chip. Values are the same bits either way.

    Returns
    -------
    FusedEncoded
        Not to be differentiated twice.

    Notes
    -----
    The layers are those of `gram_encode`. Products are as exact as in single precision:
    on tensor cores, each factor is the sum of two numbers of lower precision, of whose
    four products three are taken.

    References
    ----------
    MixMate (ICASSP 2022), eq. 4.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import NormPenalty, Tile, fused_encode
    >>> if torch.cuda.is_available():
    ...     X, D = torch.eye(3).cuda(), torch.eye(3)[None].cuda()
    ...     gram, step = D @ D.mT, torch.ones(1, 1, 1).cuda()
    ...     penalty, tile = NormPenalty(0.25), Tile(16, 4)
    ...     encoded = fused_encode(X, D, gram, step, penalty, 15, tile)
    ...     assert torch.allclose(encoded.codes, 0.75 * D)
    """
    # Asked here, since gradients are off inside.
    keeps_layers = torch.is_grad_enabled() and D.requires_grad
    codes, *values = _FusedEncoder.apply(
        *(D, X, gram, step, penalty, n_iter, tile),
        with_codes or keeps_layers,
        keeps_layers,
    )
    return FusedEncoded(codes if with_codes else None, *values)  # type: ignore[arg-type]


@functools.cache
def momenta_on(device: torch.device, n_iter: int) -> Tensor:
    """Momentum of what each layer extrapolates, (n_iter,).

    Made once and before a CUDA graph is recorded: recording copies nothing from a host.
    """
    with torch.inference_mode(False):
        values = [0.0, *momenta(n_iter)][:n_iter]
        return torch.tensor(values, dtype=torch.float32, device=device)


class Segment(NamedTuple):
    """Layers of one kernel, and what it is compiled for because of them.

    Layer 0, the prox of the correlations, is part of the first.
    """

    first_layer: int
    options: dict[str, int]


def segments(n_iter: int) -> list[Segment]:
    """Return what kernels encode one after another, in the order of layers."""
    return [
        Segment(
            first,
            {
                "N_LAYERS": min(_LAYERS_AT_ONCE, n_iter - first),
                "BEGINS": first == 1,
                "ENDS": first + _LAYERS_AT_ONCE >= n_iter,
            },
        )
        for first in range(1, max(n_iter, 2), _LAYERS_AT_ONCE)
    ]


class _FusedEncoder(torch.autograd.Function):
    @staticmethod
    def forward(ctx, D, X, gram, step, penalty, n_iter, tile, with_codes, keeps_layers):
        kernels = fused_kernels()
        ctx.set_materialize_grads(False)
        n_samples = len(X)
        # Samples of zeros have codes, values and gradients of zero.
        X = _padded(X.T, -n_samples % _MULTIPLE).T
        (K, P, _), B = D.shape, len(X)
        C = (D.flatten(0, 1) @ X.T).view(K, P, B)
        gram, step = gram.contiguous(), step.contiguous()
        squared_residuals, penalties = C.new_empty(K, B), C.new_empty(K, B)
        nowhere = C.new_empty(1)
        Z = torch.empty_like(C) if with_codes else nowhere
        E, V = nowhere, nowhere
        parts = segments(n_iter)
        # All layers, or the last two, which the next kernel needs.
        n_places = n_iter - 1 if keeps_layers else 2 if len(parts) > 1 else 0
        if n_places:
            E, V = C.new_empty(2, n_places, K, P, B)
        options = _options(P, penalty, tile, C.device)
        alpha = float(penalty.alpha)
        grid = -(-B // tile.n_samples), K
        norms = torch.linalg.vector_norm(X, dim=1)
        with torch.cuda.device_of(C):
            for part in parts:
                kernels.forward_kernel[grid](
                    *(C, gram, step, momenta_on(C.device, n_iter), norms),
                    *(squared_residuals, penalties, Z, E, V),
                    *(alpha, P, B, part.first_layer, n_places, P if with_codes else 0),
                    KEEPS_LAYERS=n_places > 0,
                    **part.options,
                    **options,
                )
        if keeps_layers:
            ctx.save_for_backward(D, X, C, gram, step, Z, E, V)
        ctx.arguments = alpha, n_samples, n_iter, grid, options
        return (
            Z.mT[:, :n_samples] if with_codes else None,
            squared_residuals[:, :n_samples],
            penalties[:, :n_samples],
        )

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, codes_grad, squares_grad, penalties_grad):
        D, X, C, gram, step, Z, E, V = ctx.saved_tensors
        alpha, n_samples, n_iter, grid, options = ctx.arguments
        K, P, B = C.shape

        def whole(grad):
            """A gradient (..., n_samples) as the kernel reads it, (..., B)."""
            if grad is None:
                return C.new_zeros(K, B)
            return _padded(grad, B - n_samples).contiguous()

        # Codes have none in training; by the same kernel, which then reads no gradient.
        Z_grad = Z if codes_grad is None else whole(codes_grad.mT)
        n_graded_atoms = 0 if codes_grad is None else P
        C_grad = torch.empty_like(C)
        # Of each tile, and added up in order: the same bits each time.
        G_grad = C.new_empty(grid[0], K, P, P)
        parts = segments(n_iter)
        # Between kernels alone.
        carried = C.new_empty(2, K, P, B) if len(parts) > 1 else C_grad
        squares_grad, penalties_grad = whole(squares_grad), whole(penalties_grad)
        with torch.cuda.device_of(C):
            for part in reversed(parts):
                fused_kernels().backward_kernel[grid](
                    *(C, gram, step, momenta_on(C.device, n_iter), Z, E, V),
                    *(squares_grad, penalties_grad, Z_grad, carried, C_grad, G_grad),
                    *(alpha, P, B, part.first_layer, n_graded_atoms),
                    **part.options,
                    **options,
                )
        G_grad = G_grad.sum(0)
        D_grad = (G_grad + G_grad.mT) @ D
        D_grad.flatten(0, 1).addmm_(C_grad.flatten(0, 1), X)
        return D_grad, *(None,) * 8


def _padded(values: Tensor, n_zeros: int) -> Tensor:
    """Values (..., n) with zeros behind them; not copied if there are none."""
    return torch.nn.functional.pad(values, (0, n_zeros)) if n_zeros else values


def fused_kernels() -> Any:
    """Return the kernels, whose module needs Triton."""
    from . import fused_kernels as kernels

    return kernels


def _options(
    n_atoms: int, penalty: NormPenalty, tile: Tile, device: torch.device
) -> dict:
    """Of both kernels, by name: what they are compiled for, and how they run."""
    return {
        "PP": compiled_for(n_atoms),
        "T": tile.n_samples,
        "GROUP": penalty.group_size,
        "NONNEGATIVE": penalty.nonnegative,
        # On a CPU, Triton interprets them.
        "PREC": "tf32x3" if device.type == "cuda" else "ieee",
        "num_warps": tile.n_warps,
    }
