"""Missing entries, as NaN or by a mask."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmixmate import MixMateClustering
from skmixmate.metrics import clustering_accuracy

from .conftest import small_model, with_missing


def test_nan_and_mask_and_both_are_the_same(X, X_nan):
    observed = ~np.isnan(X_nan)
    half = np.arange(len(X)) % 2 == 0
    both = np.where(half[:, None], X_nan, X)  # NaN in one half, the mask in the other.
    mask = observed | half[:, None]
    inputs = [(X_nan, None), (X, observed), (X_nan, observed), (both, mask)]
    models = [small_model().fit(data, mask=mask) for data, mask in inputs]
    for model, (data, mask) in zip(models, inputs, strict=True):
        assert_array_equal(model.dictionaries_, models[0].dictionaries_)
        assert_array_equal(model.labels_, models[0].labels_)
        assert model.scale_ == models[0].scale_
        for method in ("predict", "predict_proba", "transform", "encode", "impute"):
            expected = getattr(models[0], method)(X_nan)
            if method == "impute":
                expected = np.where(observed, X, expected)
            assert_array_equal(getattr(model, method)(data, mask=mask), expected)
        assert model.score(data, mask=mask) == models[0].score(X_nan)


def test_what_lies_under_the_mask_does_not_matter(X, X_nan):
    observed = ~np.isnan(X_nan)
    model = small_model().fit(np.where(observed, X, 1e6), mask=observed)
    other = small_model().fit(np.where(observed, X, -3.0), mask=observed)
    assert_array_equal(model.dictionaries_, other.dictionaries_)
    assert_array_equal(model.labels_, other.labels_)


def test_full_mask_is_no_mask(X, fitted):
    mask = np.ones(X.shape, dtype=bool)
    model = small_model().fit(X, mask=mask)
    assert_array_equal(model.dictionaries_, fitted.dictionaries_)
    assert_array_equal(fitted.transform(X, mask=mask), fitted.transform(X))
    assert_array_equal(fitted.impute(X, mask=mask), X)


def test_energies_by_the_formula(X_nan, fitted):
    energies = fitted.transform(X_nan)
    codes = fitted.encode(X_nan, "all")
    observed = ~np.isnan(X_nan)
    reconstructions = np.einsum("nkp,kpm->nkm", codes, fitted.dictionaries_)
    constants = np.einsum("nkp,kp->nk", codes, fitted.intercepts_)
    scaled = np.where(observed, X_nan, 0.0) / fitted.scale_
    residuals = (scaled[:, None] - reconstructions) * observed[:, None]
    expected = (
        (residuals**2).sum(-1)
        + (fitted.intercept_scaling_ - constants) ** 2
        + fitted.alpha * np.abs(codes).sum(-1)
        - np.log(fitted.weights_)
    )
    assert_allclose(energies, expected, rtol=1e-9)


def test_scale_and_auto_parameters_come_from_observed_entries(X, X_nan):
    squared = np.nanmean(X_nan**2) * X.shape[1]
    model = small_model(max_iter=1).fit(X_nan)
    assert model.scale_ == pytest.approx(np.sqrt(squared / 100))


@pytest.mark.parametrize("as_mask", [False, True])
def test_digits_with_a_tenth_missing(as_mask, digits):
    X, y = digits
    X_nan = with_missing(X, 0.1)
    data = {"X": X, "mask": ~np.isnan(X_nan)} if as_mask else {"X": X_nan}
    model = MixMateClustering(10, max_iter=3, random_state=0).fit(**data)
    assert clustering_accuracy(y, model.labels_) > 0.8
    assert_array_equal(model.predict(**data), model.labels_)


def test_training_on_complete_data_then_predicting_with_gaps(digits, fitted_digits):
    X, y = digits
    labels = fitted_digits.predict(with_missing(X, 0.4))
    assert clustering_accuracy(y, labels) > 0.8


def test_no_complete_row_is_needed(X):
    holed = with_missing(X, 0.3)
    holed[np.arange(len(X)), np.arange(len(X)) % 12] = np.nan
    assert np.isnan(holed).any(axis=1).all()
    model = small_model().fit(holed)
    assert np.isfinite(model.transform(holed)).all()


@pytest.mark.parametrize("as_mask", [False, True])
def test_rows_and_columns_without_an_entry(as_mask, X, fitted):
    def data(rows, columns):
        if as_mask:
            mask = np.ones(X.shape, dtype=bool)
            mask[rows, columns] = False
            return {"X": X, "mask": mask}
        holed = X.copy()
        holed[rows, columns] = np.nan
        return {"X": holed}

    everywhere = slice(None)
    for method in (small_model().fit, small_model().partial_fit, fitted.predict):
        with pytest.warns(UserWarning, match=r"2 row\(s\).* the first is row 5"):
            method(**data([5, 9], everywhere))
    assert not small_model().fit(**data(everywhere, 4)).observed_features_[4]
    assert fitted.predict(**data(everywhere, 4)).shape == (160,)


def test_none_in_an_object_array_is_missing(X, X_nan, fitted):
    as_objects = X_nan.astype(object)
    as_objects[np.isnan(X_nan)] = None
    assert_array_equal(fitted.transform(as_objects), fitted.transform(X_nan))
