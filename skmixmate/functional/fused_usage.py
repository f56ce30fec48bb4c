"""What a training step keeps of its samples as one GPU kernel, of eight otherwise."""

import torch
from torch import Tensor

from .fused_check import is_right, largest_error
from .fused_fista import compiled_for, fused_kernels, has_triton
from .mixture import Usage, add_usage

__all__ = ["fused_add_usage", "usage_error"]

_MAX_CLUSTERS, _TOLERANCE = 1024, 1e-5
# Atoms and samples of a program, samples times clusters at most.
_N_ATOMS, _N_SAMPLES, _N_ENERGIES = 16, 64, 4096


@torch.no_grad()
def fused_add_usage(
    total: Usage, energies: Tensor, codes: Tensor, indices: Tensor
) -> None:
    """`add_usage`, by a kernel where there is one.

    Parameters
    ----------
    total : Usage
        Changed in place.
    energies : Tensor of shape (B, K)
    codes : Tensor of shape (K, B, P)
    indices : Tensor of shape (B,)
        Of the samples, on the device of all.

    Examples
    --------
    As that of `add_usage`, whose numbers it adds up.

    >>> import torch
    >>> from skmixmate.functional import Usage, add_usage, fused_add_usage
    >>> labels = torch.zeros(4, dtype=torch.int64)
    >>> totals = [Usage(torch.zeros(2, 3), torch.zeros(4), labels + 0) for _ in "ab"]
    >>> energies = torch.tensor([[1.0, 30.0], [30.0, 2.0]])
    >>> codes = torch.tensor([1.0, 0.0, -2.0]).expand(2, 2, 3)
    >>> for add, total in zip((add_usage, fused_add_usage), totals):
    ...     add(total, energies, codes, torch.tensor([0, 3]))
    >>> all(torch.allclose(a, b) for a, b in zip(*totals))
    True
    """
    n_clusters = energies.shape[1]
    if (
        energies.device.type == "cuda"
        and len(energies) > 0
        and n_clusters <= _MAX_CLUSTERS
        and all(one.is_contiguous() for one in (*total, indices))
        and all(one.dtype == torch.float32 for one in (energies, codes, *total[:2]))
        and has_triton()
        and is_right(
            ("usage", compiled_for(n_clusters)),
            f"usages of {n_clusters} clusters",
            energies.device,
            lambda: usage_error(n_clusters, energies.device) <= _TOLERANCE,
        )
    ):
        _add_by_kernel(total, energies, codes, indices)
        return
    add_usage(total, energies, codes, indices)


def _add_by_kernel(
    total: Usage, energies: Tensor, codes: Tensor, indices: Tensor
) -> None:
    n_clusters, n_samples, n_atoms = codes.shape
    n_places = compiled_for(n_clusters)
    with torch.cuda.device_of(energies):
        fused_kernels().usage_kernel[(n_clusters, -(-n_atoms // _N_ATOMS))](
            *(energies, codes, indices, *total),
            *(n_samples, n_clusters, n_atoms, *energies.stride(), *codes.stride()),
            PP=_N_ATOMS,
            T=min(_N_SAMPLES, _N_ENERGIES // n_places),
            KK=n_places,
        )


def usage_error(n_clusters: int, device: torch.device) -> float:
    """Largest error of two batches, over the largest number; infinite by a label."""
    generator = torch.Generator().manual_seed(0)
    n_atoms, n_samples = 21, 150
    totals = []
    with torch.inference_mode(False), torch.no_grad():
        for function, dtype in (
            (_add_by_kernel, torch.float32),
            (add_usage, torch.float64),
        ):
            generator.manual_seed(0)
            total = Usage(
                torch.ones(n_clusters, n_atoms, dtype=dtype, device=device),
                torch.zeros(n_samples, dtype=dtype, device=device),
                torch.zeros(n_samples, dtype=torch.long, device=device),
            )
            order = torch.randperm(n_samples, generator=generator).to(device)
            for indices in order.split(80):
                # As in training: samples last in memory.
                E = torch.randn(n_clusters, len(indices), generator=generator)
                Z = torch.randn(n_clusters, n_atoms, len(indices), generator=generator)
                function(
                    total, 5.0 * E.T.to(device, dtype), Z.mT.to(device, dtype), indices
                )
            totals.append(total)
    ours, exact = totals
    if not torch.equal(ours.label, exact.label):
        return float("inf")
    return largest_error(zip(ours[:2], exact[:2], strict=True))
