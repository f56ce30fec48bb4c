"""Stability of clusterings."""

import re

import numpy as np
import pytest
from sklearn.cluster import DBSCAN, KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.random_projection import GaussianRandomProjection

from skmixmate import EmbeddingClustering, ImageClustering, MixMateClustering
from skmixmate.model_selection import (
    choose_n_clusters,
    cluster_stability,
    clusters_found_again,
)
from skmixmate.model_selection.found_again import similarities


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


@pytest.mark.parametrize(
    ("sizes", "n_features"),
    [((200, 200, 200), 2), ((150,) * 5, 20), ((700, 200, 60, 40), 10)],
)
def test_blobs_are_counted_whatever_their_sizes(sizes, n_features):
    centers = np.random.RandomState(1).normal(scale=6.0, size=(len(sizes), n_features))
    X, _ = make_blobs(sizes, centers=centers, random_state=0)
    choice = choose_n_clusters(KMeans(), X, range(2, 9), random_state=0)
    assert choice.n_clusters == len(sizes)
    assert choice.weakest[len(sizes) - 2] > 0.95
    assert choice.reason.startswith(f"Each of {len(sizes)} clusters is found again")
    assert choice.candidates.tolist() == list(range(2, 9))
    assert choice.scores.shape == choice.errors.shape == choice.weakest.shape == (7,)
    assert ((choice.weakest <= choice.scores + 1e-12) & (choice.errors >= 0.0)).all()


def test_noise_is_one_cluster():
    X = np.random.RandomState(0).standard_normal((800, 20))
    choice = choose_n_clusters(KMeans(), X, range(2, 8), random_state=0)
    assert choice.n_clusters == 1
    assert "Clusters of no number lie apart" in choice.reason


def test_the_largest_number_tried_may_be_too_small(blobs):
    choice = choose_n_clusters(None, blobs, [2, 4], random_state=0)
    assert choice.n_clusters == 4
    assert choice.reason.endswith("there may be more.")


def test_numbers_of_the_same_seed_are_the_same_and_need_no_fit(blobs):
    clusterer = KMeans(99, random_state=0)
    choices = [
        choose_n_clusters(clusterer, blobs, range(2, 6), n_repeats=2, random_state=3)
        for _ in range(2)
    ]
    np.testing.assert_array_equal(choices[0].scores, choices[1].scores)
    assert not hasattr(clusterer, "labels_")


def test_steps_before_the_clusterer_are_heeded(blobs):
    # A feature of noise that is larger than the blobs, until it is scaled.
    noise = 300.0 * np.random.RandomState(0).normal(size=(600, 1))
    X = np.hstack([blobs, noise])
    plain = choose_n_clusters(KMeans(), X, range(2, 7), random_state=0)
    pipeline = make_pipeline(StandardScaler(), KMeans())
    scaled = choose_n_clusters(pipeline, X, range(2, 7), random_state=0)
    assert scaled.n_clusters == 4
    assert plain.scores[2] < scaled.scores[2] - 0.1


def test_ready_made_clusterers_bring_their_features():
    digits = load_digits()
    rows = np.isin(digits.target, [0, 1, 2, 3])
    images = digits.images[rows]
    clusterer = ImageClustering(random_state=0)
    choice = choose_n_clusters(clusterer, images, range(2, 7), random_state=0)
    assert choice.n_clusters == 4
    images = images[:200]
    observed = np.random.RandomState(0).uniform(size=images.shape) < 0.9
    masked = choose_n_clusters(
        clusterer, images, range(2, 7), mask=observed, n_repeats=2, random_state=0
    )
    assert masked.scores.shape == (5,)
    with pytest.raises(TypeError, match="mask needs a ready-made clusterer"):
        choose_n_clusters(KMeans(), images[:, 0], [2, 3], mask=observed[:, 0])


def test_similarities_are_jaccard_indices_of_matched_clusters(blobs):
    truth = np.argmin(
        [np.hypot(*(blobs - center).T) for center in ([0, 0], [9, 0], [0, 9], [9, 9])],
        axis=0,
    )
    joined = np.where(truth == 3, 2, truth)
    found = similarities(blobs, [truth, joined], 3, np.random.RandomState(0))
    np.testing.assert_allclose(found[0], 1.0)
    # Of two clusters in one, the larger is what either has in common with it.
    draws = np.random.RandomState(0)
    halves = [truth[draws.permutation(600)[:300]] for _ in range(3)]
    sizes = np.array([np.bincount(half)[2:] for half in halves])
    np.testing.assert_allclose(found[1][:, :2], 1.0)
    np.testing.assert_allclose(found[1][:, 2], sizes.max(axis=1) / sizes.sum(axis=1))
    np.testing.assert_array_equal(found[1][:, 3], 0.0)


def test_which_clusters_to_trust(blobs):
    clusterer = KMeans(5, n_init=5, random_state=0).fit(blobs)
    found = clusters_found_again(clusterer, blobs, random_state=0)
    sizes = np.bincount(clusterer.labels_)
    # One blob of 150 is cut in two.
    assert found[sizes < 150].max() < 0.8 < found[sizes == 150].min()
    # Those that no sample is in are not.
    some = blobs[clusterer.labels_ != 2]
    assert clusters_found_again(clusterer, some, random_state=0)[2] == 0.0
    one = clusters_found_again(KMeans(1).fit(blobs), blobs)
    np.testing.assert_array_equal(one, [1.0])


def test_which_clusters_of_features_to_trust(blobs):
    X = np.hstack([blobs, blobs[:, ::-1] + 1.0, np.full((600, 3), 20.0)])
    clusterer = EmbeddingClustering(4, random_state=0).fit(X)
    assert clusters_found_again(clusterer, X, random_state=0).min() > 0.9
    pipeline = make_pipeline(StandardScaler(), KMeans(4, n_init=5, random_state=0))
    assert clusters_found_again(pipeline.fit(X), X, random_state=0).min() > 0.9


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"candidates": []}, ValueError, "candidates must be numbers from 2"),
        ({"candidates": [2, 400]}, ValueError, "quarter of the samples, 150"),
        ({"candidates": [1]}, ValueError, "candidates"),
        ({"candidates": [2.5]}, TypeError, "candidates must be an integer"),
        ({"n_repeats": 0}, ValueError, "n_repeats"),
        ({"max_samples": 3}, ValueError, "max_samples"),
        ({"random_state": "a"}, ValueError, "random_state must be"),
    ],
)
def test_bad_options_of_the_number(options, error, message, blobs):
    with pytest.raises(error, match=message):
        choose_n_clusters(KMeans(), blobs, **options)
    with pytest.raises(ValueError, match="at least 20 samples, got 15"):
        choose_n_clusters(KMeans(), blobs[:15])


@pytest.mark.parametrize("scales", [[4.0, 1.0], [6.0, *[1.0] * 9], [1.0, 1.0, 1.0]])
@pytest.mark.parametrize("is_normal", [True, False])
def test_a_cloud_is_not_cut_across(scales, is_normal):
    rng = np.random.RandomState(0)
    draw = rng.normal if is_normal else rng.uniform
    X = draw(size=(800, len(scales))) * scales
    choice = choose_n_clusters(None, X, range(2, 6), n_repeats=3, random_state=0)
    assert choice.n_clusters == 1
    assert "Clusters of no number lie apart" in choice.reason
    assert choice.relative_cuts.min() > 0.5


def test_steps_that_draw_are_seeded(blobs):
    pipeline = make_pipeline(GaussianRandomProjection(1), KMeans())
    first, second = (
        choose_n_clusters(pipeline, blobs, [2, 3], n_repeats=2, random_state=0).scores
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_searches_and_ready_made_last_steps_are_taken_apart(blobs):
    noise = 300.0 * np.random.RandomState(0).normal(size=(600, 1))
    X = np.hstack([blobs, noise])
    pipeline = make_pipeline(StandardScaler(), KMeans(4, n_init=5, random_state=0))
    search = GridSearchCV(pipeline, {"kmeans__n_clusters": [4]}).fit(X)
    np.testing.assert_array_equal(
        clusters_found_again(search, X, random_state=0),
        clusters_found_again(pipeline.fit(X), X, random_state=0),
    )
    X = np.hstack([blobs, blobs[:, ::-1] + 1.0, np.full((600, 3), 20.0)])
    last = make_pipeline(FunctionTransformer(), EmbeddingClustering(30, random_state=0))
    choice = choose_n_clusters(last, X, [2, 4, 6], n_repeats=3, random_state=0)
    assert choice.n_clusters == 4
    auto = EmbeddingClustering("auto", random_state=0).fit(X)
    assert clusters_found_again(auto, X, random_state=0).shape == (auto.n_clusters_,)
    observed = np.random.RandomState(0).uniform(size=X.shape) < 0.95
    auto = EmbeddingClustering(4, always_impute=True, random_state=0).fit(X)
    found = clusters_found_again(auto, X, mask=observed, random_state=0)
    assert found.shape == (4,)


def test_clusterers_that_cannot_be_asked(blobs):
    with pytest.raises(TypeError, match="clusterer must have predict"):
        clusters_found_again(DBSCAN().fit(blobs), blobs)
    many = KMeans(200, n_init=1, random_state=0).fit(blobs)
    with pytest.raises(ValueError, match="at most a quarter"):
        clusters_found_again(many, blobs)
    with pytest.raises(TypeError, match="candidates must be integers or None, got 5"):
        choose_n_clusters(None, blobs, 5)


@pytest.mark.parametrize(
    ("means", "chosen", "reason"),
    [
        # Numbers from 2; none of the clusters of which are found again each.
        ([0.90, 0.80, 0.87, 0.70], 4, "4 are the largest that is about as good"),
        ([0.90, 0.80, 0.85, 0.70], 2, "2 are best on average"),
        ([0.62, 0.59, 0.40], 2, "2 are best on average"),
        # Next to a better one, above chance, and the last.
        ([0.80, 0.90, 0.88, 0.70], 3, "3 are best on average"),
        ([0.62, 0.50, 0.61, 0.59], 4, "4 are the largest that is about as good"),
        ([0.62, 0.50, 0.59], 2, "2 are best on average"),
        ([0.90, 0.80, 0.87], 4, "4 are the largest that is about as good"),
        ([0.59, 0.58, 0.30], 1, r"by chance alone \(0.59 at best\)"),
    ],
)
def test_where_none_is_found_again_the_largest_that_is_about_as_good(
    means, chosen, reason, monkeypatch
):
    found = {n: [np.full((3, n), mean)] * 2 for n, mean in enumerate(means, start=2)}
    cuts = np.full(len(means), 0.1)
    monkeypatch.setattr(
        "skmixmate.model_selection.n_clusters.similarities_and_cuts",
        lambda *arguments: (found, cuts),
    )
    choice = choose_n_clusters(None, np.zeros((60, 2)), found)
    assert choice.n_clusters == chosen
    assert re.search(reason, choice.reason)
