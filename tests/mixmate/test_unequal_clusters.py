"""Clusters of unequal size: from the start to prediction, and what knows of sizes."""

import pickle

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from skmixmate import MixMateClustering, SparseSubspaceClustering
from skmixmate.functional import separation_criterion
from skmixmate.initializers import InitializationWarning
from skmixmate.initializers.merging import Labeling, Labelings
from skmixmate.penalties import GroupL2
from skmixmate.plotting import DictionaryDisplay

from .conftest import small_model


def unequal_blobs(sizes, n_features=20, seed=1):
    """Blobs 15 from the origin and far more than their size from each other."""
    random_state = np.random.RandomState(seed)
    centers = random_state.normal(size=(len(sizes), n_features))
    centers *= 15.0 / np.linalg.norm(centers, axis=1, keepdims=True)
    y = np.repeat(np.arange(len(sizes)), sizes)
    return centers[y] + 0.5 * random_state.normal(size=(len(y), n_features)), y


@pytest.fixture(scope="module")
def unequal():
    X, y = unequal_blobs((480, 80, 40))
    return MixMateClustering(3, random_state=0, max_iter=5).fit(X), X, y


@pytest.mark.parametrize("n_features", [2, 10, 50])
@pytest.mark.parametrize("sizes", [(200, 200, 200), (480, 80, 40), (560, 20, 20)])
def test_blobs_far_apart_are_found_whatever_their_sizes(sizes, n_features):
    X, y = unequal_blobs(sizes, n_features)
    model = MixMateClustering(3, random_state=0, max_iter=3).fit(X)
    assert adjusted_rand_score(y, model.labels_) == 1.0


@pytest.mark.parametrize("n_features", [2, 3, 10])
@pytest.mark.parametrize("sizes", [(150, 150, 150, 150), (600, 60, 40, 20)])
def test_neighbors_among_blobs_far_away_stay_apart(sizes, n_features):
    # Two blobs ten standard deviations apart, and two a hundred times as far.
    y = np.repeat(np.arange(4), sizes)
    centers = np.zeros((4, n_features))
    centers[:, 0] = 0.0, 10.0, 1000.0, 0.0
    centers[3, 1] = 1000.0
    X = centers[y] + np.random.RandomState(0).normal(size=(len(y), n_features))
    model = MixMateClustering(4, random_state=0).fit(X)
    assert adjusted_rand_score(y, model.labels_) == 1.0


def test_the_unit_resolves_clusters_and_leaves_wide_ones_alone():
    rng = np.random.RandomState(0)
    y = np.repeat([0, 1, 2], 200)
    for size, is_finer in ((0.02, True), (3.0, False)):
        X = 10.0 * np.eye(3)[y] + size * rng.normal(size=(600, 3))
        model = MixMateClustering(3, random_state=0, max_iter=0).fit(X)
        squared_norm = np.square(X).sum(axis=1).mean() / model.scale_**2
        if is_finer:
            centers = np.stack([X[y == c].mean(axis=0) for c in range(3)])
            scatter = np.square(X - centers[y]).sum(axis=1).mean()
            assert_allclose(scatter, model.scale_**2, rtol=1e-4)
            assert_allclose(model.intercept_scaling_**2, squared_norm, rtol=1e-4)
        else:
            assert_allclose(squared_norm, 100.0, rtol=1e-4)
    # Copies of three points have no width at all.
    model = MixMateClustering(3, random_state=0).fit(10.0 * np.eye(3)[y])
    assert_allclose(model.scale_, 0.01)
    assert adjusted_rand_score(y, model.labels_) == 1.0


def test_subspaces_of_unequal_size():
    random_state = np.random.RandomState(0)
    y = np.repeat([0, 1, 2, 3], (400, 60, 40, 40))
    bases = random_state.normal(size=(4, 4, 30))
    X = np.stack([random_state.normal(size=4) @ bases[c] for c in y])
    X += 0.05 * random_state.normal(size=X.shape)
    ssc = SparseSubspaceClustering(4, random_state=0).fit(X)
    assert adjusted_rand_score(y, ssc.labels_) > 0.98
    plain = SparseSubspaceClustering(4, merge=False, random_state=0).fit(X)
    assert adjusted_rand_score(y, plain.labels_) < 0.9
    with pytest.raises(TypeError, match="merge"):
        SparseSubspaceClustering(4, merge="no").fit(X)


def test_sizes_go_with_the_root_of_the_clusters(unequal):
    model, _, _ = unequal
    roots = np.sqrt(model.cluster_sizes_)
    expected = model.n_atoms_ * 3 * roots / roots.sum()
    assert_allclose(model.dictionary_sizes_, expected, rtol=0.1, atol=1.0)
    places = np.arange(model.dictionary_sizes_.max())
    is_atom = places < model.dictionary_sizes_[:, None]
    assert_array_equal((model.dictionaries_ != 0.0).any(axis=2), is_atom)
    assert (model.atom_usage_[~is_atom] == 0.0).all()


def test_sizes_go_with_another_exponent(unequal):
    _, X, _ = unequal
    model = small_model(n_atoms=20, adapt_n_atoms=0.25, max_iter=2).fit(X)
    powers = model.cluster_sizes_**0.25
    assert_allclose(model.dictionary_sizes_, 60 * powers / powers.sum(), atol=1.0)
    root = small_model(n_atoms=20, adapt_n_atoms=0.5, max_iter=2).fit(X)
    same = small_model(n_atoms=20, adapt_n_atoms=True, max_iter=2).fit(X)
    assert_array_equal(root.dictionaries_, same.dictionaries_)
    assert root.dictionary_sizes_.max() > model.dictionary_sizes_.max()


@pytest.mark.parametrize(
    ("sizes", "cuts", "exponent"),
    [
        ((480, 80, 40), (0.20, 0.30), 1 / 3),
        ((480, 80, 40), (0.28, 0.30), 0.5),
        # No dictionary is much larger than another: nothing is tried.
        ((200, 200, 200), (), 0.5),
    ],
)
def test_the_start_chooses_how_fast_dictionaries_grow(sizes, cuts, exponent):
    X, y = unequal_blobs(sizes)
    kinds = {row.tobytes(): kind for row, kind in zip(X, y, strict=True)}
    found_cuts = list(cuts)

    def init(X, n_clusters, random_state):
        found = Labelings([Labeling(np.array([kinds[row.tobytes()] for row in X]))])
        found.conductance = lambda labels: found_cuts.pop(0)
        return found

    model = small_model(n_atoms=20, init=init, init_size=600, max_iter=2)
    auto = clone(model).set_params(adapt_n_atoms="auto").fit(X)
    assert found_cuts == []
    powers = np.array(sizes) ** exponent
    assert_allclose(
        np.sort(auto.dictionary_sizes_)[::-1], 60 * powers / powers.sum(), atol=1.0
    )
    # What goes on from there has no start, and asks the graph no more.
    expected = auto.dictionary_sizes_.tolist()
    assert (
        auto.set_params(warm_start=True).fit(X).dictionary_sizes_.tolist() == expected
    )


def test_the_criterion_by_its_formula(unequal):
    model, X, _ = unequal
    energies = np.sort(model.transform(X) + np.log(model.weights_), axis=1)
    lowest, second = energies[:, :2].mean(axis=0)
    assert_allclose(model.criterion_, lowest**2 / second, rtol=1e-6)
    assert separation_criterion(3.0, float("inf")) == 3.0
    assert separation_criterion(0.0, 0.0) == 0.0
    one = MixMateClustering(1, random_state=0, max_iter=1).fit(X)
    assert_allclose(one.criterion_, one.loss_, rtol=1e-6)
    equal = small_model(adapt_n_atoms=False).fit(X)
    lowest = (equal.transform(X) + np.log(equal.weights_)).min(axis=1).mean()
    assert_allclose(equal.criterion_, lowest, rtol=1e-6)


def test_the_criterion_prefers_the_truth_where_the_loss_does_not():
    X, y = unequal_blobs((480, 80, 40), seed=3)
    wrong = np.where(y == 0, X[:, 0] > np.median(X[y == 0, 0]), 2).astype(int)
    found = {}
    for name, labels in (("truth", y), ("wrong", wrong)):
        found[name] = MixMateClustering(
            3, init=lambda *_, labels=labels: labels, random_state=0, max_iter=2
        ).fit(X)
    assert found["truth"].criterion_ < found["wrong"].criterion_


def test_samples_are_drawn_by_the_sizes_found(unequal):
    model, _, _ = unequal
    _, y = model.sample(3000)
    shares = model.cluster_sizes_ / model.cluster_sizes_.sum()
    assert_allclose(np.bincount(y) / 3000, shares, atol=0.03)


def test_pickles_and_later_fits_keep_the_sizes(unequal):
    model, X, _ = unequal
    again = pickle.loads(pickle.dumps(model))
    assert_array_equal(again.predict(X), model.labels_)
    again.partial_fit(X[::2])
    assert_array_equal(again.dictionary_sizes_, model.dictionary_sizes_)
    again.set_params(warm_start=True, max_iter=2).fit(X)
    assert again.n_atoms_ == model.n_atoms_
    assert_array_equal(again.predict(X), again.labels_)
    # The rule stays, whatever the estimator would take for new data.
    again.set_params(n_atoms=model.n_atoms_).fit(X)
    with pytest.raises(ValueError, match="n_atoms"):
        again.set_params(n_atoms=model.n_atoms_ + 1).fit(X)


def test_partial_fit_from_the_start(unequal):
    _, X, y = unequal
    order = np.random.RandomState(0).permutation(len(X))
    model = MixMateClustering(3, random_state=0)
    for rows in np.array_split(order, 2):
        model.partial_fit(X[rows])
    assert len(set(model.dictionary_sizes_)) > 1
    assert adjusted_rand_score(y, model.predict(X)) == 1.0


def test_a_fit_moves_atoms_to_clusters_that_grow():
    X, y = unequal_blobs((480, 80, 40))
    given = np.stack([X[y == c][:20] for c in range(3)])
    model = small_model(init=given, n_atoms="auto", max_iter=3).fit(X)
    assert model.n_atoms_ == 20
    assert model.dictionary_sizes_[0] > 25 > 15 > model.dictionary_sizes_[2]
    fixed = small_model(init=given, n_atoms=20, adapt_n_atoms=False).fit(X)
    assert_array_equal(fixed.dictionary_sizes_, [20, 20, 20])


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_first_start_may_ask_for_dictionaries_of_one_size(n_jobs):
    X, _ = unequal_blobs((480, 80, 40))
    model = small_model(n_init=2, n_jobs=n_jobs, init_size=len(X))
    n_calls = []

    def labels(X, n_clusters, random_state):
        return KMeans(n_clusters, random_state=0).fit(X).labels_

    def of_one_size(X, n_clusters, random_state):
        found = Labelings([Labeling(labels(X, n_clusters, random_state))])
        # What a later start says does not count.
        found.are_of_one_size = not n_calls
        n_calls.append(1)
        return found

    def fitted(init, **parameters):
        return clone(model).set_params(init=init, **parameters).fit(X)

    with joblib.parallel_config("threading"):
        found = fitted(of_one_size)
        expected = fitted(labels, adapt_n_atoms=False)
        sizes = fitted(labels).dictionary_sizes_
    assert len(set(sizes)) == 3
    assert len(set(found.dictionary_sizes_)) == 1
    assert_array_equal(found.dictionaries_, expected.dictionaries_)
    assert found.criterion_ == expected.criterion_
    assert [run.criterion for run in found.runs_] == [
        run.criterion for run in expected.runs_
    ]


def start_of_one_size(labels_of):
    """Labels of a function of X as a start that asks for dictionaries of one size."""

    def start(X, n_clusters, random_state):
        found = Labelings([Labeling(labels_of(X))])
        found.are_of_one_size = True
        return found

    return start


@pytest.mark.parametrize("is_stream", [False, True])
def test_what_goes_on_keeps_dictionaries_of_one_size(is_stream):
    X, _ = unequal_blobs((480, 80, 40))
    start = start_of_one_size(KMeans(3, random_state=0).fit_predict)
    model = small_model(init=start, init_size=len(X), warm_start=True)
    if is_stream:
        rows = np.random.RandomState(0).permutation(len(X))
        model.partial_fit(X[rows[:250]])
        # A start of another kind, which is not taken.
        model.set_params(
            init=lambda X, k, random_state: random_state.randint(k, size=len(X))
        )
        model.partial_fit(X[rows[250:]])
    else:
        model.fit(X)
    assert len(set(model.dictionary_sizes_)) == 1
    model = pickle.loads(pickle.dumps(model.set_params(init="spectral")))
    model.fit(X)
    assert len(set(model.dictionary_sizes_)) == 1


@pytest.mark.filterwarnings("error:.* initial atoms are zero")
@pytest.mark.parametrize("as_rows", [False, True])
@pytest.mark.parametrize("adapts", [False, True])
def test_fitted_dictionaries_as_first_atoms_keep_their_sizes(unequal, adapts, as_rows):
    model, X, _ = unequal
    given = model.dictionaries_
    assert len(set(model.dictionary_sizes_)) > 1
    given = given.reshape(-1, given.shape[2]) if as_rows else given
    parameters = {"adapt_n_atoms": adapts, "max_iter": 0}
    again = MixMateClustering(3, init=given, **parameters).fit(X)
    assert_array_equal(again.dictionary_sizes_, model.dictionary_sizes_)
    assert again.n_atoms_ == round(model.dictionary_sizes_.mean())
    again = MixMateClustering(3, init=given, n_atoms=7, **parameters).fit(X)
    assert_array_equal(again.dictionary_sizes_, model.dictionary_sizes_)
    assert again.n_atoms_ == 7


def test_idle_places_are_whole_groups_at_the_end():
    X, y = unequal_blobs((480, 80, 40))
    given = np.stack([X[y == c][:8] for c in range(3)])
    given[0, 3:], given[1, 2] = 0.0, 0.0
    model = MixMateClustering(
        3, init=given, penalty=GroupL2(group_size=4), max_iter=0
    ).fit(X)
    assert_array_equal(model.dictionary_sizes_, [4, 8, 8])
    assert model.n_atoms_ == 8
    # A cluster of zeros has a dictionary all the same, and a hole becomes noise.
    given[2] = 0.0
    with pytest.warns(InitializationWarning, match="9 initial atoms are zero"):
        model = MixMateClustering(3, init=given, fit_intercept=False, max_iter=0).fit(X)
    assert_array_equal(model.dictionary_sizes_, [3, 8, 8])


@pytest.mark.filterwarnings("ignore:.* initial atoms are zero")
@pytest.mark.parametrize("penalty", ["l1", GroupL2(group_size=3)])
def test_zero_samples_leave_no_hole_among_the_atoms(penalty):
    # Idle places are the last ones, also where a new atom would be a zero sample.
    X, _ = unequal_blobs((200, 80, 60))
    X = np.vstack([X, np.zeros((700, 20))])
    model = small_model(
        penalty=penalty, n_atoms=12, fit_intercept=False, init="data", max_iter=4
    ).fit(X)
    is_atom = (model.dictionaries_ != 0.0).any(axis=2)
    places = np.arange(is_atom.shape[1])
    assert_array_equal(is_atom, places < model.dictionary_sizes_[:, None])
    model.partial_fit(X)


def test_no_dictionary_is_far_larger_than_the_mean():
    X, _ = unequal_blobs((900, *[12] * 15))
    model = MixMateClustering(16, n_atoms=6, random_state=0, max_iter=2).fit(X)
    assert model.dictionary_sizes_.max() <= 18


def test_groups_of_atoms_stay_whole():
    X, _ = unequal_blobs((480, 80, 40))
    model = MixMateClustering(
        3, penalty=GroupL2(group_size=4), n_atoms=16, random_state=0, max_iter=3
    ).fit(X)
    assert (model.dictionary_sizes_ % 4 == 0).all()
    assert len(set(model.dictionary_sizes_)) > 1


def test_missing_entries_and_unequal_clusters():
    X, y = unequal_blobs((480, 80, 40))
    X[np.random.RandomState(0).uniform(size=X.shape) < 0.2] = np.nan
    model = MixMateClustering(3, random_state=0, max_iter=3).fit(X)
    assert adjusted_rand_score(y, model.labels_) > 0.98


def test_the_display_leaves_idle_places_empty(unequal):
    pytest.importorskip("matplotlib")
    model, _, _ = unequal
    n_atoms = int(model.dictionary_sizes_.max())
    display = DictionaryDisplay.from_estimator(
        model, image_shape=(20,), n_atoms=n_atoms
    )
    n_drawn = sum(ax.axison for ax in display.axes_.flat)
    assert n_drawn == model.dictionary_sizes_.sum()


def test_noise_has_no_clusters_to_trust():
    X = np.random.RandomState(0).normal(size=(600, 10))
    with pytest.warns(InitializationWarning, match="not to be trusted"):
        MixMateClustering(5, random_state=0, max_iter=1).fit(X)


@pytest.mark.parametrize("sizes", [(300, 300, 300), (700, 130, 70)])
def test_blobs_that_overlap_in_many_features_are_found_as_by_k_means(sizes):
    rng = np.random.RandomState(0)
    y = np.repeat([0, 1, 2], sizes)
    X = rng.normal(size=(3, 40))[y] + 2.0 * rng.normal(size=(len(y), 40))
    many = MixMateClustering(3, n_atoms=20, random_state=0).fit(X)
    few = MixMateClustering(3, n_init=2, random_state=0).fit(X)
    assert few.n_atoms_ == 1
    centers = GaussianMixture(3, covariance_type="spherical", random_state=0)
    expected = adjusted_rand_score(y, centers.fit(X).predict(X))
    assert adjusted_rand_score(y, few.labels_) > max(
        expected - 0.05, adjusted_rand_score(y, many.labels_) + 0.1
    )


def test_what_has_directions_keeps_its_atoms():
    X, _ = load_digits(return_X_y=True)
    model = MixMateClustering(10, random_state=0, max_iter=1).fit(X)
    assert model.n_atoms_ == 50
