"""The training loop: it learns, stops, survives interrupts and divergence."""

import numpy as np
import pytest
import torch

from skmixmate.training import Callback, EarlyStopping, MixtureWeights


class Recorder(Callback):
    """Write down every call, and the parameters after every epoch."""

    def __init__(self):
        self.calls, self.indices, self.parameters = [], [], []

    def on_train_begin(self, trainer):
        self.calls.append("train begin")

    def on_epoch_begin(self, trainer):
        self.calls.append("epoch begin")
        self.indices.append([])

    def on_batch_end(self, trainer, indices, output):
        self.calls.append("batch")
        self.indices[-1].append(indices)

    def on_epoch_end(self, trainer):
        self.calls.append("epoch end")
        self.parameters.append(
            [p.detach().clone() for p in trainer.module.parameters()]
        )

    def on_train_end(self, trainer):
        self.calls.append("train end")


class InterruptAt(Callback):
    """Press Ctrl-C in a hook, the n-th time it is called."""

    def __init__(self, hook, count):
        self.remaining = count
        setattr(self, hook, self.press)

    def press(self, *args):
        self.remaining -= 1
        if self.remaining == 0:
            raise KeyboardInterrupt


def test_loss_falls(make_trainer):
    trainer = make_trainer(max_iter=30)
    assert trainer.run() is trainer
    loss = trainer.history["loss"]
    assert loss[-1] < 0.6 * loss[0]
    assert np.mean(loss[20:]) < np.mean(loss[10:20]) < np.mean(loss[:10])
    norms = torch.linalg.vector_norm(trainer.module.dictionaries.detach(), dim=-1)
    torch.testing.assert_close(norms, torch.ones_like(norms))


def test_loss_falls_with_missing_entries(make_trainer):
    random_state = np.random.RandomState(0)
    X = make_trainer().samples.X.clone()
    X[torch.from_numpy(random_state.uniform(size=X.shape) < 0.2)] = torch.nan
    mask = torch.from_numpy(random_state.uniform(size=X.shape) < 0.9)
    trainer = make_trainer(X=X, mask=mask, max_iter=20).run()
    assert trainer.history["loss"][-1] < 0.7 * trainer.history["loss"][0]


def test_hooks_and_batches(make_trainer):
    recorder = Recorder()
    trainer = make_trainer(max_iter=2, batch_size=80, callbacks=[recorder]).run()
    epoch = ["epoch begin", "batch", "batch", "batch", "epoch end"]
    assert recorder.calls == ["train begin", *epoch, *epoch, "train end"]
    for batches in recorder.indices:
        assert [len(indices) for indices in batches] == [80, 80, 40]
        # Each sample once an epoch.
        assert torch.cat(batches).sort().values.tolist() == list(range(200))
    first, second = (torch.cat(batches) for batches in recorder.indices)
    assert (first != second).any()
    assert (first != torch.arange(200)).any()
    assert trainer.epoch == 2
    assert {name: len(v) for name, v in trainer.history.items()} == {
        "loss": 2,
        "seconds": 2,
    }
    assert min(trainer.history["seconds"]) > 0
    assert not trainer.interrupted
    assert not trainer.diverged


def test_a_batch_larger_than_the_data(make_trainer):
    recorder = Recorder()
    make_trainer(max_iter=1, batch_size=10**6, callbacks=[recorder]).run()
    assert [len(indices) for indices in recorder.indices[0]] == [200]


def test_history_has_the_mean_over_samples(make_trainer, scripted_module):
    module = scripted_module([1.0, 4.0, 2.0, 2.0])
    X = torch.zeros(30, 2)
    trainer = make_trainer(module, X, max_iter=2, batch_size=20).run()
    # 20 samples in the first batch, 10 in the second.
    np.testing.assert_allclose(trainer.history["loss"], [2.0, 2.0])
    assert module.n_normalized == 4


def test_early_stopping_ends_training(make_trainer, scripted_module):
    losses = [5.0, 4.0, 3.9999, 3.9998, 3.9997, 1.0]
    stopping, recorder = EarlyStopping(1e-3, 3), Recorder()
    trainer = make_trainer(
        scripted_module(losses),
        torch.zeros(8, 2),
        max_iter=6,
        callbacks=[stopping, recorder],
    ).run()
    assert trainer.epoch == 5
    assert stopping.converged
    # Callbacks after the one that stops see the last epoch too.
    assert recorder.calls[-2:] == ["epoch end", "train end"]
    assert recorder.calls.count("epoch end") == 5


@pytest.mark.parametrize(
    ("hook", "count", "n_epochs"),
    [
        ("on_batch_end", 9, 2),  # four batches an epoch
        ("on_epoch_begin", 2, 1),
        ("on_epoch_end", 3, 3),
        ("on_train_begin", 1, 0),
    ],
)
def test_interrupts_keep_what_was_learned(make_trainer, hook, count, n_epochs):
    recorder = Recorder()
    trainer = make_trainer(max_iter=10, callbacks=[recorder, InterruptAt(hook, count)])
    before = trainer.module.dictionaries.detach().clone()
    trainer.run()
    assert trainer.interrupted
    assert not trainer.diverged
    assert trainer.epoch == n_epochs
    assert all(len(values) == n_epochs for values in trainer.history.values())
    assert recorder.calls[-1] == "train end"
    after = trainer.module.dictionaries.detach()
    assert torch.isfinite(after).all()
    assert (after != before).any() == (n_epochs > 0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_non_finite_loss_takes_the_epoch_back(make_trainer, scripted_module, value):
    # Two batches an epoch; the third epoch's second is bad.
    module = scripted_module([3.0, 3.0, 2.0, 2.0, 1.0, value, 1.0, 1.0])
    recorder = Recorder()
    trainer = make_trainer(
        module, torch.zeros(8, 2), max_iter=4, batch_size=4, callbacks=[recorder]
    )
    with pytest.warns(RuntimeWarning, match=r"epoch 3: the loss was no longer finite"):
        trainer.run()
    assert trainer.diverged
    assert not trainer.interrupted
    assert trainer.epoch == 2
    assert trainer.history["loss"] == [3.0, 2.0]
    torch.testing.assert_close(
        list(module.parameters()), recorder.parameters[-1], rtol=0, atol=0
    )
    assert recorder.calls[-1] == "train end"
    # Nothing of the bad epoch is left in Adam's moments for a later run.
    assert not any(
        torch.isnan(value).any()
        for state in trainer.optimizer.state.values()
        for value in state.values()
    )


def test_bad_parameters_behind_a_finite_loss_are_taken_back(
    make_trainer, scripted_module
):
    module = scripted_module([3.0, 2.0, 1.0])
    normalize = module.normalize_

    def normalize_():
        normalize()
        if module.n_normalized == 2:
            module.parameter.data[0] = torch.nan

    module.normalize_ = normalize_
    recorder = Recorder()
    trainer = make_trainer(module, torch.zeros(4, 2), max_iter=3, callbacks=[recorder])
    with pytest.warns(RuntimeWarning, match="epoch 2"):
        trainer.run()
    assert trainer.diverged
    assert torch.isfinite(module.parameter).all()


def test_diverging_encoder_keeps_the_first_dictionaries(make_module, make_trainer):
    module = make_module(step_size=1e4, n_fista_iter=30)
    before = module.dictionaries.detach().clone()
    with pytest.warns(RuntimeWarning, match=r"epoch 1: .* step_size='auto'"):
        trainer = make_trainer(module).run()
    assert trainer.history["loss"] == []
    torch.testing.assert_close(module.dictionaries.detach(), before, rtol=0, atol=0)


def test_same_seed_same_bits(make_trainer):
    results = [make_trainer(seed=seed).run() for seed in (0, 0, 1)]
    first, second, other = (t.module.dictionaries.detach() for t in results)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert results[0].history["loss"] == results[1].history["loss"]


def test_global_generators_are_untouched(make_trainer):
    torch_state = torch.get_rng_state()
    numpy_state = np.random.get_state()[1].copy()  # noqa: NPY002
    make_trainer().run()
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002


@pytest.mark.parametrize("callbacks", [[MixtureWeights()], []])
def test_weights_move_only_if_they_are_learned(make_trainer, callbacks):
    trainer = make_trainer(callbacks=callbacks).run()
    weights = trainer.module.log_weights.detach().exp()
    assert float(weights.sum()) == pytest.approx(1.0)
    assert bool((weights - 1 / 3).abs().max() > 1e-3) == bool(callbacks)
