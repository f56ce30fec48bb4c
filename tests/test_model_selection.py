"""Stability of clusterings."""

import numpy as np
import pytest
from sklearn.cluster import DBSCAN, KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmixmate import MixMateClustering
from skmixmate.model_selection import cluster_stability


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(600, centers=[[0, 0], [9, 0], [0, 9], [9, 9]], random_state=0)[0]


@pytest.mark.parametrize("make", [KMeans, MixMateClustering])
def test_the_true_number_is_the_most_stable(blobs, make):
    scores = [
        cluster_stability(make(k), blobs, n_repeats=3, random_state=0).mean()
        for k in (2, 3, 4, 5, 6)
    ]
    assert np.argmax(scores) == 2
    assert scores[2] > 0.99


def test_scores_are_those_of_two_fits_on_two_thirds(blobs):
    random_state = np.random.RandomState(3)
    first, second, third = np.array_split(random_state.permutation(600), 3)
    labels = [
        KMeans(3, random_state=random_state.randint(np.iinfo(np.int32).max))
        .fit(blobs[part])
        .predict(blobs[third])
        for part in (first, second)
    ]
    score = cluster_stability(KMeans(3), blobs, n_repeats=1, random_state=3)
    assert score == [adjusted_rand_score(*labels)]


def test_noise_is_not_stable():
    X = np.random.RandomState(0).standard_normal((600, 10))
    assert cluster_stability(KMeans(8), X, random_state=0).max() < 0.5


@pytest.mark.parametrize("make", [KMeans, MixMateClustering])
def test_a_single_cluster_agrees_by_chance_alone(blobs, make):
    assert cluster_stability(make(1), blobs, random_state=0).tolist() == [0.0, 0.0]


def test_integers_of_numpy(blobs):
    scores = cluster_stability(KMeans(4), blobs, n_repeats=np.int64(3), random_state=0)
    assert scores.shape == (3,)


def test_pipelines_and_data_frames(blobs):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(blobs, columns=["height", "width"])
    pipeline = make_pipeline(StandardScaler(), KMeans(4))
    scores = cluster_stability(pipeline, frame, random_state=0)
    assert scores.shape == (2,)
    np.testing.assert_array_equal(
        scores, cluster_stability(pipeline, blobs, random_state=0)
    )


def test_the_clusterer_and_the_global_generator_stay_as_they_were(blobs):
    before = np.random.get_state()[1].copy()  # noqa: NPY002 (what is tested)
    k_means = KMeans(4)
    cluster_stability(k_means, blobs)
    assert not hasattr(k_means, "labels_")
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_what_cannot_be_measured_is_refused(blobs):
    with pytest.raises(TypeError, match="clusterer must have fit and predict, got DB"):
        cluster_stability(DBSCAN(), blobs)
    with pytest.raises(ValueError, match="X must have at least 9 samples, got 8"):
        cluster_stability(KMeans(2), blobs[:8])
    with pytest.raises(ValueError, match="n_repeats == 0, must be >= 1"):
        cluster_stability(KMeans(2), blobs, n_repeats=0)
    with pytest.raises(TypeError, match="n_repeats must be an integer"):
        cluster_stability(KMeans(2), blobs, n_repeats=2.0)
