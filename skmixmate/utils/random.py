"""Random numbers that leave the global generators alone."""

import numpy as np
import torch
from sklearn.utils import check_random_state

__all__ = ["private_random_state", "torch_generator"]


def private_random_state(random_state) -> np.random.RandomState:
    """Return a RandomState; None means a fresh one, never NumPy's global one.

    Parameters
    ----------
    random_state : int, RandomState instance or None

    Returns
    -------
    RandomState

    Raises
    ------
    ValueError
        If ``random_state`` is none of these.
    """
    if random_state is None:
        return np.random.RandomState()
    try:
        return check_random_state(random_state)
    except ValueError as error:
        raise ValueError(
            "random_state must be None, an integer from 0 to 2**32 - 1 or a "
            f"RandomState, got {random_state!r}."
        ) from error


def torch_generator(
    random_state: np.random.RandomState, offset: int = 0
) -> torch.Generator:
    """Return a CPU generator seeded by a draw from ``random_state`` and an offset."""
    seed = int(random_state.randint(2**31 - 1)) + offset
    return torch.Generator("cpu").manual_seed(seed)
