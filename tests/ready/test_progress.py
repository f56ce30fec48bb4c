"""What ready-made clusterers say with ``verbose=1``, and that it changes nothing."""

import contextlib
import functools
import io
import pickle
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skmixmate import (
    EmbeddingClustering,
    ImageClustering,
    MixMateClustering,
    NeighborVoting,
    SignalClustering,
)
from skmixmate.model_selection import choose_n_clusters

# Of fewer clusters than there are digits.
pytestmark = pytest.mark.filterwarnings("ignore:The first clusters are not to be")

CLASSES = [ImageClustering, SignalClustering, EmbeddingClustering]
# Lines that end with seconds, as those of steps that happened to take long do.
ALWAYS_WITH_SECONDS = ("loss", "fitted")


@functools.cache
def digits():
    X = load_digits().data[:120].copy()
    X[::2, 20:24] = np.nan
    return X


@functools.cache
def fitted(cls, verbose, n_clusters=3):
    """A clusterer, and what fitting it and predicting a few samples printed."""
    options = {"image_shape": (8, 8)} if cls is ImageClustering else {}
    clusterer = cls(n_clusters, n_init=2, random_state=0, verbose=verbose, **options)
    printed, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors):
        clusterer.fit(digits())
        clusterer.predict(digits()[:20])
        clusterer.outlier_scores(digits()[:20])
    assert errors.getvalue() == ""
    return clusterer, lines_of(printed.getvalue())


def lines_of(printed):
    return [
        line
        for line in printed.splitlines()
        if not line.endswith(" s") or any(word in line for word in ALWAYS_WITH_SECONDS)
    ]


@pytest.mark.parametrize("cls", CLASSES)
def test_each_step_is_told(cls):
    _, lines = fitted(cls, verbose=1)
    assert all(line.startswith(f"{cls.__name__}: ") for line in lines)
    steps = (
        "missing entries",
        "features of 120 samples",
        "mixture of ",
        "run 1/2, start from 120 samples",
        "run 1/2, epoch 1/",
        "run 2/2, start from 120 samples",
        "run 2/2, epoch 1/",
        "vote of 120 samples",
        "fitted in ",
    )
    said = iter(lines)
    for step in steps:
        assert any(step in line for line in said), step
    # Few samples are predicted before there is anything to say.
    assert list(said) == []


def test_starts_are_told_with_their_criterion():
    _, lines = fitted(ImageClustering, verbose=1)
    criteria = [line for line in lines if "criterion" in line]
    assert "run 1/2, start, partition 1/" in criteria[0]
    assert float(criteria[0].split()[-1]) > 0.0


def test_the_number_of_clusters_is_told_with_its_reason():
    clusterer, lines = fitted(EmbeddingClustering, verbose=1, n_clusters="auto")
    choice = clusterer.n_clusters_choice_
    assert "EmbeddingClustering: number of clusters" in lines
    said = f"EmbeddingClustering: {choice.n_clusters} clusters. {choice.reason}"
    assert said in lines


@pytest.mark.parametrize("cls", CLASSES)
def test_without_verbose_nothing_is_printed(cls):
    assert fitted(cls, verbose=0)[1] == []


@pytest.mark.parametrize("cls", CLASSES)
def test_nothing_changes_but_what_is_said(cls):
    (loud, _), (silent, _) = (fitted(cls, verbose=verbose) for verbose in (1, 0))
    np.testing.assert_array_equal(loud.labels_, silent.labels_)
    np.testing.assert_array_equal(loud.outlier_scores_, silent.outlier_scores_)
    np.testing.assert_array_equal(
        loud.mixmate_.dictionaries_, silent.mixmate_.dictionaries_
    )


def test_a_pickle_knows_nothing_of_reports():
    loud, _ = fitted(SignalClustering, verbose=1)
    restored = pickle.loads(pickle.dumps(loud))
    np.testing.assert_array_equal(restored.predict(digits()), loud.predict(digits()))


def without_seconds(lines):
    return [
        " ".join(line.split()[:-2]) if line.endswith(" s") else line for line in lines
    ]


def test_libraries_of_bars_do_not_count_but_in_a_terminal(monkeypatch):
    _, lines = fitted(EmbeddingClustering, verbose=1)
    for library in ("rich", "rich.console", "rich.progress", "tqdm"):
        monkeypatch.setitem(sys.modules, library, None)
    _, others = fitted.__wrapped__(EmbeddingClustering, verbose=1)
    assert without_seconds(others) == without_seconds(lines)


def test_a_vote_is_as_loud_as_its_mixture(capsys):
    X = load_digits().data[:120]
    for verbose in (0, 1):
        mixture = MixMateClustering(3, max_iter=1, verbose=verbose)
        NeighborVoting(mixture, random_state=0).fit(X).predict(X)
        lines = lines_of(capsys.readouterr().out)
        assert bool(lines) == bool(verbose)
    assert all(line.startswith("NeighborVoting: ") for line in lines)
    assert "NeighborVoting: vote of 120 samples" in lines


def test_a_choice_of_a_number_is_as_loud_as_the_clusterer(capsys):
    for verbose in (0, 1):
        clusterer = EmbeddingClustering(verbose=verbose)
        choose_n_clusters(clusterer, digits(), range(2, 4), n_repeats=2, random_state=0)
        lines = lines_of(capsys.readouterr().out)
        assert bool(lines) == bool(verbose)
    assert "choose_n_clusters: features of 120 samples" in lines
