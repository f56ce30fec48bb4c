import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skmixmate import LocalGaussianImputer, MixMateClustering, NeighborVoting
from skmixmate.plotting import (
    DictionaryDisplay,
    ReconstructionDisplay,
)
from skmixmate.plotting.panels import resolve_image_shape

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.colors import to_rgba  # noqa: E402

# One test is about what is told; the others go by it.
pytestmark = pytest.mark.filterwarnings("ignore:n_features=.* is drawn:UserWarning")

THRESHOLD = 0.5


class StubMixture:
    """Two orthonormal dictionaries of unit vectors: codes are thresholded entries.

    Cluster 0 holds features 0 and 1, cluster 1 holds features 2 and 3, the first
    of them negated.
    """

    def __init__(self):
        atoms = np.eye(4)
        atoms[2] *= -1
        self.dictionaries_ = atoms.reshape(2, 2, 4)
        self.atom_usage_ = np.array([[0.1, 0.3], [0.2, 0.0]])
        self.weights_ = np.array([0.5, 0.5])
        self.labels_ = np.array([0, 0, 0, 1])

    def _observed(self, X, mask):
        return ~np.isnan(X) if mask is None else ~np.isnan(X) & mask

    def encode(self, X, clusters="all", mask=None):
        assert clusters == "all"
        X = np.where(self._observed(X, mask), X, 0)
        codes = np.einsum("bm,kpm->bkp", X, self.dictionaries_)
        return np.sign(codes) * np.maximum(np.abs(codes) - THRESHOLD, 0)

    def reconstruct(self, X, clusters="all", mask=None):
        codes = self.encode(X, clusters=clusters, mask=mask)
        return np.einsum("bkp,kpm->bkm", codes, self.dictionaries_)

    def predict(self, X, mask=None):
        missing = ~self._observed(X, mask)[:, None]
        errors = np.where(missing, 0, X[:, None] - self.reconstruct(X, mask=mask))
        return (errors**2).sum(axis=-1).argmin(axis=1)


@pytest.fixture
def stub():
    return StubMixture()


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def frame_color(ax):
    colors = {to_rgba(spine.get_edgecolor()) for spine in ax.spines.values()}
    assert len(colors) == 1
    return colors.pop()


def framed(axes):
    return [k for k, ax in enumerate(axes) if frame_color(ax) == to_rgba("red")]


# Shapes of samples


@pytest.mark.parametrize(
    ("image_shape", "n_features", "expected"),
    [
        (None, 784, (28, 28)),
        (None, 6, (6,)),
        (None, 1, (1,)),
        ((2, 3), 6, (2, 3)),
        ([3, 2], 6, (3, 2)),
        ((64,), 64, (64,)),
        ((np.int64(2), 2), 4, (2, 2)),
        (np.array([2, 3]), 6, (2, 3)),
        (torch.Size([2, 3]), 6, (2, 3)),
    ],
)
def test_image_shape(image_shape, n_features, expected):
    assert resolve_image_shape(image_shape, n_features) == expected


@pytest.mark.parametrize(
    "image_shape", [(2, 3), (2,), (1, 2, 2), (-2, -2), (2.0, 2.0), 4, "square", ()]
)
def test_image_shape_that_does_not_fit(stub, image_shape):
    message = r"image_shape=.* does not fit samples of 4 features.*\(height, width\)"
    with pytest.raises(ValueError, match=message):
        DictionaryDisplay.from_estimator(stub, image_shape=image_shape)
    with pytest.raises(ValueError, match=message):
        ReconstructionDisplay.from_estimator(stub, np.ones(4), image_shape=image_shape)
    assert not plt.get_fignums()


def test_colour_has_a_way(stub):
    with pytest.raises(ValueError, match="Average colour first"):
        DictionaryDisplay.from_estimator(stub, image_shape=(1, 1, 4))


@pytest.mark.filterwarnings("error")
def test_a_guessed_square_is_told_once(stub):
    message = r"n_features=4 is drawn as a square.*image_shape=\(2, 2\) if"
    for display_class in (DictionaryDisplay, ReconstructionDisplay):
        with pytest.warns(UserWarning, match=message) as record:
            draw(display_class, stub)
        assert [warning.filename for warning in record] == [__file__]
        draw(display_class, stub, image_shape=(2, 2))
        draw(display_class, stub, image_shape=(4,))


# Dictionaries


def test_dictionary_display_stores_atoms_by_usage(stub):
    display = DictionaryDisplay.from_estimator(stub)
    assert_array_equal(display.atom_indices, [[1, 0], [0, 1]])
    assert_array_equal(display.atom_usage, [[0.3, 0.1], [0.2, 0.0]])
    assert_array_equal(
        display.atoms,
        [[[0, 1, 0, 0], [1, 0, 0, 0]], [[0, 0, -1, 0], [0, 0, 0, 1]]],
    )
    assert_array_equal(display.clusters, [0, 1])
    assert_array_equal(display.shares, [0.75, 0.25])
    assert display.image_shape == (2, 2)


def test_dictionary_display_draws_other_pictures_of_the_atoms(stub):
    pictures = np.arange(2 * 2 * 9.0).reshape(2, 2, 9)
    display = DictionaryDisplay.from_estimator(stub, dictionaries=pictures)
    # By usage, which is the estimator's own.
    assert_array_equal(display.atoms, [[pictures[0, 1], pictures[0, 0]], pictures[1]])
    assert display.image_shape == (3, 3)
    with pytest.raises(ValueError, match=r"\(2, 2, 'n_features'\), got \(2, 9\)"):
        DictionaryDisplay.from_estimator(stub, dictionaries=pictures[0])


def test_dictionary_display_draws_images(stub):
    display = DictionaryDisplay.from_estimator(stub)
    assert display.axes_.shape == (2, 2)
    assert len(display.figure_.axes) == 4
    assert all(len(ax.images) == 1 for ax in display.axes_.flat)
    assert display.axes_[0, 0].get_ylabel() == "cluster 0\n75.0% of samples"
    assert display.axes_[1, 0].get_ylabel() == "cluster 1\n25.0% of samples"
    assert [ax.get_xlabel() for ax in display.axes_.flat] == ["", "", "", "unused"]
    image = display.axes_[0, 0].images[0]
    assert_array_equal(image.get_array(), [[0, 1], [0, 0]])
    assert image.get_clim() == (-1, 1)
    assert_allclose(image.cmap(image.norm(0.0)), (1, 1, 1, 1), atol=0.02)


@pytest.mark.parametrize(("flip_sign", "sign"), [(True, 1), (False, -1)])
def test_dictionary_display_sign(stub, flip_sign, sign):
    display = DictionaryDisplay.from_estimator(stub, flip_sign=flip_sign)
    image = display.axes_[1, 0].images[0]
    assert_array_equal(image.get_array(), [[0, 0], [sign, 0]])


def test_dictionary_display_selection(stub):
    display = DictionaryDisplay.from_estimator(stub, n_atoms=1, clusters=[1])
    assert display.axes_.shape == (1, 1)
    assert_array_equal(display.atom_indices, [[0]])
    assert_array_equal(display.shares, [0.25])
    assert display.axes_[0, 0].get_ylabel().startswith("cluster 1")


def test_dictionary_display_falls_back_on_weights(stub):
    del stub.labels_
    assert_array_equal(DictionaryDisplay.from_estimator(stub).shares, [0.5, 0.5])


@pytest.mark.parametrize(
    "atoms", [np.ones((1, 2, 4)), np.zeros((1, 2, 4)), -np.ones((1, 2, 4))]
)
def test_dictionary_display_draws_lines(stub, atoms):
    stub.dictionaries_ = atoms
    display = DictionaryDisplay.from_estimator(
        stub, image_shape=(4,), clusters=np.array([0])
    )
    ax = display.axes_[0, 0]
    assert not ax.images
    assert_array_equal(ax.lines[-1].get_ydata(), np.abs(atoms[0, 0]))


def test_zero_atoms_draw_without_warning(stub):
    stub.dictionaries_ = np.zeros((2, 2, 4))
    display = DictionaryDisplay.from_estimator(stub)
    display.figure_.canvas.draw()


@pytest.mark.parametrize("n_atoms", [0, -1, 1.5, None])
def test_dictionary_display_rejects_n_atoms(stub, n_atoms):
    with pytest.raises(ValueError, match=f"n_atoms={n_atoms} must be an integer"):
        DictionaryDisplay.from_estimator(stub, n_atoms=n_atoms)


@pytest.mark.parametrize("clusters", [[2], [-1], [], [0.5], 1, [[0]]])
def test_dictionary_display_rejects_clusters(stub, clusters):
    with pytest.raises(ValueError, match=r"clusters=.* integers from 0 to 1"):
        DictionaryDisplay.from_estimator(stub, clusters=clusters)


# Reconstructions

SAMPLE = np.array([2.0, 1.0, 0.0, 0.25])
# Cluster 0 gives [1.5, 0.5, 0, 0], cluster 1 gives zeros.
MSE = [(0.25 + 0.25 + 0.0625) / 4, (4 + 1 + 0.0625) / 4]


@pytest.mark.parametrize("X", [SAMPLE, SAMPLE[None], SAMPLE.tolist()])
def test_reconstruction_display_stores_numbers(stub, X):
    display = ReconstructionDisplay.from_estimator(stub, X)
    assert_array_equal(display.X, SAMPLE[None])
    assert display.observed.all()
    assert_array_equal(
        display.reconstructions, [[[1.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]]
    )
    assert_allclose(display.mse, [MSE])
    assert_array_equal(display.n_nonzero, [[2, 0]])
    assert_array_equal(display.labels, [0])


def test_reconstruction_display_draws(stub):
    display = ReconstructionDisplay.from_estimator(stub, SAMPLE)
    top, bottom = display.axes_
    assert len(display.figure_.axes) == 6
    assert [len(ax.images) for ax in top] == [1, 1, 1]
    assert [ax.get_title() for ax in top] == [
        "input\n(MSE, L0):",
        "cluster 0\n(0.14, 2)",
        "cluster 1\n(1.3, 0)",
    ]
    assert framed(top) == [1]
    assert_array_equal(top[1].images[0].get_array(), [[1.5, 0.5], [0, 0]])
    assert {ax.images[0].get_clim() for ax in top} == {(0.0, 2.0)}
    stems = bottom[1].collections[0]
    assert_array_equal(stems.get_segments(), [[[0, 0], [0, 1.5]], [[1, 0], [1, 0.5]]])
    assert_allclose(stems.get_colors()[0], to_rgba("tab:green"))
    assert not bottom[2].collections[0].get_segments()
    assert bottom[1].get_ylim() == bottom[2].get_ylim()


def test_the_framed_cluster_is_the_predicted_one(stub):
    # The second sample would be nearer to cluster 0 without its mask.
    X = np.array([[2.0, 1.0, 0.0, 0.0], [3.0, 0.0, 0.0, 2.0]])
    mask = np.array([[True] * 4, [False, True, True, True]])
    display = ReconstructionDisplay.from_estimator(stub, X, mask=mask)
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
    display = ReconstructionDisplay.from_estimator(stub, X, mask=mask)
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


def test_reconstruction_display_draws_lines(stub):
    X = SAMPLE.copy()
    X[1] = np.nan
    display = ReconstructionDisplay.from_estimator(stub, X, image_shape=(4,))
    top = display.axes_[0]
    assert not any(ax.images for ax in top)
    assert_array_equal(top[0].lines[0].get_ydata(), X)
    assert len(top[0].patches) == 1
    behind, reconstruction = top[1].lines
    assert_array_equal(behind.get_ydata(), X)
    assert_array_equal(reconstruction.get_ydata(), [1.5, 0, 0, 0])
    assert len({ax.get_ylim() for ax in top}) == 1


@pytest.mark.parametrize("image_shape", [(2, 2), (4,)])
def test_constant_samples_draw_without_warning(stub, image_shape):
    display = ReconstructionDisplay.from_estimator(
        stub, np.zeros((2, 4), dtype=int), image_shape=image_shape
    )
    display.figure_.canvas.draw()
    assert_array_equal(display.n_nonzero, np.zeros((2, 2)))


@pytest.mark.parametrize("shape", [(3,), (1, 3), (4, 1), (1, 1, 4), ()])
def test_reconstruction_display_rejects_shapes(stub, shape):
    with pytest.raises(ValueError, match=r"X has shape .* one sample of shape \(4,\)"):
        ReconstructionDisplay.from_estimator(stub, np.ones(shape))


@pytest.mark.parametrize("n_samples", [0, 11])
def test_reconstruction_display_rejects_sizes(stub, n_samples):
    with pytest.raises(ValueError, match=f"X has {n_samples} samples, but 1 to 10"):
        ReconstructionDisplay.from_estimator(stub, np.ones((n_samples, 4)))


@pytest.mark.parametrize("mask", [[True] * 3, [1, 1, 1, 1], [[True] * 4] * 2])
def test_reconstruction_display_rejects_masks(stub, mask):
    with pytest.raises(ValueError, match=r"mask has shape .* must be boolean"):
        ReconstructionDisplay.from_estimator(stub, SAMPLE, mask=mask)


def test_the_columns_of_a_mask_are_compared():
    pandas = pytest.importorskip("pandas")
    X = pandas.DataFrame(np.random.RandomState(0).rand(60, 4), columns=list("abcd"))
    model = MixMateClustering(2, init="k-means", max_iter=1, random_state=0).fit(X)
    mask = X[:3] < 0.9
    ReconstructionDisplay.from_estimator(model, X[:3], mask=mask)
    with pytest.raises(ValueError, match="mask must have the columns of X"):
        ReconstructionDisplay.from_estimator(model, X[:3], mask=mask[list("dcba")])


def test_reconstruction_display_rejects_samples_without_entries(stub):
    with pytest.raises(ValueError, match="must have an observed entry"):
        ReconstructionDisplay.from_estimator(stub, np.full(4, np.nan))


# Both


def draw(display_class, estimator, **kwargs):
    args = [SAMPLE] if display_class is ReconstructionDisplay else []
    return display_class.from_estimator(estimator, *args, **kwargs)


both = pytest.mark.parametrize(
    "display_class", [DictionaryDisplay, ReconstructionDisplay]
)


@both
def test_options_of_the_picture(stub, display_class):
    figure = plt.figure()
    left, right = figure.subfigures(1, 2)
    display = draw(display_class, stub, fig=right, cmap="viridis")
    assert display.figure_ is right
    assert not left.axes
    assert display.axes_[0, 0].images[0].cmap.name == "viridis"
    assert plt.get_fignums() == [figure.number]


@both
def test_a_display_can_be_drawn_again(stub, display_class):
    display = draw(display_class, stub)
    stored = {k: v for k, v in vars(display).items() if not k.endswith("_")}
    again = display_class(**stored)
    assert not hasattr(again, "figure_")
    assert again.plot() is again
    assert again.figure_ is not display.figure_


@pytest.fixture(scope="module")
def voting():
    """A fitted NeighborVoting of samples of four features, and these samples."""
    X = np.random.RandomState(0).uniform(size=(60, 4))
    mixmate = MixMateClustering(2, n_atoms=3, max_iter=1, random_state=0)
    return NeighborVoting(mixmate, random_state=0).fit(X), X


def test_the_mixture_in_a_clusterer_is_drawn(voting):
    voting, X = voting
    expected = DictionaryDisplay.from_estimator(voting.mixmate_)
    shares = np.bincount(voting.labels_, minlength=2) / 60
    pipeline = make_pipeline(StandardScaler(), clone(voting)).fit(X)
    search = GridSearchCV(clone(voting), {}, cv=2).fit(X)
    for estimator in (voting, make_pipeline(voting), search):
        display = DictionaryDisplay.from_estimator(estimator)
        assert_array_equal(display.atoms, expected.atoms)
        assert_array_equal(display.shares, shares)
    # Features of a Pipeline are no pixels.
    display = DictionaryDisplay.from_estimator(pipeline)
    assert display.image_shape == (4,)
    pictures = np.ones((*pipeline[-1].mixmate_.atom_usage_.shape, 9))
    display = DictionaryDisplay.from_estimator(pipeline, dictionaries=pictures)
    assert display.image_shape == (3, 3)


def test_reconstructions_by_the_mixture_in_a_clusterer(voting):
    pandas = pytest.importorskip("pandas")
    voting, X = voting
    frame = pandas.DataFrame(X).add_prefix("feature")
    named = clone(voting).fit(frame)
    for estimator, samples in ((voting, X[:5]), (named, frame[:5])):
        display = ReconstructionDisplay.from_estimator(estimator, samples)
        assert_array_equal(display.labels, estimator.predict(samples))
        reconstructions = estimator.mixmate_.reconstruct(X[:5], "all")
        assert_array_equal(display.reconstructions, reconstructions)
    with pytest.raises(ValueError, match="NeighborVoting takes no missing entries"):
        ReconstructionDisplay.from_estimator(voting, X[0], mask=[True] * 3 + [False])
    pipeline = make_pipeline(StandardScaler(), clone(voting)).fit(X)
    with pytest.raises(ValueError, match="the mixture in this Pipeline reconstructs"):
        ReconstructionDisplay.from_estimator(pipeline, X[:5])


@both
def test_what_has_no_dictionaries_of_clusters_is_refused(display_class):
    for estimator in (
        MixMateClustering(2),
        NeighborVoting(),
        make_pipeline(StandardScaler(), MixMateClustering(2)),
        GridSearchCV(MixMateClustering(2), {}),
    ):
        with pytest.raises(NotFittedError, match="not fitted"):
            draw(display_class, estimator)
    X = np.random.RandomState(0).uniform(size=(30, 4))
    fitted = KMeans(2).fit(X), LocalGaussianImputer(always=True).fit(X)
    for estimator in (*fitted, make_pipeline(fitted[0]), object(), None):
        with pytest.raises(
            TypeError, match="estimator must be a clusterer of this package"
        ):
            draw(display_class, estimator)


@both
def test_missing_matplotlib(stub, display_class, monkeypatch):
    display = draw(display_class, stub)
    for name in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)
    message = rf"{display_class.__name__}.*pip install skmixmate\[plot\]"
    with pytest.raises(ImportError, match=message):
        draw(display_class, stub)
    with pytest.raises(ImportError, match=message):
        display.plot()


def test_import_leaves_matplotlib_alone():
    code = "import sys, skmixmate.plotting; sys.exit('matplotlib' in sys.modules)"
    checkout = Path(__file__).parent.parent
    subprocess.run([sys.executable, "-c", code], check=True, cwd=checkout)
