"""How many clusters are found again in halves of the samples."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, check_array
from sklearn.utils.validation import _num_samples
from torch import Tensor

from ..utils.parameter_checks import check_integer, check_n_jobs
from ..utils.progress import reporting
from ..utils.random import RandomState, private_random_state, seeded_clone
from ..utils.validation import ArrayLike
from .found_again import similarities, similarities_and_cuts

__all__ = [
    "NumberOfClusters",
    "choose_n_clusters",
    "clusters_found_again",
]

# A cluster with this similarity to its counterparts is found again.
_FOUND_AGAIN = 0.92
# With less than this, on average, clusters are none, nor are those that cut the graph
# by more than this share of what a cloud without clusters has to.
_CHANCE, _LARGEST_CUT = 0.6, 0.5
# Few clusters are found again more easily than many: of numbers that are better than
# one fewer and one more, and not worse than the best by more than this, on average, the
# largest is taken.
_LEVEL = 0.04
_FEWEST_SAMPLES = 20
_LARGEST_DEFAULT = 16


class NumberOfClusters(NamedTuple):
    """What `choose_n_clusters` found.

    Attributes
    ----------
    n_clusters : int
        The number chosen; 1 if no clusters lie apart and are found again.
    reason : str
        Why.
    candidates : ndarray of shape (n_candidates,), int
        The numbers tried.
    scores : ndarray of shape (n_candidates,)
        Mean similarity of clusters and of what they are in halves of the samples.
    errors : ndarray of shape (n_candidates,)
        Standard deviations of the scores over the repeats, by their root.
    weakest : ndarray of shape (n_candidates,)
        The score of the cluster that is found again worst.
    relative_cuts : ndarray of shape (n_candidates,)
        Share of the edges of the neighbour graph that leave clusters, divided by that
        in a Gaussian cloud with the same covariance: small where clusters lie apart.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import make_blobs
    >>> from skmixmate.model_selection import choose_n_clusters
    >>> X, _ = make_blobs(600, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    >>> choice = choose_n_clusters(KMeans(), X, range(3, 6), random_state=0)
    >>> choice.candidates[choice.weakest > 0.92]
    array([3])
    >>> choice.n_clusters
    3
    """

    n_clusters: int
    reason: str
    candidates: np.ndarray
    scores: np.ndarray
    errors: np.ndarray
    weakest: np.ndarray
    relative_cuts: np.ndarray


def choose_n_clusters(
    clusterer: Any,
    X: ArrayLike,
    candidates: Iterable[int] | None = None,
    *,
    mask: ArrayLike | None = None,
    n_repeats: int = 8,
    max_samples: int = 5000,
    random_state: RandomState = None,
    n_jobs: int | None = None,
) -> NumberOfClusters:
    """Choose the largest number of clusters of which each is found again.

    The graph of nearest neighbours of the samples is partitioned into each number of
    clusters, and so are the graphs of random halves. The number is the largest of
    which every cluster has nearly the same members in the halves (mean Jaccard
    similarity above 0.92). If there is none, it is the largest of which the mean over
    clusters is higher than of the next numbers, and within 0.04 of the highest, unless
    all are found again no better than by chance. Numbers whose
    clusters do not lie apart do not count: a cloud that is longer than wide is cut
    across in all halves alike, but has twice as many edges there.

    Nothing is fitted but features: the clusterer tells which. What is found are
    numbers of clusters that lie apart in these features, whatever their size.

    Parameters
    ----------
    clusterer : ready-made clusterer, Pipeline that ends in a clusterer, or clusterer
        Not changed. The features of a ready-made clusterer, or the steps of a Pipeline
        before the last, are fitted to the samples; for another one, and None, samples
        are taken as they are. Its ``verbose``, if it has one, tells how far this is.
    X : array-like of shape (n_samples, n_features)
        What the clusterer takes, images as arrays too. Missing entries are for
        ready-made clusterers alone.
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
    n_jobs : int, default=None
        Number of graphs that are partitioned at once, as in `cluster_stability`. It
        pays for thousands of samples, see Notes.

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

    Notes
    -----
    Two processes take four seconds to begin, where none have begun before. Numbers from
    2 to 16 of 5,000 images of USPS take one process 32 s, two 20, and 18 if they have
    begun; of 1,797 digits 16, 10 and 8 s (``benchmarks.scale.jobs``). The bits are the
    same, with one thread throughout.

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
    n_jobs = check_n_jobs(n_jobs, "n_jobs")
    n_repeats = check_integer(n_repeats, "n_repeats", min_val=1)
    max_samples = check_integer(max_samples, "max_samples", min_val=_FEWEST_SAMPLES)
    random_state = private_random_state(random_state)
    rows = _drawn(X, max_samples, random_state)
    numbers = _checked_candidates(candidates, len(rows))
    of_rows = {} if mask is None else {"mask": _safe_indexing(np.asarray(mask), rows)}
    if clusterer is not None:
        clusterer = seeded_clone(clusterer, random_state)
    with reporting("choose_n_clusters", getattr(clusterer, "verbose", 0)):
        Z = _features(clusterer, _safe_indexing(X, rows), of_rows)
        return _best_number(Z, numbers, n_repeats, random_state, n_jobs)


def clusters_found_again(
    clusterer: Any,
    X: ArrayLike,
    *,
    mask: ArrayLike | None = None,
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
        Fitted, with ``predict``; or a fitted search over such.
    X : array-like of shape (n_samples, n_features)
        What the clusterer takes; the training samples or others.
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
    ndarray of shape (n_clusters,)
        Mean Jaccard similarity of each cluster and its counterparts, by label, from 0
        to 1. Above 0.9 a cluster is there; below 0.6 it is drawn by chance. Zero for a
        cluster that none of the samples is in, and one for a single cluster, which is
        compared with nothing.

    Raises
    ------
    NotFittedError
        If ``clusterer`` is not fitted.
    TypeError, ValueError
        If a parameter is out of range, X is not what the clusterer takes, or there are
        more clusters than a quarter of the samples, or negative labels.

    Notes
    -----
    Time grows with the cube of the number of clusters.

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
    max_samples = check_integer(max_samples, "max_samples", min_val=_FEWEST_SAMPLES)
    random_state = private_random_state(random_state)
    if not hasattr(clusterer, "predict"):
        raise TypeError(f"clusterer must have predict, got {clusterer!r}.")
    rows = _drawn(X, max_samples, random_state)
    samples = _safe_indexing(X, rows)
    of_rows = {} if mask is None else {"mask": _safe_indexing(np.asarray(mask), rows)}
    labels = _array(clusterer.predict(samples, **of_rows))
    last, Z = _taken_apart(clusterer, samples, of_rows)
    found, labels = np.unique(labels, return_inverse=True)
    n = len(found)
    if found[0] < 0 or n > len(rows) // 4:
        raise ValueError(
            "clusterer must give labels from 0 to at most a quarter of the number of "
            f"samples, {len(rows) // 4}, got {found[0]} to {found[-1]}, {n} of them."
        )
    n_clusters = getattr(last, "n_clusters_", getattr(last, "n_clusters", 0))
    result = np.zeros(max(int(found[-1]) + 1, n_clusters))
    if n == 1:
        result[found] = 1.0
        return result
    with reporting("clusters_found_again", getattr(clusterer, "verbose", 0)):
        ways = similarities(check_array(Z), [labels] * 2, n_repeats, random_state)
    result[found] = max((one.mean(axis=0) for one in ways), key=np.mean)
    return result


def _best_number(
    Z: np.ndarray, numbers: Sequence[int], n_repeats: int, random_state, n_jobs
) -> NumberOfClusters:
    """`choose_n_clusters` of features."""
    found, cuts = similarities_and_cuts(Z, numbers, n_repeats, random_state, n_jobs)
    scores, errors, weakest = (np.empty(len(numbers)) for _ in range(3))
    for i, number in enumerate(numbers):
        # Clusters of about one size or of any: whichever are found again.
        of_repeats = max((one.mean(axis=1) for one in found[number]), key=np.mean)
        scores[i] = of_repeats.mean()
        errors[i] = (
            of_repeats.std(ddof=1) / math.sqrt(n_repeats) if n_repeats > 1 else 0
        )
        weakest[i] = max(one.mean(axis=0).min() for one in found[number])
    lies_apart = cuts < _LARGEST_CUT
    all_found = np.flatnonzero(lies_apart & (weakest >= _FOUND_AGAIN))
    if len(all_found):
        i = int(all_found[-1])
        reason = (
            f"Each of {numbers[i]} clusters is found again (the weakest to "
            f"{weakest[i]:.2f}), of more not each."
        )
    else:
        i, reason = _about_as_good(numbers, scores, weakest, lies_apart)
    chosen = numbers[i]
    if not lies_apart.any():
        chosen = 1
        reason = (
            "Clusters of no number lie apart: at best they cut the neighbour graph "
            f"{cuts.min():.2f} times as much as those of a cloud without clusters. "
            "There may be none, or features do not tell them apart."
        )
    elif not len(all_found) and scores[lies_apart].max() < _CHANCE:
        chosen = 1
        reason = (
            "Clusters are found again by chance alone "
            f"({scores[lies_apart].max():.2f} at best): "
            "there may be none, or features do not tell them apart."
        )
    elif chosen == max(numbers) and len(numbers) > 1:
        reason += " It is the largest number tried; there may be more."
    return NumberOfClusters(
        int(chosen), reason, np.array(numbers), scores, errors, weakest, cuts
    )


def _about_as_good(numbers, scores, weakest, lies_apart) -> tuple[int, str]:
    """Which number is taken where of none each cluster is found again, and why."""
    scores = np.where(lies_apart, scores, -1.0)
    best = int(scores.argmax())
    least = scores[best] - _LEVEL
    if scores[best] >= _CHANCE:
        least = max(least, _CHANCE)
    around = np.pad(scores, 1, constant_values=-np.inf)
    is_peak = (scores >= around[:-2]) & (scores >= around[2:])
    i = int(np.flatnonzero(is_peak & (scores >= least))[-1])
    found = f"({scores[i]:.2f}, the weakest to {weakest[i]:.2f})"
    reason = "Of no number each cluster is found again; "
    if i == best:
        return i, f"{reason}{numbers[i]} are best on average {found}."
    return i, (
        f"{reason}{numbers[i]} are the largest that is about as good on average "
        f"{found} as the best, {numbers[best]} ({scores[best]:.2f})."
    )


def _drawn(X, max_samples: int, random_state) -> np.ndarray:
    n_samples = _num_samples(X)
    if n_samples < _FEWEST_SAMPLES:
        raise ValueError(
            f"X must have at least {_FEWEST_SAMPLES} samples, got {n_samples}."
        )
    return np.sort(random_state.permutation(n_samples)[:max_samples])


def _checked_candidates(candidates, n_samples: int) -> list[int]:
    if candidates is None:
        return list(range(2, min(_LARGEST_DEFAULT, n_samples // 10) + 1))
    if not np.iterable(candidates) or isinstance(candidates, str):
        raise TypeError(f"candidates must be integers or None, got {candidates!r}.")
    numbers = sorted({check_integer(n, "candidates", min_val=2) for n in candidates})
    if not numbers or numbers[-1] > n_samples // 4:
        raise ValueError(
            "candidates must be numbers from 2 to a quarter of the samples, "
            f"{n_samples // 4}, got {numbers}."
        )
    return numbers


def _features(clusterer, X, mask: dict) -> np.ndarray:
    """Features of samples, fitted to them."""
    while isinstance(clusterer, Pipeline):
        if len(clusterer) > 1:
            X = clusterer[:-1].fit_transform(X)
        clusterer = clusterer[-1]
    if hasattr(clusterer, "_fit_features"):
        return clusterer.set_params(n_clusters="auto")._fit_features(X, **mask)
    if mask:
        raise TypeError(f"mask needs a ready-made clusterer, got {clusterer!r}.")
    # Half precision is for keeping.
    return check_array(_array(X), dtype=(np.float64, np.float32))


def _taken_apart(clusterer, X, mask: dict):
    """The last step of a fitted clusterer, and the features of samples."""
    while hasattr(clusterer, "best_estimator_") or isinstance(clusterer, Pipeline):
        if hasattr(clusterer, "best_estimator_"):
            clusterer = clusterer.best_estimator_
        else:
            X = clusterer[:-1].transform(X) if len(clusterer) > 1 else X
            clusterer = clusterer[-1]
    if hasattr(clusterer, "compute_features"):
        X = clusterer.compute_features(X, **mask)
    return clusterer, _array(X)


def _array(X):
    """A tensor as an array, wherever it is; anything else as it is."""
    return X.detach().cpu().numpy() if isinstance(X, Tensor) else X
