"""Tensors in, tensors out; the same bits as with arrays."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from .conftest import small_model

READERS = [
    *("predict", "predict_proba", "transform", "score_samples"),
    *("encode", "reconstruct", "impute"),
]
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
def test_fitting_a_tensor_is_fitting_its_array(dtype, X_nan):
    X = X_nan.astype(dtype)
    from_tensor = small_model().fit(torch.tensor(X))
    from_array = small_model().fit(X)
    for name in ("dictionaries_", "intercepts_", "weights_", "labels_", "atom_usage_"):
        value = getattr(from_tensor, name)
        assert isinstance(value, np.ndarray)
        assert_array_equal(value, getattr(from_array, name))
    assert from_tensor.loss_ == from_array.loss_


def test_an_8_bit_tensor(X):
    X = (40 * (X + 3)).astype(np.uint8)
    model = small_model().fit(torch.tensor(X))
    assert_array_equal(model.dictionaries_, small_model().fit(X).dictionaries_)


@pytest.mark.parametrize("method", READERS)
def test_a_tensor_gives_a_tensor(method, X_nan, fitted):
    function = getattr(fitted, method)
    output = function(torch.tensor(X_nan))
    assert isinstance(output, torch.Tensor)
    assert not output.requires_grad
    assert_array_equal(output.numpy(), function(X_nan))
    assert isinstance(function(X_nan), np.ndarray)


def test_score_is_a_float(X, fitted):
    score = fitted.score(torch.tensor(X))
    assert isinstance(score, float)
    assert score == fitted.score(X)


@pytest.mark.parametrize("convert", [torch.tensor, np.asarray])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_masks_of_either_kind(method, convert, X, X_nan):
    observed = ~np.isnan(X_nan)
    model = getattr(small_model(), method)(torch.tensor(X), mask=convert(observed))
    expected = getattr(small_model(), method)(X_nan)
    assert_array_equal(model.dictionaries_, expected.dictionaries_)
    filled = model.impute(torch.tensor(X_nan), mask=convert(observed))
    assert_array_equal(filled.numpy(), expected.impute(X_nan))


def test_gradients_do_not_matter(X, fitted):
    tensor = torch.tensor(X, requires_grad=True)
    model = small_model().fit(tensor)
    assert_array_equal(model.dictionaries_, fitted.dictionaries_)
    assert not model.predict_proba(tensor).requires_grad
    assert tensor.grad is None
    with torch.no_grad():  # Training needs gradients of its own.
        frozen = small_model()
        with torch.enable_grad():
            frozen.fit(tensor)
    assert_array_equal(frozen.dictionaries_, fitted.dictionaries_)


def test_fitting_under_no_grad(X, fitted):
    with torch.no_grad():
        model = small_model().fit(X)
    assert_array_equal(model.dictionaries_, fitted.dictionaries_)


def test_the_tensor_is_not_changed(X_nan):
    tensor = torch.tensor(X_nan)
    before = tensor.clone()
    small_model().fit(tensor).impute(tensor)
    assert_array_equal(tensor.numpy(), before.numpy())


def test_strided_tensors(X, fitted):
    tensor = torch.tensor(np.ascontiguousarray(X.T)).T
    assert not tensor.is_contiguous()
    assert_allclose(fitted.transform(tensor).numpy(), fitted.transform(X), rtol=1e-9)
    every_other = torch.tensor(X)[::2]
    assert_array_equal(fitted.predict(every_other).numpy(), fitted.predict(X)[::2])


def replaced(X, value):
    X = X.clone()
    X[1, 1] = value
    return X


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda X: X[0], "Expected 2D tensor"),
        (lambda X: X[None], "two-dimensional"),
        (lambda X: X[:0], "at least one sample"),
        (lambda X: X[:, :0], "one feature"),
        (lambda X: X + 1j, "Complex"),
        (lambda X: X.to_sparse(), "dense tensor, got layout torch.sparse_coo"),
        (lambda X: replaced(X, -torch.inf), "infinity"),
    ],
)
def test_wrong_tensors(spoil, message, X, fitted):
    wrong = spoil(torch.tensor(X))
    for method in (small_model().fit, small_model().partial_fit, fitted.predict):
        with pytest.raises(ValueError, match=message):
            method(wrong)


def test_wrong_number_of_features(X, fitted):
    with pytest.raises(ValueError, match=r"7 features, but MixMate.* 12 features"):
        fitted.transform(torch.tensor(X[:, :7]))


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.ones(160, 12), "mask must be boolean.*float32"),
        (torch.ones(160, 11, dtype=torch.bool), r"\(160, 12\), got \(160, 11\)"),
        (torch.zeros(160, 12, dtype=torch.bool), "X has no observed entry"),
    ],
)
def test_wrong_masks(mask, message, X, fitted):
    for data in (X, torch.tensor(X)):
        with pytest.raises(ValueError, match=message):
            fitted.predict(data, mask=mask)


@needs_cuda
@pytest.mark.parametrize("method", READERS)
def test_cuda_tensors(method, X_nan):
    tensor = torch.tensor(X_nan, device="cuda")
    model = small_model(device="cuda").fit(tensor)
    output = getattr(model, method)(tensor)
    assert output.device.type == "cuda"
    assert isinstance(model.dictionaries_, np.ndarray)
    on_cpu = getattr(model.set_params(device="cpu"), method)(X_nan)
    assert_allclose(output.cpu().numpy(), on_cpu, rtol=1e-6, atol=1e-8)
    assert_array_equal(model.predict(X_nan), model.labels_)


@needs_cuda
def test_a_cpu_tensor_stays_one_on_a_gpu_model(X):
    model = small_model(device="cuda").fit(X)
    assert model.predict(torch.tensor(X)).device.type == "cpu"


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_modes_of_the_caller_do_not_matter(X, mode):
    expected = small_model().fit(X).partial_fit(X)
    with mode():
        model = small_model().fit(X).partial_fit(X)
    assert_array_equal(model.dictionaries_, expected.dictionaries_)
    assert_array_equal(model.labels_, expected.labels_)


@needs_cuda
@pytest.mark.parametrize("rate", [np.float64(0.01), 1], ids=["numpy", "integer"])
def test_cuda_learning_rates(rate, X):
    """Adam takes a rate on the GPU in single precision alone."""
    model = small_model(device="cuda", learning_rate=rate).fit(X)
    expected = small_model(device="cuda", learning_rate=float(rate)).fit(X)
    assert np.array_equal(model.labels_, expected.labels_)
