"""Neighbours that vote, held to scikit-learn's search and the mixture alone."""

import pickle
from dataclasses import replace

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn import config_context
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import NearestNeighbors

from skmixmate import LocalGaussianImputer, MixMateClustering, NeighborVoting
from skmixmate.initializers import Labeling, Labelings
from skmixmate.inspection import atom_averages
from skmixmate.mixmate import voters as voters_module
from skmixmate.training import Samples

from .conftest import small_model


def small_voting(**parameters):
    return NeighborVoting(small_model(), **({"n_neighbors": 4} | parameters))


def opinions_of(voting, X, temperature):
    return softmax(-voting.mixmate_.transform(X) / temperature, axis=1)


def votes_by_scikit_learn(voting, X, X_train, n_features=None):
    """Mean of a sample's own probabilities and those of its neighbours."""
    search = NearestNeighbors(n_neighbors=voting.n_neighbors)
    search.fit(X_train[:, :n_features])
    neighbors = search.kneighbors(X[:, :n_features], return_distance=False)
    own = opinions_of(voting, X, voting.temperature_)
    of_training = opinions_of(voting, X_train, voting.temperature_)
    return np.concatenate([own[:, None], of_training[neighbors]], axis=1).mean(axis=1)


@pytest.mark.parametrize("n_neighbors", [1, 4, 17])
def test_all_clusters_searched_is_the_plain_vote(n_neighbors, X):
    X = X.astype(np.float64)
    voting = small_voting(n_candidates=99, n_neighbors=n_neighbors).fit(X[:120])
    assert voting.mixmate_.cluster_sizes_.min() >= n_neighbors
    expected = votes_by_scikit_learn(voting, X, X[:120])
    assert_allclose(voting.predict_proba(X), expected, atol=1e-7)
    assert_array_equal(voting.labels_, expected[:120].argmax(axis=1))
    assert_array_equal(voting.predict(X), expected.argmax(axis=1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clusters_far_apart_keep_their_own_neighbors(dtype):
    """Among 10,000 numbers a rounding error is as large as a cluster."""
    random_state = np.random.RandomState(0)
    clusters = np.repeat([0, 1, 2], 60)
    X = random_state.normal(size=(180, 5)) + 1e4 * clusters[:, None]
    X = X.astype(dtype)
    voting = small_voting(n_candidates=3).fit(X)
    expected = NearestNeighbors(n_neighbors=4).fit(X.astype(np.float64))
    expected = expected.kneighbors(X.astype(np.float64), return_distance=False)
    found = neighbors_of(voting, X)
    assert (np.sort(found) == np.sort(expected)).mean() > 0.98


def neighbors_of(voting, X):
    """The four voters of each sample, by making each voter's opinion its own name."""
    order = np.argsort(voting.mixmate_.labels_, kind="stable")
    # Columns of the three clusters, which samples have opinions of their own on, first.
    names = np.where(np.eye(len(X) + 3, dtype=bool)[3 + order], 0.0, np.inf)
    energies = np.pad(
        voting.mixmate_.transform(X), ((0, 0), (0, len(X))), constant_values=np.inf
    )
    X = torch.from_numpy(X)
    votes = replace(voting._voters, energies=names.astype(energies.dtype)).vote(
        Samples(X, dtype=X.dtype), torch.from_numpy(energies), 4, 3, 1.0
    )
    return np.argsort(-votes[:, 3:].numpy(), axis=1, kind="stable")[:, :4]


def test_small_clusters_are_not_outvoted():
    """Four samples far from all others stay a cluster, whoever is asked."""
    random_state = np.random.RandomState(0)
    clusters = np.repeat([0, 1, 2], [100, 100, 4])
    X = random_state.normal(size=(204, 5)) + 50.0 * clusters[:, None]
    mixmate = small_model(
        init=lambda X, *_: np.round(X.mean(axis=1) / 50.0).astype(int)
    )
    voting = NeighborVoting(mixmate).fit(X)
    assert_array_equal(np.bincount(voting.labels_), [100, 100, 4])


def test_a_few_errors_are_outvoted(monkeypatch):
    """A tenth of the samples is judged wrongly, among neighbours that are right."""
    random_state = np.random.RandomState(0)
    clusters = np.arange(300) % 3
    X = random_state.normal(size=(300, 5)) + 6.0 * clusters[:, None]
    opinions = np.where(np.arange(300) % 10 == 0, (clusters + 1) % 3, clusters)
    energies = torch.from_numpy(5.0 * (opinions[:, None] != np.arange(3)))
    monkeypatch.setattr(MixMateClustering, "_compute", lambda *_, **__: energies)
    voting = small_voting(n_neighbors=8).fit(X)
    assert (voting.labels_ == clusters).mean() > 0.99


def test_neighbors_come_from_the_likeliest_clusters_only(X):
    voting = small_voting(n_candidates=1).fit(X)
    # All who are asked are of the sample's own cluster, so that nothing changes.
    assert_array_equal(voting.labels_, voting.mixmate_.labels_)


def test_no_neighbors_is_the_mixture(X):
    voting = small_voting(n_neighbors=0).fit(X)
    assert_array_equal(voting.labels_, voting.mixmate_.labels_)
    expected = voting.mixmate_.predict_proba(X)
    assert_allclose(voting.predict_proba(X), expected, rtol=1e-12)
    assert_array_equal(voting.transform(X), voting.mixmate_.transform(X))
    assert voting.score(X) == voting.mixmate_.score(X)


def test_only_a_subsample_votes(X):
    X = X.astype(np.float64)
    voting = small_voting(n_candidates=3, subsample=40, random_state=1).fit(X)
    # The mixture has a seed, so that the draw is the first that is drawn.
    drawn = np.sort(np.random.RandomState(1).permutation(len(X))[:40])
    expected = votes_by_scikit_learn(voting, X, X[drawn])
    assert_allclose(voting.predict_proba(X), expected, atol=1e-9)


def test_neighbors_are_found_by_the_first_features(X):
    X = X.astype(np.float64)
    voting = small_voting(n_candidates=3, n_search_features=3).fit(X)
    expected = votes_by_scikit_learn(voting, X, X, n_features=3)
    assert_allclose(voting.predict_proba(X), expected, atol=1e-9)
    everywhere = small_voting(n_candidates=3).fit(X).predict_proba(X)
    assert abs(everywhere - expected).max() > 0.01


def test_more_search_features_than_there_are_is_all(X):
    voting = small_voting(n_search_features=999).fit(X)
    assert_array_equal(voting.predict_proba(X), small_voting().fit(X).predict_proba(X))


@pytest.mark.parametrize("n_candidates", [2, 99])
def test_the_temperature_has_the_least_brier_score(digits, n_candidates):
    X = digits[0][:600].astype(np.float64)
    voting = small_voting(n_candidates=n_candidates).fit(X)
    search = NearestNeighbors(n_neighbors=4).fit(X)
    others = search.kneighbors(return_distance=False)
    own = np.eye(3)[voting.mixmate_.labels_]
    if n_candidates == 2:
        # Who is of neither of the two likeliest clusters is not asked.
        likeliest = voting.transform(X).argsort(axis=1)[:, :2]
        labels = voting.mixmate_.labels_[others]
        rows = (labels[:, :, None] == likeliest[:, None]).any(axis=2).all(axis=1)
        others, own = others[rows], own[rows]
        assert rows.mean() > 0.8

    def brier_score(temperature):
        foretold = opinions_of(voting, X, temperature)[others].mean(axis=1)
        return np.square(foretold - own).sum(axis=1).mean()

    best = min(2.0 ** (np.arange(13) / 2), key=brier_score)
    assert best > 1.0
    assert voting.temperature_ == pytest.approx(
        best, rel=0.01 if n_candidates > 2 else 0.5
    )


def test_votes_are_no_surer_than_draws_of_the_start_agree(digits):
    X = digits[0][:600].astype(np.float64)
    labels = KMeans(3, n_init=1, random_state=0).fit_predict(X)

    def fitted(agreement):
        found = Labelings([Labeling(labels)])
        found.agreement = agreement
        model = small_model(init=lambda *_: found)
        return NeighborVoting(model, n_neighbors=4).fit(X)

    plain, sure, doubtful, lost = map(fitted, (None, 1.0, 0.7, 0.01))
    assert plain.mixmate_.start_agreement_ is None
    assert doubtful.mixmate_.start_agreement_ == 0.7
    assert sure.temperature_ == plain.temperature_
    others = NearestNeighbors(n_neighbors=4).fit(X).kneighbors(return_distance=False)
    foretold = opinions_of(doubtful, X, doubtful.temperature_)[others].mean(axis=1)
    assert foretold.max(axis=1).mean() == pytest.approx(0.7, abs=0.005)
    assert plain.predict_proba(X).max(axis=1).mean() > 0.8
    assert doubtful.predict_proba(X).max(axis=1).mean() < 0.75
    assert (doubtful.labels_ == plain.labels_).mean() > 0.97
    # No temperature is so high.
    assert lost.temperature_ == 64.0


def test_the_temperature_is_the_users_or_the_mixtures(X):
    assert small_voting(temperature=3.0).fit(X).temperature_ == 3.0
    assert small_voting(n_neighbors=0).fit(X).temperature_ == 1.0
    one = NeighborVoting(small_model(n_clusters=1)).fit(X)
    assert one.temperature_ == 1.0
    # Copies agree with each other, which says nothing.
    assert small_voting().fit(np.repeat(X[:40], 6, axis=0)).temperature_ == 1.0


@pytest.mark.parametrize("temperature", [0.0, -1.0, np.inf, "warm", None, True])
def test_bad_temperatures(temperature, X):
    with pytest.raises((TypeError, ValueError), match="temperature"):
        small_voting(temperature=temperature).fit(X)


def test_what_was_seen_less_is_less_sure(X):
    trust = torch.linspace(0.1, 1.0, len(X))
    voting = small_voting(n_neighbors=0)
    voting._fit(X, trust)
    energies = trust.numpy()[:, None] * voting.transform(X)
    expected = softmax(-energies, axis=1)
    assert_allclose(voting._predict_proba(X, trust), expected, rtol=1e-5)
    voting = small_voting()
    voting._fit(X, trust)
    assert (
        np.abs(voting._predict_proba(X, trust) - voting.predict_proba(X)).max() > 0.01
    )


def test_blocks_of_the_search_do_not_matter(X, monkeypatch):
    whole = small_voting().fit(X).predict_proba(X)
    monkeypatch.setattr("skmixmate.functional.neighbors._BLOCK_SIZE", 1)
    assert_array_equal(small_voting().fit(X).predict_proba(X), whole)


@pytest.mark.parametrize("where", ["energies", "vote"])
def test_an_interrupted_vote_leaves_the_mixture(X, monkeypatch, where):
    def interrupt(*args, **options):
        raise KeyboardInterrupt

    whole = small_voting().fit(X)
    model = small_voting().fit(X[:100])
    with monkeypatch.context() as patched:
        if where == "vote":
            patched.setattr(voters_module, "nearest_in_groups", interrupt)
        else:
            patched.setattr(MixMateClustering, "_compute", interrupt)
        with pytest.warns(RuntimeWarning, match="the mixture alone") as caught:
            model.fit(X)
    assert caught[0].filename == __file__
    assert_array_equal(model.labels_, whole.mixmate_.labels_)
    assert_array_equal(model.predict(X), model.labels_)
    assert_array_equal(model.fit(X).labels_, whole.labels_)


def test_a_failed_fit_leaves_nothing_to_predict_with(X):
    model = NeighborVoting(small_model(n_clusters=50))
    with pytest.raises(ValueError, match="n_samples=5"):
        model.fit(X[:5])
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_data_frames_as_output(X):
    expected = small_voting().fit(X)
    with config_context(transform_output="pandas"):
        voting = small_voting().fit(X)
        energies = voting.transform(X)
    assert list(energies.columns) == [f"neighborvoting{i}" for i in range(3)]
    assert_array_equal(energies.to_numpy(), expected.transform(X))
    assert_array_equal(voting.labels_, expected.labels_)
    mixmate = small_model().set_output(transform="pandas")
    again = NeighborVoting(mixmate, n_neighbors=4).fit(X)
    assert_array_equal(again.labels_, expected.labels_)


def test_tensors_give_tensors(X):
    voting = small_voting().fit(X)
    tensor = torch.from_numpy(X.copy())
    for method in ("predict", "predict_proba", "transform", "score_samples"):
        found = getattr(voting, method)(tensor)
        assert isinstance(found, torch.Tensor)
        assert_array_equal(found.numpy(), getattr(voting, method)(X))
    assert_array_equal(small_voting().fit(tensor).labels_, voting.labels_)


def test_images_of_8_bits_stay_so(digits, monkeypatch):
    X = digits[0].astype(np.uint8)
    seen = []
    fit = MixMateClustering.fit
    monkeypatch.setattr(
        MixMateClustering,
        "fit",
        lambda self, X: (seen.append(X.dtype), fit(self, X))[1],
    )
    voting = small_voting().fit(X)
    assert seen == [torch.uint8]
    assert voting._voters.samples.dtype == np.float32
    assert_array_equal(voting.predict(X), voting.labels_)


def test_scores_are_those_of_the_mixture(X):
    voting = small_voting().fit(X)
    weights = np.arange(len(X))
    assert_array_equal(voting.score_samples(X), voting.mixmate_.score_samples(X))
    assert voting.score(X) == voting.mixmate_.score(X)
    expected = np.average(voting.score_samples(X), weights=weights)
    assert voting.score(X, sample_weight=weights) == pytest.approx(expected)


def test_batches_do_not_matter(X, monkeypatch):
    whole = small_voting().fit(X)
    monkeypatch.setattr(voters_module, "_BATCH_SIZE", 7)
    assert_allclose(whole.predict_proba(X), small_voting().fit(X).predict_proba(X))


def test_a_memory_map_votes_without_a_warning(X, tmp_path):
    voting = small_voting().fit(X)
    joblib.dump(voting, tmp_path / "voting.joblib")
    mapped = joblib.load(tmp_path / "voting.joblib", mmap_mode="r")
    assert not mapped._voters.samples.flags.writeable
    assert_array_equal(mapped.predict(X), voting.labels_)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
def test_cuda(X):
    tensor = torch.tensor(X, device="cuda")
    voting = NeighborVoting(small_model(device="cuda"), n_neighbors=4).fit(tensor)
    probabilities = voting.predict_proba(tensor)
    assert probabilities.device.type == "cuda"
    voting.mixmate_.set_params(device="cpu")
    on_cpu = voting.predict_proba(X)
    assert_allclose(probabilities.cpu().numpy(), on_cpu, atol=1e-6)


def test_the_mixture_that_was_passed_stays_unfitted_and_is_seeded(X):
    mixmate = small_model(random_state=None)
    first, second = (
        NeighborVoting(mixmate, random_state=3).fit(X).mixmate_ for _ in range(2)
    )
    assert_array_equal(first.dictionaries_, second.dictionaries_)
    assert not hasattr(mixmate, "dictionaries_")
    assert mixmate.random_state is None


def test_it_survives_a_pickle(X):
    voting = small_voting().fit(X)
    again = pickle.loads(pickle.dumps(voting))
    assert_array_equal(again.predict_proba(X), voting.predict_proba(X))


def test_atom_averages_follow_the_vote(digits):
    X, _ = digits
    voting = NeighborVoting(MixMateClustering(10, max_iter=2, random_state=0)).fit(X)
    labels = voting.labels_
    assert (labels != voting.mixmate_.labels_).any()
    averages = atom_averages(voting, X, n_samples=3)
    codes = voting.mixmate_.encode(X, "all")[np.arange(len(X)), labels]
    for cluster in range(10):
        members = np.flatnonzero(labels == cluster)
        assert_allclose(averages.cluster_means[cluster], X[members].mean(axis=0))
        first = members[np.argsort(-codes[members, 0], kind="stable")[:3]]
        users = first[codes[first, 0] > 0]
        expected = X[users].mean(axis=0) if len(users) else np.zeros(64)
        assert_allclose(averages.atom_means[cluster, 0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_neighbors": -1}, ValueError, "n_neighbors == -1, must be >= 0"),
        ({"n_neighbors": 2.0}, TypeError, "n_neighbors must be an integer >= 0"),
        ({"n_candidates": 0}, ValueError, "n_candidates == 0, must be >= 1"),
        (
            {"n_search_features": 0},
            ValueError,
            "n_search_features == 0, must be >= 1",
        ),
        ({"subsample": 0}, ValueError, "subsample == 0, must be >= 1"),
        ({"subsample": "all"}, TypeError, "subsample must be an integer >= 1"),
        ({"mixmate": 10}, TypeError, "mixmate must be None or a MixMateClustering"),
        ({"mixmate": MixMateClustering}, TypeError, "mixmate must be None or a"),
        ({"random_state": -1}, ValueError, "-1"),
    ],
)
def test_bad_parameters_are_named(X, parameters, error, message):
    with pytest.raises(error, match=message):
        NeighborVoting(**parameters).fit(X)


def test_a_parameter_set_out_of_range_after_fit_is_named(X):
    voting = small_voting().fit(X).set_params(n_neighbors=-3)
    with pytest.raises(ValueError, match="n_neighbors == -3"):
        voting.predict(X)


def test_before_fit_there_is_nothing_to_predict(X):
    with pytest.raises(NotFittedError):
        NeighborVoting().predict(X)
    for other in (NearestNeighbors().fit(X), LocalGaussianImputer().fit(X)):
        with pytest.raises(TypeError, match="a Pipeline that ends in one"):
            atom_averages(other, X)


def test_missing_entries_are_refused(X_nan):
    with pytest.raises(ValueError, match="NaN"):
        small_voting().fit(X_nan)
