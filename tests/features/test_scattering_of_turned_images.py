"""ScatteringTransform(n_turns=...)."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import rotate

from skmixmate import ScatteringTransform


@pytest.fixture(scope="module")
def images():
    """Smooth objects in the middle of black images, in two channels."""
    noise = np.random.default_rng(0).random((3, 40, 40, 2))
    distance = np.hypot(*(np.mgrid[:40, :40] - 19.5))
    return noise * (distance < 12)[..., None]


def test_one_turn_is_the_image_itself(images):
    expected = ScatteringTransform(2, 4).fit_transform(images)
    assert_array_equal(
        ScatteringTransform(2, 4, n_turns=1).fit_transform(images), expected
    )


def test_means_over_copies_that_are_turned_exactly(images):
    plain = ScatteringTransform(2, 4, normalize_paths=True)
    copies = [np.rot90(images, k, axes=(1, 2)).copy() for k in range(4)]
    expected = np.mean([plain.fit_transform(copy) for copy in copies], axis=0)
    model = ScatteringTransform(2, 4, normalize_paths=True, n_turns=4)
    for copy in copies:
        assert_allclose(model.fit_transform(copy), expected, atol=1e-9)


@pytest.mark.parametrize("shape", [(40, 40), (30, 44)])
def test_an_object_at_any_angle_has_about_the_same_coefficients(shape):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    y, x = rows - (shape[0] - 1) / 2, columns - (shape[1] - 1) / 2
    bar = np.exp(-((x / 8) ** 2) - ((y / 2) ** 2))
    images = np.stack([bar, rotate(bar, 40, reshape=False, order=3)])
    change = {}
    for n_turns in (1, 8):
        S = ScatteringTransform(2, 8, n_turns=n_turns).fit_transform(images)
        change[n_turns] = np.linalg.norm(S[0] - S[1]) / np.linalg.norm(S[0])
    assert change[8] < 0.1 * change[1]


def test_gradients_flow_through_turned_copies(images):
    X = torch.tensor(images[:1, 10:22, 10:22, 0].reshape(1, -1), requires_grad=True)
    model = ScatteringTransform(1, 2, (12, 12), n_turns=3).fit(X.detach())
    torch.autograd.gradcheck(lambda X: model.transform(X).sum(), X, atol=1e-4)


def test_the_number_of_turns_is_checked(images):
    with pytest.raises(ValueError, match="n_turns == 0, must be >= 1"):
        ScatteringTransform(n_turns=0).fit(images)


def test_turns_that_are_set_after_fit_wait_for_the_next_fit(images):
    model = ScatteringTransform(2, 4).fit(images)
    S = model.transform(images)
    model.set_params(n_turns=4)
    assert_array_equal(model.transform(images), S)
    assert np.abs(model.fit_transform(images) - S).max() > 1e-3
