"""Fits by several processes, which are those of one process but for rounding."""

import itertools
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import traceback

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_blobs

from skmixmate import (
    EmbeddingClustering,
    GroupSparseAutoencoder,
    MixMateClustering,
    SparseAutoencoder,
)
from skmixmate.base.fit import NetworkFit
from skmixmate.distributed import Processes, active_processes, process_group
from skmixmate.training import DeadAtomReseeding, Trainer

pytestmark = [
    pytest.mark.skipif(
        "fork" not in multiprocessing.get_all_start_methods(), reason="needs forks"
    ),
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
]

# With batches of 50 the last one has a single sample: a process has none of it.
X, _ = make_blobs([201, 60, 40], 8, cluster_std=4.0, random_state=0)
X_WITH_GAPS = np.where(np.random.RandomState(0).uniform(size=X.shape) < 0.1, np.nan, X)
MIXTURE = MixMateClustering(
    3, n_atoms=4, init="data", n_fista_iter=5, max_iter=3, batch_size=50, random_state=0
)
MODELS = [
    # Dictionaries that grow, a number of atoms that the first start decides.
    clone(MIXTURE).set_params(
        n_atoms="auto", init="spectral", n_init=2, init_size=100, fit_weights=True
    ),
    clone(MIXTURE).set_params(learning_rate_schedule="linear", scale=1.0, penalty="l1"),
    # Atoms that die.
    GroupSparseAutoencoder(
        20, 2, alpha=0.8, init="noise", max_iter=3, batch_size=50, random_state=0
    ),
    SparseAutoencoder(30, max_iter=3, batch_size=50, random_state=0),
]
models = pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)


@pytest.fixture(scope="module", autouse=True)
def loaded():
    """What a first fit loads, before there are forks, each of which would load it."""
    clone(MIXTURE).set_params(max_iter=1).fit(X)


def in_group(folder, function, n_processes=2, timeout=60.0, **options):
    """Call a function of a rank in each of several processes; return what it returns.

    An exception is returned as it is; None of a process that has died.
    """

    def within(rank):
        with process_group(
            "gloo",
            init_method=f"file://{folder}/store",
            rank=rank,
            world_size=n_processes,
            timeout=timeout,
            **options,
        ):
            result = function(rank)
        assert active_processes() is None
        return result

    return in_forks(folder, within, n_processes)


def in_forks(folder, function, n_processes):
    folder.mkdir(exist_ok=True)
    fork = multiprocessing.get_context("fork")
    processes = [
        fork.Process(target=in_a_fork, args=(folder, function, rank))
        for rank in range(n_processes)
    ]
    for process in processes:
        process.start()
    try:
        for process in processes:
            process.join(100.0)
            assert process.exitcode is not None, "a process waits for ever"
    finally:
        for process in processes:
            process.kill()
            process.join()
    results = []
    for rank, process in enumerate(processes):
        path = folder / f"{rank}.pickle"
        results.append(pickle.loads(path.read_bytes()) if path.exists() else None)
        # Whatever happened, it ended in order.
        assert process.exitcode == 0 or results[-1] is None
    return results


def in_a_fork(folder, function, rank):
    torch.set_num_threads(1)
    try:
        result = function(rank)
    except Exception as error:
        traceback.print_exc()
        result = error
    (folder / f"{rank}.pickle").write_bytes(pickle.dumps(result))


def fitted_attributes(model):
    names = {name for name in vars(model) if name.endswith("_")}
    return {
        name: getattr(model, name)
        for name in sorted(names - {"history_", "runs_", "imputer_"})
    }


def assert_alike(model, expected, rtol=1e-5):
    ours, theirs = fitted_attributes(model), fitted_attributes(expected)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            atol = rtol * np.abs(value).max()
            assert_allclose(ours[name], value, rtol, atol, err_msg=name)
        elif isinstance(value, float):
            assert_allclose(ours[name], value, rtol, err_msg=name)
        else:
            assert_array_equal(ours[name], value, err_msg=name)
    for name, values in expected.history_.items():
        if name != "seconds":
            assert_allclose(model.history_[name], values, rtol, err_msg=name)


@models
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_two_processes_fit_as_one(model, tmp_path):
    first, second = in_group(tmp_path, lambda rank: clone(model).fit(X))
    expected = clone(model).fit(X)
    assert_alike(first, expected)
    if model.init == "noise":
        assert first.history_["n_reseeded_atoms"].sum() > 0
    for name, value in fitted_attributes(first).items():
        assert_array_equal(value, getattr(second, name), err_msg=name)
    assert_array_equal(first.predict(X), first.labels_)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("missing", ["impute", "mask"])
def test_missing_entries(missing, tmp_path):
    model = clone(MIXTURE).set_params(missing=missing, max_iter=2)
    first, _ = in_group(tmp_path, lambda rank: clone(model).fit(X_WITH_GAPS))
    assert_alike(first, clone(model).fit(X_WITH_GAPS))


def test_three_processes_go_on_from_a_fit(tmp_path):
    def twice(rank):
        model = clone(MIXTURE).set_params(warm_start=True, max_iter=1)
        return model.fit(X).fit(X)

    *others, last = in_group(tmp_path, twice, n_processes=3)
    assert_alike(last, twice(0))
    for other in others:
        assert_array_equal(other.dictionaries_, last.dictionaries_)


def test_sharded_labels(tmp_path, monkeypatch):
    monkeypatch.setattr("skmixmate.base.samples._CODES_PER_BATCH", 1)  # Many batches.
    parts = in_group(tmp_path, lambda rank: clone(MIXTURE).fit(X), labels="sharded")
    ours, theirs = (part.labels_ for part in parts)
    assert ((ours == -1) != (theirs == -1)).all()
    assert_array_equal(np.maximum(ours, theirs), clone(MIXTURE).fit(X).labels_)
    assert (parts[0].cluster_sizes_ == parts[1].cluster_sizes_).all()


@pytest.mark.parametrize("kind", ["None", "RandomState"])
def test_draws_are_those_of_the_first(kind, tmp_path):
    def fit(rank):
        random_state = None if kind == "None" else np.random.RandomState(rank)
        return clone(MIXTURE).set_params(random_state=random_state).fit(X)

    first, second = in_group(tmp_path, fit)
    assert_array_equal(first.dictionaries_, second.dictionaries_)
    if kind == "RandomState":
        assert_alike(first, fit(0))


def test_only_the_first_reports(tmp_path, capfd):
    in_group(tmp_path, lambda rank: clone(MIXTURE).set_params(verbose=2).fit(X))
    printed = "".join(capfd.readouterr())
    assert printed.count("epoch 2/3, loss") == 1


@pytest.mark.slow
def test_ready_made_clusterers_share_the_fit_of_their_mixture(tmp_path):
    model = EmbeddingClustering(3, random_state=0)
    first, second = in_group(tmp_path, lambda rank: clone(model).fit(X))
    assert_array_equal(first.labels_, second.labels_)
    assert_array_equal(first.labels_, clone(model).fit(X).labels_)


def error_of(call, *arguments):
    with pytest.raises(ValueError, match="process") as caught:
        call(*arguments)
    return str(caught.value)


def test_what_is_not_supported(tmp_path):
    def errors(rank):
        return (
            error_of(clone(MIXTURE).set_params(n_jobs=2).fit, X),
            error_of(clone(MIXTURE).partial_fit, X),
            error_of(clone(MIXTURE).fit, X + rank),
            error_of(clone(MIXTURE).set_params(alpha=1.0 + rank).fit, X),
        )

    first, second = in_group(tmp_path, errors)
    for found in (first, second):
        assert "n_jobs must be None or 1 within process_group, got 2" in found[0]
        assert "partial_fit is not supported within process_group" in found[1]
    assert "Process 1 of 2 has other values than process 0 of X;" in second[2]
    assert "Process 1 of 2 has other values than process 0 of alpha;" in second[3]
    assert "1 of 2 processes have other samples or parameters" in first[3]


def test_callbacks_of_scikit_learn_are_refused(tmp_path):
    def error(rank):
        model = clone(MIXTURE)
        model._skl_callbacks = ["any"]
        # As scikit-learn calls `fit`, whose decorator would use them.
        return error_of(type(model).fit.__wrapped__, model, X)

    if not hasattr(MixMateClustering.fit, "__wrapped__"):
        pytest.skip("no callbacks in this version of scikit-learn")
    for found in in_group(tmp_path, error):
        assert "Callbacks of scikit-learn are not supported" in found


def test_a_start_that_fails_is_an_error_of_all(tmp_path, monkeypatch):
    def first_network(self):
        raise MemoryError("no room")

    monkeypatch.setattr(NetworkFit, "first_network", first_network)
    first, second = in_group(tmp_path, lambda rank: clone(MIXTURE).fit(X))
    assert isinstance(first, MemoryError)
    assert isinstance(second, RuntimeError)
    assert "Process 0 failed, and all others with it: MemoryError: no room" in str(
        second
    )


class Ending(Exception):
    pass


@pytest.mark.parametrize("end", ["death", "error", "interrupt"])
def test_a_process_that_ends_makes_the_others_fail(end, tmp_path, monkeypatch):
    model = clone(MIXTURE).set_params(
        max_iter=4, checkpoint_dir=tmp_path / "checkpoints"
    )
    on_epoch_begin = DeadAtomReseeding.on_epoch_begin

    def stop(self, trainer):
        on_epoch_begin(self, trainer)
        if trainer.epoch == 2 and trainer.processes.rank == 1:
            if end == "death":
                os._exit(1)
            raise Ending if end == "error" else KeyboardInterrupt

    def fit(rank):
        try:
            return clone(model).fit(X)
        except KeyboardInterrupt:
            raise Ending from None

    with monkeypatch.context() as patch:
        patch.setattr(DeadAtomReseeding, "on_epoch_begin", stop)
        first, second = in_group(tmp_path / "group", fit)
    assert isinstance(first, RuntimeError)
    assert "Process 0 of 2 waited for the others in vain" in str(first)
    assert "with checkpoint_dir, fit goes on from its last checkpoint" in str(first)
    assert second is None if end == "death" else isinstance(second, Ending)
    # One process goes on from what two have written.
    epochs = []
    take = Trainer._run_epoch
    monkeypatch.setattr(
        Trainer, "_run_epoch", lambda self: epochs.append(self.epoch) or take(self)
    )
    resumed = clone(model).fit(X)
    n_epochs = len(epochs)
    expected = clone(model).set_params(checkpoint_dir=None).fit(X)
    assert_alike(resumed, expected)
    assert n_epochs < len(epochs) - n_epochs


def killed_at_a_random_moment(rng):
    """Have this process, a fork, killed within a random step or soon after it."""
    first = int(rng.integers(60))  # Of 84 steps.
    kill = (os.getpid(), signal.SIGKILL)
    timer = threading.Timer(rng.uniform(0.0, 0.02), os.kill, kill)
    after_gradients = Trainer.after_gradients
    steps = itertools.count()

    def counted(self, *args):
        step = next(steps)
        if step == first:
            timer.start()
        if step == first + 20:
            os.kill(*kill)
        return after_gradients(self, *args)

    Trainer.after_gradients = counted


@pytest.mark.parametrize("n_kills", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_either_process_is_killed_at_random_moments(n_kills, tmp_path):
    model = clone(MIXTURE).set_params(max_iter=12, tol=0.0)
    expected = clone(model).fit(X)
    for i in range(n_kills):
        killed = i % 2
        goes_on = clone(model).set_params(checkpoint_dir=tmp_path / f"checkpoints {i}")

        def fit_until_killed(rank, model=goes_on, killed=killed, seed=i):
            if rank == killed:
                killed_at_a_random_moment(np.random.default_rng(seed))
            clone(model).fit(X)

        found = in_group(tmp_path / f"group {i}", fit_until_killed)
        assert found[killed] is None
        survivor = found[1 - killed]
        assert isinstance(survivor, RuntimeError)
        assert f"Process {1 - killed} of 2 waited for the others" in str(survivor)
        assert "fit goes on from its last checkpoint" in str(survivor)
        # One process goes on from what two have written.
        assert_alike(clone(goes_on).fit(X), expected)


def test_a_process_that_does_not_answer(tmp_path):
    ended = multiprocessing.get_context("fork").Event()

    def wait(rank):
        if rank == 1:
            assert ended.wait(60.0)
            return
        try:
            active_processes().sum_([torch.zeros(1)])
        finally:
            ended.set()

    first, _ = in_group(tmp_path, wait, timeout=3.0)
    assert isinstance(first, RuntimeError)
    assert "did not answer within timeout=3 seconds" in str(first)


def test_three_processes_go_on_from_checkpoints_of_one(tmp_path, monkeypatch):
    model = clone(MIXTURE).set_params(
        max_iter=4, checkpoint_dir=tmp_path / "checkpoints", random_state=None
    )
    on_epoch_begin = DeadAtomReseeding.on_epoch_begin

    def stop(self, trainer):
        if trainer.epoch == 2:
            raise Ending
        on_epoch_begin(self, trainer)

    with monkeypatch.context() as patch:
        patch.setattr(DeadAtomReseeding, "on_epoch_begin", stop)
        with pytest.raises(Ending):
            clone(model).fit(X)
    checkpoint = (tmp_path / "checkpoints" / "run-1.checkpoint").read_bytes()
    found = in_group(tmp_path / "group", lambda rank: clone(model).fit(X), 3)
    (tmp_path / "checkpoints" / "run-1.checkpoint").write_bytes(checkpoint)
    expected = clone(model).fit(X)
    for one in found:
        assert_alike(one, expected)
        assert_array_equal(one.dictionaries_, found[0].dictionaries_)


def test_shares():
    processes = Processes.__new__(Processes)
    processes.size = 3
    batch = torch.arange(7)
    taken = []
    for processes.rank in range(3):
        share = processes.share(batch)
        assert len(share) == processes.size_of_share(7)
        taken += share.tolist()
    assert sorted(taken) == batch.tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "mpi"}, "backend must be one of"),
        ({"labels": "none"}, "labels one of"),
        ({"timeout": 0}, "timeout must be a number above zero, got 0"),
        ({}, "Start the script by torchrun --nproc-per-node=N"),
    ],
)
def test_errors_of_the_context(options, message, monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match=message), process_group(**options):
        pass
    assert active_processes() is None


def test_a_context_is_entered_once(tmp_path):
    def twice(rank):
        with process_group():
            pass

    (found,) = in_group(tmp_path, twice, n_processes=1)
    assert isinstance(found, RuntimeError)
    assert "has a process group already" in str(found)


def test_contexts_one_after_another(tmp_path, monkeypatch):
    """By the store of torchrun, which keeps what processes of an earlier one wrote."""
    store = torch.distributed.TCPStore("localhost", 0, is_master=True)
    monkeypatch.setenv("TORCHELASTIC_USE_AGENT_STORE", "True")
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    monkeypatch.setenv("MASTER_PORT", str(store.port))

    def twice(rank):
        ranks = []
        for _ in range(2):
            with process_group("gloo", rank=rank, world_size=2, timeout=60.0) as group:
                ranks.append(group.from_first(lambda: group.size))
            # The others come to the next one first.
            time.sleep(0.5 * (1 - rank))
        return ranks

    assert in_forks(tmp_path, twice, 2) == [[2, 2], [2, 2]]


def test_a_process_that_does_not_come(tmp_path):
    def alone(folder):
        where = f"file://{folder}/store"
        with (
            pytest.raises(RuntimeError, match="do not find each other"),
            process_group(init_method=where, rank=0, world_size=2, timeout=1.0),
        ):
            pass

    alone(tmp_path)


SCRIPT = """
import pathlib, pickle, sys
from skmixmate.distributed import process_group

folder = pathlib.Path(sys.argv[1])
model, X = pickle.loads((folder / "task.pickle").read_bytes())
with process_group("gloo", timeout=60.0) as processes:
    model.fit(X)
found = processes.size, model
(folder / f"{processes.rank}.pickle").write_bytes(pickle.dumps(found))
"""


def test_torchrun(tmp_path):
    model = clone(MIXTURE).set_params(device="cpu")
    (tmp_path / "task.pickle").write_bytes(pickle.dumps((model, X)))
    (tmp_path / "script.py").write_text(SCRIPT)
    torchrun = subprocess.Popen(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", "2", tmp_path / "script.py", tmp_path),
        ],
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join(sys.path),  # The checkout is there.
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        printed, _ = torchrun.communicate(timeout=100.0)
    finally:
        # It ends those that it has started; without an answer, they end themselves.
        torchrun.terminate()
    assert torchrun.returncode == 0, printed
    found = [
        pickle.loads((tmp_path / f"{rank}.pickle").read_bytes()) for rank in range(2)
    ]
    (size, first), (_, second) = found
    assert size == 2
    assert_alike(first, clone(model).fit(X))
    assert_array_equal(first.dictionaries_, second.dictionaries_)
