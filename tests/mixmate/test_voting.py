"""Neighbours that vote, held to scikit-learn's search and the mixture alone."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.neighbors import NearestNeighbors

from skmixmate import MixMateClustering, NeighborVoting
from skmixmate.inspection import atom_averages
from skmixmate.metrics import clustering_accuracy
from skmixmate.mixmate import voting as voting_module

from .conftest import small_model


def small_voting(**parameters):
    return NeighborVoting(small_model(), **({"n_neighbors": 4} | parameters))


def votes_by_scikit_learn(voting, X, X_train):
    """Mean of a sample's own probabilities and those of its neighbours."""
    search = NearestNeighbors(n_neighbors=voting.n_neighbors).fit(X_train)
    neighbors = search.kneighbors(X, return_distance=False)
    own = voting.mixmate_.predict_proba(X)
    of_training = voting.mixmate_.predict_proba(X_train)
    return np.concatenate([own[:, None], of_training[neighbors]], axis=1).mean(axis=1)


@pytest.mark.parametrize("offset", [0.0, 1e3])
@pytest.mark.parametrize("n_neighbors", [1, 4, 50])
def test_all_clusters_searched_is_the_plain_vote(n_neighbors, offset, X):
    X = X.astype(np.float64) + offset
    voting = small_voting(n_candidates=99, n_neighbors=n_neighbors).fit(X[:120])
    expected = votes_by_scikit_learn(voting, X, X[:120])
    assert_allclose(voting.predict_proba(X), expected, atol=1e-7)
    assert_array_equal(voting.labels_, expected[:120].argmax(axis=1))
    assert_array_equal(voting.predict(X), expected.argmax(axis=1))


def test_neighbors_come_from_the_likeliest_clusters_only(X):
    voting = small_voting(n_candidates=1).fit(X)
    # All who are asked are of the sample's own cluster, so that nothing changes.
    assert_array_equal(voting.labels_, voting.mixmate_.labels_)


def test_fewer_members_than_neighbors_vote_all(X):
    X = X[:30].astype(np.float64)
    voting = small_voting(n_neighbors=1000, n_candidates=3).fit(X)
    own = voting.mixmate_.predict_proba(X)
    expected = (own + own.sum(axis=0)) / 31
    assert_allclose(voting.predict_proba(X), expected, rtol=1e-10)


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
    drawn = np.sort(np.random.RandomState(1).permutation(len(X))[:40])
    # The mixture has a seed, so that the draw is the first that is drawn.
    expected = votes_by_scikit_learn(voting, X, X[drawn])
    assert_allclose(voting.predict_proba(X), expected, atol=1e-9)


def test_a_vote_mends_images_of_digits(digits):
    X, y = digits
    mixmate = MixMateClustering(10, max_iter=5, random_state=0)
    voting = NeighborVoting(mixmate).fit(X)
    alone, together = (
        clustering_accuracy(y, labels)
        for labels in (voting.mixmate_.labels_, voting.labels_)
    )
    assert together > alone  # 0.945 and 0.943 were measured.


def test_blocks_of_the_search_do_not_matter(X, monkeypatch):
    whole = small_voting().fit(X).predict_proba(X)
    monkeypatch.setattr("skmixmate.functional.neighbors._BLOCK_SIZE", 1)
    assert_array_equal(small_voting().fit(X).predict_proba(X), whole)


def test_an_interrupted_vote_leaves_the_labels_of_the_mixture(X, monkeypatch):
    def interrupt(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(voting_module, "nearest_in_groups", interrupt)
        with pytest.warns(RuntimeWarning, match="The vote was interrupted") as caught:
            voting = small_voting().fit(X)
    assert caught[0].filename == __file__
    assert_array_equal(voting.labels_, voting.mixmate_.labels_)
    assert_array_equal(voting.predict(X), small_voting().fit(X).labels_)


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
    assert (voting.labels_ != voting.mixmate_.labels_).any()
    averages = atom_averages(voting, X)
    for cluster in range(10):
        mean = X[voting.labels_ == cluster].mean(axis=0)
        assert_allclose(averages.cluster_means[cluster], mean)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"n_neighbors": -1}, ValueError, "n_neighbors == -1, must be >= 0"),
        ({"n_neighbors": 2.0}, TypeError, "n_neighbors must be an integer >= 0"),
        ({"n_candidates": 0}, ValueError, "n_candidates == 0, must be >= 1"),
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


def test_before_fit_there_is_nothing_to_predict(X):
    with pytest.raises(NotFittedError):
        NeighborVoting().predict(X)
    with pytest.raises(TypeError, match="a NeighborVoting or a Pipeline"):
        atom_averages(NearestNeighbors(), X)


def test_missing_entries_are_refused(X_nan):
    with pytest.raises(ValueError, match="NaN"):
        small_voting().fit(X_nan)
