"""PyTorch's modes that a caller may have set change no number."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone

from skmixmate import (
    GroupSparseAutoencoder,
    LocalGaussianImputer,
    MagnitudeSpectrum,
    MixMateClustering,
    NeighborVoting,
    ScatteringTransform,
    ScatteringTransform1D,
    SparseSubspaceClustering,
)
from skmixmate.datasets import make_dictionary_mixture
from skmixmate.penalties import GroupL2

MIXMATE = MixMateClustering(
    3, n_atoms=4, init="k-means", max_iter=2, batch_size=64, random_state=0
)


@contextmanager
def set_globally(setter, value, before):
    setter(value)
    try:
        yield
    finally:
        setter(before)


MODES = {
    "bfloat16": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "float16": lambda: torch.autocast("cpu", dtype=torch.float16),
    "no_grad": torch.no_grad,
    "inference": torch.inference_mode,
    "double": lambda: set_globally(
        torch.set_default_dtype, torch.float64, torch.get_default_dtype()
    ),
    "half": lambda: set_globally(
        torch.set_default_dtype, torch.float16, torch.get_default_dtype()
    ),
    "device": lambda: torch.device("meta"),
    "default device": lambda: set_globally(torch.set_default_device, "meta", None),
    "deterministic": lambda: set_globally(
        torch.use_deterministic_algorithms, True, False
    ),
}
READERS = (
    *("predict", "predict_proba", "transform", "score_samples", "encode"),
    *("reconstruct", "impute"),
)


@pytest.fixture(scope="module")
def X():
    return make_dictionary_mixture(
        160, n_clusters=3, n_atoms=4, n_features=16, n_nonzero_coefs=2, random_state=0
    ).data.astype(np.float32)


def numbers(estimator, X):
    """All that an estimator finds in X, as arrays, and of tensors as well."""
    model = clone(estimator).fit(X)
    found = [
        value
        for name, value in sorted(vars(model).items())
        if name.endswith("_") and isinstance(value, np.ndarray)
    ]
    readers = [name for name in READERS if hasattr(model, name)]
    for data in (X, torch.from_numpy(X)):
        found += [np.asarray(getattr(model, name)(data)) for name in readers]
    if hasattr(model, "inverse_transform"):
        codes = torch.from_numpy(model.transform(X))
        found.append(model.inverse_transform(codes).numpy())
    if hasattr(model, "representation_"):
        found.append(model.representation_.toarray())
    if hasattr(model, "sample"):
        found.append(model.sample(5)[0])
    if hasattr(model, "partial_fit"):
        found.append(model.partial_fit(X).transform(X))
    return found


def with_missing(X):
    return np.where(np.random.RandomState(0).uniform(size=X.shape) < 0.2, np.nan, X)


@pytest.fixture(scope="module")
def expected(X):
    """What `numbers` gives without a mode, computed once for each estimator."""
    kept = {}

    def numbers_without(name):
        if name not in kept:
            estimator, prepare = ESTIMATORS[name]
            kept[name] = numbers(estimator, prepare(X))
        return kept[name]

    return numbers_without


ESTIMATORS = {
    "mixmate": (MIXMATE, np.asarray),
    "mixmate, incomplete": (MIXMATE, with_missing),
    "mixmate, groups": (
        clone(MIXMATE).set_params(
            penalty=GroupL2(2), fit_weights=True, fit_intercept=False, init="ssc"
        ),
        np.asarray,
    ),
    "autoencoder": (
        GroupSparseAutoencoder(5, 2, init="data", max_iter=2, random_state=0),
        np.asarray,
    ),
    "autoencoder, incomplete": (
        GroupSparseAutoencoder(5, 2, init="data", max_iter=2, random_state=0),
        with_missing,
    ),
    "imputer": (LocalGaussianImputer(random_state=0), with_missing),
    "voting": (NeighborVoting(MIXMATE, random_state=0), np.asarray),
    "ssc": (SparseSubspaceClustering(3, n_rounds=2, random_state=0), np.asarray),
    "scattering": (ScatteringTransform(1, 2, (4, 4), min_side=6), np.asarray),
    "scattering of signals": (ScatteringTransform1D(2, 2), np.asarray),
    "spectrum": (MagnitudeSpectrum(), np.asarray),
}


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES.keys())
@pytest.mark.parametrize("name", ESTIMATORS)
def test_modes_of_the_caller_change_nothing(name, mode, X, expected):
    estimator, prepare = ESTIMATORS[name]
    without = expected(name)
    with mode():
        found = numbers(estimator, prepare(X))
    for value, value_without in zip(found, without, strict=True):
        assert value.dtype == value_without.dtype
        assert_array_equal(value, value_without)


def test_gradients_flow_through_scattering_whatever_the_mode(X):
    images = torch.from_numpy(X[:4]).requires_grad_()
    model = ScatteringTransform(1, 2, (4, 4)).fit(images)
    model.transform(images).sum().backward()
    gradients = images.grad.clone()
    for mode in (MODES["bfloat16"], MODES["double"], MODES["device"]):
        images.grad = None
        with mode():
            features = model.transform(images)
        features.sum().backward()
        assert torch.equal(images.grad, gradients)
    with torch.no_grad():
        assert not model.transform(images).requires_grad
