"""Every callback keeps the contract; early stopping counts right."""

import inspect
from types import SimpleNamespace

import pytest
import torch

from skmixmate.base.checkpoints import RunCheckpoint
from skmixmate.base.training import ContextCallback
from skmixmate.training import (
    BackwardChoice,
    Callback,
    DeadAtomReseeding,
    DictionarySizes,
    EarlyStopping,
    LinearDecay,
    MixtureWeights,
    ReportProgress,
)
from skmixmate.utils.progress import reporting, step

HOOKS = [name for name, found in vars(Callback).items() if inspect.isfunction(found)]


class FakeContext:
    """scikit-learn's callback context, which never stops."""

    def subcontext(self, **_):
        return self

    def call_on_fit_task_begin(self, **_):
        return self

    def call_on_fit_task_end(self, *, reconstruction_attributes=dict, **_):
        reconstruction_attributes()
        return False


def context_callback():
    attributes = SimpleNamespace(attributes=dict)
    fit = SimpleNamespace(fitted=lambda trainer: attributes)
    return ContextCallback(FakeContext(), object(), fit, {"X": None, "y": None})


def run_checkpoint():
    fit = SimpleNamespace(
        parameters=SimpleNamespace(checkpoint_every=1),
        checkpoints=SimpleNamespace(read=lambda run: None, write=lambda run, state: 0),
        decisions=dict,
        random_state=None,
        which_run=0,
    )
    return RunCheckpoint(fit)


FACTORIES = {
    BackwardChoice: BackwardChoice,
    Callback: Callback,
    DeadAtomReseeding: DeadAtomReseeding,
    DictionarySizes: DictionarySizes,
    EarlyStopping: lambda: EarlyStopping(1e-3, 2),
    LinearDecay: LinearDecay,
    MixtureWeights: MixtureWeights,
    ReportProgress: ReportProgress,
    ContextCallback: context_callback,
    RunCheckpoint: run_checkpoint,
}


def package_callbacks(base=Callback):
    """Callback and all classes of the package derived from it."""
    found = [base]
    for subclass in base.__subclasses__():
        found += package_callbacks(subclass)
    return [cls for cls in found if cls.__module__.startswith("skmixmate.")]


def test_every_callback_of_the_package_is_tested():
    assert set(package_callbacks()) == set(FACTORIES)


@pytest.mark.parametrize("cls", FACTORIES, ids=lambda cls: cls.__name__)
def test_hooks_have_the_signatures_of_the_base_class(cls):
    unknown = {name for name in vars(cls) if name.startswith("on_")} - set(HOOKS)
    assert not unknown, "a hook that nobody calls"
    overridden = [name for name in HOOKS if name in vars(cls)]
    for name in overridden:
        own = inspect.signature(getattr(cls, name)).parameters
        base = inspect.signature(getattr(Callback, name)).parameters
        assert list(own) == list(base)
    assert overridden, f"{cls.__name__} does nothing"


@pytest.mark.parametrize("cls", FACTORIES, ids=lambda cls: cls.__name__)
def test_callbacks_work_and_can_be_used_again(cls, make_trainer):
    def train(callback):
        return make_trainer(max_iter=2, callbacks=[callback]).run()

    callback = FACTORIES[cls]()
    first, again = train(callback), train(callback)
    assert first.epoch == again.epoch == 2
    del first.history["seconds"], again.history["seconds"]
    assert first.history == again.history
    assert torch.equal(first.module.dictionaries, again.module.dictionaries)


def count_epochs(losses, tol, n_iter_no_change):
    """Epochs until early stopping ends training; None if it does not."""
    stopping = EarlyStopping(tol, n_iter_no_change)
    trainer = SimpleNamespace(history={"loss": []})
    stopping.on_train_begin(trainer)
    for epoch, loss in enumerate(losses, start=1):
        trainer.history["loss"].append(loss)
        stopped = stopping.on_epoch_end(trainer)
        assert stopped == stopping.converged
        if stopped:
            return epoch
    return None


@pytest.mark.parametrize(
    ("losses", "tol", "n_iter_no_change", "expected"),
    [
        ([10, 9, 8, 7, 6], 0.0, 1, None),
        ([10, 10], 0.0, 1, 2),
        ([10, 9, 9, 9], 0.0, 2, 4),
        # An improvement starts the count anew.
        ([10, 11, 9, 10, 8, 9, 9], 0.0, 2, 7),
        # Compared with the best loss, not with the last.
        ([10, 12, 11, 10.5], 0.0, 3, 4),
        # By a fraction of the best loss.
        ([10, 9.5, 9.1], 0.1, 2, 3),
        ([10, 8.9, 8.0], 0.1, 2, None),
        ([10, 9.5, 8.0, 7.9, 7.8], 0.1, 2, 5),
        # Negative losses: the fraction is of the magnitude.
        ([-10, -10.5, -10.6], 0.1, 2, 3),
        ([-10, -11.5, -13], 0.1, 1, None),
        ([1, 0, 0], 0.1, 1, 3),
        ([5], 1.0, 1, None),
    ],
)
def test_early_stopping_counts(losses, tol, n_iter_no_change, expected):
    assert count_epochs(losses, tol, n_iter_no_change) == expected


def test_progress_is_told(make_trainer, capsys):
    with reporting("Name", verbose=1), step("run 1/3"):
        trainer = make_trainer(max_iter=2, callbacks=[ReportProgress()]).run()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for epoch, (line, loss) in enumerate(
        zip(lines, trainer.history["loss"], strict=True), start=1
    ):
        assert line.startswith(f"Name: run 1/3, epoch {epoch}/2, loss {loss:.6g}, ")
        assert line.endswith(" s")


def test_progress_tells_of_reseeded_atoms(make_trainer, capsys):
    class Reseeding(Callback):
        def on_epoch_end(self, trainer):
            trainer.history["n_reseeded_atoms"] = [3]

    with reporting("Name", verbose=1):
        make_trainer(max_iter=1, callbacks=[Reseeding(), ReportProgress()]).run()
    assert "3 dead atoms re-seeded" in capsys.readouterr().out


@pytest.mark.parametrize(("n_far", "few"), [(6, True), (3, False)])
def test_the_backward_pass_is_chosen_by_the_last_batch(n_far, few):
    """Of ten samples, each matters to one cluster of two."""
    module = SimpleNamespace(min_responsibility=1e-5, few_matter=None)
    trainer = SimpleNamespace(module=module)
    energies = torch.zeros(10, 2)
    energies[:n_far, 0] = 50.0
    energies[n_far:, 1] = 50.0
    choice = BackwardChoice()
    choice.on_train_begin(trainer)
    assert module.few_matter is True
    choice.on_batch_end(trainer, None, SimpleNamespace(energies=energies))
    assert module.few_matter is few


def test_weights_are_the_mean_responsibilities_with_a_sample_more(make_trainer):
    class Sums(Callback):
        def on_train_begin(self, trainer):
            self.total = torch.zeros(3)

        def on_batch_end(self, trainer, indices, output):
            self.total += torch.softmax(-output.energies.detach(), dim=1).sum(0)

    for earlier in (None, torch.tensor([10.0, 20.0, 30.0])):
        sums = Sums()
        callbacks = [sums, MixtureWeights(earlier)]
        trainer = make_trainer(max_iter=1, callbacks=callbacks).run()
        expected = sums.total + 1.0 + (0.0 if earlier is None else earlier)
        torch.testing.assert_close(
            trainer.module.log_weights.exp(), expected / expected.sum()
        )


def test_earlier_epochs_count():
    stopping = EarlyStopping(0.0, 2, earlier_losses=[10.0, 9.0, 9.5])
    trainer = SimpleNamespace(history={"loss": [9.2]})
    stopping.on_train_begin(trainer)
    assert stopping.on_epoch_end(trainer)
    # Of other data or parameters.
    trainer.history["loss"] = [20.0]
    stopping.on_train_begin(trainer)
    assert not stopping.on_epoch_end(trainer)
    assert stopping.best_loss == 20.0
