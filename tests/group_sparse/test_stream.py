"""What `partial_fit` of the autoencoders makes of a stream."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skmixmate import SparseAutoencoder
from skmixmate.base import stream

from .conftest import small_model


def of_single_atoms(max_iter=4, **parameters):
    shared = {"init": "data", "batch_size": 64, "random_state": 0}
    return SparseAutoencoder(10, max_iter=max_iter, **shared, **parameters)


ESTIMATORS = {"groups": small_model, "atoms": of_single_atoms}


@pytest.mark.parametrize("make", ESTIMATORS.values(), ids=ESTIMATORS)
def test_a_sorted_stream_explains_all_samples(make, X, fitted):
    """Also those that have not come for long."""
    order = np.argsort(fitted.labels_, kind="stable")
    model = make(init_size=80)
    for batch in np.array_split(X[order], 10):
        model.partial_fit(batch)
        assert_array_equal(model.labels_, model.predict(batch))
    assert len(model._stream.reservoir) == 80
    gain = model.score(X) - make(max_iter=0).fit(X).score(X)
    assert gain > 0.7 * (make().fit(X).score(X) - make(max_iter=0).fit(X).score(X))


@pytest.mark.parametrize("make", ESTIMATORS.values(), ids=ESTIMATORS)
def test_a_stream_goes_on_after_a_pickle(make, X):
    plain, pickled = make(init_size=80), make(init_size=80)
    for batch in np.array_split(X, 5):
        plain.partial_fit(batch)
        pickled = pickle.loads(pickle.dumps(pickled)).partial_fit(batch)
    assert_array_equal(plain.dictionary_, pickled.dictionary_)
    assert_array_equal(plain.labels_, pickled.labels_)


def test_groups_keep_their_numbers_where_a_start_finds_them_again(X, monkeypatch):
    model = small_model().partial_fit(X[:100])
    before = model.dictionary_
    found_again = np.array([3, 0, 4, 1, 2])
    run = model._fit_type.run

    def turned(self):
        # The model that there is, but for the order of its groups.
        fitted, interrupted_run = run(self)
        atoms = before.reshape(5, 2, -1)[found_again].reshape(before.shape)
        fitted = stream.replace(fitted, dictionary_=atoms, last=None)
        fitted = self.described(fitted)
        lower = stream.replace(fitted.last, loss_=-1.0)
        return stream.replace(fitted, last=lower), interrupted_run

    monkeypatch.setattr(model._fit_type, "run", turned)
    model.set_params(learning_rate=1e-9).partial_fit(X[100:])
    assert_allclose(model.dictionary_, before, atol=1e-6)
