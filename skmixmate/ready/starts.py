"""First partitions of features, among which a model chooses."""

import numpy as np

from ..initializers import (
    Labeling,
    Labelings,
    SparseSubspaceClustering,
    spectral_labelings,
)
from ..initializers.copies import distinct_rows
from ..initializers.even import even_labels
from ..utils.progress import say
from ..utils.random import drawn_seed

__all__ = ["any_sizes", "least_cut", "similar_sizes"]

# Blending of the parts of a graph from which on the sizes of merged clusters say
# nothing: above that of digits in any numbers, below that of most draws of
# Fashion-MNIST.
_CONTINUUM = 0.5
# By how much partitions into clusters of any size have to cut less than those into
# clusters of about one size.
_HANDICAP = 1.25
# Draws of the samples that others are made of, for clusters of about one size.
_N_GRAPHS = 3


def any_sizes(X, n_clusters, random_state) -> Labelings:
    """Labellings by sparse subspaces and by neighbours.

    Those of `similar_sizes` where classes blend into each other: merging parts of a
    graph then makes one cluster of several classes, and no criterion tells.

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
    seeds = drawn_seed(random_state), drawn_seed(random_state)
    neighbors = spectral_labelings(X, n_clusters, seeds[1])
    if neighbors.blending > _CONTINUUM:
        say("classes blend into each other: clusters of similar sizes are sought")
        return similar_sizes(X, n_clusters, random_state)
    subspaces = SparseSubspaceClustering(n_clusters, random_state=seeds[0])
    found = Labelings([Labeling(subspaces.fit(X).labels_)])
    for one in neighbors:
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
    seed = drawn_seed(random_state)
    found = spectral_labelings(X, n_clusters, seed)

    def cut(one: Labeling) -> float:
        handicap = _HANDICAP if one.handicap > 1.0 else 1.0
        return handicap * float(np.nan_to_num(one.conductance, nan=np.inf))

    best = Labelings([min(found, key=cut)])
    best.conductance = found.conductance
    return best


def similar_sizes(X, n_clusters, random_state) -> Labelings:
    """Labels of clusters of about one size, by sparse subspaces.

    Parameters are those of `any_sizes`. Dictionaries then have as many atoms whatever
    the number of samples.

    Returns
    -------
    Labelings
        One, by `even_labels`; clusters that are larger than the others are cut up.
    """
    if n_clusters == 1:
        return any_sizes(X, n_clusters, random_state)
    rows, copy_of = distinct_rows(X, n_clusters)
    graphs = []
    for _ in range(_N_GRAPHS):
        subspaces = SparseSubspaceClustering(
            n_clusters, merge=False, random_state=drawn_seed(random_state)
        )
        graphs.append(subspaces.fit(X[rows]).affinity_matrix_)
    labels = even_labels(graphs, n_clusters, drawn_seed(random_state))
    found = Labelings([Labeling(labels[copy_of])])
    found.are_of_one_size = True
    return found
