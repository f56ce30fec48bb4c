"""The clusterer for signals: what it takes, and what does not count."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skmixmate import SignalClustering
from skmixmate.metrics import clustering_accuracy


@pytest.fixture(scope="module")
def waves():
    """Sines of three frequencies at random phases, with noise, and their kinds."""
    rng = np.random.RandomState(0)
    y = np.repeat([0, 1, 2], 60)
    phases = rng.uniform(2 * np.pi, size=(180, 1))
    X = np.sin(
        2 * np.pi * np.array([0.05, 0.1, 0.2])[y, None] * np.arange(128) + phases
    )
    return X + 0.3 * rng.standard_normal(X.shape), y


@pytest.fixture(scope="module")
def fitted(waves):
    return SignalClustering(3, random_state=0).fit(waves[0])


def test_frequencies_are_told_apart_whatever_the_phase(waves, fitted):
    _, y = waves
    assert clustering_accuracy(y, fitted.labels_) > 0.98


def test_level_and_amplitude_do_not_count(waves, fitted):
    X, _ = waves
    rng = np.random.RandomState(1)
    changed = X * rng.uniform(0.1, 10.0, size=(180, 1)) + rng.uniform(size=(180, 1))
    assert_allclose(
        fitted.compute_features(changed), fitted.compute_features(X), atol=1e-6
    )


def test_dead_sensors(waves):
    X, y = waves
    X = X.copy()
    for row, start in zip(
        X, np.random.RandomState(0).randint(115, size=180), strict=True
    ):
        row[start : start + 13] = np.nan
    labels = SignalClustering(3, random_state=0).fit_predict(X)
    assert clustering_accuracy(y, labels) > 0.95


def test_channels_are_kept_apart(waves):
    X, y = waves
    X = X[y == 0]
    rng = np.random.RandomState(0)
    noise = 0.3 * rng.standard_normal(X.shape)
    # Which of two channels has the wave is all that differs.
    channel = rng.randint(2, size=60)
    first, second = (np.where(channel[:, None] == c, X, noise) for c in (0, 1))
    signals = np.stack([first, second], axis=2)
    clusterer = SignalClustering(2, random_state=0).fit(signals)
    assert clustering_accuracy(channel, clusterer.labels_) > 0.95
    flat = SignalClustering(2, n_channels=2, random_state=0)
    assert_array_equal(flat.fit_predict(signals.reshape(60, -1)), clusterer.labels_)
    assert_array_equal(clusterer.predict(signals), clusterer.labels_)
    with pytest.raises(ValueError, match="as in fit"):
        clusterer.predict(signals[:, :100])
    mask = np.ones(signals.shape, dtype=bool)
    assert_array_equal(clusterer.predict(signals, mask=mask), clusterer.labels_)


def test_a_mask_may_be_one_for_all_channels(waves):
    X, _ = waves
    signals = np.stack([X, np.roll(X, 7, axis=1)], axis=2)
    observed = np.random.RandomState(0).uniform(size=X.shape) > 0.1
    of_each = np.repeat(observed[..., None], 2, axis=2)
    clusterer = SignalClustering(2, random_state=0).fit(signals, mask=observed)
    expected = SignalClustering(2, random_state=0).fit(signals, mask=of_each)
    assert_array_equal(clusterer.labels_, expected.labels_)
    hidden = np.ma.array(np.ones(X.shape, dtype=bool), mask=~observed)
    for one in (observed, torch.from_numpy(observed), hidden):
        found = clusterer.predict_proba(signals, mask=one)
        assert_array_equal(found, clusterer.predict_proba(signals, mask=of_each))
    with pytest.raises(ValueError, match="mask must have the shape of X"):
        clusterer.predict(signals, mask=observed[:, :50])


def test_channels_may_have_units_of_their_own(waves):
    X, y = waves
    noise = 1e4 * np.random.RandomState(0).standard_normal(X.shape)
    signals = np.stack([noise, X], axis=2)
    labels = SignalClustering(3, random_state=0).fit_predict(signals)
    assert clustering_accuracy(y, labels) > 0.95


def test_rows_are_signals_of_one_channel(waves, fitted):
    X, _ = waves
    assert fitted.sample_shape_ == (128, 1)
    with pytest.raises(ValueError, match="as in fit"):
        fitted.predict(X.reshape(180, 64, 2))


def test_lists_of_signals(waves, fitted):
    X, _ = waves
    some = list(X[..., None])
    assert_array_equal(fitted.predict(some), fitted.labels_)


def test_constant_signals_are_no_harm(waves):
    X, _ = waves
    X = X.copy()
    X[:3] = 5.0
    clusterer = SignalClustering(3, random_state=0).fit(X)
    assert np.isfinite(clusterer.transform(X)).all()
    assert len(set(clusterer.labels_[:3])) == 1


def test_short_signals_are_taken_as_they_are():
    rng = np.random.RandomState(0)
    y = np.repeat([0, 1], 40)
    X = rng.standard_normal((80, 10)) + 5.0 * y[:, None]
    clusterer = SignalClustering(2, random_state=0)
    with pytest.warns(UserWarning, match="Signals of 10 samples are too short"):
        clusterer.fit(X)
    assert clusterer.compute_features(X).shape[1] <= 10


def test_the_number_of_channels_is_checked(waves):
    X, _ = waves
    with pytest.raises(ValueError, match="n_channels == 0"):
        SignalClustering(3, n_channels=0).fit(X)
    with pytest.raises(ValueError, match="n_channels=3 does not divide the 128"):
        SignalClustering(3, n_channels=3).fit(X)
