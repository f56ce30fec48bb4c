"""First partitions of features, among which a model chooses."""

import numpy as np

from ..initializers import (
    Labeling,
    Labelings,
    SparseSubspaceClustering,
    spectral_labelings,
)

__all__ = ["any_sizes", "least_cut", "similar_sizes"]

# By how much partitions into clusters of any size have to cut less than those into
# clusters of about one size.
_HANDICAP = 1.25


def any_sizes(X, n_clusters, random_state) -> Labelings:
    """Labellings by sparse subspaces and by neighbours.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    n_clusters : int
    random_state : RandomState

    Returns
    -------
    Labelings
    """
    if n_clusters == 1:
        return Labelings([Labeling(np.zeros(len(X), dtype=np.intp))])
    seeds = random_state.randint(np.iinfo(np.int32).max, size=2)
    subspaces = SparseSubspaceClustering(n_clusters, random_state=seeds[0])
    found = Labelings([Labeling(subspaces.fit(X).labels_)])
    for one in spectral_labelings(X, n_clusters, seeds[1]):
        found.add(*one)
    return found


def least_cut(X, n_clusters, random_state) -> Labelings:
    """Labels that cut the neighbour graph least, of clusters of about one size or any.

    For features of which dictionaries explain all alike, so that the energies of a
    mixture say little about partitions.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    n_clusters : int
    random_state : RandomState

    Returns
    -------
    Labelings
        One, which knows the conductance of others.
    """
    seed = random_state.randint(np.iinfo(np.int32).max)
    found = spectral_labelings(X, n_clusters, seed)

    def cut(one: Labeling) -> float:
        handicap = _HANDICAP if one.handicap > 1.0 else 1.0
        return handicap * float(np.nan_to_num(one.conductance, nan=np.inf))

    best = Labelings([min(found, key=cut)])
    best.conductance = found.conductance
    return best


def similar_sizes(X, n_clusters, random_state) -> Labelings:
    """Labellings by sparse subspaces, which cut up clusters that are large.

    Parameters and return value are those of `any_sizes`.
    """
    if n_clusters == 1:
        return any_sizes(X, n_clusters, random_state)
    found = Labelings()
    for _ in range(4):
        seed = random_state.randint(np.iinfo(np.int32).max)
        found.add(
            SparseSubspaceClustering(n_clusters, merge=False, random_state=seed)
            .fit(X)
            .labels_
        )
    return found
