"""Clusters of about one size: what the most even draws of k-means agree on."""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from sklearn.metrics import adjusted_rand_score

from ..utils.device import CPU
from ..utils.progress import each, step
from ..utils.random import private_random_state
from .merging import evenness, share_in_common
from .spectral import clusters_of_eigenvectors, leading_eigenvectors

__all__ = ["Consensus", "central_partition", "even_labels", "most_even"]

# Eigenvectors for each cluster, and draws of k-means on either: fewer of many clusters,
# each of which takes longer.
_EIGENVECTOR_RATIOS = (1.5, 2.0)
_MOST_DRAWS, _LEAST_DRAWS, _CLUSTERS_DRAWN = 60, 6, 600
# The part of all draws that is kept, and how many at least.
_SHARE_KEPT, _LEAST_KEPT = 1 / 18, 5


class Consensus(NamedTuple):
    """Labels (n_samples,), and how well those agree that they were chosen from.

    ``rand_index`` is the mean adjusted Rand index of any two, and ``in_common`` their
    mean `share_in_common`; NaN of a single one.
    """

    labels: np.ndarray
    rand_index: float
    in_common: float


def even_labels(
    affinities: Sequence,
    n_clusters: int,
    random_state=None,
    *,
    device: torch.device = CPU,
) -> Consensus:
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
    device : torch.device, default=CPU
        Where what takes long is computed.

    Returns
    -------
    Consensus
        With labels 0 to ``n_clusters - 1``: the `central_partition` of the `most_even`
        ones of all partitions by single runs of k-means, 60 for each graph with half as
        many eigenvectors more than clusters and 60 with twice as many. One in 18 is
        kept, but five at least. Of more than ten clusters there are fewer runs, as each
        takes longer.
    """
    random_state = private_random_state(random_state)
    n_samples = affinities[0].shape[0]
    if n_clusters == 1 or n_samples <= n_clusters:
        return Consensus(np.arange(n_samples) % n_clusters, math.nan, math.nan)
    n_draws = max(_LEAST_DRAWS, min(_MOST_DRAWS, _CLUSTERS_DRAWN // n_clusters))
    numbers = [
        min(math.ceil(ratio * n_clusters), n_samples) for ratio in _EIGENVECTOR_RATIOS
    ]
    drawn = []
    for affinity in affinities:
        with step("eigenvectors"):
            eigenpairs = leading_eigenvectors(
                affinity, max(numbers), 0.01, random_state, device
            )
        drawn += [
            clusters_of_eigenvectors(
                *(eigenpairs, n_clusters, number, 1.0, random_state),
                n_init=1,
                device=device,
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
    # In bits: the unit does not matter. Rounded, so that equals are equals.
    found = [evenness(labels, 2) for labels in partitions]
    order = np.argsort(-np.round(found, 9), kind="stable")
    return [partitions[i] for i in order[:n_kept].tolist()]


def central_partition(partitions: Sequence[np.ndarray]) -> Consensus:
    """The one of several partitions that agrees most with the others.

    Parameters
    ----------
    partitions : sequence of ndarray of shape (n_samples,), int

    Returns
    -------
    Consensus
        The labels with the largest mean adjusted Rand index with all others, the first
        of equals.

    References
    ----------
    Strehl and Ghosh, "Cluster ensembles" (2002), who seek, of all partitions, the one
    with the largest mean normalised mutual information.
    """
    n_partitions = len(partitions)
    if n_partitions == 1:
        return Consensus(partitions[0], math.nan, math.nan)
    pairs = list(itertools.combinations(range(n_partitions), 2))
    agreement, in_common = np.zeros((n_partitions, n_partitions)), []
    with step("agreement of partitions"):
        for i, j in pairs:
            index = adjusted_rand_score(partitions[i], partitions[j])
            agreement[i, j] = agreement[j, i] = index
            in_common.append(share_in_common(partitions[i], partitions[j]))
    most = int(np.round(agreement.sum(axis=1), 9).argmax())
    mean = float(agreement.sum()) / (2 * len(pairs))
    return Consensus(partitions[most], mean, float(np.mean(in_common)))
