"""Saved and loaded, copied: the same answers bit for bit."""

import copy
import io
import pickle

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from skmixmate.penalties import GroupL2

from .conftest import small_model


def by_pickle(model, folder):
    return pickle.loads(pickle.dumps(model))


def by_joblib(model, folder):
    joblib.dump(model, folder / "model.joblib")
    return joblib.load(folder / "model.joblib")


def by_memory_map(model, folder):
    joblib.dump(model, folder / "model.joblib")
    loaded = joblib.load(folder / "model.joblib", mmap_mode="r")
    assert isinstance(loaded.dictionaries_, np.memmap)
    assert not loaded.dictionaries_.flags.writeable
    return loaded


def by_deepcopy(model, folder):
    return copy.deepcopy(model)


def by_skops(model, folder):
    skops = pytest.importorskip("skops.io")
    data = skops.dumps(model)
    untrusted = skops.get_untrusted_types(data=data)
    assert all(name.startswith("skmixmate.") for name in untrusted)
    return skops.loads(data, trusted=untrusted)


WAYS = [by_pickle, by_joblib, by_memory_map, by_deepcopy, by_skops]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    "parameters",
    [{}, {"penalty": GroupL2(2), "fit_intercept": False, "fit_weights": True}],
    ids=["default", "group"],
)
def test_the_same_answers(way, method, parameters, X_nan, tmp_path):
    model = getattr(small_model(**parameters), method)(X_nan)
    loaded = way(model, tmp_path)
    for name in ("predict", "transform", "encode", "reconstruct", "impute"):
        assert_array_equal(getattr(loaded, name)(X_nan), getattr(model, name)(X_nan))
    assert loaded.score(X_nan) == model.score(X_nan)
    assert_array_equal(loaded.sample(4)[0], model.sample(4)[0])
    assert loaded.get_params() == model.get_params()
    assert vars(loaded).keys() == vars(model).keys()
    for key, values in model.history_.items():
        assert_array_equal(loaded.history_[key], values)


@pytest.mark.parametrize("way", WAYS)
def test_a_loaded_model_learns_on(way, X_nan, tmp_path):
    model = small_model(warm_start=True).partial_fit(X_nan)
    loaded = way(model, tmp_path)
    model.partial_fit(X_nan)
    loaded.partial_fit(X_nan)
    assert_array_equal(loaded.dictionaries_, model.dictionaries_)
    assert_array_equal(loaded.fit(X_nan).dictionaries_, model.fit(X_nan).dictionaries_)


def things_in(value):
    yield value
    if isinstance(value, dict):
        for item in value.items():
            yield from things_in(item)
    elif isinstance(value, (list, tuple, set)):
        for item in value:
            yield from things_in(item)
    elif hasattr(value, "__dict__") and not isinstance(value, type):
        yield from things_in(vars(value))


def test_the_search_for_torch_objects_finds_them():
    model = small_model()
    model.hidden_ = [{"state": (torch.zeros(1),)}]
    assert any(isinstance(thing, torch.Tensor) for thing in things_in(model))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("convert", [np.asarray, torch.tensor])
def test_no_torch_object_is_kept(method, convert, X):
    model = getattr(small_model(fit_weights=True), method)(convert(X))
    model.predict(convert(X))
    for thing in things_in(model):
        assert type(thing).__module__.split(".")[0] != "torch", thing
    assert b"torch" not in pickle.dumps(model)


def test_a_pickle_is_about_as_large_as_its_parameters(X):
    model = small_model().fit(X)
    buffer = io.BytesIO()
    pickle.dump(model, buffer)
    arrays = (model.dictionaries_, model.labels_, model.code_covariances_)
    assert buffer.tell() < 2 * sum(array.nbytes for array in arrays) + 5000
