"""Partitions of neighbour graphs of samples and of halves of them, compared."""

import math
import operator
import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

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
from ..utils.parallel import n_at_once, side_by_side
from ..utils.progress import advance, each, step
from ..utils.random import drawn_seed

__all__ = ["similarities", "similarities_and_cuts"]

# Eigenvectors for each cluster, and parts for each that are merged.
_EIGENVECTOR_RATIO, _PART_RATIO = 1.5, 2
_N_NEIGHBORS = 10
# Draws of k-means. Of fewer the best is another one in each half where clusters lie
# close to each other, and nothing is found again.
_N_DRAWS = 20
# Less is rounding, as of clusters on a line.
_LEAST_CUT = 1e-6
# Jaccard indices for each number, with clusters of about one size and with any.
Similarities = dict[int, list[np.ndarray]]


class _Partitions(NamedTuple):
    """Two partitions of a graph, of about one size and of any, into each number.

    ``rows`` (n,) are those of its nodes; ``labels`` has, by number, two of (n,);
    ``cuts`` the lower mean conductance of the two, (n_numbers,).
    """

    rows: np.ndarray
    labels: dict[int, list[np.ndarray]]
    cuts: np.ndarray


def similarities_and_cuts(
    Z, numbers: Sequence[int], n_repeats: int, random_state, n_jobs: int | None = None
) -> tuple[Similarities, np.ndarray]:
    """Compare clusters of samples with those of random halves, and of a cloud.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_features)
        Finite.
    numbers : sequence of int
        Numbers of clusters.
    n_repeats : int
        Number of halves.
    random_state : RandomState
    n_jobs : int, default=None
        Number of graphs that are partitioned at once, as joblib means it.

    Returns
    -------
    similarities : dict of int to two ndarrays of shape (n_repeats, number)
        See `similarities`.
    relative_cuts : ndarray of shape (n_numbers,)
        Mean conductance of the clusters of Z, divided by that of as many clusters of as
        many Gaussian samples with the same covariance. About one where there are no
        clusters, however elongated the cloud is: cutting it across is easy, and is done
        alike in any samples, but no easier than in a Gaussian one.

    References
    ----------
    Tibshirani, Walther and Hastie, "Estimating the number of clusters in a data set via
    the gap statistic" (2001), for a reference without clusters.
    """
    rows, _, graph = neighbor_graph(Z, max(numbers), _N_NEIGHBORS)
    halves = _halves(len(rows), n_repeats, random_state)
    # The longest first, so that none of them is left to the end.
    tasks = [
        (_of_cloud_like, Z),
        (_of_graph, graph, np.arange(len(rows))),
        *((_of_half, Z, rows, half) for half in halves),
    ]
    cloud, whole, *of_halves = _partitioned(tasks, numbers, random_state, n_jobs)
    cuts = whole.cuts / np.maximum(cloud.cuts, _LEAST_CUT)
    return _compared(whole.labels, of_halves), cuts


def similarities(Z, labels: Sequence[np.ndarray], n_repeats: int, random_state) -> list:
    """Compare given clusters of samples with those of random halves of them.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_features)
        Finite.
    labels : two ndarrays of shape (n_samples,)
        From 0, of as many clusters each: for the comparison with clusters of about one
        size, and with those of any size.
    n_repeats : int
        Number of halves.
    random_state : RandomState

    Returns
    -------
    list of two ndarrays of shape (n_repeats, n_clusters)
        Jaccard similarity of each cluster and its counterpart in the halves.
    """
    n = int(max(one.max() for one in labels)) + 1
    rows, _, _ = neighbor_graph(Z, n, _N_NEIGHBORS)
    halves = _halves(len(rows), n_repeats, random_state)
    tasks = [(_of_half, Z, rows, half) for half in halves]
    found = _partitioned(tasks, [n], random_state)
    return _compared({n: [one[rows] for one in labels]}, found)[n]


def _halves(n_rows: int, n_repeats: int, random_state) -> list[np.ndarray]:
    return [
        np.sort(random_state.permutation(n_rows)[: n_rows // 2])
        for _ in range(n_repeats)
    ]


def _partitioned(
    tasks: Sequence[tuple], numbers, random_state, n_jobs: int | None = 1
) -> list[_Partitions]:
    """What functions with their first arguments give, with seeds of their own."""
    # Before any of them begins, so that none depends on what others draw.
    seeds = [drawn_seed(random_state) for _ in tasks]
    arguments = [
        (*task, numbers, seed) for task, seed in zip(tasks, seeds, strict=True)
    ]
    n_jobs = n_at_once(n_jobs, len(tasks))
    found = {}
    with step("graphs", total=len(tasks)):
        for place, one in side_by_side(operator.call, arguments, n_jobs):
            found[place] = one
            advance(1)
    return [found[place] for place in range(len(tasks))]


def _of_cloud_like(Z, numbers, seed: int) -> _Partitions:
    """Partitions of Gaussian samples with the covariance of Z."""
    random_state = np.random.RandomState(seed)
    centered = (Z - Z.mean(axis=0)).astype(np.float32)
    draws = random_state.standard_normal((len(Z), len(Z))).astype(np.float32)
    cloud = (draws @ centered) / np.sqrt(np.float32(len(Z)))
    rows, _, graph = neighbor_graph(cloud, max(numbers), _N_NEIGHBORS)
    return _of_graph(graph, rows, numbers, drawn_seed(random_state))


def _of_half(Z, rows, half, numbers, seed: int) -> _Partitions:
    """Partitions of the samples in some of the rows."""
    within, _, graph = neighbor_graph(Z[rows[half]], max(numbers), _N_NEIGHBORS)
    return _of_graph(graph, half[within], numbers, seed)


def _of_graph(graph, rows, numbers, seed: int) -> _Partitions:
    random_state = np.random.RandomState(seed)
    n_vectors = min(_PART_RATIO * max(numbers), graph.shape[0] - 1)
    eigenpairs = leading_eigenvectors(graph, n_vectors, 0.01, random_state)
    labels = {
        n: list(_two_ways(graph, eigenpairs, n, random_state))
        for n in each("number of clusters", numbers)
    }
    cuts = [min(mean_conductance(graph, way) for way in labels[n]) for n in numbers]
    return _Partitions(rows, labels, np.array(cuts))


def _two_ways(graph, eigenpairs, n_clusters: int, random_state) -> Iterator[np.ndarray]:
    """Partitions for clusters of about one size and for clusters of any."""

    def clusters(n_parts, n_components):
        with warnings.catch_warnings():
            # Of fewer different samples than parts: then there are fewer parts.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return clusters_of_eigenvectors(
                *(eigenpairs, n_parts, n_components, 1.0, random_state),
                n_init=_N_DRAWS,
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


def _compared(
    labels: dict[int, list[np.ndarray]], halves: Sequence[_Partitions]
) -> Similarities:
    return {
        n: [
            np.array(
                [
                    _jaccard_indices(whole[half.rows], half.labels[n][way], n)
                    for half in halves
                ]
            )
            for way, whole in enumerate(ways)
        ]
        for n, ways in labels.items()
    }


def _jaccard_indices(labels, others, n_clusters: int) -> np.ndarray:
    """Of each cluster of ``labels``, from 0, and its counterpart among others."""
    counts = np.zeros((n_clusters, n_clusters))
    found = contingency_matrix(labels, others)
    names = np.unique(labels)
    counts[names, : found.shape[1]] = found
    unions = counts.sum(axis=1, keepdims=True) + counts.sum(axis=0) - counts
    overlaps = counts / np.maximum(unions, 1.0)
    return overlaps[linear_sum_assignment(overlaps, maximize=True)]
