"""The recipes: that they are what they say, and that they run."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

from skmixmate import MixMateClustering, SparseSubspaceClustering
from skmixmate.metrics import clustering_accuracy
from skmixmate.recipes import make_image_clusterer, make_paper_clusterer


@pytest.fixture(scope="module")
def digits():
    """Digits of twice as many pixels a side, for a start that averages over eight."""
    X, y = load_digits(return_X_y=True)
    images = X[:600].reshape(-1, 8, 8) / 16.0
    return images.repeat(2, axis=1).repeat(2, axis=2).reshape(600, -1), y[:600]


def small_paper_clusterer(**parameters):
    # The plain graph of so few images falls apart.
    ssc = SparseSubspaceClustering(10)
    mixmate = make_paper_clusterer(
        10, (16, 16), n_atoms=15, alpha=0.25, ssc=ssc, random_state=0, **parameters
    )
    return mixmate.set_params(max_iter=3)


def test_the_papers_parameters():
    mixmate = make_paper_clusterer(random_state=3, verbose=1)
    assert isinstance(mixmate, MixMateClustering)
    published = {
        "n_clusters": 10,
        "n_atoms": 50,
        "alpha": 0.75,
        "n_fista_iter": 15,
        "step_size": 0.04,
        "learning_rate": 1e-3,
        "batch_size": 256,
        "max_iter": 50,
        "init_size": 2000,
        "fit_weights": False,
        "fit_intercept": False,
        "scale": 1.0,
        "random_state": 3,
    }
    parameters = mixmate.get_params()
    assert {name: parameters[name] for name in published} == published
    ssc = parameters["init"][-1]
    assert (ssc.method, ssc.n_nonzero_coefs, ssc.n_rounds, ssc.dropout) == (
        "omp",
        5,
        1,
        0.0,
    )


@pytest.mark.parametrize(
    ("image_shape", "n_coefficients"),
    [((28, 28), 1953), ((16, 16), 868), ((16, 8), 434)],
)
def test_features_of_the_start(image_shape, n_coefficients):
    init = make_paper_clusterer(10, image_shape).init
    X = np.random.RandomState(0).uniform(size=(600, np.prod(image_shape)))
    center, scattering, components = (step for _, step in init.steps[:3])
    centered = center.fit_transform(X)
    np.testing.assert_allclose(centered.mean(axis=1), 0.0, atol=1e-12)
    S = scattering.fit_transform(centered)
    assert S.shape == (600, n_coefficients)
    # Each path of each image has a largest magnitude of one.
    largest = np.abs(S.reshape(600, *scattering.output_shape_)).max(axis=(2, 3))
    np.testing.assert_allclose(largest, 1.0)
    assert components.fit_transform(S).shape == (600, min(500, n_coefficients))


def test_it_clusters_and_goes_with_the_tools(digits):
    X, y = digits
    mixmate = pickle.loads(pickle.dumps(clone(small_paper_clusterer())))
    labels = mixmate.fit_predict(X)
    assert clustering_accuracy(y, labels) > 0.75
    np.testing.assert_array_equal(small_paper_clusterer().fit_predict(X), labels)
    # The user's clusterer is left alone.
    assert not hasattr(mixmate.init[-1], "labels_")


def test_no_early_stopping(digits):
    X, _ = digits
    init = small_paper_clusterer().set_params(max_iter=0).fit(X).dictionaries_
    mixmate = small_paper_clusterer().set_params(init=init, max_iter=60)
    # Nothing improves at this rate, and more epochs than the recipe has are run.
    mixmate.set_params(learning_rate=1e-9, n_fista_iter=1, batch_size=600)
    assert mixmate.fit(X).n_iter_ == 60


def test_centered_atoms(digits):
    X, y = digits
    mixmate = small_paper_clusterer(center_atoms=True)
    start = pickle.loads(pickle.dumps(clone(mixmate))).set_params(max_iter=0).fit(X)
    np.testing.assert_allclose(start.dictionaries_.mean(axis=2), 0.0, atol=1e-6)
    centered = X - X.mean(axis=1, keepdims=True)
    centered /= np.linalg.norm(centered, axis=1, keepdims=True)
    atoms = start.dictionaries_.reshape(-1, 256)
    np.testing.assert_allclose((atoms @ centered.T).max(axis=1), 1.0, atol=1e-6)
    assert clustering_accuracy(y, mixmate.fit_predict(X)) > 0.75


@pytest.mark.parametrize("image_shape", [28, None, (28,), (8, 8), (4, 32), (16, 16, 1)])
def test_wrong_image_shape(image_shape):
    with pytest.raises(ValueError, match=r"image_shape must be .* got"):
        make_paper_clusterer(10, image_shape)


def test_no_epoch_keeps_the_start(digits):
    X, _ = digits
    start = small_paper_clusterer().set_params(max_iter=0).fit(X)
    assert start.n_iter_ == 0
    assert len(start.history_["loss"]) == 0
    assert not start.converged_
    np.testing.assert_array_equal(start.predict(X), start.labels_)
    # The atoms are samples, scaled to unit norm.
    atoms = start.dictionaries_.reshape(-1, 256)
    members = X / np.linalg.norm(X, axis=1, keepdims=True)
    np.testing.assert_allclose((atoms @ members.T).max(axis=1), 1.0, atol=1e-6)
    trained = small_paper_clusterer().fit(X)
    assert trained.loss_ < start.loss_


@pytest.fixture(scope="module")
def image_clusterer():
    """A fitted image clusterer, its images and their classes."""
    X, y = load_digits(return_X_y=True)
    X = X.astype(np.float32)
    clusterer = make_image_clusterer(10, n_init=2, random_state=0)
    return clusterer.fit(X), X, y


def test_images_are_clustered(image_clusterer):
    clusterer, _, y = image_clusterer
    # k-means has 0.8; 0.967 was measured.
    assert clustering_accuracy(y, clusterer[-1].labels_) > 0.95
    assert clusterer["scattering"].image_shape_ == (24, 24)


def test_an_image_clusterer_predicts_its_own_labels(image_clusterer):
    clusterer, X, _ = image_clusterer
    np.testing.assert_array_equal(clusterer.predict(X), clusterer[-1].labels_)
    probabilities = clusterer.predict_proba(X[:5])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)


def test_the_unit_and_the_dtype_of_the_images_do_not_matter(image_clusterer):
    clusterer, X, _ = image_clusterer
    features = clusterer[:-1].transform(X[:50])
    for images in ((X[:50] * 15).astype(np.uint8), X[:50].astype(np.float64) / 16):
        np.testing.assert_allclose(
            clusterer[:-1].transform(images), features, atol=1e-4
        )


def test_the_start_of_an_image_clusterer_is_the_best_of_several():
    clusterer = make_image_clusterer(7, (20, 30), n_init=3, random_state=5, verbose=1)
    start = clusterer[-1].init
    assert (start.n_clusters, start.n_init, start.max_iter) == (7, 3, 2)
    assert start.random_state is None  # Set, draw by draw, from the seed of the last.
    assert clusterer[-1].get_params()["random_state"] == 5
    assert clusterer["scattering"].image_shape == (24, 36)


def test_missing_pixels_are_filled_in_first(image_clusterer):
    complete, X, y = image_clusterer
    X, y = X[:800], y[:800]
    random_state = np.random.RandomState(0)
    missing = random_state.uniform(size=X.shape) < 0.1
    missing[random_state.permutation(len(X))[:80]] = False
    incomplete = np.where(missing, np.nan, X)
    clusterer = clone(complete).fit(incomplete)
    assert clustering_accuracy(y, clusterer[-1].labels_) > 0.85
    agreement = clusterer.predict(X) == clusterer[-1].labels_
    assert agreement.mean() > 0.9
    with pytest.raises(ValueError, match="none in fit"):
        complete.predict(incomplete[:5])


def test_an_image_clusterer_survives_a_pickle(image_clusterer):
    clusterer, X, _ = image_clusterer
    again = pickle.loads(pickle.dumps(clusterer))
    np.testing.assert_array_equal(again.predict(X[:50]), clusterer.predict(X[:50]))


@pytest.mark.parametrize("image_shape", [(4, 30), (28,), 28, "28x28"])
def test_an_image_clusterer_checks_its_shape(image_shape):
    with pytest.raises(ValueError, match="image_shape must be"):
        make_image_clusterer(10, image_shape)


def test_images_of_another_shape_are_refused():
    X = np.random.RandomState(0).uniform(size=(30, 100))
    with pytest.raises(ValueError, match=r"X has 100 features.*\(12, 12\)"):
        make_image_clusterer(2, (12, 12)).fit(X)
    with pytest.raises(ValueError, match=r"X has 99 features"):
        make_image_clusterer(2).fit(X[:, :99])
