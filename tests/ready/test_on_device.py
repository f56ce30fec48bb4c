"""Whole clusterers as on a GPU, with tensors on the CPU, beside those on a CPU."""

import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score

from skmixmate import EmbeddingClustering, ImageClustering, SignalClustering
from skmixmate.features import whitening
from skmixmate.initializers import copies, self_representation, spectral, ssc
from skmixmate.ready import features, samples

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
PARTS = (copies, features, samples, self_representation, spectral, ssc, whitening)
pytestmark = pytest.mark.filterwarnings(
    "ignore::skmixmate.initializers.InitializationWarning"  # Of so few samples.
)
CLUSTERERS = {
    "images": ImageClustering(4, image_shape=(8, 8), random_state=0, device="cpu"),
    "pixels": ImageClustering(4, random_state=0, device="cpu"),  # Too few of them.
    "signals": SignalClustering(4, random_state=0, device="cpu"),
    "embeddings": EmbeddingClustering(4, random_state=0, device="cpu"),
}


@pytest.fixture
def _as_on_a_gpu(monkeypatch):
    """All takes the forms of a GPU, with tensors on the CPU."""
    for module in PARTS:
        monkeypatch.setattr(module, "is_accelerator", lambda device: True)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(n_class=4, return_X_y=True)
    return X[:400], y[:400]


@pytest.mark.parametrize("fits", [True, False])
@pytest.mark.parametrize("name", CLUSTERERS)
def test_features_are_those_of_a_cpu(name, fits, digits, monkeypatch, request):
    X = digits[0][:, :36] if name == "pixels" else digits[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of pixels that are too few.
        expected = CLUSTERERS[name]._fit_features(X)
        request.getfixturevalue("_as_on_a_gpu")
        monkeypatch.setattr(features, "fits_in_memory", lambda n_bytes, device: fits)
        found = CLUSTERERS[name]._fit_features(X)
    assert isinstance(found, np.ndarray)
    assert found.dtype == expected.dtype
    assert_allclose(found, expected, atol=1e-4)


def test_a_fit_finds_what_it_does_on_a_cpu(digits, request):
    X, y = digits
    bytes_ = X.astype(np.uint8)
    bytes_[0] = 0
    on_cpu = CLUSTERERS["images"].fit(bytes_)
    score = adjusted_rand_score(y, on_cpu.labels_)
    request.getfixturevalue("_as_on_a_gpu")
    model = CLUSTERERS["images"].fit(bytes_)
    assert adjusted_rand_score(y, model.labels_) > score - 0.05
    assert_array_equal(model.predict(bytes_), model.labels_)
    tensor = torch.from_numpy(bytes_)
    assert_array_equal(model.predict(tensor).numpy(), model.labels_)
    assert_allclose(
        model.compute_features(bytes_), model.compute_features(tensor).numpy()
    )
    assert np.isfinite(model.outlier_scores_).all()


def test_missing_pixels_are_filled_in(digits, request):
    X, y = digits
    X = np.where(np.random.RandomState(0).uniform(size=X.shape) < 0.1, np.nan, X)
    request.getfixturevalue("_as_on_a_gpu")
    model = CLUSTERERS["images"].fit(X)
    assert adjusted_rand_score(y, model.labels_) > 0.8
    assert_array_equal(model.predict(X), model.labels_)


@needs_cuda
@pytest.mark.parametrize("name", CLUSTERERS)
def test_cuda_finds_what_a_cpu_does(name, digits):
    X, y = digits
    X = X[:, :36] if name == "pixels" else X
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        on_cpu = CLUSTERERS[name].fit(X)
        score = adjusted_rand_score(y, on_cpu.labels_)
        Z = on_cpu.compute_features(X)
        model = CLUSTERERS[name].set_params(device="cuda").fit(X)
        CLUSTERERS[name].set_params(device="cpu")
    assert adjusted_rand_score(y, model.labels_) > score - 0.1
    assert_allclose(model.compute_features(X), Z, atol=1e-3)
    assert_array_equal(model.predict(X), model.labels_)
    on_device = model.predict(torch.tensor(X, device="cuda"))
    assert on_device.device.type == "cuda"
    assert_array_equal(on_device.cpu().numpy(), model.labels_)
