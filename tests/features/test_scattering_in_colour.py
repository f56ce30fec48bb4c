"""ScatteringTransform of images as arrays and in colour."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skmixmate import ScatteringTransform

N, HEIGHT, WIDTH, CHANNELS = 5, 9, 10, 3


@pytest.fixture(scope="module")
def images():
    images = np.random.default_rng(0).random((N, HEIGHT, WIDTH, CHANNELS))
    # As colours are: one far stronger than another.
    images *= [1.0, 0.1, 3.0]
    images.setflags(write=False)
    return images


def small_transform(**parameters):
    return ScatteringTransform(**{"J": 2, "L": 3, **parameters})


def channel_by_channel(images, **parameters):
    """Coefficients (n_samples, channels, paths, rows, columns), one by one."""
    model = small_transform(image_shape=images.shape[1:3], **parameters)
    channels = [
        model.fit_transform(channel.reshape(len(images), -1)).reshape(
            -1, *model.output_shape_
        )
        for channel in np.moveaxis(images, -1, 0)
    ]
    return np.stack(channels, axis=1)


@pytest.mark.parametrize("min_side", [1, 20])
@pytest.mark.parametrize("batch_size", [1, 2, "auto"])
def test_channels_are_transformed_one_by_one(images, batch_size, min_side):
    model = small_transform(batch_size=batch_size, min_side=min_side).fit(images)
    expected = channel_by_channel(images, min_side=min_side)
    S = model.transform(images)
    assert model.image_shape_ == (HEIGHT, WIDTH, CHANNELS)
    assert model.output_shape_ == expected.shape[1:]
    assert model.n_features_in_ == HEIGHT * WIDTH * CHANNELS
    assert S.flags.c_contiguous
    assert_allclose(S.reshape(expected.shape), expected, rtol=0, atol=1e-12)


def test_rows_are_the_arrays_in_c_order(images):
    rows = images.reshape(N, -1)
    model = small_transform(image_shape=images.shape[1:]).fit(rows)
    of_array = small_transform().fit(images)
    assert vars(model) | {"image_shape": None} == vars(of_array)
    # Either way in, whatever `fit` had.
    S = model.transform(rows)
    for one in (model, of_array, clone(model).fit(images)):
        for X in (rows, images, np.asfortranarray(images), torch.tensor(images)):
            assert_array_equal(np.asarray(one.transform(X)), S)


def test_grey_arrays_give_the_bits_of_their_rows(images):
    grey = images[..., 0]
    model = small_transform(image_shape=(HEIGHT, WIDTH)).fit(grey.reshape(N, -1))
    S = model.transform(grey.reshape(N, -1))
    for X in (grey, grey[..., None]):
        for image_shape in (None, (HEIGHT, WIDTH), (HEIGHT, WIDTH, 1)):
            of_array = small_transform(image_shape=image_shape).fit(X)
            assert of_array.image_shape_ == (HEIGHT, WIDTH)
            assert of_array.output_shape_ == model.output_shape_
            assert_array_equal(of_array.transform(X), S)
    assert model.get_feature_names_out()[0] == "order0_row0_column0"


def test_channels_share_what_their_paths_are_divided_by(images):
    S = small_transform(normalize_paths=True).fit_transform(images)
    maps = channel_by_channel(images)
    largest = abs(maps).max(axis=(1, 3, 4), keepdims=True)
    assert_allclose(S.reshape(maps.shape), maps / largest, rtol=1e-10, atol=1e-12)
    # How strong a colour is beside another is kept: that of each by itself is not.
    alone = channel_by_channel(images, normalize_paths=True)
    assert abs(S.reshape(maps.shape) - alone).max() > 0.5


def test_one_average_of_each_of_several_channels_can_be_normalized():
    X = np.random.default_rng(1).random((2, 8, 8, 3))
    S = ScatteringTransform(3, 2, normalize_paths=True).fit_transform(X)
    assert_allclose(abs(S.reshape(2, 3, -1)).max(axis=1), 1.0, rtol=1e-12)
    with pytest.raises(ValueError, match="a path has one average only"):
        ScatteringTransform(3, 2, normalize_paths=True).fit(X[..., :1])


def test_float32_stays_and_bytes_become_it(images):
    expected = small_transform().fit_transform(images)
    S = small_transform().fit_transform(images.astype(np.float32))
    assert S.dtype == np.float32
    assert_allclose(S, expected, rtol=0, atol=1e-6)
    octets = (80 * images).astype(np.uint8)
    assert small_transform().fit_transform(octets).dtype == np.float32


def test_tensors_and_their_gradients(images):
    model = small_transform(normalize_paths=True).fit(images)
    tensor = torch.tensor(images[:1], requires_grad=True)
    S = model.transform(tensor)
    assert isinstance(S, torch.Tensor)
    assert_allclose(S.detach().numpy(), model.transform(images[:1]), rtol=1e-12)
    # Of one channel by differences, of a weighted sum.
    weights = torch.linspace(-1.0, 1.0, S.shape[1], dtype=S.dtype)
    (gradient,) = torch.autograd.grad(S @ weights, tensor)
    assert gradient.shape == tensor.shape
    direction = torch.zeros_like(tensor)
    direction[..., 1] = torch.tensor(np.random.default_rng(2).random((HEIGHT, WIDTH)))
    step = 1e-6 * direction
    moved = [model.transform(tensor.detach() + sign * step) for sign in (1, -1)]
    slope = (moved[0] - moved[1]) @ weights / 2e-6
    torch.testing.assert_close(
        slope[0], (gradient * direction).sum(), rtol=1e-6, atol=0
    )


def test_names_say_the_channel(images):
    model = small_transform().fit(images)
    names = list(model.get_feature_names_out())
    S = model.transform(images)
    assert len(names) == len(set(names)) == S.shape[1]
    maps = S.reshape(N, *model.output_shape_)
    column = names.index("channel1_order1_scale1_angle2_row1_column0")
    path = model.paths_.index(((1, 2),))
    assert_array_equal(S[:, column], maps[:, 1, path, 1, 0])


def test_as_many_numbers_as_a_grey_square():
    images = np.random.default_rng(3).random((2, 24, 32, 3))
    model = small_transform().fit(images)  # No warning.
    assert model.image_shape_ == (24, 32, 3)
    with pytest.warns(UserWarning, match=r"taken as a square grey image; .*\(48, 48\)"):
        guessed = small_transform().fit(images.reshape(2, -1))
    assert guessed.image_shape_ == (48, 48)


@pytest.mark.parametrize("convert", [np.array, torch.tensor])
def test_wrong_shapes(images, convert):
    X = convert(images)
    model = small_transform().fit(X)
    with pytest.raises(ValueError, match=r"image_shape=\(9, 10, 3\) is not that of X"):
        model.transform(X[..., 0])
    with pytest.raises(ValueError, match=r"image_shape=\(9, 10, 3\) is not that of X"):
        model.transform(X[:, :, :-1])
    with pytest.raises(ValueError, match=r"269 features, but .* 270 features"):
        model.transform(X.reshape(N, -1)[:, 1:])
    with pytest.raises(ValueError, match=r"image_shape=\(10, 9\) is not that of X"):
        small_transform(image_shape=(10, 9)).fit(X[..., 0])
    with pytest.raises(ValueError, match="may be grey images"):
        small_transform().fit(X[0])
    with pytest.raises(ValueError, match="sample"):
        model.transform(X[:0])


def test_pixels_that_are_missing(images):
    X = images.copy()
    X[1, 2, 3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        small_transform().fit(X)
    with pytest.raises(ValueError, match="masked entries"):
        small_transform().fit(np.ma.masked_invalid(X))
