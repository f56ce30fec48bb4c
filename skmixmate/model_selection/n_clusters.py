"""How many clusters are found again in halves of the samples."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, check_array
from sklearn.utils.validation import _num_samples

from ..utils.parameter_checks import check_integer
from ..utils.random import RandomState, private_random_state
from ..utils.validation import ArrayLike
from .found_again import similarities

__all__ = [
    "NumberOfClusters",
    "choose_n_clusters",
    "clusters_found_again",
]

# A cluster with this similarity to its counterparts is found again.
_FOUND_AGAIN = 0.92
# With less than this, on average, clusters are none.
_CHANCE = 0.6
_LARGEST_DEFAULT = 16


class NumberOfClusters(NamedTuple):
    """What `choose_n_clusters` found.

    Attributes
    ----------
    n_clusters : int
        The number chosen; 1 if no clusters are found again.
    reason : str
        Why.
    candidates : ndarray of shape (n_candidates,), int
        The numbers tried.
    scores : ndarray of shape (n_candidates,)
        Mean similarity of clusters and of what they are in halves of the samples.
    errors : ndarray of shape (n_candidates,)
        Standard errors of the scores, from the repeats.
    weakest : ndarray of shape (n_candidates,)
        The same for the cluster that is found again worst.
    """

    n_clusters: int
    reason: str
    candidates: np.ndarray
    scores: np.ndarray
    errors: np.ndarray
    weakest: np.ndarray


def choose_n_clusters(
    clusterer: Any,
    X: ArrayLike,
    candidates: Iterable[int] | None = None,
    *,
    mask: ArrayLike | None = None,
    n_repeats: int = 8,
    max_samples: int = 5000,
    random_state: RandomState = None,
) -> NumberOfClusters:
    """Choose the largest number of clusters of which each is found again.

    The graph of nearest neighbours of the samples is partitioned into each number of
    clusters, and so are the graphs of random halves. The number is the largest of
    which every cluster has nearly the same members in the halves (mean Jaccard
    similarity above 0.92). If there is none, it is that with the highest mean over
    clusters, unless all are found again no better than by chance.

    Nothing is fitted but features: the clusterer tells which. What is found are
    numbers of clusters that lie apart in these features, whatever their size.

    Parameters
    ----------
    clusterer : ready-made clusterer, Pipeline that ends in a clusterer, or clusterer
        Not changed. The features of a ready-made clusterer, or the steps of a Pipeline
        before the last, are fitted to the samples; for another one, and None, samples
        are taken as they are.
    X : array-like of shape (n_samples, n_features)
        What the clusterer takes, images as arrays too.
    candidates : iterable of int, default=None
        Numbers of clusters, from 2 to a quarter of the number of samples; None tries 2
        to 16, or to a tenth of that number.
    mask : array-like of the shape of X, bool, default=None
        True where observed, for a clusterer that takes one.
    n_repeats : int, default=8
        Number of random halves.
    max_samples : int, default=5000
        Largest number of samples, drawn at random, that are looked at.
    random_state : int, RandomState instance or None, default=None
        Seeds the draws.

    Returns
    -------
    NumberOfClusters

    Raises
    ------
    TypeError, ValueError
        If a parameter is out of range, or X is not what the clusterer takes.

    See Also
    --------
    clusters_found_again : The same for each cluster of a fitted clusterer.
    cluster_stability : The agreement of the clusterer's own fits.

    References
    ----------
    Hennig, "Cluster-wise assessment of cluster stability" (Computational Statistics &
    Data Analysis 52, 2007), for similarities of clusters with what they are in other
    samples. Tibshirani and Walther, "Cluster validation by prediction strength" (2005),
    for the largest number of which the worst cluster is found again.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import make_blobs
    >>> from skmixmate.model_selection import choose_n_clusters
    >>> X, _ = make_blobs(600, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    >>> choice = choose_n_clusters(KMeans(), X, range(2, 7), random_state=0)
    >>> choice.n_clusters
    3
    >>> print(choice.reason)
    Each of 3 clusters is found again (the weakest to 1.00), of more not each.
    """
    n_repeats = check_integer(n_repeats, "n_repeats", min_val=1)
    max_samples = check_integer(max_samples, "max_samples", min_val=20)
    random_state = private_random_state(random_state)
    rows = _drawn(X, max_samples, random_state)
    numbers = _checked_candidates(candidates, len(rows))
    of_rows = {} if mask is None else {"mask": _safe_indexing(np.asarray(mask), rows)}
    clusterer = None if clusterer is None else clone(clusterer)
    Z = _features(clusterer, _safe_indexing(X, rows), of_rows)
    return _best_number(Z, numbers, n_repeats, random_state)


def clusters_found_again(
    clusterer: Any,
    X: ArrayLike,
    *,
    n_repeats: int = 8,
    max_samples: int = 5000,
    random_state: RandomState = None,
) -> np.ndarray:
    """Tell for each cluster of a fitted clusterer how well it is found again.

    Graphs of nearest neighbours of random halves of the samples are partitioned into
    as many clusters; those that match the clusterer's best are compared to them.

    Parameters
    ----------
    clusterer : ready-made clusterer, Pipeline that ends in a clusterer, or clusterer
        Fitted, with ``predict``.
    X : array-like of shape (n_samples, n_features)
        What the clusterer takes; the training samples or others.
    n_repeats : int, default=8
        Number of random halves.
    max_samples : int, default=5000
        Largest number of samples, drawn at random, that are looked at.
    random_state : int, RandomState instance or None, default=None
        Seeds the draws.

    Returns
    -------
    ndarray of shape (n_clusters,)
        Mean Jaccard similarity of each cluster and its counterparts, by label, from 0
        to 1. Above 0.9 a cluster is there; below 0.6 it is drawn by chance. Zero for a
        cluster that none of the samples is in.

    Raises
    ------
    NotFittedError
        If ``clusterer`` is not fitted.
    TypeError, ValueError
        If a parameter is out of range, or X is not what the clusterer takes.

    References
    ----------
    As `choose_n_clusters`.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import make_blobs
    >>> from skmixmate.model_selection import clusters_found_again
    >>> X, _ = make_blobs(600, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    >>> clusterer = KMeans(3, n_init=3, random_state=0).fit(X)
    >>> clusters_found_again(clusterer, X, random_state=0).round(1).tolist()
    [1.0, 1.0, 1.0]
    """
    n_repeats = check_integer(n_repeats, "n_repeats", min_val=1)
    max_samples = check_integer(max_samples, "max_samples", min_val=20)
    random_state = private_random_state(random_state)
    samples = _safe_indexing(X, _drawn(X, max_samples, random_state))
    labels = np.asarray(clusterer.predict(samples))
    if isinstance(clusterer, Pipeline):
        Z = clusterer[:-1].transform(samples) if len(clusterer) > 1 else samples
    elif hasattr(clusterer, "compute_features"):
        Z = clusterer.compute_features(samples)
    else:
        Z = samples
    found, labels = np.unique(labels, return_inverse=True)
    last = (
        getattr(clusterer, "n_clusters", 0)
        if not isinstance(clusterer, Pipeline)
        else 0
    )
    result = np.zeros(max(int(found.max()) + 1, last))
    if len(found) == 1:
        result[found] = 1.0
        return result
    Z = check_array(Z)
    n = len(found)
    ways = similarities(Z, [n], n_repeats, random_state, {n: [labels, labels]})[n]
    result[found] = max((one.mean(axis=0) for one in ways), key=np.mean)
    return result


def _best_number(
    Z: np.ndarray, numbers: Sequence[int], n_repeats: int, random_state
) -> NumberOfClusters:
    """`choose_n_clusters` of features."""
    found = similarities(Z, numbers, n_repeats, random_state)
    scores, errors, weakest = (np.empty(len(numbers)) for _ in range(3))
    for i, number in enumerate(numbers):
        # Clusters of about one size or of any: whichever are found again.
        of_repeats = max((one.mean(axis=1) for one in found[number]), key=np.mean)
        scores[i] = of_repeats.mean()
        errors[i] = of_repeats.std() / math.sqrt(n_repeats)
        weakest[i] = max(one.mean(axis=0).min() for one in found[number])
    all_found = np.flatnonzero(weakest >= _FOUND_AGAIN)
    if len(all_found):
        i = all_found[-1]
        reason = (
            f"Each of {numbers[i]} clusters is found again (the weakest to "
            f"{weakest[i]:.2f}), of more not each."
        )
    else:
        i = int(scores.argmax())
        reason = (
            f"Of no number each cluster is found again; {numbers[i]} are best on "
            f"average ({scores[i]:.2f}, the weakest to {weakest[i]:.2f})."
        )
    if not len(all_found) and scores[i] < _CHANCE:
        chosen = 1
        reason = (
            f"Clusters are found again by chance alone ({scores[i]:.2f} at best): "
            "there may be none, or features do not tell them apart."
        )
    else:
        chosen = numbers[i]
        if chosen == max(numbers) and len(numbers) > 1:
            reason += " It is the largest number tried; there may be more."
    return NumberOfClusters(
        int(chosen), reason, np.array(numbers), scores, errors, weakest
    )


def _drawn(X, max_samples: int, random_state) -> np.ndarray:
    n_samples = _num_samples(X)
    if n_samples < 20:
        raise ValueError(f"X must have at least 20 samples, got {n_samples}.")
    return np.sort(random_state.permutation(n_samples)[:max_samples])


def _checked_candidates(candidates, n_samples: int) -> list[int]:
    if candidates is None:
        return list(range(2, min(_LARGEST_DEFAULT, n_samples // 10) + 1))
    numbers = sorted({check_integer(n, "candidates", min_val=2) for n in candidates})
    if not numbers or numbers[-1] > n_samples // 4:
        raise ValueError(
            "candidates must be numbers from 2 to a quarter of the samples, "
            f"{n_samples // 4}, got {numbers}."
        )
    return numbers


def _features(clusterer, X, mask: dict) -> np.ndarray:
    if hasattr(clusterer, "_fit_features"):
        return clusterer._fit_features(X, **mask)
    if mask:
        raise TypeError(f"mask needs a ready-made clusterer, got {clusterer!r}.")
    if isinstance(clusterer, Pipeline) and len(clusterer) > 1:
        X = clusterer[:-1].fit_transform(X)
    return check_array(X)
