"""Copies of samples, exact or near, and the neighbour graph of all others."""

from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.neighbors import kneighbors_graph

from ..utils.callers import warn_user
from ..utils.device import CPU, is_accelerator
from .dictionaries import InitializationWarning

__all__ = ["DistinctSamples", "distinct_rows", "distinct_samples"]

# Near copies are this much closer to each other than to anything else.
_GAP = 10.0
# Fewer copies than this share of all samples do no harm.
_MIN_SHARE = 0.05
# Rows that are looked at before the neighbours of all are searched for near copies.
_N_PROBED = 200


class DistinctSamples(NamedTuple):
    """Samples that are no copies of earlier ones.

    ``rows`` is (n_distinct,), ascending indices of samples; ``copy_of`` is
    (n_samples,), for each sample the position in ``rows`` of the one it copies, itself
    included; ``graph`` is sparse, (n_distinct, n_distinct), with the distances to the
    nearest neighbours.
    """

    rows: np.ndarray
    copy_of: np.ndarray
    graph: sparse.csr_matrix


def distinct_samples(
    X, n_clusters: int, n_neighbors: int = 10, device: torch.device = CPU
) -> DistinctSamples:
    """Tell samples from their copies, where one in twenty is a copy or more.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite.
    n_clusters : int
        Near copies are more than twice as many groups: a few may be clusters that lie
        far apart. Rows with more copies than half the mean size of a cluster may well
        be one, and are left as they are. So at least ``2 * n_clusters`` samples are
        left, or all.
    n_neighbors : int, default=10
        Number of neighbours in the graph; at most half of the others are used.
    device : torch.device, default=CPU
        Where they are searched.

    Returns
    -------
    DistinctSamples

    Warns
    -----
    InitializationWarning
        If there are near copies; exact ones go without saying.

    Notes
    -----
    Neighbours that are copies connect a sample to nothing else: with more of them than
    ``n_neighbors`` the graph falls apart. Near copies are told by the lengths of the
    graph's edges alone, whatever their unit: there are short and long ones and next to
    none in between, over a factor of ten.
    """
    rows, copy_of = _kept(_equal_rows(X), len(X) / (2 * n_clusters))
    X = _near_origin(X[rows].astype(np.float64))
    n_unequal = len(X)
    while True:
        graph = _neighbor_graph(X, n_neighbors, device)
        groups = _close_groups(X, graph, n_neighbors)
        # Few groups may be clusters that lie far from each other.
        if (np.unique(groups, return_counts=True)[1] > 1).sum() <= 2 * n_clusters:
            break
        kept, near_copy_of = _kept(groups, len(X) / (2 * n_clusters))
        if len(kept) == len(X):
            break
        rows, copy_of, X = rows[kept], near_copy_of[copy_of], X[kept]
    if len(rows) < n_unequal:
        warn_user(
            f"{n_unequal - len(rows)} of {n_unequal} different samples are near copies "
            f"of the other {len(rows)}: clusters are sought among these, and copies "
            "follow them.",
            InitializationWarning,
        )
    return DistinctSamples(rows, copy_of, graph)


def distinct_rows(
    X, n_clusters: int, device: torch.device = CPU
) -> tuple[np.ndarray, np.ndarray]:
    """As `distinct_samples`, for who needs no graph: in far less time without copies.

    Returns
    -------
    rows : ndarray of shape (n_distinct,)
    copy_of : ndarray of shape (n_samples,)
        See `DistinctSamples`.
    """
    largest = len(X) / (2 * n_clusters)
    rows, copy_of = _kept(_equal_rows(X), largest)
    if _may_have_near_copies(X[rows], largest):
        rows, copy_of, _ = distinct_samples(X, n_clusters, device=device)
    return rows, copy_of


def _may_have_near_copies(X, largest: float) -> bool:
    """Whether some rows are far closer to few others than to all else."""
    n_probed = min(len(X), _N_PROBED)
    probed = np.arange(n_probed) * len(X) // n_probed
    # Distances far from the origin would be rounded away.
    X = X.astype(np.float64) - X[probed].mean(axis=0)
    distances = np.sort(euclidean_distances(X[probed], X), axis=1)[:, 1:]
    distances = np.maximum(distances, 1e-6 * np.median(_largest_entries(X)))
    # A row and its nearest ones, up to the last that may still be a copy.
    n_near = min(int(largest) + 1, distances.shape[1] - 1)
    has_gap = distances[:, 1 : n_near + 1] > _GAP * distances[:, :n_near]
    return bool(has_gap.any(axis=1).mean() > 0.5 * _MIN_SHARE)


def _kept(groups, largest: float):
    """Indices of the rows kept, and where among them the one is that each row copies.

    The first row of each group of at most ``largest`` is kept, and all of larger ones;
    all rows if that leaves out next to none.
    """
    _, first, group, sizes = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    own = np.arange(len(groups))
    source = np.where(sizes[group] <= largest, first[group], own)
    rows, copy_of = np.unique(source, return_inverse=True)
    is_clean = len(rows) > (1.0 - _MIN_SHARE) * len(own)
    return (own, own) if is_clean else (rows, copy_of)


def _equal_rows(X) -> np.ndarray:
    """Number of the group of equal rows that each row belongs to."""
    # Negative zeros, equal to others, differ in their bytes.
    X = np.ascontiguousarray(X) + X.dtype.type(0)
    as_bytes = X.view(np.dtype((np.void, X.shape[1] * X.itemsize))).ravel()
    return np.unique(as_bytes, return_inverse=True)[1]


def common_offset(X: np.ndarray) -> np.ndarray:
    """An offset of all samples (n_samples, n_features) in which others would be lost.

    Returns
    -------
    ndarray of shape (n_features,)
        Multiples of a power of two about the size of the rest, so that no entry is
        rounded if they are subtracted; zero of what is no larger than the rest.
    """
    median = np.median(X, axis=0)
    size = np.median(_largest_entries(X - median))
    if size == 0.0:
        return np.zeros_like(median)
    unit = 2.0 ** np.ceil(np.log2(4.0 * size))
    return unit * np.round(median / unit)


def _near_origin(X) -> np.ndarray:
    """X without its `common_offset`, with which distances would be rounded away."""
    offset = common_offset(X)
    return X - offset if offset.any() else X


def _largest_entries(X) -> np.ndarray:
    """Largest magnitude in each row: no squares, which may overflow."""
    return np.abs(X).max(axis=1)


def _neighbor_graph(
    X, n_neighbors: int, device: torch.device = CPU
) -> sparse.csr_matrix:
    # A sample of which all others are neighbours tells nothing.
    n_neighbors = min(n_neighbors, max(1, (len(X) - 1) // 2))
    if is_accelerator(device):
        from .on_device import nearest_neighbors

        return nearest_neighbors(X, n_neighbors, device)
    return kneighbors_graph(X, n_neighbors, mode="distance")


def _close_groups(X, graph, n_neighbors: int) -> np.ndarray:
    """Number of the group of near copies that each row belongs to."""
    alone = np.arange(len(X))
    length = _longest_short_edge(X, graph, n_neighbors)
    short = graph.copy()
    # Zero, as rounding may leave, would be no edge.
    short.data = (graph.data <= length).astype(np.float64)
    short.eliminate_zeros()
    _, groups = connected_components(short, directed=False)
    _, first = np.unique(groups, return_index=True)
    # Chains of close rows lead far.
    is_far = _largest_entries(X - X[first[groups]]) > _GAP * length
    is_wide = np.bincount(groups, weights=is_far) > 0
    return np.where(is_wide[groups], len(X) + alone, groups)


def _longest_short_edge(X, graph, n_neighbors: int) -> float:
    """Where a gap begins in the lengths of edges; -1 if there is none."""
    lengths = graph.data
    n_components, component = connected_components(graph, directed=False)
    if n_components > 1:
        # With more copies than neighbours the graph has no long edges.
        _, first = np.unique(component, return_index=True)
        bridges = _neighbor_graph(X[first], n_neighbors)
        lengths = np.concatenate([lengths, bridges.data])
    # Shorter ones are rounding errors of the inner products that distances come from.
    negligible = 1e-6 * np.median(_largest_entries(X))
    lengths = np.maximum(np.sort(lengths), negligible)
    n_short = np.arange(1, len(lengths) + 1)
    n_below = np.searchsorted(lengths, _GAP * lengths, side="right")
    n_between, n_long = n_below - n_short, len(lengths) - n_below
    is_gap = (
        (n_short >= 0.01 * len(lengths))
        & (n_between <= 0.01 * n_short)
        & (n_between < 0.1 * n_long)
    )
    return lengths[is_gap.argmax()] if is_gap.any() else -1.0
