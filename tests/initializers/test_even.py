"""Clusters of about one size."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.metrics import adjusted_rand_score

from skmixmate.initializers import spectral_clustering_labels
from skmixmate.initializers.even import (
    central_partition,
    even_labels,
    most_even,
)
from skmixmate.ready import starts


def graph_of(y, *, within=1.0, between=0.02):
    """Edges of random weights, strong ones within a class."""
    same = y[:, None] == y
    weights = np.random.RandomState(0).uniform(size=same.shape)
    weights *= np.where(same, within, between)
    np.fill_diagonal(weights, 0.0)
    return sparse.csr_array(weights + weights.T)


def subspaces_of(sizes, rng):
    """Samples of unit norm near subspaces of dimension three."""
    bases = rng.normal(size=(len(sizes), 3, 20))
    y = np.repeat(np.arange(len(sizes)), sizes)
    X = np.stack([rng.normal(size=3) @ bases[c] for c in y])
    X += 0.05 * rng.normal(size=X.shape)
    return X / np.linalg.norm(X, axis=1, keepdims=True), y


def test_sizes_that_are_even_are_kept():
    even, less, uneven = (
        np.repeat([0, 1, 2], sizes) for sizes in ((4, 4, 4), (3, 4, 5), (1, 1, 10))
    )
    # A cluster without samples is as uneven as can be.
    empty = np.repeat([0, 2], 6)
    kept = most_even([uneven, less, empty, even, even[::-1]], 4)
    assert_array_equal(kept, [even, even[::-1], less, empty])


def test_what_agrees_most_with_the_others():
    y = np.repeat([0, 1, 2], 10)
    renamed = 2 - y
    moved = y.copy()
    moved[0] = 1
    far = np.tile([0, 1, 2], 10)
    # The names of clusters do not matter, and the first of equals is taken.
    assert_array_equal(central_partition([far, y, moved, renamed]).labels, y)
    labels, rand_index, in_common = central_partition([far, renamed, moved, y])
    assert_array_equal(labels, renamed)
    pairs = [(far, y), (far, moved), (far, y), (moved, y), (moved, y), (y, y)]
    expected = np.mean([adjusted_rand_score(*pair) for pair in pairs])
    assert rand_index == pytest.approx(expected)
    shares = [12 / 30, 11 / 30, 12 / 30, 29 / 30, 29 / 30, 1.0]
    assert in_common == pytest.approx(np.mean(shares))
    alone = central_partition([far])
    assert_array_equal(alone.labels, far)
    assert np.isnan(alone.rand_index)
    assert np.isnan(alone.in_common)


@pytest.mark.parametrize("n_clusters", [2, 5])
def test_classes_of_one_size_are_found(n_clusters):
    y = np.repeat(np.arange(n_clusters), 40)
    graphs = [graph_of(y), graph_of(y, between=0.05)]
    labels, rand_index, in_common = even_labels(graphs, n_clusters, 0)
    assert adjusted_rand_score(y, labels) == 1.0
    assert rand_index == in_common == 1.0
    assert_array_equal(labels, even_labels(graphs, n_clusters, 0).labels)


def test_sizes_tell_where_classes_blend():
    # Two of three classes are close to each other, and the third has a gap inside.
    part, y = np.repeat([0, 1, 2, 3], [40, 40, 20, 20]), np.repeat([0, 1, 2], 40)
    strength = np.full((4, 4), 0.02)
    np.fill_diagonal(strength, 1.0)
    strength[[0, 1], [1, 0]] = 0.4
    strength[[2, 3], [3, 2]] = 0.1
    weights = np.random.RandomState(0).uniform(size=(120, 120))
    weights *= strength[part][:, part]
    graph = sparse.csr_array(weights + weights.T)
    for seed in range(3):
        plain = spectral_clustering_labels(graph, 3, seed)
        assert adjusted_rand_score(y, plain) < 0.5
        even = even_labels([graph], 3, seed).labels
        assert adjusted_rand_score(y, even) == 1.0


def test_a_class_that_lies_apart_is_not_cut_up():
    y = np.repeat([0, 1, 2], [160, 20, 20])
    labels = even_labels([graph_of(y)], 3, 0).labels
    assert adjusted_rand_score(y, labels) == 1.0


def test_as_many_clusters_as_nodes():
    graph = graph_of(np.arange(4))
    assert_array_equal(even_labels([graph], 4, 0).labels, np.arange(4))
    assert_array_equal(even_labels([graph], 1, 0).labels, np.zeros(4))


def test_starts_of_similar_sizes_see_no_copies():
    rng = np.random.RandomState(0)
    X, y = subspaces_of([60, 60, 60], rng)
    copies = rng.permutation(np.r_[np.arange(180), np.repeat(np.arange(20), 9)])
    plain = starts.similar_sizes(X, 3, np.random.RandomState(0))
    found = starts.similar_sizes(X[copies], 3, np.random.RandomState(0))
    assert plain.are_of_one_size
    assert found.are_of_one_size
    assert 0.8 < plain.agreement <= 1.0
    assert adjusted_rand_score(y, plain[0].labels) > 0.95
    assert adjusted_rand_score(y[copies], found[0].labels) > 0.95
