"""The recipe for images: that it is what it says, and that it runs."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

from skmixmate.inspection import atom_averages
from skmixmate.metrics import balanced_clustering_accuracy, clustering_accuracy
from skmixmate.recipes import make_image_clusterer


@pytest.fixture(scope="module")
def image_clusterer():
    """A fitted image clusterer, its images and their classes."""
    X, y = load_digits(return_X_y=True)
    X = X.astype(np.float32)
    clusterer = make_image_clusterer(10, (8, 8), n_init=1, random_state=0)
    return clusterer.fit(X), X, y


def test_images_are_clustered(image_clusterer):
    clusterer, _, y = image_clusterer
    # k-means has 0.8; 0.967 was measured.
    assert clustering_accuracy(y, clusterer[-1].labels_) > 0.95
    assert clusterer["scattering"].output_shape_ == (217, 3, 3)


def test_an_image_clusterer_predicts_its_own_labels(image_clusterer):
    clusterer, X, _ = image_clusterer
    np.testing.assert_array_equal(clusterer.predict(X), clusterer[-1].labels_)
    probabilities = clusterer.predict_proba(X[:5])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)


def test_the_unit_and_the_dtype_of_the_images_do_not_matter(image_clusterer):
    clusterer, X, _ = image_clusterer
    features = clusterer[:-1].transform(X[:50])
    for images in ((X[:50] * 15).astype(np.uint8), X[:50].astype(np.float64) / 16):
        np.testing.assert_allclose(
            clusterer[:-1].transform(images), features, atol=1e-4
        )


@pytest.mark.parametrize("unit", [1e-17, 1e-300, 1e30, 1e300])
def test_tiny_and_huge_units_lose_nothing(image_clusterer, unit):
    clusterer, X, _ = image_clusterer
    X = X[:50].astype(np.float64)
    np.testing.assert_allclose(
        clusterer[:-1].transform(unit * X), clusterer[:-1].transform(X), atol=1e-4
    )


# Of fewer clusters than there are digits.
@pytest.mark.filterwarnings("ignore:The first clusters are not to be trusted")
def test_another_number_of_clusters_is_set_in_one_place():
    X = load_digits().data[:400]
    made = make_image_clusterer(3, (8, 8), n_init=1, random_state=0)
    changed = make_image_clusterer(7, (8, 8), n_init=1, random_state=0)
    changed.set_params(clusterer__mixmate__n_clusters=3)
    np.testing.assert_array_equal(made.fit_predict(X), changed.fit_predict(X))


def test_runs_are_as_many_as_asked_for():
    clusterer = make_image_clusterer(3, (8, 8), n_init=2, random_state=0)
    mixmate = clusterer[-1].mixmate
    assert (mixmate.n_init, mixmate.max_iter) == (2, 5)
    # Of few images, batches are small.
    assert mixmate.batch_size == "auto"


def test_one_large_class_among_small_ones():
    X, y = load_digits(return_X_y=True)
    rows = [np.flatnonzero(y == c)[:n] for c, n in ((0, 170), (4, 30), (6, 30))]
    chosen = np.concatenate(rows)
    clusterer = make_image_clusterer(3, (8, 8), n_init=1, random_state=0)
    labels = clusterer.fit_predict(X[chosen])
    assert balanced_clustering_accuracy(y[chosen], labels) > 0.95


def test_classes_of_similar_sizes():
    X, y = load_digits(return_X_y=True)
    clusterer = make_image_clusterer(
        10, (8, 8), n_init=1, similar_sizes=True, random_state=0
    )
    labels = clusterer.fit_predict(X[:700])
    assert clustering_accuracy(y[:700], labels) > 0.85
    mixmate = clusterer[-1].mixmate_
    assert len(set(mixmate.dictionary_sizes_)) == 1
    with pytest.raises(TypeError, match="similar_sizes"):
        make_image_clusterer(10, similar_sizes="yes")


def test_images_that_are_not_square():
    X = np.random.RandomState(0).uniform(size=(60, 12 * 20))
    X[::2, :100] = 0.0
    clusterer = make_image_clusterer(2, (12, 20), n_init=1, random_state=0).fit(X)
    assert clusterer["scattering"].output_shape_[1:] == (3, 5)
    assert clustering_accuracy(np.arange(60) % 2, clusterer[-1].labels_) == 1.0


def test_images_in_colour_that_are_one_in_grey():
    colours = np.array([[1.0, 0.2, 0.3], [0.2, 0.3, 1.0]])[np.arange(60) % 2]
    grey = np.random.RandomState(0).uniform(size=(60, 8, 9, 1))
    X = (grey * colours[:, None, None]).reshape(60, -1)
    clusterer = make_image_clusterer(2, (8, 9, 3), n_init=1, random_state=0).fit(X)
    assert clusterer["scattering"].output_shape_ == (3, 217, 3, 3)
    assert clustering_accuracy(np.arange(60) % 2, clusterer[-1].labels_) == 1.0


# Of fewer clusters than there are digits.
@pytest.mark.filterwarnings("ignore:The first clusters are not to be trusted")
def test_blank_images_are_no_harm():
    X = load_digits().data[:200].copy()
    X[:3] = 0.0
    clusterer = make_image_clusterer(3, (8, 8), n_init=1, random_state=0)
    labels = clusterer.fit_predict(X)
    assert len(set(labels[:3])) == 1


def test_names_of_the_features(image_clusterer):
    clusterer, _, _ = image_clusterer
    names = clusterer[:-1].get_feature_names_out()
    assert names[0] == "partialwhitening0"


def test_missing_pixels_are_filled_in_first(image_clusterer):
    complete, X, y = image_clusterer
    random_state = np.random.RandomState(0)
    missing = random_state.uniform(size=X.shape) < 0.1
    missing[random_state.permutation(len(X))[:180]] = False
    incomplete = np.where(missing, np.nan, X)
    clusterer = clone(complete).fit(incomplete)
    assert clustering_accuracy(y, clusterer[-1].labels_) > 0.85
    agreement = clusterer.predict(X) == clusterer[-1].labels_
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
        ({"n_clusters": "ten"}, "n_clusters must be an integer"),
        ({"n_init": 0}, "n_init == 0, must be >= 1"),
        ({"device": "abacus"}, "device must be 'auto'"),
    ],
)
def test_parameters_are_checked_at_once(parameters, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make_image_clusterer(**({"n_clusters": 10} | parameters))


def test_images_of_another_shape_are_refused():
    X = np.random.RandomState(0).uniform(size=(30, 100))
    with pytest.raises(ValueError, match=r"\(12, 12\) has 144 numbers, but X has 100"):
        make_image_clusterer(2, (12, 12)).fit(X)
    with pytest.raises(ValueError, match="n_features=99 is no square number"):
        make_image_clusterer(2).fit(X[:, :99])


# Of fewer clusters than there are digits.
@pytest.mark.filterwarnings("ignore:The first clusters are not to be trusted")
def test_a_guessed_shape_is_told_where_another_has_as_many_pixels():
    X = np.random.RandomState(0).uniform(size=(60, 256))
    clusterer = make_image_clusterer(2, n_init=1, random_state=0)
    with pytest.warns(UserWarning, match=r"image_shape=\(16, 16\)") as record:
        clusterer[:3].fit(X)
    assert [warning.filename for warning in record] == [__file__]
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
    return [np.flatnonzero(clusterer[-1].labels_ == k) for k in range(10)]
