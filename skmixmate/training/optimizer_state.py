"""Adam's moments as NumPy arrays, so that an estimator carries no tensors."""

import numpy as np
import torch

__all__ = ["load_optimizer_state", "optimizer_state"]


def optimizer_state(optimizer: torch.optim.Optimizer) -> list[dict[str, np.ndarray]]:
    """Return the state of each parameter, in order; empty before the first step."""
    return [
        {
            name: value.detach().cpu().numpy().copy()
            for name, value in optimizer.state[parameter].items()
        }
        for group in optimizer.param_groups
        for parameter in group["params"]
        if parameter in optimizer.state
    ]


def load_optimizer_state(
    optimizer: torch.optim.Optimizer, state: list[dict[str, np.ndarray]]
) -> None:
    """Give an optimiser of the same parameters a state from `optimizer_state`."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    # A state of fewer or more parameters belongs to the start of the same ones: a
    # parameter that begins to be learned begins without moments.
    for parameter, values in zip(parameters, state or [], strict=False):
        optimizer.state[parameter] = {
            name: torch.tensor(value, device=parameter.device)
            for name, value in values.items()
        }
