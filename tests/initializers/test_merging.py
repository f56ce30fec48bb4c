"""Clusters of a graph are merged, and a criterion chooses among labellings."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from skmixmate.initializers import (
    Labeling,
    Labelings,
    blending,
    mean_conductance,
    merged_clusters,
    neighbor_conductance,
    spectral_labelings,
    spectral_labels,
)
from skmixmate.initializers.merging import (
    evenness,
    evenness_of_joined,
    sizes_differ,
)


def chain_of_blocks(sizes, within=1.0, between=0.02):
    """Affinity of blocks, neighbours in the chain joined weakly."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    distance = np.abs(labels[:, None] - labels[None])
    affinity = np.where(distance == 0, within, np.where(distance == 1, between, 0.0))
    np.fill_diagonal(affinity, 0.0)
    return affinity, labels


def test_parts_of_a_cluster_are_merged_again():
    affinity, labels = chain_of_blocks([40, 20, 20])
    parts = labels.copy()
    parts[:13], parts[13:25] = 7, 5
    merged = merged_clusters(affinity, parts, 3)
    assert adjusted_rand_score(labels, merged) == 1.0
    assert set(merged) == {0, 1, 2}


def test_the_exponent_weighs_sizes():
    # Two large blocks with many weak edges, and two small ones with few strong ones.
    labels = np.repeat([0, 1, 2, 3], [50, 50, 5, 5])
    affinity = (labels[:, None] == labels[None]).astype(float)
    affinity[:50, 50:100] = affinity[50:100, :50] = 0.1
    affinity[100:105, 105:] = affinity[105:, 100:105] = 0.3
    by_weight = merged_clusters(affinity, labels, 3, 0.0)
    assert by_weight[0] == by_weight[50] != by_weight[100]
    by_mean = merged_clusters(affinity, labels, 3, 1.0)
    assert by_mean[100] == by_mean[105] != by_mean[0]


def test_merging_needs_no_edges_and_no_merge():
    labels = np.repeat([4, 2, 9], 3)
    merged = merged_clusters(np.zeros((9, 9)), labels, 2)
    assert len(set(merged)) == 2
    np.testing.assert_array_equal(
        merged_clusters(np.eye(9), labels, 5), np.repeat([1, 0, 2], 3)
    )


def test_blending_compares_last_merges_with_those_well_below():
    # Six blocks in two halves each, which are merged first.
    affinity, labels = chain_of_blocks([20] * 6, between=0.1)
    halves = 2 * labels + np.arange(len(labels)) % 2
    assert 0.0 < blending(affinity, halves, 6) < 0.3
    # Where blocks are joined as halves are, there is only a ring of parts.
    ring = np.zeros((96, 96))
    for step in range(1, 9):
        ring += np.roll(np.eye(96), step, axis=1) + np.roll(np.eye(96), -step, axis=1)
    assert blending(ring, np.arange(96) // 4, 8) > 0.6


def test_clusters_without_parts_of_their_own_blend_into_nothing():
    # Two more clusters are asked for than there are blocks, as where small classes are
    # lost among the neighbours of large ones: two blocks are in two parts.
    affinity, labels = chain_of_blocks([20] * 6, between=0.05)
    quarters = 4 * labels + np.arange(len(labels)) % 4
    assert 0.0 < blending(affinity, quarters, 8) < 0.3


def test_blending_by_hand():
    affinity, _ = chain_of_blocks([2, 2, 2, 2], within=1.0, between=0.25)
    # The weight of all edges of a sample, in a block at the end and in the others.
    end, middle = 1.0 + 2 * 0.25, 1.0 + 4 * 0.25
    # From eight parts, those at the ends merge first, whose weights are less, then
    # the pairs in the middle; that leaves four. Then each end merges with its
    # neighbour. Of five clusters, the merges of seven and six parts are compared with
    # those of four and three.
    last = np.mean([1.0 / end, 1.0 / middle])
    below = 4 * 0.25 / np.sqrt(2 * end * 2 * middle)
    assert blending(affinity, np.arange(8), 5) == pytest.approx(below / last)


def test_blending_needs_merges():
    affinity, labels = chain_of_blocks([4, 4, 4])
    assert np.isnan(blending(affinity, labels, 3))
    assert not np.isnan(blending(affinity, np.arange(12), 4))
    assert np.isnan(blending(affinity, np.arange(12) // 2, 5))
    assert np.isnan(blending(np.zeros((12, 12)), np.arange(12), 5))


def test_conductance_by_hand():
    affinity, labels = chain_of_blocks([4, 3, 2], within=1.0, between=0.5)
    cut = [0.5 * 4 * 3, 0.5 * 4 * 3 + 0.5 * 3 * 2, 0.5 * 3 * 2]
    within = [4 * 3, 3 * 2, 2 * 1]
    expected = np.mean([c / (c + w) for c, w in zip(cut, within, strict=True)])
    assert mean_conductance(affinity, 2 * labels) == pytest.approx(expected)
    found = Labelings()
    found.add(labels, 1.0, 0.31)
    assert found.best(lambda labels, effort: 1.0).is_doubtful()


def test_the_least_cut_of_those_that_are_known():
    labels = [np.arange(12) % 3, np.arange(12) // 4, np.arange(12) // 5]
    found = Labelings([Labeling(labels[0])])
    found.add(labels[1], 1.04, 0.2)
    found.add(labels[2], 1.0, 0.3)
    assert found.least_cut().labels is labels[1]
    assert Labelings(found[:1]).least_cut().labels is labels[0]
    assert not Labelings(found[:1]).least_cut().is_doubtful()


def test_equal_labellings_are_one():
    labels = np.repeat([0, 1, 2], 10)
    found = Labelings([Labeling(labels)])
    found.add((labels + 1) % 3)
    assert len(found) == 1
    found.add(np.arange(30) % 3, 1.1)
    assert [one.handicap for one in found] == [1.0, 1.1]


def test_labellings_that_differ_in_a_small_cluster_are_two():
    labels = np.repeat([0, 1, 2, 3], [1000, 1000, 30, 30])
    other = labels.copy()
    other[-30:] = 2
    other[:30] = 3
    assert adjusted_rand_score(labels, other) > 0.95
    found = Labelings([Labeling(labels)])
    found.add(other)
    assert len(found) == 2
    # A few samples at the border of a cluster make no other labelling, one cluster less
    # does.
    other = labels.copy()
    other[-2:] = 1
    found.add(other)
    assert len(found) == 2
    found.add(np.minimum(labels, 2))
    assert len(found) == 3


@pytest.mark.parametrize(("value", "chosen"), [(0.97, 0), (0.9, 1)])
def test_a_handicap_asks_for_a_difference(value, chosen):
    plain, other = np.repeat([0, 1, 2], 10), np.arange(30) % 3
    found = Labelings([Labeling(plain)])
    found.add(other, 1.05)
    values = {plain.tobytes(): 1.0, other.tobytes(): value}
    best = found.best(lambda labels, effort: values[labels.tobytes()])
    np.testing.assert_array_equal(best.labels, (plain, other)[chosen])
    # One is close to the other, and has nothing to do with it.
    assert best.is_doubtful() == (value > 0.95)


@pytest.mark.parametrize("differ", [False, True])
def test_no_handicap_where_sizes_differ(differ):
    plain, other = np.repeat([0, 1, 2], 10), np.arange(30) % 3
    found = Labelings([Labeling(plain)])
    found.add(other, 1.04)
    found.sizes_differ = differ
    values = {plain.tobytes(): 1.0, other.tobytes(): 0.98}
    best = found.best(lambda labels, effort: values[labels.tobytes()])
    np.testing.assert_array_equal(best.labels, (plain, other)[differ])
    assert best.leaves_sizes_open == differ


def labels_of(*sizes):
    return np.repeat(np.arange(len(sizes)), sizes)


@pytest.mark.parametrize(
    ("partitions", "expected"),
    [
        ([labels_of(200, 200, 200, 200, 200)], False),
        ([labels_of(650, 90, 90, 90, 80)], True),
        ([labels_of(650, 90, 90, 90, 80), labels_of(200, 200, 200, 200, 200)], False),
        # All of them count, those that are the same, too.
        ([labels_of(800, 50, 50, 50, 50)] + 7 * [labels_of(*5 * [200])], False),
        # Of fewer than 100 samples for each cluster they tell little.
        ([labels_of(360, 23, 23, 23, 23)], False),
        # Two of four equal clusters joined, a third one halved.
        ([labels_of(400, 100, 100, 200)], False),
        ([labels_of(860, 50, 50, 40)], True),
        ([labels_of(500, 500)], False),
        ([], False),
    ],
)
def test_partitions_say_whether_sizes_differ(partitions, expected):
    n_clusters = len(np.unique(partitions[0])) if partitions else 3
    assert sizes_differ(partitions, n_clusters) is expected


def test_the_bound_on_sizes_may_be_another():
    joined = [labels_of(200, 50, 50, *7 * [100])]
    bound = evenness_of_joined(10)
    assert not sizes_differ(joined, 10)
    assert sizes_differ(joined, 10, bound + 0.001)
    assert not sizes_differ(joined, 10, bound - 0.001)


def test_samples_without_a_label_are_no_harm():
    plain, other = np.repeat([0, 1, -1], 200), np.arange(600) % 3 - 1
    found = Labelings([Labeling(plain), Labeling(other, 1.04)])
    best = found.best(lambda labels, effort: float(labels is not other))
    np.testing.assert_array_equal(best.labels, other)


@pytest.mark.parametrize("n_clusters", [3, 4, 10])
def test_evenness_of_equal_clusters_with_an_error(n_clusters):
    sizes = [200, 50, 50] + [100] * (n_clusters - 3)
    expected = evenness(labels_of(*sizes), n_clusters)
    assert evenness_of_joined(n_clusters) == pytest.approx(expected)


def test_evenness_by_hand():
    assert evenness(np.repeat([0, 1, 2], 4), 3) == pytest.approx(1.0)
    # One of four has no member.
    shares = np.array([0.5, 0.25, 0.25])
    expected = -(shares * np.log(shares)).sum() / np.log(4)
    assert evenness(np.repeat([0, 1, 3], [4, 2, 2]), 4) == pytest.approx(expected)


def test_finalists_are_compared_with_more_effort():
    random_state = np.random.RandomState(0)
    found, efforts = Labelings(), []
    for handicap in (1.0, 1.0, 1.0, 1.05, 1.05):
        found.add(random_state.randint(3, size=40), handicap)

    def criterion(labels, effort):
        number = [np.array_equal(labels, one.labels) for one in found].index(True)
        efforts.append((number, effort))
        at_first, in_the_end = [4.0, 3.0, 3.5, 1.0, 2.0], [9.0, 8.0, 5.0, 7.0, 6.0]
        return (at_first if effort == 1 else in_the_end)[number]

    # Two of each handicap: that with the lowest in the end was not so at first.
    choice = found.best(criterion)
    np.testing.assert_array_equal(choice.labels, found[2].labels)
    first = [(number, 1) for number in range(5)]
    assert efforts == [*first, (1, 4), (2, 4), (3, 4), (4, 4)]


def test_rivals_are_of_another_kind():
    random_state = np.random.RandomState(0)
    found = Labelings()
    for handicap in (1.0, 1.0, 1.05):
        found.add(random_state.randint(3, size=40), handicap)
    # The second of one kind is as good by chance, that of another is worse.
    values = {one.labels.tobytes(): 1.0 for one in found}
    values[found[2].labels.tobytes()] = 1.2
    choice = found.best(lambda labels, effort: values[labels.tobytes()])
    assert not choice.is_doubtful()
    values[found[2].labels.tobytes()] = 1.01
    choice = found.best(lambda labels, effort: values[labels.tobytes()])
    assert choice.is_doubtful()


@pytest.mark.parametrize("sizes", [(300, 300, 300), (700, 120, 80), (900, 40, 40)])
def test_one_of_the_labellings_is_right_whatever_the_sizes(sizes):
    random_state = np.random.RandomState(0)
    y = np.repeat([0, 1, 2], sizes)
    centers = 8.0 * np.eye(3, 6)
    X = centers[y] + random_state.normal(size=(len(y), 6))
    assert adjusted_rand_score(y, KMeans(3, n_init=5, random_state=0).fit_predict(X))
    found = spectral_labelings(X, 3, 0)
    scores = [adjusted_rand_score(y, one.labels) for one in found]
    assert max(scores) == 1.0
    np.testing.assert_array_equal(found[0].labels, spectral_labels(X, 3, 0))


def test_labellings_with_too_few_clusters_are_not_tried():
    # Three different points, each often: no graph of them has more clusters.
    X = np.repeat(np.eye(3), 40, axis=0)
    found = spectral_labelings(X, 5, 0)
    assert all(len(np.unique(one.labels)) == 5 for one in found[1:])


def test_labelings_know_the_conductance_of_other_labels():
    X = np.repeat([0.0, 10.0, 20.0], 20)[:, None] + np.linspace(0.0, 1.0, 60)[:, None]
    found = spectral_labelings(X, 3, 0)
    truth = np.repeat([0, 1, 2], 20)
    assert found.conductance(truth) == found[0].conductance == 0.0
    # No edge is cut, and a cluster is missing.
    np.testing.assert_allclose(found.conductance(np.minimum(truth, 1)), 1 / 3)
    assert found.conductance(np.arange(60) % 3) > 0.5
    assert found.relabeled(np.copy).conductance is found.conductance
    # Of the graph alone, and of copies as of the others.
    copies = np.concatenate([X, X[:10]])
    conductance = neighbor_conductance(copies, 3)
    of_all = np.concatenate([truth, truth[:10]])
    assert conductance(of_all) == 0.0
    np.testing.assert_allclose(conductance(np.minimum(of_all, 1)), 1 / 3)
