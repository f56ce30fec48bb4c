"""A graph of the centres of many samples, for more than a graph can have as nodes."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize

from ..utils.device import CPU, to_device
from ..utils.progress import each, step
from .copies import common_offset

__all__ = ["Blocks", "CenterGraph", "center_graph"]

# Gives further samples, in blocks (n_block, n_features).
Blocks = Callable[[], Iterator[np.ndarray]]
# Samples for each centre, at least, and centres for each sample of X, at most.
_LEAST_SHARED, _MOST_CENTERS = 3, 2
# Directions in which distances are measured, rounds of k-means, and nearest centres
# that a sample ties to each other.
_N_COMPONENTS, _N_ROUNDS, _N_NEAREST = 60, 2, 3
# Numbers of one block of distances.
_BLOCK_SIZE = 2**23


class CenterGraph(NamedTuple):
    """Which centres lie where samples lead from one to the other.

    ``affinity`` is sparse, (n_centers, n_centers), the number of samples that two
    centres are among the nearest of; ``nearest`` is (n_samples,), the centre that is
    nearest to each of the samples that the graph was asked for; ``n_directions`` is
    the participation ratio of the variances of principal components.
    """

    affinity: sparse.csr_array
    nearest: np.ndarray
    n_directions: float


def center_graph(
    X, others: Blocks, device: torch.device = CPU, *, unit_norm: bool = False
) -> CenterGraph:
    """Let centres of many samples stand for them, and samples tie centres together.

    A graph of few of many samples has gaps and bridges that the others would fill in or
    outvote. Centres lie where samples are dense, all of them count, and the time grows
    with their number, not with its square.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Finite; random ones.
    others : callable
        Gives further samples, in blocks (n_block, n_features), at least twice as many.
    device : torch.device, default=CPU
        Where distances are computed.
    unit_norm : bool, default=False
        Whether samples are divided by their norms, for those that lie in directions.

    Returns
    -------
    CenterGraph
        Of a third as many centres as there are samples, but at most twice as many as X
        has. Each comes from two rounds of k-means, in up to 60 principal components of
        X, from samples that lie evenly in all of them. Centres that are not among the
        three nearest of any sample are left out.

    References
    ----------
    Chen and Cai, "Large scale spectral clustering with landmark-based representation"
    (2011), and Huang et al., "Ultra-scalable spectral clustering and ensemble
    clustering" (2020), for graphs of samples and landmarks.
    """
    with step("centres of more samples"):
        project, components = _projection(X, unit_norm)
        points = np.concatenate([project(X), *map(project, others())])
        n_centers = min(_MOST_CENTERS * len(X), len(points) // _LEAST_SHARED)
        first = np.linspace(0, len(points) - 1, n_centers).astype(np.intp)
        centers = points[first]
        for _ in each("round", range(_N_ROUNDS)):
            labels = _nearest(points, centers, 1, device)
            centers = _means(points, labels[:, 0], centers)
        nearest = _nearest(points, centers, _N_NEAREST, device)
        used, nearest = np.unique(nearest, return_inverse=True)
        tied = _membership(nearest, len(used))
        affinity = sparse.csr_array(tied.T @ tied)
        affinity.setdiag(0)
        affinity.eliminate_zeros()
    return CenterGraph(affinity, nearest[: len(X), 0], _n_directions(components))


def _projection(X, unit_norm: bool) -> tuple[Callable[..., np.ndarray], PCA]:
    """What takes samples to principal components of X, (n, n_components), float32.

    Without a large common offset, and in a unit of about the size of the rest, so that
    nothing is rounded away and no square overflows or vanishes.
    """
    # Norms are those about the origin.
    offset = np.zeros(X.shape[1]) if unit_norm else common_offset(X.astype(np.float64))
    largest = float(np.abs(X - offset).max())
    unit = 2.0 ** np.frexp(largest)[1] if largest > 0.0 else 1.0

    def scaled(block) -> np.ndarray:
        block = block - offset if offset.any() else block
        block = np.divide(block, unit).astype(np.float32)
        return normalize(block, copy=False) if unit_norm else block

    n_components = min(_N_COMPONENTS, *X.shape)
    with np.errstate(invalid="ignore"):  # Shares of the variance of equal samples.
        components = PCA(n_components, random_state=0).fit(scaled(X))
    return lambda block: components.transform(scaled(block)), components


def _n_directions(components: PCA) -> float:
    """In how many directions samples vary: the participation ratio of variances."""
    variances = components.explained_variance_.astype(np.float64)
    total = float(np.square(variances).sum())
    return float(variances.sum()) ** 2 / total if total > 0.0 else 0.0


def _nearest(
    points: np.ndarray, centers: np.ndarray, n_nearest: int, device: torch.device
) -> np.ndarray:
    """Which centres are nearest to each point, (n_points, n_nearest)."""
    n_nearest = min(n_nearest, len(centers))
    C = to_device(torch.from_numpy(centers), device)
    # Up to the squared norm of the point itself.
    squared_norms = C.square().sum(1)
    block_size = max(1, _BLOCK_SIZE // len(centers))
    # Written to from block to block: what is kept of each would scatter the memory.
    partial = C.new_empty((min(block_size, len(points)), len(centers)))
    found = torch.empty((len(points), n_nearest), dtype=torch.long)
    blocks = torch.from_numpy(points).split(block_size)
    for block, rows in zip(blocks, found.split(block_size), strict=True):
        distances = partial[: len(block)]
        block = to_device(block, device)
        torch.addmm(squared_norms, block, C.T, alpha=-2, out=distances)
        # Each is faster than the other for what it is used for.
        if n_nearest == 1:
            rows.copy_(distances.argmin(dim=1, keepdim=True))
        else:
            rows.copy_(distances.topk(n_nearest, dim=1, largest=False).indices)
    return found.numpy()


def _membership(nearest: np.ndarray, n_centers: int) -> sparse.csr_array:
    """One where a point (row) has a centre (column) among its nearest."""
    n_points, n_nearest = nearest.shape
    rows = np.repeat(np.arange(n_points), n_nearest)
    ones = np.ones(nearest.size)
    return sparse.csr_array(
        (ones, (rows, nearest.ravel())), shape=(n_points, n_centers)
    )


def _means(points, labels, centers) -> np.ndarray:
    """Means of the points with each label; a centre without stays where it is."""
    members = _membership(labels[:, None], len(centers)).T
    counts = members.sum(axis=1)[:, None]
    means = (members @ points) / np.maximum(counts, 1)
    return np.where(counts > 0, means, centers).astype(np.float32)
