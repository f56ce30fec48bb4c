"""The bound of the largest eigenvalues as one GPU kernel, of forty otherwise."""

import torch
from torch import Tensor

from .fista import lipschitz_constant
from .fused_check import is_right
from .fused_fista import compiled_for, fused_kernels, has_triton

__all__ = ["fused_lipschitz_constant"]

# A matrix and its parts of lower precision, as both factors, have to fit on the chip.
_MAX_ATOMS = 64
_N_SQUARINGS, _N_WARPS = 6, 4
# Of single precision, with what it adds so that the bound stays one.
_TOLERANCE = 2e-5


def fused_lipschitz_constant(gram: Tensor) -> Tensor:
    """`lipschitz_constant`, by a kernel where there is one.

    Parameters
    ----------
    gram : Tensor of shape (K, P, P)
        Symmetric and positive semidefinite.

    Returns
    -------
    Tensor of shape (K,)
        No gradient flows through it.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import fused_lipschitz_constant
    >>> gram = torch.diag(torch.tensor([4.0, 1.0, 0.0]))[None]
    >>> bound = fused_lipschitz_constant(gram)
    >>> bool(bound >= 4.0), bound.round(decimals=1)
    (True, tensor([4.]))
    """
    n_atoms = gram.shape[-1]
    if (
        gram.device.type == "cuda"
        and gram.dtype == torch.float32
        and n_atoms <= _MAX_ATOMS
        and has_triton()
        and is_right(
            ("lipschitz", compiled_for(n_atoms)),
            f"Lipschitz constants for {n_atoms} atoms",
            gram.device,
            lambda: lipschitz_error(n_atoms, gram.device) <= _TOLERANCE,
        )
    ):
        return lipschitz_by_kernel(gram)
    return lipschitz_constant(gram)


@torch.no_grad()
def lipschitz_by_kernel(gram: Tensor) -> Tensor:
    """`lipschitz_constant` by the kernel."""
    gram = gram.contiguous()
    bounds = gram.new_empty(len(gram))
    with torch.cuda.device_of(gram):
        fused_kernels().lipschitz_kernel[(len(gram),)](
            *(gram, bounds, 1.0 + 64.0 * torch.finfo(gram.dtype).eps),
            gram.shape[-1],
            N_SQUARINGS=_N_SQUARINGS,
            PP=compiled_for(gram.shape[-1]),
            PREC="tf32x3" if gram.device.type == "cuda" else "ieee",
            num_warps=_N_WARPS,
        )
    return bounds


def lipschitz_error(n_atoms: int, device: torch.device) -> float:
    """Largest relative error on random matrices, one of them zero."""
    generator = torch.Generator().manual_seed(0)
    D = torch.randn(3, n_atoms, n_atoms + 9, generator=generator, dtype=torch.float64)
    D[1, n_atoms // 2 :] = 0.0
    D[2] = 0.0
    gram = (D @ D.mT).to(device)
    exact = lipschitz_constant(gram, _N_SQUARINGS)
    bounds = lipschitz_by_kernel(gram.float())
    return float(((bounds - exact) / exact).abs().max())
