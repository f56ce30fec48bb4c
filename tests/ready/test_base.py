"""What all ready-made clusterers do alike."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from skmixmate import (
    EmbeddingClustering,
    ImageClustering,
    NeighborVoting,
    SignalClustering,
)
from skmixmate.inspection import atom_averages
from skmixmate.plotting import DictionaryDisplay

# Of 160 digits, fewer clusters than there are digits.
pytestmark = pytest.mark.filterwarnings(
    "ignore:The first clusters are not to be trusted"
)


KINDS = [ImageClustering, EmbeddingClustering, SignalClustering]


def new(kind, **parameters):
    if kind is ImageClustering:
        parameters = {"image_shape": (8, 8), "n_init": 1} | parameters
    return kind(**({"n_clusters": 3, "random_state": 0} | parameters))


@pytest.fixture(scope="module")
def digits():
    return load_digits().data[:160]


@pytest.fixture(
    scope="module", params=[ImageClustering, EmbeddingClustering, SignalClustering]
)
def fitted(request, digits):
    return new(request.param).fit(digits)


def damaged(X, share=0.2, seed=0):
    missing = np.random.RandomState(seed).uniform(size=X.shape) < share
    return np.where(missing, np.nan, X), missing


def test_it_is_features_a_mixture_and_a_vote(fitted, digits):
    Z = fitted.features_.transform(digits)
    assert_array_equal(fitted.compute_features(digits), Z)
    assert_allclose(np.linalg.norm(Z, axis=1), 1.0, rtol=1e-5)
    assert_array_equal(fitted.predict(digits), fitted.labels_)
    for method in ("predict_proba", "transform", "score_samples"):
        expected = getattr(fitted.voting_, method)(Z)
        assert_array_equal(getattr(fitted, method)(digits), expected)
    assert fitted.score(digits) == pytest.approx(fitted.score_samples(digits).mean())
    assert fitted.mixmate_ is fitted.voting_.mixmate_
    assert fitted.temperature_ == fitted.voting_.temperature_ >= 1.0


def test_batches_change_nothing(fitted, digits, monkeypatch):
    whole = fitted.predict_proba(digits)
    monkeypatch.setattr("skmixmate.ready.features._BATCH_SIZE", 100)
    assert_allclose(fitted.predict_proba(digits), whole, atol=1e-4)


def test_pickles_and_clones(fitted, digits):
    again = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(again.predict_proba(digits), fitted.predict_proba(digits))
    anew = clone(fitted).fit(digits)
    assert_array_equal(anew.labels_, fitted.labels_)


def test_tensors_give_tensors(fitted, digits):
    X = torch.from_numpy(digits)
    probabilities = fitted.predict_proba(X)
    assert isinstance(probabilities, torch.Tensor)
    assert_array_equal(probabilities.numpy(), fitted.predict_proba(digits))
    assert_array_equal(fitted.predict(X).numpy(), fitted.labels_)
    anew = clone(fitted).fit(X)
    assert_array_equal(anew.labels_, fitted.labels_)


@pytest.mark.parametrize("dtype", [np.uint8, np.float16])
def test_small_numbers_are_computed_in_single_precision(fitted, digits, dtype):
    clusterer = clone(fitted).fit(digits.astype(dtype))
    single = clone(fitted).fit(digits.astype(np.float32))
    found = clusterer.predict_proba(digits.astype(dtype))
    assert found.dtype == np.float32
    assert_array_equal(found, single.predict_proba(digits.astype(np.float32)))


def test_nan_and_mask_say_the_same(fitted, digits):
    holed, missing = damaged(digits)
    by_nan = clone(fitted).fit(holed)
    # What lies under a mask is never looked at.
    by_mask = clone(fitted).fit(np.where(missing, 1e6, digits), mask=~missing)
    assert_array_equal(by_nan.labels_, by_mask.labels_)
    assert_array_equal(by_nan.predict(holed), by_nan.labels_)
    expected = by_nan.predict_proba(holed)
    found = by_nan.predict_proba(np.where(missing, -7.0, digits), mask=~missing)
    assert_array_equal(found, expected)


def test_entries_that_go_missing_after_fit(fitted, digits):
    holed, _ = damaged(digits)
    with pytest.raises(ValueError, match="fit with some, or with always_impute=True"):
        fitted.predict(holed)
    prepared = clone(fitted).set_params(always_impute=True).fit(digits)
    assert_array_equal(prepared.labels_, fitted.labels_)
    assert (prepared.predict(holed) == fitted.labels_).mean() > 0.8


def test_a_grid_search_over_the_number_of_clusters(fitted, digits):
    search = GridSearchCV(clone(fitted), {"n_clusters": [2, 3]}, cv=2, refit=False)
    search.fit(digits)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_random_state_seeds_every_step(fitted, digits):
    kind = type(fitted)
    same = [
        new(kind, random_state=np.random.RandomState(3)).fit(digits).labels_
        for _ in range(2)
    ]
    assert_array_equal(*same)
    with pytest.raises(ValueError, match="random_state"):
        new(kind, random_state=-1).fit(digits)


def test_what_clusters_look_like_in_the_space_of_the_samples(fitted, digits):
    averages = atom_averages(fitted, digits)
    for cluster in range(3):
        members = digits[fitted.labels_ == cluster]
        assert_allclose(averages.cluster_means[cluster], members.mean(0), rtol=1e-6)
    pytest.importorskip("matplotlib")
    display = DictionaryDisplay.from_estimator(
        fitted, dictionaries=averages.atom_means, image_shape=(8, 8)
    )
    assert display.figure_ is not None


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_clusters": 0}, "n_clusters == 0, must be >= 1"),
        ({"n_init": "two"}, "n_init must be an integer"),
        ({"always_impute": 2}, "always_impute must be"),
        ({"device": "abacus"}, "device must be 'auto'"),
    ],
)
def test_parameters_are_checked_before_features(fitted, digits, parameters, message):
    with pytest.raises((TypeError, ValueError), match=message):
        clone(fitted).set_params(**parameters).fit(digits)


def test_a_fit_that_fails_leaves_the_last_one(fitted, digits):
    clusterer = pickle.loads(pickle.dumps(fitted))
    with pytest.raises(ValueError, match="infinity"):
        clusterer.fit(np.full((30, 64), np.inf))
    assert_array_equal(clusterer.predict(digits), fitted.labels_)


def test_an_interrupted_fit_leaves_a_mixture(fitted, digits, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(NeighborVoting, "_vote", interrupted)
    clusterer = clone(fitted)
    with pytest.warns(RuntimeWarning, match="without a vote"):
        clusterer.fit(digits)
    monkeypatch.undo()
    assert_array_equal(clusterer.predict(digits), clusterer.labels_)


def test_an_interrupt_before_the_mixture_leaves_nothing(fitted, digits, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(type(fitted), "_new_mixmate", interrupted)
    clusterer = clone(fitted)
    with pytest.raises(KeyboardInterrupt):
        clusterer.fit(digits)
    assert not clusterer.__sklearn_is_fitted__()


def test_images_too_small_for_wavelets_are_taken_as_they_are():
    X = load_digits().images[:250, 2:7, 2:7].reshape(250, -1)
    clusterer = new(ImageClustering, image_shape=None)
    with pytest.warns(UserWarning, match="Images of 25 pixels are too small"):
        clusterer.fit(X)
    assert clusterer.compute_features(X).shape[1] <= 25


def test_more_clusters_than_samples(fitted, digits):
    with pytest.raises(ValueError, match="n_samples=5 must be at least 9 for n_clu"):
        clone(fitted).set_params(n_clusters=9).fit(digits[:5])


def test_data_frames_as_the_output_of_all_of_scikit_learn(fitted, digits):
    pytest.importorskip("pandas")
    with config_context(transform_output="pandas"):
        anew = clone(fitted).fit(digits)
        energies = anew.transform(digits)
        assert_array_equal(anew.predict(digits), fitted.labels_)
    assert list(energies.columns) == list(anew.get_feature_names_out())


@pytest.mark.parametrize("exponent", [-100, 100])
def test_the_unit_does_not_matter(fitted, digits, exponent):
    X = digits.astype(np.float32)
    products = []
    # Powers of two leave the digits as they are.
    for images in (X, np.ldexp(X, exponent)):
        Z = clone(fitted).fit(images).compute_features(images)
        assert_allclose(np.linalg.norm(Z, axis=1), 1.0, rtol=1e-5)
        products.append(Z @ Z.T)
    assert_allclose(*products, atol=1e-4)


def test_many_coefficients_come_in_small_batches(fitted, digits, monkeypatch):
    whole = fitted.predict_proba(digits)
    monkeypatch.setattr("skmixmate.ready.features._BATCH_ENTRIES", 3000)
    assert_allclose(fitted.predict_proba(digits), whole, atol=1e-4)
