"""Who is in which cluster, how surely, and what clusters are called."""

import numpy as np
from torch import Tensor

from .samples import predicted, taken


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


def is_noise(labels: np.ndarray) -> np.ndarray:
    """Where labels are negative, which is of no cluster."""
    if labels.dtype.kind not in "if":
        return np.zeros(labels.shape, dtype=bool)
    return labels < 0


def known_clusters(labels, proba, *, of_estimator: bool) -> np.ndarray:
    """All clusters in order; those of an estimator without samples too."""
    if of_estimator and proba is not None:
        return np.arange(proba.shape[1])
    known = np.unique(labels)
    return known[~is_noise(known)]


def own_probabilities(labels, proba, known) -> np.ndarray | None:
    """Probability of each sample's own cluster, None if there are none.

    Raises
    ------
    ValueError
        If ``proba`` has neither one for each sample nor one for each cluster as well.
    """
    if proba is None or proba.shape == labels.shape:
        return proba
    if proba.shape != (len(labels), len(known)):
        raise ValueError(
            f"proba must have shape ({len(labels)},), of the own cluster of each "
            f"sample, or {(len(labels), len(known))}, of all clusters, got "
            f"{proba.shape}."
        )
    columns = np.searchsorted(known, labels).clip(max=len(known) - 1)
    own = np.take_along_axis(proba, columns[:, None], axis=1)[:, 0]
    return np.where(is_noise(labels), 1.0 - proba.sum(axis=1), own)


def chosen_clusters(clusters, labels, known) -> np.ndarray:
    """Clusters that a user chose.

    Raises
    ------
    ValueError
        If some of them are not known.
    """
    chosen = np.asarray(clusters)
    possible = np.union1d(known, labels)
    if chosen.ndim != 1 or chosen.size == 0 or not np.isin(chosen, possible).all():
        raise ValueError(
            f"clusters={clusters!r} must be a list of some of the clusters "
            f"{possible.tolist()}, or None for all."
        )
    return chosen


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
    if not hasattr(estimator, "score_samples"):
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
