"""Ctrl-C: what was learned until then is kept."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmixmate import NeighborVoting
from skmixmate.base import fit
from skmixmate.mixmate.fit import MixtureFit
from skmixmate.model_selection import cluster_stability
from skmixmate.penalties import L1
from skmixmate.training import Trainer

from .conftest import small_model


@pytest.fixture
def interrupt_in_pass(monkeypatch):
    """Raise KeyboardInterrupt in the n-th pass over the samples, counted from 1."""

    def install(n_passes):
        passes = []
        original = Trainer._pass_over_samples

        def interrupted(trainer):
            passes.append(trainer)
            if len(passes) == n_passes:
                raise KeyboardInterrupt
            return original(trainer)

        monkeypatch.setattr(Trainer, "_pass_over_samples", interrupted)

    return install


def check_usable(model, X):
    assert_array_equal(model.predict(X), model.labels_)
    assert np.isfinite(model.loss_)
    assert model.sample(3)[0].shape == (3, 12)
    assert model.converged_ is False


def test_what_was_learned_is_kept(interrupt_in_pass, X):
    two_epochs = small_model(max_iter=2).fit(X)
    interrupt_in_pass(3)
    model = small_model(max_iter=20)
    with pytest.warns(RuntimeWarning, match=r"interrupted; .* after 2 epochs"):
        assert model.fit(X) is model
    check_usable(model, X)
    assert model.n_iter_ == 2
    assert {len(values) for values in model.history_.values()} == {2}
    assert_array_equal(model.history_["loss"], two_epochs.history_["loss"])


def test_in_the_first_epoch_the_start_is_kept(interrupt_in_pass, X):
    interrupt_in_pass(1)
    model = small_model()
    with pytest.warns(RuntimeWarning, match="after 0 epochs"):
        model.fit(X)
    check_usable(model, X)
    assert model.n_iter_ == 0


def test_a_warm_start_takes_up_an_interrupted_fit(interrupt_in_pass, X):
    interrupt_in_pass(3)
    model = small_model(warm_start=True)
    with pytest.warns(RuntimeWarning, match="interrupted"):
        model.fit(X)
    model.fit(X)
    assert len(model.history_["loss"]) == 2 + 4


@pytest.mark.parametrize("n_passes", [5, 7])
def test_in_a_restart_the_best_run_is_kept(n_passes, interrupt_in_pass, X):
    complete = small_model(init="random").fit(X)
    interrupt_in_pass(n_passes)
    model = small_model(init="random", n_init=5)
    with pytest.warns(RuntimeWarning, match="run 2 of 5"):
        model.fit(X)
    check_usable(model, X)
    assert model.criterion_ >= complete.criterion_
    if n_passes == 5:
        assert_array_equal(model.dictionaries_, complete.dictionaries_)
        assert model.n_iter_ == 4


def interrupted_start(monkeypatch, n_starts):
    starts = []
    original = fit.first_atoms

    def first_atoms(*args, **options):
        starts.append(args)
        if len(starts) == n_starts:
            raise KeyboardInterrupt
        return original(*args, **options)

    monkeypatch.setattr(fit, "first_atoms", first_atoms)


def test_in_the_first_start_there_is_nothing_to_keep(monkeypatch, X):
    interrupted_start(monkeypatch, 1)
    model = small_model(n_init=2)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X)
    assert not hasattr(model, "dictionaries_")


def test_in_the_start_of_a_restart_the_first_run_is_kept(monkeypatch, X, fitted):
    interrupted_start(monkeypatch, 2)
    model = small_model(n_init=3)
    with pytest.warns(RuntimeWarning, match="run 2 of 3"):
        model.fit(X)
    check_usable(model, X)
    assert_array_equal(model.dictionaries_, fitted.dictionaries_)


def test_from_a_callback(X):
    pytest.importorskip("sklearn.callback")

    class Interrupting:
        n_epochs = 0

        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context):
            if context.task_name == "epoch":
                self.n_epochs += 1
                if self.n_epochs == 2:
                    raise KeyboardInterrupt

    model = small_model(max_iter=20).set_callbacks(Interrupting())
    with pytest.warns(RuntimeWarning, match="after 2 epochs"):
        model.fit(X)
    check_usable(model, X)
    assert model.n_iter_ == 2


def test_an_interrupt_in_the_last_pass_keeps_the_model(X, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    model = small_model().fit(X)
    with monkeypatch.context() as patch:
        patch.setattr(MixtureFit, "last_pass", interrupt)
        with pytest.warns(RuntimeWarning, match="no labels_"):
            model.fit(X)
        assert not hasattr(model, "labels_")
        assert not hasattr(model, "loss_")
        with pytest.warns(RuntimeWarning, match="no labels_"):
            labels = model.fit_predict(X)
        assert_array_equal(labels, model.predict(X))
        n_epochs = model.n_iter_
        with pytest.raises(KeyboardInterrupt):
            model.partial_fit(X)
        assert model.n_iter_ == n_epochs + 1
    with pytest.raises(NotFittedError, match="interrupted"):
        model.sample()
    assert model.predict(X).shape == (len(X),)
    assert_array_equal(model.fit(X).predict(X), model.labels_)


def test_an_interrupted_partial_fit_keeps_the_batch_and_ends_the_loop(X, monkeypatch):
    def interrupt(self):
        raise KeyboardInterrupt

    model = small_model().partial_fit(X)
    monkeypatch.setattr(Trainer, "_pass_over_samples", interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.partial_fit(X)
    assert model.predict(X).shape == (len(X),)


class InterruptingL1(L1):
    """Sends KeyboardInterrupt once, in the middle of a training run."""

    calls = 0

    def value(self, codes):
        InterruptingL1.calls += 1
        if InterruptingL1.calls == 10:
            raise KeyboardInterrupt
        return super().value(codes)


@pytest.fixture
def interrupted_model():
    InterruptingL1.calls = 0
    return small_model(penalty=InterruptingL1(), max_iter=20)


@pytest.mark.parametrize(
    "call",
    [
        lambda m, X: GridSearchCV(m, {"alpha": [0.5, 1.0]}, cv=2).fit(X),
        lambda m, X: cross_val_score(m, X, cv=2),
        lambda m, X: cluster_stability(m, X, random_state=0),
        lambda m, X: make_pipeline(StandardScaler(), m).fit(X),
        lambda m, X: make_pipeline(NeighborVoting(m)).fit_predict(X),
        lambda m, X: small_model(init=m).fit(X),
    ],
    ids=["search", "scores", "stability", "pipeline", "voting", "start"],
)
def test_within_another_call_the_interrupt_goes_on(interrupted_model, call, X):
    with pytest.raises(KeyboardInterrupt):
        call(interrupted_model, X)
    # Only the last pass of the interrupted fit came after it.
    assert InterruptingL1.calls == 11


def test_within_a_pipeline_what_was_learned_is_kept(interrupted_model, X):
    pipeline = make_pipeline(StandardScaler(), interrupted_model)
    with pytest.raises(KeyboardInterrupt):
        pipeline.fit(X)
    assert_array_equal(pipeline.predict(X), pipeline[-1].labels_)


def test_the_outermost_fit_keeps_what_an_inner_one_learned(interrupted_model, X):
    outer = NeighborVoting(interrupted_model)
    with pytest.warns(RuntimeWarning, match="interrupted.*the mixture") as record:
        outer.fit(X)
    assert [warning.filename for warning in record] == [__file__]
    assert outer.mixmate_.n_iter_ < 20
    assert np.isfinite(outer.transform(X)).all()


def test_a_function_of_the_user_is_no_library(interrupted_model, X):
    def fit_several(models):
        return [model.fit(X) for model in models]

    with pytest.warns(RuntimeWarning, match="interrupted"):
        fit_several([interrupted_model])
    assert interrupted_model.labels_.shape == (len(X),)
