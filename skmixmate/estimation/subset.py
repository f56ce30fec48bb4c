"""What starts have in common: the samples they are drawn from, and usable atoms."""

import numpy as np
import torch

from ..initializers import InitializationWarning
from ..training import Samples
from ..utils.user_warnings import warn_user

__all__ = ["initialization_subset", "is_array", "without_zero_atoms"]


def is_array(init) -> bool:
    """Whether ``init`` gives the first atoms; NumPy's strings, from a grid, do not."""
    return hasattr(init, "__array__") and not isinstance(init, str)


def initialization_subset(samples: Samples, size: int, random_state) -> np.ndarray:
    """At most ``size`` random raw samples, complete ones if there are enough.

    Enough is half of what is asked for; otherwise missing entries are filled with the
    mean of their feature.

    Parameters
    ----------
    samples : Samples
    size : int
    random_state : RandomState

    Returns
    -------
    ndarray of shape (n_subset, n_features)
        Finite.
    """
    order = random_state.permutation(len(samples))
    size = min(size, len(samples))
    if samples.has_missing:
        complete = _complete_rows(samples)[order]
        if complete.sum() >= size / 2:
            order = order[complete]
    X, observed = samples.raw(torch.from_numpy(order[:size]))
    if observed is not None:
        means = X.sum(0) / observed.sum(0).clamp(min=1.0)
        X = torch.where(observed > 0, X, means)
    return X.cpu().numpy()


def without_zero_atoms(atoms: np.ndarray, random_state) -> np.ndarray:
    """Replace zero atoms (..., M), which have no direction, by noise of norm one.

    Warns
    -----
    InitializationWarning
        If there are any.
    """
    zero = np.linalg.norm(atoms, axis=-1) == 0
    if zero.any():
        warn_user(
            f"{zero.sum()} initial atoms are zero and have no direction; they start as "
            "random ones.",
            InitializationWarning,
        )
        noise = random_state.standard_normal((zero.sum(), atoms.shape[-1]))
        atoms = atoms.copy()
        atoms[zero] = noise / np.sqrt(atoms.shape[-1])
    return atoms


def _complete_rows(samples: Samples) -> np.ndarray:
    complete = np.ones(len(samples), dtype=bool)
    for index in samples.slices(4096):
        observed = samples.raw(index).observed
        if observed is not None:
            complete[index] = (observed > 0).all(dim=1).cpu().numpy()
    return complete
