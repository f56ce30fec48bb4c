"""Checks of the generators' parameters.

Not those of `skmixmate.utils`: data sets are a leaf that imports no torch.
"""

import math
from numbers import Real

import numpy as np
from sklearn.utils import check_random_state, check_scalar


def private_random_state(random_state):
    """Return a RandomState that is never NumPy's global one, unless it is passed."""
    if random_state is None:
        return np.random.RandomState()
    return check_random_state(random_state)


def count_missing(missing, n_samples, n_features):
    """Return how many entries to remove, after checking that they can be."""
    n_entries = n_samples * n_features
    n_missing = round(missing * n_entries)
    n_removable = n_entries - max(n_samples, n_features)
    if n_missing > n_removable:
        raise ValueError(
            f"missing must leave an entry in each row and each column, so it must be "
            f"at most {n_removable / n_entries:.6g} for data of shape "
            f"({n_samples}, {n_features}), got {missing}."
        )
    return n_missing


def check_weights(weights, n_clusters):
    """Return the weights as an array that sums to 1, or None for None."""
    if weights is None:
        return None
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (n_clusters,):
        raise ValueError(
            f"weights must have shape (n_clusters,) = ({n_clusters},), "
            f"got shape {weights.shape}."
        )
    # Written so that NaN fails too.
    if not (np.all(weights >= 0.0) and math.isclose(weights.sum(), 1.0, abs_tol=1e-6)):
        raise ValueError(
            f"weights must be nonnegative and sum to 1, got {weights.tolist()}."
        )
    return weights / weights.sum()


def check_range(bounds, name):
    """Return (low, high) as an array of two finite nonnegative numbers."""
    bounds = np.asarray(bounds, dtype=np.float64)
    if bounds.shape != (2,) or not 0.0 <= bounds[0] <= bounds[1] < math.inf:
        raise ValueError(
            f"{name} must be two finite numbers (low, high) with 0 <= low <= high, "
            f"got {bounds.tolist()}."
        )
    return bounds


def check_real(value, name, min_val=None):
    """Check that a number is real, finite and not too low."""
    check_scalar(value, name, Real, min_val=min_val)
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}.")
