"""scikit-learn's experimental callbacks."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from .conftest import small_model

callback = pytest.importorskip("sklearn.callback")


class Recorder:
    """Record the tasks, and the fitted estimator of each epoch."""

    def __init__(self, stop_at=None):
        self.stop_at = stop_at
        self.events = []
        self.estimators = []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(("begin", context.task_name, context.task_id))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.events.append(("end", context.task_name, context.task_id))
        if context.task_name == "epoch":
            self.estimators.append(fitted_estimator)
            return context.task_id == self.stop_at
        return False

    def count(self, kind, task):
        return sum(event[:2] == (kind, task) for event in self.events)


def fit_with(recorder, X, **parameters):
    return small_model(**parameters).set_callbacks(recorder).fit(X)


# With callbacks, runs follow one another.
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_runs_and_epochs_are_told(X, n_jobs):
    recorder = Recorder()
    fit_with(recorder, X, n_init=2, max_iter=3, n_jobs=n_jobs)
    assert recorder.events[0] == "setup"
    assert recorder.events[-1] == "teardown"
    for kind in ("begin", "end"):
        assert recorder.count(kind, "run") == 2
        assert recorder.count(kind, "epoch") == 6
        assert recorder.count(kind, "fit") == 1
    runs = [event for event in recorder.events if event[1] == "run"]
    assert runs == [
        *(("begin", "run", 0), ("end", "run", 0)),
        *(("begin", "run", 1), ("end", "run", 1)),
    ]


def test_callbacks_change_nothing(X, fitted):
    model = fit_with(Recorder(), X)
    assert_array_equal(model.dictionaries_, fitted.dictionaries_)
    assert_array_equal(model.labels_, fitted.labels_)


def test_each_epoch_has_a_fitted_estimator(X):
    recorder = Recorder()
    model = fit_with(recorder, X)
    assert len(recorder.estimators) == model.n_iter_ == 4
    scores = [estimator.score(X) for estimator in recorder.estimators]
    assert scores[-1] == pytest.approx(model.score(X), rel=1e-9)
    assert len(set(scores)) == 4
    assert_array_equal(recorder.estimators[-1].predict(X), model.labels_)


def test_a_callback_may_stop_training(X):
    model = fit_with(Recorder(stop_at=1), X, max_iter=20)
    assert model.n_iter_ == 2
    assert_array_equal(model.predict(X), model.labels_)


def test_a_warm_start_is_one_run(X):
    model = fit_with(Recorder(), X, warm_start=True, n_init=2, max_iter=1)
    recorder = Recorder()
    model.set_callbacks(recorder).fit(X)
    assert recorder.count("begin", "run") == 1


def test_scoring_monitor(X):
    monitor = callback.ScoringMonitor(scoring=lambda estimator, X, y: 1.0)
    model = small_model(max_iter=2).set_callbacks(monitor)
    assert np.isfinite(model.fit(X).loss_)


def test_progress_bar(X, capsys):
    pytest.importorskip("rich")
    small_model(max_iter=2).set_callbacks(callback.ProgressBar()).fit(X)
    assert "MixMateClustering" in capsys.readouterr().out


@pytest.mark.parametrize("as_mask", [False, True])
def test_monitored_scores_are_those_of_each_epoch(X, as_mask):
    """With classes, which scikit-learn's monitor asks for, and the mask."""
    mask = np.random.RandomState(0).uniform(size=X.shape) > 0.1 if as_mask else None
    y = np.zeros(len(X), dtype=int)
    monitor = callback.ScoringMonitor(
        scoring=lambda estimator, X, y, **mask: {"score": estimator.score(X, **mask)}
    )
    recorder = Recorder()
    model = small_model(max_iter=3).set_callbacks(monitor, recorder)
    model.fit(X, y, mask=mask)
    log = monitor.get_logs(select="most_recent").data
    scores = [row["score"] for row in log if row["task_name"] == "epoch"]
    expected = [one.score(X, mask=mask) for one in recorder.estimators]
    np.testing.assert_allclose(scores, expected, rtol=1e-9)
