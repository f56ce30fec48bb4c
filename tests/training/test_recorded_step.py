"""A recorded step does what the steps of a trainer do; recording it does nothing."""

import gc
import weakref

import pytest
import torch

from skmixmate.functional.fused_fista import has_triton
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

needs_triton = pytest.mark.skipif(not has_triton(), reason="no Triton")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")


class Warm(LossGradient):
    """Ready to be recorded, but for a GPU."""

    n_warm_up, can_record, stream = 0, True, None


@pytest.fixture
def with_rate(make_trainer):
    """Return `make_trainer` with a learning rate that a graph can read."""
    return lambda **options: make_trainer(learning_rate=torch.tensor(1e-2), **options)


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
def test_recorded_steps_train_the_same(with_rate, pretend, callbacks):
    """200 samples are three full batches an epoch, and one of eight."""
    plain, recorded = (with_rate(callbacks=[*callbacks(), Begin()]) for _ in "12")
    calls = pretend(recorded)
    plain.run()
    recorded.run()
    assert calls == ["record"] + 9 * ["replay"]
    assert recorded.history["loss"] == plain.history["loss"]
    for one, other in zip(
        recorded.module.parameters(), plain.module.parameters(), strict=True
    ):
        assert torch.equal(one, other)


@needs_triton
def test_recorded_steps_of_incomplete_samples_train_the_same(make_trainer, pretend):
    X = make_trainer().samples.X.clone()
    X[::2, 3], X[1::2, 4:9] = torch.nan, torch.nan
    plain, recorded = (
        make_trainer(
            X=X, learning_rate=torch.tensor(1e-2), callbacks=[MixtureWeights(), Begin()]
        )
        for _ in "12"
    )
    calls = pretend(recorded)
    plain.run()
    recorded.run()
    assert calls == ["record"] + 9 * ["replay"]
    assert recorded.history["loss"] == plain.history["loss"]


class Summing(Callback):
    """Add up energies, in another tensor each epoch."""

    def on_epoch_begin(self, trainer):
        self.sum = torch.zeros(())

    def on_batch_end(self, trainer, indices, output):
        self.sum += output.energies.detach().sum()

    def recorded_tensors(self):
        return (self.sum,)


def test_what_is_replaced_is_recorded_again(with_rate, pretend):
    plain, recorded = (with_rate(callbacks=[Summing(), Begin()]) for _ in "12")
    calls = pretend(recorded)
    plain.run()
    recorded.run()
    assert calls == 3 * ["record", *3 * ["replay"]]
    assert torch.equal(recorded.callbacks[0].sum, plain.callbacks[0].sum)


class Rates(Callback):
    """Change the learning rate of the third epoch, in one of three ways."""

    def __init__(self, way):
        self.way = way

    def on_epoch_begin(self, trainer):
        (group,) = trainer.optimizer.param_groups
        if trainer.epoch == 2 and self.way == "filled":
            group["lr"].fill_(0.5)
        elif trainer.epoch == 2:
            group["lr"] = torch.tensor(0.5) if self.way == "replaced" else 0.5


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ("filled", ["record", *9 * ["replay"]]),
        ("replaced", ["record", *3 * ["replay"], "record", *6 * ["replay"]]),
        ("number", ["record", *3 * ["replay"]]),
    ],
)
def test_the_learning_rate_may_change(with_rate, pretend, way, expected):
    plain, recorded = (with_rate(callbacks=[Rates(way), Begin()]) for _ in "12")
    calls = pretend(recorded)
    plain.run()
    recorded.run()
    assert calls == expected
    assert recorded.history["loss"] == plain.history["loss"]


class Forgetting(Callback):
    """Let Adam begin again."""

    def on_epoch_begin(self, trainer):
        if trainer.epoch == 2:
            trainer.optimizer.state.clear()


def test_adam_may_begin_again(with_rate, pretend):
    """Not within a recorded step, each of which would set its moments to zero."""
    plain, recorded = (with_rate(callbacks=[Forgetting(), Begin()]) for _ in "12")
    pretend(recorded)
    plain.run()
    recorded.run()
    assert recorded.history["loss"] == plain.history["loss"]


class CountingWeights(MixtureWeights):
    """Does more in a step than the class that says what it changes."""

    seen = 0

    def on_batch_end(self, trainer, indices, output):
        super().on_batch_end(trainer, indices, output)
        self.seen += len(indices)


def test_a_part_that_a_subclass_changed_is_not_recorded(with_rate, pretend):
    trainer = with_rate(callbacks=[CountingWeights(), Begin()])
    pretend(trainer)
    trainer.run()
    assert trainer.callbacks[0].seen == 4 * 200


def test_a_trainer_is_gone_when_it_is_not_used(with_rate):
    """And with it the memory of its graph and its samples."""
    trainer = with_rate(callbacks=[DeadAtomReseeding()])
    trainer.recorded_step = RecordedStep(trainer)
    trainer.run()
    is_gone = weakref.ref(trainer)
    gc.disable()
    try:
        del trainer
        assert is_gone() is None
    finally:
        gc.enable()


class Counting(Callback):
    """A callback of the user's, which says nothing of what it changes."""

    seen = 0

    def on_batch_end(self, trainer, indices, output):
        self.seen += int(output.energies.isfinite().all()) * len(indices)


def test_other_callbacks_hear_of_every_step(with_rate, pretend):
    trainer = with_rate(callbacks=[Counting(), Begin()])
    pretend(trainer)
    trainer.run()
    assert trainer.callbacks[0].seen == 4 * 200


def test_what_cannot_be_recorded_is_tried_once(with_rate, pretend, monkeypatch):
    plain, recorded = (with_rate(callbacks=[Begin()]) for _ in "12")
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
    assert can_be_recorded(trainer)
    trainer.samples.mask = torch.ones_like(X, dtype=torch.bool, device="meta")
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
