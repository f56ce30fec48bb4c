import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError

from skmixmate import MixMateClustering
from skmixmate.metrics import clustering_accuracy
from skmixmate.plotting import ConfusionDisplay

CLASSES = np.array(["b"] * 4 + ["a"] * 3 + ["c"] * 3)
# Of "a" all are in cluster 2, of "b" three in cluster 0, of "c" two in cluster 1.
LABELS = np.array([0, 0, 0, 2, 2, 2, 2, 1, 1, 0])
COUNTS = [[3, 0, 0], [1, 3, 0], [0, 1, 2]]


def draw(classes=CLASSES, labels=LABELS, **options):
    return ConfusionDisplay.from_predictions(classes, labels, **options)


def texts(ax):
    return {
        (int(text.get_position()[1]), int(text.get_position()[0])): text.get_text()
        for text in ax.texts
    }


def tick_labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def framed(ax):
    return [(patch.get_y() + 0.5, patch.get_x() + 0.5) for patch in ax.patches]


@pytest.mark.parametrize("as_what", [np.asarray, list, torch.tensor])
def test_what_is_right_is_on_the_diagonal(as_what):
    display = draw(labels=as_what(LABELS))
    assert_array_equal(display.counts, COUNTS)
    assert_array_equal(display.classes, ["a", "b", "c"])
    assert_array_equal(display.clusters, [2, 0, 1])
    assert display.n_matched == 3
    assert display.accuracy == clustering_accuracy(CLASSES, LABELS) == 0.8


def test_the_matrix():
    ax = draw().ax_
    assert texts(ax) == {
        (0, 0): "3",
        (1, 0): "1",
        (1, 1): "3",
        (2, 1): "1",
        (2, 2): "2",
    }
    assert framed(ax) == [(0, 0), (1, 1), (2, 2)]
    assert tick_labels(ax.xaxis) == ["2", "0", "1"]
    assert tick_labels(ax.yaxis) == ["a", "b", "c"]
    assert ax.get_title() == "accuracy 0.800"
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Cluster", "Class")
    # Small classes are as dark as large ones.
    assert_allclose(ax.images[0].get_array()[0], [1, 0, 0])
    colors = {text.get_text(): text.get_color() for text in ax.texts}
    assert colors["3"] == "white"
    assert colors["1"] == "black"


@pytest.mark.parametrize(
    ("normalize", "shares"),
    [
        ("true", ["1.00", "0.25", "0.75", "0.33", "0.67"]),
        ("pred", ["0.75", "0.25", "0.75", "0.25", "1.00"]),
        ("all", ["0.30", "0.10", "0.30", "0.10", "0.20"]),
    ],
)
def test_shares(normalize, shares):
    display = draw(normalize=normalize)
    assert list(texts(display.ax_).values()) == shares
    assert_array_equal(display.counts, COUNTS)


def test_clusters_left_over_come_last():
    labels = [0, 0, 0, 2, 2, 2, 2, 1, 1, 3]
    display = draw(labels=labels)
    assert_array_equal(display.clusters, [2, 0, 1, 3])
    assert display.accuracy == clustering_accuracy(CLASSES, labels)
    assert framed(display.ax_) == [(0, 0), (1, 1), (2, 2)]


def test_classes_left_over_come_last():
    labels = [0, 0, 0, 1, 1, 1, 1, 1, 1, 0]
    display = draw(labels=labels, class_names=["A", "B", "C"])
    assert_array_equal(display.classes, ["a", "b", "c"])
    display = draw(np.array([2, 0, 0, 1, 1]), [0, 1, 1, 0, 0], class_names=list("xyz"))
    assert_array_equal(display.classes, [0, 1, 2])
    display = draw(np.array([0, 1, 1, 2, 2]), [0, 0, 0, 1, 1], class_names=list("xyz"))
    assert_array_equal(display.classes, [1, 2, 0])
    assert tick_labels(display.ax_.yaxis) == ["y", "z", "x"]
    assert framed(display.ax_) == [(0, 0), (1, 1)]
    assert display.accuracy == 0.8


def test_noise_has_a_column_of_its_own():
    # As large as a class, it is no match of one.
    labels = np.where(CLASSES == "c", [-1] * 9 + [-2], LABELS)
    display = draw(labels=labels)
    assert_array_equal(display.clusters, [2, 0, -1])
    assert_array_equal(display.counts[2], [0, 0, 3])
    assert framed(display.ax_) == [(0, 0), (1, 1)]
    assert tick_labels(display.ax_.xaxis) == ["2", "0", "none"]
    assert display.accuracy == 0.6
    # Strings know no noise.
    assert draw(labels=np.array(["-1"] * 9 + ["0"])).n_matched == 2
    assert draw(labels=np.full(10, -1)).accuracy == 0.0
    with pytest.raises(ValueError, match="labels must not be NaN, got 1 of 10"):
        draw(labels=np.array([np.nan] + [0.0] * 9))


def test_noise_is_a_cluster_in_the_score_and_none_here():
    classes, labels = np.array([0, 0, 0, 1, 1, 1]), [-1, -1, -1, 0, 0, 1]
    assert_allclose(clustering_accuracy(classes, labels), 5 / 6)
    assert_allclose(draw(classes, labels).accuracy, 2 / 6)


def test_of_an_estimator():
    X, y = make_blobs(60, 4, centers=3, random_state=0)
    for estimator in (
        KMeans(3, n_init=1, random_state=0),
        MixMateClustering(3, init="k-means", max_iter=1, random_state=0),
    ):
        with pytest.raises(NotFittedError):
            ConfusionDisplay.from_estimator(estimator, X, y)
        display = ConfusionDisplay.from_estimator(estimator.fit(X), X, y, cmap="Reds")
        assert display.accuracy == clustering_accuracy(y, estimator.predict(X))
        assert display.ax_.images[0].cmap.name == "Reds"
    mask = np.ones(X.shape, dtype=bool)
    mask[::2, 0] = False
    display = ConfusionDisplay.from_estimator(estimator, X, y, mask=mask)
    assert display.accuracy == clustering_accuracy(y, estimator.predict(X, mask))
    with pytest.raises(TypeError, match=r"pass labels to ConfusionDisplay.from_pre"):
        ConfusionDisplay.from_estimator(object(), X, y)


def test_what_does_not_fit():
    with pytest.raises(ValueError, match=r"y_true and labels .* \(10,\) and \(9,\)"):
        draw(labels=LABELS[:9])
    with pytest.raises(ValueError, match=r"\(10,\) and \(10, 1\)"):
        draw(labels=LABELS[:, None])
    with pytest.raises(ValueError, match=r"\(0,\) and \(0,\)"):
        draw([], [])
    with pytest.raises(ValueError, match=r"class_names must be 3.*shape \(2,\)"):
        draw(class_names=["a", "b"])
    with pytest.raises(ValueError, match="normalize must be 'true' or 'pred' or 'all'"):
        draw(normalize="rows")


def test_a_matrix_can_be_drawn_again():
    display = draw(class_names=["x", "y", "z"], normalize="all")
    stored = {k: v for k, v in vars(display).items() if not k.endswith("_")}
    figure, ax = plt.subplots()
    again = ConfusionDisplay(**stored).plot(ax=ax)
    assert again.ax_ is ax
    assert again.figure_ is figure
    assert texts(ax) == texts(display.ax_)


def test_missing_matplotlib(monkeypatch):
    display = draw()
    for name in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    message = r"ConfusionDisplay.*pip install skmixmate\[plot\]"
    with pytest.raises(ImportError, match=message):
        draw()
    with pytest.raises(ImportError, match=message):
        ConfusionDisplay.from_estimator(KMeans(), [[0.0]], [0])
    with pytest.raises(ImportError, match=message):
        display.plot()
