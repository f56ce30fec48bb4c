"""Clusters of about one size: what the most even draws of k-means agree on."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import entropy
from sklearn.metrics import adjusted_rand_score

from ..utils.progress import each, step
from ..utils.random import private_random_state
from .spectral import clusters_of_eigenvectors, leading_eigenvectors

__all__ = ["central_partition", "even_labels", "most_even"]

# Eigenvectors for each cluster, and draws of k-means on either: fewer of many clusters,
# each of which takes longer.
_EIGENVECTOR_RATIOS = (1.5, 2.0)
_MOST_DRAWS, _LEAST_DRAWS, _CLUSTERS_DRAWN = 60, 6, 600
# The part of all draws that is kept, and how many at least.
_SHARE_KEPT, _LEAST_KEPT = 1 / 18, 5


def even_labels(affinities: Sequence, n_clusters: int, random_state=None) -> np.ndarray:
    """Cluster the nodes of graphs into parts of about one size.

    Where classes blend into each other, k-means on the eigenvectors of a graph ends in
    another partition from every start, and its sum of squares does not tell which are
    right. If classes are known to be of about one size, sizes do, and what partitions
    of even sizes have in common.

    Parameters
    ----------
    affinities : sequence of sparse matrices of shape (n_samples, n_samples)
        Symmetric and nonnegative; graphs of the same samples, by other draws.
    n_clusters : int
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    ndarray of shape (n_samples,)
        Labels 0 to ``n_clusters - 1``: the `central_partition` of the `most_even` one
        in 18 of all partitions by single runs of k-means, up to 60 for each graph with
        half as many eigenvectors more than clusters and 60 with twice as many.
    """
    random_state = private_random_state(random_state)
    n_samples = affinities[0].shape[0]
    if n_clusters == 1 or n_samples <= n_clusters:
        return np.arange(n_samples) % n_clusters
    n_draws = max(_LEAST_DRAWS, min(_MOST_DRAWS, _CLUSTERS_DRAWN // n_clusters))
    numbers = [
        min(math.ceil(ratio * n_clusters), n_samples) for ratio in _EIGENVECTOR_RATIOS
    ]
    drawn = []
    for affinity in affinities:
        with step("eigenvectors"):
            eigenpairs = leading_eigenvectors(
                affinity, max(numbers), 0.01, random_state
            )
        drawn += [
            clusters_of_eigenvectors(
                eigenpairs, n_clusters, number, 1.0, random_state, n_init=1
            )
            for number in each("clusters of eigenvectors", numbers * n_draws)
        ]
    n_kept = max(_LEAST_KEPT, round(_SHARE_KEPT * len(drawn)))
    return central_partition(most_even(drawn, n_kept))


def most_even(partitions: Sequence[np.ndarray], n_kept: int) -> list[np.ndarray]:
    """The partitions whose clusters differ least in size.

    Parameters
    ----------
    partitions : sequence of ndarray of shape (n_samples,), int
        Labels from 0.
    n_kept : int
        How many are wanted.

    Returns
    -------
    list of ndarray of shape (n_samples,)
        Those with the largest entropy of the sizes of their clusters, the largest
        first, and of equals the earlier ones.
    """
    evenness = [float(entropy(np.bincount(labels))) for labels in partitions]
    # Rounded, so that equals are equals.
    order = np.argsort(-np.round(evenness, 9), kind="stable")
    return [partitions[i] for i in order[:n_kept]]


def central_partition(partitions: Sequence[np.ndarray]) -> np.ndarray:
    """The one of several partitions that agrees most with the others.

    Parameters
    ----------
    partitions : sequence of ndarray of shape (n_samples,), int

    Returns
    -------
    ndarray of shape (n_samples,)
        That with the largest mean adjusted Rand index with all others, the first of
        equals.

    References
    ----------
    Strehl and Ghosh, "Cluster ensembles" (2002), who take for it, of all partitions,
    the one with the largest mean mutual information.
    """
    n_partitions = len(partitions)
    agreement = np.zeros((n_partitions, n_partitions))
    with step("agreement of partitions"):
        for i, j in zip(*np.triu_indices(n_partitions, 1), strict=True):
            index = adjusted_rand_score(partitions[i], partitions[j])
            agreement[i, j] = agreement[j, i] = index
    total: np.ndarray = np.round(agreement.sum(axis=1), 9)
    return partitions[int(total.argmax())]
