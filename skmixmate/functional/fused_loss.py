"""The training loss of a mixture and its gradient as one GPU kernel, of thirty else."""

import torch
from torch import Tensor

from .fused_check import is_right, largest_error
from .fused_fista import compiled_for, fused_kernels, has_triton
from .mixture import LARGEST_GAP, expected_energy

__all__ = ["fused_expected_energy"]

_MAX_CLUSTERS, _TOLERANCE = 1024, 1e-4


def fused_expected_energy(energies: Tensor) -> Tensor:
    """`expected_energy`, by a kernel where there is one.

    Parameters
    ----------
    energies : Tensor of shape (B, K)

    Returns
    -------
    Tensor of shape (B,)
        By the kernel, not to be differentiated twice.

    Notes
    -----
    With L for what is returned, the gradient of ``E_k`` is ``p_k (1 + L - E_k)``.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import fused_expected_energy
    >>> fused_expected_energy(torch.tensor([[2.0, 2.0], [1.0, 100.0]]))
    tensor([2., 1.])
    """
    n_clusters = energies.shape[1]
    # Kernels are compiled for such strides and others.
    is_aligned = energies.stride(1) % 16 == 0
    if (
        energies.device.type == "cuda"
        and energies.dtype == torch.float32
        and len(energies) > 0
        and 0 < n_clusters <= _MAX_CLUSTERS
        and has_triton()
        and is_right(
            ("loss", compiled_for(n_clusters), is_aligned),
            f"losses of {n_clusters} clusters",
            energies.device,
            lambda: (
                loss_error(n_clusters, energies.device, 48 if is_aligned else 37)
                <= _TOLERANCE
            ),
        )
    ):
        return _ExpectedEnergy.apply(energies)
    return expected_energy(energies)


class _ExpectedEnergy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, energies):
        B, K = energies.shape
        n_places = compiled_for(K)
        n_rows = max(1, 1024 // n_places)
        # As the encoder reads it: dictionaries first.
        loss, gradient = energies.new_empty(B), energies.new_empty(K, B).T
        with torch.cuda.device_of(energies):
            fused_kernels().loss_kernel[(-(-B // n_rows),)](
                *(energies, loss, gradient, LARGEST_GAP, B, K, *energies.stride()),
                T=n_rows,
                KK=n_places,
            )
        ctx.save_for_backward(gradient)
        return loss

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, loss_grad):
        (gradient,) = ctx.saved_tensors
        return loss_grad.unsqueeze(1) * gradient


def loss_error(n_clusters: int, device: torch.device, n_samples: int) -> float:
    """Largest error of the loss and its gradient, over the largest number of each."""
    generator = torch.Generator().manual_seed(0)
    shape = n_clusters, n_samples
    # Transposed as in training, some differences beyond the largest gap.
    E = 20.0 * torch.randn(shape, generator=generator, dtype=torch.float64).T
    results = []
    with torch.inference_mode(False), torch.enable_grad():
        for function, dtype in (
            (_ExpectedEnergy.apply, torch.float32),
            (expected_energy, torch.float64),
        ):
            energies = E.to(device, dtype, copy=True).requires_grad_()
            loss = function(energies)
            (gradient,) = torch.autograd.grad(loss.square().sum(), energies)
            results.append((loss, gradient))
    return largest_error(zip(*results, strict=True))
