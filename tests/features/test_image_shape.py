"""The shape of images: what arrays have, what rows are told, what is refused."""

import math
import warnings

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from skmixmate.features.image_shape import (
    check_image_shape,
    flatten_images,
    resolve_image_shape,
)


@pytest.mark.parametrize("convert", [np.array, torch.tensor])
@pytest.mark.parametrize(
    ("shape", "own"),
    [
        ((5, 6, 7), (6, 7, 1)),
        ((5, 6, 7, 1), (6, 7, 1)),
        ((5, 6, 7, 3), (6, 7, 3)),
        ((5, 6, 7, 16), (6, 7, 16)),
        ((5, 1, 7, 3), (1, 7, 3)),
        *[((5, 3, 3), (3, 3, 1)), ((5, 4, 3), (4, 3, 1)), ((5, 9, 2), (9, 2, 1))],
        ((5, 4, 4, 4), (4, 4, 4)),
    ],
)
def test_arrays_have_their_shape(shape, own, convert):
    X = convert(np.arange(math.prod(shape), dtype=np.float32).reshape(shape))
    for image_shape in (None, own, list(own), own if own[2] > 1 else own[:2]):
        rows, found = flatten_images(X, image_shape)
        assert found == own
        assert type(rows) is type(X)
        assert_array_equal(np.asarray(rows), np.asarray(X).reshape(len(X), -1))
    assert np.shares_memory(np.asarray(rows), np.asarray(X))


@pytest.mark.parametrize("X", [np.ones((2, 5)), np.ones(5), [[1.0, 2.0]], "no array"])
def test_anything_else_is_left_to_other_checks(X):
    rows, shape = flatten_images(X, (7, 7))
    assert rows is X
    assert shape is None


def test_no_images_are_rows_of_none():
    assert flatten_images(np.ones((0, 5, 6)))[0].shape == (0, 30)
    assert flatten_images(np.ones((2, 0, 6, 3)))[0].shape == (2, 0)


def test_masks_and_gradients_stay():
    X = np.ma.masked_less(np.arange(24).reshape(2, 3, 4), 5)
    rows, _ = flatten_images(X)
    assert rows.mask.sum() == 5
    tensor = torch.ones(2, 5, 6, requires_grad=True)
    flatten_images(tensor)[0].sum().backward()
    assert tensor.grad.sum() == 60


@pytest.mark.parametrize("convert", [np.ones, torch.ones])
@pytest.mark.parametrize("shape", [(32, 32, 3), (2, 32, 3), (2, 5, 4)])
def test_what_may_be_one_image_in_colour_is_refused(shape, convert):
    X = convert(shape)
    with pytest.raises(ValueError, match=r"may be grey .* one image .* rows") as info:
        flatten_images(X)
    # Each of the ways out leads on.
    assert f"image_shape={shape[1:]}" in str(info.value)
    assert flatten_images(X, shape[1:])[1] == (*shape[1:], 1)
    if shape[0] > 4:
        assert flatten_images(X[None])[1] == shape
    assert flatten_images(X[:, None])[1] == (1, *shape[1:])


@pytest.mark.parametrize("image_shape", [None, (3, 16, 16)])
@pytest.mark.parametrize("n_images", [1, 10])
def test_channels_that_come_first_are_refused(n_images, image_shape):
    X = np.ones((n_images, 3, 16, 16))
    with pytest.raises(ValueError, match=r"got \(3, 16, 16\).*np\.moveaxis\(X, 1, -1"):
        flatten_images(X, image_shape)
    assert flatten_images(np.moveaxis(X, 1, -1))[1] == (16, 16, 3)
    with pytest.raises(ValueError, match="channels come first"):
        flatten_images(np.ones((n_images, 1, 8, 8)))


@pytest.mark.parametrize("shape", [(20, 20, 17), (1, 28, 28), (100, 100, 200)])
def test_more_than_16_channels_are_refused(shape):
    message = f"at most 16 channels, got \\({shape[0]}, .*np.hstack the features"
    with pytest.raises(ValueError, match=message):
        check_image_shape(shape)
    with pytest.raises(ValueError, match=message):
        flatten_images(np.ones((2, *shape)))


def test_five_dimensions_are_no_images():
    with pytest.raises(ValueError, match=r"or rows .*, got shape \(1, 2, 3, 4, 5\)"):
        flatten_images(np.ones((1, 2, 3, 4, 5)))


@pytest.mark.parametrize(
    ("shape", "image_shape"),
    [((2, 6, 7), (7, 6)), ((2, 6, 7), (6, 7, 3)), ((2, 6, 7, 3), (6, 7))],
)
def test_a_shape_that_is_not_that_of_the_array(shape, image_shape):
    with pytest.raises(ValueError, match="pass image_shape=None") as info:
        flatten_images(np.ones(shape), image_shape)
    for named in (f"image_shape={image_shape}", f"X of shape {shape}"):
        assert named in str(info.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        *[((6, 7), (6, 7, 1)), ([6, 7, 3], (6, 7, 3)), (np.array([6, 7]), (6, 7, 1))],
        *[((1, 9, 3), (1, 9, 3)), ((4, 4, 4), (4, 4, 4)), ((5, 5, 5), (5, 5, 5))],
    ],
)
def test_a_shape_has_channels(given, expected):
    shape = check_image_shape(given)
    assert shape == expected
    assert all(type(size) is int for size in shape)
    assert resolve_image_shape(given, math.prod(expected)) == expected


def test_sides_have_a_smallest_size_and_channels_have_not():
    assert check_image_shape((8, 9, 3), min_val=8) == (8, 9, 3)
    with pytest.raises(ValueError, match=r"image_shape\[1\] == 7, must be >= 8"):
        check_image_shape((8, 7, 3), min_val=8)


def test_rows_of_as_many_numbers_as_grey_and_in_colour():
    # 48 * 48 grey, or 24 * 32 in colour.
    with pytest.warns(UserWarning, match=r"2304 is taken as a square grey.*\(48, 48\)"):
        assert resolve_image_shape(None, 2304) == (48, 48, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert resolve_image_shape((24, 32, 3), 2304) == (24, 32, 3)


@pytest.mark.parametrize(
    ("n_features", "said"),
    [
        (3072, r"\(height, width\), in colour \(32, 32, 3\)\. "),
        (1024, r"\(height, width\), in colour \(16, 16, 4\)\. "),
        (90, r"\(height, width\)\. "),
    ],
)
def test_the_warning_tells_what_squares_in_colour_would_be(n_features, said):
    with pytest.warns(UserWarning, match=said):
        height, width, n_channels = resolve_image_shape(None, n_features)
    assert height * width == n_features
    assert n_channels == 1
    if height == 1:
        with pytest.raises(ValueError, match=said):
            resolve_image_shape(None, n_features, smallest_side=8)
