"""Spectral clustering with more eigenvectors, or more clusters, than are wanted."""

import copy
import functools
import math
import warnings
from collections.abc import Callable

import numpy as np
import scipy.linalg
import torch
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from ..utils.device import CPU, is_accelerator, one_openmp_thread
from ..utils.progress import each, step
from ..utils.random import drawn_seed, private_random_state
from .centers import Blocks, CenterGraph, center_graph
from .copies import DistinctSamples, distinct_samples
from .merging import (
    CONTINUUM,
    LEAST_OF_PART,
    Labeling,
    Labelings,
    blending,
    mean_conductance,
    merged_clusters,
    sizes_differ,
)

__all__ = [
    "clusters_of_eigenvectors",
    "leading_eigenvectors",
    "neighbor_conductance",
    "neighbor_graph",
    "spectral_clustering_labels",
    "spectral_labelings",
    "spectral_labels",
    "spectral_partitions",
]

# Below this size a dense eigensolver is as fast as ARPACK and never fails.
_DENSE_SIZE = 200
# Of `spectral_partitions`: eigenvectors for each cluster that is wanted, and clusters
# that are merged until there are as many as wanted, up to so many more.
_EIGENVECTOR_RATIOS = (1.5, 1.25)
_CLUSTER_RATIOS = (4.0, 3.0, 2.0, 1.5)
_MOST_MORE_CLUSTERS = 40
# Of a graph of centres, for each cluster: how many there have to be, and in how many
# pieces they may be.
_LEAST_OF_CLUSTER, _MOST_PIECES = 20, 4
# In how many directions samples have to vary for those of unit norm to be looked at.
_LEAST_DIRECTIONS = 10
# Other draws of k-means may cut where it matters.
_N_DRAWS = 2
# Draws of k-means, the best of which is taken. Of clusters whose `blending` is less
# than this the least sum of squares is that of the right partition; of such as USPS
# (0.46 to 0.52 in pixels) it need not be.
_N_INIT, _APART = 10, 0.45
# By how much the others have to be better: a criterion knows classes of about one size,
# but with gaps inside, no better than that.
_HANDICAP = 1.04


def spectral_labels(
    X, n_clusters: int, random_state=None, *, n_neighbors: int = 10
) -> np.ndarray:
    """Cluster samples by the spectrum of their nearest-neighbour graph.

    Of samples with many copies, exact or near, the graph has one, whose label all get;
    see `distinct_samples`. An offset that all samples share changes nothing.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite.
    n_clusters : int
    random_state : int, RandomState instance or None, default=None
    n_neighbors : int, default=10
        Number of neighbours of each sample; at most half of the others are used.

    Returns
    -------
    ndarray of shape (n_samples,)
        Labels 0 to ``n_clusters - 1``.

    Warns
    -----
    InitializationWarning
        If one in twenty samples or more is a near copy of another.
    """
    n_samples = X.shape[0]
    if n_clusters == 1 or n_samples <= n_clusters:
        return np.arange(n_samples) % n_clusters
    _, copy_of, graph = neighbor_graph(X, n_clusters, n_neighbors)
    return spectral_clustering_labels(graph, n_clusters, random_state)[copy_of]


def spectral_labelings(
    X,
    n_clusters: int,
    random_state=None,
    *,
    n_neighbors: int = 10,
    n_init_apart: int = _N_INIT,
    others: Blocks | None = None,
    device: torch.device = CPU,
) -> Labelings:
    """Cluster samples in several ways by the spectrum of their neighbour graph.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite.
    n_clusters : int
    random_state : int, RandomState instance or None, default=None
    n_neighbors : int, default=10
        See `spectral_labels`.
    n_init_apart : int, default=10
        See `spectral_partitions`.
    others : callable, default=None
        Gives further samples, in blocks (n_block, n_features), each time it is called.
        Then the `center_graph` of all is partitioned: that of samples as they are or,
        if they vary in ten directions or more, that of samples with unit norm if its
        first partition cuts it less. Not if all partitions of the graph of X agree, or
        X has many copies, nor if clusters blend into each other, which more samples do
        not change, or are so few (three) or many (41) that it is not known.
    device : torch.device, default=CPU
        Where what takes long is computed.

    Returns
    -------
    Labelings
        Different ones, (n_samples,) each, of `spectral_partitions`; of the graph of X,
        with ten draws, the first is what `spectral_labels` gives, but for the rounding
        of the eigensolver. They know the ``conductance`` of any labels in the graph of
        X.

    Warns
    -----
    InitializationWarning
        See `spectral_labels`.
    """
    n_samples = X.shape[0]
    if n_clusters == 1 or n_samples <= n_clusters:
        return Labelings([Labeling(np.arange(n_samples) % n_clusters)])
    random_state = private_random_state(random_state)
    rows, copy_of, graph = neighbor_graph(X, n_clusters, n_neighbors, device)
    partition = functools.partial(
        spectral_partitions, n_init_apart=n_init_apart, device=device
    )
    partitions = partition(graph, n_clusters, random_state)
    partitions = partitions.relabeled(lambda labels: labels[copy_of])
    # Where all agree there is nothing that more samples could tell; of few clusters or
    # very many it is not known whether they blend.
    may_gain = len(partitions) > 1 and 3 < n_clusters <= _MOST_MORE_CLUSTERS
    if others is not None and len(rows) == n_samples and may_gain:
        of_centers = _partitions_of_centers(
            *(X, others, n_clusters, random_state, graph, partition, device)
        )
        partitions = partitions if of_centers is None else of_centers
    partitions.conductance = _conductance_in(graph, rows, n_clusters)
    return partitions


def _partitions_of_centers(
    X,
    others: Blocks,
    n_clusters: int,
    random_state,
    graph,
    partition: Callable[..., Labelings],
    device: torch.device,
) -> Labelings | None:
    """Partitions of the centres of all samples, as labels of X; None if they blend.

    With their conductance in the graph of X.
    """
    # A copy: without these partitions, later draws are as if nothing had been tried.
    seed = drawn_seed(copy.deepcopy(random_state))

    def partitions(of_centers: CenterGraph) -> Labelings | None:
        affinity = of_centers.affinity
        # Samples that are few points have hardly any centres; and pieces that are many
        # have as many equal eigenvalues, which take long and tell nothing.
        if (
            affinity.shape[0] < _LEAST_OF_CLUSTER * n_clusters
            or connected_components(affinity, False)[0] > _MOST_PIECES * n_clusters
        ):
            return None
        found = partition(affinity, n_clusters, seed)
        # Nor if that is not known, NaN.
        return found if found.blending < CONTINUUM else None

    centers = center_graph(X, others, device)
    found = partitions(centers)
    if found is None:
        return None
    # Samples may lie in directions rather than places. Of few dimensions the norm is a
    # large part, and what is left, as a circle of a plane, is cut with ease.
    if centers.n_directions >= _LEAST_DIRECTIONS:
        directions = center_graph(X, others, device, unit_norm=True)
        by_directions = partitions(directions)
        if by_directions and by_directions[0].conductance < found[0].conductance:
            centers, found = directions, by_directions
    result = Labelings()
    vars(result).update(vars(found))
    for i, one in enumerate(found):
        # More samples leave less doubt how many eigenvectors tell clusters apart.
        if i > 0 and one.handicap == 1.0:
            continue
        labels = one.labels[centers.nearest]
        if len(np.unique(labels)) == n_clusters:
            result.add(labels, one.handicap, mean_conductance(graph, labels))
        elif i == 0:  # A cluster of other samples alone.
            return None
    return result


def neighbor_conductance(
    X, n_clusters: int, *, n_neighbors: int = 10, device: torch.device = CPU
) -> Callable[[np.ndarray], float]:
    """What gives the conductance of clusters in the neighbour graph of samples.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite, more samples than clusters.
    n_clusters : int
        More than one.
    n_neighbors : int, default=10
        See `spectral_labels`.
    device : torch.device, default=CPU
        Where what takes long is computed.

    Returns
    -------
    callable
        From labels (n_samples,) to their `mean_conductance`; that of a cluster without
        samples is 1.

    Warns
    -----
    InitializationWarning
        See `spectral_labels`.
    """
    rows, _, graph = neighbor_graph(X, n_clusters, n_neighbors, device)
    return _conductance_in(graph, rows, n_clusters)


def _conductance_in(graph, rows, n_clusters: int) -> Callable[[np.ndarray], float]:
    def conductance(labels: np.ndarray) -> float:
        n_empty = n_clusters - len(np.unique(labels[rows]))
        total = (n_clusters - n_empty) * mean_conductance(graph, labels[rows])
        return (total + n_empty) / n_clusters

    return conductance


def neighbor_graph(
    X, n_clusters: int, n_neighbors: int, device: torch.device = CPU
) -> DistinctSamples:
    """Distinct samples, and who of them is whose neighbour."""
    with step("nearest neighbours"):
        distinct = distinct_samples(X, n_clusters, n_neighbors, device)
    graph = distinct.graph
    graph.data[:] = 1.0
    return distinct._replace(graph=0.5 * (graph + graph.T))


def spectral_clustering_labels(
    affinity,
    n_clusters: int,
    random_state=None,
    *,
    n_components: int | None = None,
    diffusion_time: float = 1.0,
    regularization: float = 0.01,
    device: torch.device = CPU,
) -> np.ndarray:
    """Cluster the nodes of a weighted graph.

    Parameters
    ----------
    affinity : sparse matrix or ndarray of shape (n_samples, n_samples)
        Symmetric and nonnegative.
    n_clusters : int
    random_state : int, RandomState instance or None, default=None
    n_components : int, default=None
        Number of eigenvectors; None takes ``ceil(1.5 * n_clusters)``, and two for two
        clusters.
    diffusion_time : float, default=1.0
        Power of the eigenvalues by which the eigenvectors are weighted.
    regularization : float, default=0.01
        Total weight of the edges from each node to all others that are added to the
        graph, which keeps small components from becoming clusters of their own.
    device : torch.device, default=CPU
        Where what takes long is computed.

    Returns
    -------
    ndarray of shape (n_samples,)
        Labels 0 to ``n_clusters - 1``.

    Notes
    -----
    k-means on the rows, scaled to unit norm, of the leading eigenvectors of
    ``D^(-1/2) A D^(-1/2)``, weighted by their eigenvalues (a diffusion map). With only
    ``n_clusters`` eigenvectors, two classes of images are easily merged while a third
    is split; half as many again separate them. The eigenvalue weights hold the extra
    eigenvectors back where there is a clear gap, as between blobs.
    ``benchmarks/starts/spectral.py`` compares the choices.

    References
    ----------
    Ng, Jordan and Weiss, "On spectral clustering" (2001). Coifman and Lafon,
    "Diffusion maps" (2006). Rebagliati and Verri, "Spectral clustering with more than K
    eigenvectors" (2011). Amini et al., "Pseudo-likelihood methods for community
    detection" (2013), for the regularisation.
    """
    n_samples = affinity.shape[0]
    if n_clusters == 1 or n_samples <= n_clusters:
        return np.arange(n_samples) % n_clusters
    random_state = private_random_state(random_state)
    if n_components is None:
        n_components = _n_components(n_clusters, 1.5)
    n_components = min(n_components, n_samples)
    eigenpairs = leading_eigenvectors(
        affinity, n_components, regularization, random_state, device
    )
    return clusters_of_eigenvectors(
        *(eigenpairs, n_clusters, n_components, diffusion_time, random_state),
        device=device,
    )


def spectral_partitions(
    affinity,
    n_clusters: int,
    random_state=None,
    *,
    exponent: float = 0.5,
    n_init_apart: int = _N_INIT,
    device: torch.device = CPU,
) -> Labelings:
    """Cluster the nodes of a weighted graph in several ways.

    Parameters
    ----------
    affinity : sparse matrix or ndarray of shape (n_samples, n_samples)
        Symmetric and nonnegative.
    n_clusters : int
    random_state : int, RandomState instance or None, default=None
    exponent : float, default=0.5
        Of `merged_clusters`.
    n_init_apart : int, default=10
        Draws of k-means, the best of which is taken, for each partition that is not
        merged, if clusters lie well apart, with a `blending` below 0.45. They are ten
        if they do not, or if it is not known.
    device : torch.device, default=CPU
        Where what takes long is computed.

    Returns
    -------
    Labelings
        Each with labels 0 to ``n_clusters - 1``.

    Notes
    -----
    Spectral clustering with half or a quarter more eigenvectors than clusters; and,
    with a handicap of four percent unless they say that `sizes_differ`, with as many,
    or with 4, 3, 2 and 1.5 times as many clusters, twice each, the best connected of
    which are merged until there are enough. With extra eigenvectors a large cluster is
    cut up before small ones are told apart; merging joins its parts again, but also two
    classes of one size where a third has a gap in it. No graph criterion tells which is
    right, for the normalised cut takes such gaps for borders. A model of the samples
    does in most cases, see `skmixmate.functional.separation_criterion`;
    ``benchmarks.unequal`` compares.

    References
    ----------
    Those of `spectral_clustering_labels` and `merged_clusters`.
    """
    random_state = private_random_state(random_state)
    n_samples = affinity.shape[0]
    numbers = [
        min(math.ceil(ratio * n_clusters), n_clusters + _MOST_MORE_CLUSTERS)
        for ratio in _CLUSTER_RATIOS
    ]
    # Parts of a few samples are none.
    numbers = [n for n in numbers if n_clusters < n <= n_samples // 20]
    ratios = [_n_components(n_clusters, ratio) for ratio in _EIGENVECTOR_RATIOS]
    most = min(max(ratios + numbers), n_samples)
    with step("eigenvectors"):
        eigenpairs = leading_eigenvectors(affinity, most, 0.01, random_state, device)

    def clusters(number, n_components, random_state, n_init=_N_INIT):
        return clusters_of_eigenvectors(
            *(eigenpairs, number, n_components, 1.0, random_state),
            n_init=n_init,
            device=device,
        )

    start = copy.deepcopy(random_state)
    first = clusters(n_clusters, ratios[0], random_state)
    # Who takes the first goes on as if there were no others.
    random_state = copy.deepcopy(random_state)
    with warnings.catch_warnings():
        # Of fewer different samples than parts: then there are fewer parts.
        warnings.simplefilter("ignore", ConvergenceWarning)
        as_many = [clusters(n_clusters, n, random_state) for n in ratios[1:]]
        as_many.append(clusters(n_clusters, n_clusters, random_state))
        merged, blendings = [], []
        for number in each("clusters of eigenvectors", numbers * _N_DRAWS):
            parts = clusters(number, number, random_state)
            merged.append(merged_clusters(affinity, parts, n_clusters, exponent))
            if 2 * n_clusters <= number <= n_samples // LEAST_OF_PART:
                blendings.append(blending(affinity, parts, n_clusters))
        found = Labelings()
        if blendings:
            found.blending = float(np.mean(blendings))
        if found.blending < _APART and n_init_apart != _N_INIT:
            first, *as_many = (
                clusters(n_clusters, n, start, n_init_apart)
                for n in (*ratios, n_clusters)
            )
    whole = [p for p in (as_many[-1], *merged) if len(np.unique(p)) == n_clusters]
    found.sizes_differ = sizes_differ(whole, n_clusters)
    found.add(first, 1.0, mean_conductance(affinity, first))
    handicaps = [1.0] * len(ratios[1:]) + [_HANDICAP] * (1 + len(merged))
    for labels, handicap in zip((*as_many, *merged), handicaps, strict=True):
        # Others that have fewer clusters than wanted would only have to be mended.
        if len(np.unique(labels)) == n_clusters:
            found.add(labels, handicap, mean_conductance(affinity, labels))
    return found


def _n_components(n_clusters: int, ratio: float) -> int:
    # Of two clusters none can be split for another: a third eigenvector misleads.
    return math.ceil(ratio * n_clusters) if n_clusters > 2 else n_clusters


def clusters_of_eigenvectors(
    eigenpairs,
    n_clusters,
    n_components,
    diffusion_time,
    random_state,
    *,
    n_init=_N_INIT,
    device: torch.device = CPU,
) -> np.ndarray:
    """k-means on the leading eigenvectors, weighted by their eigenvalues."""
    eigenvalues, eigenvectors = (array[..., :n_components] for array in eigenpairs)
    embedding = eigenvectors * np.clip(eigenvalues, 0.0, 1.0) ** diffusion_time
    norms = np.linalg.norm(embedding, axis=1, keepdims=True)
    embedding /= np.maximum(norms, np.finfo(embedding.dtype).tiny)
    if is_accelerator(device):
        from .on_device import k_means_labels

        return k_means_labels(embedding, n_clusters, n_init, random_state, device)
    k_means = KMeans(n_clusters, n_init=n_init, random_state=random_state)
    with one_openmp_thread():
        return k_means.fit_predict(embedding).astype(np.intp)


def leading_eigenvectors(
    affinity,
    n_components,
    regularization,
    random_state,
    device: torch.device = CPU,
):
    """Largest eigenpairs of the normalised, regularised affinity, largest first."""
    affinity = sparse.csr_array(affinity, dtype=np.float64)
    n_samples = affinity.shape[0]
    degrees = affinity.sum(axis=1) + regularization
    inverse_root = 1.0 / np.sqrt(degrees)
    scaling = sparse.diags_array(inverse_root)
    normalized = (scaling @ affinity @ scaling).tocsr()
    # The added edges are a rank-one matrix, so the graph stays sparse.
    coupling = inverse_root * math.sqrt(regularization / n_samples)

    # Drawn whatever the path taken, so that later draws do not depend on it.
    start = random_state.uniform(-1.0, 1.0, n_samples)
    is_large = n_samples > max(_DENSE_SIZE, 4 * n_components)
    if is_large and is_accelerator(device):
        from .on_device import eigenpairs

        found = eigenpairs(normalized, coupling, start, n_components, device)
        if found is not None:
            return found
    elif is_large:
        operator = LinearOperator(
            (n_samples, n_samples),
            matvec=lambda v: normalized @ v.ravel() + coupling * (coupling @ v.ravel()),
            dtype=np.float64,
        )
        try:
            values, vectors = eigsh(
                operator,
                n_components,
                which="LA",
                v0=start,
                ncv=4 * n_components,
                # About as many products as take the time of the dense solver below.
                maxiter=100 + n_samples**2 // (600 * n_components),
            )
            return values[::-1], vectors[:, ::-1]
        except ArpackNoConvergence:
            pass  # Many equal eigenvalues; the dense solver has no such trouble.
    dense = normalized.toarray() + np.outer(coupling, coupling)
    with step("eigenvectors of a dense matrix", blocks=True):
        values, vectors = scipy.linalg.eigh(
            dense, subset_by_index=[n_samples - n_components, n_samples - 1]
        )
    return values[::-1], vectors[:, ::-1]
