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
    nearest to each of the samples that the graph was asked for.
    """

    affinity: sparse.csr_array
    nearest: np.ndarray


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
    n_components = min(_N_COMPONENTS, *X.shape)
    with step("centres of more samples"):
        scaled = normalize if unit_norm else np.asarray
        components = PCA(n_components, svd_solver="covariance_eigh").fit(scaled(X))

        def projected(block) -> np.ndarray:
            return components.transform(scaled(block)).astype(np.float32)

        points = np.concatenate([projected(X), *map(projected, others())])
        n_centers = min(_MOST_CENTERS * len(X), len(points) // _LEAST_SHARED)
        first = np.linspace(0, len(points) - 1, n_centers).astype(np.intp)
        centers = points[first]
        for _ in each("round", range(_N_ROUNDS)):
            labels = _nearest(points, centers, 1, device)
            centers = _means(points, labels[:, 0], centers)
        tied = _membership(_nearest(points, centers, _N_NEAREST, device), n_centers)
        centers = centers[tied.sum(axis=0) > 0]
        nearest = _nearest(points, centers, _N_NEAREST, device)
        tied = _membership(nearest, len(centers))
        affinity = sparse.csr_array(tied.T @ tied)
        affinity.setdiag(0)
        affinity.eliminate_zeros()
    return CenterGraph(affinity, nearest[: len(X), 0])


def _nearest(
    points: np.ndarray, centers: np.ndarray, n_nearest: int, device: torch.device
) -> np.ndarray:
    """Which centres are nearest to each point, (n_points, n_nearest)."""
    n_nearest = min(n_nearest, len(centers))
    C = to_device(torch.from_numpy(centers), device)
    # Up to the squared norm of the point itself.
    squared_norms = C.square().sum(1)
    found = []
    for block in torch.from_numpy(points).split(max(1, _BLOCK_SIZE // len(centers))):
        partial = torch.addmm(squared_norms, to_device(block, device), C.T, alpha=-2)
        # Each is faster than the other for what it is used for.
        if n_nearest == 1:
            nearest = partial.argmin(dim=1, keepdim=True)
        else:
            nearest = partial.topk(n_nearest, dim=1, largest=False).indices
        found.append(nearest.cpu())
    return torch.cat(found).numpy()


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
