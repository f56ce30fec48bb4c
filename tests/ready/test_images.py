"""The clusterer for images: that it is what it says, and what it takes."""

import pickle
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits

from skmixmate import (
    ImageClustering,
    ScatteringTransform,
    SparseSubspaceClustering,
)
from skmixmate.initializers import (
    InitializationWarning,
    Labeling,
    Labelings,
    spectral_labelings,
)
from skmixmate.initializers.even import Consensus
from skmixmate.inspection import atom_averages
from skmixmate.metrics import balanced_clustering_accuracy, clustering_accuracy
from skmixmate.ready import make_image_features, starts


@pytest.fixture(scope="module")
def image_clusterer():
    """A fitted image clusterer, its images and their classes."""
    X, y = load_digits(return_X_y=True)
    X = X.astype(np.float32)
    clusterer = ImageClustering(10, image_shape=(8, 8), n_init=1, random_state=0)
    return clusterer.fit(X), X, y


def test_images_are_clustered(image_clusterer):
    clusterer, _, y = image_clusterer
    # k-means has 0.8; 0.967 was measured.
    assert clustering_accuracy(y, clusterer.labels_) > 0.95
    assert clusterer.features_["scattering"].output_shape_ == (127, 3, 3)


def test_an_image_clusterer_predicts_its_own_labels(image_clusterer):
    clusterer, X, _ = image_clusterer
    np.testing.assert_array_equal(clusterer.predict(X), clusterer.labels_)
    probabilities = clusterer.predict_proba(X[:5])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)


def test_the_unit_and_the_dtype_of_the_images_do_not_matter(image_clusterer):
    clusterer, X, _ = image_clusterer
    features = clusterer.compute_features(X[:50])
    for images in ((X[:50] * 15).astype(np.uint8), X[:50].astype(np.float64) / 16):
        np.testing.assert_allclose(
            clusterer.compute_features(images), features, atol=1e-4
        )


@pytest.mark.parametrize("unit", [1e-17, 1e-300, 1e30, 1e300])
def test_tiny_and_huge_units_lose_nothing(image_clusterer, unit):
    clusterer, X, _ = image_clusterer
    X = X[:50].astype(np.float64)
    np.testing.assert_allclose(
        clusterer.compute_features(unit * X), clusterer.compute_features(X), atol=1e-4
    )


# Of fewer clusters than there are digits.
@pytest.mark.filterwarnings("ignore:The first clusters are not to be trusted")
def test_another_number_of_clusters_is_set_in_one_place():
    X = load_digits().data[:200]
    made = ImageClustering(3, image_shape=(8, 8), n_init=1, random_state=0)
    changed = ImageClustering(7, image_shape=(8, 8), n_init=1, random_state=0)
    changed.set_params(n_clusters=3)
    np.testing.assert_array_equal(made.fit_predict(X), changed.fit_predict(X))


# Of fewer clusters than there are digits.
@pytest.mark.filterwarnings("ignore:The first clusters are not to be trusted")
def test_runs_are_as_many_as_asked_for(capsys):
    X = load_digits().data[:300]
    clusterer = ImageClustering(
        3, image_shape=(8, 8), n_init=2, random_state=0, verbose=1
    ).fit(X)
    mixmate = clusterer.voting_.mixmate
    assert (mixmate.n_init, mixmate.max_iter) == (2, 5)
    # Of few images, batches are small.
    assert mixmate.batch_size == "auto"
    printed = capsys.readouterr().out
    assert "ImageClustering: features of 300 samples" in printed


def test_one_large_class_among_small_ones():
    X, y = load_digits(return_X_y=True)
    rows = [np.flatnonzero(y == c)[:n] for c, n in ((0, 170), (4, 30), (6, 30))]
    chosen = np.concatenate(rows)
    clusterer = ImageClustering(3, image_shape=(8, 8), n_init=1, random_state=0)
    labels = clusterer.fit_predict(X[chosen])
    assert balanced_clustering_accuracy(y[chosen], labels) > 0.95


@pytest.mark.parametrize("is_continuum", [False, True])
def test_sizes_are_left_open_unless_classes_blend(is_continuum, monkeypatch):
    rng = np.random.RandomState(0)
    centers = rng.normal(size=(6, 12))
    y = np.repeat(np.arange(6), [600, 300, 150, 100, 50, 50])
    X = rng.normal(size=(len(y), 12))
    if not is_continuum:
        X += 10.0 * centers[y]
    blending = spectral_labelings(X, 6, 0).blending
    assert blending > 0.75 if is_continuum else blending < 0.3
    sought = []
    even = Consensus(y, 0.0, 0.8)
    monkeypatch.setattr(starts, "_most_even", lambda *_: sought.append(1) or even)
    expected = (
        pytest.warns(InitializationWarning, match="blend into each other")
        if is_continuum
        else nullcontext()
    )
    monkeypatch.setattr(starts, "_LEAST_EVENNESS", 0.0)
    for rand_index in (0.9, 0.5):
        even = even._replace(rand_index=rand_index)
        with expected:
            found = starts.any_sizes(X, 6, np.random.RandomState(0))
        takes_even = is_continuum and rand_index == 0.9
        assert found.are_of_one_size == takes_even
        assert (found.agreement is None) == (not is_continuum)
        assert (found.agreement == 0.8) == takes_even
    assert len(sought) == 2 * is_continuum
    # Parts of fewer than fifty samples blend whatever there is.
    few = X[rng.permutation(len(X))[:590]]
    assert np.isnan(spectral_labelings(few, 6, 0).blending)
    starts.any_sizes(few, 6, np.random.RandomState(0))
    assert len(sought) == 2 * is_continuum


def test_sizes_that_are_not_even_are_left_open(monkeypatch):
    X = np.random.RandomState(0).normal(size=(1250, 12))
    uneven = Labelings([Labeling(np.repeat([0, 1, 2], [1200, 25, 25]), 1.04)])
    uneven.blending = 1.0
    monkeypatch.setattr(starts, "spectral_labelings", lambda *_, **__: uneven)
    monkeypatch.setattr(starts, "similar_sizes", None)
    with pytest.warns(InitializationWarning, match="blend into each other"):
        found = starts.any_sizes(X, 3, np.random.RandomState(0))
    assert_array_equal(found[-1].labels, uneven[0].labels)


@pytest.mark.parametrize(
    ("sizes", "differ"), [((120, 120, 120), False), ((500, 40, 40), True)]
)
def test_subspaces_tell_whether_sizes_differ(sizes, differ):
    rng = np.random.RandomState(0)
    y = np.repeat(np.arange(3), sizes)
    bases = rng.normal(size=(3, 4, 20))
    X = np.einsum("nd,ndf->nf", rng.normal(size=(len(y), 4)), bases[y])
    X += 0.1 * rng.normal(size=X.shape)
    found = starts.any_sizes(X, 3, np.random.RandomState(0))
    assert found.sizes_differ is differ
    clusterer = SparseSubspaceClustering(3, random_state=0).fit(X)
    assert clusterer.sizes_left_open_ is differ
    clusterer.set_params(merge=False).fit(X)
    assert clusterer.sizes_left_open_ is False


def test_classes_of_similar_sizes():
    X, y = load_digits(return_X_y=True)
    clusterer = ImageClustering(
        10, image_shape=(8, 8), n_init=1, similar_sizes=True, random_state=0
    )
    labels = clusterer.fit_predict(X[:700])
    assert clustering_accuracy(y[:700], labels) > 0.85
    mixmate = clusterer.mixmate_
    assert len(set(mixmate.dictionary_sizes_)) == 1
    with pytest.raises(TypeError, match="similar_sizes"):
        ImageClustering(10, similar_sizes="yes").fit(X)


def test_images_that_are_not_square():
    X = np.random.RandomState(0).uniform(size=(60, 12 * 20))
    X[::2, :100] = 0.0
    clusterer = ImageClustering(2, image_shape=(12, 20), n_init=1, random_state=0)
    clusterer.fit(X)
    assert clusterer.features_["scattering"].output_shape_[1:] == (3, 5)
    assert clustering_accuracy(np.arange(60) % 2, clusterer.labels_) == 1.0


def test_images_in_colour_that_are_one_in_grey():
    colours = np.array([[1.0, 0.2, 0.3], [0.2, 0.3, 1.0]])[np.arange(60) % 2]
    grey = np.random.RandomState(0).uniform(size=(60, 8, 9, 1))
    X = (grey * colours[:, None, None]).reshape(60, -1)
    clusterer = ImageClustering(2, image_shape=(8, 9, 3), n_init=1, random_state=0)
    clusterer.fit(X)
    assert clusterer.features_["scattering"].output_shape_ == (3, 127, 3, 3)
    assert clustering_accuracy(np.arange(60) % 2, clusterer.labels_) == 1.0


# Of fewer clusters than there are digits.
@pytest.mark.filterwarnings("ignore:The first clusters are not to be trusted")
def test_blank_images_are_no_harm():
    X = load_digits().data[:200].copy()
    X[:3] = 0.0
    clusterer = ImageClustering(3, image_shape=(8, 8), n_init=1, random_state=0)
    labels = clusterer.fit_predict(X)
    assert len(set(labels[:3])) == 1


def test_names_of_energies_and_features(image_clusterer):
    clusterer, _, _ = image_clusterer
    assert clusterer.get_feature_names_out()[0] == "imageclustering0"
    assert clusterer.features_.get_feature_names_out()[0] == "partialwhitening0"


def test_missing_pixels_are_filled_in_first(image_clusterer):
    complete, X, y = image_clusterer
    X, y = X[:700], y[:700]
    random_state = np.random.RandomState(0)
    missing = random_state.uniform(size=X.shape) < 0.1
    missing[random_state.permutation(len(X))[:70]] = False
    incomplete = np.where(missing, np.nan, X)
    clusterer = clone(complete).fit(incomplete)
    assert clustering_accuracy(y, clusterer.labels_) > 0.85
    agreement = clusterer.predict(X) == clusterer.labels_
    assert agreement.mean() > 0.9
    with pytest.raises(ValueError, match="none in fit"):
        complete.predict(incomplete[:5])


def test_an_image_clusterer_survives_a_pickle(image_clusterer):
    clusterer, X, _ = image_clusterer
    again = pickle.loads(pickle.dumps(clusterer))
    np.testing.assert_array_equal(again.predict(X[:50]), clusterer.predict(X[:50]))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"image_shape": (4, 30)}, r"image_shape\[0\] == 4, must be >= 8"),
        ({"image_shape": 28}, r"image_shape must be \(height, width\) or .*, got 28"),
        ({"image_shape": (3, 16, 16)}, r"got \(3, 16, 16\)\. If channels come first"),
        ({"image_shape": ("8", "8")}, r"image_shape\[0\] must be an integer"),
        ({"n_clusters": 0}, "n_clusters == 0, must be >= 1"),
        ({"n_clusters": "ten"}, "n_clusters must be 'auto' or an integer"),
        ({"n_init": 0}, "n_init == 0, must be >= 1"),
        ({"device": "abacus"}, "device must be 'auto'"),
    ],
)
def test_parameters_are_checked_at_once(parameters, message):
    with pytest.raises((TypeError, ValueError), match=message):
        ImageClustering(**({"n_clusters": 10} | parameters)).fit(np.ones((20, 64)))


def test_images_of_another_shape_are_refused():
    X = np.random.RandomState(0).uniform(size=(30, 100))
    with pytest.raises(ValueError, match=r"\(12, 12\) has 144 numbers, but X has 100"):
        ImageClustering(2, image_shape=(12, 12)).fit(X)
    with pytest.raises(ValueError, match="n_features=99 is no square number"):
        ImageClustering(2).fit(X[:, :99])


# Of fewer clusters than there are digits.
@pytest.mark.filterwarnings("ignore:The first clusters are not to be trusted")
def test_a_guessed_shape_is_told_where_another_has_as_many_pixels():
    X = np.random.RandomState(0).uniform(size=(60, 256))
    clusterer = ImageClustering(2, n_init=1, random_state=0)
    with pytest.warns(UserWarning, match=r"image_shape=\(16, 16\)") as record:
        clusterer.fit(X)
    guesses = [w for w in record if "image_shape" in str(w.message)]
    assert [warning.filename for warning in guesses] == [__file__]
    # Of images of at least 8 pixels a side, 64 numbers are 8 by 8.
    clusterer.fit(X[:, :64])


def test_what_clusters_and_atoms_look_like(image_clusterer):
    clusterer, X, _ = image_clusterer
    averages = atom_averages(clusterer, X)
    for cluster, members in enumerate(_members(clusterer)):
        mean = X[members].mean(axis=0)
        np.testing.assert_allclose(averages.cluster_means[cluster], mean, rtol=1e-5)
        # Atoms are parts of the cluster, more unlike its mean than as many samples
        # at random would be.
        random_state = np.random.RandomState(0)
        drawn = [
            X[random_state.choice(members, 20)].mean(axis=0) - mean for _ in range(50)
        ]
        atoms = averages.atom_means[cluster] - mean
        size, chance = (np.linalg.norm(d, axis=1).mean() for d in (atoms, drawn))
        assert size > 1.3 * chance


def _members(clusterer):
    return [np.flatnonzero(clusterer.labels_ == k) for k in range(10)]


@pytest.fixture(scope="module")
def shapes():
    """Discs and crosses in three colours, (240, 16, 16, 3), and their kinds."""
    rng = np.random.RandomState(0)
    colours = np.array([[1.0, 0.2, 0.2], [0.2, 1.0, 0.2], [0.3, 0.3, 1.0]])
    y = rng.randint(6, size=240)
    rows, columns = np.mgrid[:16, :16]
    centers = rng.uniform(6, 9, size=(2, 240, 1, 1))
    distances = rows - centers[0], columns - centers[1]
    disc = np.hypot(*distances) < 5
    cross = np.minimum(*np.abs(distances)) < 1.5
    grey = np.where(y[:, None, None] < 3, disc, cross)
    images = grey[..., None] * colours[y % 3][:, None, None]
    return images + 0.05 * rng.standard_normal(images.shape), y


def test_colours_and_shapes_are_told_apart(shapes):
    images, y = shapes
    clusterer = ImageClustering(6, n_init=1, random_state=0).fit(images)
    assert clusterer.sample_shape_ == (16, 16, 3)
    assert clustering_accuracy(y, clusterer.labels_) == 1.0
    np.testing.assert_array_equal(clusterer.predict(images), clusterer.labels_)
    # Rows are as good.
    rows = images.reshape(len(images), -1)
    np.testing.assert_array_equal(clusterer.predict(rows), clusterer.labels_)
    flat = ImageClustering(6, image_shape=(16, 16, 3), n_init=1, random_state=0)
    np.testing.assert_array_equal(flat.fit_predict(rows), clusterer.labels_)
    with pytest.raises(ValueError, match="is not that of X"):
        clusterer.predict(images[:, :, :12])


def test_a_mask_of_the_shape_of_the_images(shapes):
    images, _ = shapes
    mask = np.random.RandomState(0).uniform(size=images.shape) > 0.1
    clusterer = ImageClustering(6, n_init=1, random_state=0)
    labels = clusterer.fit_predict(images, mask=mask)
    rows, observed = (array.reshape(len(images), -1) for array in (images, mask))
    flat = ImageClustering(6, image_shape=(16, 16, 3), n_init=1, random_state=0)
    np.testing.assert_array_equal(flat.fit_predict(rows, mask=observed), labels)
    # A pixel is missing in all channels.
    by_pixel = mask[..., 0]
    expected = clusterer.predict(images, mask=np.repeat(by_pixel[..., None], 3, 3))
    for one in (by_pixel, by_pixel.tolist(), torch.from_numpy(by_pixel)):
        np.testing.assert_array_equal(clusterer.predict(images, mask=one), expected)
    with pytest.raises(ValueError, match="mask must have the shape of X"):
        clusterer.predict(images, mask=by_pixel[:, :12])
    with pytest.raises(ValueError, match="mask must have the shape of X"):
        ImageClustering(2).fit(images[..., 0], mask=mask[:, :, 0, 0])


def test_lists_of_images(shapes):
    images, _ = shapes
    scattering = ScatteringTransform()
    expected = scattering.fit_transform(images)
    for some in (list(images), images.tolist(), list(torch.from_numpy(images))):
        np.testing.assert_array_equal(scattering.transform(some), expected)
    with pytest.raises(ValueError, match="images of one shape, got 2 shapes"):
        scattering.fit([images[0], images[1, :12]])


def test_kinds_at_any_angle():
    rng = np.random.RandomState(0)
    y = np.arange(120) % 3
    rows, columns = np.mgrid[:24, :24] - 11.5
    angles = rng.uniform(2 * np.pi, size=(120, 1, 1))
    along = rows * np.cos(angles) + columns * np.sin(angles)
    across = columns * np.cos(angles) - rows * np.sin(angles)
    inside = np.hypot(rows, columns) < 10
    kinds = [
        (np.abs(along) < 9) & (np.abs(across) < 2),
        inside & (np.cos(along) > 0),
        inside & (np.cos(0.5 * along) > 0),
    ]
    images = np.choose(y[:, None, None], kinds) + 0.1 * rng.standard_normal(along.shape)
    clusterer = ImageClustering(3, rotation="any", n_init=1, random_state=0)
    assert clustering_accuracy(y, clusterer.fit_predict(images)) == 1.0
    upright = ImageClustering(3, n_init=1, random_state=0)
    assert clustering_accuracy(y, upright.fit_predict(images)) < 0.9
    with pytest.raises(ValueError, match="rotation must be 'upright' or 'any'"):
        ImageClustering(3, rotation="all").fit(images)
    with pytest.raises(ValueError, match="rotation must be 'upright' or 'any'"):
        make_image_features(rotation="all")
