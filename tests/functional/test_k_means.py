"""k-means from several starts at once, held to scikit-learn's."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score

from skmixmate.functional.k_means import k_means, n_draws


def clusters(X, n_clusters, n_init=10, seed=0, dtype=torch.float64):
    draws = np.random.RandomState(seed).uniform(size=(n_init, n_draws(n_clusters)))
    X = torch.from_numpy(np.asarray(X)).to(dtype)
    return k_means(X, n_clusters, torch.from_numpy(draws)).numpy()


def inertia(X, labels):
    return sum(
        np.square(X[labels == k] - X[labels == k].mean(axis=0)).sum()
        for k in np.unique(labels)
    )


@pytest.mark.parametrize("n_clusters", [1, 2, 6])
def test_blobs_are_clustered_as_by_scikit_learn(n_clusters):
    X, _ = make_blobs(300, centers=6, cluster_std=0.5, random_state=3)
    labels = clusters(X, n_clusters)
    reference = KMeans(n_clusters, n_init=10, random_state=0).fit(X)
    assert inertia(X, labels) <= 1.0001 * reference.inertia_
    if n_clusters == 6:
        assert adjusted_rand_score(reference.labels_, labels) == 1.0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_worse_than_scikit_learn_where_starts_differ(dtype):
    X, _ = load_digits(return_X_y=True)
    X = X[:700]
    ours = [inertia(X, clusters(X, 15, seed=seed, dtype=dtype)) for seed in range(3)]
    theirs = [
        KMeans(15, n_init=10, random_state=seed).fit(X).inertia_ for seed in range(3)
    ]
    assert min(ours) <= 1.005 * min(theirs)
    assert max(ours) <= 1.02 * max(theirs)


def test_more_starts_are_no_worse():
    X, _ = load_digits(return_X_y=True)
    found = [inertia(X, clusters(X, 20, n_init)) for n_init in (1, 4, 16)]
    # The first starts of each are the same.
    assert found[0] >= found[1] - 1e-6 >= found[2] - 2e-6


def test_an_offset_changes_nothing():
    X, _ = make_blobs(200, centers=4, random_state=0)
    X = np.round(8.0 * X)
    assert_array_equal(clusters(X, 4), clusters(X + 2.0**20, 4))


def test_fewer_different_points_than_clusters():
    X = np.repeat([[0.0, 0.0], [0.0, 3.0], [9.0, 1.0]], 5, axis=0)
    labels = clusters(X, 5)
    assert len(set(labels)) == 3
    assert_allclose(inertia(X, labels), 0.0)


def test_an_empty_cluster_takes_the_farthest_point():
    # The first two centres are the same point, of which only one keeps any points.
    X = torch.tensor([[0.0], [0.0], [0.1], [0.2], [7.0]], dtype=torch.float64)
    labels = k_means(X, 3, torch.zeros((1, n_draws(3)), dtype=torch.float64))
    assert len(set(labels.tolist())) == 3
    assert (labels == labels[4]).sum() == 1
