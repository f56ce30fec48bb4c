"""MagnitudeSpectrum: numbers, channels, shifts, names, refusals."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from skmixmate import MagnitudeSpectrum

N, N_TIMES, N_CHANNELS = 5, 11, 3


@pytest.fixture(scope="module")
def X():
    X = np.random.default_rng(0).standard_normal((N, N_TIMES, N_CHANNELS))
    X.setflags(write=False)
    return X


@pytest.mark.parametrize("n_times", [1, 2, 10, 11])
def test_the_magnitudes_of_one_channel(X, n_times):
    signals = X[:, :n_times, 0]
    model = MagnitudeSpectrum()
    spectra = model.fit_transform(signals)
    assert isinstance(spectra, np.ndarray)
    assert_allclose(spectra, np.abs(np.fft.rfft(signals)), rtol=1e-12, atol=1e-14)
    assert model.output_shape_ == (n_times // 2 + 1,)
    assert (model.n_times_, model.n_channels_) == (n_times, 1)
    assert list(model.get_feature_names_out()) == [
        f"frequency{k}" for k in range(n_times // 2 + 1)
    ]


def test_channels(X):
    model = MagnitudeSpectrum().fit(X)
    spectra = model.transform(X)
    expected = np.abs(np.fft.rfft(X, axis=1)).transpose(0, 2, 1)
    assert model.output_shape_ == expected.shape[1:]
    assert_allclose(spectra.reshape(expected.shape), expected, rtol=1e-12, atol=1e-14)
    rows = X.reshape(N, -1)
    assert_array_equal(model.transform(rows), spectra)
    assert_array_equal(MagnitudeSpectrum(N_CHANNELS).fit_transform(rows), spectra)
    names = list(model.get_feature_names_out())
    assert len(names) == spectra.shape[1]
    column = spectra[:, names.index("channel2_frequency4")]
    assert_array_equal(column, spectra.reshape(expected.shape)[:, 2, 4])


def test_signals_that_go_round_may_be_shifted(X):
    spectra = MagnitudeSpectrum().fit_transform(X)
    shifted = MagnitudeSpectrum().fit_transform(np.roll(X, 4, axis=1))
    assert_allclose(shifted, spectra, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("dtype", "output"),
    [("float32", "float32"), ("float64", "float64"), ("int16", "float32")],
)
def test_dtypes_and_tensors(X, dtype, output):
    signals = (10 * X).astype(dtype)
    spectra = MagnitudeSpectrum().fit_transform(signals)
    assert spectra.dtype == output
    from_tensor = MagnitudeSpectrum().fit_transform(torch.tensor(signals))
    assert isinstance(from_tensor, torch.Tensor)
    assert_array_equal(from_tensor.numpy(), spectra)


def test_gradients(X):
    tensor = torch.tensor(X).requires_grad_()
    model = MagnitudeSpectrum().fit(tensor)
    assert torch.autograd.gradcheck(model.transform, tensor)
    blank = torch.zeros(2, 8, requires_grad=True)
    MagnitudeSpectrum().fit_transform(blank).sum().backward()
    assert torch.equal(blank.grad, torch.zeros(2, 8))


def test_what_is_refused(X):
    model = MagnitudeSpectrum().fit(X)
    missing = X.copy()
    missing[1, 2, 0] = np.nan
    for method in (MagnitudeSpectrum().fit, model.transform):
        with pytest.raises(ValueError, match=r"NaN.*LocalGaussianImputer"):
            method(missing)
    with pytest.raises(ValueError, match=r"\(n_samples, 11, 3\) as in fit"):
        model.transform(X[:, 1:])
    with pytest.raises(ValueError, match="n_channels=2 does not divide the 33"):
        MagnitudeSpectrum(2).fit(X.reshape(N, -1))
    with pytest.raises(ValueError, match="n_channels == 0"):
        MagnitudeSpectrum(0).fit(X)
    with pytest.raises(ValueError, match=r"\(33\), got 1"):
        model.get_feature_names_out(["time0"])
