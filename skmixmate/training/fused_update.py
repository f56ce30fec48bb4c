"""The optimiser's step and the scaling of atoms by one kernel, where that is known."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..functional import AdamNumbers, adam_by_kernel, adam_is_fused
from ..modules import UnfoldedEncoder
from .adam import Adam

__all__ = ["fused_update"]


def fused_update(
    optimizer: torch.optim.Optimizer, module: nn.Module
) -> Callable[[], None] | None:
    """Return what changes the parameters as ``optimizer.step`` and ``normalize_`` do.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Whose state the kernel changes in place: another of the same parameter, as of
        grown dictionaries, needs another call.
    module : nn.Module
        With gradients in its parameters when the result is called.

    Returns
    -------
    callable or None
        None for all but plain Adam, after its first step, on a CUDA device, of the
        dictionaries of an `UnfoldedEncoder` and no other parameter.
    """
    numbers = _numbers(optimizer, module)
    if numbers is None:
        return None
    D: Tensor = module.dictionaries  # type: ignore[assignment]
    normalizes = bool(module.normalize_atoms)
    if not adam_is_fused(D, numbers, normalizes=normalizes):
        return None

    return lambda: adam_by_kernel(D, D.grad, numbers, normalizes=normalizes)  # type: ignore[arg-type]


def _numbers(optimizer: torch.optim.Optimizer, module: nn.Module) -> AdamNumbers | None:
    """What the kernel takes of an optimiser, None if that is not all."""
    if (
        type(optimizer) not in (Adam, torch.optim.Adam)
        or not isinstance(module, UnfoldedEncoder)
        or type(module).normalize_ is not UnfoldedEncoder.normalize_
        or len(optimizer.param_groups) != 1
    ):
        return None
    (group,) = optimizer.param_groups
    state = optimizer.state.get(module.dictionaries)
    is_plain = not (group["amsgrad"] or group["maximize"] or group["weight_decay"])
    if (
        not is_plain
        or not state
        or [id(one) for one in group["params"]] != [id(module.dictionaries)]
        or not all(isinstance(one, Tensor) for one in (group["lr"], state["step"]))
        or not all(isinstance(beta, float) for beta in group["betas"])
    ):
        return None
    return AdamNumbers(
        *(state["exp_avg"], state["exp_avg_sq"], state["step"]),
        *(group["lr"], group["betas"], group["eps"]),
    )
