"""What clusters and atoms look like where the model sees features only."""

from typing import NamedTuple

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import squareform
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, check_array
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from .utils.parameter_checks import check_integer
from .utils.validation import ArrayLike, with_nan

__all__ = ["AtomAverages", "atom_averages", "merge_tree"]

# Samples at a time, which bounds the memory of features.
_BATCH_SIZE = 4096


class AtomAverages(NamedTuple):
    """Averages of samples by cluster and by atom, from `atom_averages`.

    Attributes
    ----------
    cluster_means : ndarray of shape (n_clusters, n_features)
        Mean of the samples of each cluster, in the unit of X.
    atom_means : ndarray of shape (n_clusters, n_atoms, n_features)
        Mean of the samples that use each atom most, in the unit of X.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skmixmate import MixMateClustering
    >>> from skmixmate.inspection import atom_averages
    >>> X = load_digits(n_class=2).data
    >>> mixmate = MixMateClustering(2, random_state=0, max_iter=2).fit(X)
    >>> averages = atom_averages(mixmate, X)
    >>> mean = X[mixmate.labels_ == 0].mean(axis=0)
    >>> np.allclose(averages.cluster_means[0], mean)
    True
    """

    cluster_means: np.ndarray
    atom_means: np.ndarray


def atom_averages(
    clusterer: BaseEstimator, X: ArrayLike, *, n_samples: int = 20
) -> AtomAverages:
    """Average the samples of each cluster, and those that use each of its atoms most.

    Atoms of a mixture of features, such as scattering coefficients, cannot be looked
    at; the samples that are made of them can.

    Parameters
    ----------
    clusterer : clusterer of this package, Pipeline that ends in one, or search
        Fitted.
    X : array-like of shape (n_samples, n_features)
        What the clusterer takes, images or signals; the training samples or others.
        Missing entries, NaN or masked, are left out of the averages.
    n_samples : int, default=20
        Largest number of samples of the cluster that are averaged for an atom: those
        with the largest entries, above zero, for it in their codes.

    Returns
    -------
    AtomAverages
        Zero for clusters without samples, for atoms that no sample uses, and where all
        entries are missing.

    Raises
    ------
    NotFittedError
        If ``clusterer`` is not fitted.
    TypeError, ValueError
        If ``clusterer`` has no dictionaries or X is not what it takes.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmixmate import ImageClustering
    >>> from skmixmate.inspection import atom_averages
    >>> X = load_digits().data[:500]
    >>> clusterer = ImageClustering(10, image_shape=(8, 8), random_state=0)
    >>> averages = atom_averages(clusterer.fit(X), X)
    >>> averages.cluster_means.shape, averages.atom_means.shape[::2]
    ((10, 64), (10, 64))
    """
    n_samples = check_integer(n_samples, "n_samples", min_val=1)
    steps, last, mixmate = fitted_mixture(clusterer, "clusterer")
    n_clusters, n_atoms, _ = mixmate.dictionaries_.shape
    labels, codes = _labels_and_codes(steps, last, mixmate, X)
    pixels = check_array(
        with_nan(X), dtype=[np.float64, np.float32], ensure_all_finite="allow-nan"
    )
    cluster_means = np.zeros((n_clusters, pixels.shape[1]))
    atom_means = np.zeros((n_clusters, n_atoms, pixels.shape[1]))
    for cluster in range(n_clusters):
        members = np.flatnonzero(labels == cluster)
        cluster_means[cluster] = _mean(pixels[members])
        most = np.argsort(-codes[members], axis=0, kind="stable")[:n_samples]
        for atom in range(n_atoms):
            users = members[most[:, atom]]
            users = users[codes[users, atom] > 0.0]
            atom_means[cluster, atom] = _mean(pixels[users])
    return AtomAverages(cluster_means, atom_means)


def merge_tree(clusterer: BaseEstimator, X: ArrayLike) -> np.ndarray:
    """Which clusters are alike, as a tree of merges.

    Two clusters are near each other if the dictionary of each explains the samples of
    the other nearly as well as their own does: their distance is the mean energy that
    samples of one have more under the other than under their own, in either direction.
    Clusters are merged by average linkage.

    Parameters
    ----------
    clusterer : clusterer of this package, Pipeline that ends in one, or search
        Fitted, with at least two clusters.
    X : array-like of shape (n_samples, n_features)
        What the clusterer takes; the training samples or others.

    Returns
    -------
    ndarray of shape (n_clusters - 1, 4)
        A row for each merge, as `scipy.cluster.hierarchy.dendrogram` and ``fcluster``
        take it: the two that are merged, their distance, and the number of clusters in
        it. Leaves are the labels.

    Raises
    ------
    NotFittedError
        If ``clusterer`` is not fitted.
    TypeError, ValueError
        If ``clusterer`` has no energies, there is a single cluster, or X is not what it
        takes.

    References
    ----------
    Sokal and Michener, "A statistical method for evaluating systematic relationships"
    (1958), for average linkage.

    Examples
    --------
    >>> from scipy.cluster.hierarchy import fcluster
    >>> from sklearn.datasets import load_digits
    >>> from skmixmate import MixMateClustering
    >>> from skmixmate.inspection import merge_tree
    >>> X, _ = load_digits(return_X_y=True)
    >>> mixmate = MixMateClustering(10, random_state=0, max_iter=5).fit(X)
    >>> tree = merge_tree(mixmate, X)
    >>> tree.shape
    (9, 4)
    >>> len(set(fcluster(tree, 4, criterion="maxclust")[mixmate.labels_]))
    4
    """
    fitted_mixture(clusterer, "clusterer")
    labels, energies = (
        found.cpu().numpy() if isinstance(found, Tensor) else np.asarray(found)
        for found in (clusterer.predict(X), clusterer.transform(X))
    )
    n_clusters = energies.shape[1]
    if n_clusters < 2:
        raise ValueError("clusterer must have at least two clusters, got 1.")
    members = labels[:, None] == np.arange(n_clusters)
    own = np.take_along_axis(energies, labels[:, None], axis=1)
    sizes = members.sum(axis=0)
    excess = members.T @ (energies - own) / np.maximum(sizes, 1)[:, None]
    # Of a cluster without samples only the other direction is known.
    known = (sizes > 0)[:, None] * np.ones_like(excess)
    weights = known + known.T
    distances = (excess * known + (excess * known).T) / np.maximum(weights, 1.0)
    distances[weights == 0.0] = distances.max()
    np.fill_diagonal(distances, 0.0)
    # A vote may put samples where their energy is not the lowest.
    distances = np.maximum(distances, 0.0)
    return linkage(squareform(distances, checks=False), method="average")


def fitted_mixture(clusterer, name: str):
    """Take a fitted clusterer apart.

    Parameters
    ----------
    clusterer : clusterer of this package, Pipeline that ends in one, or search
    name : str
        What the caller calls it.

    Returns
    -------
    steps : list of callable
        What X goes through first.
    last : estimator
        What predicts.
    mixmate : MixMateClustering
        What has dictionaries: ``last``, or the mixture in it.

    Raises
    ------
    NotFittedError
        If ``clusterer`` is not fitted.
    TypeError
        If there are no dictionaries of clusters.
    """
    steps, last = [], clusterer
    while hasattr(last, "best_estimator_") or isinstance(last, Pipeline):
        if isinstance(last, Pipeline):
            steps += [last[:-1].transform] if len(last) > 1 else []
        last = last.best_estimator_ if hasattr(last, "best_estimator_") else last[-1]
    if hasattr(last, "voting_"):
        steps, last = [*steps, last.compute_features], last.voting_
    mixmate = getattr(last, "mixmate_", last)
    if not hasattr(mixmate, "dictionaries_"):
        if hasattr(last, "fit"):
            check_is_fitted(last)
        raise TypeError(
            f"{name} must be a clusterer of this package, such as a MixMateClustering, "
            f"a Pipeline that ends in one or a search over them, got {clusterer!r}."
        )
    return steps, last, mixmate


def as_seen_by(mixmate, last, X):
    """X without its names if the mixture within ``last`` was fitted without."""
    if last is mixmate or hasattr(mixmate, "feature_names_in_"):
        return X
    return np.asarray(X)


def _labels_and_codes(steps, last, mixmate, X):
    """Cluster of each sample and its code there, batch by batch."""
    labels, codes = [], []
    for start in range(0, len(X), _BATCH_SIZE):
        rows = slice(start, start + _BATCH_SIZE)
        batch = _safe_indexing(X, rows)
        for step in steps:
            batch = step(batch)
        labels.append(last.predict(batch))
        batch = as_seen_by(mixmate, last, batch)
        codes.append(mixmate.encode(batch))
        if last is not mixmate:
            # Those that neighbours voted into another cluster.
            moved = np.flatnonzero(labels[-1] != mixmate.predict(batch))
            if len(moved):
                of_all = mixmate.encode(_safe_indexing(batch, moved), "all")
                chosen = labels[-1][moved]
                codes[-1][moved] = of_all[np.arange(len(moved)), chosen]
    return np.concatenate(labels), np.concatenate(codes)


def _mean(samples) -> np.ndarray:
    """Mean of the observed entries, zero where there are none."""
    observed = ~np.isnan(samples)
    total = np.where(observed, samples, 0.0).sum(axis=0, dtype=np.float64)
    return total / np.maximum(observed.sum(axis=0), 1)
