"""First partitions of features, among which a model chooses."""

import math

import numpy as np
import torch

from ..initializers import (
    InitializationWarning,
    Labeling,
    Labelings,
    SparseSubspaceClustering,
    spectral_labelings,
)
from ..initializers.copies import distinct_rows
from ..initializers.even import (
    Consensus,
    central_partition,
    even_labels,
)
from ..initializers.merging import (
    CONTINUUM,
    evenness,
    evenness_of_joined,
    sizes_differ,
)
from ..utils.callers import warn_user
from ..utils.device import CPU
from ..utils.random import drawn_seed

__all__ = ["any_sizes", "least_cut", "similar_sizes"]

# By how much partitions into clusters of any size have to cut less than those into
# clusters of about one size.
_HANDICAP = 1.25
# Where classes blend, merging joins some and leaves others in parts, and the mean
# entropy of the sizes that it finds is from 0.89 to 0.93 of that of equal ones if they
# are equal. Then the most even partitions have a mean adjusted Rand index of 0.75 to
# 0.84. (Fashion-MNIST; of unequal draws of it most are below one bound or the other.)
_LEAST_EVENNESS, _LEAST_AGREEMENT = 0.88, 0.72
# Draws of the samples that others are made of, for clusters of about one size.
_N_GRAPHS = 3


def any_sizes(X, n_clusters, random_state, device: torch.device = CPU) -> Labelings:
    """Labellings by sparse subspaces and by neighbours.

    Those of `similar_sizes` where classes blend into each other, merging leaves them in
    about one size, and partitions into such agree: parts of a graph that are merged
    make one cluster of several classes then, and no criterion tells. Where classes
    blend, it is known how far the labellings agree. Merged clusters have no handicap
    if those of neighbours say that sizes differ, or those of sparse subspaces do, which
    were better than others and are less even than equal ones with an error.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    n_clusters : int
    random_state : RandomState
    device : torch.device, default=CPU
        Where what takes long is computed.

    Returns
    -------
    Labelings

    Warns
    -----
    InitializationWarning
        If classes blend into each other.
    """
    if n_clusters == 1:
        return Labelings([Labeling(np.zeros(len(X), dtype=np.intp))])
    seeds = drawn_seed(random_state), drawn_seed(random_state)
    neighbors = spectral_labelings(X, n_clusters, seeds[1], device=device)
    blends = neighbors.blending > CONTINUUM
    if blends:
        warn_user(
            "These clusters blend into each other: their neighbour graph has no gap. "
            "Which are found depends on the draw, more than their probabilities tell. "
            "There may be fewer or more clusters, or none (cluster_stability in "
            "skmixmate.model_selection tells). If classes are known to be of about one "
            "size, say so by similar_sizes=True.",
            InitializationWarning,
        )
        if _evenness_left_open(neighbors, n_clusters) > _LEAST_EVENNESS:
            even = _most_even(X, n_clusters, random_state, device)
            if even.rand_index > _LEAST_AGREEMENT:
                return _of_one_size(even)
    subspaces = SparseSubspaceClustering(
        n_clusters, random_state=seeds[0], device=device
    )
    labels = subspaces.fit(X).labels_
    found = Labelings([Labeling(labels)])
    # Another graph may say so, too.
    found.sizes_differ = neighbors.sizes_differ or (
        subspaces.sizes_left_open_
        and sizes_differ([labels], n_clusters, evenness_of_joined(n_clusters))
    )
    for one in neighbors:
        found.add(*one)
    if len(found) > 1:
        # Where all agree, clusters are too far apart to be lost in training.
        found.conductance = neighbors.conductance
    if blends:
        # The draws that there are; where clusters lie apart, some of them are wrong.
        partitions = [one.labels for one in found]
        found.agreement = _known(central_partition(partitions).in_common)
    return found


def _evenness_left_open(found: Labelings, n_clusters: int) -> float:
    """Mean `evenness` of the clusters that were left to be of any size."""
    left_open = [one.labels for one in found if one.handicap > 1.0]
    # Where merging finds the same as the first.
    left_open = left_open or [found[0].labels]
    return float(np.mean([evenness(labels, n_clusters) for labels in left_open]))


def least_cut(X, n_clusters, random_state, device: torch.device = CPU) -> Labelings:
    """Labels that cut the neighbour graph least, of clusters of about one size or any.

    For features of which dictionaries explain all alike, so that the energies of a
    mixture say little about partitions.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    n_clusters : int
    random_state : RandomState
    device : torch.device, default=CPU
        Where what takes long is computed.

    Returns
    -------
    Labelings
        One, which knows the conductance of others.
    """
    seed = drawn_seed(random_state)
    found = spectral_labelings(X, n_clusters, seed, device=device)

    def cut(one: Labeling) -> float:
        handicap = _HANDICAP if one.handicap > 1.0 else 1.0
        return handicap * float(np.nan_to_num(one.conductance, nan=np.inf))

    best = Labelings([min(found, key=cut)])
    best.conductance = found.conductance
    return best


def similar_sizes(X, n_clusters, random_state, device: torch.device = CPU) -> Labelings:
    """Labels of clusters of about one size, by sparse subspaces.

    Parameters are those of `any_sizes`. Dictionaries then have as many atoms whatever
    the number of samples.

    Returns
    -------
    Labelings
        One, by `even_labels`: of about one size as far as the graphs allow, what lies
        apart is not cut up. Copies do not count. The agreement is that of the
        partitions that it was taken from.
    """
    if n_clusters == 1:
        return any_sizes(X, n_clusters, random_state, device)
    return _of_one_size(_most_even(X, n_clusters, random_state, device))


def _most_even(X, n_clusters: int, random_state, device: torch.device) -> Consensus:
    """The `even_labels` of X by graphs of its distinct rows."""
    rows, copy_of = distinct_rows(X, n_clusters, device)
    graphs = []
    for _ in range(_N_GRAPHS):
        subspaces = SparseSubspaceClustering(
            n_clusters,
            merge=False,
            random_state=drawn_seed(random_state),
            device=device,
        )
        graphs.append(subspaces.fit(X[rows]).affinity_matrix_)
    even = even_labels(graphs, n_clusters, drawn_seed(random_state), device=device)
    return even._replace(labels=even.labels[copy_of])


def _of_one_size(even: Consensus) -> Labelings:
    found = Labelings([Labeling(even.labels)])
    found.are_of_one_size, found.agreement = True, _known(even.in_common)
    return found


def _known(share: float) -> float | None:
    return None if math.isnan(share) else share
