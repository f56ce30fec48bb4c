"""Who is in which cluster, how surely, and what clusters are called."""

import numpy as np
from torch import Tensor

from .samples import predicted, taken

_ROUNDING = 1e-4


def array_of(values) -> np.ndarray:
    """Labels or probabilities as an array, those of a tensor too."""
    return values.cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def check_has_predict(estimator, display: str) -> None:
    """Refuse what cannot label samples.

    Raises
    ------
    TypeError
        If there is no method for it.
    """
    if not hasattr(estimator, "predict"):
        raise TypeError(
            f"estimator must have the method predict, got {estimator!r}; pass labels "
            f"to {display}.from_predictions."
        )


def labels_and_probabilities(estimator, X, mask) -> tuple:
    """What a fitted clusterer predicts; None for probabilities that it does not."""
    if not hasattr(estimator, "predict_proba"):
        return predicted(estimator, "predict", X, mask), None
    proba = predicted(estimator, "predict_proba", X, mask)
    return proba.argmax(axis=1), proba


def check_labels(labels: np.ndarray, n_samples: int) -> None:
    """Refuse labels that are not one for each sample, and no samples.

    Raises
    ------
    ValueError
        If they are not; the message says what is accepted.
    """
    if n_samples == 0:
        raise ValueError("X has no samples.")
    if labels.shape != (n_samples,):
        raise ValueError(
            f"labels must have shape ({n_samples},), one for each sample of X, got "
            f"{labels.shape}."
        )
    check_no_nan(labels)


def check_no_nan(labels: np.ndarray) -> None:
    """Refuse labels that are NaN, which equal none.

    Raises
    ------
    ValueError
        If there are any.
    """
    n_missing = np.sum(labels != labels) if labels.dtype.kind in "fO" else 0
    if n_missing:
        raise ValueError(
            f"labels must not be NaN, got {n_missing} of {len(labels)}; of samples in "
            "no cluster they are -1."
        )


def is_noise(labels: np.ndarray) -> np.ndarray:
    """Where labels are negative, which is of no cluster."""
    if labels.dtype.kind not in "if":
        return np.zeros(labels.shape, dtype=bool)
    return labels < 0


def known_clusters(labels, proba, *, of_estimator: bool) -> np.ndarray:
    """All clusters in order; those without samples too where columns tell of them."""
    if proba is not None and proba.ndim == 2:
        n_columns = proba.shape[1]
        are_columns = labels.dtype.kind in "iu" and labels.max() < n_columns
        if of_estimator or are_columns:
            return np.arange(n_columns)
    known = np.unique(labels)
    return known[~is_noise(known)]


def own_probabilities(labels, proba, known) -> np.ndarray | None:
    """Probability of each sample's own cluster, None if there are none.

    Raises
    ------
    ValueError
        If ``proba`` has neither one for each sample nor one for each cluster as well,
        or is not of probabilities.
    """
    if proba is None:
        return None
    # Sums of 32 bits may be off by rounding.
    if not ((proba >= -_ROUNDING) & (proba <= 1.0 + _ROUNDING)).all():
        raise ValueError(
            "proba must be probabilities, in [0, 1], got numbers from "
            f"{proba.min():g} to {proba.max():g}."
        )
    proba = proba.clip(0.0, 1.0)
    if proba.shape == labels.shape:
        return proba
    if proba.shape != (len(labels), len(known)):
        raise ValueError(
            f"proba must have shape ({len(labels)},), of the own cluster of each "
            f"sample, or {(len(labels), len(known))}, of all clusters, got "
            f"{proba.shape}."
        )
    columns = np.searchsorted(known, labels).clip(max=len(known) - 1)
    own = np.take_along_axis(proba, columns[:, None], axis=1)[:, 0]
    rest = (1.0 - proba.sum(axis=1)).clip(0.0, 1.0)
    return np.where(is_noise(labels), rest, own)


def chosen_clusters(clusters, known, labels=()) -> np.ndarray:
    """Clusters that a user chose, None for all that are known; labels are others.

    Raises
    ------
    ValueError
        If some of them are not known.
    """
    if clusters is None:
        return known
    chosen = np.asarray(clusters)
    possible = np.union1d(known, np.asarray(labels, dtype=known.dtype))
    if (
        chosen.ndim != 1
        or chosen.size == 0
        # Python's True equals 1.
        or (chosen.dtype == bool and possible.dtype != bool)
        or not set(chosen.tolist()) <= set(possible.tolist())
    ):
        raise ValueError(
            f"clusters={clusters!r} must be a list of some of the clusters "
            f"{possible.tolist()}, or None for all."
        )
    return chosen.astype(possible.dtype)


def chosen_names(names, known, chosen) -> np.ndarray | None:
    """Names of chosen clusters, of those of all that are known.

    Raises
    ------
    ValueError
        If there is not one for each.
    """
    if names is None:
        return None
    names = np.asarray(names, dtype=object)
    if names.shape != known.shape:
        raise ValueError(
            f"names must be {len(known)}, one for each of the clusters "
            f"{known.tolist()}, got an array of shape {names.shape}."
        )
    by_cluster = dict(zip(known.tolist(), names, strict=True))
    return np.array([by_cluster.get(c, name_of(c)) for c in chosen.tolist()], object)


def name_of(cluster) -> str:
    """What a cluster without a name is called."""
    return "no cluster" if is_noise(np.asarray(cluster)) else f"cluster {cluster}"


def ranks_of_ties(estimator, X, mask, members, own, n_typical: int) -> np.ndarray:
    """By what members of the same probability go, the lowest first, (n_samples,)."""
    ranks = np.zeros(len(own))
    if not hasattr(estimator, "score_samples") or not any(map(len, members)):
        return ranks
    # Those that may be drawn as typical; of many samples, all would take long.
    likely = np.sort(
        np.concatenate(
            [m[own[m] >= _nth_largest(own[m], n_typical)] for m in members if len(m)]
        )
    )
    some = None if mask is None else taken(mask, likely)
    ranks[likely] = -predicted(estimator, "score_samples", taken(X, likely), some)
    return ranks


def _nth_largest(values, n: int) -> float:
    n = min(n, len(values))
    return np.partition(values, -n)[-n]


def nearest_first(samples: np.ndarray) -> np.ndarray:
    """Order of samples by their mean squared distance to the mean of all of them."""
    observed = ~np.isnan(samples)
    total = np.where(observed, samples, 0.0).sum(axis=0, dtype=np.float64)
    mean = total / np.maximum(observed.sum(axis=0), 1)
    squares = np.where(observed, samples - mean, 0.0) ** 2
    n_observed = observed.sum(axis=1)
    distances = squares.sum(axis=1) / np.maximum(n_observed, 1)
    # Of what nothing is observed, nothing says that it is typical.
    distances[n_observed == 0] = np.inf
    return np.argsort(distances, kind="stable")
