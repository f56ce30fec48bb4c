"""Adam by a kernel against `torch.optim.Adam`; interpreted without a GPU."""

import pytest
import torch

from skmixmate.functional import AdamNumbers, adam_by_kernel, adam_is_fused, fused_adam
from skmixmate.modules import DictionaryAutoencoder, DictionaryMixture
from skmixmate.training import fused_update
from skmixmate.training.fused_update import fused_update as make_update
from skmixmate.training.gradients import LossGradient
from skmixmate.training.samples import Batch

pytest.importorskip("triton")

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("normalizes", [False, True])
@pytest.mark.parametrize("n_features", [1, 16, 37, 300])
def test_steps_are_those_of_pytorch(n_features, normalizes):
    """In double precision, with an atom of zeros, from the first step or a later."""
    error = fused_adam.adam_error(n_features, DEVICE, normalizes=normalizes)
    assert error < 5e-6


@pytest.mark.parametrize("betas", [(0.5, 0.6), (0.9, 0.9999)])
def test_other_numbers(betas):
    """Of many steps, with a rate that falls."""
    generator = torch.Generator().manual_seed(0)
    D = torch.randn(1, 2, 5, generator=generator).to(DEVICE)
    exact = D.double().requires_grad_()
    adam = torch.optim.Adam([exact], lr=1.0, betas=betas, eps=0.1, foreach=False)
    numbers = AdamNumbers(
        *(torch.zeros_like(D), torch.zeros_like(D)),
        *(torch.zeros((), device=DEVICE), torch.ones((), device=DEVICE)),
        *(betas, 0.1),
    )
    for step in range(20):
        gradient = torch.randn(D.shape, generator=generator).to(DEVICE)
        numbers.lr.fill_(1.0 - step / 20)
        adam.param_groups[0]["lr"] = 1.0 - step / 20
        adam_by_kernel(D, gradient, numbers, normalizes=False)
        exact.grad = gradient.double()
        adam.step()
    torch.testing.assert_close(D.double(), exact.detach(), rtol=1e-5, atol=1e-5)
    assert float(numbers.step) == 20.0


@pytest.mark.parametrize("normalizes", [False, True])
def test_zeros_stay_and_what_is_no_number_shows(normalizes):
    D = torch.ones(1, 3, 5, device=DEVICE)
    D[0, 0] = 0.0
    gradient = torch.zeros_like(D)
    gradient[0, 1, 2] = torch.nan
    numbers = AdamNumbers(
        *(torch.zeros_like(D), torch.zeros_like(D)),
        *(torch.zeros((), device=DEVICE), torch.ones((), device=DEVICE)),
    )
    adam_by_kernel(D, gradient, numbers, normalizes=normalizes)
    assert not D[0, 0].any()
    assert D.isfinite().all(-1).tolist() == [[True, False, True]]


def test_what_it_takes():
    D = torch.ones(1, 2, 3)
    numbers = AdamNumbers(D.clone(), D.clone(), torch.ones(()), torch.ones(()))
    assert not adam_is_fused(D, numbers, normalizes=True)  # not on a GPU


def trained_once(module, **options):
    """A module with gradients, after a step of an optimiser whose rate is a tensor."""
    X = torch.randn(12, 5, generator=torch.Generator().manual_seed(0)).to(DEVICE)
    module.to(DEVICE)
    parameters = [one for one in module.parameters() if one.requires_grad]
    options = {"lr": torch.tensor(0.1, device=DEVICE), **options}
    optimizer = torch.optim.Adam(
        parameters, capturable=DEVICE.type == "cuda", **options
    )
    for step in range(2):
        LossGradient(module)(Batch(X, None))
        if step == 0:
            optimizer.step()
            module.normalize_()
    return optimizer


@pytest.fixture
def _everywhere(monkeypatch):
    monkeypatch.setattr(fused_update, "adam_is_fused", lambda *_, **__: True)


@pytest.fixture
def dictionaries():
    return torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(1))


@pytest.mark.usefixtures("_everywhere")
@pytest.mark.parametrize("normalizes", [True, False])
def test_an_update_is_a_step_and_scales_atoms(dictionaries, normalizes):
    modules, states = [], []
    for is_fused in (True, False):
        module = DictionaryAutoencoder(dictionaries[0], normalize_atoms=normalizes)
        optimizer = trained_once(module)
        if is_fused:
            make_update(optimizer, module)()
        else:
            optimizer.step()
            module.normalize_()
        modules.append(module)
        states.append(optimizer.state[module.dictionaries])
    torch.testing.assert_close(*(one.dictionaries for one in modules))
    torch.testing.assert_close(*states)


class Unscaled(DictionaryMixture):
    """Scales nothing, as a user's module may."""

    def normalize_(self):
        pass


@pytest.mark.usefixtures("_everywhere")
def test_only_plain_adam_of_dictionaries_is_fused(dictionaries):
    module = DictionaryMixture(dictionaries)
    optimizer = trained_once(module)
    assert make_update(optimizer, module) is not None
    for options in ({"amsgrad": True}, {"weight_decay": 0.1}, {"maximize": True}):
        module = DictionaryMixture(dictionaries)
        assert make_update(trained_once(module, **options), module) is None
    module = DictionaryMixture(dictionaries)
    assert make_update(torch.optim.Adam([module.dictionaries]), module) is None
    module = Unscaled(dictionaries)
    assert make_update(trained_once(module), module) is None
    module = DictionaryMixture(dictionaries)
    assert make_update(trained_once(module, lr=0.1), module) is None
    module = DictionaryMixture(dictionaries)
    sgd = torch.optim.SGD([module.dictionaries], lr=0.1)
    assert make_update(sgd, module) is None
    module = DictionaryMixture(dictionaries)
    module.log_weights.requires_grad_()
    assert make_update(trained_once(module), module) is None
