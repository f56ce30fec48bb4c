import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmixmate import EmbeddingClustering, MixMateClustering, NeighborVoting
from skmixmate.plotting import ReconstructionDisplay

SAMPLE = np.array([2.0, 1.0, 0.0, 0.25])
# Cluster 0 gives [1.5, 0.5, 0, 0], cluster 1 gives zeros.
MSE = [(0.25 + 0.25 + 0.0625) / 4, (4 + 1 + 0.0625) / 4]


def draw(estimator, X=SAMPLE, **options):
    return ReconstructionDisplay.from_estimator(estimator, X, **options)


def frame_color(ax):
    colors = {to_rgba(spine.get_edgecolor()) for spine in ax.spines.values()}
    assert len(colors) == 1
    return colors.pop()


def framed(axes):
    return [k for k, ax in enumerate(axes) if frame_color(ax) == to_rgba("red")]


@pytest.mark.parametrize("X", [SAMPLE, SAMPLE[None], SAMPLE.tolist()])
def test_numbers(stub, X):
    display = draw(stub, X)
    assert_array_equal(display.X, SAMPLE[None])
    assert display.observed.all()
    assert_array_equal(
        display.reconstructions, [[[1.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]]
    )
    assert_allclose(display.mse, [MSE])
    assert_array_equal(display.n_nonzero, [[2, 0]])
    assert_array_equal(display.labels, [0])
    assert_array_equal(display.clusters, [0, 1])
    assert display.image_shape is None


def test_the_picture(stub):
    display = draw(stub, image_shape=(2, 2))
    top, bottom = display.axes_
    assert len(display.figure_.axes) == 6
    assert [len(ax.images) for ax in top] == [1, 1, 1]
    assert [ax.get_title() for ax in top] == [
        "input,\nin cluster 0",
        "cluster 0\nerror 0.14\n2 parts",
        "cluster 1\nerror 1.3\n0 parts",
    ]
    assert [text.get_text() for text in bottom[0].texts] == ["parts used:"]
    assert framed(top) == [1]
    assert_array_equal(top[1].images[0].get_array(), [[1.5, 0.5], [0, 0]])
    assert {ax.images[0].get_clim() for ax in top} == {(0.0, 2.0)}
    stems = bottom[1].collections[0]
    assert_array_equal(stems.get_segments(), [[[0, 0], [0, 1.5]], [[1, 0], [1, 0.5]]])
    assert_allclose(stems.get_colors()[0], to_rgba("tab:green"))
    assert not bottom[2].collections[0].get_segments()
    assert bottom[1].get_ylim() == bottom[2].get_ylim()


def test_one_part_is_no_parts(stub):
    display = draw(stub, [2.0, 0.0, 0.0, 0.0])
    assert display.axes_[0, 1].get_title().endswith("\n1 part")


def test_clusters_are_chosen(stub):
    display = draw(stub, clusters=[1])
    assert display.axes_.shape == (2, 2)
    assert_array_equal(display.reconstructions, np.zeros((1, 1, 4)))
    assert_allclose(display.mse, [MSE[1:]])
    # The one that the sample is in is not among them.
    assert framed(display.axes_[0]) == []
    assert display.axes_[0, 0].get_title() == "input,\nin cluster 0"
    assert display.axes_[0, 1].get_title().startswith("cluster 1\n")
    display = draw(stub, clusters=[1, 0])
    assert framed(display.axes_[0]) == [2]
    with pytest.raises(ValueError, match=r"clusters=\[2\] must be .* \[0, 1\]"):
        draw(stub, clusters=[2])


def test_the_framed_cluster_is_the_predicted_one(stub):
    # The second sample would be nearer to cluster 0 without its mask.
    X = np.array([[2.0, 1.0, 0.0, 0.0], [3.0, 0.0, 0.0, 2.0]])
    mask = np.array([[True] * 4, [False, True, True, True]])
    display = draw(stub, X, mask=mask)
    assert display.axes_.shape == (4, 3)
    assert framed(display.axes_[0]) == [1]
    assert framed(display.axes_[2]) == [2]
    assert_array_equal(display.labels, stub.predict(X, mask=mask))


@pytest.mark.parametrize("how", ["nan", "mask", "both"])
def test_missing_entries(stub, how):
    X, mask = SAMPLE.copy(), None
    if how != "mask":
        X[1] = np.nan
    if how != "nan":
        mask = np.array([True, how == "both", True, True])
    display = draw(stub, X, mask=mask, image_shape=(2, 2))
    assert_array_equal(display.observed, [[True, False, True, True]])
    assert_allclose(display.mse, [[(0.25 + 0.0625) / 3, (4 + 0.0625) / 3]])
    assert_array_equal(display.n_nonzero, [[1, 0]])
    ax = display.axes_[0, 0]
    image = ax.images[0]
    assert_array_equal(
        np.ma.getmaskarray(image.get_array()), [[False, True], [False, False]]
    )
    bad = image.cmap(np.ma.masked_invalid([np.nan]))[0]
    assert_allclose(bad, to_rgba("#f7b9b4"), atol=0.01)
    assert ax.get_xlabel() == "25% missing"


def test_lines(stub):
    X = SAMPLE.copy()
    X[1] = np.nan
    top = draw(stub, X).axes_[0]
    assert not any(ax.images for ax in top)
    assert_array_equal(top[0].lines[0].get_ydata(), X)
    assert len(top[0].patches) == 1
    behind, reconstruction = top[1].lines
    assert_array_equal(behind.get_ydata(), X)
    assert_array_equal(reconstruction.get_ydata(), [1.5, 0, 0, 0])
    assert len({ax.get_ylim() for ax in top}) == 1


def test_images_and_signals_of_several_channels(stub):
    for X in (SAMPLE.reshape(2, 2), SAMPLE.reshape(1, 2, 2)):
        mask = np.ones(X.shape, dtype=bool)
        display = draw(stub, X, mask=mask)
        assert display.image_shape == (2, 2)
        assert_array_equal(display.X, [SAMPLE])
    assert draw(stub, SAMPLE.reshape(1, 2, 2), image_shape=(4,)).image_shape is None
    display = draw(stub, n_channels=2)
    assert len(display.axes_[0, 0].lines) == 2
    stub.dictionaries_ = np.tile(stub.dictionaries_, 3)
    display = draw(stub, np.linspace(0, 1, 24).reshape(2, 2, 2, 3))
    assert display.image_shape == (2, 2, 3)
    picture = display.axes_[2, 0].images[0].get_array()
    assert_allclose(picture.ravel(), np.linspace(0, 1, 24)[12:])


@pytest.mark.parametrize("image_shape", [(2, 2), (4,)])
def test_constant_samples_draw_without_warning(stub, image_shape):
    display = draw(stub, np.zeros((2, 4), dtype=int), image_shape=image_shape)
    display.figure_.canvas.draw()
    assert_array_equal(display.n_nonzero, np.zeros((2, 2)))


@pytest.mark.parametrize("shape", [(3,), (1, 3), (4, 1), (1, 1, 5), ()])
def test_shapes_of_samples_that_do_not_fit(stub, shape):
    with pytest.raises(ValueError, match=r"X has shape .* one sample of shape \(4,\)"):
        draw(stub, np.ones(shape))


@pytest.mark.parametrize("image_shape", [(2, 3), (2,), (1, 2, 3), 4, ()])
def test_shapes_of_images_that_do_not_fit(stub, image_shape):
    with pytest.raises(ValueError, match=r"image_shape=.* does not fit"):
        draw(stub, image_shape=image_shape)


@pytest.mark.parametrize("n_samples", [0, 11])
def test_too_few_or_many_samples(stub, n_samples):
    with pytest.raises(ValueError, match=f"X has {n_samples} samples, but 1 to 10"):
        draw(stub, np.ones((n_samples, 4)))


@pytest.mark.parametrize("mask", [[True] * 3, [1, 1, 1, 1], [[True] * 4] * 2])
def test_masks_that_do_not_fit(stub, mask):
    with pytest.raises(ValueError, match=r"mask has shape .* must be boolean"):
        draw(stub, mask=mask)


def test_the_columns_of_a_mask_are_compared():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(np.random.RandomState(0).rand(60, 4), columns=list("abcd"))
    model = MixMateClustering(2, init="k-means", max_iter=1, random_state=0).fit(X)
    mask = X[:3] < 0.9
    draw(model, X[:3], mask=mask)
    with pytest.raises(ValueError, match="mask must have the columns of X"):
        draw(model, X[:3], mask=mask[list("dcba")])


def test_samples_without_entries(stub):
    with pytest.raises(ValueError, match="must have an observed entry"):
        draw(stub, np.full(4, np.nan))


# Estimators


def test_reconstructions_by_the_mixture_in_a_clusterer():
    pandas = pytest.importorskip("pandas")
    X = np.random.RandomState(0).uniform(size=(60, 4))
    mixmate = MixMateClustering(2, n_atoms=3, max_iter=1, random_state=0)
    voting = NeighborVoting(mixmate, random_state=0).fit(X)
    frame = pandas.DataFrame(X).add_prefix("feature")
    named = clone(voting).fit(frame)
    for estimator, samples in (
        (voting, X[:5]),
        (named, frame[:5]),
        (voting, torch.tensor(X[:5])),
    ):
        display = draw(estimator, samples)
        assert_array_equal(display.labels, estimator.predict(samples))
        reconstructions = estimator.mixmate_.reconstruct(X[:5], "all")
        assert_array_equal(display.reconstructions, reconstructions)
        assert isinstance(display.codes, np.ndarray)
    with pytest.raises(ValueError, match="NeighborVoting takes no missing entries"):
        draw(voting, X[0], mask=[True] * 3 + [False])


def test_mixtures_of_features_cannot_reconstruct_samples():
    X = np.random.RandomState(0).uniform(size=(60, 4))
    pipeline = make_pipeline(StandardScaler(), MixMateClustering(2, max_iter=1))
    ready = EmbeddingClustering(2, random_state=0)
    for estimator in (pipeline.fit(X), ready.fit(X)):
        name = type(estimator).__name__
        message = rf"the mixture in this {name} reconstructs features.*ClusterDisplay"
        with pytest.raises(ValueError, match=message):
            draw(estimator, X[:5])


def test_what_has_no_dictionaries_of_clusters_is_refused():
    with pytest.raises(NotFittedError, match="not fitted"):
        draw(MixMateClustering(2))
    for estimator in (KMeans(2, n_init=1).fit(np.eye(4)), object()):
        with pytest.raises(TypeError, match="estimator must be a clusterer of this"):
            draw(estimator)


def test_options_of_the_picture(stub):
    figure = plt.figure()
    left, right = figure.subfigures(1, 2)
    display = draw(stub, fig=right, cmap="viridis", image_shape=(2, 2))
    assert display.figure_ is right
    assert not left.axes
    assert display.axes_[0, 0].images[0].cmap.name == "viridis"
    assert plt.get_fignums() == [figure.number]


def test_a_display_can_be_drawn_again(stub):
    display = draw(stub)
    stored = {k: v for k, v in vars(display).items() if not k.endswith("_")}
    again = ReconstructionDisplay(**stored)
    assert not hasattr(again, "figure_")
    assert again.plot() is again
    assert again.figure_ is not display.figure_
    # Without a choice they are all.
    titles = [ax.get_title() for ax in again.axes_[0]]
    del stored["clusters"]
    plain = ReconstructionDisplay(**stored).plot()
    assert [ax.get_title() for ax in plain.axes_[0]] == titles


def test_missing_matplotlib(stub, monkeypatch):
    display = draw(stub)
    for name in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    message = r"ReconstructionDisplay.*pip install skmixmate\[plot\]"
    with pytest.raises(ImportError, match=message):
        draw(stub)
    with pytest.raises(ImportError, match=message):
        display.plot()
