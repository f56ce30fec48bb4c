"""Missing entries filled in as a step of a Pipeline."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.impute import SimpleImputer

from skmixmate import MixMateClustering, MixMateImputer


@pytest.fixture(scope="module")
def digits():
    """Complete digits, and the same with a fifth of the pixels missing in most."""
    X = load_digits().data[:500]
    missing = np.random.RandomState(0).uniform(size=X.shape) < 0.2
    missing[:50] = False
    return X, np.where(missing, np.nan, X)


@pytest.fixture(scope="module")
def fitted(digits):
    return MixMateImputer(random_state=0).fit(digits[1])


def test_complete_data_pass_unchanged_and_nothing_is_fitted(digits):
    X, _ = digits
    imputer = MixMateImputer().fit(X)
    assert imputer.mixmate_ is None
    assert_array_equal(imputer.transform(X), X)


def test_what_is_observed_stays_and_the_rest_is_filled(digits, fitted):
    _, X = digits
    filled = fitted.transform(X)
    observed = ~np.isnan(X)
    assert_array_equal(filled[observed], X[observed])
    assert np.isfinite(filled).all()
    incomplete = np.isnan(X).any(axis=1)
    expected = fitted.mixmate_.impute(X[incomplete])
    assert_array_equal(filled[incomplete], expected)


def test_better_than_the_mean_of_each_pixel(digits, fitted):
    complete, X = digits
    mean = SimpleImputer(keep_empty_features=True).fit_transform(X)
    missing = np.isnan(X)
    error, baseline = (
        np.square((filled - complete)[missing]).mean()
        for filled in (fitted.transform(X), mean)
    )
    assert error < 0.6 * baseline


def test_missing_entries_only_after_fit_are_refused(digits):
    complete, X = digits
    imputer = MixMateImputer().fit(complete)
    with pytest.raises(ValueError, match="there were none in fit"):
        imputer.transform(X)


def test_the_same_seed_gives_the_same_numbers(digits, fitted):
    _, X = digits
    again = MixMateImputer(random_state=0).fit(X)
    assert_array_equal(again.transform(X), fitted.transform(X))


def test_a_given_mixture_is_cloned_and_fitted_to_some(digits):
    _, X = digits
    mixmate = MixMateClustering(3, n_atoms=5, max_iter=1, random_state=1)
    imputer = MixMateImputer(mixmate, subsample=40, random_state=0).fit(X)
    assert not hasattr(mixmate, "dictionaries_")
    assert imputer.mixmate_.dictionary_sizes_.shape == (3,)
    assert imputer.mixmate_.n_atoms_ == 5
    assert len(imputer.mixmate_.labels_) == 40


def test_huge_numbers_are_not_missing():
    # Their sum is no number. (A tensor, since scikit-learn warns of such arrays.)
    X = torch.tensor([[1e308, 1e308, -1e308, -1e308, 1.0]] * 3, dtype=torch.float64)
    imputer = MixMateImputer().fit(X)
    assert imputer.mixmate_ is None
    assert_array_equal(imputer.transform(X), X)


def test_tensors_give_tensors(digits, fitted):
    _, X = digits
    filled = fitted.transform(torch.from_numpy(X))
    assert isinstance(filled, torch.Tensor)
    assert_array_equal(filled.numpy(), fitted.transform(X))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"subsample": 0}, "subsample == 0, must be >= 1"),
        ({"always": "yes"}, "always must be True or False, got 'yes'"),
        ({"mixmate": KMeans(3)}, "mixmate must be None or a MixMateClustering, got K"),
    ],
)
def test_bad_parameters_are_named(digits, parameters, message):
    for X in digits:
        with pytest.raises((TypeError, ValueError), match=message):
            MixMateImputer(**parameters).fit(X)


def test_always_fills_in_what_was_complete_in_fit(digits):
    complete, X = digits
    imputer = MixMateImputer(always=True, random_state=0).fit(complete)
    assert np.isfinite(imputer.transform(X)).all()


def test_the_input_is_never_touched(digits, fitted):
    for X in digits:
        X = X.copy()
        before = X.copy()
        X.flags.writeable = False  # As memory maps are.
        filled = fitted.transform(X)
        filled[:] = -1.0
        assert_array_equal(X, before)


def test_complete_samples_are_enough_if_there_are_many(digits):
    complete, X = digits
    X = complete.copy()
    X[:100, 20] = np.nan
    imputer = MixMateImputer(subsample=400, random_state=0).fit(X)
    assert len(imputer.mixmate_.labels_) == 400
    alone = MixMateImputer(subsample=400, random_state=0, always=True)
    expected = alone.fit(complete[100:])
    # Fitted to the complete ones, in another order.
    assert imputer.mixmate_.scale_ == pytest.approx(expected.mixmate_.scale_)


def test_a_feature_that_few_observe_is_in_the_subsample(digits):
    _, X = digits
    X = X.copy()
    X[:, 30] = np.nan
    X[:, 31] = np.nan
    X[490, 30] = X[491, 31] = 7.0
    imputer = MixMateImputer(subsample=40, random_state=0).fit(X)
    assert len(imputer.mixmate_.labels_) <= 42
    assert np.isfinite(imputer.transform(X)).all()
