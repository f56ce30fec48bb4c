"""Spectral clustering with more eigenvectors than clusters."""

import math

import numpy as np
import scipy.linalg
from scipy import sparse
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from sklearn.cluster import KMeans

from ..utils.random import private_random_state
from .copies import distinct_samples

__all__ = ["spectral_clustering_labels", "spectral_labels"]

# Below this size a dense eigensolver is as fast as ARPACK and never fails.
_DENSE_SIZE = 200


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
    _, copy_of, graph = distinct_samples(X, n_clusters, n_neighbors)
    graph.data[:] = 1.0
    graph = 0.5 * (graph + graph.T)
    return spectral_clustering_labels(graph, n_clusters, random_state)[copy_of]


def spectral_clustering_labels(
    affinity,
    n_clusters: int,
    random_state=None,
    *,
    n_components: int | None = None,
    diffusion_time: float = 1.0,
    regularization: float = 0.01,
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
        # Of two clusters none can be split for another: a third eigenvector misleads.
        n_components = math.ceil(1.5 * n_clusters) if n_clusters > 2 else n_clusters
    n_components = min(n_components, n_samples)
    eigenvalues, eigenvectors = _leading_eigenvectors(
        affinity, n_components, regularization, random_state
    )
    embedding = eigenvectors * np.clip(eigenvalues, 0.0, 1.0) ** diffusion_time
    norms = np.linalg.norm(embedding, axis=1, keepdims=True)
    embedding /= np.maximum(norms, np.finfo(embedding.dtype).tiny)
    k_means = KMeans(n_clusters, n_init=10, random_state=random_state)
    return k_means.fit(embedding).labels_.astype(np.intp)


def _leading_eigenvectors(affinity, n_components, regularization, random_state):
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
    if n_samples > max(_DENSE_SIZE, 4 * n_components):
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
    values, vectors = scipy.linalg.eigh(
        dense, subset_by_index=[n_samples - n_components, n_samples - 1]
    )
    return values[::-1], vectors[:, ::-1]
