"""ScatteringTransform: input and output of every kind, parameters, persistence."""

import copy
import math
import pickle
import threading
import warnings

import joblib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from skmixmate import ScatteringTransform
from skmixmate.functional import scattering, scattering_operators, scattering_paths

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
quick = settings(max_examples=10)
N, HEIGHT, WIDTH = 7, 9, 10


@pytest.fixture(scope="module")
def X():
    X = np.random.default_rng(0).random((N, HEIGHT * WIDTH))
    X.setflags(write=False)
    return X


def small_transform(**parameters):
    defaults = {"J": 2, "L": 3, "image_shape": (HEIGHT, WIDTH)}
    return ScatteringTransform(**{**defaults, **parameters})


@pytest.fixture(scope="module")
def fitted(X):
    return small_transform().fit(X)


def by_the_functional(X, max_order=2):
    X = torch.tensor(np.asarray(X)).reshape(-1, HEIGHT, WIDTH)
    operators = scattering_operators((HEIGHT, WIDTH), 2, 3, dtype=X.dtype)
    return scattering(X, operators, max_order).flatten(1).numpy()


@pytest.mark.parametrize("max_order", [1, 2])
def test_the_coefficients_and_their_shape(X, max_order):
    model = small_transform(max_order=max_order).fit(X)
    S = model.transform(X)
    assert isinstance(S, np.ndarray)
    assert S.flags.c_contiguous
    assert S.flags.writeable
    assert_allclose(S, by_the_functional(X, max_order), rtol=1e-10, atol=1e-13)
    n_paths = 1 + 6 + (9 if max_order == 2 else 0)
    assert model.output_shape_ == (n_paths, 2, 2)
    assert model.image_shape_ == (HEIGHT, WIDTH)
    assert model.paths_ == scattering_paths(2, 3, max_order)
    assert model.n_features_in_ == HEIGHT * WIDTH
    assert S.shape == (N, n_paths * 4)
    # Order zero is an average of pixels, here in [0, 1], order one of small details.
    maps = S.reshape(-1, *model.output_shape_)
    assert (abs(maps[:, 0] - 0.5) < 0.25).all()
    assert (maps[:, 1:] < 0.25).all()


@pytest.mark.parametrize("J", [1, 3, np.int64(2)])
@pytest.mark.parametrize("shape", [(9, 10), (1, 90), (90, 1), (5, 18)])
def test_output_shape(X, J, shape):
    model = ScatteringTransform(J=J, L=2, image_shape=shape).fit(X)
    rows, columns = (max(size // 2**J, 1) for size in shape)
    assert model.output_shape_ == (len(model.paths_), rows, columns)
    assert all(type(size) is int for size in model.output_shape_)
    S = model.transform(X)
    assert S.shape == (N, np.prod(model.output_shape_))
    assert np.isfinite(S).all()


@pytest.mark.parametrize("side", [2, 8, 32, 48])
def test_a_guessed_square_is_told_once_a_fit(side):
    X = np.random.default_rng(1).random((3, side**2))
    model = ScatteringTransform(J=2, L=2)
    message = rf"n_features={side**2} is taken as a square grey image; pass image_shape"
    with pytest.warns(UserWarning, match=message) as record:
        S = model.fit_transform(X)
    assert [warning.filename for warning in record] == [__file__]
    assert model.image_shape_ == (side, side)
    assert_array_equal(S, model.transform(X))
    # The way to say so, in any form, is silent.
    for shape in ((side, side), [side, side], np.array([side, side])):
        told = ScatteringTransform(J=2, L=2, image_shape=shape)
        assert_array_equal(told.fit_transform(X), S)
        assert told.image_shape_ == (side, side)
        assert_array_equal(clone(told).fit_transform(X), S)


@pytest.mark.parametrize(
    ("n_features", "is_told"),
    # With sides of at least 8 pixels, grey or of 3 or 4 channels: 12 by 12 or 9 by 16;
    # 16 by 16 or 8 by 8 in RGBA; 48 by 48 or 24 by 32 in colour.
    [
        *[(49, True), (64, False), (121, False), (144, True)],
        *[(256, True), (784, True), (1024, True), (2304, True)],
    ],
)
def test_a_square_is_told_where_images_have_other_shapes(n_features, is_told):
    X = np.random.default_rng(1).random((2, n_features))
    model = ScatteringTransform(J=2, L=2, min_side=24)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X)
    assert len(caught) == is_told
    assert model.image_shape_ == (math.isqrt(n_features),) * 2


@pytest.mark.parametrize("convert", [np.array, torch.tensor])
def test_colour_and_signals_have_a_way(convert):
    flat = convert(np.random.default_rng(1).random((2, 16 * 16 * 3)))
    message = r"rows with image_shape=\(height, width, channels\).*SignalClustering"
    for parameters in ({"image_shape": (16, 16)}, {"min_side": 24}):
        with pytest.raises(ValueError, match=message):
            ScatteringTransform(**parameters).fit(flat)
    with pytest.warns(UserWarning, match=message):
        ScatteringTransform().fit(convert(np.ones((2, 1000))))


@pytest.mark.parametrize("J", [1, 3])
def test_one_pixel(J):
    model = ScatteringTransform(J=J, L=2).fit([[3.0]])
    S = model.transform([[3.0], [-4.0]])
    assert model.output_shape_ == (len(model.paths_), 1, 1)
    assert_allclose(S[:, 0], [3.0, -4.0], rtol=5e-3)
    assert_allclose(S[:, 1:], 0.0, atol=1e-14)


def test_pixels_that_are_no_square_are_one_row_with_a_warning(X):
    with pytest.warns(UserWarning, match="n_features=90 is no square") as record:
        model = ScatteringTransform(J=2, L=2).fit(X)
    assert [warning.filename for warning in record] == [__file__]
    assert model.image_shape_ == (1, 90)
    expected = ScatteringTransform(J=2, L=2, image_shape=(1, 90)).fit_transform(X)
    assert_array_equal(model.transform(X), expected)


@pytest.mark.parametrize("normalize_paths", [False, True])
@pytest.mark.parametrize("batch_size", [1, 2, N - 1, N, 1000, np.int64(3)])
@pytest.mark.parametrize(("dtype", "atol"), [("float64", 1e-10), ("float32", 1e-6)])
def test_batches_do_not_matter(X, batch_size, dtype, atol, normalize_paths):
    X = X.astype(dtype)
    model = small_transform(normalize_paths=normalize_paths).fit(X)
    S = model.transform(X)
    atol *= 10 if normalize_paths else 1
    model.set_params(batch_size=batch_size)
    assert_allclose(model.transform(X), S, rtol=0, atol=atol)


@pytest.mark.parametrize(
    ("entries", "batch_size", "expected"),
    [(1, "auto", [1] * N), (2**30, "auto", [N]), (1, 3, [3, 3, 1])],
)
def test_batches_are_of_the_size_asked_for(
    X, fitted, monkeypatch, entries, batch_size, expected
):
    sizes = []

    def counted(X, *arguments):
        sizes.append(len(X))
        return scattering(X, *arguments)

    monkeypatch.setattr("skmixmate.features.scattering_form._CPU_ENTRIES", entries)
    monkeypatch.setattr("skmixmate.features.scattering_form.scattering", counted)
    S = small_transform(device="cpu", batch_size=batch_size).fit_transform(X)
    assert sizes == expected
    assert_allclose(S, fitted.transform(X), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("dtype", "output"),
    [
        *[(name, "float32") for name in ("bool", "uint8", "int8", "uint16", "int16")],
        *[(name, "float32") for name in ("float16", "float32", ">f4", ">u2")],
        *[(name, "float64") for name in ("int32", "int64", "uint32", "uint64")],
        *[(name, "float64") for name in ("float64", ">f8", "longdouble")],
    ],
)
def test_dtypes_of_arrays(X, fitted, dtype, output):
    images = ((200 * X).round() % 128).astype(dtype)
    S = fitted.transform(images)
    assert S.dtype == output
    expected = by_the_functional(images.astype("float64"))
    tolerance = 1e-6 if output == "float32" else 1e-12
    assert_allclose(S, expected, rtol=0, atol=tolerance * expected.max())


def test_16_bit_images_keep_their_bits(X, fitted):
    images = (65535 * X).astype(np.uint16)
    assert images.max() > 2**15
    expected = fitted.transform(images.astype(np.float32))
    assert_array_equal(fitted.transform(images), expected)
    assert_array_equal(fitted.transform(torch.tensor(images)).numpy(), expected)


def test_lists(X, fitted):
    assert_array_equal(fitted.transform(X.tolist()), fitted.transform(X))


@pytest.mark.parametrize(
    ("dtype", "output"),
    [
        *[(torch.float32, torch.float32), (torch.float64, torch.float64)],
        *[(torch.float16, torch.float32), (torch.bfloat16, torch.float32)],
        *[(torch.bool, torch.float32), (torch.uint8, torch.float32)],
        *[(torch.int16, torch.float32), (torch.uint16, torch.float32)],
        *[(torch.int32, torch.float64), (torch.int64, torch.float64)],
    ],
)
def test_tensors_in_tensors_out(X, dtype, output):
    tensor = torch.tensor(100 * X).to(dtype)
    before = tensor.clone()
    S = small_transform().fit(tensor).transform(tensor)
    assert isinstance(S, torch.Tensor)
    assert S.dtype == output
    assert S.device == tensor.device
    assert not S.requires_grad
    assert torch.equal(tensor, before)
    expected = by_the_functional(tensor.double().numpy())
    tolerance = 1e-6 if output == torch.float32 else 1e-12
    assert_allclose(S.numpy(), expected, rtol=0, atol=tolerance * expected.max())


def test_a_tensor_gives_the_bits_of_its_array(X, fitted):
    tensor = torch.tensor(X)
    assert_array_equal(fitted.transform(tensor).numpy(), fitted.transform(X))
    fitted_again = small_transform().fit_transform(tensor)
    assert_array_equal(fitted_again.numpy(), fitted.transform(X))


def every_other_column(X):
    return np.repeat(X, 2, axis=1)[:, ::2]


def reversed_view(X):
    return np.ascontiguousarray(X[::-1, ::-1])[::-1, ::-1]


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize(
    "layout", [np.asfortranarray, every_other_column, reversed_view]
)
def test_layouts_of_arrays_and_read_only_memory(X, fitted, layout, dtype):
    X = (200 * X).astype(dtype)
    array = layout(X)
    assert not array.flags.c_contiguous
    array.setflags(write=False)
    for model in (fitted, small_transform(normalize_paths=True).fit(array)):
        assert_array_equal(model.transform(array), model.transform(X))
    assert_array_equal(array, X)


@pytest.mark.parametrize("normalize_paths", [False, True])
@pytest.mark.parametrize("convert", [np.array, torch.tensor])
def test_the_input_is_neither_changed_nor_shared(X, convert, normalize_paths):
    data = convert(X)
    S = small_transform(normalize_paths=normalize_paths).fit_transform(data)
    assert_array_equal(np.asarray(data), X)
    S *= 0
    assert_array_equal(np.asarray(data), X)


def test_layouts_of_tensors(X, fitted):
    tensor = torch.tensor(X)
    expected = fitted.transform(X)
    for strided in (tensor.T.contiguous().T, tensor.repeat_interleave(2, 1)[:, ::2]):
        assert not strided.is_contiguous()
        assert_array_equal(fitted.transform(strided).numpy(), expected)
    expanded = fitted.transform(tensor[:1].expand(3, -1)).numpy()
    assert_allclose(expanded, expected[[0, 0, 0]], rtol=0, atol=1e-12)


@pytest.mark.parametrize("batch_size", [2, "auto"])
@pytest.mark.parametrize("max_order", [1, 2])
def test_gradients_are_those_of_the_functional(X, max_order, batch_size):
    model = small_transform(max_order=max_order, batch_size=batch_size).fit(X)
    tensor = torch.tensor(X, requires_grad=True)
    S = model.transform(tensor)
    weights = torch.tensor(np.random.default_rng(2).random(S.shape))
    (gradient,) = torch.autograd.grad((weights * S).sum(), tensor)

    images = torch.tensor(X).reshape(-1, HEIGHT, WIDTH).requires_grad_()
    operators = scattering_operators((HEIGHT, WIDTH), 2, 3, dtype=torch.float64)
    S = scattering(images, operators, max_order).flatten(1)
    (expected,) = torch.autograd.grad((weights * S).sum(), images)
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(gradient, expected.flatten(1), rtol=1e-9, atol=1e-12)


def test_gradients_of_normalized_paths():
    X = torch.tensor(np.random.default_rng(3).random((2, 16)), requires_grad=True)
    model = ScatteringTransform(1, 2, (4, 4), normalize_paths=True).fit(X)
    # Through an earlier operation as well.
    assert torch.autograd.gradcheck(lambda X: model.transform(X.exp()), X)
    blank = torch.zeros(1, 16, requires_grad=True)
    model.transform(blank).sum().backward()
    assert blank.grad.isfinite().all()


def test_no_gradient_where_none_is_wanted(X, fitted):
    tensor = torch.tensor(X, requires_grad=True)
    assert fitted.transform(tensor).requires_grad
    with torch.no_grad():
        assert not fitted.transform(tensor).requires_grad
    assert not fitted.transform(tensor.detach()).requires_grad
    model = small_transform().fit(tensor)
    assert not any(isinstance(value, torch.Tensor) for value in vars(model).values())


@pytest.mark.parametrize(
    ("mode", "width"), [(torch.no_grad, 11), (torch.inference_mode, 13)]
)
def test_modes_of_earlier_calls_do_not_matter(mode, width):
    # Shapes that no other test has: the operators are computed, and kept, here.
    X = torch.tensor(np.random.default_rng(4).random((2, 7 * width)))
    with mode():
        model = ScatteringTransform(J=2, L=2, image_shape=(7, width)).fit(X)
        S = model.transform(X)
    X.requires_grad_()
    again = model.transform(X)
    again.sum().backward()
    assert torch.equal(again.detach(), S)
    assert X.grad.abs().sum() > 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@quick
@given(
    seed=st.integers(0, 2**32 - 1),
    exponent=st.floats(-3, 3),
    height=st.integers(1, 12),
    width=st.integers(1, 12),
)
def test_normalized_paths(dtype, seed, exponent, height, width):
    rng = np.random.default_rng(seed)
    X = (10.0**exponent * rng.standard_normal((3, height * width))).astype(dtype)
    model = ScatteringTransform(J=2, L=2, image_shape=(height, width)).fit(X)
    maps = model.transform(X).reshape(3, len(model.paths_), -1)
    model.set_params(normalize_paths=True)
    normalized = model.transform(X).reshape(maps.shape)
    largest = abs(maps).max(axis=2)
    threshold = 100 * np.finfo(dtype).eps * largest.max(axis=1, keepdims=True)
    kept = largest > threshold
    assert_allclose(abs(normalized).max(axis=2)[kept], 1.0, rtol=1e-6)
    assert (abs(normalized) <= 1 + 1e-6).all()
    # Divided, and nothing else: signs and proportions stay.
    expected = maps / np.maximum(largest, threshold)[:, :, None]
    assert_allclose(normalized, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [0.0, 1.0, -255.0, 1e-5, 1e5])
@pytest.mark.parametrize("side", [17, 28])
def test_normalized_paths_of_a_constant_image(side, value, dtype):
    X = np.full((1, side**2), value, dtype=dtype)
    model = ScatteringTransform(3, 4, (side, side), normalize_paths=True).fit(X)
    maps = model.transform(X).reshape(model.output_shape_)
    assert_allclose(maps[0], np.sign(value), rtol=1e-5)
    # Rounding is not blown up to one.
    assert abs(maps[1:]).max() < 0.02


def test_normalized_paths_need_more_than_one_average():
    X = np.ones((2, 64))
    with pytest.raises(ValueError, match=r"leaves nothing of images of \(8, 8\)"):
        ScatteringTransform(3, image_shape=(8, 8), normalize_paths=True).fit(X)
    ScatteringTransform(2, image_shape=(8, 8), normalize_paths=True).fit(X)


def test_normalized_paths_forget_the_contrast_of_each_image(X):
    model = small_transform(normalize_paths=True)
    S = model.fit_transform(X)
    contrast = 10.0 ** np.arange(-3, N - 3)[:, None]
    assert_allclose(model.transform(contrast * X), S, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("normalize_paths", [False, True])
@pytest.mark.parametrize(
    ("dtype", "exponents", "rtol"),
    [
        ("float32", [-100, -60, -50, 60, 120], 1e-5),
        ("float64", [-900, -520, 520, 1000], 1e-12),
    ],
)
def test_the_unit_of_the_images_is_that_of_the_coefficients(
    X, dtype, exponents, rtol, normalize_paths
):
    X = X.astype(dtype)
    model = small_transform(normalize_paths=normalize_paths).fit(X)
    S = model.transform(X)
    for exponent in exponents:
        unit = 1.0 if normalize_paths else 2.0**exponent
        scaled = model.transform(np.ldexp(X, exponent)) / np.array(unit, dtype)
        assert_allclose(scaled, S, rtol=rtol, atol=0)


@pytest.mark.parametrize("normalize_paths", [False, True])
@pytest.mark.parametrize("value", [0.0, 1e-45])
def test_blank_images_have_no_coefficients(value, normalize_paths):
    model = small_transform(normalize_paths=normalize_paths)
    X = torch.full((2, HEIGHT * WIDTH), value).requires_grad_()
    S = model.fit(X).transform(X)
    assert S.abs().max() <= 2 * value
    S.sum().backward()
    assert X.grad.isfinite().all()


@pytest.mark.parametrize(
    ("shape", "J", "largest"), [((28, 28), 6, 5), ((8, 30), 10**9, 3), ((1, 90), 4, 3)]
)
def test_too_large_a_scale_is_an_error_at_once(shape, J, largest):
    X = np.ones((2, math.prod(shape)))
    message = (
        rf"J={J} is too large for images of {shape[0]} by {shape[1]} pixels.*"
        f"at most {largest},"
    )
    with pytest.raises(ValueError, match=message):
        ScatteringTransform(J, 2, shape).fit(X)
    ScatteringTransform(largest, 2, shape).fit(X)


@pytest.mark.parametrize("parameters", [{"L": 10**5}, {"min_side": 10**6}])
def test_what_does_not_fit_into_memory_is_an_error_at_once(X, parameters):
    with pytest.raises(ValueError, match=r"J=2 and L=\d+ take \S+ GB for images of"):
        small_transform(**parameters).fit(X)


def test_names_are_unique_and_follow_the_paths(X, fitted):
    names = fitted.get_feature_names_out()
    S = fitted.transform(X)
    assert names.dtype == object
    assert len(names) == len(set(names)) == S.shape[1]
    assert names[0] == "order0_row0_column0"
    assert names[4] == "order1_scale0_angle0_row0_column0"
    assert names[-1] == "order2_scale0_angle2_scale1_angle2_row1_column1"
    maps = S.reshape(N, *fitted.output_shape_)
    for path, name in [
        (((1, 2),), "order1_scale1_angle2_row1_column0"),
        (((0, 1), (1, 0)), "order2_scale0_angle1_scale1_angle0_row1_column0"),
    ]:
        column = S[:, list(names).index(name)]
        assert_array_equal(column, maps[:, fitted.paths_.index(path), 1, 0])


def test_names_of_the_input(X):
    pd = pytest.importorskip("pandas")
    pixels = [f"pixel{i}" for i in range(X.shape[1])]
    model = small_transform().fit(pd.DataFrame(X, columns=pixels))
    assert_array_equal(model.feature_names_in_, pixels)
    expected = small_transform().fit(X).get_feature_names_out()
    assert_array_equal(model.get_feature_names_out(), expected)
    assert_array_equal(model.get_feature_names_out(pixels), expected)
    with pytest.raises(ValueError, match="not equal to feature_names_in_"):
        model.get_feature_names_out(pixels[::-1])
    with pytest.raises(ValueError, match=r"\(90\), got 89"):
        model.get_feature_names_out(pixels[1:])
    with pytest.raises(ValueError, match="feature names"):
        model.transform(pd.DataFrame(X, columns=pixels[::-1]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pandas(X, dtype):
    pd = pytest.importorskip("pandas")
    X = X.astype(dtype)
    index = [f"image{i}" for i in range(N)]
    frame = pd.DataFrame(X, index=index).add_prefix("pixel")
    model = small_transform().fit(frame)
    S = model.transform(frame)
    assert isinstance(S, np.ndarray)
    assert_array_equal(S, small_transform().fit_transform(X))
    table = model.set_output(transform="pandas").transform(frame)
    assert list(table.columns) == list(model.get_feature_names_out())
    assert list(table.index) == index
    assert (table.dtypes == dtype).all()
    assert_array_equal(table.to_numpy(), S)
    path = model.paths_.index(((1, 0),))
    assert_array_equal(
        table["order1_scale1_angle0_row0_column1"],
        S.reshape(N, *model.output_shape_)[:, path, 0, 1],
    )


@pytest.mark.parametrize("convert", [np.array, torch.tensor])
@pytest.mark.parametrize(
    ("value", "message"), [(np.nan, "NaN"), (np.inf, "infinity"), (-np.inf, "infinity")]
)
def test_pixels_that_are_not_finite(X, fitted, convert, value, message):
    X = X.copy()
    X[1, 1] = value
    for method in (small_transform().fit, fitted.transform):
        with pytest.raises(ValueError, match=message):
            method(convert(X))


@pytest.mark.parametrize("convert", [np.array, torch.tensor])
def test_wrong_shapes_of_the_input(X, fitted, convert):
    X = convert(X)
    with pytest.raises(ValueError, match=r"89 features, but Scattering.* 90 features"):
        fitted.transform(X[:, 1:])
    for method in (small_transform().fit, fitted.transform):
        with pytest.raises(ValueError, match=r"got shape \(7, 1, 9, 10, 1\)"):
            method(X.reshape(N, 1, HEIGHT, WIDTH, 1))
        with pytest.raises(ValueError, match="2D"):
            method(X[0])
        with pytest.raises(ValueError, match="sample"):
            method(X[:0])


def test_not_fitted(X):
    with pytest.raises(NotFittedError, match="ScatteringTransform"):
        small_transform().transform(X)
    with pytest.raises(NotFittedError, match="ScatteringTransform"):
        small_transform().get_feature_names_out()


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"image_shape": (9, 9)}, ValueError, r"\(9, 9\) has 81 numbers, .* 90 fea"),
        ({"image_shape": 90}, ValueError, r"\(height, width, channels\), got 90"),
        ({"image_shape": (90,)}, ValueError, r"channels\), got \(90,\)"),
        ({"image_shape": (3, 5, 2, 3)}, ValueError, r"channels\), got \(3, 5, 2, 3\)"),
        ({"image_shape": (9, 5, 3)}, ValueError, r"\(9, 5, 3\) has 135 num.* 90 feat"),
        ({"image_shape": (9, 5, 0)}, ValueError, r"image_shape\[2\] == 0"),
        (
            {"image_shape": (9, 5, 2.0)},
            TypeError,
            r"image_shape\[2\] must be an integer",
        ),
        ({"image_shape": (9.0, 10)}, TypeError, r"image_shape\[0\] must be an integer"),
        ({"image_shape": "90"}, TypeError, r"image_shape\[0\] must be an integer"),
        ({"image_shape": (9, None)}, TypeError, r"image_shape\[1\] must be an integer"),
        ({"image_shape": (90, True)}, TypeError, r"image_shape\[1\] must be an int"),
        ({"image_shape": (-9, -10)}, ValueError, r"image_shape\[0\] == -9"),
        ({"image_shape": (90, 0)}, ValueError, r"image_shape\[1\] == 0"),
        ({"J": 0}, ValueError, "J == 0"),
        ({"J": 2.0}, TypeError, "J must be an integer"),
        ({"J": None}, TypeError, "J must be an integer"),
        ({"L": 0}, ValueError, "L == 0"),
        ({"L": "8"}, TypeError, "L must be an integer"),
        ({"L": True}, TypeError, "L must be an integer"),
        ({"max_order": 0}, ValueError, "max_order == 0"),
        ({"max_order": 3}, ValueError, "max_order must be 1 or 2, got 3"),
        ({"max_order": True}, TypeError, "max_order must be an integer"),
        ({"max_order": "2"}, TypeError, "max_order must be an integer"),
        ({"batch_size": 0}, ValueError, "batch_size == 0"),
        ({"batch_size": -1}, ValueError, "batch_size == -1"),
        ({"batch_size": 2.5}, TypeError, "batch_size must be an integer"),
        ({"batch_size": None}, TypeError, "batch_size must be an integer"),
        ({"batch_size": "all"}, ValueError, "batch_size must be 'auto' .* got 'all'"),
        ({"normalize_paths": 1}, TypeError, "normalize_paths must be True or False"),
        ({"normalize_paths": "no"}, TypeError, "normalize_paths .* got 'no'"),
        ({"normalize_paths": None}, TypeError, "normalize_paths .* got None"),
    ],
)
def test_parameters_out_of_range(X, parameters, error, message):
    with pytest.raises(error, match=message):
        small_transform(**parameters).fit(X)


def test_a_device_that_is_none(X, fitted):
    model = copy.deepcopy(fitted).set_params(device="abacus")
    with pytest.raises(ValueError, match="device must be 'auto'"):
        model.transform(X)


@pytest.mark.parametrize("shape", [[9, 10], np.array([9, 10]), (np.int32(9), 10)])
def test_image_shapes_of_other_types(X, fitted, shape):
    model = small_transform(image_shape=shape).fit(X)
    assert model.image_shape_ == (9, 10)
    assert all(type(size) is int for size in model.image_shape_)
    assert_array_equal(model.transform(X), fitted.transform(X))
    assert model.image_shape is shape


def by_pickle(model, folder):
    return pickle.loads(pickle.dumps(model))


def by_joblib(model, folder):
    joblib.dump(model, folder / "model.joblib")
    return joblib.load(folder / "model.joblib", mmap_mode="r")


def by_skops(model, folder):
    skops = pytest.importorskip("skops.io")
    data = skops.dumps(model)
    untrusted = skops.get_untrusted_types(data=data)
    assert all(name.startswith("skmixmate.") for name in untrusted)
    return skops.loads(data, trusted=untrusted)


@pytest.mark.parametrize("way", [by_pickle, by_joblib, by_skops])
@pytest.mark.parametrize("parameters", [{}, {"J": np.int64(1), "max_order": 1}])
def test_saved_and_loaded(way, parameters, X, tmp_path):
    model = small_transform(**parameters).fit(X)
    expected = model.transform(X)
    loaded = way(model, tmp_path)
    assert_array_equal(loaded.transform(X), expected)
    assert vars(loaded) == vars(model)


def test_the_operators_are_not_saved(X, fitted):
    fitted.transform(X)
    data = pickle.dumps(fitted)
    assert len(data) < 3000
    assert b"torch" not in data


def test_clone(X, fitted):
    copied = clone(fitted)
    assert copied.get_params() == fitted.get_params()
    assert not hasattr(copied, "paths_")
    assert_array_equal(copied.fit_transform(X), fitted.transform(X))


def test_fitting_again_forgets_the_first_time(X):
    model = small_transform().fit(X)
    model.set_params(J=1, L=2, image_shape=(9, 9), max_order=1).fit(X[:, :81])
    assert model.image_shape_ == (9, 9)
    assert model.output_shape_ == (3, 4, 4)
    assert model.transform(X[:, :81]).shape == (N, 48)


def test_pipeline(X):
    pipeline = make_pipeline(small_transform(), PCA(3, svd_solver="full"))
    reduced = pipeline.fit_transform(X)
    expected = PCA(3, svd_solver="full").fit_transform(by_the_functional(X))
    assert_allclose(reduced, expected, rtol=0, atol=1e-10)
    assert list(pipeline.get_feature_names_out()) == ["pca0", "pca1", "pca2"]
    pipeline.set_params(scatteringtransform__J=1)
    assert clone(pipeline).fit(X)[0].output_shape_[1:] == (4, 5)


def test_memory_maps(X, fitted, tmp_path):
    joblib.dump(X, tmp_path / "X.joblib")
    mapped = joblib.load(tmp_path / "X.joblib", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    assert_array_equal(fitted.transform(mapped), fitted.transform(X))


@pytest.mark.slow  # Every process imports torch.
def test_parallel_processes_with_read_only_memory_maps(X, fitted):
    parts = joblib.Parallel(n_jobs=2, max_nbytes=1)(
        joblib.delayed(fitted.transform)(part) for part in (X[:4], X[4:])
    )
    assert_allclose(np.vstack(parts), fitted.transform(X), rtol=0, atol=1e-10)


def test_parallel_threads():
    # A shape that no other test has: all threads compute the operators at once.
    X = np.random.default_rng(5).random((4, 5 * 17))
    model = ScatteringTransform(J=2, L=2, image_shape=(5, 17)).fit(X)
    barrier = threading.Barrier(4)

    def transform():
        barrier.wait(timeout=30)
        return model.transform(X)

    parallel = joblib.Parallel(n_jobs=4, backend="threading")
    for part in parallel(joblib.delayed(transform)() for _ in range(4)):
        assert_array_equal(part, model.transform(X))


@pytest.mark.parametrize("convert", [np.array, torch.tensor])
def test_the_same_bits_again(X, convert):
    one, two = small_transform(), small_transform()
    S = one.fit_transform(convert(X))
    assert_array_equal(np.asarray(S), np.asarray(two.fit_transform(convert(X))))
    assert_array_equal(np.asarray(S), np.asarray(one.transform(convert(X))))


def global_states():
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return (
        (kind, keys.tolist(), *rest),
        torch.get_rng_state().tolist(),
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        np.geterr(),
        list(warnings.filters),
    )


@pytest.mark.parametrize("convert", [np.array, torch.tensor])
def test_global_states_stay(X, convert):
    before = global_states()
    # A number of angles that no other test has: the operators are computed here.
    model = small_transform(L=5 if convert is np.array else 6)
    model.fit(convert(X)).transform(convert(X))
    assert global_states() == before


@needs_cuda
@pytest.mark.parametrize("normalize_paths", [False, True])
@pytest.mark.parametrize(("dtype", "atol"), [("float32", 1e-6), ("float64", 1e-10)])
def test_cuda_agrees_with_the_cpu(X, dtype, atol, normalize_paths):
    X = X.astype(dtype)
    model = small_transform(normalize_paths=normalize_paths, device="cpu").fit(X)
    expected = model.transform(X)
    atol *= 10 if normalize_paths else 1
    model.set_params(device="cuda")
    assert isinstance(model.transform(X), np.ndarray)
    assert_allclose(model.transform(X), expected, rtol=0, atol=atol)
    on_gpu = model.transform(torch.tensor(X, device="cuda"))
    assert on_gpu.device.type == "cuda"
    assert_allclose(on_gpu.cpu().numpy(), expected, rtol=0, atol=atol)
    assert model.transform(torch.tensor(X)).device.type == "cpu"
    # A tensor of the GPU, computed on the CPU, goes back.
    model.set_params(device="cpu")
    assert model.transform(torch.tensor(X, device="cuda")).device.type == "cuda"


@needs_cuda
def test_cuda_gradients(X):
    gradients = []
    for device in ("cpu", "cuda"):
        tensor = torch.tensor(X, device=device, requires_grad=True)
        small_transform(device=device).fit_transform(tensor).square().sum().backward()
        gradients.append(tensor.grad.cpu().numpy())
    assert_allclose(gradients[1], gradients[0], rtol=1e-8, atol=1e-10)


def test_parameters_set_after_fit_wait_for_the_next_fit(X):
    model = small_transform().fit(X)
    S = model.transform(X)
    model.set_params(J=2, L=6, max_order=1)
    np.testing.assert_array_equal(model.transform(X), S)
    assert model.fit_transform(X).shape != S.shape


@pytest.mark.parametrize(
    ("shape", "J"),
    [((5, 40), 1), ((8, 8), 1), ((23, 30), 2), ((24, 24), 3), ((47, 60), 3)],
)
def test_auto_leaves_three_averages_along_the_shorter_side(shape, J):
    X = np.random.RandomState(0).uniform(size=(2, shape[0] * shape[1]))
    auto = ScatteringTransform("auto", 2, shape).fit(X)
    np.testing.assert_array_equal(
        auto.transform(X), ScatteringTransform(J, 2, shape).fit_transform(X)
    )
    assert min(auto.output_shape_[1:]) >= min(3, shape[0] // 2)


def test_small_images_are_enlarged():
    images = torch.rand(3, 1, 10, 15, generator=torch.Generator().manual_seed(0))
    model = ScatteringTransform(2, 3, (10, 15), min_side=20)
    S = model.fit_transform(images.flatten(1).numpy())
    assert (model.image_shape_, model.output_shape_[1:]) == ((10, 15), (5, 7))
    enlarged = torch.nn.functional.interpolate(images, (20, 30), mode="bicubic")
    expected = ScatteringTransform(2, 3, (20, 30)).fit_transform(
        enlarged.flatten(1).numpy()
    )
    np.testing.assert_array_equal(S, expected)
    large = ScatteringTransform(2, 3, (20, 30), min_side=20)
    assert_same = np.testing.assert_array_equal
    assert_same(large.fit_transform(enlarged.flatten(1).numpy()), expected)


def test_a_fit_that_fails_leaves_the_last_one():
    X = np.random.default_rng(0).random((3, 64))
    model = ScatteringTransform(J=2, L=2, image_shape=(8, 8)).fit(X)
    S = model.transform(X)
    model.set_params(J=3, normalize_paths=True)
    with pytest.raises(ValueError, match="leaves nothing"):
        model.fit(X)
    model.set_params(normalize_paths=False)
    assert_array_equal(model.transform(X), S)
