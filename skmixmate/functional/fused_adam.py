"""Adam's step and the scaling of atoms as one GPU kernel.

That of PyTorch cuts parameters into parts of 65,536 numbers: those of a mixture would
keep a few of a GPU's hundred processors busy, and for longer than the encoder takes.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .fused_check import is_right, largest_error
from .fused_fista import compiled_for, fused_kernels, has_triton

__all__ = ["AdamNumbers", "adam_by_kernel", "adam_error", "adam_is_fused"]

# What threads of a program hold; of longer atoms, PyTorch's step has parts enough.
_MAX_FEATURES = 8192
_TOLERANCE = 1e-5


class AdamNumbers(NamedTuple):
    """What Adam has for a parameter, named as in `torch.optim.Adam`.

    ``exp_avg`` and ``exp_avg_sq`` are as the parameter; ``step`` and ``lr`` are ().

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import AdamNumbers
    >>> D = torch.eye(4)[None]
    >>> moments = torch.zeros_like(D), torch.zeros_like(D)
    >>> numbers = AdamNumbers(*moments, step=torch.tensor(0.0), lr=torch.tensor(1e-3))
    >>> numbers.betas, numbers.eps
    ((0.9, 0.999), 1e-08)
    """

    exp_avg: Tensor
    exp_avg_sq: Tensor
    step: Tensor
    lr: Tensor
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8


def adam_is_fused(D: Tensor, numbers: AdamNumbers, *, normalizes: bool) -> bool:
    """Whether `adam_by_kernel` takes such dictionaries, and is right on their device.

    Parameters
    ----------
    D : Tensor of shape (K, P, M)
    numbers : AdamNumbers
    normalizes : bool

    Returns
    -------
    bool
        False as well while a CUDA graph is recorded, if nothing is known yet.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import AdamNumbers, adam_is_fused
    >>> D = torch.eye(4)[None]
    >>> moments = torch.zeros_like(D), torch.zeros_like(D)
    >>> numbers = AdamNumbers(*moments, step=torch.tensor(0.0), lr=torch.tensor(1e-3))
    >>> adam_is_fused(D, numbers, normalizes=True)  # On a CPU.
    False
    """
    tensors = D, *numbers[:4]
    n_features = D.shape[-1]
    return (
        D.device.type == "cuda"
        and all(one.device == D.device for one in tensors)
        and all(one.dtype == torch.float32 for one in tensors)
        and all(one.is_contiguous() for one in tensors)
        and all(0.0 < beta < 1.0 for beta in numbers.betas)
        and D.numel() > 0
        and n_features <= _MAX_FEATURES
        and has_triton()
        and is_right(
            # Compiled for multiples of 16 and others.
            ("adam", compiled_for(n_features), n_features % 16 == 0, normalizes),
            f"steps of Adam for {n_features} features",
            D.device,
            lambda: (
                adam_error(n_features, D.device, normalizes=normalizes) <= _TOLERANCE
            ),
        )
    )


@torch.no_grad()
def adam_by_kernel(
    D: Tensor, gradient: Tensor, numbers: AdamNumbers, *, normalizes: bool
) -> None:
    """Change dictionaries and what Adam has for them in place, as its step does.

    Parameters
    ----------
    D : Tensor of shape (K, P, M), float32
    gradient : Tensor of shape (K, P, M)
    numbers : AdamNumbers
        Contiguous, as ``D``.
    normalizes : bool
        Whether atoms are scaled to unit norm then; zeros stay.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization" (ICLR 2015),
    algorithm 1.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import AdamNumbers, adam_by_kernel, adam_is_fused
    >>> device = "cuda" if torch.cuda.is_available() else "cpu"
    >>> D = torch.eye(4, device=device)[None]
    >>> step, lr = torch.zeros((), device=device), torch.tensor(1e-3, device=device)
    >>> numbers = AdamNumbers(torch.zeros_like(D), torch.zeros_like(D), step, lr)
    >>> if adam_is_fused(D, numbers, normalizes=True):
    ...     adam_by_kernel(D, torch.ones_like(D), numbers, normalizes=True)
    ...     assert D[0, 0, 1] < 0.0 and step == 1.0
    """
    n_features = D.shape[-1]
    n_places = compiled_for(n_features)
    # By a kernel of its own: all programs read it.
    numbers.step.add_(1.0)
    of_betas = [(beta, 1.0 - beta, math.log(beta)) for beta in numbers.betas]
    with torch.cuda.device_of(D):
        fused_kernels().adam_kernel[(D.numel() // n_features,)](
            *(D, gradient.contiguous(), *numbers[:4]),
            *(*of_betas[0], *of_betas[1], float(numbers.eps), n_features),
            MM=n_places,
            NORMALIZES=normalizes,
            num_warps=4 if n_places <= 2048 else 8,
        )


def adam_error(
    n_features: int, device: torch.device, *, normalizes: bool, n_steps: int = 3
) -> float:
    """Largest error after some steps from zero and from many, over the largest number.

    Against `torch.optim.Adam` in double precision; of dictionaries, one atom of which
    is zero, and of both moments.
    """
    generator = torch.Generator().manual_seed(0)
    pairs = []
    # Inference mode may be on.
    with torch.inference_mode(False), torch.no_grad():
        for first_step in (0.0, 700.0):
            start = torch.randn(
                *(4, 2, 2, n_features), generator=generator, dtype=torch.float64
            ).to(device)
            start[:, 0, 1] = 0.0
            D, *gradients = start
            D = torch.nn.functional.normalize(D, dim=-1) if normalizes else D.clone()
            ours = D.float()
            exact = D.requires_grad_()
            adam = torch.optim.Adam([exact], lr=0.01, foreach=False)
            numbers = AdamNumbers(
                *(0.3 * gradients[0].float(), 0.2 * gradients[0].float().square()),
                torch.tensor(first_step, dtype=torch.float32, device=device),
                torch.tensor(0.01, dtype=torch.float32, device=device),
            )
            adam.state[exact] = {
                "step": torch.tensor(first_step),
                "exp_avg": 0.3 * gradients[0],
                "exp_avg_sq": 0.2 * gradients[0].square(),
            }
            for place in range(n_steps):
                gradient = gradients[place % len(gradients)]
                adam_by_kernel(ours, gradient.float(), numbers, normalizes=normalizes)
                exact.grad = gradient.clone()
                adam.step()
                if normalizes:
                    norms = torch.linalg.vector_norm(exact, dim=-1, keepdim=True)
                    exact.div_(norms.clamp(min=1e-30))
            state = adam.state[exact]
            pairs += [
                (ours, exact),
                (numbers.exp_avg, state["exp_avg"]),
                (numbers.exp_avg_sq, state["exp_avg_sq"]),
                (numbers.step, state["step"].to(device)),
            ]
    return largest_error(pairs)
