"""The first labels, whatever ``init`` is."""

from collections.abc import Callable

import numpy as np
from sklearn.cluster import KMeans

from ..utils.random import private_random_state, seeded_clone
from ..utils.user_warnings import warn_user
from .dictionaries import InitializationWarning
from .spectral import spectral_labels
from .ssc import SparseSubspaceClustering

__all__ = ["NAMED_INITIALIZERS", "initial_labels"]


def _ssc_labels(X, n_clusters, random_state):
    clusterer = SparseSubspaceClustering(n_clusters, random_state=random_state)
    return clusterer.fit(X).labels_


def _k_means_labels(X, n_clusters, random_state):
    clusterer = KMeans(n_clusters, n_init=10, random_state=random_state)
    return clusterer.fit(X).labels_


def _random_labels(X, n_clusters, random_state):
    return random_state.permutation(np.arange(len(X)) % n_clusters)


# To add an initialiser under a name, add its function here.
NAMED_INITIALIZERS: dict[str, Callable] = {
    "spectral": spectral_labels,
    "ssc": _ssc_labels,
    "k-means": _k_means_labels,
    "random": _random_labels,
}


def initial_labels(init, X, n_clusters: int, random_state=None) -> np.ndarray:
    """Cluster the samples that the first dictionaries are drawn from.

    Parameters
    ----------
    init : str, clusterer or callable
        "spectral", "ssc", "k-means", "random"; an object with ``fit_predict`` (it is
        cloned, and its ``random_state`` is set if it is None); or a callable
        ``(X, n_clusters, random_state) -> labels``.
    X : ndarray of shape (n_samples, n_features)
        Finite; ``n_samples >= n_clusters``.
    n_clusters : int
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    ndarray of shape (n_samples,)
        Labels 0 to ``n_clusters - 1``, none of them empty; -1 for samples that belong
        to no cluster.

    Raises
    ------
    ValueError
        If ``init`` is none of these or gives labels of a wrong shape or type.

    Warns
    -----
    InitializationWarning
        If ``init`` gives more clusters than ``n_clusters`` (the largest are kept) or
        fewer (the largest are split in two until there are enough).
    """
    random_state = private_random_state(random_state)
    if isinstance(init, type):
        raise _unknown_init(init)
    if isinstance(init, str):
        if init not in NAMED_INITIALIZERS:
            raise _unknown_init(init)
        if n_clusters == 1:
            return np.zeros(len(X), dtype=np.intp)
        labels = NAMED_INITIALIZERS[init](X, n_clusters, random_state)
    elif hasattr(init, "fit_predict"):
        labels = seeded_clone(init, random_state).fit_predict(X)
    elif callable(init):
        labels = init(X, n_clusters, random_state)
    else:
        raise _unknown_init(init)
    labels = _check_labels(labels, len(X))
    return _with_n_clusters(labels, X, n_clusters, random_state)


def _unknown_init(init) -> ValueError:
    names = ", ".join(repr(name) for name in NAMED_INITIALIZERS)
    return ValueError(
        f"init must be one of {names}, an object with fit_predict, a callable "
        f"(X, n_clusters, random_state) -> labels, or an array of shape "
        f"(n_clusters, n_atoms, n_features), got {init!r}."
    )


def _check_labels(labels, n_samples: int) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.shape != (n_samples,):
        raise ValueError(
            f"init gave labels of shape {labels.shape} for {n_samples} samples; "
            f"expected shape ({n_samples},)."
        )
    if labels.dtype.kind not in "iu":
        raise ValueError(
            f"init gave labels of dtype {labels.dtype}; expected integers, one label a "
            "sample, -1 for none."
        )
    if (labels < 0).all():
        raise ValueError("init gave no sample a label; all labels are negative.")
    return labels


def _with_n_clusters(labels, X, n_clusters, random_state) -> np.ndarray:
    """Relabel to 0..n_clusters-1, dropping or splitting clusters as needed."""
    values, sizes = np.unique(labels[labels >= 0], return_counts=True)
    if len(values) > n_clusters:
        warn_user(
            f"init gave {len(values)} clusters for n_clusters={n_clusters}; the "
            f"{n_clusters} largest are kept and the samples of the others wait for "
            "training to place them.",
            InitializationWarning,
        )
        largest = np.argsort(-sizes, kind="stable")[:n_clusters]
        values = values[np.sort(largest)]
    relabelled = np.full(len(labels), -1, dtype=np.intp)
    for new, old in enumerate(values):
        relabelled[labels == old] = new
    if len(values) < n_clusters:
        warn_user(
            f"init gave {len(values)} clusters for n_clusters={n_clusters}; the "
            "largest are split in two until there are enough.",
            InitializationWarning,
        )
        for new in range(len(values), n_clusters):
            _split_largest(relabelled, new, X, random_state)
    return relabelled


def _split_largest(labels, new, X, random_state) -> None:
    """Give part of the largest cluster the label ``new``, in place."""
    members = np.flatnonzero(labels == np.bincount(labels[labels >= 0]).argmax())
    if len(members) == 1:  # Nothing to split; an unassigned sample is left, though.
        labels[random_state.choice(np.flatnonzero(labels < 0))] = new
        return
    halves = np.arange(len(members)) % 2
    if len(np.unique(X[members], axis=0)) > 1:
        halves = KMeans(2, n_init=1, random_state=random_state).fit(X[members]).labels_
    labels[members[halves == 1]] = new
