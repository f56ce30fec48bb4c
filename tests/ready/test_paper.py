"""The recipe of the paper: that it is what it says, and that it runs."""

import pickle

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits

from skmixmate import MixMateClustering, SparseSubspaceClustering
from skmixmate.metrics import clustering_accuracy
from skmixmate.ready import make_paper_clusterer


@pytest.fixture(scope="module")
def digits():
    """Digits of twice as many pixels a side, for a start that averages over eight."""
    X, y = load_digits(return_X_y=True)
    images = X[:600].reshape(-1, 8, 8) / 16.0
    return images.repeat(2, axis=1).repeat(2, axis=2).reshape(600, -1), y[:600]


def small_paper_clusterer(**parameters):
    # The plain graph of so few images falls apart.
    ssc = SparseSubspaceClustering(10, merge=False)
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


@pytest.mark.parametrize("image_shape", [28, None, (28,), (8, 8), (4, 32), (16, 16, 3)])
def test_wrong_image_shape(image_shape):
    with pytest.raises(
        ValueError, match=r"image_shape.*(must .* got|== 4, must be >= 8)"
    ):
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


def test_data_frames_between_the_steps_of_the_start_bring_no_warnings(digits):
    pytest.importorskip("pandas")
    X, _ = digits
    expected = small_paper_clusterer().set_params(max_iter=0).fit(X[:200])
    with config_context(transform_output="pandas"):  # Warnings are errors.
        start = small_paper_clusterer().set_params(max_iter=0).fit(X[:200])
    np.testing.assert_array_equal(start.labels_, expected.labels_)
