"""Missing entries filled in as a step of a Pipeline."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
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
    assert_array_equal(filled, fitted.mixmate_.impute(X))


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
    imputer = MixMateImputer(mixmate, subsample=100, random_state=0).fit(X)
    assert not hasattr(mixmate, "dictionaries_")
    assert imputer.mixmate_.dictionaries_.shape[:2] == (3, 5)
    assert len(imputer.mixmate_.labels_) == 100


def test_tensors_give_tensors(digits, fitted):
    _, X = digits
    filled = fitted.transform(torch.from_numpy(X))
    assert isinstance(filled, torch.Tensor)
    assert_array_equal(filled.numpy(), fitted.transform(X))


def test_bad_subsample_is_named(digits):
    with pytest.raises(ValueError, match="subsample == 0, must be >= 1"):
        MixMateImputer(subsample=0).fit(digits[1])
