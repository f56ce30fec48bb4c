"""Centres of many samples as the nodes of a graph."""

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, pairwise_distances
from sklearn.preprocessing import normalize

from skmixmate import GroupSparseAutoencoder, MixMateClustering
from skmixmate.base.samples import initialization_subset, raw_blocks
from skmixmate.datasets import make_dictionary_mixture
from skmixmate.initializers import (
    spectral_labelings,
    spectral_labels,
    spectral_partitions,
)
from skmixmate.initializers.centers import center_graph
from skmixmate.training import Samples


def blocks_of(X, n_blocks=3):
    return lambda: iter(np.array_split(X, n_blocks))


@pytest.fixture(scope="module")
def cloud():
    return np.random.RandomState(0).normal(size=(700, 5))


def test_centres_and_ties_are_those_of_plain_numpy_and_scikit_learn(cloud):
    graph = center_graph(cloud[:100], blocks_of(cloud[100:]))
    points = PCA(5).fit(cloud[:100]).transform(cloud)
    first = points[np.linspace(0, 699, 200).astype(int)]
    # The labels of the last round are those that its centres were computed from.
    k_means = KMeans(200, init=first, n_init=1, max_iter=2, tol=0.0).fit(points)
    distances = pairwise_distances(points, k_means.cluster_centers_)
    nearest = np.argsort(distances, axis=1)[:, :3]
    ties = np.zeros((700, 200))
    np.put_along_axis(ties, nearest, 1.0, axis=1)
    ties = ties[:, ties.sum(axis=0) > 0]
    expected = ties.T @ ties
    np.fill_diagonal(expected, 0.0)
    np.testing.assert_array_equal(graph.affinity.toarray(), expected)
    used = np.unique(nearest)
    np.testing.assert_array_equal(used[graph.nearest], nearest[:100, 0])


def test_there_are_two_centres_a_sample_or_one_for_three(cloud):
    of_few = center_graph(cloud[:200], blocks_of(cloud[200:]))
    of_many = center_graph(cloud[:50], blocks_of(cloud[50:]))
    assert 200 < of_few.affinity.shape[0] <= 233
    assert 80 < of_many.affinity.shape[0] <= 100


def test_copies_leave_no_centre_without_ties():
    X = np.repeat(np.random.RandomState(0).normal(size=(12, 3)), 30, axis=0)
    graph = center_graph(X[::3], blocks_of(np.delete(X, np.s_[::3], axis=0)))
    assert graph.nearest.max() < graph.affinity.shape[0]
    assert np.isfinite(graph.affinity.toarray()).all()


def noisy_subspaces():
    """Eight dictionaries in so much noise that the graph of few samples shows none."""
    drawn = make_dictionary_mixture(
        10_000, n_clusters=8, n_atoms=10, n_features=40, random_state=0
    )
    noise = np.random.RandomState(0).normal(size=drawn.data.shape)
    return drawn.data + 0.4 * drawn.data.std() * noise, drawn.target


def test_more_samples_show_what_few_do_not():
    X, y = noisy_subspaces()
    found = spectral_labelings(X[:500], 8, 0, others=blocks_of(X[500:]))
    assert found.blending < 0.5
    assert adjusted_rand_score(y[:500], found[0].labels) > 0.9
    assert adjusted_rand_score(y[:500], spectral_labels(X[:500], 8, 0)) < 0.75


def test_samples_in_directions_lie_further_apart_with_unit_norm():
    rng = np.random.RandomState(0)
    y = rng.randint(10, size=9000)
    X = normalize(rng.normal(size=(10, 60)))[y] + 0.2 * rng.normal(size=(9000, 60))
    X *= np.exp(0.7 * rng.normal(size=(9000, 1)))
    conductances = []
    for unit_norm in (False, True):
        graph = center_graph(X[:900], blocks_of(X[900:]), unit_norm=unit_norm)
        assert graph.n_directions > 10
        first = spectral_partitions(graph.affinity, 10, 0)[0]
        assert adjusted_rand_score(y[:900], first.labels[graph.nearest]) > 0.9
        conductances.append(first.conductance)
    assert conductances[1] < 0.7 * conductances[0]


def asked_for(monkeypatch, X, n_clusters):
    """Whether graphs of samples as they are, and of unit norm, were made."""
    asked = []

    def recorded(X, others, device, *, unit_norm=False):
        asked.append(unit_norm)
        return center_graph(X, others, device, unit_norm=unit_norm)

    monkeypatch.setattr("skmixmate.initializers.spectral.center_graph", recorded)
    n = len(X) // 10
    spectral_labelings(X[:n], n_clusters, 0, others=blocks_of(X[n:]))
    return asked


def test_unit_norm_is_for_many_directions_and_either_for_partitions_that_differ(
    monkeypatch,
):
    assert asked_for(monkeypatch, noisy_subspaces()[0], 8) == [False, True]
    y = np.random.RandomState(0).randint(9, size=9000)
    assert asked_for(monkeypatch, grid(y, 0.25), 9) == [False]
    assert asked_for(monkeypatch, grid(y, 0.05), 9) == []


@pytest.mark.parametrize("n_clusters", [3, 10])
def test_where_clusters_blend_or_are_few_the_samples_have_their_own_graph(n_clusters):
    X = np.random.RandomState(0).normal(size=(6000, 20))
    found = spectral_labelings(X[:1000], n_clusters, 0, others=blocks_of(X[1000:]))
    plain = spectral_labelings(X[:1000], n_clusters, 0)
    assert len(found) == len(plain)
    for one, other in zip(found, plain, strict=True):
        np.testing.assert_array_equal(one.labels, other.labels)


def test_labelings_know_their_conductance_in_the_graph_of_the_samples():
    X, y = make_blobs(1800, centers=6, n_features=8, random_state=1)
    found = spectral_labelings(X[:600], 6, 0, others=blocks_of(X[600:]))
    assert adjusted_rand_score(y[:600], found[0].labels) == 1.0
    assert found[0].conductance == found.conductance(found[0].labels)
    plain = spectral_labelings(X[:600], 6, 0)
    assert found.conductance(y[:600]) == plain.conductance(y[:600])


def grid(y, spread):
    """Nine blobs, whose samples of unit norm are a circle that is cut with ease."""
    noise = np.random.RandomState(1).normal(size=(len(y), 2))
    return np.stack([y // 3, y % 3], axis=1) - 1 + spread * noise


def test_of_few_features_norms_are_kept():
    y = np.random.RandomState(0).randint(9, size=9000)
    X = grid(y, 0.2)
    found = spectral_labelings(X[:600], 9, 0, others=blocks_of(X[600:]))
    assert adjusted_rand_score(y[:600], found[0].labels) > 0.9


def test_a_cluster_of_other_samples_alone_is_none_of_the_start():
    X, y = make_blobs(1800, centers=6, n_features=8, random_state=1)
    has_all = spectral_labelings(X[:600], 6, 0, others=blocks_of(X[600:]))
    assert len(np.unique(has_all[0].labels)) == 6
    few, others = X[:600][y[:600] < 5], np.concatenate([X[600:], X[:600][y[:600] == 5]])
    found = spectral_labelings(few, 6, 0, others=blocks_of(others))
    assert all(len(np.unique(one.labels)) == 6 for one in found)
    plain = spectral_labelings(few, 6, 0)
    np.testing.assert_array_equal(found[0].labels, plain[0].labels)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "X",
    [
        np.ones((3000, 6)),
        np.arange(9000.0)[:, None] % 8,
        np.repeat(np.eye(3), 1000, axis=0),
    ],
    ids=["one point", "eight points", "three points"],
)
def test_samples_that_are_few_points_have_a_start(X):
    X = X[np.random.RandomState(0).permutation(len(X))]
    found = spectral_labelings(X[:300], 4, 0, others=blocks_of(X[300:]))
    assert found[0].labels.shape == (300,)
    assert np.isin(found[0].labels, range(4)).all()


def test_pieces_far_more_than_clusters_keep_the_graph_of_samples():
    X, _ = make_blobs(6000, centers=100, n_features=5, cluster_std=0.2, random_state=0)
    found = spectral_labelings(X[:1000], 10, 0, others=blocks_of(X[1000:]))
    plain = spectral_labelings(X[:1000], 10, 0)
    np.testing.assert_array_equal(found[0].labels, plain[0].labels)


@pytest.mark.parametrize("factor", [1e-30, 1e30])
@pytest.mark.parametrize("unit_norm", [False, True])
def test_the_unit_of_the_samples_does_not_matter(cloud, factor, unit_norm):
    graph, other = (
        center_graph(X[:100], blocks_of(X[100:]), unit_norm=unit_norm)
        # A power of two leaves the digits.
        for X in (cloud, cloud * 2.0 ** round(np.log2(factor)))
    )
    np.testing.assert_array_equal(graph.affinity.toarray(), other.affinity.toarray())
    assert graph.n_directions == pytest.approx(other.n_directions)


def test_a_large_common_offset_is_not_what_is_rounded_to(cloud):
    # On a grid of powers of two, so that the offset is added without rounding.
    X = np.round(cloud * 2.0**16) / 2.0**16
    near, far = (center_graph(Z[:100], blocks_of(Z[100:])) for Z in (X, X + 2.0**33))
    np.testing.assert_array_equal(near.affinity.toarray(), far.affinity.toarray())


def test_directions_are_counted(cloud):
    X = cloud * [1.0, 1.0, 1.0, 0.0, 0.0]
    graph = center_graph(X[:100], blocks_of(X[100:]))
    assert 2.7 < graph.n_directions <= 3.0


def test_with_many_copies_others_are_not_looked_at():
    X = np.repeat(np.random.RandomState(0).normal(size=(200, 3)), 2, axis=0)

    def others():
        raise AssertionError("copies have a graph of their own")

    found = spectral_labelings(X, 6, 0, others=others)
    np.testing.assert_array_equal(found[0].labels, spectral_labels(X, 6, 0))


def test_a_start_looks_at_others_where_there_are_many(monkeypatch):
    X, _ = make_blobs(3000, centers=5, n_features=4, cluster_std=6, random_state=1)
    seen = []

    def recorded(samples, rows):
        seen.append(len(rows))
        return raw_blocks(samples, rows)

    monkeypatch.setattr("skmixmate.base.fit.raw_blocks", recorded)
    options = {"max_iter": 1, "n_atoms": 2, "random_state": 0}
    MixMateClustering(5, init_size=1000, **options).fit(X)
    assert set(seen) == {2000}
    MixMateClustering(5, init_size=100, **options).fit(X)
    assert set(seen) == {2000, 1900}  # Twenty for each sample, with the sample.
    seen.clear()
    MixMateClustering(5, init_size=1001, **options).fit(X)
    MixMateClustering(3, init_size=1000, **options).fit(X)
    MixMateClustering(5, init_size=1000, init="k-means", **options).fit(X)
    options.pop("n_atoms")
    GroupSparseAutoencoder(5, 2, init="spectral", init_size=100, **options).fit(X)
    assert seen == []


def test_a_stream_has_no_others(monkeypatch):
    X, _ = make_blobs(600, centers=3, n_features=4, random_state=1)
    monkeypatch.delattr("skmixmate.base.fit.raw_blocks")
    mixmate = MixMateClustering(3, init_size=100, random_state=0)
    for part in np.split(X, 3):
        mixmate.partial_fit(part)
    assert mixmate.labels_.shape == (200,)


def test_an_offset_changes_no_label():
    X, y = make_blobs(1800, centers=6, n_features=8, random_state=1)
    options = {"max_iter": 2, "init_size": 600, "random_state": 0}
    near = MixMateClustering(6, **options).fit_predict(X)
    far = MixMateClustering(6, **options).fit_predict(X + 4096.0)
    assert adjusted_rand_score(near, y) == 1.0
    assert adjusted_rand_score(near, far) == 1.0


def generator():
    return np.random.RandomState(0)


def samples_of(X):
    X = torch.from_numpy(X)
    return Samples(X, None, has_missing=bool(X.isnan().any()))


def test_the_rest_is_complete_ordinary_and_no_more_than_19_times_the_subset():
    X = np.random.RandomState(0).normal(size=(900, 4))
    rows, _, rest = initialization_subset(samples_of(X), 30, generator())
    assert len(rest) == 19 * 30
    assert (np.diff(rest) > 0).all()
    assert not set(rows) & set(rest)
    X[1::2, 0] = np.nan
    rows, _, rest = initialization_subset(samples_of(X), 30, generator())
    assert len(rest) == 450 - 30
    assert (rest % 2 == 0).all()
    assert len(initialization_subset(samples_of(X), 150, generator()).rest) == 300
    assert len(initialization_subset(samples_of(X), 151, generator()).rest) == 0
    X[::2, 1] = np.nan
    # Only filled ones: where that is, there are no others.
    _, filled, rest = initialization_subset(samples_of(X), 30, generator())
    assert len(rest) == 0
    assert np.isfinite(filled).all()
