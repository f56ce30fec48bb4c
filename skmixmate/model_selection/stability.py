"""Whether clusters of some samples are found again by others."""

import warnings
from typing import Any

import numpy as np
from sklearn.metrics import adjusted_rand_score
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from ..utils.parallel import n_at_once, side_by_side
from ..utils.parameter_checks import check_integer, check_n_jobs
from ..utils.random import RandomState, private_random_state, seeded_clone
from ..utils.validation import ArrayLike

__all__ = ["cluster_stability"]


def cluster_stability(
    clusterer: Any,
    X: ArrayLike,
    *,
    n_repeats: int = 2,
    random_state: RandomState = None,
    n_jobs: int | None = None,
) -> np.ndarray:
    """Agreement of clusterers that were fitted to different samples.

    X is split into three parts at random. Two clones of the clusterer are fitted, each
    to one part, and label the third; the score is the adjusted Rand index of their
    labels. A number of clusters that the data have is found again in other samples;
    with too many, it is chance which cluster is split, and with too few which ones are
    merged. Scores of several values of ``n_clusters`` are to be compared, or plotted.

    Parameters
    ----------
    clusterer : clusterer
        With ``fit`` and ``predict``. Its ``random_state`` parameters, nested ones too,
        are set anew for each fit.
    X : array-like of shape (n_samples, n_features)
        At least nine samples.
    n_repeats : int, default=2
        Number of random splits.
    random_state : int, RandomState instance or None, default=None
        Seeds the splits and the fits.
    n_jobs : int, default=None
        Number of fits that go on at once, in processes of joblib; None is one, or what
        `joblib.parallel_config` says, and -1 as many as there are cores. Each has its
        share of PyTorch's threads.

    Returns
    -------
    ndarray of shape (n_repeats,)
        Scores, at most one; about zero where the labels have nothing in common, and
        zero where both fits label all in one cluster, which agree by chance alone.

    Raises
    ------
    TypeError, ValueError
        If ``n_repeats`` or ``n_jobs`` is out of range, the clusterer cannot predict, or
        X has too few samples.

    References
    ----------
    Lange, Roth, Braun and Buhmann, "Stability-based validation of clustering solutions"
    (Neural Computation 16, 2004), with two fits in place of a fit and a classifier.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import make_blobs
    >>> from skmixmate.model_selection import cluster_stability
    >>> X, _ = make_blobs(600, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    >>> scores = [
    ...     cluster_stability(KMeans(k), X, random_state=0).mean() for k in (2, 3, 4)
    ... ]
    >>> int(np.argmax(scores)) + 2
    3
    """
    n_jobs = check_n_jobs(n_jobs, "n_jobs")
    n_repeats = check_integer(n_repeats, "n_repeats", min_val=1)
    if not (hasattr(clusterer, "fit") and hasattr(clusterer, "predict")):
        raise TypeError(f"clusterer must have fit and predict, got {clusterer!r}.")
    random_state = private_random_state(random_state)
    n_samples = _num_samples(X)
    if n_samples < 9:
        raise ValueError(f"X must have at least 9 samples, got {n_samples}.")

    def arguments():
        for _ in range(n_repeats):
            *parts, held_out = np.array_split(random_state.permutation(n_samples), 3)
            for part in parts:
                seeded = seeded_clone(clusterer, random_state, only_unset=False)
                # Each would find the checkpoints of another.
                folders = [
                    name
                    for name in seeded.get_params()
                    if name.split("__")[-1] == "checkpoint_dir"
                ]
                seeded.set_params(**dict.fromkeys(folders))
                yield seeded, _safe_indexing(X, part), _safe_indexing(X, held_out)

    n_fits = 2 * n_repeats
    found = side_by_side(_labels, arguments(), n_at_once(n_jobs, n_fits))
    labels = [of_fit for _, of_fit in sorted(found, key=lambda one: one[0])]
    return np.array([_agreement(*labels[i : i + 2]) for i in range(0, n_fits, 2)])


def _labels(clusterer, X, others) -> np.ndarray:
    """Labels of other samples, by a clusterer that is fitted to X."""
    with warnings.catch_warnings():
        # This is what tells whether clusters are to be trusted.
        warnings.filterwarnings("ignore", "The first clusters are not to be")
        return clusterer.fit(X).predict(others)


def _agreement(first, second) -> float:
    # Chance agrees as well there, and scikit-learn calls it perfect.
    is_single = all(len(np.unique(labels)) == 1 for labels in (first, second))
    return 0.0 if is_single else adjusted_rand_score(first, second)
