"""Scores of a clustering against known classes."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from skmixmate.metrics import clustering_accuracy, clustering_scores

label_pairs = st.lists(
    st.tuples(st.integers(0, 3), st.integers(-1, 3)), min_size=1, max_size=30
).map(lambda pairs: tuple(np.array(pairs).T))


def brute_force_accuracy(labels_true, labels_pred):
    """Try every one-to-one map of the clusters -1, ..., 3 to as many classes."""
    return max(
        np.mean(labels_true == np.array(classes)[labels_pred + 1])
        for classes in permutations(range(5))
    )


@given(label_pairs)
def test_accuracy_is_the_best_over_all_matchings(labels):
    assert clustering_accuracy(*labels) == pytest.approx(brute_force_accuracy(*labels))


@given(label_pairs, st.permutations(range(5)))
def test_scores_ignore_the_names_of_the_clusters(labels, new_names):
    labels_true, labels_pred = labels
    renamed = np.array(new_names)[labels_pred + 1]
    assert clustering_scores(labels_true, renamed) == pytest.approx(
        clustering_scores(labels_true, labels_pred)
    )


@given(label_pairs)
def test_accuracy_is_symmetric(labels):
    assert clustering_accuracy(*labels) == clustering_accuracy(*labels[::-1])


@given(label_pairs)
def test_scores_agree_with_scikit_learn(labels):
    scores = clustering_scores(*labels)
    assert list(scores) == ["acc", "nmi", "ari"]
    assert all(type(score) is float for score in scores.values())
    assert scores["acc"] == clustering_accuracy(*labels)
    assert scores["nmi"] == pytest.approx(normalized_mutual_info_score(*labels))
    assert scores["ari"] == pytest.approx(adjusted_rand_score(*labels))


@pytest.mark.parametrize(
    ("labels_true", "labels_pred", "expected"),
    [
        (["b", "b", "a", "a"], [7, 7, -1, -1], 1.0),
        (np.array(["b", "b", "a"], dtype=object), np.array([0.0, 0.0, 0.0]), 2 / 3),
        ([True, True, False, False], ["x", "y", "z", "w"], 0.5),
        ([0, 1, 2, 3], [0, 0, 0, 0], 0.25),
        ([5], [-1], 1.0),
    ],
)
def test_accuracy_of_any_labels(labels_true, labels_pred, expected):
    accuracy = clustering_accuracy(labels_true, labels_pred)
    assert type(accuracy) is float
    assert accuracy == pytest.approx(expected)
    assert clustering_scores(labels_true, labels_pred)["acc"] == accuracy


@pytest.mark.parametrize("score", [clustering_accuracy, clustering_scores])
@pytest.mark.parametrize(
    ("labels_true", "labels_pred", "message"),
    [
        ([0, 1, 1], [0, 1], "labels_true and labels_pred .* got 3 and 2"),
        ([], [], "labels_true must hold at least one label, got none"),
        ([0], [], "labels_pred must hold at least one label, got none"),
        ([[0], [1]], [0, 1], r"labels_true must be one-dimensional.*\(2, 1\)"),
        ([0, 1], [[0, 1]], r"labels_pred must be one-dimensional.*\(1, 2\)"),
        (3, [0], r"labels_true must be one-dimensional.*shape \(\)"),
    ],
)
def test_bad_labels_are_named(score, labels_true, labels_pred, message):
    with pytest.raises(ValueError, match=message):
        score(labels_true, labels_pred)
