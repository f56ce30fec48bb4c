"""Every way to start, restarts, warm starts and awkward data."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import DBSCAN, KMeans
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from skmixmate import MixMateClustering, SparseSubspaceClustering
from skmixmate.initializers import INITIALIZERS, InitializationWarning
from skmixmate.mixmate import fit
from skmixmate.penalties import GroupL2

from .conftest import small_model


def by_first_feature(X, n_clusters, random_state):
    assert isinstance(random_state, np.random.RandomState)
    return np.argsort(np.argsort(X[:, 0])) * n_clusters // len(X)


@pytest.mark.parametrize(
    "init",
    [
        KMeans(3, n_init=1),
        make_pipeline(PCA(2), KMeans(3, n_init=1)),
        SparseSubspaceClustering(3),
        by_first_feature,
    ],
    ids=["KMeans", "Pipeline", "SparseSubspaceClustering", "callable"],
)
def test_clusterers_and_callables(init, X):
    model = small_model(init=init).fit(X)
    assert np.isfinite(model.loss_)
    assert_array_equal(model.dictionaries_, small_model(init=init).fit(X).dictionaries_)
    assert not hasattr(init, "labels_")


def test_a_callable_may_give_atoms(X):
    given = np.random.RandomState(0).uniform(size=(3, 4, X.shape[1]))
    parameters = {"n_atoms": 4, "fit_intercept": False, "max_iter": 0}
    model = small_model(init=lambda *_: given, **parameters).fit(X)
    expected = given / np.linalg.norm(given, axis=2, keepdims=True)
    assert_allclose(model.dictionaries_, expected, rtol=1e-6)
    # Drawn anew in each run, unlike an array.
    small_model(init=lambda *_: given, n_init=2, **parameters).fit(X)
    with pytest.raises(ValueError, match=r"init must be a finite array of"):
        small_model(init=lambda *_: given[:, :2], **parameters).fit(X)


def test_init_size_bounds_what_init_sees(X):
    sizes = []

    def init(X, n_clusters, random_state):
        sizes.append(len(X))
        return np.arange(len(X)) % n_clusters

    small_model(init=init, init_size=40).fit(X)
    small_model(init=init, init_size=4000).fit(X)
    assert sizes == [40, 160]


def test_first_atoms_are_members_of_their_clusters(X):
    seen = {}

    def init(X, n_clusters, random_state):
        seen["X"], seen["labels"] = X, by_first_feature(X, n_clusters, random_state)
        return seen["labels"]

    # With so small a learning rate the atoms stay where they start.
    model = small_model(init=init, learning_rate=1e-9, max_iter=1).fit(X)
    atoms = model.dictionaries_ / model.intercepts_[:, :, None]
    points = atoms * model.intercept_scaling_ * model.scale_
    for cluster in range(3):
        members = seen["X"][seen["labels"] == cluster]
        distances = np.abs(points[cluster][:, None] - members).max(-1).min(1)
        assert_allclose(distances, 0.0, atol=1e-4)
        assert len(np.unique(points[cluster].round(3), axis=0)) == 4


@pytest.mark.parametrize("fit_intercept", [False, True])
def test_array_of_first_atoms(fit_intercept, X):
    points = np.random.RandomState(0).normal(size=(3, 5, 12))
    model = small_model(
        init=points,
        n_atoms="auto",
        fit_intercept=fit_intercept,
        learning_rate=1e-9,
        max_iter=1,
        n_init=3,
    ).fit(X)
    expected = points / np.linalg.norm(points, axis=-1, keepdims=True)
    found = model.dictionaries_
    found = found / np.linalg.norm(found, axis=-1, keepdims=True)
    assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("init", "message"),
    [
        (KMeans(2, n_init=1), "gave 2 clusters and not 3"),
        (KMeans(5, n_init=1), "gave 5 clusters and not 3"),
        (DBSCAN(eps=1e3), "gave 1 clusters and not 3"),
    ],
)
def test_wrong_number_of_first_clusters_is_mended(init, message, X):
    with pytest.warns(InitializationWarning, match=message):
        model = small_model(init=init).fit(X)
    assert_array_equal(np.unique(model.labels_), [0, 1, 2])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (lambda n: np.zeros(n - 1, dtype=int), "shape"),
        (lambda n: np.linspace(0, 1, n), "dtype float64"),
        (lambda n: np.full(n, -1), "no sample a label"),
    ],
)
def test_labels_that_are_none(labels, message, X):
    with pytest.raises(ValueError, match=f"init gave .*{message}"):
        small_model(init=lambda X, n_clusters, random_state: labels(len(X))).fit(X)


def test_fewer_members_than_atoms_warns_only_if_asked_for(X):
    with pytest.warns(InitializationWarning, match="distinct members than atoms"):
        model = small_model(n_atoms=30).fit(X[:60])
    atoms = model.dictionaries_[(model.dictionaries_ != 0.0).any(axis=2)].round(6)
    assert len(atoms) == model.dictionary_sizes_.sum()
    assert len(np.unique(atoms, axis=0)) == len(atoms)
    small_model(n_atoms="auto").fit(X[:60])


def test_n_init_keeps_the_best_of_successive_runs(X, monkeypatch):
    found = []
    last_pass = fit.last_pass

    def recorded(*args, **options):
        last = last_pass(*args, **options)
        found.append(last.criterion_)
        return last

    monkeypatch.setattr(fit, "last_pass", recorded)
    model = small_model(init="random", n_init=4, max_iter=2).fit(X)
    assert len(set(found)) == 4
    assert model.criterion_ == min(found)
    assert_array_equal(model.predict(X), model.labels_)
    # The same draws, one run at a time; the first is that of a fit with a single one.
    seeds = [0, *np.random.RandomState(0).randint(2**31 - 1, size=4)[1:]]
    singles = [
        small_model(init="random", max_iter=2, random_state=seed).fit(X)
        for seed in seeds
    ]
    assert found[4:] == found[:4]
    best = min(singles, key=lambda single: single.criterion_)
    assert_array_equal(model.dictionaries_, best.dictionaries_)
    assert_array_equal(model.history_["loss"], best.history_["loss"])


def test_warm_start_goes_on(X):
    model = small_model(warm_start=True, init="random").fit(X)
    losses, first = model.history_["loss"], model.dictionaries_
    scale = model.scale_
    model.set_params(learning_rate=1e-9, max_iter=1).fit(X)
    assert_allclose(model.dictionaries_, first, atol=1e-6)
    assert_array_equal(model.history_["loss"][:-1], losses)
    assert {len(values) for values in model.history_.values()} == {5}
    assert model.n_iter_ == 1
    model.set_params(learning_rate=3e-3, max_iter=6).fit(X)
    assert model.history_["loss"][-1] < losses[-1]
    assert model.scale_ == scale
    assert_array_equal(model.predict(X), model.labels_)


def test_warm_start_takes_up_fitted_weights(X):
    model = small_model(warm_start=True, fit_weights=True, learning_rate=0.05).fit(X)
    weights = model.weights_
    assert np.ptp(weights) > 0.01
    model.set_params(learning_rate=1e-9).fit(X)
    # They are found anew in each epoch, from the same dictionaries.
    assert_allclose(model.weights_, weights, atol=0.03)


def random_data(*shape):
    return np.random.RandomState(0).normal(size=shape)


@pytest.mark.parametrize(
    ("X", "parameters"),
    [
        pytest.param(random_data(8, 3), {"n_clusters": 8}, id="n == k"),
        pytest.param(random_data(1, 3), {"n_clusters": 1}, id="one sample"),
        pytest.param(random_data(40, 3), {"n_clusters": 1}, id="one cluster"),
        pytest.param(random_data(40, 1), {}, id="one feature"),
        pytest.param(random_data(10, 4).repeat(6, axis=0), {}, id="duplicates"),
        pytest.param(
            np.outer(np.arange(40.0), np.ones(5)), {"n_clusters": 2}, id="constant rows"
        ),
        pytest.param(np.r_[np.zeros((1, 4)), random_data(40, 4)], {}, id="zero row"),
        pytest.param(
            np.c_[random_data(40, 4), np.zeros((40, 1))], {}, id="zero column"
        ),
        pytest.param(1e12 + random_data(40, 4), {"n_clusters": 1}, id="far away"),
        pytest.param(1e-30 * random_data(40, 4), {}, id="tiny"),
        pytest.param(1e30 * random_data(40, 4), {}, id="huge"),
    ],
)
@pytest.mark.parametrize("init", INITIALIZERS)
@pytest.mark.filterwarnings("ignore:.* clusters are empty")
def test_awkward_data(X, parameters, init):
    model = MixMateClustering(
        **({"n_clusters": 3} | parameters), init=init, max_iter=2, random_state=0
    )
    model.fit(X)
    assert np.isfinite(model.dictionaries_).all()
    assert np.isfinite(model.transform(X)).all()
    assert_array_equal(model.predict(X), model.labels_)
    assert set(model.labels_) <= set(range(model.n_clusters))
    assert_allclose(model.predict_proba(X).sum(1), 1.0, rtol=1e-9)
    if model.n_clusters == 1:
        assert_array_equal(model.predict_proba(X), 1.0)


@pytest.mark.filterwarnings("ignore::skmixmate.initializers.InitializationWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_all_zero_data():
    X = np.zeros((20, 3))
    model = MixMateClustering(2, init="random", random_state=0, max_iter=2).fit(X)
    assert model.scale_ == 1.0
    assert np.isfinite(model.transform(X)).all()


def test_a_clusterer_without_parameters_can_start():
    class Halves:
        def fit_predict(self, X):
            return (np.arange(len(X)) % 2).astype(int)

    X = np.random.RandomState(0).normal(size=(40, 3))
    mixmate = MixMateClustering(n_clusters=2, init=Halves(), max_iter=1)
    assert mixmate.fit(X).n_iter_ == 1


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"n_clusters": 3}, "n_clusters"),
        ({"n_atoms": 5}, "n_atoms"),
        ({"fit_intercept": False}, "fit_intercept"),
        ({"penalty": GroupL2(group_size=3)}, "group_size"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_changed_model_does_not_go_on(method, changed, name):
    X = np.random.RandomState(0).normal(size=(40, 3))
    mixmate = MixMateClustering(
        n_clusters=2, n_atoms=4, warm_start=True, max_iter=1, random_state=0
    ).fit(X)
    if "penalty" in changed:
        mixmate.set_params(n_atoms="auto")
    mixmate.set_params(**changed)
    with pytest.raises(ValueError, match=name):
        getattr(mixmate, method)(X)


def test_strings_of_numpy_are_names(X):
    # A grid search over an array of names passes them.
    expected = small_model(init="random").fit(X)
    model = small_model(init=np.str_("random"), n_init=1).fit(X)
    assert_array_equal(model.labels_, expected.labels_)


def test_warnings_of_a_start_point_at_the_users_line(X):
    with pytest.warns(InitializationWarning) as record:
        small_model(n_atoms=100).fit(X)
    assert [warning.filename for warning in record] == [__file__]
