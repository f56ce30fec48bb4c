"""The first atoms: members of the clusters."""

import numpy as np

from ..utils.random import private_random_state
from ..utils.user_warnings import warn_user

__all__ = ["InitializationWarning", "dictionaries_from_labels"]


class InitializationWarning(UserWarning):
    """Something about the first clusters had to be mended; the message says what."""


def dictionaries_from_labels(
    X, labels, n_clusters: int, n_atoms: int, random_state=None, *, warn: bool = True
) -> np.ndarray:
    """Draw the first atoms of each cluster from its members.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite.
    labels : ndarray of shape (n_samples,)
        0 to ``n_clusters - 1``; -1 for samples that belong to no cluster. No cluster
        is empty.
    n_clusters, n_atoms : int
    random_state : int, RandomState instance or None, default=None
    warn : bool, default=True
        Whether to warn about clusters with fewer distinct members than atoms.

    Returns
    -------
    ndarray of shape (n_clusters, n_atoms, n_features)
        Members as they are, neither centred nor scaled; near copies of others only
        where a cluster has too few other members.

    Warns
    -----
    InitializationWarning
        If a cluster has fewer distinct members than ``n_atoms``: the missing atoms are
        random mixtures of two members with a little noise, since equal atoms would get
        equal gradients and stay equal for ever.

    References
    ----------
    MixMate (ICASSP 2022), section 3.2.
    """
    random_state = private_random_state(random_state)
    dictionaries = np.empty((n_clusters, n_atoms, X.shape[1]), dtype=X.dtype)
    short = {}
    for cluster in range(n_clusters):
        members = random_state.permutation(np.flatnonzero(labels == cluster))
        atoms = _distinct_rows(X, members, n_atoms)
        if len(atoms) < n_atoms:
            short[cluster] = len(atoms)
            filling = _mixtures(atoms, n_atoms - len(atoms), random_state)
            atoms = np.concatenate([atoms, filling])
        dictionaries[cluster] = atoms
    if short and warn:
        counts = ", ".join(f"{k}: {n}" for k, n in short.items())
        warn_user(
            f"{len(short)} of {n_clusters} initial clusters have fewer distinct "
            f"members than n_atoms={n_atoms} (cluster: members, {counts}); the other "
            "atoms start as random mixtures of their members.",
            InitializationWarning,
        )
    return dictionaries


def _distinct_rows(X, members, n_rows) -> np.ndarray:
    """The first ``n_rows`` different rows among ``members``, in their order.

    Near copies of earlier ones only where there are too few others.
    """
    # Duplicates are rare: look at few rows first and at all only if needed.
    for n_looked_at in (n_rows, len(members)):
        rows = X[members[:n_looked_at]]
        _, first = np.unique(rows, axis=0, return_index=True)
        rows = rows[np.sort(first)]
        is_copy = _near_copies(rows, n_rows)
        if np.sum(~is_copy) >= n_rows or n_looked_at >= len(members):
            break
    return rows[np.argsort(is_copy, kind="stable")[:n_rows]]


def _near_copies(rows, n_rows) -> np.ndarray:
    """Whether rows all but equal one of the first ``n_rows`` that are no copies."""
    is_copy = np.zeros(len(rows), dtype=bool)
    closest, n_found = None, 0
    for i in range(len(rows) - 1):
        if is_copy[i]:
            continue
        # No squares, which may be too large or too small for the dtype.
        distances = np.abs(rows[i + 1 :] - rows[i]).max(axis=1)
        if closest is None:
            closest = 1e-3 * np.median(distances)
        is_copy[i + 1 :] |= distances <= closest
        n_found += 1
        if n_found == n_rows:
            break
    return is_copy


def _mixtures(atoms, n_mixtures, random_state) -> np.ndarray:
    """Random convex combinations of two atoms plus noise of a hundredth their size."""
    pairs = random_state.randint(len(atoms), size=(2, n_mixtures))
    share = random_state.uniform(size=(n_mixtures, 1))
    size = np.sqrt(np.mean(np.square(atoms))) or 1.0
    noise = random_state.normal(scale=0.01 * size, size=(n_mixtures, atoms.shape[1]))
    return share * atoms[pairs[0]] + (1.0 - share) * atoms[pairs[1]] + noise
