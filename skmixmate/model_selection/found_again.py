"""Partitions of neighbour graphs of samples and of halves of them, compared."""

import math
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics.cluster import contingency_matrix

from ..initializers import mean_conductance, merged_clusters
from ..initializers.spectral import (
    clusters_of_eigenvectors,
    leading_eigenvectors,
    neighbor_graph,
)
from ..utils.progress import each, step

__all__ = ["relative_cuts", "similarities"]

# Eigenvectors for each cluster, and parts for each that are merged.
_EIGENVECTOR_RATIO, _PART_RATIO = 1.5, 2
_N_NEIGHBORS = 10
# Less is rounding, as of clusters on a line.
_LEAST_CUT = 1e-6


def relative_cuts(Z, numbers: Sequence[int], random_state) -> np.ndarray:
    """How much clusters cut the graph, as part of what a cloud of one cluster has to.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_features)
        Finite.
    numbers : sequence of int
        Numbers of clusters.
    random_state : RandomState

    Returns
    -------
    ndarray of shape (n_numbers,)
        Mean conductance of the clusters of Z, divided by that of as many clusters of as
        many Gaussian samples with the same covariance. About one where there are no
        clusters, however elongated the cloud is: cutting it across is easy, and is done
        alike in any samples, but no easier than in a Gaussian one.

    References
    ----------
    Tibshirani, Walther and Hastie, "Estimating the number of clusters in a data set via
    the gap statistic" (2001), for a reference without clusters.
    """
    centered = (Z - Z.mean(axis=0)).astype(np.float32)
    draws = random_state.standard_normal((len(Z), len(Z))).astype(np.float32)
    cloud = (draws @ centered) / np.sqrt(np.float32(len(Z)))
    cuts, names = np.empty((2, len(numbers))), ("samples", "a cloud")
    for i, samples in enumerate((Z, cloud)):
        graph = neighbor_graph(samples, max(numbers), _N_NEIGHBORS).graph
        eigenpairs = _eigenpairs(graph, max(numbers), random_state)
        for j, number in enumerate(each(f"cuts of {names[i]}", numbers)):
            ways = _two_ways(graph, eigenpairs, number, random_state)
            cuts[i, j] = min(mean_conductance(graph, labels) for labels in ways)
    return cuts[0] / np.maximum(cuts[1], _LEAST_CUT)


def similarities(
    Z,
    numbers: Sequence[int],
    n_repeats: int,
    random_state,
    partitions: dict[int, list[np.ndarray]] | None = None,
) -> dict[int, list[np.ndarray]]:
    """Compare clusters of samples with those of random halves of them.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_features)
        Finite.
    numbers : sequence of int
        Numbers of clusters.
    n_repeats : int
        Number of halves.
    random_state : RandomState
    partitions : dict of int to two ndarrays of shape (n_samples,), default=None
        Labels of the samples for each number, in place of those that are found: for
        the comparison with clusters of about one size, and with those of any size.

    Returns
    -------
    dict of int to two ndarrays of shape (n_repeats, number)
        Jaccard similarity of each cluster and its counterpart, for each number, with
        clusters of about one size and of any.
    """
    largest = max(numbers)
    rows, _, graph = neighbor_graph(Z, largest, _N_NEIGHBORS)
    n_rows = len(rows)
    if partitions is None:
        with step("all samples"):
            eigenpairs = _eigenpairs(graph, largest, random_state)
            partitions = {
                n: list(_two_ways(graph, eigenpairs, n, random_state)) for n in numbers
            }
    else:
        partitions = {n: [one[rows] for one in ways] for n, ways in partitions.items()}
    found: dict[int, list[list]] = {n: [[], []] for n in numbers}
    for _ in each("half", range(n_repeats)):
        half = np.sort(random_state.permutation(n_rows)[: n_rows // 2])
        within, _, graph = neighbor_graph(Z[rows[half]], largest, _N_NEIGHBORS)
        half = half[within]
        eigenpairs = _eigenpairs(graph, largest, random_state)
        for n in numbers:
            ways = _two_ways(graph, eigenpairs, n, random_state)
            for way, labels in enumerate(ways):
                whole = partitions[n][way][half]
                found[n][way].append(_jaccard_indices(whole, labels, n))
    return {n: [np.array(one) for one in ways] for n, ways in found.items()}


def _eigenpairs(graph, largest: int, random_state):
    n_vectors = min(_PART_RATIO * largest, graph.shape[0] - 1)
    return leading_eigenvectors(graph, n_vectors, 0.01, random_state)


def _two_ways(graph, eigenpairs, n_clusters: int, random_state) -> Iterator[np.ndarray]:
    """Partitions for clusters of about one size and for clusters of any."""

    def clusters(n_parts, n_components):
        with warnings.catch_warnings():
            # Of fewer different samples than parts: then there are fewer parts.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return clusters_of_eigenvectors(
                eigenpairs, n_parts, n_components, 1.0, random_state, n_init=4
            )

    # Of two clusters a third eigenvector misleads.
    ratio = _EIGENVECTOR_RATIO if n_clusters > 2 else 1.0
    yield clusters(n_clusters, math.ceil(ratio * n_clusters))
    n_parts = min(_PART_RATIO * n_clusters, len(eigenpairs[0]))
    yield min(
        clusters(n_clusters, n_clusters),
        merged_clusters(graph, clusters(n_parts, n_parts), n_clusters),
        key=lambda labels: mean_conductance(graph, labels),
    )


def _jaccard_indices(labels, others, n_clusters: int) -> np.ndarray:
    """Of each cluster of ``labels``, from 0, and its counterpart among others."""
    counts = np.zeros((n_clusters, n_clusters))
    found = contingency_matrix(labels, others)
    names = np.unique(labels)
    counts[names, : found.shape[1]] = found
    unions = counts.sum(axis=1, keepdims=True) + counts.sum(axis=0) - counts
    overlaps = counts / np.maximum(unions, 1.0)
    return overlaps[linear_sum_assignment(overlaps, maximize=True)]
