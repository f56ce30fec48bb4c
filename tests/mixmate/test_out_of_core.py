"""A memory map larger than memory is enough to fit to, and results go to one."""

import os
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch

from skmixmate import MixMateClustering, SparseAutoencoder
from skmixmate.mixmate.fit import MixtureFit
from skmixmate.training import DictionarySizes
from skmixmate.training import samples as training_samples

# Bytes a row, of which labels take 8 in the end and 8 in training, and what batches and
# allocators take more or less.
MOST_BYTES_A_ROW, SLACK = 64, 2**25
# What glibc's allocator keeps of memory that was freed, tens of MB, depends on threads
# and luck; told so, it gives all of it back, and what is measured is in use.
GIVING_BACK = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_TRIM_THRESHOLD_": "131072",
    "MALLOC_MMAP_THRESHOLD_": "131072",
}

GROWTH = """
import sys, threading
import numpy as np
from skmixmate import MixMateClustering


def own():
    lines = open("/proc/self/status").read().splitlines()
    return int([s for s in lines if s.startswith("RssAnon")][0].split()[1]) * 1024


def fit(X):
    before, peak, ended = own(), [0], threading.Event()

    def watch():
        while not ended.wait(0.001):
            peak[0] = max(peak[0], own())

    thread = threading.Thread(target=watch)
    thread.start()
    mixture = MixMateClustering(
        2, n_atoms=8, max_iter=1, n_fista_iter=1, init="data", init_size=100,
        batch_size=1024, random_state=0, device="cpu",
    ).fit(X)
    mixture.predict(X, out=np.empty(len(X), np.int8))
    ended.set()
    thread.join()
    return peak[0] - before


X = np.load(sys.argv[1], mmap_mode="r")
fit(X[:20_000])
print(fit(X[:20_000]), fit(X))
"""


@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="memory is told on Linux alone"
)
def test_memory_of_a_fit_does_not_grow_with_the_file(tmp_path):
    n_rows, n_features = 400_000, 96
    rows = np.random.RandomState(0).randint(256, size=(n_rows // 20, n_features))
    np.save(tmp_path / "X.npy", np.tile(rows.astype(np.uint8), (20, 1)))
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", GROWTH, tmp_path / "X.npy"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | GIVING_BACK,
    )
    few, many = map(int, found.stdout.split())
    # A copy in single precision would take 384 a row, more than twice of that.
    assert many - few < MOST_BYTES_A_ROW * n_rows + SLACK


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_a_memory_map_gives_what_an_array_gives(dtype, X, tmp_path):
    X = ((X - X.min()) / np.ptp(X) * 255).astype(dtype)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    mixture = MixMateClustering(3, n_atoms=2, max_iter=2, random_state=0)
    labels = mixture.fit(X).labels_
    energies = mixture.transform(X)
    np.testing.assert_array_equal(mixture.fit_predict(mapped), labels)
    np.testing.assert_array_equal(mixture.transform(mapped), energies)


def test_norms_of_many_samples_are_not_held(monkeypatch):
    X = torch.from_numpy(np.random.RandomState(0).standard_normal((5000, 3)))
    X[[7, 4000]] *= 1e6
    samples = training_samples.Samples(X)
    expected = samples.ordinary_rows()
    assert (~expected).nonzero().flatten().tolist() == [7, 4000]
    monkeypatch.setattr(training_samples, "_N_FOR_QUANTILES", 100)
    assert torch.equal(samples.ordinary_rows(), expected)


@pytest.fixture(scope="module")
def fitted():
    X = np.random.RandomState(0).standard_normal((300, 6))
    X[:150] += 4.0
    mixture = MixMateClustering(2, n_atoms=2, max_iter=2, random_state=0).fit(X)
    autoencoder = SparseAutoencoder(4, max_iter=2, random_state=0).fit(X)
    return X, {"mixture": mixture, "autoencoder": autoencoder}


METHODS = [
    *(("mixture", m) for m in ("predict", "predict_proba", "transform")),
    ("mixture", "score_samples"),
    *(("autoencoder", m) for m in ("predict", "transform", "score_samples")),
]


@pytest.mark.parametrize(("name", "method"), METHODS)
@pytest.mark.parametrize("as_tensor", [False, True])
def test_results_fill_a_memory_map(name, method, as_tensor, fitted, tmp_path):
    X, estimators = fitted
    answer = getattr(estimators[name], method)
    expected = answer(X)
    dtype = "int16" if method == "predict" else "float32"
    out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", dtype, expected.shape)
    assert answer(torch.from_numpy(X) if as_tensor else X, out=out) is out
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), expected.astype(dtype))


def test_probabilities_of_incomplete_samples_fill_it_too(fitted):
    X = fitted[0].copy()
    X[::3, 2] = np.nan
    mixture = MixMateClustering(2, n_atoms=2, max_iter=2, random_state=0).fit(X)
    expected = mixture.predict_proba(X)
    out = np.empty_like(expected)
    np.testing.assert_array_equal(mixture.predict_proba(X, out=out), expected)


def read_only(shape):
    array = np.zeros(shape)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("method", "out", "error", "match"),
    [
        ("transform", np.zeros((300, 3)), ValueError, r"shape.*\(300, 2\).*\(300, 3\)"),
        ("predict", np.zeros((300, 1), int), ValueError, r"\(300,\).*\(300, 1\)"),
        ("transform", np.zeros((300, 2), int), TypeError, "floating dtype.*int64"),
        ("predict", np.zeros(300), TypeError, "integer dtype.*float64"),
        ("transform", np.zeros((300, 2), ">f4"), TypeError, "byte order"),
        ("transform", torch.zeros(300, 2), TypeError, "NumPy array.*Tensor"),
        ("transform", [[0.0, 0.0]] * 300, TypeError, "NumPy array.*list"),
        ("transform", read_only((300, 2)), ValueError, "writable"),
    ],
)
def test_what_results_do_not_go_into(method, out, error, match, fitted):
    X, estimators = fitted
    with pytest.raises(error, match=match):
        getattr(estimators["mixture"], method)(X, out=out)


def test_labels_that_a_dtype_does_not_hold(fitted):
    X, estimators = fitted
    X = np.r_[X, np.zeros((1, 6))]
    # No group explains a sample of zeros, whose label is -1.
    assert estimators["autoencoder"].predict(X)[-1] == -1
    with pytest.raises(ValueError, match=r"uint8.*-1.*wider"):
        estimators["autoencoder"].predict(X, out=np.zeros(len(X), np.uint8))
    with pytest.raises(ValueError, match=r"float16.*wider"):
        estimators["mixture"].transform(1e6 * X, out=np.zeros((len(X), 2), np.float16))


def test_what_training_knows_of_samples_is_gone_before_labels_come(monkeypatch):
    found = []
    on_train_begin = DictionarySizes.on_train_begin
    last_pass = MixtureFit.last_pass

    def keep(self, trainer):
        on_train_begin(self, trainer)
        found.append(weakref.ref(self.energy))

    def look(self, *arguments):
        found.append(found[-1]())
        return last_pass(self, *arguments)

    monkeypatch.setattr(DictionarySizes, "on_train_begin", keep)
    monkeypatch.setattr(MixtureFit, "last_pass", look)
    X = np.random.RandomState(0).standard_normal((60, 4))
    MixMateClustering(2, n_atoms=2, max_iter=1, random_state=0).fit(X)
    assert found[-1] is None
