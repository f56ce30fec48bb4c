"""Large and small images: the same numbers in another form, in bounded memory."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from skmixmate import ScatteringTransform
from skmixmate.features import scattering_form
from skmixmate.features.scattering_form import auto_batch_size, check_cost, scattered
from skmixmate.functional import scattering, scattering_operators
from skmixmate.functional.scattering_filters import padded_size

CPU = torch.device("cpu")


@pytest.mark.parametrize("side", [28, 48])
def test_each_size_in_its_form(side, monkeypatch):
    taken = []
    for name in ("scattering", "fft_scattering"):
        function = getattr(scattering_form, name)
        monkeypatch.setattr(
            scattering_form,
            name,
            lambda *arguments, n=name, f=function: (taken.append(n), f(*arguments))[1],
        )
    X = torch.rand(2, side, side, generator=torch.Generator().manual_seed(0)).double()
    S = scattered(X, 2, 3, 2)
    assert taken == ["scattering" if side == 28 else "fft_scattering"]
    operators = scattering_operators((side, side), 2, 3, dtype=torch.float64)
    torch.testing.assert_close(S, scattering(X, operators), rtol=1e-10, atol=1e-13)


def test_large_images_keep_their_dtype_and_their_gradients():
    X = np.random.default_rng(0).random((2, 40, 50, 3)).astype(np.float32)
    model = ScatteringTransform("auto", 2, normalize_paths=True).fit(X)
    S = model.transform(X)
    assert S.dtype == np.float32
    expected = model.transform(X.astype(np.float64))
    assert_allclose(S, expected, rtol=0, atol=1e-4)
    tensor = torch.tensor(X, requires_grad=True)
    model.transform(tensor).sum().backward()
    assert tensor.grad.isfinite().all()
    assert tensor.grad.abs().max() > 0


@pytest.mark.parametrize("max_order", [1, 2])
@pytest.mark.parametrize("side", [8, 28, 32, 64, 128, 256])
def test_batches_are_as_large_as_the_maps_allow(side, max_order):
    of_side = auto_batch_size((side, side), 3, 8, max_order, CPU)
    assert of_side >= auto_batch_size((4 * side, side), 3, 8, max_order, CPU) >= 1
    # First-order coefficients at full resolution, which are complex.
    assert of_side * 2 * 8 * padded_size(side, 3) ** 2 <= 2**20 or of_side == 1


def test_cost_grows_with_angles_channels_and_pixels():
    check_cost((512, 512), 3, 8, 3)
    for arguments in (((512, 512), 3, 800, 3), ((2**14, 2**14), 3, 8, 1)):
        with pytest.raises(ValueError, match="GB for images of"):
            check_cost(*arguments)
    check_cost((2048, 2048), 3, 8, 1)
    with pytest.raises(ValueError, match="GB for images of"):
        check_cost((2048, 2048), 3, 8, 16)
