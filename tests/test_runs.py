"""What is kept of all runs of a fit."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import make_blobs

from skmixmate import (
    EmbeddingClustering,
    GroupSparseAutoencoder,
    MixMateClustering,
    SparseAutoencoder,
)
from skmixmate.training import Trainer

X, _ = make_blobs(80, 6, centers=3, random_state=0)
MODELS = [
    MixMateClustering(3, n_atoms=2, init="data", random_state=0),
    GroupSparseAutoencoder(4, 2, init="data", random_state=0),
    SparseAutoencoder(6, init="data", random_state=0),
]


def new(model, **parameters):
    return copy.deepcopy(model).set_params(max_iter=2, **parameters)


def criterion_of(model):
    return getattr(model, "criterion_", model.loss_)


models = pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)


@models
def test_every_run_is_kept(model):
    fitted = new(model, n_init=3).fit(X)
    assert len(fitted.runs_) == 3
    # The same draws, one run at a time; the first is that of a fit with a single one.
    seeds = [0, *np.random.RandomState(0).randint(2**31 - 1, size=3)[1:]]
    for run, seed in zip(fitted.runs_, seeds, strict=True):
        single = new(model, random_state=seed).fit(X)
        assert run.criterion == criterion_of(single)
        assert_array_equal(run.history["loss"], single.history_["loss"])
        assert set(run.history) == {"loss", "seconds", "n_reseeded_atoms"}
    best = min(fitted.runs_, key=lambda run: run.criterion)
    assert best.criterion == criterion_of(fitted)
    assert best.history is fitted.history_
    assert len({run.criterion for run in fitted.runs_}) == 3


@models
def test_what_goes_on_is_one_run(model):
    fitted = new(model, n_init=2, warm_start=True).fit(X)
    assert len(fitted.runs_) == 2
    for go_on in (fitted.fit, fitted.partial_fit, fitted.fit):
        (run,) = go_on(X).runs_
        assert run.history is fitted.history_
        assert run.criterion == criterion_of(fitted)
    assert len(run.history["loss"]) == 2 + 2 + 1 + 2
    streamed = new(model).partial_fit(X).partial_fit(X)
    (run,) = streamed.runs_
    assert run.history is streamed.history_
    assert len(run.history["loss"]) == streamed.n_iter_
    # A new fit knows nothing of earlier ones.
    assert len(fitted.set_params(warm_start=False).fit(X).runs_) == 2


@models
def test_runs_are_in_copies_of_the_estimator(model):
    fitted = new(model, n_init=2).fit(X)
    for other in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted)):
        for run, expected in zip(other.runs_, fitted.runs_, strict=True):
            assert run.criterion == expected.criterion
            assert_array_equal(run.history["loss"], expected.history["loss"])


def test_an_interrupted_run_has_no_criterion(monkeypatch):
    last_pass = Trainer._pass_over_samples
    calls = []

    def interrupted(self):
        calls.append(None)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return last_pass(self)

    monkeypatch.setattr(Trainer, "_pass_over_samples", interrupted)
    model = new(MODELS[1], n_init=5)
    with pytest.warns(RuntimeWarning, match="interrupted in run 2 of 5"):
        model.fit(X)
    assert [len(run.history["loss"]) for run in model.runs_] == [2, 1]
    assert model.runs_[0].criterion < np.inf


def test_runs_of_a_mixture_in_a_clusterer():
    clusterer = EmbeddingClustering(3, n_init=2, random_state=0).fit(X)
    assert len(clusterer.mixmate_.runs_) == 2
