"""Whatever `init` is, it gives atoms of n_clusters clusters or says why not."""

import functools
import reprlib
import warnings

import numpy as np
import pytest
import torch
from sklearn.cluster import DBSCAN, KMeans
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline

from skmixmate import GroupSparseAutoencoder, MixMateClustering
from skmixmate.initializers import (
    INITIALIZERS,
    InitializationWarning,
    Labeling,
    Labelings,
    first_atoms,
)
from skmixmate.initializers.dictionaries import with_n_clusters

NAMES = sorted(INITIALIZERS)
OF_CLUSTERS = ["spectral", "ssc", "k-means"]


@pytest.fixture(scope="module")
def blobs():
    return make_blobs([30, 40, 50], 10, cluster_std=0.5, random_state=0)


def constant(labels):
    """Return an `init` that gives these labels."""
    return lambda X, n_clusters, random_state: labels


def seed(number=0):
    return np.random.RandomState(number)


def relabelled(given, X, n_clusters):
    return with_n_clusters(given, X, n_clusters, seed())


def labels_of(atoms, X, target):
    """Class of the sample that each atom is, (n_clusters, n_atoms)."""
    distances = np.abs(atoms[:, :, None] - X).max(-1)
    assert (distances.min(-1) < 1e-12).all()
    return target[distances.argmin(-1)]


def check_complete(labels, n_samples, n_clusters):
    assert labels.shape == (n_samples,)
    assert set(labels[labels >= 0]) == set(range(n_clusters))
    assert labels.dtype.kind == "i"


@pytest.mark.parametrize("name", NAMES)
def test_names_give_finite_atoms_and_the_same_from_the_same_seed(name, blobs):
    X, _ = blobs
    atoms = first_atoms(name, X, 3, 4, seed())
    assert atoms.shape == (3, 4, 10)
    assert np.isfinite(atoms).all()
    np.testing.assert_array_equal(atoms, first_atoms(name, X, 3, 4, seed()))
    assert (atoms != first_atoms(name, X, 3, 4, seed(1))).any()


@pytest.mark.parametrize("name", OF_CLUSTERS)
def test_atoms_of_a_cluster_are_members_of_it(name, blobs):
    X, target = blobs
    found = labels_of(first_atoms(name, X, 3, 4, seed()), X, target)
    if name != "ssc":  # Blobs are no subspaces.
        assert sorted(found[:, 0]) == [0, 1, 2]
        assert (found == found[:, :1]).all()


def test_data_are_different_samples_of_any_cluster(blobs):
    X, target = blobs
    atoms = first_atoms("data", X, 3, 20, seed())
    assert len(np.unique(labels_of(atoms, X, np.arange(len(X))))) == 60
    assert all(len(set(row)) > 1 for row in labels_of(atoms, X, target))


def test_noise_is_as_large_as_the_samples(blobs):
    X, _ = blobs
    atoms = first_atoms("noise", X, 30, 40, seed())
    assert np.square(atoms).mean() == pytest.approx(np.square(X).mean(), rel=0.05)
    assert abs(atoms.mean()) < 0.05 * atoms.std()


def test_the_names_are_those_of_the_documentation():
    for estimator in (MixMateClustering, GroupSparseAutoencoder):
        assert all(f'"{name}"' in estimator.__doc__ for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_as_many_samples_as_clusters(name):
    X = seed().normal(size=(4, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InitializationWarning)
        atoms = first_atoms(name, X, 4, 1, seed(), is_auto=True)
    if name != "noise":
        assert sorted(labels_of(atoms, X, np.arange(4)).ravel()) == [0, 1, 2, 3]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
@pytest.mark.filterwarnings("ignore::skmixmate.initializers.InitializationWarning")
def test_identical_rows(name):
    atoms = first_atoms(name, np.ones((20, 3)), 4, 2, seed())
    assert len(np.unique(atoms.reshape(8, 3), axis=0)) >= 4


@pytest.mark.parametrize("name", OF_CLUSTERS)
def test_names_see_samples_without_what_they_have_in_common(name, blobs):
    X, _ = blobs
    center = torch.full((10,), 1e6, dtype=torch.float64)
    atoms = first_atoms(name, X + 1e6, 3, 4, seed(), center=center)
    expected = first_atoms(name, X, 3, 4, seed()) + 1e6
    np.testing.assert_allclose(atoms, expected, rtol=0, atol=1e-8)


def test_clusterer(blobs):
    X, target = blobs
    clusterer = KMeans(3, n_init=3)
    found = labels_of(first_atoms(clusterer, X, 3, 4, seed()), X, target)
    assert sorted(found[:, 0]) == [0, 1, 2]
    assert (found == found[:, :1]).all()
    # A clone was fitted.
    assert not hasattr(clusterer, "labels_")
    assert clusterer.random_state is None


def test_unset_random_states_of_a_pipeline_are_set():
    # No structure: other seeds give other clusters.
    X = seed().normal(size=(100, 20))
    pipeline = make_pipeline(
        PCA(5, svd_solver="randomized"), KMeans(8, n_init=1, init="random")
    )
    before = repr(pipeline.get_params())
    first, second, other = (
        first_atoms(pipeline, X, 8, 1, seed(number)) for number in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()
    assert repr(pipeline.get_params()) == before
    assert not hasattr(pipeline[-1], "labels_")


def test_random_states_that_are_set_are_kept():
    X = seed().normal(size=(100, 5))
    clusterer = KMeans(8, n_init=1, init="random", random_state=5)
    expected = clusterer.fit(X).labels_
    atoms = first_atoms(clusterer, X, 8, 1, seed())
    assert labels_of(atoms, X, expected).ravel().tolist() == list(range(8))


def test_callable_gets_a_private_generator(blobs):
    X, _ = blobs
    seen = []

    def init(X, n_clusters, random_state):
        seen.append((X, n_clusters, random_state))
        return (np.arange(len(X)) % n_clusters).tolist()

    first_atoms(init, X, 3, 2, seed())
    np.testing.assert_array_equal(seen[0][0], X)
    assert seen[0][1] == 3
    assert isinstance(seen[0][2], np.random.RandomState)


@pytest.mark.parametrize("init", ["spectrum", "", 3, None, KMeans])
def test_unknown_init(init, blobs):
    with pytest.raises(ValueError, match="init must be one of 'spectral'") as error:
        first_atoms(init, blobs[0], 3, 2, seed())
    assert reprlib.repr(init) in str(error.value)
    assert all(repr(name) in str(error.value) for name in NAMES)


@pytest.mark.parametrize("kind", [np.asarray, torch.tensor, np.ndarray.tolist])
@pytest.mark.parametrize("shape", [(3, 2, 10), (6, 10)])
def test_atoms_are_taken_as_they_are(kind, shape, blobs):
    given = seed().normal(size=shape)
    atoms = first_atoms(kind(given), blobs[0], 3, 2, seed())
    np.testing.assert_array_equal(atoms, given.reshape(3, 2, 10))


@pytest.mark.parametrize(
    ("init", "given"),
    [
        (["spectral"], "['spectral']"),
        ([[1.0], [1.0, 2.0]], "[[1.0], [1.0, 2.0]]"),
        (np.zeros((3, 5, 10)).tolist(), "shape (3, 5, 10)"),
        (np.full((3, 2, 10), np.nan), "shape (3, 2, 10) with NaN or infinity"),
        (np.zeros((5, 10)), "shape (5, 10)"),
        (np.zeros((3, 2, 9)), "shape (3, 2, 9)"),
        (np.zeros((3, 0, 10)), "shape (3, 0, 10)"),
    ],
)
def test_atoms_of_a_wrong_shape_are_told_in_few_words(init, given, blobs):
    with pytest.raises(ValueError, match="init must be a finite array") as error:
        first_atoms(init, blobs[0], 3, 2, seed())
    assert str(error.value).endswith(f"Got {given}.")
    assert len(str(error.value)) < 320


@pytest.mark.parametrize("name", OF_CLUSTERS)
def test_clusters_need_a_sample_each(name, blobs):
    with pytest.raises(ValueError, match=r"each of 3 clusters.* n_samples=2"):
        first_atoms(name, blobs[0][:2], 3, 2, seed())


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(119, dtype=int), r"init gave labels of shape \(119,\)"),
        (0, r"init gave labels of shape \(\)"),
        (np.zeros(120), "init gave labels of dtype float64"),
        (np.zeros(120, dtype=bool), "init gave labels of dtype bool"),
        (np.full(120, "a"), "init gave labels of dtype <U1"),
        (np.full(120, -1), "init gave no sample a label"),
    ],
)
def test_wrong_labels(labels, message, blobs):
    with pytest.raises(ValueError, match=message):
        relabelled(labels, blobs[0], 3)


def test_of_too_many_clusters_the_largest_are_kept(blobs):
    given = np.repeat([7, 2, 5, 9, -1], [10, 50, 5, 40, 15])
    with pytest.warns(
        InitializationWarning, match=r"4 clusters and not 2; the 2 largest"
    ):
        labels = relabelled(given, blobs[0], 2)
    # In the order of the names given; the rest is unassigned.
    expected = np.select([given == 2, given == 9], [0, 1], -1)
    np.testing.assert_array_equal(labels, expected)


def test_of_too_few_clusters_the_largest_are_split(blobs):
    X, target = blobs
    given = np.where(target == 0, 3, 8)
    with pytest.warns(
        InitializationWarning, match=r"2 clusters and not 3; the largest"
    ):
        labels = relabelled(given, X, 3)
    check_complete(labels, 120, 3)
    assert adjusted_rand_score(target, labels) == 1.0
    assert set(labels[target == 0]) == {0}


def test_splitting_leaves_noise_alone(blobs):
    X, target = blobs
    given = np.where(target == 0, -1, 0)
    with pytest.warns(InitializationWarning, match="1 clusters and not 2"):
        labels = relabelled(given, X, 2)
    np.testing.assert_array_equal(labels == -1, target == 0)
    assert adjusted_rand_score(target[target > 0], labels[target > 0]) == 1.0


def test_fewer_labelled_samples_than_clusters():
    # Nearly everything is noise: unassigned samples have to fill up.
    X = np.random.RandomState(0).normal(size=(20, 3))
    given = np.full(20, -1)
    given[[3, 8]] = 0
    with pytest.warns(InitializationWarning, match="1 clusters and not 5"):
        labels = relabelled(given, X, 5)
    check_complete(labels, 20, 5)
    assert labels[3] >= 0
    assert labels[8] >= 0


def test_splitting_identical_samples():
    with pytest.warns(InitializationWarning, match="1 clusters and not 3"):
        labels = relabelled(np.zeros(10, int), np.ones((10, 2)), 3)
    check_complete(labels, 10, 3)


def test_right_number_of_clusters_with_noise_is_only_renamed(blobs):
    given = np.repeat([4, -1, 2, 11], 30)
    labels = relabelled(given, blobs[0], 3)
    np.testing.assert_array_equal(labels, np.repeat([1, -1, 0, 2], 30))


def test_noise_of_a_density_clusterer_is_kept(blobs):
    X, target = blobs
    X = np.concatenate([X, [[100.0] * X.shape[1]]])
    labels = relabelled(DBSCAN(eps=3.0).fit_predict(X), X, 3)
    assert labels[-1] == -1
    assert adjusted_rand_score(target, labels[:-1]) == 1.0


def test_given_labels_are_not_changed_in_place(blobs):
    given = np.repeat([0, 1, 2, 3], 30)
    kept = given.copy()
    with pytest.warns(InitializationWarning):
        relabelled(given, blobs[0], 2)
    with pytest.warns(InitializationWarning):
        relabelled(given, blobs[0], 6)
    np.testing.assert_array_equal(given, kept)


@pytest.mark.parametrize("name", NAMES)
def test_the_global_generator_is_untouched(name, blobs):
    before = np.random.get_state()  # noqa: NPY002
    first_atoms(name, blobs[0], 3, 2, seed())
    after = np.random.get_state()  # noqa: NPY002
    np.testing.assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]


def test_a_single_labelling_is_neither_compared_nor_drawn_otherwise(blobs):
    X, target = blobs

    def criterion(atoms, n_epochs):
        raise AssertionError("there is nothing to compare")

    atoms = first_atoms(
        lambda *_: target, X, 3, 2, seed(), criterion=criterion, warn=False
    )
    expected = first_atoms(lambda *_: target, X, 3, 2, seed(), warn=False)
    np.testing.assert_array_equal(atoms, expected)


def test_the_criterion_chooses_among_labellings_and_sizes_follow(blobs):
    X, target = blobs
    wrong = np.arange(len(X)) % 3

    def init(*_):
        return Labelings([Labeling(wrong), Labeling(target)])

    def spread(atoms, n_epochs):
        return np.nanmean(np.nanstd(atoms, axis=1))

    def sizes(counts, n_atoms):
        return n_atoms + np.array([1, -1, 0])

    atoms = first_atoms(init, X, 3, 3, seed(), criterion=spread, sizes=sizes)
    assert atoms.shape == (3, 4, X.shape[1])
    np.testing.assert_array_equal((~np.isnan(atoms[..., 0])).sum(axis=1), [4, 2, 3])
    for cluster, one in enumerate(atoms):
        members = {tuple(row) for row in X[target == cluster]}
        assert {tuple(row) for row in one if not np.isnan(row).any()} <= members
    # Without a criterion the first is taken.
    atoms = first_atoms(init, X, 3, 3, seed())
    members = {tuple(row) for row in X[wrong == 0]}
    assert {tuple(row) for row in atoms[0]} <= members


def test_a_callable_with_a_device_gets_that_of_the_model():
    X = np.random.RandomState(0).normal(size=(12, 3))
    devices = []

    def with_device(X, n_clusters, random_state, device):
        devices.append(device)
        return np.arange(len(X)) % n_clusters

    def without(X, n_clusters, random_state):
        return np.arange(len(X)) % n_clusters

    device = torch.device("meta")  # Of which nothing here makes a tensor.
    for init in (with_device, without, functools.partial(with_device)):
        first_atoms(init, X, 2, 3, np.random.RandomState(0), device=device)
    assert devices == [device, device]
