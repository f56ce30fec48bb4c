"""What does not belong: scores by hand, and samples that are known to be odd."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import median_abs_deviation
from sklearn.datasets import make_blobs
from sklearn.metrics import roc_auc_score

from skmixmate import EmbeddingClustering
from skmixmate.ready.oddness import Oddness


@pytest.fixture(scope="module")
def blobs():
    X, _ = make_blobs(450, 12, centers=3, random_state=0)
    X = X.astype(np.float32)
    return EmbeddingClustering(3, random_state=0).fit(X), X


def test_scores_are_robust_standard_deviations_by_cluster():
    rng = np.random.RandomState(0)
    energies, norms = rng.gamma(5.0, size=(300, 3)), rng.gamma(9.0, size=300)
    clusters, lowest = energies.argmin(axis=1), energies.min(axis=1)
    expected = np.full(300, -np.inf)
    for values, sign in ((lowest, 1), (np.log(norms), 1), (np.log(norms), -1)):
        for cluster in range(3):
            rows = clusters == cluster
            width = median_abs_deviation(values[rows], scale="normal")
            z = sign * (values[rows] - np.median(values[rows])) / width
            expected[rows] = np.maximum(expected[rows], z)
    oddness = Oddness.from_samples(energies, norms)
    assert_allclose(oddness.scores(energies, norms), expected, rtol=1e-4)


def test_clusters_without_width_or_samples_divide_by_something():
    energies = np.tile([[1.0, 2.0, 9.0]], (50, 1))
    energies[40:] = [2.0, 1.0, 9.0]
    oddness = Oddness.from_samples(energies, np.ones(50))
    assert_array_equal(oddness.scores(energies, np.ones(50)), np.zeros(50))
    odd = oddness.scores(np.array([[9.0, 9.0, 3.0], [1.0, 2.0, 9.0]]), np.array([1, 0]))
    assert (odd > 100.0).all()
    assert np.isfinite(odd).all()


def test_what_is_odd_has_high_scores(blobs):
    clusterer, X = blobs
    assert_allclose(clusterer.outlier_scores(X), clusterer.outlier_scores_, atol=1e-3)
    assert clusterer.outlier_scores_.shape == (450,)
    assert np.median(clusterer.outlier_scores_) < 1.5
    threshold = np.quantile(clusterer.outlier_scores_, 0.99)
    rng = np.random.RandomState(1)
    between = X[rng.permutation(450)[:50]] * rng.choice([-1, 1], size=(50, 12))
    for odd in (between, 3.0 * X[:50], 0.1 * X[:50], np.zeros((1, 12), np.float32)):
        assert np.median(clusterer.outlier_scores(odd)) > threshold
    # Labels go on as they were.
    assert set(clusterer.predict(between)) <= {0, 1, 2}


def test_outliers_among_the_training_samples_are_found(blobs):
    _, X = blobs
    rng = np.random.RandomState(1)
    y = np.arange(460) >= 450
    odd = rng.normal(scale=X.std(), size=(10, 12)).astype(np.float32)
    X = np.concatenate([X, odd])
    clusterer = EmbeddingClustering(3, random_state=0).fit(X)
    assert roc_auc_score(y, clusterer.outlier_scores_) > 0.99


def test_after_an_interrupt_nothing_is_known_to_be_usual(blobs, monkeypatch):
    _, X = blobs
    clusterer = EmbeddingClustering(3, random_state=0).fit(X)

    def interrupt(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("skmixmate.mixmate.voting.Voters.vote", interrupt)
        with pytest.warns(RuntimeWarning, match="interrupted"):
            clusterer.fit(X)
    assert clusterer.predict(X).shape == (450,)
    assert not hasattr(clusterer, "outlier_scores_")
    with pytest.raises(ValueError, match="interrupted before it was known"):
        clusterer.outlier_scores(X)


def test_what_is_filled_in_is_usual(blobs):
    _, X = blobs
    clusterer = EmbeddingClustering(3, always_impute=True, random_state=0).fit(X[:400])
    threshold = np.quantile(clusterer.outlier_scores(X[400:]), 0.9)
    rng = np.random.RandomState(0)
    for share in (0.5, 0.8):
        hidden = np.where(rng.uniform(size=X.shape) < share, np.nan, X)
        hidden[:, 0] = X[:, 0]
        scores = clusterer.outlier_scores(hidden)
        assert (scores > threshold).mean() < 0.1


def test_the_less_is_observed_the_less_sure_are_labels(blobs):
    _, X = blobs
    clusterer = EmbeddingClustering(3, always_impute=True, random_state=0).fit(X)
    rng = np.random.RandomState(0)
    sure = []
    for share in (0.0, 0.3, 0.6, 0.9):
        hidden = np.where(rng.uniform(size=X.shape) < share, np.nan, X)
        hidden[:, 0] = X[:, 0]
        sure.append(clusterer.predict_proba(hidden).max(axis=1).mean())
    assert (np.diff(sure) < 0.0).all()
    nothing = np.concatenate([np.full((1, 12), np.nan), X[:1]])
    with pytest.warns(UserWarning, match="no observed entry"):
        assert clusterer.predict_proba(nothing)[0].max() < 0.5
