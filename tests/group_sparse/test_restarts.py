"""Several runs from different starts."""

import numpy as np
import pytest

from skmixmate import SparseAutoencoder
from skmixmate.training import Trainer

from .conftest import small_model


@pytest.mark.parametrize("loss", ["penalized", "reconstruction"])
def test_the_run_with_the_lowest_loss_is_kept(X, loss):
    parameters = {"max_iter": 2, "loss": loss}
    model = small_model(n_init=4, **parameters).fit(X)
    # The same draws, one run at a time; the first is that of a fit with a single one.
    seeds = [0, *np.random.RandomState(0).randint(2**31 - 1, size=4)[1:]]
    singles = [small_model(random_state=seed, **parameters).fit(X) for seed in seeds]
    best = min(singles, key=lambda single: single.loss_)
    assert len({single.loss_ for single in singles}) == 4
    assert best is not singles[0]
    np.testing.assert_array_equal(model.dictionary_, best.dictionary_)
    np.testing.assert_array_equal(model.labels_, best.labels_)
    np.testing.assert_array_equal(model.history_["loss"], best.history_["loss"])
    assert model.loss_ == best.loss_


def test_restarts_of_the_sparse_autoencoder(X):
    parameters = {"n_atoms": 10, "init": "data", "max_iter": 2, "random_state": 0}
    losses = [
        SparseAutoencoder(n_init=n_init, **parameters).fit(X).loss_
        for n_init in range(1, 6)
    ]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("kind", ["array", "warm start"])
def test_one_start_is_one_run(X, kind, capsys):
    model = small_model(n_init=3, max_iter=1, verbose=1)
    if kind == "array":
        model.set_params(init=X[:10]).fit(X)
    else:
        model.set_params(warm_start=True).fit(X)
        assert capsys.readouterr().out.count("epoch") == 3
        model.fit(X)
    assert capsys.readouterr().out.count("epoch") == 1


@pytest.mark.parametrize("n_passes", [5, 7])
def test_an_interrupted_restart_keeps_the_best(X, monkeypatch, n_passes):
    first = small_model(init="noise").fit(X)
    normal = Trainer._pass_over_samples
    calls = []

    def interrupted(self):
        calls.append(None)
        if len(calls) == n_passes:
            raise KeyboardInterrupt
        return normal(self)

    monkeypatch.setattr(Trainer, "_pass_over_samples", interrupted)
    with pytest.warns(RuntimeWarning, match="run 2 of 3") as record:
        model = small_model(init="noise", n_init=3).fit(X)
    assert record[0].filename == __file__
    assert len(calls) == n_passes
    assert model.loss_ <= first.loss_
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    if n_passes == 5:  # The second run had only begun.
        np.testing.assert_array_equal(model.dictionary_, first.dictionary_)


def test_an_interrupt_in_the_start_of_a_restart_keeps_the_first_run(X):
    calls = []

    def start(X, n_groups, random_state):
        calls.append(None)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return X[:10]

    with pytest.warns(RuntimeWarning, match="run 2 of 3"):
        model = small_model(init=start, n_init=3).fit(X)
    only = small_model(init=start).fit(X)
    np.testing.assert_array_equal(model.dictionary_, only.dictionary_)
    with pytest.raises(KeyboardInterrupt):
        small_model(init=interrupt, n_init=3).fit(X)


def interrupt(X, n_groups, random_state):
    raise KeyboardInterrupt


def test_callbacks_are_told_of_each_run(X):
    pytest.importorskip("sklearn.callback")
    tasks = []

    class Recorder:
        def setup(self, estimator, context):
            tasks.append(context.max_subtasks)

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            tasks.append(context.task_name)

        def on_fit_task_end(self, estimator, context):
            pass

    small_model(n_init=3, max_iter=2).set_callbacks(Recorder()).fit(X)
    assert tasks == [3, "fit", *(["run", "epoch", "epoch"] * 3)]
