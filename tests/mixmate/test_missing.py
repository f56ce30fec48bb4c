"""Missing entries, as NaN or by a mask."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmixmate import MixMateClustering
from skmixmate.metrics import clustering_accuracy

from .conftest import small_model, with_missing

MISSING = pytest.mark.parametrize("missing", ["impute", "mask"])


@MISSING
def test_nan_and_mask_and_both_are_the_same(missing, X, X_nan):
    observed = ~np.isnan(X_nan)
    half = np.arange(len(X)) % 2 == 0
    both = np.where(half[:, None], X_nan, X)  # NaN in one half, the mask in the other.
    mask = observed | half[:, None]
    inputs = [(X_nan, None), (X, observed), (X_nan, observed), (both, mask)]
    models = [
        small_model(missing=missing).fit(data, mask=mask) for data, mask in inputs
    ]
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


@MISSING
def test_what_lies_under_the_mask_does_not_matter(missing, X, X_nan):
    observed = ~np.isnan(X_nan)
    model, other = (
        small_model(missing=missing).fit(np.where(observed, X, junk), mask=observed)
        for junk in (1e6, -3.0)
    )
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


def test_scale_comes_from_observed_entries(X, X_nan):
    squared = np.nanmean(X_nan**2) * X.shape[1]
    model = small_model(max_iter=1, missing="mask").fit(X_nan)
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


@MISSING
def test_no_complete_row_is_needed(missing, X):
    holed = with_missing(X, 0.3)
    holed[np.arange(len(X)), np.arange(len(X)) % 12] = np.nan
    assert np.isnan(holed).any(axis=1).all()
    model = small_model(missing=missing).fit(holed)
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


def test_half_of_the_pixels_are_enough_to_cluster_digits(digits):
    X, y = digits
    holed = with_missing(X, 0.5)
    model = MixMateClustering(10, max_iter=5, random_state=0).fit(holed)
    assert clustering_accuracy(y, model.labels_) > 0.7
    missing = np.isnan(holed)
    filled, deviations = model.impute(holed, return_std=True)
    assert_array_equal(filled[~missing], X[~missing])
    covered = np.abs(filled - X)[missing] <= 1.645 * deviations[missing]
    assert 0.86 < covered.mean() < 0.94


def test_probabilities_are_less_sure_where_less_was_seen(digits):
    X = digits[0]
    little, much = (with_missing(X, share) for share in (0.7, 0.2))
    model = MixMateClustering(10, max_iter=3, random_state=0).fit(much)
    filled = model.impute(little)
    sure, less_sure = (model.predict_proba(A).max(1).mean() for A in (filled, little))
    assert less_sure < sure
    assert_array_equal(model.predict(little), model.predict(filled))
    # By the formula: guesses are no evidence.
    shares = np.where(np.isnan(little), 0.0, np.nanvar(much, axis=0)).sum(1)
    shares /= np.nanvar(much, axis=0).sum()
    energies = model.transform(filled)
    expected = np.exp(-shares[:, None] * (energies - energies.min(1, keepdims=True)))
    expected /= expected.sum(1, keepdims=True)
    assert_allclose(model.predict_proba(little), expected, atol=1e-4)


@pytest.mark.filterwarnings("ignore:.*row.* of X have no observed entry:UserWarning")
def test_of_an_empty_row_the_weights_decide_where_others_are_filled_in(X, X_nan):
    model = small_model(fit_weights=True).fit(X_nan)
    holed = X_nan.copy()
    holed[3] = np.nan
    assert_allclose(model.predict_proba(holed)[3], model.weights_, rtol=1e-6)
    assert model.predict(holed)[3] == model.weights_.argmax()


def test_without_an_imputer_there_are_no_errors_of_imputation(X, X_nan, fitted):
    masked = small_model(missing="mask").fit(X_nan)
    assert masked.imputer_ is None
    assert fitted.imputer_ is None
    for model in (masked, fitted):
        with pytest.raises(ValueError, match="return_std=True needs a mixture that"):
            model.impute(X_nan, return_std=True)
    model = small_model().fit(X_nan)
    filled, deviations = model.impute(X, return_std=True)
    assert_array_equal(filled, X)
    assert_array_equal(deviations, 0.0)


def test_the_imputer_of_the_first_incomplete_batch_is_kept(X, X_nan):
    model = small_model().partial_fit(X)
    assert model.imputer_ is None
    imputer = model.partial_fit(X_nan).imputer_
    assert model.partial_fit(X_nan[:100]).imputer_ is imputer
    assert_array_equal(model.labels_, model.predict(X_nan[:100]))
    model = small_model(warm_start=True).fit(X_nan)
    imputer = model.imputer_
    assert model.fit(X_nan).imputer_ is not imputer
    assert model.set_params(missing="mask").fit(X_nan).imputer_ is None


def test_a_feature_that_a_stream_observes_late_is_filled_in_then(X, X_nan):
    first = X_nan.copy()
    first[:, 2] = np.nan
    model = small_model().partial_fit(first)
    assert model.imputer_.model_["n_observed"][2] == 0
    with pytest.warns(UserWarning, match="1 features of X are observed for the first"):
        model.partial_fit(X_nan)
    assert (model.imputer_.model_["n_observed"] > 0).all()
    assert_array_equal(model.labels_, model.predict(X_nan))


def test_the_imputer_computes_where_the_mixture_does(X_nan):
    model = small_model().fit(X_nan)
    assert model.imputer_.device == "auto"
    assert_array_equal(
        model.imputer_.transform(X_nan),
        model.set_params(device="cpu").impute(X_nan),
    )
    with pytest.raises(ValueError, match="X has 5 features"):
        model.imputer_.transform(X_nan[:, :5])


@pytest.mark.parametrize("unit", [1e-30, 1e20])
def test_probabilities_do_not_depend_on_the_unit(X_nan, unit):
    model, scaled = (small_model().fit(X_nan * scale) for scale in (1.0, unit))
    assert_allclose(
        scaled.predict_proba(X_nan * unit), model.predict_proba(X_nan), atol=1e-3
    )


def test_a_constant_feature_that_nobody_observes_later_changes_nothing(X_nan):
    X_nan = X_nan.copy()
    X_nan[:, 0] = 5.0
    model = small_model().fit(X_nan)
    missing = X_nan.copy()
    missing[:, 0] = np.nan
    assert_allclose(model.transform(missing), model.transform(X_nan), rtol=1e-5)
