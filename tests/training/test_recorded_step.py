"""A recorded step does what the steps of a trainer do; recording it does nothing."""

import pytest
import torch

from skmixmate.training import (
    Callback,
    DeadAtomReseeding,
    DictionarySizes,
    LinearDecay,
    MixtureWeights,
    recorded_step,
)
from skmixmate.training.gradients import LossGradient
from skmixmate.training.recorded_step import RecordedStep, can_be_recorded

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")


class Warm(LossGradient):
    """Ready to be recorded, but for a GPU."""

    n_warm_up, can_record, stream = 0, True, None


@pytest.fixture
def pretend(monkeypatch):
    """Return a function that makes a trainer record steps, and what was recorded."""
    monkeypatch.setattr(recorded_step, "can_be_recorded", lambda _: True)

    def use(trainer):
        calls = []

        def state():
            moments = trainer.optimizer.state.values()
            return [
                *trainer.module.parameters(),
                *(one for values in moments for one in values.values()),
                *(one for c in trainer.callbacks for one in c.recorded_tensors() or ()),
                trainer._total,
            ]

        def captured(function, stream):
            calls.append("record")
            before = [one.detach().clone() for one in state()]
            output = function()
            with torch.no_grad():
                for one, value in zip(state(), before, strict=True):
                    one.copy_(value)
                for place in output:
                    place.fill_(torch.nan)

            def replay():
                calls.append("replay")
                for place, value in zip(output, function(), strict=True):
                    place.copy_(value)

            return replay, output

        monkeypatch.setattr(recorded_step, "captured", captured)
        trainer.loss_gradient = Warm(trainer.module)
        trainer.recorded_step = RecordedStep(trainer)
        # Adam has no moments before its first step, nor callbacks tensors.
        trainer.recorded_step.can_record = False
        return calls

    return use


class Begin(Callback):
    """Let steps be recorded from the second epoch on."""

    def on_epoch_end(self, trainer):
        if trainer.recorded_step is not None and trainer.epoch == 1:
            trainer.recorded_step.can_record = True


@pytest.mark.parametrize(
    "callbacks",
    [
        lambda: [],
        lambda: [DeadAtomReseeding(), MixtureWeights()],
        lambda: [DictionarySizes(), LinearDecay()],
    ],
    ids=["none", "recorded", "on_host"],
)
def test_recorded_steps_train_the_same(make_trainer, pretend, callbacks):
    """200 samples are three full batches an epoch, and one of eight."""
    plain, recorded = (make_trainer(callbacks=[*callbacks(), Begin()]) for _ in "12")
    calls = pretend(recorded)
    plain.run()
    recorded.run()
    assert calls == ["record"] + 9 * ["replay"]
    assert recorded.history["loss"] == plain.history["loss"]
    for one, other in zip(
        recorded.module.parameters(), plain.module.parameters(), strict=True
    ):
        assert torch.equal(one, other)


class Summing(Callback):
    """Add up energies, in another tensor each epoch."""

    def on_epoch_begin(self, trainer):
        self.sum = torch.zeros(())

    def on_batch_end(self, trainer, indices, output):
        self.sum += output.energies.detach().sum()

    def recorded_tensors(self):
        return (self.sum,)


def test_what_is_replaced_is_recorded_again(make_trainer, pretend):
    plain, recorded = (make_trainer(callbacks=[Summing(), Begin()]) for _ in "12")
    calls = pretend(recorded)
    plain.run()
    recorded.run()
    assert calls == 3 * ["record", *3 * ["replay"]]
    assert torch.equal(recorded.callbacks[0].sum, plain.callbacks[0].sum)


class Counting(Callback):
    """A callback of the user's, which says nothing of what it changes."""

    seen = 0

    def on_batch_end(self, trainer, indices, output):
        self.seen += int(output.energies.isfinite().all()) * len(indices)


def test_other_callbacks_hear_of_every_step(make_trainer, pretend):
    trainer = make_trainer(callbacks=[Counting(), Begin()])
    pretend(trainer)
    trainer.run()
    assert trainer.callbacks[0].seen == 4 * 200


def test_what_cannot_be_recorded_is_tried_once(make_trainer, pretend, monkeypatch):
    plain, recorded = (make_trainer(callbacks=[Begin()]) for _ in "12")
    pretend(recorded)
    tried = []

    def captured(function, stream):
        tried.append(1)
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(recorded_step, "captured", captured)
    plain.run()
    recorded.run()
    assert tried == [1]
    assert recorded.history["loss"] == plain.history["loss"]


def test_what_is_recorded_at_all(make_trainer):
    trainer = make_trainer()
    assert not can_be_recorded(trainer)  # Adam reads its rate on the host
    trainer.optimizer.param_groups[0]["capturable"] = True
    assert can_be_recorded(trainer)
    X = trainer.samples.X.clone()
    X[0, 0] = torch.nan
    trainer.samples = type(trainer.samples)(X)
    assert not can_be_recorded(trainer)


def test_a_cpu_records_nothing(make_trainer):
    assert make_trainer().recorded_step is None


@needs_cuda
@pytest.mark.parametrize("decays", [False, True])
def test_cuda_records_whole_steps(make_trainer, make_module, decays):
    X = make_trainer().samples.X.cuda()

    def trained(is_recorded):
        module = make_module().cuda()
        optimizer = torch.optim.Adam(
            [module.dictionaries],
            lr=torch.tensor(1e-2, device="cuda"),
            fused=True,
            capturable=True,
        )
        callbacks = [DictionarySizes(), MixtureWeights()]
        trainer = make_trainer(
            module,
            X,
            optimizer=optimizer,
            max_iter=12,
            callbacks=[*callbacks, *([LinearDecay()] if decays else [])],
        )
        if not is_recorded:
            trainer.recorded_step = None
        trainer.run()
        assert not is_recorded or trainer.recorded_step.recording is not None
        return trainer

    one, other = trained(True), trained(False)
    assert one.history["loss"] == pytest.approx(other.history["loss"], rel=1e-4)
