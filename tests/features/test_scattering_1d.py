"""ScatteringTransform1D: input and output of every kind, parameters, persistence."""

import pickle
import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from skmixmate import ScatteringTransform1D
from skmixmate.functional import (
    scattering_1d,
    scattering_1d_frequencies,
    scattering_1d_operators,
    scattering_1d_paths,
)

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
N, N_TIMES, N_CHANNELS = 7, 50, 3


@pytest.fixture(scope="module")
def X():
    X = np.random.default_rng(0).random((N, N_TIMES))
    X.setflags(write=False)
    return X


@pytest.fixture(scope="module")
def channels():
    X = np.random.default_rng(1).standard_normal((N, N_TIMES, N_CHANNELS))
    X *= [1.0, 100.0, 0.01]
    X.setflags(write=False)
    return X


def small_transform(**parameters):
    return ScatteringTransform1D(**{"J": 3, "Q": 2, **parameters})


@pytest.fixture(scope="module")
def fitted(X):
    return small_transform().fit(X)


def by_the_functional(X, max_order=2):
    X = torch.tensor(np.asarray(X))
    operators = scattering_1d_operators(N_TIMES, 3, 2, dtype=X.dtype)
    return scattering_1d(X, operators, max_order).flatten(1).numpy()


@pytest.mark.parametrize("max_order", [1, 2])
def test_the_coefficients_and_their_shape(X, max_order):
    model = small_transform(max_order=max_order).fit(X)
    S = model.transform(X)
    assert isinstance(S, np.ndarray)
    assert S.flags.c_contiguous
    assert S.flags.writeable
    assert_allclose(S, by_the_functional(X, max_order), rtol=1e-10, atol=1e-13)
    assert model.paths_ == scattering_1d_paths(3, 2, max_order)
    assert model.frequencies_ == scattering_1d_frequencies(3, 2, max_order)
    assert model.output_shape_ == (len(model.paths_), 7)
    assert all(type(size) is int for size in model.output_shape_)
    assert S.shape == (N, len(model.paths_) * 7)
    assert (model.J_, model.n_times_, model.n_channels_) == (3, N_TIMES, 1)
    assert model.n_features_in_ == N_TIMES


@pytest.mark.parametrize("convert", [np.array, torch.tensor])
@pytest.mark.parametrize("normalize_paths", [False, True])
def test_channels_are_signals_of_their_own(channels, convert, normalize_paths):
    data = convert(channels)
    model = small_transform(normalize_paths=normalize_paths).fit(data)
    S = np.asarray(model.transform(data))
    one = small_transform(normalize_paths=normalize_paths)
    expected = np.hstack([one.fit_transform(channels[..., c]) for c in range(3)])
    assert_allclose(S, expected, rtol=1e-9, atol=1e-12)
    assert model.output_shape_ == (N_CHANNELS, *one.output_shape_)
    assert (model.n_times_, model.n_channels_) == (N_TIMES, N_CHANNELS)
    assert model.n_features_in_ == N_TIMES * N_CHANNELS
    # Rows are those of reshape, with the same fit or their own.
    rows = data.reshape(N, -1)
    assert_array_equal(np.asarray(model.transform(rows)), S)
    told = small_transform(normalize_paths=normalize_paths, n_channels=N_CHANNELS)
    assert_array_equal(np.asarray(told.fit_transform(rows)), S)
    assert_array_equal(np.asarray(told.transform(data)), S)


def test_arrays_of_one_channel(X, fitted):
    model = small_transform().fit(X[..., None])
    assert model.output_shape_ == fitted.output_shape_
    assert_array_equal(model.transform(X[..., None]), fitted.transform(X))


def test_masked_arrays_of_three_dimensions(channels):
    unmasked = np.ma.array(channels, mask=False)
    expected = small_transform().fit_transform(channels)
    assert_array_equal(small_transform().fit_transform(unmasked), expected)
    mask = np.zeros(channels.shape, dtype=bool)
    mask[2, 3, 1] = True
    with pytest.raises(ValueError, match=r"masked entries.*LocalGaussianImputer"):
        small_transform().fit(np.ma.array(channels, mask=mask))


def test_shapes_that_do_not_fit(X, channels, fitted):
    with pytest.raises(ValueError, match=r"n_channels=4 does not divide the 50 feat"):
        small_transform(n_channels=4).fit(X)
    with pytest.raises(ValueError, match=r"n_channels=2, but X of shape .* has 3"):
        small_transform(n_channels=2).fit(channels)
    with pytest.raises(ValueError, match=r"\(n_samples, 50, 1\) as in fit"):
        fitted.transform(channels)
    with pytest.raises(ValueError, match=r"49 features, but Scattering.* 50 features"):
        fitted.transform(X[:, 1:])
    for method in (small_transform().fit, fitted.transform):
        with pytest.raises(ValueError, match=r"n_times, n_channels.*images are for"):
            method(channels[None])
        with pytest.raises(ValueError, match=r"sample"):
            method(X[:0])
        with pytest.raises(ValueError, match="2D"):
            method(X[0])
    with pytest.raises(ValueError, match="sample"):
        small_transform().fit(channels[:0])


def test_more_channels_than_times_are_told(channels):
    swapped = channels.swapaxes(1, 2)
    with pytest.warns(UserWarning, match=r"np\.swapaxes\(X, 1, 2\)") as record:
        ScatteringTransform1D(1, 1).fit(swapped)
    assert [warning.filename for warning in record] == [__file__]


@pytest.mark.parametrize(
    ("n_times", "Q", "J"),
    [
        # Three averages at least ...
        *[(6, 1, 1), (11, 1, 1), (12, 1, 2), (383, 8, 6), (384, 8, 7), (767, 8, 7)],
        # ... unless high frequencies would be lost, ...
        *[(8, 8, 3), (23, 8, 3), (24, 8, 3), (48, 8, 4)],
        # ... and no more than the signal has.
        *[(1, 1, 1), (2, 1, 1), (3, 1, 1)],
    ],
)
def test_auto(n_times, Q, J):
    X = np.random.default_rng(2).random((2, n_times))
    auto = ScatteringTransform1D(Q=Q).fit(X)
    assert auto.J_ == J
    assert_array_equal(auto.transform(X), ScatteringTransform1D(J, Q).fit_transform(X))
    if n_times >= 24:
        assert 3 <= auto.output_shape_[-1] <= 6


@pytest.mark.parametrize("n_times", [1, 2, 3, 4])
def test_signals_of_few_samples(n_times):
    X = np.random.default_rng(3).random((2, n_times))
    with pytest.warns(UserWarning, match="Q=8.*J must be at least 3, .* 8 samples"):
        model = ScatteringTransform1D().fit(X)
    assert np.isfinite(model.transform(X)).all()
    assert_allclose(model.transform(X)[:, 0].mean(), X.mean(), rtol=0.3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ScatteringTransform1D(Q=1).fit(X).J_ == 1


def test_too_small_a_scale_is_told(X):
    with pytest.warns(UserWarning, match="With J=2, .*at least 3, .*Q smaller") as log:
        ScatteringTransform1D(2).fit(X)
    assert [warning.filename for warning in log] == [__file__]


@pytest.mark.parametrize(("n_times", "J", "largest"), [(50, 6, 5), (64, 7, 6)])
def test_too_large_a_scale_is_an_error(n_times, J, largest):
    X = np.ones((2, n_times))
    message = f"J={J} is too large for signals of {n_times} samples.*at most {largest},"
    with pytest.raises(ValueError, match=message):
        ScatteringTransform1D(J, 2).fit(X)
    model = ScatteringTransform1D(largest, 2).fit(X)
    assert model.output_shape_[-1] == 1


def test_what_does_not_fit_into_memory_is_an_error_at_once(X):
    with pytest.raises(ValueError, match=r"J=3 and Q=10000000 take \S+ GB"):
        small_transform(Q=10**7).fit(X)


@pytest.mark.parametrize("batch_size", [1, 2, N, 1000, np.int64(3)])
@pytest.mark.parametrize(("dtype", "atol"), [("float64", 1e-10), ("float32", 1e-6)])
def test_batches_do_not_matter(channels, batch_size, dtype, atol):
    X = channels.astype(dtype)
    model = small_transform(normalize_paths=True).fit(X)
    S = model.transform(X)
    model.set_params(batch_size=batch_size)
    assert_allclose(model.transform(X), S, rtol=0, atol=10 * atol)


@pytest.mark.parametrize("max_order", [1, 2])
@pytest.mark.parametrize(
    ("entries", "batch_size", "expected"),
    [(1, "auto", [3] * N), (2**30, "auto", [3 * N]), (1, 3, [9, 9, 3])],
)
def test_batches_are_of_the_size_asked_for(
    channels, monkeypatch, entries, batch_size, expected, max_order
):
    sizes = []

    def counted(X, *arguments):
        sizes.append(len(X))
        return scattering_1d(X, *arguments)

    monkeypatch.setattr("skmixmate.features.scattering_1d._CPU_ENTRIES", entries)
    monkeypatch.setattr("skmixmate.features.scattering_1d.scattering_1d", counted)
    small_transform(
        device="cpu", batch_size=batch_size, max_order=max_order
    ).fit_transform(channels)
    assert sizes == expected


@pytest.mark.parametrize(
    ("dtype", "output"),
    [
        *[(name, "float32") for name in ("bool", "uint8", "int16", "uint16")],
        *[(name, "float32") for name in ("float16", "float32", ">f4")],
        *[(name, "float64") for name in ("int32", "int64", "float64", "longdouble")],
    ],
)
def test_dtypes(X, fitted, dtype, output):
    signals = ((200 * X).round() % 128).astype(dtype)
    S = fitted.transform(signals)
    assert S.dtype == output
    expected = by_the_functional(signals.astype("float64"))
    tolerance = 1e-6 if output == "float32" else 1e-12
    assert_allclose(S, expected, rtol=0, atol=tolerance * expected.max())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int16])
def test_tensors_in_tensors_out(X, dtype):
    tensor = torch.tensor(100 * X).to(dtype)
    before = tensor.clone()
    S = small_transform().fit(tensor).transform(tensor)
    assert isinstance(S, torch.Tensor)
    assert S.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert not S.requires_grad
    assert torch.equal(tensor, before)
    assert_array_equal(S.numpy(), small_transform().fit_transform(tensor.numpy()))


@pytest.mark.parametrize(("flat", "batch_size"), [(False, "auto"), (True, 1)])
def test_gradients(channels, flat, batch_size):
    model = ScatteringTransform1D(
        2, 1, N_CHANNELS, normalize_paths=True, batch_size=batch_size
    )
    tensor = torch.tensor(channels[:2, :9])
    tensor = (tensor.flatten(1) if flat else tensor).requires_grad_()
    model.fit(tensor)
    # Through an earlier operation as well.
    assert torch.autograd.gradcheck(lambda X: model.transform(X.tanh()), tensor)
    with torch.no_grad():
        assert not model.transform(tensor).requires_grad
    assert not model.transform(tensor.detach()).requires_grad


@pytest.mark.parametrize("value", [0.0, 1e-45])
@pytest.mark.parametrize("normalize_paths", [False, True])
def test_blank_signals_have_no_coefficients(value, normalize_paths):
    model = small_transform(normalize_paths=normalize_paths)
    X = torch.full((2, N_TIMES), value).requires_grad_()
    S = model.fit(X).transform(X)
    assert S.abs().max() <= 2 * value
    S.sum().backward()
    assert X.grad.isfinite().all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normalized_paths(channels, dtype):
    X = channels.astype(dtype)
    model = small_transform().fit(X)
    S = model.transform(X).reshape(-1, *model.output_shape_)
    model.set_params(normalize_paths=True)
    normalized = model.transform(X).reshape(S.shape)
    assert_allclose(
        normalized, S / abs(S).max(axis=-1, keepdims=True), rtol=1e-5, atol=1e-6
    )


def test_normalized_paths_need_more_than_one_average(X):
    message = r"leaves nothing of signals of 50 samples with J=5"
    with pytest.raises(ValueError, match=message):
        small_transform(J=5, normalize_paths=True).fit(X)
    small_transform(J=3, normalize_paths=True).fit(X)


def test_a_delayed_signal_is_the_same_signal():
    time = np.arange(700)
    wave = np.sin(0.9 * time) * (1 + np.sin(0.05 * time))
    X = np.stack([wave[:512], wave[3:515]])
    S = ScatteringTransform1D().fit_transform(X)
    change = np.linalg.norm(S[1] - S[0]) / np.linalg.norm(S[0])
    assert change < 0.05 * np.linalg.norm(X[1] - X[0]) / np.linalg.norm(X[0])


def test_names_follow_the_paths(X, channels, fitted):
    names = list(fitted.get_feature_names_out())
    S = fitted.transform(X)
    assert len(names) == len(set(names)) == S.shape[1]
    assert names[:2] == ["order0_time0", "order0_time1"]
    maps = S.reshape(N, *fitted.output_shape_)
    first, second = (1,), fitted.paths_[-1]
    for path, name in [
        (first, "order1_wavelet1_time4"),
        (second, f"order2_wavelet{second[0]}_wavelet{second[1]}_time4"),
    ]:
        column = S[:, names.index(name)]
        assert_array_equal(column, maps[:, fitted.paths_.index(path), 4])
    several = list(small_transform().fit(channels).get_feature_names_out())
    assert several == [f"channel{c}_{name}" for c in range(3) for name in names]


def test_pandas(X):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, index=range(5, 5 + N)).add_prefix("time")
    model = small_transform().fit(frame)
    table = model.set_output(transform="pandas").transform(frame)
    assert list(table.columns) == list(model.get_feature_names_out(frame.columns))
    assert list(table.index) == list(frame.index)
    assert_array_equal(table.to_numpy(), small_transform().fit_transform(X))
    with pytest.raises(ValueError, match="not equal to feature_names_in_"):
        model.get_feature_names_out(frame.columns[::-1])
    with pytest.raises(ValueError, match=r"\(50\), got 49"):
        model.get_feature_names_out(frame.columns[1:])


@pytest.mark.parametrize("convert", [np.array, torch.tensor])
@pytest.mark.parametrize(
    ("value", "message"),
    [(np.nan, "NaN.*LocalGaussianImputer"), (np.inf, "infinity")],
)
def test_samples_that_are_not_finite(channels, convert, value, message):
    model = small_transform().fit(channels)
    X = channels.copy()
    X[1, 1, 1] = value
    for method in (small_transform().fit, model.transform):
        with pytest.raises(ValueError, match=message):
            method(convert(X))


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"J": 0}, ValueError, "J == 0"),
        ({"J": 2.0}, TypeError, "J must be an integer"),
        ({"J": "all"}, ValueError, "J must be 'auto' or an integer >= 1, got 'all'"),
        ({"Q": 0}, ValueError, "Q == 0"),
        ({"Q": True}, TypeError, "Q must be an integer"),
        ({"n_channels": 0}, ValueError, "n_channels == 0"),
        ({"n_channels": None}, TypeError, "n_channels must be an integer"),
        ({"max_order": 3}, ValueError, "max_order must be 1 or 2, got 3"),
        ({"max_order": "2"}, TypeError, "max_order must be an integer"),
        ({"batch_size": 0}, ValueError, "batch_size == 0"),
        ({"batch_size": "all"}, ValueError, "batch_size must be 'auto' .* got 'all'"),
        ({"normalize_paths": 1}, TypeError, "normalize_paths must be True or False"),
    ],
)
def test_parameters_out_of_range(X, parameters, error, message):
    with pytest.raises(error, match=message):
        small_transform(**parameters).fit(X)


def test_a_device_that_is_none(X):
    model = small_transform(device="abacus").fit(X)
    with pytest.raises(ValueError, match="device must be 'auto'"):
        model.transform(X)


def test_saved_loaded_and_cloned(X, channels):
    model = small_transform(J=np.int64(3)).fit(channels)
    expected = model.transform(channels)
    data = pickle.dumps(model)
    assert b"torch" not in data
    loaded = pickle.loads(data)
    assert vars(loaded) == vars(model)
    assert_array_equal(loaded.transform(channels), expected)
    assert_array_equal(clone(model).fit_transform(channels), expected)
    # Fitting again forgets the first time.
    model.set_params(J=1, max_order=1).fit(X)
    assert model.output_shape_[1] == 25
    assert model.transform(X).shape == (N, 25 * len(model.paths_))


def test_parameters_set_after_fit_wait_for_the_next_fit(X):
    model = small_transform().fit(X)
    S = model.transform(X)
    model.set_params(J=2, Q=1, max_order=1, n_channels=2)
    assert_array_equal(model.transform(X), S)
    assert model.fit_transform(X).shape != S.shape


def test_pipeline(X):
    pipeline = make_pipeline(small_transform(), PCA(3, svd_solver="full"))
    expected = PCA(3, svd_solver="full").fit_transform(by_the_functional(X))
    assert_allclose(pipeline.fit_transform(X), expected, rtol=0, atol=1e-10)
    assert list(pipeline.get_feature_names_out()) == ["pca0", "pca1", "pca2"]


@needs_cuda
def test_cuda_agrees_with_the_cpu(channels):
    model = small_transform(device="cpu").fit(channels)
    expected = model.transform(channels)
    model.set_params(device="cuda")
    assert_allclose(model.transform(channels), expected, rtol=1e-9, atol=1e-10)
    on_gpu = model.transform(torch.tensor(channels, device="cuda"))
    assert on_gpu.device.type == "cuda"
    assert_allclose(on_gpu.cpu().numpy(), expected, rtol=1e-9, atol=1e-10)
    model.set_params(device="cpu")
    assert model.transform(torch.tensor(channels, device="cuda")).device.type == "cuda"


def test_a_fit_that_fails_leaves_the_last_one():
    X = np.random.default_rng(0).random((3, 64))
    model = ScatteringTransform1D(J=3, Q=1).fit(X)
    S = model.transform(X)
    model.set_params(J=6, normalize_paths=True)
    with pytest.raises(ValueError, match="leaves nothing"):
        model.fit(X)
    model.set_params(normalize_paths=False)
    np.testing.assert_array_equal(model.transform(X), S)
    assert model.J_ == 3
