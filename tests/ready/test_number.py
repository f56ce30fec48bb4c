"""``n_clusters="auto"``."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_blobs

from skmixmate import EmbeddingClustering, ImageClustering, SignalClustering
from skmixmate.model_selection import choose_n_clusters


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(400, 12, centers=4, random_state=0)[0].astype(np.float32)


def test_the_number_is_chosen_in_features(blobs):
    clusterer = EmbeddingClustering("auto", random_state=0).fit(blobs)
    choice = clusterer.n_clusters_choice_
    assert clusterer.n_clusters_ == choice.n_clusters == 4
    assert clusterer.n_clusters == "auto"
    assert set(clusterer.labels_) == {0, 1, 2, 3}
    assert clusterer.predict_proba(blobs).shape == (400, 4)
    again = choose_n_clusters(clone(clusterer), blobs, random_state=0)
    assert again.n_clusters == 4
    number = EmbeddingClustering(4, random_state=0).fit(blobs)
    assert number.n_clusters_choice_ is None
    assert number.n_clusters_ == 4
    assert_array_equal(number.labels_, clusterer.labels_)


def test_with_missing_entries(blobs):
    hidden = np.random.RandomState(0).uniform(size=blobs.shape) < 0.1
    X = np.where(hidden, np.nan, blobs)
    assert EmbeddingClustering("auto", random_state=0).fit(X).n_clusters_ == 4


def test_noise_is_one_cluster_with_a_warning():
    X = np.random.RandomState(0).normal(size=(500, 20))
    with pytest.warns(UserWarning, match="n_clusters_=1. Clusters of no number lie"):
        clusterer = EmbeddingClustering("auto", random_state=0).fit(X)
    assert_array_equal(clusterer.labels_, np.zeros(500))
    assert_array_equal(clusterer.predict_proba(X), np.ones((500, 1)))


@pytest.mark.parametrize(
    "kind", [EmbeddingClustering, ImageClustering, SignalClustering]
)
@pytest.mark.parametrize("bad", ["many", 0, 2.5, None])
def test_bad_numbers(kind, bad, blobs):
    with pytest.raises((TypeError, ValueError), match="n_clusters"):
        kind(bad).fit(blobs)
