"""k-means is scikit-learn's, by one thread of its OpenMP."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_info, threadpool_limits

from skmixmate.utils import k_means
from skmixmate.utils.k_means import fitted_k_means


def openmp_threads():
    return [
        library["num_threads"]
        for library in threadpool_info()
        if library["user_api"] == "openmp"
    ]


def test_labels_are_those_of_scikit_learn():
    X, _ = make_blobs(200, centers=4, random_state=0)
    found = fitted_k_means(X, 4, 0, n_init=3)
    expected = KMeans(4, n_init=3, random_state=0).fit(X)
    np.testing.assert_array_equal(found.labels_, expected.labels_)
    assert found.inertia_ == pytest.approx(expected.inertia_)


def test_one_thread_works_and_others_are_as_they_were(monkeypatch):
    X, _ = make_blobs(200, centers=4, random_state=0)
    within = []
    fit = KMeans.fit

    def watched(self, *arguments):
        within.extend(openmp_threads())
        return fit(self, *arguments)

    monkeypatch.setattr(KMeans, "fit", watched)
    # Other tests may have loaded libraries with threads of their own since.
    k_means._controller.cache_clear()
    with threadpool_limits(limits=2, user_api="openmp"):
        fitted_k_means(X, 4, 0, n_init=1)
        assert set(openmp_threads()) <= {2}
    assert within
    assert set(within) == {1}


def test_fewer_samples_than_clusters_are_told():
    with pytest.warns(ConvergenceWarning, match="distinct"):
        fitted_k_means(np.ones((9, 2)), 3, 0, n_init=1)
