"""scikit-learn's k-means, without the threads that slow it down."""

from functools import cache

import numpy as np
from sklearn.cluster import KMeans
from threadpoolctl import ThreadpoolController

from .random import RandomState

__all__ = ["fitted_k_means"]


def fitted_k_means(
    X: np.ndarray, n_clusters: int, random_state: RandomState, **options
) -> KMeans:
    """Return a fitted `sklearn.cluster.KMeans`, the same whatever the threads.

    scikit-learn and PyTorch bring an OpenMP runtime each, and threads of one that wait
    spin while those of the other work. Of a few thousand samples, as starts are found
    from, k-means then takes several times as long by two threads as by one.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    n_clusters : int
    random_state : int, RandomState instance or None
    **options
        Other parameters of `sklearn.cluster.KMeans`.

    Returns
    -------
    KMeans

    Warns
    -----
    ConvergenceWarning
        If X has fewer distinct samples than clusters.
    """
    k_means = KMeans(n_clusters, random_state=random_state, **options)
    with _controller().limit(limits=1, user_api="openmp"):
        return k_means.fit(X)


@cache
def _controller() -> ThreadpoolController:
    """Of the libraries that are loaded by now, scikit-learn's among them."""
    return ThreadpoolController()
