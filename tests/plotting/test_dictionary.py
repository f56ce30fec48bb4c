import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmixmate import (
    ImageClustering,
    LocalGaussianImputer,
    MixMateClustering,
    NeighborVoting,
    SignalClustering,
)
from skmixmate.inspection import atom_averages
from skmixmate.plotting import DictionaryDisplay


def draw(estimator, *args, **options):
    return DictionaryDisplay.from_estimator(estimator, *args, **options)


def test_atoms_by_usage(stub):
    display = draw(stub)
    assert_array_equal(display.atom_indices, [[1, 0], [0, 1]])
    assert_array_equal(display.atom_usage, [[0.3, 0.1], [0.2, 0.0]])
    assert_array_equal(
        display.atoms,
        [[[0, 1, 0, 0], [1, 0, 0, 0]], [[0, 0, -1, 0], [0, 0, 0, 1]]],
    )
    assert_array_equal(display.clusters, [0, 1])
    assert_array_equal(display.shares, [0.75, 0.25])
    assert not display.are_averages


@pytest.mark.parametrize("image_shape", [None, (4,)])
def test_rows_are_lines_unless_told(stub, image_shape):
    display = draw(stub, image_shape=image_shape)
    assert display.image_shape is None
    assert not any(ax.images for ax in display.axes_.flat)


@pytest.mark.parametrize(
    "image_shape",
    [(2, 2), [2, 2], (2, 2, 1), np.array([2, 2]), torch.Size([2, 2]), (np.int64(2), 2)],
)
def test_images(stub, image_shape):
    display = draw(stub, image_shape=image_shape)
    assert display.image_shape == (2, 2)
    assert display.axes_.shape == (2, 2)
    assert len(display.figure_.axes) == 4
    assert all(len(ax.images) == 1 for ax in display.axes_.flat)
    assert display.axes_[0, 0].get_ylabel() == "cluster 0\n75.0 % of samples"
    assert display.axes_[1, 0].get_ylabel() == "cluster 1\n25.0 % of samples"
    assert [ax.get_xlabel() for ax in display.axes_.flat] == ["", "", "", "unused"]
    image = display.axes_[0, 0].images[0]
    assert_array_equal(image.get_array(), [[0, 1], [0, 0]])
    assert image.get_clim() == (-1, 1)
    assert_allclose(image.cmap(image.norm(0.0)), (1, 1, 1, 1), atol=0.02)


@pytest.mark.parametrize(
    "image_shape", [(2, 3), (2,), (1, 2, 3), (-2, -2), (2.0, 2.0), 4, "square", ()]
)
def test_shapes_that_do_not_fit(stub, image_shape):
    message = r"image_shape=.* does not fit samples of 4 features.*\(height, width\)"
    with pytest.raises(ValueError, match=message):
        draw(stub, image_shape=image_shape)
    assert not plt.get_fignums()


@pytest.mark.parametrize(("flip_sign", "sign"), [(True, 1), (False, -1)])
def test_signs(stub, flip_sign, sign):
    display = draw(stub, flip_sign=flip_sign, image_shape=(2, 2))
    image = display.axes_[1, 0].images[0]
    assert_array_equal(image.get_array(), [[0, 0], [sign, 0]])


def test_atoms_in_colour_are_grey_where_they_are_zero(stub):
    stub.dictionaries_ = np.zeros((2, 2, 12))
    stub.dictionaries_[0, 1, :6] = [2, 0, 0, 0, -1, 0]
    picture = draw(stub, image_shape=(2, 2, 3)).axes_[0, 0].images[0].get_array()
    assert_allclose(picture[0, 0], [1.0, 0.5, 0.5])
    assert_allclose(picture[0, 1], [0.5, 0.25, 0.5])
    assert_allclose(picture[1], 0.5)


def test_selection(stub):
    display = draw(stub, n_atoms=1, clusters=[1])
    assert display.axes_.shape == (1, 1)
    assert_array_equal(display.atom_indices, [[0]])
    assert_array_equal(display.shares, [0.25])
    assert display.axes_[0, 0].get_ylabel().startswith("cluster 1")


def test_weights_are_shares_without_labels(stub):
    del stub.labels_
    assert_array_equal(draw(stub).shares, [0.5, 0.5])


@pytest.mark.parametrize(
    "atoms", [np.ones((1, 2, 4)), np.zeros((1, 2, 4)), -np.ones((1, 2, 4))]
)
def test_lines(stub, atoms):
    stub.dictionaries_ = atoms
    ax = draw(stub, clusters=np.array([0])).axes_[0, 0]
    assert_array_equal(ax.lines[-1].get_ydata(), np.abs(atoms[0, 0]))
    # Zero is in view.
    low, high = ax.get_ylim()
    assert low < 0 < high


@pytest.mark.parametrize("image_shape", [(2, 2), (4,)])
def test_zero_atoms_draw_without_warning(stub, image_shape):
    stub.dictionaries_ = np.zeros((2, 2, 4))
    draw(stub, image_shape=image_shape).figure_.canvas.draw()


@pytest.mark.parametrize("n_atoms", [0, -1, 1.5, None, True])
def test_numbers_of_atoms_out_of_range(stub, n_atoms):
    error = ValueError if n_atoms in (0, -1) else TypeError
    with pytest.raises(error, match="n_atoms"):
        draw(stub, n_atoms=n_atoms)


@pytest.mark.parametrize("clusters", [[2], [-1], [], [0.5], 1, [[0]], [True], ["1"]])
def test_no_clusters(stub, clusters):
    with pytest.raises(ValueError, match=r"clusters=.* of the clusters \[0, 1\]"):
        draw(stub, clusters=clusters)


# What is drawn in place of atoms


def test_other_pictures_of_the_atoms(stub):
    pictures = np.arange(2 * 2 * 9.0).reshape(2, 2, 3, 3)
    expected = [[pictures[0, 1], pictures[0, 0]], pictures[1]]
    # By usage, which is the estimator's own.
    display = draw(stub, dictionaries=pictures)
    assert display.image_shape == (3, 3)
    assert_array_equal(display.atoms.reshape(2, 2, 3, 3), expected)
    display = draw(stub, dictionaries=pictures.reshape(2, 2, 9))
    assert display.image_shape is None
    assert_array_equal(display.atoms.reshape(2, 2, 3, 3), expected)
    with pytest.raises(ValueError, match=r"\(2, 2, 'n_features'\), got \(2, 3, 3\)"):
        draw(stub, dictionaries=pictures[0])


def test_averages_of_samples(stub):
    X = -np.array([[2.0, 1.0, 0, 0], [0, 2.0, 0, 0], [0, 0, 0, 0], [0, 0, 3.0, 0]])
    X[:2] *= -1
    display = draw(stub, X, image_shape=(2, 2))
    assert display.are_averages
    averages = atom_averages(stub, X).atom_means
    assert_array_equal(display.atoms, averages[[[0], [1]], display.atom_indices])
    image = display.axes_[1, 0].images[0]
    # As they are, not negated, from their lowest to their highest number.
    assert_array_equal(image.get_array(), [[0, 0], [-3, 0]])
    assert image.get_clim() == (-3, 0)
    assert image.cmap.name == "gray_r"
    labels = [ax.get_xlabel() for ax in display.axes_.flat]
    assert labels == ["", "", "", "unused"]
    assert "Averages" in display.figure_.get_suptitle()
    with pytest.raises(ValueError, match="Pass X or dictionaries, not both"):
        draw(stub, X, dictionaries=averages)


def test_averages_for_a_clusterer_of_images():
    images = load_digits().images[:150]
    clusterer = ImageClustering(4, n_init=1, random_state=0).fit(images)
    with pytest.raises(ValueError, match=r"atoms of ImageClustering .* Pass X"):
        draw(clusterer)
    flat = images.reshape(150, 64)
    averages = atom_averages(clusterer, flat).atom_means
    for X in (images, flat, torch.tensor(images), list(images)):
        display = draw(clusterer, X, n_atoms=3, clusters=[2, 1])
        assert display.image_shape == (8, 8)
        expected = averages[[[2], [1]], display.atom_indices]
        assert_allclose(display.atoms, expected, rtol=1e-6)
    display = draw(clusterer, dictionaries=averages, n_atoms=2)
    assert display.image_shape == (8, 8)
    assert draw(clusterer, flat, image_shape=(64,), n_atoms=2).image_shape is None


def test_averages_in_colour():
    rng = np.random.RandomState(0)
    images = rng.randint(0, 40, size=(60, 8, 8, 3), dtype=np.uint8)
    images[:30, :4, :, 0] += 200
    images[30:, :, 4:, 1] += 200
    clusterer = ImageClustering(2, n_init=1, random_state=0).fit(images)
    display = draw(clusterer, images, n_atoms=2)
    assert display.image_shape == (8, 8, 3)
    picture = display.axes_[0, 0].images[0].get_array()
    assert_allclose(picture.ravel(), display.atoms[0, 0] / 255, rtol=1e-6)


def test_averages_of_signals():
    rng = np.random.RandomState(0)
    signals = np.sin(np.arange(64) * rng.choice([0.3, 1.0], size=(80, 1)))
    signals = np.stack([signals, rng.uniform(size=(80, 64))], axis=2)
    clusterer = SignalClustering(2, random_state=0).fit(signals)
    display = draw(clusterer, signals, n_atoms=2)
    assert display.n_channels == 2
    assert len(display.axes_[0, 0].lines) == 2
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(signals[:, :, 0]).add_prefix("time")
    named = SignalClustering(2, random_state=0).fit(frame)
    assert len(draw(named, frame, n_atoms=2).axes_[0, 0].lines) == 1


# Estimators


def test_the_mixture_in_a_clusterer_is_drawn():
    X = np.random.RandomState(0).uniform(size=(60, 4))
    mixmate = MixMateClustering(2, n_atoms=3, max_iter=1, random_state=0)
    voting = NeighborVoting(mixmate, random_state=0).fit(X)
    expected = draw(voting.mixmate_)
    shares = np.bincount(voting.labels_, minlength=2) / 60
    search = GridSearchCV(clone(voting), {}, cv=2).fit(X)
    for estimator in (voting, make_pipeline(voting), search):
        display = draw(estimator)
        assert_array_equal(display.atoms, expected.atoms)
        assert_array_equal(display.shares, shares)
    # Features of a Pipeline are no samples.
    pipeline = make_pipeline(StandardScaler(), clone(voting)).fit(X)
    assert draw(pipeline).image_shape is None
    averages = draw(pipeline, X).atoms
    assert np.nanmin(averages) >= 0


def test_what_has_no_dictionaries_of_clusters_is_refused():
    for estimator in (
        MixMateClustering(2),
        NeighborVoting(),
        make_pipeline(StandardScaler(), MixMateClustering(2)),
        GridSearchCV(MixMateClustering(2), {}),
    ):
        with pytest.raises(NotFittedError, match="not fitted"):
            draw(estimator)
    X = np.random.RandomState(0).uniform(size=(30, 4))
    fitted = KMeans(2).fit(X), LocalGaussianImputer(always=True).fit(X)
    for estimator in (*fitted, make_pipeline(fitted[0]), object(), None):
        with pytest.raises(
            TypeError, match="estimator must be a clusterer of this package"
        ):
            draw(estimator)


def test_options_of_the_picture(stub):
    figure = plt.figure()
    left, right = figure.subfigures(1, 2)
    display = draw(stub, fig=right, cmap="viridis", image_shape=(2, 2))
    assert display.figure_ is right
    assert not left.axes
    assert display.axes_[0, 0].images[0].cmap.name == "viridis"
    assert plt.get_fignums() == [figure.number]
    frame = display.axes_[0, 0].spines["top"].get_edgecolor()
    assert frame == to_rgba("0.8")


def test_a_display_can_be_drawn_again(stub):
    display = draw(stub)
    stored = {k: v for k, v in vars(display).items() if not k.endswith("_")}
    again = DictionaryDisplay(**stored)
    assert not hasattr(again, "figure_")
    assert again.plot() is again
    assert again.figure_ is not display.figure_


def test_missing_matplotlib(stub, monkeypatch):
    display = draw(stub)
    for name in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    message = r"DictionaryDisplay.*pip install skmixmate\[plot\]"
    with pytest.raises(ImportError, match=message):
        draw(stub)
    with pytest.raises(ImportError, match=message):
        display.plot()
