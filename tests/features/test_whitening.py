"""Partly whitened principal components."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import TruncatedSVD

from skmixmate import PartialWhitening


@pytest.fixture
def X():
    random_state = np.random.RandomState(0)
    scales = np.geomspace(10.0, 0.1, 12)
    return 3.0 + random_state.standard_normal((200, 12)) * scales


def test_power_zero_is_a_truncated_svd(X):
    svd = TruncatedSVD(4, algorithm="arpack", random_state=0).fit(X)
    whitening = PartialWhitening(4, power=0.0).fit(X)
    assert_allclose(np.abs(whitening.transform(X)), np.abs(svd.transform(X)), atol=1e-8)
    assert_allclose(
        whitening.root_mean_squares_, svd.singular_values_ / np.sqrt(len(X))
    )


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_components_are_divided_by_a_power_of_their_size(X, power):
    whitening = PartialWhitening(5, power=power).fit(X)
    Z = whitening.transform(X)
    moments = Z.T @ Z / len(X)
    expected = np.diag(whitening.root_mean_squares_ ** (2.0 * (1.0 - power)))
    assert_allclose(moments, expected, atol=1e-9)


def test_a_multiple_of_the_data_has_the_directions_of_the_data(X):
    Z, scaled = (PartialWhitening(5).fit_transform(x) for x in (X, 100.0 * X))
    assert_allclose(scaled, 10.0 * Z, rtol=1e-8)  # 100 to the power of one half.


def test_wide_data_give_the_components_of_their_samples(X):
    wide = X[:6]
    whitening = PartialWhitening(500, power=0.0).fit(wide)
    assert whitening.n_components_ == 6
    Z = whitening.transform(wide)
    assert_allclose(Z @ whitening.components_, wide, atol=1e-8)
    assert_allclose(Z.T @ Z / 6, np.diag(whitening.root_mean_squares_**2), atol=1e-8)


def test_directions_without_samples_are_no_components(X):
    low_rank = X[:, :3] @ np.random.RandomState(1).standard_normal((3, 12))
    whitening = PartialWhitening(10, power=1.0).fit(low_rank)
    assert whitening.n_components_ == 3
    assert_allclose(np.mean(whitening.transform(low_rank) ** 2, axis=0), 1.0)


def test_single_precision_agrees_with_double(X):
    double = PartialWhitening(5).fit_transform(X)
    single = PartialWhitening(5).fit_transform(X.astype(np.float32))
    assert single.dtype == np.float32
    assert_allclose(single, double, rtol=1e-3, atol=1e-4)


def test_subsample_bounds_what_is_read(X):
    whole = PartialWhitening(5, subsample=200).fit(X)
    assert_allclose(whole.components_, PartialWhitening(5).fit(X).components_)
    some = PartialWhitening(5, subsample=100, random_state=0).fit(X)
    rows = np.random.RandomState(0).permutation(200)[:100]
    expected = PartialWhitening(5).fit(X[rows])
    assert_allclose(some.root_mean_squares_, expected.root_mean_squares_)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_components": 0}, "n_components == 0, must be >= 1"),
        ({"n_components": 2.5}, "n_components must be an integer"),
        ({"power": 1.5}, r"power must be in \[0, 1\], got 1.5"),
        ({"power": -0.1}, "power == -0.1, must be >= 0"),
        ({"subsample": 0}, "subsample == 0, must be >= 1"),
    ],
)
def test_bad_parameters_are_named(X, parameters, message):
    with pytest.raises((TypeError, ValueError), match=message):
        PartialWhitening(**parameters).fit(X)


@pytest.mark.parametrize("shape", [(40, 6), (6, 40)])
def test_data_too_large_to_square_are_refused(shape):
    X = np.full(shape, 1e300)
    X[::2] *= -1.0
    with pytest.raises(ValueError, match="too large to square in double precision"):
        PartialWhitening(3).fit(X)


def test_sums_of_single_precision_may_overflow():
    X = np.full((40, 6), 3e38, dtype=np.float32)
    X[:, ::2] *= -1.0
    whitening = PartialWhitening(3).fit(X)  # Warnings are errors.
    assert_allclose(whitening.root_mean_squares_, [3e38 * np.sqrt(6.0)], rtol=1e-6)


def test_blank_data_are_refused(X):
    with pytest.raises(ValueError, match="All entries of X are zero"):
        PartialWhitening().fit(np.zeros_like(X))


@pytest.mark.parametrize("order", [1, -1])
def test_batches_in_any_order_are_one_fit(X, order):
    whitening = PartialWhitening(5)
    for batch in np.array_split(X, [7, 9, 120])[::order]:
        whitening.partial_fit(batch)
    expected = PartialWhitening(5).fit(X)
    assert whitening.n_samples_seen_ == expected.n_samples_seen_ == len(X)
    for name in ("components_", "root_mean_squares_"):
        assert_allclose(getattr(whitening, name), getattr(expected, name), rtol=1e-9)


def test_a_fit_forgets_a_stream_and_a_stream_a_fit(X):
    whitening = PartialWhitening(5).partial_fit(2.0 * X).fit(X).partial_fit(X[:150])
    assert whitening.n_samples_seen_ == 150
    expected = PartialWhitening(5).fit(X[:150])
    assert_allclose(whitening.components_, expected.components_, rtol=1e-9)


def test_what_cannot_be_learned_from_leaves_the_stream_as_it_was(X):
    whitening = PartialWhitening(5).partial_fit(X)
    with pytest.raises(ValueError, match="too large to square"):
        whitening.partial_fit(X * 1e200)
    with pytest.raises(ValueError, match="expecting 12 features"):
        whitening.partial_fit(X[:, :-1])
    expected = PartialWhitening(5).partial_fit(X)
    assert_allclose(whitening.components_, expected.components_, rtol=1e-12)
    assert whitening.n_samples_seen_ == len(X)
    with pytest.raises(ValueError, match="All entries of X are zero"):
        PartialWhitening().partial_fit(np.zeros_like(X))


def test_a_stream_of_whitening_goes_on_after_a_pickle(X):
    whitening = PartialWhitening(5).partial_fit(X[:50].astype(np.float32))
    assert whitening.components_.dtype == np.float32
    pickled = pickle.loads(pickle.dumps(whitening)).partial_fit(X[50:])
    assert_array_equal(pickled.components_, whitening.partial_fit(X[50:]).components_)
    assert whitening.components_.dtype == np.float64
