"""The real data sets, from the folder that SKMIXMATE_DATA names: ``pytest -m slow``."""

import os

import numpy as np
import pytest

from skmixmate import MixMateClustering
from skmixmate.datasets import fetch_fashion_mnist, fetch_mnist, fetch_usps
from skmixmate.initializers import spectral_labels
from skmixmate.metrics import clustering_accuracy

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "SKMIXMATE_DATA" not in os.environ, reason="SKMIXMATE_DATA is not set"
    ),
]


@pytest.mark.parametrize(
    ("fetch", "n_train", "n_test", "n_features"),
    [
        (fetch_mnist, 60000, 10000, 784),
        (fetch_fashion_mnist, 60000, 10000, 784),
        (fetch_usps, 7291, 2007, 256),
    ],
)
def test_loaders(fetch, n_train, n_test, n_features):
    for subset, n_samples in (
        ("train", n_train),
        ("test", n_test),
        ("all", n_train + n_test),
    ):
        X, y = fetch(subset=subset, return_X_y=True)
        assert X.shape == (n_samples, n_features)
        assert X.dtype == np.float32
        assert 0.0 <= X.min() < X.max() <= 1.0
        np.testing.assert_array_equal(np.unique(y), np.arange(10))


# With as many eigenvectors as clusters, the accuracy is 0.65, 0.65 and 0.53; see
# benchmarks/results/spectral_start.json.
@pytest.mark.parametrize(
    ("fetch", "least"),
    [(fetch_mnist, 0.70), (fetch_usps, 0.70), (fetch_fashion_mnist, 0.55)],
)
def test_more_eigenvectors_than_clusters_help(fetch, least):
    X, y = fetch(return_X_y=True)
    chosen = np.random.RandomState(0).permutation(len(X))[:5000]
    labels = spectral_labels(X[chosen], 10, 0)
    assert clustering_accuracy(y[chosen], labels) > least


def test_usps_with_default_parameters():
    X, y = fetch_usps(return_X_y=True)
    mixmate = MixMateClustering(n_clusters=10, random_state=0).fit(X)
    assert clustering_accuracy(y, mixmate.labels_) > 0.75
    np.testing.assert_array_equal(mixmate.predict(X), mixmate.labels_)


def test_mnist_labels_carry_over_to_new_images_with_missing_pixels():
    X, y = fetch_mnist(subset="train", return_X_y=True)
    mixmate = MixMateClustering(n_clusters=10, random_state=0, max_iter=5)
    mixmate.fit(X[:10000])
    assert clustering_accuracy(y[:10000], mixmate.labels_) > 0.70

    new, classes = fetch_mnist(subset="test", return_X_y=True)
    labels = mixmate.predict(new)
    assert clustering_accuracy(classes, labels) > 0.70
    damaged = new.copy()
    damaged[np.random.RandomState(0).uniform(size=new.shape) < 0.25] = np.nan
    assert np.mean(mixmate.predict(damaged) == labels) > 0.9
