"""Sparse subspace clustering by orthogonal matching pursuit."""

import math

import numpy as np
import torch
from scipy import sparse
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import validate_data

from ..functional import orthogonal_matching_pursuit
from ..utils.random import private_random_state
from ..utils.validation import check_integer, check_number
from .spectral import spectral_clustering_labels

__all__ = ["SparseSubspaceClustering"]


class SparseSubspaceClustering(ClusterMixin, BaseEstimator):
    """Cluster samples that lie near a union of low-dimensional subspaces.

    Each sample, scaled to unit norm, is written as a combination of a few others by
    orthogonal matching pursuit, several times over random subsets of the samples; who
    uses whom makes a graph, which is clustered spectrally.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.
    n_nonzero_coefs : int, default=5
        Number of other samples that represent a sample in each round, about the
        dimension of a subspace. At most ``n_features``, and the size of a round's
        subset, are used.
    n_rounds : int, default=10
        Number of rounds, whose representations are averaged.
    dropout : float in [0, 1), default=0.8
        Fraction of the samples that a round does without. ``n_rounds=1, dropout=0`` is
        the plain method of You, Robinson and Vidal, and of the MixMate paper; its
        graphs are so sparse that clusters often fall apart.
    random_state : int, RandomState instance or None, default=None
        Seeds the subsets, the eigensolver and k-means.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each sample.
    affinity_matrix_ : sparse array of shape (n_samples, n_samples)
        ``|C| + |C|^T``, each row of the representation C divided by its largest
        magnitude first.
    representation_ : sparse array of shape (n_samples, n_samples)
        C, the coefficients of each sample in terms of the others, the mean of the
        rounds.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had string names.

    Notes
    -----
    All samples are coded at once, in blocks whose size bounds the memory. A round takes
    time O((1 - dropout) n_samples^2 n_features n_nonzero_coefs) and leaves
    n_samples n_nonzero_coefs coefficients.

    References
    ----------
    Elhamifar and Vidal, "Sparse subspace clustering" (2013); You, Robinson and Vidal,
    "Scalable sparse subspace clustering by orthogonal matching pursuit" (2016); Chen,
    Li and You, "Stochastic sparse subspace clustering" (2020), for rounds and dropout.

    Examples
    --------
    >>> from skmixmate import SparseSubspaceClustering
    >>> from skmixmate.datasets import make_dictionary_mixture
    >>> data = make_dictionary_mixture(
    ...     200, n_clusters=2, n_atoms=3, n_features=20, random_state=0
    ... )
    >>> ssc = SparseSubspaceClustering(n_clusters=2, random_state=0).fit(data.data)
    >>> ssc.labels_.shape
    (200,)
    """

    def __init__(
        self,
        n_clusters=8,
        *,
        n_nonzero_coefs=5,
        n_rounds=10,
        dropout=0.8,
        random_state=None,
    ):
        self.n_clusters = n_clusters
        self.n_nonzero_coefs = n_nonzero_coefs
        self.n_rounds = n_rounds
        self.dropout = dropout
        self.random_state = random_state

    def fit(self, X, y=None):
        """Cluster X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite and dense.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        SparseSubspaceClustering
            Itself.

        Raises
        ------
        ValueError
            If a parameter or X is out of range, or there are fewer samples than
            clusters.
        """
        for name in ("n_clusters", "n_nonzero_coefs", "n_rounds"):
            check_integer(getattr(self, name), name, min_val=1)
        dropout = check_number(self.dropout, "dropout", include_boundaries="left")
        if dropout >= 1.0:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout!r}.")
        random_state = private_random_state(self.random_state)
        X = validate_data(
            self, X, dtype=[np.float64, np.float32], order="C", ensure_min_samples=2
        )
        if len(X) < self.n_clusters:
            raise ValueError(
                f"n_samples={len(X)} must be at least n_clusters={self.n_clusters}."
            )
        norms = np.linalg.norm(X, axis=1, keepdims=True)
        X = torch.from_numpy(X / np.maximum(norms, np.finfo(X.dtype).tiny))
        n_kept = max(2, math.ceil((1.0 - self.dropout) * len(X)))
        n_nonzero_coefs = min(self.n_nonzero_coefs, n_kept - 1, X.shape[1])
        total = sparse.csr_array((len(X), len(X)), dtype=np.float64)
        for _ in range(self.n_rounds):
            kept = np.sort(random_state.permutation(len(X))[:n_kept])
            total = total + _self_representation(
                X, torch.from_numpy(kept), n_nonzero_coefs
            )
        self.representation_ = total / self.n_rounds
        self.affinity_matrix_ = _affinity(self.representation_)
        self.labels_ = spectral_clustering_labels(
            self.affinity_matrix_, self.n_clusters, random_state
        )
        return self


def _self_representation(X, kept, n_nonzero_coefs, block_size=512) -> sparse.csr_array:
    """Code each row of X with the rows ``kept``, itself excepted."""
    n_samples = len(X)
    atoms = X[kept]
    position = torch.full((n_samples,), -1, dtype=torch.long, device="cpu")
    position[kept] = torch.arange(len(kept), device="cpu")
    supports, coefs = [], []
    for rows in torch.arange(n_samples, device="cpu").split(block_size):
        support, coef = orthogonal_matching_pursuit(
            X[rows], atoms, n_nonzero_coefs, position[rows]
        )
        supports.append(kept[support])
        coefs.append(coef)
    indptr = np.arange(n_samples + 1) * n_nonzero_coefs
    data, indices = torch.cat(coefs).numpy(), torch.cat(supports).numpy()
    representation = sparse.csr_array(
        (data.ravel(), indices.ravel(), indptr), shape=(n_samples, n_samples)
    )
    representation.eliminate_zeros()
    return representation


def _affinity(representation) -> sparse.csr_array:
    magnitudes = abs(representation)
    largest = magnitudes.max(axis=1).toarray().ravel()
    scale = np.divide(1.0, largest, out=np.zeros_like(largest), where=largest > 0)
    magnitudes = sparse.diags_array(scale) @ magnitudes
    return sparse.csr_array(magnitudes + magnitudes.T)
