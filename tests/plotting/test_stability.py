import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmixmate import EmbeddingClustering
from skmixmate.model_selection import NumberOfClusters
from skmixmate.plotting import StabilityDisplay

CHOICE = NumberOfClusters(
    3,
    "because",
    np.arange(2, 6),
    np.array([0.9, 0.95, 0.6, 0.5]),
    np.full(4, 0.1),
    np.array([0.8, 0.9, 0.3, 0.1]),
    np.ones(4),
)


def test_the_curve_and_the_chosen_number():
    display = StabilityDisplay(choice=CHOICE).plot()
    ax = display.ax_
    chosen, weakest = ax.lines[0], ax.lines[-1]
    assert set(chosen.get_xdata()) == {3}
    scores = [line for line in ax.lines if len(line.get_xdata()) == 4]
    assert_array_equal(scores[0].get_ydata(), CHOICE.scores)
    assert_array_equal(weakest.get_ydata(), CHOICE.weakest)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert set(labels) == {"chosen: 3", "mean of the clusters", "weakest cluster"}
    figure, ax = plt.subplots()
    again = StabilityDisplay(choice=CHOICE).plot(ax=ax)
    assert again.ax_ is ax
    assert again.figure_ is figure


def test_a_number_is_chosen_for_samples():
    X, _ = make_blobs(300, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    display = StabilityDisplay.from_estimator(
        KMeans(), X, candidates=range(2, 6), random_state=1
    )
    assert display.choice.n_clusters == 3
    assert_array_equal(display.choice.candidates, range(2, 6))


def test_the_choice_that_a_fit_has_made():
    X, _ = make_blobs(60, 6, centers=3, random_state=0)
    clusterer = EmbeddingClustering("auto", random_state=0)
    pipeline = make_pipeline(StandardScaler(), clusterer)
    with pytest.raises(NotFittedError):
        StabilityDisplay.from_estimator(clusterer)
    pipeline.fit(X)
    for estimator in (clusterer, pipeline):
        display = StabilityDisplay.from_estimator(estimator)
        assert display.choice is clusterer.n_clusters_choice_
    for other in (clusterer.set_params(n_clusters=2).fit(X), KMeans(2).fit(X)):
        with pytest.raises(ValueError, match=r"has chosen no number.*'auto'"):
            StabilityDisplay.from_estimator(other)


def test_missing_matplotlib(monkeypatch):
    for name in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    message = r"StabilityDisplay.*pip install skmixmate\[plot\]"
    with pytest.raises(ImportError, match=message):
        StabilityDisplay.from_estimator(KMeans())
    with pytest.raises(ImportError, match=message):
        StabilityDisplay(choice=CHOICE).plot()
