"""What takes long of a start, in torch: imported where there is a GPU.

Everything comes as arrays and goes back as arrays: what is large in between stays on
the device. On a CPU, what `spectral`, `copies` and `ssc` do themselves takes less time.
"""

import warnings

import numpy as np
import torch
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor
from torch.nn.functional import embedding_bag

from ..functional.k_means import k_means, n_draws
from ..functional.leading_eigenpairs import block_size, leading_eigenpairs
from ..utils.validation import shared_tensor

__all__ = ["ClusterEnergies", "eigenpairs", "k_means_labels", "nearest_neighbors"]

# Numbers of one block of distances, or of differences between neighbours.
_BLOCK_SIZE = 2**26


def eigenpairs(
    normalized: sparse.csr_array,
    coupling: np.ndarray,
    start: np.ndarray,
    n_components: int,
    device: torch.device,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Largest eigenpairs of a sparse matrix plus one of rank one.

    Parameters
    ----------
    normalized : sparse array of shape (n_samples, n_samples), float64
        Symmetric.
    coupling : ndarray of shape (n_samples,), float64
        The eigenvalues of ``normalized + coupling coupling^T`` are in [-1, 1].
    start : ndarray of shape (n_samples,)
        Drawn at random; what else is random comes from it.
    n_components : int
    device : torch.device

    Returns
    -------
    values : ndarray of shape (n_components,)
        Largest first.
    vectors : ndarray of shape (n_samples, n_components)
    None
        In place of both if they do not converge.
    """
    matrix = _Rows(normalized, device)
    c = torch.from_numpy(coupling).to(device).unsqueeze(1)
    n_samples = len(start)
    # As many numbers are drawn from the generator as on a CPU.
    generator = np.random.RandomState(start[:2].view(np.uint32))
    block = generator.standard_normal((n_samples, block_size(n_components, n_samples)))
    block[:, 0] = start
    found = leading_eigenpairs(
        lambda V: matrix.times(V) + c @ (c.T @ V),
        torch.from_numpy(block).to(device),
        n_components,
    )
    if found is None:
        return None
    values, vectors = found
    return values.cpu().numpy(), vectors.cpu().numpy()


class _Rows:
    """A sparse matrix (N, n) on a device, for products with dense ones.

    By sums over the entries of each row, which are the same in each run; those of the
    sparse matrices of CUDA need not be.
    """

    def __init__(self, matrix: sparse.csr_array, device: torch.device):
        # Empty rows at the end would begin beyond the last entry.
        self.columns, self.begins = (
            torch.from_numpy(array.astype(np.int64)).to(device)
            for array in (matrix.indices, matrix.indptr)
        )
        self.entries = torch.from_numpy(matrix.data).to(device)

    def times(self, dense: Tensor, entries: Tensor | None = None) -> Tensor:
        """Product with ``dense`` (n, m); with other ``entries`` in the same places."""
        return embedding_bag(
            self.columns,
            dense.contiguous(),
            self.begins,
            mode="sum",
            per_sample_weights=self.entries if entries is None else entries,
            include_last_offset=True,
        )


def k_means_labels(
    points: np.ndarray, n_clusters: int, n_init: int, random_state, device: torch.device
) -> np.ndarray:
    """Labels (n_samples,) of points (n_samples, M) by k-means, best of several.

    The generator is left as scikit-learn's ``KMeans`` leaves it.

    Warns
    -----
    ConvergenceWarning
        If there are fewer different points than clusters.
    """
    draws = random_state.uniform(size=(n_init, n_draws(n_clusters)))
    X = torch.from_numpy(np.ascontiguousarray(points)).to(device)
    found = k_means(X, n_clusters, torch.from_numpy(draws).to(device))
    labels = found.cpu().numpy()
    n_found = len(np.unique(labels))
    if n_found < n_clusters:
        warnings.warn(
            f"Number of distinct clusters ({n_found}) found smaller than n_clusters "
            f"({n_clusters}). Possibly due to duplicate points in X.",
            ConvergenceWarning,
            stacklevel=2,
        )
    return labels


def nearest_neighbors(
    X: np.ndarray, n_neighbors: int, device: torch.device
) -> sparse.csr_matrix:
    """Distances of each sample (n_samples, M) to its nearest others.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    n_neighbors : int
        Less than n_samples.
    device : torch.device

    Returns
    -------
    sparse matrix of shape (n_samples, n_samples)
        ``n_neighbors`` entries a row, the nearest first; that of a copy is zero.
    """
    samples = torch.from_numpy(X).to(device)
    squared_norms = samples.square().sum(1)
    n_samples, n_features = X.shape
    size = max(1, _BLOCK_SIZE // max(n_samples, n_neighbors * n_features))
    indices, distances = [], []
    for rows in torch.arange(n_samples, device=device).split(size):
        # Up to the squared norm of the sample itself.
        partial = torch.addmm(squared_norms, samples[rows], samples.T, alpha=-2)
        partial.scatter_(1, rows.unsqueeze(1), torch.inf)
        near = partial.topk(n_neighbors, largest=False).indices
        # By differences, which lose nothing where samples lie close together.
        between = samples[near] - samples[rows].unsqueeze(1)
        length, order = torch.linalg.vector_norm(between, dim=2).sort(
            dim=1, stable=True
        )
        indices.append(near.gather(1, order).cpu())
        distances.append(length.cpu())
    data, columns = torch.cat(distances).numpy(), torch.cat(indices).numpy()
    return sparse.csr_matrix(
        (data.ravel(), columns.ravel(), np.arange(n_samples + 1) * n_neighbors),
        shape=(n_samples, n_samples),
    )


class ClusterEnergies:
    """What the codes of each cluster's samples alone leave of every sample.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    codes : sparse array of shape (n_samples, n_samples)
        Of each sample in terms of the others.
    device : torch.device
    """

    def __init__(self, X: np.ndarray, codes: sparse.csr_array, device: torch.device):
        self.X = torch.from_numpy(X).to(device)
        self.codes = _Rows(sparse.csr_array(codes), device)
        self.entries = self.codes.entries.to(self.X.dtype)

    def __call__(self, labels: np.ndarray) -> np.ndarray:
        """Energies (n_clusters, n_samples) under labels (n_samples,)."""
        its_labels = shared_tensor(labels).to(self.X.device)
        of_entries = its_labels[self.codes.columns]
        energies = []
        for cluster in np.unique(labels).tolist():
            entries = self.entries * (of_entries == cluster)
            left = self.X - self.codes.times(self.X, entries)
            energies.append(left.square().sum(1))
        return torch.stack(energies).cpu().numpy()
