"""Learning batch by batch."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

from skmixmate.base import fit
from skmixmate.datasets import make_dictionary_mixture

from .conftest import small_model


def batches(X, n_batches=4):
    return np.array_split(X, n_batches)


def mean_energy(model, X):
    return (model.predict_proba(X) * model.transform(X)).sum(1).mean()


def test_more_batches_lower_the_loss():
    X = make_dictionary_mixture(800, n_atoms=4, n_features=20, random_state=0).data
    model = small_model()
    losses = [mean_energy(model.partial_fit(batch), X) for batch in batches(X, 8)]
    assert losses[-1] < 0.95 * losses[0]
    lengths = {len(values) for values in model.history_.values()}
    assert lengths == {len(model.history_["loss"])} == {model.n_iter_}


def test_labels_are_those_of_the_batch(X_nan):
    model = small_model(missing="mask")
    for batch in (X_nan[:100], X_nan[100:]):
        assert model.partial_fit(batch) is model
        assert_array_equal(model.labels_, model.predict(batch))
        assert model.loss_ == pytest.approx(mean_energy(model, batch), rel=1e-9)


def test_same_seed_same_bits(X):
    first, again = small_model(), small_model()
    for batch in batches(X):
        first.partial_fit(batch)
    for batch in batches(X):
        again.partial_fit(batch)
    assert_array_equal(first.dictionaries_, again.dictionaries_)
    assert_array_equal(first.history_["loss"], again.history_["loss"])


@pytest.mark.parametrize("fit_weights", [False, True])
def test_pickling_between_batches_changes_nothing(fit_weights, X_nan):
    plain = small_model(fit_weights=fit_weights)
    pickled = small_model(fit_weights=fit_weights)
    for batch in batches(X_nan):
        plain.partial_fit(batch)
        pickled = pickle.loads(pickle.dumps(pickled)).partial_fit(batch)
    assert_array_equal(plain.dictionaries_, pickled.dictionaries_)
    assert_array_equal(plain.weights_, pickled.weights_)


def test_the_optimiser_goes_on(X):
    model = small_model().fit(X)
    for batch in batches(X):
        model.partial_fit(batch)
    # In batches of 64 after a fit, 40 samples and then as many as 80 beside them.
    assert {float(state["step"]) for state in model._optimizer_state} == {7.0}
    kept = pickle.loads(pickle.dumps(model)).partial_fit(X).dictionaries_
    model._optimizer_state = None
    assert not np.array_equal(model.partial_fit(X).dictionaries_, kept)


def test_starts_set_the_scale_and_batches_between_them_do_not(X):
    model = small_model().partial_fit(X[:80])
    scale = model.scale_
    model.partial_fit(10.0 * X[80:100])
    assert model.scale_ == scale
    model.partial_fit(10.0 * X)
    assert model.scale_ > 5.0 * scale
    assert model.n_features_in_ == 12


def test_after_fit_it_goes_on_from_there(X):
    model = small_model().fit(X)
    before = model.dictionaries_
    model.set_params(learning_rate=1e-9).partial_fit(X[:50])
    assert_allclose(model.dictionaries_, before, atol=1e-6)
    assert len(model.history_["loss"]) == 5
    assert model.n_iter_ == 5


def test_fit_after_partial_fit_starts_anew(X, fitted):
    model = small_model().partial_fit(X[:70] ** 2).fit(X)
    assert_array_equal(model.dictionaries_, fitted.dictionaries_)


def test_later_batches_may_be_small(X):
    model = small_model().partial_fit(X[:100])
    model.partial_fit(X[100:101])
    assert model.labels_.shape == (1,)


def test_a_column_may_be_missing_from_a_later_batch(X):
    batch = X[100:].copy()
    batch[:, 3] = np.nan
    model = small_model().partial_fit(X[:100]).partial_fit(batch)
    assert np.isfinite(model.dictionaries_).all()


def test_first_batch_with_too_few_samples(X):
    model = small_model()
    with pytest.raises(ValueError, match="n_samples=2 must be at least n_clusters=3"):
        model.partial_fit(X[:2])
    with pytest.raises(NotFittedError):
        model.predict(X)
    assert_array_equal(
        model.partial_fit(X).dictionaries_, small_model().partial_fit(X).dictionaries_
    )


def test_masked_batches_are_nan_batches(X, X_nan):
    masked, nan = small_model(), small_model()
    for rows in np.array_split(np.arange(160), 3):
        masked.partial_fit(X[rows], mask=~np.isnan(X_nan[rows]))
        nan.partial_fit(X_nan[rows])
    assert_array_equal(masked.dictionaries_, nan.dictionaries_)


def test_statistics_are_over_all_batches(X):
    # A learning rate of next to nothing: the codes of a sample stay as they are.
    model = small_model(learning_rate=1e-9).partial_fit(X)
    for part in (X[:5], X[5:9]):
        sizes = model.cluster_sizes_
        counted = np.bincount(model.predict(part), minlength=model.n_clusters)
        assert_array_equal(model.partial_fit(part).cluster_sizes_, sizes + counted)
    both = np.concatenate([X, X[:9]])
    codes, labels = model.encode(both), model.predict(both)
    for cluster in range(model.n_clusters):
        members = codes[labels == cluster]
        tolerance = {"rtol": 1e-3, "atol": 1e-3}
        assert_allclose(model.code_means_[cluster], members.mean(0), **tolerance)
        assert_allclose(
            model.atom_usage_[cluster], np.abs(members).mean(0), **tolerance
        )
        covariance = np.cov(members.T, bias=True)
        assert_allclose(model.code_covariances_[cluster], covariance, **tolerance)


def test_samples_are_drawn_from_clusters_that_have_members(X):
    model = small_model().partial_fit(X)
    model.cluster_sizes_[1:] = 0
    assert set(model.sample(50)[1]) == {0}


def test_batches_from_one_seed_come_in_another_order_each_time(X, monkeypatch):
    seeds = []
    make = fit.torch_generator

    def recorded(*args, **kwargs):
        generator = make(*args, **kwargs)
        seeds.append(generator.initial_seed())
        return generator

    monkeypatch.setattr(fit, "torch_generator", recorded)
    small_model().partial_fit(X).partial_fit(X)
    assert len(set(seeds)) == len(seeds) >= 2


def test_the_learning_rate_does_not_fall_from_batch_to_batch(X):
    constant, linear = (
        small_model(learning_rate_schedule=schedule)
        .partial_fit(X[:80])
        .partial_fit(X[80:])
        for schedule in ("constant", "linear")
    )
    assert_array_equal(linear.dictionaries_, constant.dictionaries_)


def test_weights_of_a_stream_are_those_of_all_batches():
    """A sample more for each cluster once, and not in every call."""
    rng = np.random.RandomState(0)
    X = np.where(rng.uniform(size=(1000, 1)) < 0.9, 10.0, -10.0) * np.ones(4)
    X += 0.1 * rng.standard_normal(X.shape)
    start = np.stack([X[X[:, 0] > 0][:3], X[X[:, 0] < 0][:3]])
    model = small_model(n_clusters=2, n_atoms=3, init=start, fit_weights=True)
    for batch in (X[:400], *np.array_split(X[400:], 200)):
        model.partial_fit(batch)
    share = (X[:, 0] > 0).mean()
    assert_allclose(model.weights_, [share, 1 - share], atol=0.01)
