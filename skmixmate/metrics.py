"""Scores of a clustering against known classes."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

__all__ = [
    "balanced_clustering_accuracy",
    "clustering_accuracy",
    "clustering_scores",
]


def clustering_accuracy(labels_true: ArrayLike, labels_pred: ArrayLike) -> float:
    """Fraction of samples whose cluster is matched to their class.

    Clusters and classes are matched one to one, in the way that gives the
    highest fraction. Where there are more clusters than classes, the samples of
    the clusters left without a class count as wrong; and the other way round.

    Parameters
    ----------
    labels_true : array-like of shape (n_samples,)
        Class of each sample: integers, strings or any values that can be sorted.
    labels_pred : array-like of shape (n_samples,)
        Cluster of each sample, of any such values too. A noise label such as -1
        is a cluster like any other.

    Returns
    -------
    float
        Accuracy in (0, 1]; 1 for labels that agree up to renaming.

    Raises
    ------
    ValueError
        If either argument is empty or not one-dimensional, or if their lengths
        differ.

    See Also
    --------
    clustering_scores : Accuracy, mutual information and Rand index together.
    skmixmate.plotting.ConfusionDisplay : The match as a picture; there samples of
        negative labels are in no cluster and count as wrong.

    Notes
    -----
    With ``n_kc`` the number of samples of class c in cluster k and m running over
    the one-to-one matchings::

        acc = max_m (1 / n) * sum_k n_{k, m(k)}

    The maximum is found with the Hungarian algorithm.

    References
    ----------
    Xie, Girshick and Farhadi, "Unsupervised deep embedding for clustering
    analysis", ICML 2016, eq. 10.

    Examples
    --------
    >>> from skmixmate.metrics import clustering_accuracy
    >>> clustering_accuracy([0, 0, 1, 1], [1, 1, 0, 0])
    1.0
    >>> clustering_accuracy(["cat", "cat", "dog", "dog"], [3, 3, 3, -1])
    0.75
    """
    return _accuracy(*_encode_labels(labels_true, labels_pred))


def balanced_clustering_accuracy(
    labels_true: ArrayLike, labels_pred: ArrayLike
) -> float:
    """Mean over the classes of the share that is found by their own cluster.

    Where classes are of unequal size, `clustering_accuracy` is about the large ones;
    here each counts as much. Clusters and classes are matched as there; a class
    without a cluster has a share of zero.

    Parameters
    ----------
    labels_true : array-like of shape (n_samples,)
        Class of each sample: integers, strings or any values that can be sorted.
    labels_pred : array-like of shape (n_samples,)
        Cluster of each sample, of any such values too. A noise label such as -1
        is a cluster like any other.

    Returns
    -------
    float
        In (0, 1]; 1 for labels that agree up to renaming.

    Raises
    ------
    ValueError
        If either argument is empty or not one-dimensional, or if their lengths
        differ.

    Examples
    --------
    >>> from skmixmate.metrics import balanced_clustering_accuracy
    >>> balanced_clustering_accuracy([0, 0, 0, 1], [1, 1, 1, 1])
    0.5
    """
    classes, clusters = _encode_labels(labels_true, labels_pred)
    counts = contingency_matrix(classes, clusters)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    shares = counts[rows, columns] / counts.sum(axis=1)[rows]
    return float(shares.sum() / len(counts))


def clustering_scores(
    labels_true: ArrayLike, labels_pred: ArrayLike
) -> dict[str, float]:
    """Accuracy, normalized mutual information and adjusted Rand index.

    Parameters
    ----------
    labels_true : array-like of shape (n_samples,)
        Class of each sample: integers, strings or any values that can be sorted.
    labels_pred : array-like of shape (n_samples,)
        Cluster of each sample, of any such values too. A noise label such as -1
        is a cluster like any other.

    Returns
    -------
    dict of str to float
        ``"acc"``, the :func:`clustering_accuracy`; ``"nmi"``, the normalized
        mutual information (arithmetic mean), in [0, 1]; ``"ari"``, the adjusted
        Rand index, in [-0.5, 1]. Each is 1 for labels that agree up to renaming.

    Raises
    ------
    ValueError
        If either argument is empty or not one-dimensional, or if their lengths
        differ.

    See Also
    --------
    clustering_accuracy : The accuracy alone.

    Examples
    --------
    >>> from skmixmate.metrics import clustering_scores
    >>> scores = clustering_scores([0, 0, 1, 1], [0, 0, 1, 2])
    >>> {name: round(score, 3) for name, score in scores.items()}
    {'acc': 0.75, 'nmi': 0.8, 'ari': 0.571}
    """
    classes, clusters = _encode_labels(labels_true, labels_pred)
    return {
        "acc": _accuracy(classes, clusters),
        "nmi": float(normalized_mutual_info_score(classes, clusters)),
        "ari": float(adjusted_rand_score(classes, clusters)),
    }


def _accuracy(classes, clusters):
    counts = contingency_matrix(classes, clusters)
    matched = linear_sum_assignment(counts, maximize=True)
    return float(counts[matched].sum() / classes.shape[0])


def _encode_labels(labels_true, labels_pred):
    """Check both label arrays and number their distinct values from 0."""
    encoded = []
    for name, labels in (("labels_true", labels_true), ("labels_pred", labels_pred)):
        labels = np.asarray(labels)
        if labels.ndim != 1:
            raise ValueError(
                f"{name} must be one-dimensional, of shape (n_samples,), "
                f"got shape {labels.shape}."
            )
        if labels.shape[0] == 0:
            raise ValueError(f"{name} must hold at least one label, got none.")
        encoded.append(np.unique(labels, return_inverse=True)[1])
    classes, clusters = encoded
    if classes.shape != clusters.shape:
        raise ValueError(
            "labels_true and labels_pred must have the same length, "
            f"got {classes.shape[0]} and {clusters.shape[0]}."
        )
    return classes, clusters
