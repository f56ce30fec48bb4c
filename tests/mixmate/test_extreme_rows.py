"""A few rows far beyond all others: told of, and bounded."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import adjusted_rand_score

from skmixmate import GroupSparseAutoencoder, MixMateClustering

from .conftest import small_model

TOLD = "samples are so much larger than the others"


@pytest.mark.parametrize(("value", "n_rows"), [(1e3, 1), (1e5, 17), (1e12, 1)])
def test_extreme_rows_do_not_decide_the_clusters(digits, value, n_rows):
    X, y = digits
    rows = np.random.RandomState(0).choice(len(X), n_rows, replace=False)
    saturated = X.copy()
    saturated[rows] = value
    others = np.delete(np.arange(len(X)), rows)
    parameters = {"init": "k-means", "max_iter": 2, "random_state": 0}
    with pytest.warns(UserWarning, match=f"{n_rows} of 1797 {TOLD}.*{rows.min()}"):
        model = MixMateClustering(10, **parameters).fit(saturated)
    clean = MixMateClustering(10, **parameters).fit(X[others])
    assert_allclose(model.scale_, clean.scale_, rtol=1e-9)
    agreement = adjusted_rand_score(y[others], model.labels_[others])
    assert agreement > adjusted_rand_score(y[others], clean.labels_) - 0.1
    assert_array_equal(model.predict(saturated), model.labels_)
    assert np.isfinite(model.loss_)
    norms = np.linalg.norm(X[others], axis=1)
    assert model.largest_norm_ == pytest.approx(2.0 * norms.max())


def test_one_row_of_few_samples(X):
    few = X[:40].copy()
    few[7] = 1e6
    with pytest.warns(UserWarning, match=rf"1 of 40 {TOLD}.*\(rows 7\)"):
        model = small_model(n_atoms=2).fit(few)
    assert model.loss_ < 1e4


def test_larger_rows_count_as_the_largest(X):
    model = small_model().fit(X)
    model.largest_norm_ = 2.0
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    shrunk = X * np.minimum(1.0, 2.0 / norms)
    assert (norms > 2.0).any()
    found = model.transform(X)
    model.largest_norm_ = None
    assert_allclose(found, model.transform(shrunk), rtol=1e-9)


def test_incomplete_rows_go_by_what_is_observed(X):
    X = X.copy()
    X[7, :6] = np.nan
    X[7, 6:] = 1e6
    with pytest.warns(UserWarning, match=rf"1 of 160 {TOLD}.*\(rows 7\)"):
        model = small_model().fit(X)
    assert_array_equal(model.predict(X), model.labels_)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_autoencoders_bound_them_too(X, method):
    X = X.copy()
    X[3] = 1e9
    model = GroupSparseAutoencoder(3, 2, max_iter=1, alpha=0.01, random_state=0)
    with pytest.warns(UserWarning, match=TOLD):
        getattr(model, method)(X)
    assert np.isfinite(model.loss_)
    assert_array_equal(model.predict(X), model.labels_)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: rng.standard_normal((500, 5)),
        lambda rng: rng.lognormal(sigma=1.5, size=(500, 10)),
        lambda rng: rng.uniform(size=(500, 3)) ** 20,
        lambda rng: np.where(rng.uniform(size=(500, 1)) < 0.5, 0.0, 1.0) * np.ones(4),
        lambda rng: (
            np.repeat([[0.0, 0.0], [1e3, 0.0]], [300, 200], axis=0)
            + rng.standard_normal((500, 2))
        ),
        lambda rng: np.zeros((500, 2)),
        lambda rng: (
            rng.standard_normal((1000, 4))
            + np.where(np.arange(1000) < 20, 60, 0)[:, None]
        ),
        lambda rng: rng.randint(0, 255, (300, 9)).astype(np.uint8),
    ],
    ids=[
        *("normal", "log-normal", "powers", "half zero", "two clusters", "zero"),
        *("small far cluster", "bytes"),
    ],
)
@pytest.mark.filterwarnings("ignore::skmixmate.initializers.InitializationWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_honest_data_are_left_alone(draw):
    X = draw(np.random.RandomState(0))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=f".*{TOLD}")
        model = MixMateClustering(2, init="data", max_iter=1, random_state=0).fit(X)
    assert model.largest_norm_ is None


def test_a_later_batch_or_fit_is_looked_at_too(X):
    later = X.copy()
    later[5] = 1e8
    streamed = small_model().partial_fit(X)
    # Samples of the first batch stand behind those of this one.
    with pytest.warns(UserWarning, match=rf"1 of 320 {TOLD}.*\(rows 5\)"):
        streamed.partial_fit(later)
    warm = small_model(warm_start=True).fit(X)
    with pytest.warns(UserWarning, match=TOLD):
        warm.fit(later)
    for model in (streamed, warm):
        assert model.history_["loss"][-1] < 1e3
        assert_array_equal(model.predict(later), model.labels_)


def test_the_bound_of_a_row_does_not_depend_on_the_others(X):
    model = small_model().fit(X)
    model.largest_norm_ = 2.0
    holed = X.copy()
    holed[:10, 3] = np.nan
    assert_allclose(model.transform(holed)[:10], model.transform(holed[:10]), rtol=1e-9)


def test_few_observed_entries_are_not_extreme():
    rng = np.random.RandomState(0)
    X = rng.uniform(size=(400, 60))
    X[:, 0] *= 50.0
    X[:4, 1:] = np.nan
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=f".*{TOLD}")
        small_model(init="data", max_iter=1).fit(X)


def test_bounded_rows_are_reconstructed_in_their_own_size(X):
    model = small_model().fit(X)
    expected = model.reconstruct(X[:5]), model.reconstruct(X[:5], "all")
    model.largest_norm_ = float(np.linalg.norm(X[:5], axis=1).max())
    found = model.reconstruct(1e6 * X[:5]), model.reconstruct(1e6 * X[:5], "all")
    largest = model.largest_norm_
    for one, other in zip(found, expected, strict=True):
        scale = 1e6 * np.linalg.norm(X[:5], axis=1) / largest
        shrunk = X[:5] / np.linalg.norm(X[:5], axis=1, keepdims=True) * largest
        clusters = "assigned" if other.ndim == 2 else "all"
        wanted = model.reconstruct(shrunk, clusters)
        wanted = wanted * scale.reshape(-1, *(1,) * (wanted.ndim - 1))
        assert_allclose(one, wanted, rtol=1e-6)
    holed = 1e6 * X[:5]
    holed[:, 0] = np.nan
    assert np.abs(model.impute(holed)[:, 0]).max() > 1e4
