"""What `partial_fit` makes of a stream: its reservoir, its starts, its labels."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs

import skmixmate
from skmixmate import MixMateClustering
from skmixmate.base import stream
from skmixmate.base.reservoir import input_of
from skmixmate.metrics import clustering_accuracy
from skmixmate.mixmate.fit import MixtureFit
from skmixmate.mixmate.network import FittedMixture, MixtureParameters

from .conftest import small_model, with_missing


@pytest.fixture(scope="module")
def blobs():
    """1,000 samples of 5 clusters in random order."""
    return make_blobs(1000, n_features=10, centers=5, random_state=1)


def streaming_model(**parameters):
    defaults = {"n_clusters": 5, "n_atoms": 2, "init_size": 400}
    return small_model(**(defaults | parameters))


def learned(model, X, n_batches):
    """The model after a stream, and the label of each sample when it came."""
    batches = np.array_split(X, n_batches)
    return model, np.concatenate([model.partial_fit(b).labels_ for b in batches])


def state(model):
    return model._stream.reservoir


@pytest.fixture
def starts(monkeypatch):
    """How many samples had come at each start, to be read as streams go on."""
    sizes = []

    def counted(start):
        def count(fit_type, parameters, reservoir, *earlier):
            sizes.append(reservoir.n_seen)
            return start(fit_type, parameters, reservoir, *earlier)

        return count

    for name in ("_first_start", "_later_start"):
        monkeypatch.setattr(stream, name, counted(getattr(stream, name)))
    return sizes


def test_the_first_batch_is_a_fit(X, fitted):
    model = small_model().partial_fit(X)
    assert_array_equal(model.dictionaries_, fitted.dictionaries_)
    assert_array_equal(model.labels_, fitted.labels_)
    assert_array_equal(model.code_covariances_, fitted.code_covariances_)
    assert model.n_iter_ == fitted.n_iter_


def test_a_stream_is_about_as_good_as_a_fit(blobs):
    X, y = blobs
    model, labels = learned(streaming_model(), X, 10)
    accuracy = clustering_accuracy(y, streaming_model().fit(X).labels_)
    assert clustering_accuracy(y, model.predict(X)) > accuracy - 0.02
    # Clusters keep their numbers through four starts.
    assert np.mean(labels[100:] == model.predict(X)[100:]) > 0.9


def test_a_stream_that_is_sorted_by_class(blobs):
    X, y = blobs
    order = np.argsort(y, kind="stable")
    model, _ = learned(streaming_model(), X[order], 10)
    assert clustering_accuracy(y, model.predict(X)) > 0.9


@pytest.mark.slow
def test_digits_in_batches_sorted_or_not(digits):
    X, y = digits
    order = np.random.RandomState(0).permutation(len(X))
    for rows in (order, order[np.argsort(y[order], kind="stable")]):
        model, _ = learned(MixMateClustering(10, random_state=0), X[rows], 6)
        assert clustering_accuracy(y, model.predict(X)) > 0.85


def test_starts_come_sooner_where_a_stream_changes(blobs, starts):
    X, y = blobs
    learned(streaming_model(max_iter=2), X, 10)
    assert starts == [100, 200, 400, 800]
    starts.clear()
    learned(streaming_model(max_iter=2), X[np.argsort(y, kind="stable")], 10)
    assert len(starts) > 4


@pytest.mark.parametrize("way", ["pickle", "save"])
def test_a_stream_goes_on_in_another_process(way, blobs, tmp_path):
    X = with_missing(blobs[0][:300], 0.05)
    plain = streaming_model(max_iter=2, init_size=60)
    again = streaming_model(max_iter=2, init_size=60)
    for batch in np.array_split(X, 6):
        plain.partial_fit(batch)
        again.partial_fit(batch)
        if way == "pickle":
            again = pickle.loads(pickle.dumps(again))
        else:
            skmixmate.save(again, tmp_path / "file")
            again = skmixmate.load(tmp_path / "file")
    assert_array_equal(plain.dictionaries_, again.dictionaries_)
    assert_array_equal(plain.labels_, again.labels_)
    assert_array_equal(state(plain).X, state(again).X)


def test_the_reservoir_is_bounded_and_keeps_the_dtype():
    rng = np.random.RandomState(0)
    model = small_model(init_size=50, max_iter=1)
    for _ in range(6):
        model.partial_fit(rng.randint(256, size=(40, 12)).astype(np.uint8))
    assert state(model).X.shape == (50, 12)
    assert state(model).X.dtype == np.uint8
    assert state(model).n_seen == 240


def test_every_sample_has_the_same_chance_to_be_kept():
    reservoir = stream.Reservoir(300)
    for i in range(30):
        X = torch.full((100, 1), float(i))
        batch = stream.Input(X, None, False)
        reservoir = reservoir.added(batch, np.random.RandomState(i))
    counts = np.bincount(reservoir.X[:, 0].astype(int), minlength=30)
    # Ten of each, with a standard deviation of three.
    assert counts.sum() == 300
    assert counts.min() >= 1
    assert counts.max() <= 22
    assert (np.diff(reservoir.X[:, 0]) >= 0).all()


def test_masks_are_kept_with_their_samples(X):
    mask = np.random.RandomState(0).uniform(size=X.shape) < 0.9
    model = small_model(init_size=60, max_iter=1)
    model.partial_fit(X[:50]).partial_fit(X[50:100], mask=mask[50:100])
    model.partial_fit(X[100:])
    kept = state(model)
    place = {row.tobytes(): i for i, row in enumerate(X)}
    rows = np.array([place[row.tobytes()] for row in kept.X])
    expected = np.where(((rows >= 50) & (rows < 100))[:, None], mask[rows], True)
    assert_array_equal(kept.mask, expected)


def test_rows_of_which_nothing_is_known_are_not_kept(X):
    batch = X[:60].copy()
    batch[7] = np.nan
    with pytest.warns(UserWarning, match=r"1 row\(s\) of X have no observed entry"):
        model = small_model().partial_fit(batch)
    assert len(state(model)) == state(model).n_seen == 59
    assert model.labels_.shape == (60,)


def test_a_warning_names_rows_only_where_they_are_those_of_the_batch(X):
    batch = X.copy()
    batch[7] *= 1e6
    with pytest.warns(UserWarning, match=r"1 of 160 samples .*rows 7\)"):
        small_model(max_iter=1).partial_fit(batch)
    with pytest.warns(UserWarning, match=r"1 of 160 samples .*rows 7\)") as record:
        model = small_model(max_iter=1, init_size=150).partial_fit(batch)
    assert len(record) == 1
    assert model.largest_norm_ is not None


def test_counts_of_clusters_are_those_of_all_samples(blobs):
    X = blobs[0]
    model = streaming_model(max_iter=2, init_size=150)
    for i, batch in enumerate(np.array_split(X, 10)):
        model.partial_fit(batch)
        assert model.cluster_sizes_.sum() == 100 * (i + 1)
        assert_array_equal(model.labels_, model.predict(batch))


def test_after_a_fit_there_is_no_other_start(X, starts):
    model = small_model().fit(X[:20])
    learned(model, X, 4)
    assert not starts
    assert state(model).n_seen == 160
    model.fit(X)
    assert model._stream is None


def test_given_atoms_are_the_only_start(X, starts):
    model = small_model(init=X[:12].reshape(3, 4, 12))
    learned(model, X, 4)
    assert starts == [40]


def test_a_start_that_is_worse_is_not_taken(blobs):
    X, y = blobs
    target = {row.tobytes(): label for row, label in zip(X, y, strict=True)}
    calls = []

    def true_labels_once(X, n_clusters, random_state):
        calls.append(len(X))
        if len(calls) == 1:
            return np.array([target[row.tobytes()] for row in X])
        return random_state.randint(n_clusters, size=len(X))

    model = streaming_model(
        init=true_labels_once, max_iter=0, learning_rate=1e-9, adapt_n_atoms=False
    )
    before = model.partial_fit(X[:200]).dictionaries_
    model.partial_fit(X[200:400])
    assert calls == [200, 400]
    np.testing.assert_allclose(model.dictionaries_, before, atol=1e-6)


def test_an_interrupted_start_comes_with_the_next_batch(X, monkeypatch, starts):
    def interrupt(*_):
        raise KeyboardInterrupt

    model = small_model().partial_fit(X[:50])
    n_epochs = model.n_iter_
    with monkeypatch.context() as patch:
        patch.setattr(model._fit_type, "run", interrupt)
        with pytest.raises(KeyboardInterrupt):
            model.partial_fit(X[50:110])
    assert model.n_iter_ == n_epochs + 1
    assert_array_equal(model.labels_, model.predict(X[50:110]))
    assert model.cluster_sizes_.sum() == 110
    model.partial_fit(X[110:])
    assert starts == [50, 110, 160]


def test_matching_gives_most_samples_their_labels_back():
    labels = np.array([0, 0, 0, 1, 1, 2, 2, -1])
    new = np.array([2, 2, 1, 0, 0, 1, 1, 0])
    order = stream._matching(labels, new, 4)
    assert_array_equal(order, [2, 0, 1, 3])


def test_labels_of_chance_are_not_unlike():
    rng = np.random.RandomState(0)
    counts = [np.bincount(rng.randint(8, size=n), minlength=8) for n in (400, 100)]
    reservoir = stream.Reservoir(10)
    alike = stream.Stream(reservoir, 10, *counts)
    assert alike.unlikeness() < 0.05
    other = np.array([0, 0, 0, 0, 0, 0, 0, 100])
    assert stream.Stream(reservoir, 10, counts[0], other).unlikeness() > 0.7


def test_the_reservoir_takes_another_size(blobs):
    X, _ = blobs
    model, _ = learned(streaming_model(init_size=300), X[:400], 4)
    before = state(model)
    model.set_params(init_size=100).partial_fit(X[400:450])
    assert len(state(model)) == 100
    # Still those with the lowest numbers.
    new = state(model).keys[np.isin(state(model).keys, before.keys)]
    assert set(new) <= set(np.sort(before.keys)[:100])
    model.set_params(init_size=500).partial_fit(X[450:500])
    assert state(model).size == 100
    assert len(state(model)) == 100
    grows, _ = learned(streaming_model(init_size=300), X[:200], 2)
    grows.set_params(init_size=500).partial_fit(X[200:500])
    assert len(state(grows)) == 500


def test_weights_of_a_stream_count_every_sample_once():
    """Those drawn beside a batch were counted when they came."""
    X, y = make_blobs([260, 160, 160], 10, random_state=1, shuffle=False)
    first = np.concatenate([np.flatnonzero(y == k)[:60] for k in range(3)])
    rest = np.setdiff1d(np.arange(len(X)), first)
    model = streaming_model(n_clusters=3, fit_weights=True, max_iter=8).fit(X[first])
    for batch in (X[rest[:200]], X[rest[200:]]):
        model.partial_fit(batch)
    shares = model.cluster_sizes_ / len(X)
    assert_array_equal(np.sort(model.cluster_sizes_), [160, 160, 260])
    # Responsibilities are next to one or zero.
    np.testing.assert_allclose(model.weights_, shares, atol=0.02)


def test_a_model_with_one_cluster_for_all_that_is_new_gives_way():
    """Training makes its criterion the lower one: what it knew is far from the rest."""
    X, y = load_digits(return_X_y=True)
    is_known = y < 2
    clumped = np.full(len(X), 9)
    k_means = KMeans(9, n_init=1, random_state=0)
    clumped[is_known] = k_means.fit_predict(X[is_known])

    def fitted(labels):
        label_of = {row.tobytes(): k for row, k in zip(X, labels, strict=True)}

        def start(X, n_clusters, random_state):
            return np.array([label_of[row.tobytes()] for row in X])

        model = MixMateClustering(10, init=start, max_iter=1, random_state=0).fit(X)
        return FittedMixture.from_estimator(model)

    kept, new = fitted(clumped), fitted(y)
    kept = replace(kept, last=replace(kept.last, criterion_=0.9 * new.criterion))
    parameters = MixtureParameters.from_estimator(MixMateClustering(10))
    fit = MixtureFit(parameters, input_of(torch.from_numpy(X), None), kept)
    assert not fit.stays_with(kept, new)
    assert fit.stays_with(new, kept)


def test_of_models_that_cut_as_much_the_criterion_decides(blobs):
    X, _ = blobs
    model = streaming_model().fit(X)
    fitted = FittedMixture.from_estimator(model)
    worse = replace(fitted.last, criterion_=1.1 * fitted.criterion)
    worse = replace(fitted, last=worse)
    parameters = MixtureParameters.from_estimator(model)
    fit = MixtureFit(parameters, input_of(torch.from_numpy(X), None), fitted)
    assert fit.stays_with(fitted, worse)
    assert not fit.stays_with(worse, fitted)
    assert fit.stays_with(fitted, fitted)


def test_models_are_compared_on_samples_filled_in_by_one_imputer(blobs):
    X = with_missing(blobs[0], 0.3)
    earlier, new = (
        FittedMixture.from_estimator(streaming_model().fit(rows))
        for rows in (X[:500], X)
    )
    new = replace(new, _are_of_one_size=True)
    compared = earlier.comparable_with(new)
    assert compared.imputer_ is new.imputer_ is not earlier.imputer_
    # Of dictionaries that are to be of one size, the criterion is another.
    assert compared._are_of_one_size
    # Whichever is taken has its own.
    own = earlier.in_unit_of(new)
    assert own.imputer_ is earlier.imputer_
    assert not own._are_of_one_size


def test_a_model_in_the_unit_of_another_says_the_same(blobs):
    X, _ = blobs
    model = streaming_model().fit(X)
    fitted = FittedMixture.from_estimator(model)
    assert fitted.intercept_scaling_ is not None
    other = replace(fitted, scale_=2.0 * fitted.scale_)
    # Codes are half as large, and so is what they cost each.
    moved = streaming_model(alpha=model.alpha / 2.0).fit(X)
    fitted.in_unit_of(other).store(moved)
    assert moved.scale_ == 2.0 * model.scale_
    np.testing.assert_allclose(moved.reconstruct(X), model.reconstruct(X), rtol=1e-6)
