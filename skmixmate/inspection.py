"""What clusters and atoms look like where the model sees features only."""

from typing import NamedTuple

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, check_array, check_scalar
from sklearn.utils.validation import check_is_fitted

from .utils.validation import with_nan

__all__ = ["AtomAverages", "atom_averages"]

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
    """

    cluster_means: np.ndarray
    atom_means: np.ndarray


def atom_averages(clusterer, X, *, n_samples=20) -> AtomAverages:
    """Average the samples of each cluster, and those that use each of its atoms most.

    Atoms of a mixture of features, such as scattering coefficients, cannot be looked
    at; the samples that are made of them can.

    Parameters
    ----------
    clusterer : MixMateClustering, NeighborVoting or Pipeline that ends in one
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
    >>> from skmixmate.inspection import atom_averages
    >>> from skmixmate.recipes import make_image_clusterer
    >>> X, _ = load_digits(return_X_y=True)
    >>> clusterer = make_image_clusterer(10, n_init=1, n_starts=1, random_state=0).fit(
    ...     X
    ... )
    >>> averages = atom_averages(clusterer, X)
    >>> averages.cluster_means.shape, averages.atom_means.shape
    ((10, 64), (10, 50, 64))
    """
    check_scalar(n_samples, "n_samples", int, min_val=1)
    last = clusterer[-1] if isinstance(clusterer, Pipeline) else clusterer
    votes = hasattr(last, "mixmate") and hasattr(last, "predict")
    if not (votes or hasattr(last, "encode")):
        raise TypeError(
            "clusterer must be a MixMateClustering, a NeighborVoting or a Pipeline "
            f"that ends in one, got {clusterer!r}."
        )
    check_is_fitted(last)
    mixmate = getattr(last, "mixmate_", last)
    n_clusters, n_atoms, _ = mixmate.dictionaries_.shape
    labels, codes = _labels_and_codes(clusterer, last, mixmate, X)
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


def _labels_and_codes(clusterer, last, mixmate, X):
    """Cluster of each sample and its code there, batch by batch."""
    labels, codes = [], []
    for start in range(0, len(X), _BATCH_SIZE):
        rows = slice(start, start + _BATCH_SIZE)
        batch = _safe_indexing(X, rows)
        if clusterer is not last and len(clusterer) > 1:
            batch = clusterer[:-1].transform(batch)
        labels.append(last.predict(batch))
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
