"""Rows and columns without any observed entry: blank records, dead sensors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmixmate import GroupSparseAutoencoder, LocalGaussianImputer
from skmixmate.modules import DictionaryMixture, UnfoldedEncoder

from .conftest import small_model

ROWS = "ignore:.*row.* of X have no observed entry:UserWarning"


def with_empty_rows(X, *rows):
    X = X.copy()
    X[list(rows)] = np.nan
    return X


def with_empty_columns(X, *columns):
    X = X.copy()
    X[:, list(columns)] = np.nan
    return X


@pytest.mark.parametrize("method", ["predict", "transform", "encode", "impute"])
def test_an_empty_row_is_told_of_and_changes_no_other(fitted, X, method):
    expected = getattr(fitted, method)(X[:20])
    with pytest.warns(UserWarning, match=r"1 row\(s\) of X have no .* row 7;"):
        found = getattr(fitted, method)(with_empty_rows(X[:20], 7))
    others = np.arange(20) != 7
    assert_allclose(found[others], expected[others], rtol=1e-9, atol=1e-12)


@pytest.mark.filterwarnings(ROWS)
def test_of_an_empty_row_the_weights_decide(X):
    model = small_model(fit_weights=True).fit(X)
    proba = model.predict_proba(with_empty_rows(X, 3))[3]
    assert_allclose(proba, model.weights_, rtol=1e-9)
    assert_array_equal(model.encode(with_empty_rows(X, 3))[3], 0.0)


@pytest.mark.filterwarnings(ROWS)
def test_an_empty_row_is_filled_with_the_mean_of_reconstructions(fitted, X):
    filled = fitted.impute(with_empty_rows(X, 3, 5))
    assert_allclose(filled[3], fitted.reconstruct(X).mean(0), rtol=1e-6)
    assert_array_equal(filled[3], filled[5])


@pytest.mark.filterwarnings(ROWS)
def test_fit_learns_nothing_from_empty_rows(X):
    model = small_model().fit(with_empty_rows(X, 3, 5))
    assert model.labels_.shape == (len(X),)
    assert_array_equal(model.labels_, model.predict(with_empty_rows(X, 3, 5)))
    assert model.cluster_sizes_.sum() == len(X) - 2
    others = np.delete(np.arange(len(X)), [3, 5])
    usage = np.abs(model.encode(X)[others])
    for cluster in range(3):
        members = model.labels_[others] == cluster
        assert_allclose(model.atom_usage_[cluster], usage[members].mean(0), rtol=1e-6)


@pytest.mark.filterwarnings(ROWS)
def test_starts_see_no_empty_rows(X):
    seen = []

    def init(X, n_clusters, random_state):
        seen.append(len(X))
        return np.arange(len(X)) % n_clusters

    X = with_empty_rows(X, *range(0, 160, 2))
    X[1::4, 0] = np.nan  # Too few complete ones are left.
    small_model(init=init, init_size=160).fit(X)
    assert seen == [80]


def test_nothing_observed_at_all_is_an_error(X):
    with pytest.raises(ValueError, match="X has no observed entry"):
        small_model().fit(np.full_like(X, np.nan))


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_columns_never_observed_are_left_out(X, fit_intercept):
    parameters = {"fit_intercept": fit_intercept, "init": "k-means"}
    model = small_model(**parameters).fit(with_empty_columns(X, 2, 6))
    kept = np.delete(np.arange(X.shape[1]), [2, 6])
    without = small_model(**parameters).fit(X[:, kept])
    assert_array_equal(np.flatnonzero(~model.observed_features_), [2, 6])
    assert model.dictionaries_.shape[2] == model.n_features_in_ == X.shape[1]
    assert_array_equal(model.dictionaries_[:, :, [2, 6]], 0.0)
    assert_allclose(model.dictionaries_[:, :, kept], without.dictionaries_, atol=1e-4)
    assert_allclose(model.loss_, without.loss_, rtol=1e-4)
    assert without.observed_features_ is None
    # Whatever they have later.
    other = X.copy()
    other[:, [2, 6]] = 1e6
    assert_array_equal(model.transform(other), model.transform(X))
    assert_array_equal(model.impute(with_empty_columns(X, 2, 6))[:, 6], 0.0)


def test_a_column_that_is_observed_later_is_learned_then(X):
    model = small_model().partial_fit(with_empty_columns(X, 2))
    assert not model.observed_features_[2]
    with pytest.warns(UserWarning, match="1 features of X are observed for the first"):
        model.partial_fit(X)
    assert model.observed_features_ is None
    assert (model.dictionaries_[:, :, 2] != 0).any()
    model.partial_fit(with_empty_columns(X, 4))
    assert model.observed_features_ is None
    assert (model.dictionaries_[:, :, 4] != 0).any()
    assert_array_equal(model.labels_, model.predict(with_empty_columns(X, 4)))


@pytest.mark.parametrize("method", ["transform", "predict_proba", "reconstruct"])
def test_a_column_that_is_missing_throughout_goes_the_fast_way(
    fitted, X, method, monkeypatch
):
    """To the same numbers as entry by entry, where one sample has the column."""
    missing = with_empty_columns(X, 3)
    mixed = np.concatenate([missing, X[:1]])
    expected = getattr(fitted, method)(mixed)[:-1]
    masks = []
    original = UnfoldedEncoder.encode

    def encode(self, X, observed, *args, **options):
        masks.append(observed)
        return original(self, X, observed, *args, **options)

    monkeypatch.setattr(DictionaryMixture, "encode", encode)
    assert_allclose(getattr(fitted, method)(missing), expected, rtol=1e-8, atol=1e-10)
    assert masks == [None]


@pytest.mark.filterwarnings(ROWS)
def test_autoencoders_take_them_too(X):
    missing = with_empty_columns(with_empty_rows(X, 3), 2)
    model = GroupSparseAutoencoder(3, 2, max_iter=2, alpha=0.01, random_state=0)
    model.fit(missing)
    assert model.labels_[3] == -1
    assert_array_equal(model.dictionary_[:, 2], 0.0)
    assert_array_equal(model.labels_, model.predict(missing))
    other = X.copy()
    other[:, 2] = -1e6
    assert_array_equal(model.transform(other), model.transform(X))


@pytest.mark.filterwarnings(ROWS)
def test_the_imputer_fills_them(X):
    missing = with_empty_columns(with_empty_rows(X, 3), 2)
    imputer = LocalGaussianImputer(random_state=0).fit(missing)
    filled = imputer.transform(missing)
    assert np.isfinite(filled).all()
    assert_array_equal(filled[:, 2], 0.0)
    observed = ~np.isnan(missing)
    assert_array_equal(filled[observed], missing[observed])
