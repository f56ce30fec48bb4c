"""What a fitted model answers, against NumPy."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from sklearn.exceptions import NotFittedError

from skmixmate import MixMateClustering
from skmixmate.penalties import L1

from .conftest import small_model, with_missing

READERS = [
    *("predict", "predict_proba", "transform", "score_samples", "score"),
    *("encode", "reconstruct", "impute"),
]


@pytest.mark.parametrize("method", READERS)
def test_not_fitted(method, X):
    with pytest.raises(NotFittedError):
        getattr(MixMateClustering(), method)(X)
    with pytest.raises(NotFittedError):
        MixMateClustering().sample()


def test_shapes(fitted, X):
    X = X[:7]
    assert fitted.predict(X).shape == (7,)
    assert fitted.predict_proba(X).shape == (7, 3)
    assert fitted.transform(X).shape == (7, 3)
    assert fitted.score_samples(X).shape == (7,)
    assert isinstance(fitted.score(X), float)
    n_atoms = fitted.dictionary_sizes_.max()
    assert fitted.encode(X).shape == (7, n_atoms)
    assert fitted.encode(X, "all").shape == (7, 3, n_atoms)
    assert fitted.reconstruct(X).shape == (7, 12)
    assert fitted.reconstruct(X, clusters="all").shape == (7, 3, 12)
    assert fitted.impute(X).shape == (7, 12)


def test_probabilities(fitted, X):
    proba = fitted.predict_proba(X)
    assert_allclose(proba.sum(1), 1.0, rtol=1e-12)
    assert (proba >= 0).all()
    assert_array_equal(proba.argmax(1), fitted.predict(X))
    energies = fitted.transform(X)
    unnormalized = np.exp(energies.min(1, keepdims=True) - energies)
    assert_allclose(proba, unnormalized / unnormalized.sum(1, keepdims=True), 1e-9)
    assert_array_equal(energies.argmin(1), fitted.predict(X))


def scaled_with_intercept(model, X):
    constant = np.full((len(X), 1), model.intercept_scaling_)
    return np.hstack([X / model.scale_, constant])


def atoms_with_intercepts(model):
    return np.concatenate([model.dictionaries_, model.intercepts_[:, :, None]], axis=2)


def test_energies_by_the_formula(fitted, X):
    codes = fitted.encode(X, "all")
    residuals = scaled_with_intercept(fitted, X)[:, None] - np.einsum(
        "nkp,kpm->nkm", codes, atoms_with_intercepts(fitted)
    )
    energies = (
        (residuals**2).sum(-1)
        + fitted.alpha * np.abs(codes).sum(-1)
        - np.log(fitted.weights_)
    )
    assert_allclose(fitted.transform(X), energies, rtol=1e-9)


@pytest.mark.parametrize("nonnegative", [False, True])
def test_codes_are_those_of_plain_fista(nonnegative, X):
    step = 0.05
    model = small_model(penalty=L1(nonnegative=nonnegative), step_size=step).fit(X)
    Z, D = scaled_with_intercept(model, X), atoms_with_intercepts(model)
    for cluster in range(3):
        codes = extrapolated = np.zeros((len(X), D.shape[1]))
        t = 1.0
        for _ in range(model.n_fista_iter):
            gradient = (extrapolated @ D[cluster] - Z) @ D[cluster].T
            moved = extrapolated - step * gradient
            shrunk = np.maximum(np.abs(moved) - step * model.alpha, 0) * np.sign(moved)
            shrunk = np.maximum(shrunk, 0) if nonnegative else shrunk
            t_next = (1 + np.sqrt(1 + 4 * t * t)) / 2
            extrapolated = shrunk + (t - 1) / t_next * (shrunk - codes)
            codes, t = shrunk, t_next
        assert_allclose(model.encode(X, "all")[:, cluster], codes, atol=1e-8)


def test_assigned_codes_are_those_of_the_label(fitted, X):
    rows, labels = np.arange(len(X)), fitted.predict(X)
    assert_array_equal(fitted.encode(X), fitted.encode(X, "all")[rows, labels])


def test_reconstructions_are_codes_times_dictionaries(fitted, X):
    rows, labels = np.arange(len(X)), fitted.predict(X)
    everything = fitted.reconstruct(X, "all")
    expected = fitted.scale_ * np.einsum(
        "nkp,kpm->nkm", fitted.encode(X, "all"), fitted.dictionaries_
    )
    assert_allclose(everything, expected, rtol=1e-9, atol=1e-12)
    assert_allclose(fitted.reconstruct(X), everything[rows, labels], atol=1e-12)
    error = ((X - fitted.reconstruct(X)) ** 2).sum()
    assert error < 0.5 * ((X - X.mean(0)) ** 2).sum()


@pytest.mark.parametrize("clusters", ["each", None, 0, True, ["all"], np.array([0])])
def test_wrong_clusters(clusters, fitted, X):
    for method in (fitted.encode, fitted.reconstruct):
        with pytest.raises(ValueError, match="clusters must be 'assigned' or 'all'"):
            method(X, clusters=clusters)


def test_score(fitted, X):
    scores = fitted.score_samples(X)
    assert_allclose(scores, logsumexp(-fitted.transform(X), axis=1), rtol=1e-12)
    assert fitted.score(X) == pytest.approx(scores.mean(), rel=1e-12)
    weights = np.random.RandomState(0).uniform(size=len(X))
    expected = np.average(scores, weights=weights)
    assert fitted.score(X, sample_weight=weights) == pytest.approx(expected, rel=1e-12)
    only = np.zeros(len(X))
    only[5] = 2.0
    assert fitted.score(X, None, only) == pytest.approx(scores[5], rel=1e-12)
    assert fitted.score(X) > fitted.score(X + 3.0 * X.std())


@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize(
    "method", [method for method in READERS if method not in ("score", "predict")]
)
def test_a_sample_does_not_depend_on_its_batch(method, missing, digits, fitted_digits):
    # More samples than an inference batch, 2**19 // 500 of them.
    X = with_missing(digits[0][:1300], missing)
    function = getattr(fitted_digits, method)
    together = function(X)
    scale = np.abs(together).max()
    for row in (0, 700, 1299):
        alone = function(X[row : row + 1])[0]
        assert_allclose(alone, together[row], atol=1e-7 * scale)
    assert_allclose(function(X[::-1])[::-1], together, atol=1e-7 * scale)


def test_inference_changes_nothing(X):
    model = small_model().fit(X)
    before = {name: np.copy(value) for name, value in vars(model).items()}
    for method in READERS:
        getattr(model, method)(X + 1.0)
    model.sample(5)
    assert before.keys() == vars(model).keys()
    for name, value in before.items():
        assert_array_equal(value, vars(model)[name])


def test_imputation_keeps_what_is_observed(X, X_nan, fitted):
    observed = ~np.isnan(X_nan)
    filled = fitted.impute(X_nan)
    assert_array_equal(filled[observed], X[observed])
    assert np.isfinite(filled).all()
    assert_array_equal(fitted.impute(X), X)
    integers = (10 * X).astype(np.int64)
    assert_array_equal(fitted.impute(integers), integers)


def test_imputation_by_a_single_precision_model_keeps_doubles(X, X_nan):
    model = small_model().fit(X.astype(np.float32))
    observed = ~np.isnan(X_nan)
    assert_array_equal(model.impute(X_nan)[observed], X[observed])


def test_imputation_is_the_expected_reconstruction(X_nan, fitted):
    missing = np.isnan(X_nan)
    proba = fitted.predict_proba(X_nan)
    expected = np.einsum("nk,nkm->nm", proba, fitted.reconstruct(X_nan, "all"))
    assert_allclose(fitted.impute(X_nan)[missing], expected[missing], rtol=1e-9)


def test_imputation_of_digits_beats_column_means(digits):
    X = digits[0]
    X_nan = with_missing(X, 0.2)
    missing = np.isnan(X_nan)
    model = MixMateClustering(10, max_iter=2, random_state=0).fit(X_nan)
    errors = (model.impute(X_nan) - X)[missing]
    means = np.broadcast_to(np.nanmean(X_nan, axis=0), X.shape)
    assert (errors**2).mean() < 0.5 * ((means - X)[missing] ** 2).mean()


def test_samples(digits, fitted_digits):
    X, y = fitted_digits.sample(2000)
    assert X.shape == (2000, 64)
    assert y.shape == (2000,)
    assert set(y) == set(range(10))
    again = fitted_digits.sample(2000)
    assert_array_equal(again[0], X)
    assert_array_equal(again[1], y)
    spread = digits[0].std()
    for cluster in range(10):
        members = digits[0][fitted_digits.labels_ == cluster]
        difference = X[y == cluster].mean(0) - members.mean(0)
        assert np.sqrt((difference**2).mean()) < 0.15 * spread
    shares = np.bincount(y) / 2000
    assert_allclose(shares, fitted_digits.weights_, atol=0.03)
    assert (fitted_digits.predict(X) == y).mean() > 0.9


def test_samples_of_a_nonnegative_model(X):
    model = small_model(penalty=L1(nonnegative=True)).fit(X)
    assert model.sample()[0].shape == (1, 12)
    model.dictionaries_ = np.abs(model.dictionaries_)
    assert (model.sample(50)[0] >= 0).all()


@pytest.mark.parametrize("n_samples", [0, -1, 2.5, "3", None, True])
def test_wrong_number_of_samples(n_samples, fitted):
    with pytest.raises((TypeError, ValueError), match="n_samples"):
        fitted.sample(n_samples)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "transform", "encode"])
@pytest.mark.parametrize(("dtype", "size"), [(np.float32, 1e30), (np.float64, 1e300)])
def test_one_sample_that_is_too_large_is_an_error(X, method, dtype, size):
    X = X.astype(dtype)
    model = small_model(max_iter=1).fit(X)
    X = X.copy()
    X[7, 3] = size
    with pytest.raises(ValueError, match=r"too large for the fitted model.*scale_="):
        getattr(model, method)(X)
