"""A fit that ends at any moment and goes on from a checkpoint."""

import errno
import multiprocessing
import os
import time

import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs

import skmixmate
from skmixmate import (
    EmbeddingClustering,
    GroupSparseAutoencoder,
    MixMateClustering,
    SparseAutoencoder,
)
from skmixmate.base.checkpoints import RunCheckpoint
from skmixmate.persistence import archive
from skmixmate.persistence.checkpoints import Checkpoints
from skmixmate.training import Trainer

X, _ = make_blobs([200, 60, 40], 8, cluster_std=4.0, random_state=0)
X_WITH_GAPS = np.where(np.random.RandomState(0).uniform(size=X.shape) < 0.1, np.nan, X)
MODELS = [
    # Dictionaries that grow, a number of atoms that the first start decides.
    MixMateClustering(
        3, n_init=2, init_size=100, fit_weights=True, max_iter=4, batch_size=32
    ),
    MixMateClustering(
        3,
        n_atoms=4,
        init="data",
        n_init=2,
        max_iter=5,
        learning_rate_schedule="linear",
    ),
    # Atoms that die.
    GroupSparseAutoencoder(
        20, 2, alpha=0.8, init="noise", n_init=2, max_iter=5, batch_size=64
    ),
    SparseAutoencoder(30, max_iter=30, tol=0.1),
]
models = pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)


class KilledError(BaseException):
    """What nothing catches, as nothing hears of SIGKILL."""


def new(model, folder=None, **parameters):
    parameters = {"random_state": 0, "checkpoint_dir": folder} | parameters
    return clone(model).set_params(**parameters)


def assert_same_bits(one, other):
    state, expected = one.__getstate__(), other.__getstate__()
    assert state.keys() == expected.keys()
    for name, value in state.items():
        if isinstance(value, np.ndarray | float):
            assert_array_equal(value, expected[name], strict=True)
    for run, expected_run in zip(one.runs_, other.runs_, strict=True):
        assert run.criterion == expected_run.criterion
        assert run.history.keys() == expected_run.history.keys()
        for name in run.history.keys() - {"seconds"}:
            assert_array_equal(run.history[name], expected_run.history[name])


def kill_at(monkeypatch, target, name, n_calls):
    """Raise after so many calls of a method; None lets all be."""
    method = getattr(target, name)
    calls = []

    def counted(*args, **options):
        result = method(*args, **options)
        calls.append(None)
        if len(calls) == n_calls:
            raise KilledError
        return result

    monkeypatch.setattr(target, name, counted)
    return calls


def fit_until_killed(model, monkeypatch, target, name, n_calls, data=X):
    """Whether the fit came to an end."""
    with monkeypatch.context() as patch:
        kill_at(patch, target, name, n_calls)
        try:
            model.fit(data)
        except KilledError:
            return False
    return True


@models
def test_killed_after_each_checkpoint(model, tmp_path, monkeypatch):
    expected = new(model).fit(X)
    n_fits = 0
    while n_fits < 60:
        n_fits += 1
        found = new(model, tmp_path)
        if fit_until_killed(found, monkeypatch, Checkpoints, "write", 1):
            break
    assert_same_bits(found, expected)
    n_epochs = sum(len(run.history["loss"]) for run in expected.runs_)
    # A start, all epochs but the last and the end of each run.
    assert n_fits == n_epochs + len(expected.runs_) + 1


@pytest.mark.parametrize("n_batches", [11, 19, 23])
def test_killed_within_epochs(n_batches, tmp_path, monkeypatch):
    parameters = {"init": "data", "max_iter": 6}
    expected = new(MODELS[0], **parameters).fit(X)
    n_fits = 0
    while n_fits < 30:
        n_fits += 1
        found = new(MODELS[0], tmp_path, **parameters)
        # Of the ten of an epoch.
        if fit_until_killed(found, monkeypatch, Trainer, "after_gradients", n_batches):
            break
    assert n_fits >= 6
    assert_same_bits(found, expected)


def test_what_the_model_for_these_tests_goes_through():
    assert len(set(new(MODELS[0]).fit(X).dictionary_sizes_)) > 1
    assert new(MODELS[2]).fit(X).history_["n_reseeded_atoms"].max() > 0
    stopped = new(MODELS[3]).fit(X)
    assert stopped.converged_
    assert stopped.n_iter_ < 30


def test_every_third_epoch(tmp_path, monkeypatch):
    written = kill_at(monkeypatch, Checkpoints, "write", None)
    model = new(MODELS[1], tmp_path, n_init=1, max_iter=7, checkpoint_every=3)
    model.fit(X)
    assert len(written) == 4  # The start, epochs three and six, the end.
    assert_same_bits(model, new(MODELS[1], n_init=1, max_iter=7).fit(X))


@pytest.mark.parametrize("n_init", [1, 2])
def test_a_generator_is_where_it_would_be(n_init, tmp_path, monkeypatch):
    def with_generator(folder):
        model = new(MODELS[1], folder, n_init=n_init)
        return model.set_params(random_state=np.random.RandomState(3))

    expected = with_generator(None).fit(X)
    assert not fit_until_killed(
        with_generator(tmp_path), monkeypatch, Checkpoints, "write", 3
    )
    drawn = expected.random_state.randint(2**31)
    for _ in range(2):
        found = with_generator(tmp_path).fit(X)
        assert_same_bits(found, expected)
        assert found.random_state.randint(2**31) == drawn
    with pytest.raises(ValueError, match=r"random_state is RandomState\(MT19937\)"):
        found.fit(X)


def test_without_a_seed_what_goes_on_has_the_same_draws(tmp_path, monkeypatch):
    def unseeded():
        return new(MODELS[1], tmp_path, random_state=None, missing="mask")

    # The second run has not begun.
    assert not fit_until_killed(unseeded(), monkeypatch, Checkpoints, "write", 3)
    first = (tmp_path / "run-1.checkpoint").read_bytes()
    found = unseeded().fit(X)
    for path in tmp_path.iterdir():
        path.unlink()
    (tmp_path / "run-1.checkpoint").write_bytes(first)
    assert_same_bits(unseeded().fit(X), found)


@pytest.mark.parametrize("missing", ["impute", "mask"])
def test_incomplete_samples(missing, tmp_path, monkeypatch):
    parameters = {"missing": missing, "max_iter": 3, "random_state": 0}
    expected = new(MODELS[1], **parameters).fit(X_WITH_GAPS)
    killed = new(MODELS[1], tmp_path, **parameters)
    fit_until_killed(killed, monkeypatch, Checkpoints, "write", 3, X_WITH_GAPS)
    for _ in range(2):  # The second one takes what the first one ended with.
        found = new(MODELS[1], tmp_path, **parameters).fit(X_WITH_GAPS)
        assert_same_bits(found, expected)
        filled = found.impute(X_WITH_GAPS)
        assert_array_equal(filled, expected.impute(X_WITH_GAPS))


def test_runs_at_once(tmp_path, monkeypatch):
    expected = new(MODELS[0]).fit(X)
    with joblib.parallel_config("threading"):
        killed = new(MODELS[0], tmp_path, n_jobs=2)
        assert not fit_until_killed(killed, monkeypatch, Checkpoints, "write", 6)
        assert_same_bits(new(MODELS[0], tmp_path, n_jobs=2).fit(X), expected)
    # What has ended is the same however many go on at once.
    assert_same_bits(new(MODELS[0], tmp_path).fit(X), expected)


class Listener:
    """A callback of scikit-learn that counts epochs."""

    n_epochs = 0

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.n_epochs += context.task_name == "epoch"

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        return False


def test_callbacks_hear_of_the_epochs_that_follow(tmp_path, monkeypatch):
    pytest.importorskip("sklearn.callback")
    killed = new(MODELS[1], tmp_path, n_init=1)
    assert not fit_until_killed(killed, monkeypatch, Checkpoints, "write", 3)
    listener = Listener()
    found = new(MODELS[1], tmp_path, n_init=1).set_callbacks(listener).fit(X)
    assert listener.n_epochs == 5 - 2
    expected = new(MODELS[1], n_init=1).fit(X)
    assert_array_equal(found.dictionaries_, expected.dictionaries_)


def test_what_has_ended_is_not_computed_again(tmp_path, monkeypatch, capsys):
    expected = new(MODELS[1], tmp_path).fit(X)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "run-1.checkpoint",
        "run-2.checkpoint",
    ]
    monkeypatch.setattr(Trainer, "run", None)
    found = new(MODELS[1], tmp_path).fit(X)
    assert_same_bits(found, expected)
    assert found.history_["seconds"].sum() == expected.history_["seconds"].sum()
    assert_array_equal(found.predict(X), found.labels_)


def test_a_warm_start_has_checkpoints_of_its_own(tmp_path, monkeypatch):
    def continued(folder):
        first = new(MODELS[1], n_init=1, warm_start=True).fit(X)
        return first.set_params(checkpoint_dir=folder)

    expected = continued(None).fit(X)
    assert not fit_until_killed(
        continued(tmp_path), monkeypatch, Checkpoints, "write", 3
    )
    found = continued(tmp_path).fit(X)
    assert_same_bits(found, expected)
    with pytest.raises(ValueError, match=r"the fit before is one of 5 epochs there"):
        found.fit(X)


def test_an_interrupt_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        pass_over_samples = Trainer._pass_over_samples

        def interrupted(trainer):
            if trainer.epoch == 3:
                raise KeyboardInterrupt
            return pass_over_samples(trainer)

        patch.setattr(Trainer, "_pass_over_samples", interrupted)
        model = new(MODELS[1], tmp_path, n_init=1)
        with pytest.warns(RuntimeWarning, match="after 3 epochs"):
            model.fit(X)
    assert_same_bits(model.fit(X), new(MODELS[1], n_init=1).fit(X))


@pytest.mark.parametrize(
    ("parameters", "data", "message"),
    [
        ({"alpha": 0.5}, X, r"alpha is 0.75 there and 0.5 here"),
        ({"random_state": 1}, X, "random_state is 0 there and 1 here"),
        ({"init": X[:12]}, X, r"init is 'data' there and array\("),
        ({"n_init": 5}, X, "n_init is 2 there and 5 here"),
        ({}, X + 1e-12, r"X is \(300, 8\) of float64 in both, but not"),
        ({}, X.astype(np.float32), "X is .* there and .* of float32 here"),
        ({}, X[:200], r"X is \(300, 8\) .* there and \(200, 8\) "),
    ],
)
def test_another_fit(parameters, data, message, tmp_path, monkeypatch):
    fit_until_killed(new(MODELS[1], tmp_path), monkeypatch, Checkpoints, "write", 3)
    before = (tmp_path / "run-1.checkpoint").read_bytes()
    other = new(MODELS[1], tmp_path, **parameters)
    with pytest.raises(ValueError, match=message) as raised:
        other.fit(data)
    assert str(tmp_path / "run-1.checkpoint") in str(raised.value)
    assert "another checkpoint_dir, or delete the file" in str(raised.value)
    assert (tmp_path / "run-1.checkpoint").read_bytes() == before


def test_another_mask_and_another_estimator(tmp_path):
    mask = ~np.isnan(X_WITH_GAPS)
    new(MODELS[1], tmp_path).fit(X, mask=mask)
    mask[0, 0] = ~mask[0, 0]
    with pytest.raises(ValueError, match=r"mask is \(300, 8\) of bool in both"):
        new(MODELS[1], tmp_path).fit(X, mask=mask)
    with pytest.raises(
        ValueError, match="estimator is 'MixMateClustering' there and 'Sp"
    ):
        new(MODELS[3], tmp_path).fit(X)


def test_what_may_change(tmp_path, monkeypatch):
    fit_until_killed(new(MODELS[1], tmp_path), monkeypatch, Checkpoints, "write", 3)
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    free = {"verbose": 1, "checkpoint_every": 2, "n_clusters": np.int64(3)}
    assert_same_bits(new(MODELS[1], moved, **free).fit(X), new(MODELS[1]).fit(X))


def test_another_version(tmp_path, monkeypatch):
    new(MODELS[3], tmp_path).fit(X)
    monkeypatch.setattr(skmixmate, "__version__", "77.0")
    with pytest.raises(ValueError, match=r"checkpoint of skmixmate .*, and this is 77"):
        new(MODELS[3], tmp_path).fit(X)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_file(share, tmp_path, monkeypatch):
    fit_until_killed(new(MODELS[1], tmp_path), monkeypatch, Checkpoints, "write", 3)
    path = tmp_path / "run-1.checkpoint"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match="truncated or damaged") as raised:
        new(MODELS[1], tmp_path).fit(X)
    assert str(path) in str(raised.value)
    assert "delete the file" in str(raised.value)
    path.unlink()
    assert_same_bits(new(MODELS[1], tmp_path).fit(X), new(MODELS[1]).fit(X))


def test_other_files(tmp_path):
    path = tmp_path / "run-1.checkpoint"
    skmixmate.save(MODELS[3], path)
    with pytest.raises(ValueError, match="holds no checkpoint"):
        new(MODELS[3], tmp_path).fit(X)
    path.unlink()
    new(MODELS[3], tmp_path).fit(X)
    with pytest.raises(ValueError, match="is a checkpoint: a fit with the same"):
        skmixmate.load(path)
    with pytest.raises(FileExistsError, match=r"run-1\.checkpoint"):
        new(MODELS[3], path).fit(X)


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_a_full_disk(name, tmp_path, monkeypatch):
    fit_until_killed(new(MODELS[1], tmp_path), monkeypatch, Checkpoints, "write", 3)
    path = tmp_path / "run-1.checkpoint"
    before = path.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(archive.os, name, full)
        with pytest.raises(OSError, match="No space left on device") as raised:
            new(MODELS[1], tmp_path).fit(X)
    assert f"{path}' could not be written (the file that was there" in str(raised.value)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert_same_bits(new(MODELS[1], tmp_path).fit(X), new(MODELS[1]).fit(X))


def test_what_a_killed_writer_leaves_is_removed(tmp_path):
    draft, of_another = (tmp_path / f".{digit * 32}.part" for digit in "01")
    other = tmp_path / "notes.part"
    for path in (draft, of_another, other):
        path.write_bytes(b"half")
    for path in (draft, other):
        os.utime(path, (0, time.time() - 7200))
    new(MODELS[3], tmp_path).fit(X)
    assert not draft.exists()
    # Somebody may be at it.
    assert of_another.exists()
    assert other.exists()


def test_an_interrupt_while_the_end_is_written_keeps_the_model(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(RunCheckpoint, "finish", interrupted)
    with pytest.warns(RuntimeWarning, match="interrupted"):
        found = new(MODELS[1], tmp_path, n_init=1).fit(X)
    expected = new(MODELS[1], n_init=1).fit(X)
    assert_array_equal(found.labels_, expected.labels_)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"checkpoint_dir": 3}, TypeError, "checkpoint_dir must be None or the path"),
        ({"checkpoint_dir": ""}, TypeError, "checkpoint_dir must be None or the path"),
        ({"checkpoint_every": 0}, ValueError, "checkpoint_every"),
        ({"checkpoint_every": 1.5}, TypeError, "checkpoint_every must be an integer"),
    ],
)
def test_parameters_out_of_range(parameters, error, message):
    for model in (new(MODELS[3]), EmbeddingClustering(3, random_state=0)):
        with pytest.raises(error, match=message):
            model.set_params(**parameters).fit(X)


def test_parameters_that_no_file_holds(tmp_path):
    model = new(MODELS[1], tmp_path, init=lambda X, n_clusters, random_state: X[:12])
    with pytest.raises(TypeError, match=r"With checkpoint_dir, .*: init is <function"):
        model.fit(X)
    new(MODELS[1], tmp_path, init=KMeans(3, random_state=0)).fit(X)


def test_a_clusterer_goes_on_with_its_mixture(tmp_path, monkeypatch):
    def clusterer(folder):
        return EmbeddingClustering(3, random_state=0, checkpoint_dir=folder)

    expected = clusterer(None).fit(X)
    assert not fit_until_killed(
        clusterer(tmp_path), monkeypatch, Checkpoints, "write", 3
    )
    begun = kill_at(monkeypatch, MixMateClustering, "fit", None)
    found = clusterer(str(tmp_path)).fit(X)
    assert len(begun) == 1
    assert_array_equal(found.predict_proba(X), expected.predict_proba(X))
    assert_array_equal(found.outlier_scores_, expected.outlier_scores_)
    with pytest.raises(ValueError, match="checkpoint_dir needs a random_state"):
        EmbeddingClustering(3, checkpoint_dir=tmp_path).fit(X)


def test_partial_fit_writes_nothing(tmp_path):
    new(MODELS[1], tmp_path / "none").partial_fit(X)
    assert not (tmp_path / "none").exists()


def fit_in_a_fork(model, ended):
    torch.set_num_threads(1)
    model.fit(X)
    ended.set()


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="needs forks"
)
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("n_kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_random_moments(n_kills, tmp_path):
    parameters = {"max_iter": 20, "tol": 0.0}
    started = time.perf_counter()
    expected = new(MODELS[0], **parameters).fit(X)
    seconds = time.perf_counter() - started
    context = multiprocessing.get_context("fork")
    rng = np.random.default_rng(n_kills)
    for _ in range(n_kills):
        ended = context.Event()
        model = new(MODELS[0], tmp_path, **parameters)
        process = context.Process(target=fit_in_a_fork, args=(model, ended))
        process.start()
        process.join(rng.uniform(0.0, 0.7 * seconds))
        process.kill()
        process.join()
        if ended.is_set():
            # So that there is something to kill again.
            assert_same_bits(new(MODELS[0], tmp_path, **parameters).fit(X), expected)
            for path in tmp_path.iterdir():
                path.unlink()
    assert_same_bits(new(MODELS[0], tmp_path, **parameters).fit(X), expected)
