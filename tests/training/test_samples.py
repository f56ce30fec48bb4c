"""Batches are the raw samples, scaled, with an intercept, and no second copy."""

import numpy as np
import pytest
import torch

from skmixmate.training import Samples

DTYPES = [
    torch.uint8,
    torch.bool,
    torch.int16,
    torch.int64,
    torch.float16,
    torch.float32,
    torch.float64,
]


def raw_data(dtype=torch.float64, shape=(23, 6)):
    X = np.random.RandomState(0).randint(0, 200, size=shape)
    if dtype.is_floating_point:
        X = X - 100.25
    return torch.as_tensor(X).to(dtype)


@pytest.fixture
def missing():
    """Data with NaN, a mask, and where an entry is observed."""
    random_state = np.random.RandomState(1)
    X = raw_data()
    X[torch.from_numpy(random_state.uniform(size=X.shape) < 0.2)] = torch.nan
    mask = torch.from_numpy(random_state.uniform(size=X.shape) < 0.7)
    return X, mask, ~torch.isnan(X) & mask


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("out", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("index", [slice(3, 9), torch.tensor([5, 0, 5, 22])], ids=str)
def test_batches_are_scaled_with_an_intercept(dtype, out, index):
    X = raw_data(dtype)
    samples = Samples(X, scale=3.0, intercept_scaling=2.5, dtype=out)
    batch = samples.batch(index)
    expected = np.c_[X.double().numpy()[index] / 3.0, np.full(len(X[index]), 2.5)]
    assert batch.X.dtype == out
    assert batch.observed is None
    np.testing.assert_allclose(batch.X, expected, rtol=1e-6)
    raw = samples.raw(index)
    # Never rounded before it is scaled.
    assert raw.X.dtype == torch.promote_types(dtype, out)
    np.testing.assert_array_equal(raw.X, X.double().numpy()[index])


def test_defaults_leave_the_numbers_alone():
    X = raw_data(torch.float32)
    samples = Samples(X)
    batch = samples.batch(slice(None))
    assert torch.equal(batch.X, X)
    assert batch.X.dtype == torch.float32
    assert len(samples) == 23


@pytest.mark.parametrize("index", [slice(0, 20), torch.arange(22, 2, -1)], ids=str)
def test_observed_is_neither_nan_nor_masked_out(missing, index):
    X, mask, observed = missing
    samples = Samples(X, mask, scale=2.0, intercept_scaling=7.0, dtype=torch.float64)
    batch = samples.batch(index)
    one = np.ones((20, 1))
    np.testing.assert_array_equal(batch.observed, np.c_[observed[index].numpy(), one])
    assert batch.observed.dtype == torch.float64
    expected = np.where(observed[index], X[index] / 2.0, 0.0)
    np.testing.assert_array_equal(batch.X, np.c_[expected, 7.0 * one])
    np.testing.assert_array_equal(samples.raw(index).observed, observed[index])


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_nan_alone(missing, dtype):
    X = missing[0].to(dtype)
    batch = Samples(X).batch(slice(None))
    np.testing.assert_array_equal(batch.observed, ~torch.isnan(X))
    np.testing.assert_array_equal(batch.X, torch.nan_to_num(X))


def test_mask_alone(missing):
    mask = missing[1]
    X = raw_data(torch.uint8)
    batch = Samples(X, mask, intercept_scaling=1.0).batch(slice(None))
    np.testing.assert_array_equal(batch.observed[:, :-1], mask)
    np.testing.assert_array_equal(batch.X[:, :-1], np.where(mask, X, 0))
    assert (batch.observed[:, -1] == 1).all()
    assert torch.isfinite(batch.X).all()


def test_complete_batches_take_the_fast_path(missing):
    X, _, _ = missing
    X[:5] = 1.0
    samples = Samples(X, torch.ones(X.shape, dtype=torch.bool))
    assert samples.has_missing
    assert samples.batch(slice(0, 5)).observed is None
    assert samples.batch(slice(0, 23)).observed is not None


@pytest.mark.parametrize("value", [torch.inf, 3e38])
def test_a_sum_out_of_range_is_not_a_missing_entry(value):
    X = torch.tensor([[value, -value], [value, -value]])
    batch = Samples(X).batch(slice(None))
    assert batch.observed is None
    assert torch.equal(batch.X, X)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_mean_squared_norm(dtype):
    X = raw_data(dtype)
    samples = Samples(X, scale=5.0, intercept_scaling=1.0)
    expected = np.mean(np.sum(X.double().numpy() ** 2, axis=1))
    assert samples.mean_squared_norm() == pytest.approx(expected)
    assert samples.mean_squared_norm(batch_size=4) == pytest.approx(expected)


def test_mean_squared_norm_of_observed_entries(missing):
    X, mask, observed = missing
    expected = np.mean(X.numpy()[observed.numpy()] ** 2) * 6
    samples = Samples(X, mask, dtype=torch.float64)
    assert samples.mean_squared_norm() == pytest.approx(expected)
    assert samples.mean_squared_norm(batch_size=4) == pytest.approx(expected)


def test_slices_cover_the_samples_in_order():
    samples = Samples(raw_data())
    assert list(samples.slices(10)) == [slice(0, 10), slice(10, 20), slice(20, 23)]
    assert list(samples.slices(23)) == [slice(0, 23)]
    assert list(samples.slices(100)) == [slice(0, 23)]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_no_copy_on_the_cpu(dtype):
    X, mask = raw_data(dtype), torch.ones(23, 6, dtype=torch.bool)
    samples = Samples(X, mask, scale=2.0)
    other = samples.replaced(dtype=torch.float64)
    for shared in (samples, other):
        assert shared.X.data_ptr() == X.data_ptr()
        assert shared.mask.data_ptr() == mask.data_ptr()
        assert shared.X.dtype == dtype


def test_batches_do_not_change_the_data(missing):
    X, mask, _ = missing
    kept = X.clone(), mask.clone()
    samples = Samples(X, mask, scale=2.0, intercept_scaling=1.0, dtype=torch.float64)
    samples.batch(slice(None)).X.fill_(9.0)
    samples.raw(torch.arange(5)).X.fill_(9.0)
    np.testing.assert_array_equal(X, kept[0])
    np.testing.assert_array_equal(mask, kept[1])


def test_what_is_not_replaced_is_kept(missing):
    X, mask, _ = missing
    samples = Samples(X, mask, scale=4.0, intercept_scaling=3.0)
    single = samples.batch(slice(None))
    double = samples.replaced(dtype=torch.float64).batch(slice(None))
    assert double.X.dtype == double.observed.dtype == torch.float64
    torch.testing.assert_close(double.X.float(), single.X)
    assert torch.equal(double.observed.float(), single.observed)


def test_mean_is_over_observed_entries():
    X = np.array([[1.0, np.nan], [3.0, 4.0], [np.nan, 8.0]], dtype=np.float32)
    mask = torch.tensor([[True, True], [True, True], [True, False]])
    mean = Samples(torch.from_numpy(X), mask, scale=2.0).mean(batch_size=2)
    np.testing.assert_array_equal(mean, [2.0, 4.0])


def test_doubles_are_scaled_before_they_are_rounded():
    X = torch.tensor([[3e100, -1e100]], dtype=torch.float64)
    batch = Samples(X, scale=1e100, dtype=torch.float32).batch(slice(None))
    assert batch.X.dtype == torch.float32
    np.testing.assert_array_equal(batch.X, [[3.0, -1.0]])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
@pytest.mark.parametrize("fits", [True, False])
def test_batches_on_a_gpu(missing, monkeypatch, fits):
    """Kept there or streamed, they are the same."""
    X, mask, _ = missing
    monkeypatch.setattr(
        "skmixmate.training.samples.fits_in_memory", lambda n_bytes, device: fits
    )
    samples = Samples(X, mask, intercept_scaling=1.0, device="cuda")
    assert samples.X.device.type == ("cuda" if fits else "cpu")
    index = torch.tensor([5, 0, 22])
    batch = samples.batch(index)
    expected = Samples(X, mask, intercept_scaling=1.0).batch(index)
    for one, other in zip(batch, expected, strict=True):
        assert one.device.type == "cuda"
        torch.testing.assert_close(one.cpu(), other)
