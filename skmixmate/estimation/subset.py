"""The samples that a start is drawn from."""

import numpy as np
import torch

from ..training import Samples

__all__ = ["initialization_subset", "is_array"]


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


def _complete_rows(samples: Samples) -> np.ndarray:
    complete = np.ones(len(samples), dtype=bool)
    for index in samples.slices(4096):
        observed = samples.raw(index).observed
        if observed is not None:
            complete[index] = (observed > 0).all(dim=1).cpu().numpy()
    return complete
