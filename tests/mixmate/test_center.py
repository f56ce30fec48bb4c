"""Data far from the origin are centred; images are not."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits, make_blobs
from sklearn.metrics import adjusted_rand_score

from skmixmate import MixMateClustering

X, Y = make_blobs(120, centers=3, n_features=4, random_state=1)


def fit(X, **parameters):
    parameters = {"random_state": 0, "max_iter": 10} | parameters
    return MixMateClustering(3, **parameters).fit(X)


def test_labels_do_not_depend_on_where_far_is():
    near = fit(X + 1e3)
    far = fit(X - 1e6)
    assert near.center_ is not None
    assert adjusted_rand_score(Y, near.labels_) > 0.9
    assert_array_equal(near.labels_, far.labels_)
    assert_allclose(near.center_, X.mean(0) + 1e3)
    assert_allclose(near.scale_, far.scale_, rtol=1e-6)
    spread = np.mean(np.sum((X - X.mean(0)) ** 2, axis=1))
    assert_allclose(near.scale_, np.sqrt(spread / 100.0), rtol=1e-6)


def test_images_are_not_centred():
    digits = load_digits().data[:300]
    assert fit(digits).center_ is None
    assert fit(X + 1e3, fit_intercept=False, init="k-means").center_ is None


def test_everything_comes_back_in_the_unit_of_X():
    far = X + 1e3
    model = fit(far)
    spread = np.sqrt(np.mean(np.sum((X - X.mean(0)) ** 2, axis=1)))
    assert np.abs(model.reconstruct(far) - far).max() < spread
    every = model.reconstruct(far, clusters="all")
    assert_allclose(
        every[np.arange(len(far)), model.labels_], model.reconstruct(far), rtol=1e-9
    )
    drawn, labels = model.sample(200)
    for cluster in np.unique(labels):
        mean = far[model.labels_ == cluster].mean(0)
        assert np.abs(drawn[labels == cluster].mean(0) - mean).max() < spread / 4


@pytest.mark.parametrize("missing_entries", ["impute", "mask"])
def test_missing_entries_far_from_the_origin(missing_entries):
    far = X + 1e3
    damaged = far.copy()
    missing = np.random.RandomState(0).uniform(size=X.shape) < 0.1
    missing[missing.all(axis=1)] = False
    damaged[missing] = np.nan
    model = fit(damaged, missing=missing_entries)
    means = np.nanmean(damaged, axis=0)
    if missing_entries == "mask":
        assert_allclose(model.center_, means)
    assert adjusted_rand_score(Y, model.labels_) > 0.8
    repaired = model.impute(damaged)
    assert_array_equal(repaired[~missing], far[~missing])
    error = np.mean((repaired - far)[missing] ** 2)
    assert error < 0.5 * np.mean((np.where(missing, means, far) - far)[missing] ** 2)
    assert_array_equal(model.predict(far, mask=~missing), model.labels_)


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_units_that_cannot_be_squared_are_refused(unit):
    with pytest.raises(ValueError, match="mean squared norm of the samples in X"):
        fit(X * unit)
