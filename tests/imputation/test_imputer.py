"""Missing entries filled in, as a step of a Pipeline and with their errors."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.impute import KNNImputer, SimpleImputer

from skmixmate import LocalGaussianImputer


def damaged(X, share, seed=0):
    missing = np.random.RandomState(seed).uniform(size=X.shape) < share
    return np.where(missing, np.nan, X)


@pytest.fixture(scope="module")
def digits():
    """Complete digits, and the same with a third of the pixels missing in most."""
    X = load_digits().data[:700]
    holed = damaged(X, 1 / 3)
    holed[:50] = X[:50]
    return X, holed


@pytest.fixture(scope="module")
def fitted(digits):
    return LocalGaussianImputer(random_state=0).fit(digits[1])


def error(filled, X, holed):
    return np.sqrt(np.square((filled - X)[np.isnan(holed)]).mean())


def test_a_training_sample_is_no_neighbor_of_its_own():
    """Else deviations from local means were small where neighbours tell nothing."""
    X = np.random.RandomState(0).normal(size=(500, 40))
    model = LocalGaussianImputer(1, always=True, random_state=0).fit(X).model_
    assert np.trace(model["covariances"][0]) / 40 > 0.4  # 0.19, were they of its own.


def test_complete_data_pass_unchanged_and_nothing_is_fitted(digits):
    X, _ = digits
    imputer = LocalGaussianImputer().fit(X)
    assert imputer.model_ is None
    filled = imputer.transform(X)
    assert_array_equal(filled, X)
    assert not np.shares_memory(filled, X)


def test_what_is_observed_stays_and_the_rest_is_in_range(digits, fitted):
    _X, holed = digits
    filled = fitted.transform(holed)
    observed = ~np.isnan(holed)
    assert_array_equal(filled[observed], holed[observed])
    assert (filled >= np.nanmin(holed, axis=0) - 1e-5).all()
    assert (filled <= np.nanmax(holed, axis=0) + 1e-5).all()


@pytest.mark.parametrize("share", [0.25, 0.6])
def test_better_than_nearest_neighbors_and_than_one_gaussian(digits, share):
    X, _ = digits
    holed = damaged(X, share)
    ours = error(LocalGaussianImputer(random_state=0).fit_transform(holed), X, holed)
    neighbors = error(KNNImputer().fit_transform(holed), X, holed)
    assert ours < 0.97 * neighbors
    mean = SimpleImputer(keep_empty_features=True).fit_transform(holed)
    centered = mean - mean.mean(0)
    covariance = centered.T @ centered / len(X) + 0.1 * np.eye(X.shape[1])
    gaussian = mean.copy()
    for row, observed in zip(gaussian, ~np.isnan(holed), strict=True):
        weights = np.linalg.solve(
            covariance[np.ix_(observed, observed)], covariance[observed][:, ~observed]
        )
        row[~observed] += (row[observed] - mean.mean(0)[observed]) @ weights
    assert ours < 0.97 * error(gaussian, X, holed)


def test_a_sample_from_a_gaussian_gets_its_conditional_mean():
    random_state = np.random.RandomState(0)
    root = random_state.standard_normal((6, 6))
    X = random_state.multivariate_normal(np.arange(6.0), root @ root.T, 3000)
    holed = damaged(X, 0.2)
    holed[:, 0] = X[:, 0]
    filled = LocalGaussianImputer(random_state=0).fit_transform(holed)
    covariance, best = root @ root.T, X.copy()
    for row, observed in zip(best, ~np.isnan(holed), strict=True):
        weights = np.linalg.pinv(covariance[np.ix_(observed, observed)])
        weights = weights @ covariance[observed][:, ~observed]
        row[~observed] = (
            np.arange(6.0)[~observed]
            + (row[observed] - np.arange(6.0)[observed]) @ weights
        )
    assert error(filled, X, holed) < 1.15 * error(best, X, holed)


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_intervals_cover_nine_in_ten(digits, share):
    X = digits[0]
    holed = damaged(X, share, seed=1)
    imputer = LocalGaussianImputer(random_state=0).fit(holed)
    filled, deviations = imputer.impute(holed, return_std=True)
    missing = np.isnan(holed)
    assert_array_equal(deviations[~missing], 0.0)
    covered = np.abs(filled - X)[missing] <= 1.645 * deviations[missing]
    assert 0.86 < covered.mean() < 0.94


def test_no_sample_needs_to_be_complete_and_blocks_are_filled(digits):
    X, _ = digits
    holed = X.reshape(-1, 8, 8).copy()
    random_state = np.random.RandomState(0)
    for image in holed:
        i, j = random_state.randint(0, 5, 2)
        image[i : i + 4, j : j + 4] = np.nan
    holed = holed.reshape(len(X), -1)
    filled = LocalGaussianImputer(random_state=0).fit_transform(holed)
    mean = SimpleImputer().fit_transform(holed)
    assert error(filled, X, holed) < 0.7 * error(mean, X, holed)


def test_missing_entries_only_after_fit_are_refused(digits):
    complete, X = digits
    imputer = LocalGaussianImputer().fit(complete)
    with pytest.raises(ValueError, match="there were none in fit"):
        imputer.transform(X)


def test_always_fills_in_what_was_complete_in_fit(digits):
    X, holed = digits
    imputer = LocalGaussianImputer(always=True, random_state=0).fit(X[:500])
    filled = imputer.transform(holed[500:])
    mean = SimpleImputer().fit(X[:500]).transform(holed[500:])
    assert error(filled, X[500:], holed[500:]) < 0.7 * error(mean, X[500:], holed[500:])


def test_the_same_seed_gives_the_same_numbers(digits, fitted):
    _, X = digits
    again = LocalGaussianImputer(random_state=0).fit(X)
    assert_array_equal(again.transform(X), fitted.transform(X))
    loaded = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(loaded.transform(X), fitted.transform(X))


def test_samples_do_not_depend_on_each_other(digits, fitted):
    _, X = digits
    assert_allclose(
        fitted.transform(X[100:140]), fitted.transform(X)[100:140], atol=1e-3
    )


def test_tensors_give_tensors(digits, fitted):
    _, X = digits
    filled, deviations = fitted.impute(torch.from_numpy(X), return_std=True)
    assert isinstance(filled, torch.Tensor)
    assert isinstance(deviations, torch.Tensor)
    assert_array_equal(filled.numpy(), fitted.transform(X))


def test_huge_numbers_are_not_missing():
    # Their sum is no number. (A tensor, since scikit-learn warns of such arrays.)
    X = torch.tensor([[1e308, 1e308, -1e308, -1e308, 1.0]] * 3, dtype=torch.float64)
    imputer = LocalGaussianImputer().fit(X)
    assert imputer.model_ is None
    assert_array_equal(imputer.transform(X), X)


@pytest.mark.parametrize("unit", [1e-20, 1e12])
def test_the_unit_does_not_matter(digits, fitted, unit):
    _, X = digits
    filled = LocalGaussianImputer(random_state=0).fit_transform(X * unit + 7 * unit)
    assert np.abs(filled / unit - 7 - fitted.transform(X)).mean() < 1e-3


@pytest.mark.filterwarnings("ignore:.*row.* of X have no observed entry:UserWarning")
@pytest.mark.parametrize("n_samples", [1, 2, 5, 30])
def test_few_samples(digits, n_samples):
    holed = digits[1][60 : 60 + n_samples].copy()
    holed[0, 0] = np.nan
    filled = LocalGaussianImputer(random_state=0).fit_transform(holed)
    assert np.isfinite(filled).all()


@pytest.mark.filterwarnings("ignore:.*row.* of X have no observed entry:UserWarning")
def test_empty_samples_get_the_mean_and_dead_features_zero(digits):
    _, X = digits
    X = X.copy()
    X[7], X[:, 20] = np.nan, np.nan
    filled = LocalGaussianImputer(random_state=0).fit_transform(X)
    assert np.isfinite(filled).all()
    assert_array_equal(filled[:, 20], 0.0)
    others = np.delete(np.arange(len(X)), 7)
    assert_allclose(filled[7], filled[others].mean(0), atol=0.3)


def test_a_feature_that_few_observe_is_in_the_subsample(digits):
    _, X = digits
    X = X.copy()
    X[:, 30:32] = np.nan
    X[490, 30] = X[491, 31] = 7.0
    imputer = LocalGaussianImputer(subsample=40, n_references=1, random_state=0).fit(X)
    assert 40 <= len(imputer.model_["references"]) <= 42
    assert (imputer.transform(X)[:, 30:32] == 7.0).all()


def test_more_neighbors_than_it_is_fitted_to_make_errors_smaller(digits):
    X, holed = digits

    def errors(n_references):
        imputer = LocalGaussianImputer(
            subsample=200, n_references=n_references, random_state=0
        ).fit(holed)
        n_found = len(imputer.model_["references"])
        return error(imputer.transform(holed), X, holed), n_found

    few, n_few = errors(1)
    many, n_many = errors(650)
    assert (n_few, n_many) == (200, 650)
    assert many < 0.98 * few  # 0.96; of as few as are fitted to it is 1.


def test_neighbors_beyond_those_it_is_fitted_to_are_ordinary_samples(digits):
    _, X = digits
    X = X[:300].copy()
    X[100] = np.nan
    X[200] = 1e5
    with pytest.warns(UserWarning, match="no observed entry"):
        imputer = LocalGaussianImputer(subsample=100, random_state=0).fit(X)
    assert len(imputer.model_["references"]) == 298
    # Complete ones as they are, in the basis.
    model = imputer.model_
    complete = X[:50] - model["mean"]
    known = complete[:, model["varies"]] / model["unit"] @ model["basis"]
    distances = np.linalg.norm(known[:, None] - model["references"], axis=2).min(1)
    assert_allclose(distances, 0.0, atol=1e-4)


def test_neighbors_of_masked_integers(digits):
    X, holed = digits
    X = np.ma.array(X.astype(np.int16), mask=np.isnan(holed))
    ours = LocalGaussianImputer(subsample=200, random_state=0).fit(X)
    same = LocalGaussianImputer(subsample=200, random_state=0).fit(
        X.astype(np.float64).filled(np.nan)
    )
    assert_allclose(ours.model_["references"], same.model_["references"], atol=1e-4)


def test_saturated_samples_teach_nothing(digits, fitted):
    _, X = digits
    broken = np.concatenate([X, np.full((3, 64), 1e5)])
    imputer = LocalGaussianImputer(random_state=0).fit(broken)
    assert imputer.model_["unit"] == pytest.approx(fitted.model_["unit"], rel=0.01)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([np.float32, np.float64]))
def test_what_lies_under_a_mask_changes_no_bit(seed, dtype):
    random_state = np.random.RandomState(seed)
    X = random_state.standard_normal((40, 7)).astype(dtype)
    missing = random_state.uniform(size=X.shape) < 0.3
    filled = [
        LocalGaussianImputer(random_state=0).fit_transform(
            np.ma.array(np.where(missing, junk, X).astype(dtype), mask=missing)
        )
        for junk in (0.0, 1e30, np.nan)
    ]
    assert_array_equal(filled[0], filled[1])
    assert_array_equal(filled[0], filled[2])
    assert filled[0].dtype == dtype


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"subsample": 0}, "subsample == 0, must be >= 1"),
        ({"n_references": 0}, "n_references == 0, must be >= 1"),
        ({"always": "yes"}, "always must be True or False, got 'yes'"),
        ({"n_neighbors": 0}, "n_neighbors == 0, must be >= 1"),
        ({"n_components": "all"}, "n_components must be an integer >= 1, got 'all'"),
        ({"n_clusters": -1}, "n_clusters == -1, must be >= 1"),
        ({"device": "abacus"}, "device must be .* got 'abacus'"),
    ],
)
def test_bad_parameters_are_named(digits, parameters, message):
    for X in digits:
        with pytest.raises((TypeError, ValueError), match=message):
            LocalGaussianImputer(**parameters).fit(X)


def test_the_input_is_never_touched(digits, fitted):
    for X in digits:
        X = X.copy()
        before = X.copy()
        X.flags.writeable = False  # As memory maps are.
        filled = fitted.transform(X)
        filled[:] = -1.0
        assert_array_equal(X, before)


def test_what_does_not_vary_is_filled_in_exactly():
    X, _ = load_digits(return_X_y=True)
    X = np.hstack([X[:300], np.full((300, 3), 7.25)])
    rng = np.random.RandomState(0)
    X[rng.uniform(size=X.shape) < 0.3] = np.nan
    filled, std = LocalGaussianImputer(random_state=0).fit(X).impute(X, return_std=True)
    assert (filled[:, -3:] == 7.25).all()
    assert (std[:, -3:] == 0.0).all()
    assert (std[:, 20][np.isnan(X[:, 20])] > 0.0).all()


def test_what_little_noise_there_is_is_found():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((400, 2)) @ rng.standard_normal((2, 6))
    X += 0.05 * rng.standard_normal(X.shape)
    missing = rng.uniform(size=X.shape) < 0.3
    errors = {}
    # Columns that are constant change nothing.
    for n_constant in (0, 80):
        holed = np.where(missing, np.nan, X)
        holed = np.hstack([holed, np.ones((400, n_constant))])
        filled = LocalGaussianImputer(random_state=0).fit_transform(holed)[:, :6]
        errors[n_constant] = np.sqrt(np.square(filled - X)[missing].mean())
    mean = SimpleImputer().fit_transform(np.where(missing, np.nan, X))
    assert errors[0] < 0.4 * np.sqrt(np.square(mean - X)[missing].mean())
    assert errors[80] == pytest.approx(errors[0], rel=0.15)


@pytest.mark.parametrize("n_observed", [0, 1, 100])
def test_features_that_few_samples_have_are_not_sure(n_observed):
    X, _ = load_digits(return_X_y=True)
    covered, deviations = [], []
    for feature in (20, 28, 43):
        rng = np.random.RandomState(feature)
        holed = np.where(rng.uniform(size=X.shape) < 0.1, np.nan, X)
        hidden = rng.permutation(len(X))[n_observed:]
        holed[hidden, feature] = np.nan
        imputer = LocalGaussianImputer(random_state=0).fit(holed)
        filled, std = imputer.impute(holed, return_std=True)
        errors = np.abs(filled - X)[hidden, feature]
        covered.append((errors <= 1.645 * std[hidden, feature]).mean())
        deviations.append(std[hidden, feature].mean())
    # Of none there is no knowing; it was sure of zero.
    assert np.mean(covered) > {0: 0.3, 1: 0.5, 100: 0.85}[n_observed]
    assert np.mean(deviations) > 0.5 * X.std()
