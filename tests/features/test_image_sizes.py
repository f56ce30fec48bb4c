"""Images of unequal sizes, stretched to one."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits

from skmixmate import ImageClustering
from skmixmate.features.image_sizes import has_unequal_sizes, resized
from skmixmate.metrics import clustering_accuracy


def test_who_has_unequal_sizes():
    small, large = np.zeros((8, 8)), np.zeros((9, 8))
    assert has_unequal_sizes([small, large])
    assert has_unequal_sizes((small, torch.zeros(9, 8)))
    objects = np.empty(2, dtype=object)
    objects[:] = [small, large]
    assert has_unequal_sizes(objects)
    for X in ([small, small], [], np.zeros((3, 8, 8)), [[1, 2], [3]], [1.0, 2.0]):
        assert not has_unequal_sizes(X)


def test_the_size_is_the_median_and_told():
    images = [np.full((8 + i, 20 - i), float(i)) for i in range(5)]
    with pytest.warns(UserWarning, match=r"5 sizes, heights 8 to 12 .* \(10, 18\)"):
        found = resized(images)
    assert found.shape == (5, 10, 18)
    assert found.dtype == np.float32
    flat = np.arange(5.0)[:, None, None] * np.ones((10, 18))
    assert_allclose(found, flat, rtol=1e-5)


def test_pixels_are_averaged_before_they_are_left_out():
    stripes = np.tile([0.0, 1.0], (16, 8))
    found = resized([stripes, np.zeros((8, 8))], (8, 8))
    assert_allclose(found[0][:, 2:-2], 0.5, atol=0.1)
    assert_array_equal(found[1], 0.0)
    # What has the size already stays as it is.
    ramp = np.arange(64.0).reshape(8, 8)
    assert_allclose(resized([ramp, stripes], (8, 8))[0], ramp, rtol=1e-5)


def test_channels_are_stretched_alike():
    colour = np.random.RandomState(0).uniform(size=(12, 10, 3))
    found = resized([colour, torch.zeros(9, 9, 3)], (6, 7))
    assert found.shape == (2, 6, 7, 3)
    for channel in range(3):
        alone = resized([colour[..., channel]], (6, 7))
        assert_allclose(found[0][..., channel], alone[0], rtol=1e-5)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ([np.zeros((8, 8)), np.zeros((9, 9, 3))], "as many channels"),
        ([np.zeros((8, 8, 4)), np.zeros((9, 9, 3))], "as many channels"),
        ([np.zeros((8, 0)), np.zeros((9, 9))], "has no pixels"),
    ],
)
def test_images_that_cannot_be(images, message):
    with pytest.raises(ValueError, match=message):
        resized(images)


def test_a_folder_of_images_of_all_sizes():
    digits = load_digits()
    rows = np.isin(digits.target, [0, 1, 4])
    rng = np.random.RandomState(0)
    X = [
        resized([image], tuple(rng.randint(8, 17, size=2)))[0]
        for image in digits.images[rows][:240]
    ]
    y = digits.target[rows][:240]
    clusterer = ImageClustering(3, n_init=1, random_state=0)
    with pytest.warns(UserWarning, match="are stretched to the medians"):
        labels = clusterer.fit_predict(X)
    assert clustering_accuracy(y, labels) > 0.95
    assert_array_equal(clusterer.predict(X), labels)
    # One alone, of whatever size.
    assert_array_equal(clusterer.predict(X[:1]), labels[:1])
    height, width = clusterer.sample_shape_[:2]
    same = resized(X, (height, width))
    assert_array_equal(clusterer.predict(same), labels)
    told = ImageClustering(3, image_shape=(12, 10), n_init=1, random_state=0).fit(X)
    assert told.sample_shape_[:2] == (12, 10)
    with pytest.raises(ValueError, match="mask is not taken with images of unequal"):
        clusterer.fit(X, mask=[np.ones(x.shape, bool) for x in X])
