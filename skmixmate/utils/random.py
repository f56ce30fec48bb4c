"""Random numbers that leave the global generators alone."""

import copy

import numpy as np
import torch
from sklearn.base import clone
from sklearn.utils import check_random_state

__all__ = [
    "RandomState",
    "drawn_seed",
    "private_random_state",
    "seeded_clone",
    "torch_generator",
]

# Of the parameter ``random_state``.
RandomState = int | np.random.RandomState | None


def private_random_state(random_state: RandomState) -> np.random.RandomState:
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


def drawn_seed(random_state: np.random.RandomState) -> int:
    """Return a draw from ``random_state`` that seeds something else."""
    return int(random_state.randint(2**31 - 1))


def torch_generator(
    random_state: np.random.RandomState, offset: int = 0
) -> torch.Generator:
    """Return a CPU generator seeded by a draw from ``random_state`` and an offset."""
    seed = drawn_seed(random_state) + offset
    return torch.Generator("cpu").manual_seed(seed)


def seeded_clone(estimator, random_state: np.random.RandomState, *, only_unset=True):
    """Return a copy whose ``random_state`` parameters, nested ones too, are set.

    Those that are None, or with ``only_unset=False`` all. What has no parameters is
    copied as it is.
    """
    if not hasattr(estimator, "get_params"):
        return copy.deepcopy(estimator)
    estimator = clone(estimator)
    seeds = {
        name: drawn_seed(random_state)
        for name, value in sorted(estimator.get_params().items())
        if name.split("__")[-1] == "random_state" and (value is None or not only_unset)
    }
    return estimator.set_params(**seeds)
