"""The first atoms are distinct members of their clusters."""

import numpy as np
import pytest

from skmixmate.initializers import InitializationWarning, dictionaries_from_labels


@pytest.fixture
def X():
    return np.random.RandomState(0).normal(size=(60, 5))


def rows(array):
    return {tuple(row) for row in array}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_atoms_are_distinct_members(X, dtype):
    X = X.astype(dtype)
    labels = np.repeat([0, 1, 2], [10, 20, 30])
    D = dictionaries_from_labels(X, labels, 3, 10, random_state=0)
    assert D.shape == (3, 10, 5)
    assert D.dtype == dtype
    for cluster in range(3):
        assert len(rows(D[cluster])) == 10
        assert rows(D[cluster]) <= rows(X[labels == cluster])
    # All ten members of the first, in random order.
    assert rows(D[0]) == rows(X[:10])
    assert (D[0] != X[:10]).any()


def test_unassigned_samples_are_never_used(X):
    labels = np.where(np.arange(60) % 3 == 2, -1, np.arange(60) % 3)
    D = dictionaries_from_labels(X, labels, 2, 20, random_state=0)
    assert not rows(D.reshape(-1, 5)) & rows(X[labels == -1])


def test_deterministic(X):
    labels = np.repeat([0, 1], [2, 58])
    first, second, other = (
        dictionaries_from_labels(X, labels, 2, 5, random_state=seed, warn=False)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_too_few_members_are_mixed(X):
    labels = np.repeat([0, 1, 2], [3, 1, 56])
    with pytest.warns(
        InitializationWarning,
        match=r"2 of 3 initial clusters .* atoms, 0: 3 of 8, 1: 1 of 8\)",
    ) as caught:
        D = dictionaries_from_labels(X, labels, 3, 8, random_state=0)
    assert len(caught) == 1
    for cluster in range(3):
        assert len(rows(D[cluster])) == 8
    assert rows(D[0][:3]) == rows(X[:3])
    assert rows(D[1][:1]) == rows(X[3:4])
    # One member: the others are that member and little noise.
    size = np.sqrt(np.mean(X[3] ** 2))
    assert 0 < np.abs(D[1][1:] - X[3]).max() < 0.06 * size
    # Mixtures lie near the segments between two members.
    for atom in D[0][3:]:
        assert min(
            distance_to_segment(atom, X[i], X[j]) for i in range(3) for j in range(3)
        ) < 0.1 * np.linalg.norm(atom)


def distance_to_segment(point, start, end):
    direction = end - start
    share = np.clip(
        (point - start) @ direction / max(direction @ direction, 1e-300), 0, 1
    )
    return np.linalg.norm(point - start - share * direction)


def test_warning_can_be_silenced(X):
    D = dictionaries_from_labels(X, np.zeros(60, int), 1, 80, 0, warn=False)
    assert len(rows(D[0])) == 80


def test_duplicates_count_once(X):
    X[:30] = X[0]
    X[28] = X[50]
    labels = np.repeat([0, 1], 30)
    with pytest.warns(InitializationWarning, match=r"atoms, 0: 2 of 4\)"):
        D = dictionaries_from_labels(X, labels, 2, 4, random_state=0)
    assert len(rows(D[0])) == 4
    assert rows(D[0][:2]) == rows(X[[0, 28]])


def test_enough_distinct_members_among_many_duplicates(X):
    # The first few members drawn are likely to be copies: all have to be looked at.
    X[5:] = X[0]
    D = dictionaries_from_labels(X, np.zeros(60, int), 1, 5, random_state=0)
    assert rows(D[0]) == rows(X[:5])


@pytest.mark.parametrize("value", [0.0, 7.0])
def test_identical_samples(value):
    with pytest.warns(InitializationWarning, match="0: 1"):
        D = dictionaries_from_labels(np.full((9, 4), value), np.zeros(9, int), 1, 3, 0)
    assert len(rows(D[0])) == 3
    assert np.abs(D[0] - value).max() < 0.1 * max(value, 1.0)


def test_the_global_generator_is_untouched(X):
    before = np.random.get_state()  # noqa: NPY002
    dictionaries_from_labels(X, np.zeros(60, int), 1, 70, warn=False)
    after = np.random.get_state()  # noqa: NPY002
    np.testing.assert_array_equal(before[1], after[1])
    assert before[2:] == after[2:]


def test_duplicates_do_not_bias_the_choice():
    # Sorting finds the duplicates; the atoms must not be the first in that order.
    X = np.repeat(np.arange(20.0)[:, None], 10, axis=0)
    chosen = set()
    for seed in range(10):
        D = dictionaries_from_labels(X, np.zeros(200, int), 1, 8, random_state=seed)
        assert len(rows(D[0])) == 8
        chosen |= rows(D[0])
    assert len(chosen) >= 18


@pytest.mark.parametrize("scale", [1.0, 1e-150, 1e150])
def test_near_copies_are_the_last_choice(X, scale):
    noise = 1e-6 * np.random.RandomState(1).normal(size=(600, 5))
    near = scale * (np.repeat(X, 10, axis=0) + noise)
    D = dictionaries_from_labels(near, np.zeros(600, int), 1, 40, random_state=0)
    distances = np.abs(D[0][:, None] - D[0]).max(axis=2) + scale * np.eye(40)
    assert distances.min() > 0.01 * scale
    # Where others do not suffice they are better than none.
    D = dictionaries_from_labels(near, np.zeros(600, int), 1, 100, random_state=0)
    assert rows(D[0]) <= rows(near)
    assert len(rows(D[0])) == 100
    nearest = np.abs(D[0][:, None] - scale * X).max(axis=2).argmin(axis=1)
    assert set(nearest[:60]) == set(range(60))
