"""The first atoms: members of the clusters that labels tell."""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics.pairwise import euclidean_distances
from torch import Tensor

from ..utils.callers import warn_user
from ..utils.device import one_openmp_thread
from ..utils.random import private_random_state

__all__ = ["InitializationWarning", "dictionaries_from_labels", "with_n_clusters"]


class InitializationWarning(UserWarning):
    """Something about the first clusters had to be mended; the message says what."""


def dictionaries_from_labels(
    X,
    labels,
    n_clusters: int,
    n_atoms: int | np.ndarray,
    random_state=None,
    *,
    warn: bool = True,
) -> np.ndarray:
    """Draw the first atoms of each cluster from its members.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite.
    labels : ndarray of shape (n_samples,)
        0 to ``n_clusters - 1``; -1 for samples that belong to no cluster. No cluster
        is empty.
    n_clusters : int
    n_atoms : int or ndarray of shape (n_clusters,), int
        Number of atoms, the same for all clusters or one for each.
    random_state : int, RandomState instance or None, default=None
    warn : bool, default=True
        Whether to warn about clusters with fewer distinct members than atoms.

    Returns
    -------
    ndarray of shape (n_clusters, largest n_atoms, n_features)
        Members as they are, neither centred nor scaled; near copies of others only
        where a cluster has too few other members. NaN in the places that a cluster
        with fewer atoms leaves idle, the last ones.

    Warns
    -----
    InitializationWarning
        If a cluster has fewer distinct members than atoms: the missing atoms are random
        mixtures of two members with a little noise, since equal atoms would get equal
        gradients and stay equal for ever.

    References
    ----------
    MixMate (ICASSP 2022), section 3.2.
    """
    random_state = private_random_state(random_state)
    sizes = np.broadcast_to(n_atoms, n_clusters)
    # In a dtype that has NaN.
    dtype = np.promote_types(X.dtype, np.float16)
    dictionaries = np.full((n_clusters, sizes.max(), X.shape[1]), np.nan, dtype)
    short = {}
    for cluster, size in enumerate(sizes):
        members = random_state.permutation(np.flatnonzero(labels == cluster))
        atoms = _distinct_rows(X, members, size)
        if len(atoms) < size:
            short[cluster] = f"{len(atoms)} of {size}"
            filling = _mixtures(atoms, size - len(atoms), random_state)
            atoms = np.concatenate([atoms, filling])
        dictionaries[cluster, :size] = atoms
    if short and warn:
        counts = ", ".join(f"{k}: {n}" for k, n in short.items())
        warn_user(
            f"{len(short)} of {n_clusters} initial clusters have fewer distinct "
            f"members than atoms (cluster: members of atoms, {counts}); the other "
            "atoms start as random mixtures of their members. A smaller n_atoms, or "
            "n_atoms='auto', does without.",
            InitializationWarning,
        )
    return dictionaries


def with_n_clusters(labels, X, n_clusters: int, random_state) -> np.ndarray:
    """Relabel from 0 to ``n_clusters - 1``, dropping or splitting clusters as needed.

    Parameters
    ----------
    labels : array-like of shape (n_samples,), int
        Negative for samples that belong to no cluster.
    X : ndarray of shape (n_samples, n_features)
    n_clusters : int
    random_state : RandomState

    Returns
    -------
    ndarray of shape (n_samples,)
        No cluster is empty; -1 for samples that belong to none.

    Raises
    ------
    ValueError
        If labels are of a wrong shape or type, or all negative.

    Warns
    -----
    InitializationWarning
        If there are more clusters than ``n_clusters`` (the largest are kept) or fewer
        (the largest are split in two until there are enough).
    """
    labels = _check_labels(labels, len(X))
    values, sizes = np.unique(labels[labels >= 0], return_counts=True)
    if len(values) > n_clusters:
        warn_user(
            f"init gave {len(values)} clusters and not {n_clusters}; the {n_clusters} "
            "largest are kept and the samples of the others wait for training to place "
            "them.",
            InitializationWarning,
        )
        largest = np.argsort(-sizes, kind="stable")[:n_clusters]
        values = values[np.sort(largest)]
    relabelled = np.full(len(labels), -1, dtype=np.intp)
    for new, old in enumerate(values):
        relabelled[labels == old] = new
    if len(values) < n_clusters:
        warn_user(
            f"init gave {len(values)} clusters and not {n_clusters}; the largest are "
            "split in two until there are enough.",
            InitializationWarning,
        )
        for new in range(len(values), n_clusters):
            _split_largest(relabelled, new, X, random_state)
    return relabelled


def _distinct_rows(X, members, n_rows) -> np.ndarray:
    """The first ``n_rows`` different rows among ``members``, in their order.

    Near copies of earlier ones only where there are too few others.
    """
    # Duplicates are rare: look at few rows first and at all only if needed.
    for n_looked_at in (n_rows, 4 * n_rows, len(members)):
        rows = X[members[:n_looked_at]]
        _, first = np.unique(rows, axis=0, return_index=True)
        rows = rows[np.sort(first)]
        is_copy = np.zeros(len(rows), dtype=bool)
        is_copy[: 4 * n_rows] = _near_copies(rows[: 4 * n_rows])
        if np.sum(~is_copy) >= n_rows or n_looked_at >= len(members):
            break
    return rows[np.argsort(is_copy, kind="stable")[:n_rows]]


def _near_copies(rows) -> np.ndarray:
    """Whether rows are a thousand times closer to an earlier one than to most."""
    # About their mean, and in a unit of their own, so that squares keep their digits.
    rows = rows.astype(np.float64)
    rows = rows - rows.mean(axis=0)
    rows /= np.abs(rows).max() or 1.0
    distances = euclidean_distances(rows)
    closest = 1e-3 * np.median(distances)
    return np.tril(distances <= closest, -1).any(axis=1) & (closest > 0.0)


def _mixtures(atoms, n_mixtures, random_state) -> np.ndarray:
    """Random convex combinations of two atoms plus noise of a hundredth their size."""
    pairs = random_state.randint(len(atoms), size=(2, n_mixtures))
    share = random_state.uniform(size=(n_mixtures, 1))
    size = np.sqrt(np.mean(np.square(atoms))) or 1.0
    noise = random_state.normal(scale=0.01 * size, size=(n_mixtures, atoms.shape[1]))
    return share * atoms[pairs[0]] + (1.0 - share) * atoms[pairs[1]] + noise


def _check_labels(labels, n_samples: int) -> np.ndarray:
    labels = np.asarray(labels.cpu() if isinstance(labels, Tensor) else labels)
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


def _split_largest(labels, new, X, random_state) -> None:
    """Give part of the largest cluster the label ``new``, in place."""
    members = np.flatnonzero(labels == np.bincount(labels[labels >= 0]).argmax())
    if len(members) == 1:  # Nothing to split; an unassigned sample is left, though.
        labels[random_state.choice(np.flatnonzero(labels < 0))] = new
        return
    halves = np.arange(len(members)) % 2
    if len(np.unique(X[members], axis=0)) > 1:
        k_means = KMeans(2, n_init=1, random_state=random_state)
        with one_openmp_thread():
            halves = k_means.fit_predict(X[members])
    labels[members[halves == 1]] = new
