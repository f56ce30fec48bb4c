import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmixmate import (
    EmbeddingClustering,
    GroupSparseAutoencoder,
    MixMateClustering,
    NeighborVoting,
)
from skmixmate.plotting import LossDisplay

X, _ = make_blobs(80, 6, centers=3, random_state=0)
OPTIONS = {"init": "data", "max_iter": 3, "random_state": 0}


def draw(estimator, **options):
    return LossDisplay.from_estimator(estimator, **options)


def legend(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def test_all_runs_the_kept_one_in_front():
    losses = [np.array([3.0, 2.0]), np.array([2.5, 1.5, 1.0]), np.array([9.0])]
    display = LossDisplay(losses=losses, criteria=np.array([0.5, 0.25, np.inf])).plot()
    lines = display.ax_.lines
    for line, expected in zip(lines, losses, strict=True):
        assert_array_equal(line.get_ydata(), expected)
        assert_array_equal(line.get_xdata(), np.arange(1, len(expected) + 1))
    assert display.kept == 1
    assert [line.get_color() for line in lines] == ["0.7", "C0", "0.7"]
    assert lines[1].get_zorder() > max(lines[0].get_zorder(), lines[2].get_zorder())
    assert legend(display) == [
        "run 2, kept: criterion 0.25",
        "run 1: criterion 0.5",
        "run 3: criterion inf",
    ]
    assert display.ax_.get_xlabel() == "Epoch"
    # Epochs are whole.
    ticks = display.ax_.get_xticks()
    assert_array_equal(ticks, np.round(ticks))


def test_of_many_runs_few_are_in_the_legend():
    criteria = np.arange(20.0, 0.0, -1.0)
    display = LossDisplay(losses=[np.ones(3)] * 20, criteria=criteria).plot()
    assert len(display.ax_.lines) == 20
    assert len(legend(display)) == 6
    assert legend(display)[0] == "run 20, kept: criterion 1"


@pytest.mark.parametrize("n_init", [1, 3])
def test_of_estimators(n_init):
    mixmate = MixMateClustering(3, n_init=n_init, **OPTIONS)
    autoencoder = GroupSparseAutoencoder(4, 2, n_init=n_init, **OPTIONS).fit(X)
    voting = NeighborVoting(mixmate, random_state=0).fit(X)
    ready = EmbeddingClustering(3, n_init=n_init, random_state=0).fit(X)
    pipeline = make_pipeline(StandardScaler(), voting).fit(X)
    search = GridSearchCV(mixmate, {}, cv=2).fit(X)
    for estimator, mixture in (
        (mixmate.fit(X), mixmate),
        (autoencoder, autoencoder),
        (voting, voting.mixmate_),
        (ready, ready.mixmate_),
        (pipeline, pipeline[-1].mixmate_),
        (search, search.best_estimator_),
    ):
        display = draw(estimator)
        assert len(display.losses) == len(display.ax_.lines) == n_init
        assert_array_equal(display.losses[display.kept], mixture.history_["loss"])
        kept = display.criteria[display.kept]
        assert kept == getattr(mixture, "criterion_", mixture.loss_)
        start = "criterion" if n_init == 1 else f"run {display.kept + 1}, kept: crit"
        assert legend(display)[0].startswith(start)


def test_what_has_no_runs_is_refused():
    for estimator in (
        MixMateClustering(3),
        NeighborVoting(),
        EmbeddingClustering(3),
        make_pipeline(StandardScaler(), MixMateClustering(3)),
        GridSearchCV(MixMateClustering(3), {}),
    ):
        with pytest.raises(NotFittedError):
            draw(estimator)
    for other in (KMeans(2, n_init=1).fit(X), object()):
        with pytest.raises(TypeError, match="estimator must have runs_"):
            draw(other)


def test_losses_can_be_drawn_again():
    display = draw(MixMateClustering(3, **OPTIONS).fit(X))
    stored = {k: v for k, v in vars(display).items() if not k.endswith("_")}
    figure, ax = plt.subplots()
    again = LossDisplay(**stored).plot(ax=ax)
    assert again.ax_ is ax
    assert again.figure_ is figure


def test_missing_matplotlib(monkeypatch):
    display = LossDisplay(losses=[np.ones(3)], criteria=np.zeros(1))
    for name in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    message = r"LossDisplay.*pip install skmixmate\[plot\]"
    with pytest.raises(ImportError, match=message):
        draw(MixMateClustering(3))
    with pytest.raises(ImportError, match=message):
        display.plot()
