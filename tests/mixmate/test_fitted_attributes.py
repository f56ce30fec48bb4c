"""Fitted attributes against what they are said to be."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmixmate.datasets import make_dictionary_mixture

from .conftest import small_model


def test_shapes_and_types(fitted, X):
    largest = fitted.dictionary_sizes_.max()
    assert fitted.n_atoms_ == 4
    assert fitted.dictionary_sizes_.shape == (3,)
    assert fitted.dictionaries_.shape == (3, largest, 12)
    assert fitted.intercepts_.shape == (3, largest)
    assert fitted.weights_.shape == (3,)
    assert fitted.labels_.shape == (160,)
    assert fitted.labels_.dtype.kind == "i"
    assert fitted.n_features_in_ == 12
    assert fitted.n_iter_ == 4
    assert fitted.converged_ is False
    assert isinstance(fitted.loss_, float)
    assert isinstance(fitted.criterion_, float)
    assert isinstance(fitted.scale_, float)
    assert fitted.atom_usage_.shape == fitted.code_means_.shape == (3, largest)
    assert fitted.code_covariances_.shape == (3, largest, largest)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        *(("float64", "float64"), ("float32", "float32"), ("float16", "float32")),
        *(("uint8", "float32"), ("int16", "float32"), ("int64", "float64")),
    ],
)
def test_dtypes_follow_the_data(dtype, expected, X):
    X = (20 * X).astype(dtype) if dtype != "uint8" else (40 * (X + 3)).astype(dtype)
    model = small_model(max_iter=1).fit(X)
    arrays = [model.dictionaries_, model.intercepts_, model.weights_]
    arrays += [model.atom_usage_, model.code_means_, model.transform(X)]
    arrays += [model.impute(X), model.sample(2)[0], model.reconstruct(X)]
    assert {array.dtype.name for array in arrays} == {expected}


def test_atoms_with_their_intercepts_have_unit_norm(fitted, X):
    squared = (fitted.dictionaries_**2).sum(-1) + fitted.intercepts_**2
    is_atom = np.arange(squared.shape[1]) < fitted.dictionary_sizes_[:, None]
    assert_allclose(squared, is_atom, rtol=1e-5)
    plain = small_model(fit_intercept=False, adapt_n_atoms=False).fit(X)
    assert_allclose(np.linalg.norm(plain.dictionaries_, axis=-1), 1.0, rtol=1e-5)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, 3 * 4 * 13),
        ({"fit_intercept": False}, 3 * 4 * 12),
        ({"fit_weights": True}, 3 * 4 * 13 + 2),
    ],
)
def test_n_parameters(parameters, expected, X):
    model = small_model(adapt_n_atoms=False, **parameters).fit(X)
    assert model.n_parameters_ == expected
    model = small_model(**parameters).fit(X)
    n_atoms = model.dictionary_sizes_.sum()
    assert model.n_parameters_ == expected + (n_atoms - 12) * (expected // 12)


def test_history(X):
    model = small_model(max_iter=5).fit(X)
    assert set(model.history_) == {"loss", "seconds", "n_reseeded_atoms"}
    assert {len(values) for values in model.history_.values()} == {model.n_iter_}
    assert all(isinstance(values, np.ndarray) for values in model.history_.values())
    assert (model.history_["seconds"] > 0).all()
    assert model.history_["n_reseeded_atoms"].dtype.kind == "i"


def test_training_ends_when_the_loss_no_longer_falls(X):
    model = small_model(max_iter=200, tol=0.05, n_iter_no_change=2).fit(X)
    assert model.converged_ is True
    losses = model.history_["loss"]
    assert len(losses) == model.n_iter_ < 200
    best = np.minimum.accumulate(losses)
    improved = losses[1:] < best[:-1] - 0.05 * np.abs(best[:-1])
    assert not improved[-2:].any()
    assert not (~improved[:-1] & ~np.r_[True, improved[:-2]]).any()


def test_tol_zero_still_converges_only_without_any_fall(X):
    model = small_model(tol=0.0, n_iter_no_change=1, max_iter=30).fit(X)
    losses = model.history_["loss"]
    end = -1 if model.converged_ else None
    assert (np.diff(losses[:end]) < 0).all()


def test_loss_is_the_mean_expected_energy(fitted, X):
    energies, proba = fitted.transform(X), fitted.predict_proba(X)
    assert fitted.loss_ == pytest.approx((proba * energies).sum(1).mean(), rel=1e-9)


def test_atom_usage_and_code_statistics_are_those_of_encode(fitted, X):
    codes = fitted.encode(X)
    for cluster in range(3):
        members = codes[fitted.labels_ == cluster]
        assert len(members) > 1
        assert_allclose(fitted.atom_usage_[cluster], np.abs(members).mean(0), 1e-9)
        assert_allclose(fitted.code_means_[cluster], members.mean(0), atol=1e-9)
        covariance = np.cov(members, rowvar=False, bias=True)
        assert_allclose(fitted.code_covariances_[cluster], covariance, atol=1e-8)


def test_equal_weights_unless_fitted(fitted):
    assert_allclose(fitted.weights_, 1 / 3, rtol=1e-6)


def test_fit_weights_finds_unequal_proportions():
    shares = [0.7, 0.2, 0.1]
    data = make_dictionary_mixture(
        600, n_atoms=4, n_features=20, weights=shares, random_state=0
    )
    model = small_model(
        init=data.dictionaries,
        fit_intercept=False,
        fit_weights=True,
        learning_rate=0.02,
        max_iter=40,
    ).fit(data.data)
    assert model.weights_.sum() == pytest.approx(1.0, rel=1e-6)
    found = np.bincount(model.labels_, minlength=3) / 600
    assert_allclose(np.sort(found)[::-1], shares, atol=0.05)
    assert_allclose(model.weights_, found, atol=0.1)


def test_weights_enter_the_energies(X):
    model = small_model(fit_weights=True, learning_rate=0.1).fit(X)
    energies = model.transform(X)
    shift = np.log(model.weights_)
    assert np.ptp(shift) > 0.05
    model.weights_ = np.full(3, 1 / 3)
    assert_allclose(model.transform(X), energies + shift + np.log(3), rtol=1e-9)


def test_refitting_forgets(X):
    model = small_model().fit(np.random.RandomState(0).normal(size=(50, 7)))
    refitted = model.fit(X)
    assert refitted is model
    assert model.n_features_in_ == 12
    assert_array_equal(model.dictionaries_, small_model().fit(X).dictionaries_)
    assert len(model.history_["loss"]) == 4


def test_fit_leaves_parameters_and_data_alone(X_nan):
    model = small_model(penalty="l1", n_atoms="auto")
    before, X_before = model.get_params(), X_nan.copy()
    model.fit(X_nan)
    assert model.get_params() == before
    assert_array_equal(X_nan, X_before)
