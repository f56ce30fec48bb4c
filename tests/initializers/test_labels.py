"""Whatever `init` is, it gives n_clusters nonempty clusters or says why not."""

import warnings

import numpy as np
import pytest
from sklearn.cluster import DBSCAN, KMeans
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline

from skmixmate.initializers import InitializationWarning, initial_labels
from skmixmate.initializers.labels import NAMED_INITIALIZERS


@pytest.fixture(scope="module")
def blobs():
    return make_blobs([30, 40, 50], 10, cluster_std=0.5, random_state=0)


def constant(labels):
    """Return an `init` that gives these labels."""
    return lambda X, n_clusters, random_state: labels


def check_complete(labels, n_samples, n_clusters):
    assert labels.shape == (n_samples,)
    assert set(labels[labels >= 0]) == set(range(n_clusters))
    assert labels.dtype.kind == "i"


@pytest.mark.parametrize("name", sorted(NAMED_INITIALIZERS))
def test_named_initializers(name, blobs):
    X, target = blobs
    labels = initial_labels(name, X, 3, random_state=0)
    check_complete(labels, 120, 3)
    assert labels.min() == 0
    if name in ("spectral", "k-means"):
        assert adjusted_rand_score(target, labels) == 1.0
    np.testing.assert_array_equal(labels, initial_labels(name, X, 3, random_state=0))


def test_the_names_are_those_of_the_documentation():
    assert set(NAMED_INITIALIZERS) == {"spectral", "ssc", "k-means", "random"}


def test_random_labels_are_balanced_and_random(blobs):
    X, target = blobs
    labels = initial_labels("random", X, 5, random_state=0)
    assert np.bincount(labels).tolist() == [24] * 5
    assert (labels != initial_labels("random", X, 5, random_state=1)).any()
    assert abs(adjusted_rand_score(target, labels)) < 0.1


@pytest.mark.parametrize("name", sorted(NAMED_INITIALIZERS))
def test_as_many_samples_as_clusters(name):
    X = np.random.RandomState(0).normal(size=(4, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InitializationWarning)
        labels = initial_labels(name, X, 4, random_state=0)
    assert sorted(labels) == [0, 1, 2, 3]


@pytest.mark.parametrize("name", sorted(NAMED_INITIALIZERS))
@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
@pytest.mark.filterwarnings("ignore::skmixmate.initializers.InitializationWarning")
def test_identical_rows(name):
    labels = initial_labels(name, np.ones((20, 3)), 4, random_state=0)
    check_complete(labels, 20, 4)


def test_clusterer(blobs):
    X, target = blobs
    clusterer = KMeans(3, n_init=3)
    labels = initial_labels(clusterer, X, 3, random_state=0)
    assert adjusted_rand_score(target, labels) == 1.0
    # A clone was fitted.
    assert not hasattr(clusterer, "labels_")
    assert clusterer.random_state is None


def test_unset_random_states_of_a_pipeline_are_set():
    # No structure: other seeds give other labels.
    X = np.random.RandomState(0).normal(size=(100, 20))
    pipeline = make_pipeline(
        PCA(5, svd_solver="randomized"), KMeans(8, n_init=1, init="random")
    )
    before = repr(pipeline.get_params())
    first, second, other = (
        initial_labels(pipeline, X, 8, random_state=seed) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
    assert repr(pipeline.get_params()) == before
    assert not hasattr(pipeline[-1], "labels_")


def test_random_states_that_are_set_are_kept():
    X = np.random.RandomState(0).normal(size=(100, 5))
    clusterer = KMeans(8, n_init=1, init="random", random_state=5)
    expected = clusterer.fit(X).labels_
    labels = initial_labels(clusterer, X, 8, random_state=0)
    np.testing.assert_array_equal(labels, expected)


def test_callable_gets_a_private_generator(blobs):
    X, _ = blobs
    seen = []

    def init(X, n_clusters, random_state):
        seen.append((X, n_clusters, random_state))
        return (np.arange(len(X)) % n_clusters).tolist()

    labels = initial_labels(init, X, 3, random_state=0)
    check_complete(labels, 120, 3)
    assert seen[0][0] is X
    assert seen[0][1] == 3
    assert isinstance(seen[0][2], np.random.RandomState)


@pytest.mark.parametrize("init", ["spectrum", "", 3, None, ["spectral"]])
def test_unknown_init(init, blobs):
    with pytest.raises(ValueError, match="init must be one of 'spectral'") as error:
        initial_labels(init, blobs[0], 3)
    assert repr(init) in str(error.value)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(119, dtype=int), r"init gave labels of shape \(119,\)"),
        (np.zeros((120, 1), dtype=int), r"init gave labels of shape \(120, 1\)"),
        (0, r"init gave labels of shape \(\)"),
        (np.zeros(120), "init gave labels of dtype float64"),
        (np.zeros(120, dtype=bool), "init gave labels of dtype bool"),
        (np.full(120, "a"), "init gave labels of dtype <U1"),
        (np.full(120, -1), "init gave no sample a label"),
    ],
)
def test_wrong_labels(labels, message, blobs):
    with pytest.raises(ValueError, match=message):
        initial_labels(constant(labels), blobs[0], 3)


def test_of_too_many_clusters_the_largest_are_kept(blobs):
    given = np.repeat([7, 2, 5, 9, -1], [10, 50, 5, 40, 15])
    with pytest.warns(
        InitializationWarning, match=r"4 clusters for n_clusters=2; the 2 largest"
    ):
        labels = initial_labels(constant(given), blobs[0], 2)
    # In the order of the names given; the rest is unassigned.
    expected = np.select([given == 2, given == 9], [0, 1], -1)
    np.testing.assert_array_equal(labels, expected)


def test_of_too_few_clusters_the_largest_are_split(blobs):
    X, target = blobs
    given = np.where(target == 0, 3, 8)
    with pytest.warns(
        InitializationWarning, match=r"2 clusters for n_clusters=3; the largest"
    ):
        labels = initial_labels(constant(given), X, 3, random_state=0)
    check_complete(labels, 120, 3)
    assert adjusted_rand_score(target, labels) == 1.0
    assert set(labels[target == 0]) == {0}


def test_splitting_leaves_noise_alone(blobs):
    X, target = blobs
    given = np.where(target == 0, -1, 0)
    with pytest.warns(InitializationWarning, match="1 clusters for n_clusters=2"):
        labels = initial_labels(constant(given), X, 2, random_state=0)
    np.testing.assert_array_equal(labels == -1, target == 0)
    assert adjusted_rand_score(target[target > 0], labels[target > 0]) == 1.0


def test_fewer_labelled_samples_than_clusters():
    # Nearly everything is noise: unassigned samples have to fill up.
    X = np.random.RandomState(0).normal(size=(20, 3))
    given = np.full(20, -1)
    given[[3, 8]] = 0
    with pytest.warns(InitializationWarning, match="1 clusters for n_clusters=5"):
        labels = initial_labels(constant(given), X, 5, random_state=0)
    check_complete(labels, 20, 5)
    assert labels[3] >= 0
    assert labels[8] >= 0


def test_splitting_identical_samples():
    with pytest.warns(InitializationWarning, match="1 clusters for n_clusters=3"):
        labels = initial_labels(constant(np.zeros(10, int)), np.ones((10, 2)), 3)
    check_complete(labels, 10, 3)


def test_right_number_of_clusters_with_noise_is_only_renamed(blobs):
    given = np.repeat([4, -1, 2, 11], 30)
    labels = initial_labels(constant(given), blobs[0], 3)
    np.testing.assert_array_equal(labels, np.repeat([1, -1, 0, 2], 30))


def test_noise_of_a_density_clusterer_is_kept(blobs):
    X, target = blobs
    X = np.concatenate([X, [[100.0] * X.shape[1]]])
    labels = initial_labels(DBSCAN(eps=3.0), X, 3)
    assert labels[-1] == -1
    assert adjusted_rand_score(target, labels[:-1]) == 1.0


def test_given_labels_are_not_changed_in_place(blobs):
    given = np.repeat([0, 1, 2, 3], 30)
    kept = given.copy()
    with pytest.warns(InitializationWarning):
        initial_labels(constant(given), blobs[0], 2)
    with pytest.warns(InitializationWarning):
        initial_labels(constant(given), blobs[0], 6)
    np.testing.assert_array_equal(given, kept)


@pytest.mark.parametrize("name", sorted(NAMED_INITIALIZERS))
def test_the_global_generator_is_untouched(name, blobs):
    before = np.random.get_state()  # noqa: NPY002
    initial_labels(name, blobs[0], 3)
    after = np.random.get_state()  # noqa: NPY002
    np.testing.assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]
