"""The loss and its gradients: a recorded batch gives what a plain one does."""

import contextlib
from types import SimpleNamespace

import pytest
import torch

from skmixmate.modules import DictionaryAutoencoder, DictionaryMixture
from skmixmate.penalties import L1, GroupL2
from skmixmate.training import DeadAtomReseeding, LinearDecay, Trainer, gradients
from skmixmate.training.gradients import (
    GraphedLossGradient,
    LossGradient,
    loss_gradient,
)
from skmixmate.training.samples import Batch

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")


def pretended_graph(module, replays):
    """Return a `_captured` without a GPU.

    As with a graph, its replays read and write where tensors were when it was recorded,
    and recording computes nothing.
    """

    def results(function):
        output, loss = function()
        trained = [p for p in module.parameters() if p.requires_grad]
        return [*output, loss, *(p.grad for p in trained)], (output, loss)

    def captured(function, stream):
        places, result = results(function)

        @torch.no_grad()
        def replay():
            replays.append(1)
            with torch.enable_grad():
                values, _ = results(function)
            for place, value in zip(places, values, strict=True):
                place.copy_(value)

        with torch.no_grad():
            for place in places:
                place.fill_(torch.nan)
        return replay, result

    return captured


@pytest.fixture
def pretend(monkeypatch):
    """Return a function that makes trainers record batches, as on a GPU."""
    stream = SimpleNamespace(wait_stream=lambda other: None)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: stream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda s: contextlib.nullcontext())

    def use(trainer: Trainer, captured=None, n_warm_up=2):
        replays = []
        captured = captured or pretended_graph(trainer.module, replays)
        monkeypatch.setattr(gradients, "_captured", captured)
        monkeypatch.setattr(gradients, "_N_WARM_UP", n_warm_up)
        trainer.loss_gradient = GraphedLossGradient(trainer.module, trainer.batch_size)
        return replays

    return use


@pytest.mark.parametrize("fit_weights", [False, True])
def test_recorded_batches_train_the_same(
    make_module, make_trainer, pretend, fit_weights
):
    """200 samples are three full batches an epoch, and one of eight."""
    plain, recorded = (
        make_trainer(
            make_module(fit_weights=fit_weights),
            callbacks=[DeadAtomReseeding(), LinearDecay()],
        )
        for _ in range(2)
    )
    replays = pretend(recorded)
    plain.run()
    recorded.run()
    assert len(replays) == 4 * 3 - 2
    assert recorded.history["loss"] == plain.history["loss"]
    for one, other in zip(
        recorded.module.parameters(), plain.module.parameters(), strict=True
    ):
        assert torch.equal(one, other)


def test_incomplete_batches_are_not_recorded(make_trainer, pretend):
    X = make_trainer().samples.X.clone()
    X[::2, 3] = torch.nan
    plain, recorded = make_trainer(X=X), make_trainer(X=X)
    replays = pretend(recorded)
    plain.run()
    recorded.run()
    assert replays == []
    assert recorded.history["loss"] == plain.history["loss"]


def test_what_cannot_be_recorded_is_tried_once(make_trainer, pretend):
    tried = []

    def captured(function, stream):
        tried.append(1)
        function()
        raise RuntimeError("operation not permitted when stream is capturing")

    plain, recorded = make_trainer(), make_trainer()
    pretend(recorded, captured)
    plain.run()
    recorded.run()
    assert tried == [1]
    assert recorded.history["loss"] == plain.history["loss"]


def test_other_errors_are_not_hidden(make_module, pretend, make_trainer):
    """They come again where the batch is taken step by step."""
    module = make_module()
    trainer = make_trainer(module)
    pretend(trainer, n_warm_up=0)

    def loss(output):
        raise RuntimeError("out of memory")

    module.loss = loss
    with pytest.raises(RuntimeError, match="out of memory"):
        trainer.run()


def test_short_runs_are_not_recorded(make_trainer, pretend):
    trainer = make_trainer(max_iter=6)
    replays = pretend(trainer, n_warm_up=gradients._N_WARM_UP)
    trainer.run()
    assert replays == []


@pytest.mark.parametrize(
    "penalty",
    [
        L1(),
        L1(nonnegative=True),
        GroupL2(5),
        GroupL2(5, nonnegative=True),
    ],
)
@pytest.mark.parametrize("form", ["gram", "residual"])
@pytest.mark.parametrize("fit_weights", [False, True])
def test_no_step_waits_for_the_device(penalty, form, fit_weights):
    """Tensors without numbers: an operation that reads one on the host is an error."""
    D = torch.empty(3, 10, 20, device="meta")
    options = {"penalty": penalty, "form": form}
    modules = [
        DictionaryMixture(
            D, fit_weights=fit_weights, min_responsibility=1e-5, **options
        ),
        DictionaryAutoencoder(D[0], **options),
        DictionaryAutoencoder(D[0], loss_name="reconstruction", **options),
    ]
    for module in modules:
        gradient = LossGradient(module)
        gradient(Batch(torch.empty(16, 20, device="meta"), None))
        module.normalize_()
        assert all(p.grad.shape == p.shape for p in gradient.parameters)


def test_cpu_takes_batches_step_by_step(make_module):
    gradient = loss_gradient(make_module(), torch.device("cpu"), 64)
    assert type(gradient) is LossGradient


def test_gradients_are_of_the_last_batch_alone(make_module):
    module = make_module()
    X = torch.randn(8, 20, generator=torch.Generator().manual_seed(0))
    gradient = LossGradient(module)
    gradient(Batch(X, None))
    gradient(Batch(2.0 * X, None))
    expected = torch.autograd.grad(module.loss(module(2.0 * X)), module.dictionaries)
    assert torch.equal(module.dictionaries.grad, expected[0])


@needs_cuda
@pytest.mark.parametrize("fit_weights", [False, True])
def test_cuda_graph_trains_the_same(
    make_module, make_trainer, monkeypatch, fit_weights
):
    monkeypatch.setattr(gradients, "_N_WARM_UP", 2)
    X = make_trainer().samples.X.cuda()
    histories = []
    for is_plain in (True, False):
        module = make_module(fit_weights=fit_weights).cuda()
        trainer = make_trainer(module, X, callbacks=[DeadAtomReseeding()], max_iter=9)
        if is_plain:
            trainer.loss_gradient = LossGradient(module)
        trainer.run()
        histories.append(trainer.history["loss"])
    assert trainer.loss_gradient.recording is not None
    assert histories[1] == pytest.approx(histories[0], rel=1e-4)


class Impatient(L1):
    """A penalty that looks at a number on the host."""

    def value(self, codes):
        assert float(codes.detach().abs().max()) >= 0.0
        return super().value(codes)


@needs_cuda
def test_cuda_penalties_that_wait_are_taken_step_by_step(
    make_module, make_trainer, monkeypatch
):
    monkeypatch.setattr(gradients, "_N_WARM_UP", 2)
    X = make_trainer().samples.X.cuda()
    module = make_module(penalty=Impatient()).cuda()
    trainer = make_trainer(module, X, max_iter=20).run()
    assert trainer.loss_gradient.recording is None
    assert trainer.history["loss"][-1] < trainer.history["loss"][0]
