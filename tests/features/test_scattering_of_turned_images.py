"""ScatteringTransform(average_angles=True)."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from skmixmate import ScatteringTransform
from skmixmate.functional import averaged_over_angles, paths_over_angles

J, L = 2, 4


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((3, 16, 20, 2))


@pytest.mark.parametrize("max_order", [1, 2])
def test_means_of_the_coefficients_over_angles(images, max_order):
    plain = ScatteringTransform(J, L, max_order=max_order).fit(images)
    model = ScatteringTransform(J, L, max_order=max_order, average_angles=True)
    S = model.fit_transform(images)
    assert model.paths_ == paths_over_angles(J, L, max_order)
    assert model.output_shape_ == (2, len(model.paths_), 4, 5)
    maps = torch.tensor(plain.transform(images)).reshape(-1, *plain.output_shape_[1:])
    expected = averaged_over_angles(maps, J, L, max_order).numpy()
    assert_allclose(S.reshape(expected.shape), expected, rtol=1e-12)


def test_means_are_normalized(images):
    model = ScatteringTransform(J, L, average_angles=True).fit(images)
    maps = model.transform(images).reshape(3, *model.output_shape_)
    model.set_params(normalize_paths=True)
    normalized = model.transform(images).reshape(maps.shape)
    largest = abs(maps).max(axis=(1, 3, 4), keepdims=True)
    assert_allclose(normalized, maps / largest, rtol=1e-10)


def test_what_is_set_after_fit_waits_for_the_next_fit(images):
    model = ScatteringTransform(J, L).fit(images)
    S = model.transform(images)
    model.set_params(average_angles=True)
    assert_allclose(model.transform(images), S, rtol=0)
    assert model.fit_transform(images).shape[1] < S.shape[1]


def test_names_have_the_angle_between_two_wavelets(images):
    model = ScatteringTransform(J, L, average_angles=True).fit(images[..., 0])
    names = list(model.get_feature_names_out())
    assert len(names) == len(set(names)) == np.prod(model.output_shape_)
    assert names[20] == "order1_scale0_row0_column0"
    assert names[-1] == "order2_scale0_scale1_angle3_row3_column4"


@pytest.mark.parametrize("value", [1, "yes", None])
def test_it_is_true_or_false(images, value):
    with pytest.raises(TypeError, match="average_angles must be True or False"):
        ScatteringTransform(average_angles=value).fit(images)
