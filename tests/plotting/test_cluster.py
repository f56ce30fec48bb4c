import itertools
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skmixmate import (
    EmbeddingClustering,
    ImageClustering,
    MixMateClustering,
    NeighborVoting,
    ScatteringTransform,
    SignalClustering,
)
from skmixmate.plotting import ClusterDisplay

# Cluster 0 holds samples 0 to 3, cluster 1 samples 4 and 5, cluster 2 none.
PROBA = np.array(
    [
        [0.9, 0.1, 0.0],
        [1.0, 0.0, 0.0],
        [0.6, 0.4, 0.0],
        [1.0, 0.0, 0.0],
        [0.3, 0.7, 0.0],
        [0.1, 0.9, 0.0],
    ]
)


class Stub:
    """Probabilities by the first feature, the sample's number."""

    def predict_proba(self, X):
        return PROBA[np.asarray(X).reshape(len(X), -1)[:, 0].astype(int)]

    predict = predict_proba

    def score_samples(self, X):
        return np.array([0.0, 1.0, 0.0, 2.0, 0.0, 0.0])[
            np.asarray(X).reshape(len(X), -1)[:, 0].astype(int)
        ]


X = np.arange(6.0)[:, None] + np.array([0.0, 0.1, 0.2, 0.3])


def draw(estimator=None, samples=X, **options):
    return ClusterDisplay.from_estimator(estimator or Stub(), samples, **options)


def test_typical_members_come_first_and_doubtful_ones_last():
    display = draw(n_typical=2, n_doubtful=2)
    # Of samples 1 and 3, both certain, the score of 3 is higher.
    assert_array_equal(display.indices, [[3, 1, 2, 0], [5, 4, -1, -1], [-1] * 4])
    assert_array_equal(display.proba[0], [1.0, 1.0, 0.6, 0.9])
    assert_array_equal(display.samples[0], X[[3, 1, 2, 0]])
    assert np.isnan(display.samples[1, 2:]).all()
    assert_array_equal(display.clusters, [0, 1, 2])
    assert_array_equal(display.counts, [4, 2, 0])
    assert_allclose(display.shares, [4 / 6, 2 / 6, 0])


def test_the_montage():
    display = draw(n_typical=2, n_doubtful=2)
    axes = display.axes_
    assert axes.shape == (3, 4)
    assert [ax.get_ylabel() for ax in axes[:, 0]] == [
        "cluster 0\n4 samples (66.7 %)",
        "cluster 1\n2 samples (33.3 %)",
        "cluster 2\n0 samples (0.0 %)",
    ]
    titles = [ax.get_title(loc="left") for ax in axes[0]]
    assert titles == ["most typical", "", "most doubtful", ""]
    assert [ax.get_xlabel() for ax in axes[0]] == ["", "", "p = 0.60", "p = 0.90"]
    framed = [
        {to_rgba(spine.get_edgecolor()) for spine in ax.spines.values()}
        == {to_rgba("tab:orange")}
        for ax in axes[0]
    ]
    assert framed == [False, False, True, True]
    assert [len(ax.lines) for ax in axes[1]] == [1, 1, 0, 0]
    assert_array_equal(axes[0, 0].lines[0].get_ydata(), X[3])


FLAT = np.repeat(X, 16, axis=1)  # Less high than labels.


@pytest.mark.parametrize(
    ("samples", "shape", "n_typical", "n_doubtful"),
    [(X, None, 3, 1), (X, (2, 2), 3, 1), (FLAT, (2, 32), 2, 2), (X, (2, 2), 1, 0)],
)
def test_nothing_overlaps_and_nothing_is_cut_off(samples, shape, n_typical, n_doubtful):
    display = draw(
        samples=samples,
        image_shape=shape,
        n_typical=n_typical,
        n_doubtful=n_doubtful,
        names=["a", "a" * 30, "b"],
    )
    display.figure_.canvas.draw()
    figure = display.figure_.bbox
    boxes = [ax.get_tightbbox() for ax in display.axes_.flat]
    boxes = [box for box in boxes if box.width > 0]
    assert all(figure.x0 <= box.x0 and box.x1 <= figure.x1 for box in boxes)
    assert all(figure.y0 <= box.y0 and box.y1 <= figure.y1 for box in boxes)
    panels = [ax.get_window_extent() for ax in display.axes_.flat]
    labels = [ax.yaxis.label.get_window_extent() for ax in display.axes_[:, 0]]
    for things in (panels, labels):
        pairs = itertools.combinations(things, 2)
        assert not any(a.overlaps(b) for a, b in pairs)
    # No layout engine, which would take longer than all else where panels are many.
    assert display.figure_.get_layout_engine() is None


def test_clusters_and_names_are_chosen():
    display = draw(n_typical=1, n_doubtful=0, clusters=[1, 0], names=["a", "b", "c"])
    assert_array_equal(display.indices, [[5], [3]])
    assert display.axes_[0, 0].get_ylabel().startswith("b\n2 samples")
    assert display.axes_[0, 0].get_title(loc="left") == "most typical"
    with pytest.raises(ValueError, match=r"clusters=\[3\] must be .* \[0, 1, 2\]"):
        draw(clusters=[3])
    with pytest.raises(ValueError, match=r"names must be 3, .* shape \(2,\)"):
        draw(names=["a", "b"])


@pytest.mark.parametrize("name", ["n_typical", "n_doubtful", "n_channels"])
def test_numbers_out_of_range(name):
    with pytest.raises(ValueError, match=name):
        draw(**{name: -1})
    with pytest.raises(TypeError, match=name):
        draw(**{name: 1.5})


# Labels of others


def test_labels_alone_go_by_the_mean():
    samples = np.array([[0.0], [1.0], [5.0], [10.0], [11.0], [30.0]])
    labels = np.array([0, 0, 0, 4, 4, -1])
    display = ClusterDisplay.from_predictions(
        samples, labels, n_typical=1, n_doubtful=1
    )
    assert display.proba is None
    assert_array_equal(display.clusters, [0, 4])
    assert_array_equal(display.indices, [[1, 2], [3, 4]])
    assert_allclose(display.shares, [0.5, 1 / 3])
    titles = [ax.get_title(loc="left") for ax in display.axes_[0]]
    assert titles == ["nearest to the mean", "farthest"]
    display = ClusterDisplay.from_predictions(samples, labels, clusters=[-1])
    assert display.axes_[0, 0].get_ylabel() == "no cluster\n1 sample (16.7 %)"


def test_missing_entries_count_for_no_distance():
    samples = np.array([[0.0, np.nan], [1.0, 5.0], [2.0, 5.5], [np.nan, np.nan]])
    display = ClusterDisplay.from_predictions(samples, [0, 0, 0, 0], n_doubtful=1)
    assert display.indices[0, 0] == 1
    assert display.indices[0, 3] == 3
    masked = np.nan_to_num(samples, nan=99.0)
    again = ClusterDisplay.from_predictions(
        masked, [0, 0, 0, 0], n_doubtful=1, mask=~np.isnan(samples)
    )
    assert_array_equal(again.indices, display.indices)
    assert_array_equal(again.samples, display.samples)


@pytest.mark.parametrize(
    "labels", [["b", "a", "a", "b"], np.array([1, 0, 0, 1]), torch.tensor([1, 0, 0, 1])]
)
def test_probabilities_of_all_clusters_or_of_the_own(labels):
    proba = np.array([[0.4, 0.6], [0.8, 0.2], [0.7, 0.3], [0.1, 0.9]])
    options = {"n_typical": 1, "n_doubtful": 1}
    for given in (proba, torch.tensor(proba), proba.max(axis=1)):
        display = ClusterDisplay.from_predictions(X[:4], labels, proba=given, **options)
        assert_array_equal(display.indices, [[1, 2], [3, 0]])
        assert_allclose(display.proba, [[0.8, 0.7], [0.9, 0.6]])
    with pytest.raises(ValueError, match=r"proba must have shape \(4,\), .*\(4, 1\)"):
        ClusterDisplay.from_predictions(X[:4], labels, proba=PROBA[:4, :1])
    with pytest.raises(ValueError, match=r"labels must have shape \(3,\)"):
        ClusterDisplay.from_predictions(X[:3], labels)


def test_columns_of_clusters_without_samples():
    # Of three clusters, those of some samples.
    labels = np.array([2, 0, -1])
    proba = np.array([[0.1, 0.2, 0.7], [0.9, 0.1, 0.0], [0.1, 0.1, 0.1]])
    display = ClusterDisplay.from_predictions(X[:3], labels, proba=proba)
    assert_array_equal(display.clusters, [0, 1, 2])
    assert_array_equal(display.counts, [1, 0, 1])
    assert_allclose(display.proba[[0, 2], 0], [0.9, 0.7])
    # Names tell of no columns, nor do numbers that are too large.
    for others in (np.array(["c", "a", "b"]), np.array([30, 10, 20])):
        display = ClusterDisplay.from_predictions(X[:3], others, proba=proba)
        assert_allclose(display.proba[:, 0], [0.9, 0.1, 0.7])


def test_probabilities_are_in_0_to_1():
    off = np.array([1.0000001, 0.8, 0.7, 0.1], dtype=np.float32)
    labels = [0, 0, 1, 1]
    display = ClusterDisplay.from_predictions(X[:4], labels, proba=off)
    assert np.nanmax(display.proba) == 1.0
    for wrong in ([1.5, 0.8, 0.7, 0.1], [-3, 0.8, 0.7, 0.1], [np.nan, 1, 1, 1]):
        with pytest.raises(ValueError, match=r"proba must be probabilities, in \[0, 1"):
            ClusterDisplay.from_predictions(X[:4], labels, proba=np.array(wrong))


def test_samples_of_no_cluster_alone():
    with pytest.raises(ValueError, match=r"no cluster; pass clusters=\[-1\]"):
        ClusterDisplay.from_predictions(X[:3], [-1, -1, -1])
    display = ClusterDisplay.from_predictions(X[:3], [-1, -1, -1], clusters=[-1])
    assert_array_equal(display.counts, [3])


@pytest.mark.parametrize("kind", [np.asarray, list, torch.as_tensor])
def test_a_cluster_without_samples_alone(kind):
    display = draw(samples=kind(X[:3]), clusters=[2])
    assert_array_equal(display.counts, [0])
    assert display.samples.shape == (1, 11, 4)
    assert np.isnan(display.samples).all()


def test_labels_and_samples_that_cannot_be():
    with pytest.raises(ValueError, match="labels must not be NaN, got 1 of 3"):
        ClusterDisplay.from_predictions(X[:3], [0.0, np.nan, 1.0])
    with pytest.raises(ValueError, match="X has no samples"):
        ClusterDisplay.from_predictions(X[:0], [])
    with pytest.raises(TypeError, match=r"X is sparse.*X\.toarray\(\)"):
        ClusterDisplay.from_predictions(csr_array(X), [0, 0, 0, 1, 1, 1])
    assert not plt.get_fignums()


# What samples come as


def shown(samples, **options):
    options = {"n_typical": 2, "n_doubtful": 0, **options}
    return ClusterDisplay.from_predictions(samples, [0, 0, 0], **options)


GREY = np.random.RandomState(0).uniform(size=(3, 4, 5))
COLOR = np.random.RandomState(1).uniform(size=(3, 4, 5, 3))


def test_rows_are_lines_unless_told():
    display = shown(np.eye(3).repeat(3, axis=1))  # Nine features are no square.
    assert display.image_shape is None
    assert not display.axes_[0, 0].images
    display = shown(GREY.reshape(3, 20), image_shape=(4, 5))
    assert_array_equal(display.axes_[0, 0].images[0].get_array().shape, (4, 5))


@pytest.mark.parametrize(
    "samples", [GREY, GREY[..., None], torch.tensor(GREY), list(GREY)]
)
def test_arrays_of_images(samples):
    display = shown(samples)
    assert display.image_shape == (4, 5)
    for j in range(2):
        picture = display.axes_[0, j].images[0]
        sample = GREY[display.indices[0, j]]
        assert_array_equal(picture.get_array(), sample)
        assert picture.get_clim() == (sample.min(), sample.max())
    assert display.axes_[0, 0].images[0].cmap.name == "gray_r"
    display = shown(samples, shared_scale=True, cmap="gray")
    scales = {ax.images[0].get_clim() for ax in display.axes_.flat}
    assert len(scales) == 1
    assert display.axes_[0, 0].images[0].cmap.name == "gray"
    display = shown(samples, image_shape=(20,))
    assert len(display.axes_[0, 0].lines) == 1


@pytest.mark.parametrize("unit", [1, 255])
def test_images_in_colour(unit):
    display = shown(COLOR * unit)
    assert display.image_shape == (4, 5, 3)
    picture = display.axes_[0, 0].images[0].get_array()
    assert_allclose(picture, COLOR[display.indices[0, 0]])
    # Others are as bright as they are in comparison to all.
    display = shown(COLOR - 0.5)
    drawn = COLOR[display.indices[0]]
    expected = (drawn[0] - drawn.min()) / (drawn.max() - drawn.min())
    assert_allclose(display.axes_[0, 0].images[0].get_array(), expected)


@pytest.mark.parametrize(
    ("samples", "top"),
    [
        (1.04 * COLOR / COLOR.max(), 1.0),  # What interpolation adds.
        (COLOR / COLOR.max() - 0.01, 1.0),
        (1.3 * COLOR / COLOR.max(), 1.3),
        (np.round(12 * COLOR), 255.0),  # Dark bytes.
        (60 * COLOR, 255.0),  # Averages of them.
        (65535 * COLOR / COLOR.max(), 65535.0),
    ],
)
def test_what_full_colour_is(samples, top):
    display = shown(samples)
    picture = display.axes_[0, 0].images[0].get_array()
    sample = samples[display.indices[0, 0]]
    assert_allclose(picture, np.clip(sample / top, 0.0, 1.0))


def test_three_of_four_channels_are_in_colour_and_of_two_the_mean_is_grey():
    four = np.concatenate([COLOR, GREY[..., None]], axis=3)
    display = shown(four)
    picture = display.axes_[0, 0].images[0].get_array()
    assert_allclose(picture, COLOR[display.indices[0, 0]])
    display = shown(COLOR[..., :2])
    picture = display.axes_[0, 0].images[0]
    expected = COLOR[display.indices[0, 0], ..., :2].mean(axis=2)
    assert_allclose(picture.get_array(), expected)
    assert_allclose(picture.get_clim(), (expected.min(), expected.max()))


def test_missing_entries_have_their_colour():
    red = to_rgba("#f7b9b4")
    grey, color = GREY.copy(), COLOR.copy()
    grey[:, 0, 1] = color[:, 0, 1, 2] = np.nan
    image = shown(grey).axes_[0, 0].images[0]
    assert image.get_array().mask.sum() == 1
    bad = image.cmap(np.ma.masked_invalid([np.nan]))[0]
    assert_allclose(bad, red, atol=0.01)
    picture = shown(color).axes_[0, 0].images[0].get_array()
    assert_allclose(picture[0, 1], red[:3])
    mask = ~np.isnan(grey)
    for masked in (
        shown(GREY, mask=mask),
        shown(COLOR, mask=mask),
        shown(torch.tensor(GREY), mask=torch.tensor(mask)),
        shown(np.ma.array(GREY, mask=~mask)),
    ):
        missing = np.isnan(masked.samples).reshape(2, 20, -1)
        assert_array_equal(missing.all(axis=2), missing.any(axis=2))
        assert_array_equal(np.flatnonzero(missing[0, :, 0]), [1])
    lines = shown(grey.reshape(3, 20)).axes_[0, 0]
    assert len(lines.patches) == 1
    assert lines.lines[0].get_marker() == "."  # The first entry stands alone.
    with pytest.raises(ValueError, match=r"mask has shape .* must be boolean"):
        shown(GREY, mask=mask.astype(int))
    # Of nothing there is nothing to draw.
    shown(np.full((3, 4), np.nan)).figure_.canvas.draw()


def test_channels_of_signals_are_lines():
    display = shown(COLOR.reshape(3, 20, 3), n_channels=3)
    assert display.image_shape is None
    lines = display.axes_[0, 0].lines
    sample = COLOR[display.indices[0, 0]].reshape(20, 3)
    assert_array_equal([line.get_ydata() for line in lines], sample.T)
    assert len({line.get_color() for line in lines}) == 3
    # What is one row high is no image.
    assert shown(GREY.reshape(3, 20, 1)).image_shape is None
    with pytest.raises(ValueError, match="n_channels=3 does not divide the 20"):
        shown(GREY.reshape(3, 20), n_channels=3)


@pytest.mark.parametrize("image_shape", [(2, 3), (1, 2, 2, 5), 4, (-4, -5), (4.0, 5)])
def test_shapes_that_do_not_fit(image_shape):
    with pytest.raises(ValueError, match=r"image_shape=.* does not fit .* of 20"):
        shown(GREY, image_shape=image_shape)
    assert not plt.get_fignums()


def test_data_frames():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=list("abcd"), index=list("uvwxyz"))
    model = KMeans(2, n_init=1, random_state=0).fit(frame)
    display = draw(model, frame, n_typical=1)
    # Without probabilities, as of labels.
    labels = model.predict(frame)
    expected = ClusterDisplay.from_predictions(X, labels, n_typical=1)
    assert_array_equal(display.indices, expected.indices)
    assert_array_equal(display.samples, expected.samples)


# Clusterers of this package


@pytest.fixture(scope="module")
def digits():
    return load_digits().images[:150]


def check_members(display, estimator, samples):
    labels, proba = estimator.predict(samples), estimator.predict_proba(samples)
    own = proba[np.arange(len(labels)), labels]
    for cluster, indices in zip(display.clusters, display.indices, strict=True):
        members = np.flatnonzero(labels == cluster)
        indices = indices[indices >= 0]
        assert set(indices) <= set(members)
        assert len(set(indices)) == len(indices) == min(11, len(members))
        if len(members) > 11:
            typical, doubtful = indices[:8], indices[8:]
            others = np.setdiff1d(members, indices)
            assert own[typical].min() >= own[others].max()
            assert own[doubtful].max() <= own[others].min()
            assert (np.diff(own[typical]) <= 0).all()
            assert (np.diff(own[doubtful]) >= 0).all()


def test_a_clusterer_of_images_knows_their_shape(digits):
    flat = digits.reshape(150, 64)
    clusterer = ImageClustering(4, image_shape=(8, 8), n_init=1, random_state=0)
    clusterer.fit(flat)
    display = draw(clusterer, flat)
    assert display.image_shape == (8, 8)
    check_members(display, clusterer, flat)
    again = draw(clusterer, digits, mask=np.ones(digits.shape, dtype=bool))
    assert_array_equal(again.indices, display.indices)
    tensors = draw(clusterer, torch.tensor(digits))
    assert_array_equal(tensors.indices, display.indices)


def test_images_of_unequal_sizes_are_drawn_as_they_are_seen(digits):
    images = [image[: 8 + i % 2, :] for i, image in enumerate(np.pad(digits, 1))]
    images = images[1:81]
    clusterer = ImageClustering(2, image_shape=(9, 10), n_init=1, random_state=0).fit(
        images
    )
    display = draw(clusterer, images)
    assert display.image_shape == (9, 10)
    check_members(display, clusterer, images)


def test_a_clusterer_of_signals_knows_their_channels():
    rng = np.random.RandomState(0)
    signals = np.sin(np.arange(64) * rng.choice([0.3, 1.0], size=(80, 1)))
    signals = np.stack([signals, rng.uniform(size=(80, 64))], axis=2)
    clusterer = SignalClustering(2, random_state=0).fit(signals)
    display = draw(clusterer, signals)
    assert display.image_shape is None
    assert display.n_channels == 2
    check_members(display, clusterer, signals)
    short = SignalClustering(2, n_channels=2, random_state=0)
    with pytest.warns(UserWarning, match="too short for wavelets"):
        short.fit(signals[:, :8].reshape(80, 16))
    assert draw(short, signals[:, :8].reshape(80, 16)).n_channels == 2


def test_others_of_this_package(digits):
    flat = digits.reshape(150, 64)
    options = {"init": "k-means", "max_iter": 1, "random_state": 0}
    scattering = ScatteringTransform(1, 4, (8, 8))
    for estimator, image_shape in (
        (MixMateClustering(3, **options), None),
        (NeighborVoting(MixMateClustering(3, **options), random_state=0), None),
        (EmbeddingClustering(3, random_state=0), None),
        (make_pipeline(PCA(10), MixMateClustering(3, **options)), None),
        (make_pipeline(scattering, MixMateClustering(3, **options)), (8, 8)),
        (GridSearchCV(MixMateClustering(3, **options), {}, cv=2), None),
    ):
        display = draw(estimator.fit(flat), flat)
        assert display.image_shape == image_shape
        check_members(display, estimator, flat)


def test_masks_are_passed_on_or_refused():
    samples, _ = make_blobs(60, 6, centers=2, random_state=0)
    mask = np.random.RandomState(0).uniform(size=samples.shape) < 0.9
    options = {"init": "k-means", "max_iter": 1, "random_state": 0}
    mixmate = MixMateClustering(2, **options).fit(samples, mask=mask)
    display = draw(mixmate, samples, mask=mask)
    assert_array_equal(np.bincount(mixmate.labels_), display.counts)
    missing = ~mask[display.indices[display.indices >= 0]]
    assert_array_equal(np.isnan(display.samples[display.indices >= 0]), missing)
    voting = NeighborVoting(MixMateClustering(2, **options)).fit(samples)
    with pytest.raises(ValueError, match=r"NeighborVoting.predict_proba takes no mask"):
        draw(voting, samples, mask=mask)


# As every display


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(NotFittedError):
        draw(MixMateClustering(2))
    with pytest.raises(TypeError, match=r"predict.*ClusterDisplay.from_predictions"):
        draw(PCA(2))
    with pytest.raises(TypeError, match="shared_scale must be True or False"):
        draw(shared_scale="yes")


def test_a_montage_can_be_drawn_again():
    figure = plt.figure()
    left, right = figure.subfigures(1, 2)
    display = draw(fig=right)
    assert display.figure_ is right
    assert not left.axes
    stored = {k: v for k, v in vars(display).items() if not k.endswith("_")}
    again = ClusterDisplay(**stored)
    assert not hasattr(again, "figure_")
    assert again.plot() is again
    assert again.axes_.shape == display.axes_.shape


def test_missing_matplotlib(monkeypatch):
    display = draw()
    for name in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    message = r"ClusterDisplay.*pip install skmixmate\[plot\]"
    with pytest.raises(ImportError, match=message):
        draw()
    with pytest.raises(ImportError, match=message):
        ClusterDisplay.from_predictions(X, [0, 1, 0, 1, 0, 1])
    with pytest.raises(ImportError, match=message):
        display.plot()
