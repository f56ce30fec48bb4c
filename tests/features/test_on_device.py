"""Components and unit norms on a device, on the CPU, held to those of NumPy."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skmixmate.features import PartialWhitening, on_device, whitening
from skmixmate.ready import images
from skmixmate.utils.device import CPU

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
DEVICES = ["cpu", pytest.param("cuda", marks=needs_cuda)]


@pytest.fixture
def _as_on_a_gpu(monkeypatch):
    """All takes the forms of a GPU, with tensors on the CPU."""
    monkeypatch.setattr(whitening, "is_accelerator", lambda device: True)


def correlated(n_samples=300, n_features=40, dtype=np.float64):
    """Samples whose components have distinct sizes."""
    random_state = np.random.RandomState(0)
    X = random_state.standard_normal((n_samples, n_features)) * 0.9 ** np.arange(40)
    mixing, _ = np.linalg.qr(random_state.standard_normal((n_features, n_features)))
    return (X @ mixing + 0.3).astype(dtype)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_samples", [300, 25])  # many, and fewer than features
def test_components_are_those_of_a_cpu(n_samples, dtype, device, monkeypatch, request):
    X = correlated(n_samples, dtype=dtype)
    on_cpu = PartialWhitening(10, device="cpu").fit(X)
    expected = on_cpu.transform(X)
    request.getfixturevalue("_as_on_a_gpu")
    # Of several parts.
    monkeypatch.setattr(on_device, "_ENTRIES_AT_ONCE", 1000)
    model = PartialWhitening(10, device=device).fit(X)
    rtol = 1e-4 if dtype == np.float32 else 1e-9
    assert model.components_.dtype == dtype
    assert_allclose(model.root_mean_squares_, on_cpu.root_mean_squares_, rtol=rtol)
    assert_allclose(model.components_, on_cpu.components_, atol=rtol)
    Z = model.transform(X)
    assert Z.dtype == dtype
    assert_allclose(Z, expected, atol=10 * rtol)
    # Bytes are computed with in double precision, as by NumPy.
    X = (10.0 * np.abs(X)).astype(np.uint8)
    assert model.fit(X).transform(X).dtype == np.float64


@pytest.mark.parametrize("device", DEVICES)
def test_tensors_give_tensors_where_they_are(device):
    X = correlated(dtype=np.float32)
    tensor = torch.tensor(X, device=device)
    model = PartialWhitening(5, device=device).fit(tensor)
    Z = model.transform(tensor)
    assert Z.device.type == device
    assert_allclose(Z.cpu().numpy(), model.transform(X), atol=1e-5)


@pytest.mark.usefixtures("_as_on_a_gpu")
def test_errors_are_those_of_a_cpu():
    X = correlated()
    for wrong, message in ((1e200 * X, "too large"), (0.0 * X, "are zero")):
        with pytest.raises(ValueError, match=message):
            PartialWhitening(3, device="cpu").fit(wrong)


@pytest.mark.parametrize(
    ("unit", "dtype"),
    [
        *((unit, np.float32) for unit in (1.0, 1e-38, 3e-44, 1e38)),
        *((unit, np.float64) for unit in (1.0, 1e-300, 1e300)),
    ],
)
def test_rows_of_unit_norm(unit, dtype):
    Z = (correlated(20, dtype=dtype) * dtype(0.1)).clip(-1.0, 1.0) * dtype(unit)
    Z[3] = 0.0
    expected = whitening._of_unit_norm(Z.copy())
    assert_allclose(on_device.of_unit_norm(torch.tensor(Z)), expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_images_in_their_unit(dtype):
    random_state = np.random.RandomState(0)
    X = random_state.uniform(0.0, 255.0, size=(30, 16)).astype(dtype)
    X[4], X[5] = 0, 1
    if dtype != np.uint8:
        X[::2] -= 100.0
        X[7:9] *= 1e-30
    if dtype == np.float64:
        X[10], X[11] = 1e200 * X[10], 1e-290 * X[11]
    expected = images._in_its_unit(X)
    found = images._in_its_unit(torch.tensor(X))
    assert found.dtype == torch.float32
    assert_array_equal(found.numpy(), expected)


def test_gram_of_parts(monkeypatch):
    X = correlated(100, dtype=np.float32)
    for size in (2**26, 300):
        monkeypatch.setattr(on_device, "_ENTRIES_AT_ONCE", size)
        found = on_device.gram(torch.from_numpy(X), CPU)
        double = X.astype(np.float64)
        assert_allclose(found, double.T @ double, rtol=1e-12)
