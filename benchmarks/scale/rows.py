"""Memory and time of a fit to a memory map of N rows.

``python -m benchmarks.scale.rows N`` writes N rows of 32 features to a temporary file,
fits a mixture of 10 clusters with 16 atoms to it, and prints what that took as JSON.
"""

import json
import tempfile
import time
import warnings
from pathlib import Path
from unittest import mock

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skmixmate import MixMateClustering
from skmixmate.initializers import InitializationWarning

from ..common import clock, make_parser, parse
from .memory import OwnMemory

N_FEATURES, N_CLUSTERS, N_ATOMS = 32, 10, 16
_ROWS_AT_ONCE = 100_000


def write_rows(path: Path, n_rows: int, dtype: str) -> np.memmap:
    """Ten clusters about subspaces of three dimensions, on disk."""
    rng = np.random.default_rng(0)
    bases = rng.standard_normal((N_CLUSTERS, 3, N_FEATURES), dtype=np.float32)
    centers = rng.standard_normal((N_CLUSTERS, N_FEATURES), dtype=np.float32) / 2
    shape = (n_rows, N_FEATURES)
    X = np.lib.format.open_memmap(path, "w+", dtype, shape)
    for start in range(0, n_rows, _ROWS_AT_ONCE):
        part = X[start : start + _ROWS_AT_ONCE]
        y = rng.integers(N_CLUSTERS, size=len(part))
        codes = rng.standard_normal((len(part), 3), dtype=np.float32)
        rows = centers[y] + np.einsum("ns,nsm->nm", codes, bases[y])
        rows += 0.1 * rng.standard_normal(rows.shape, dtype=np.float32)
        # In bytes as much of it as they can hold.
        part[:] = np.clip(20 * rows + 128, 0, 255) if dtype == "uint8" else rows
    X.flush()
    return np.load(path, mmap_mode="r")


def new_mixture(n_epochs: int) -> MixMateClustering:
    return MixMateClustering(
        N_CLUSTERS,
        n_atoms=N_ATOMS,
        max_iter=n_epochs,
        n_iter_no_change=n_epochs,
        random_state=0,
        device="cpu",
    )


def one_fit(X: np.memmap, n_epochs: int) -> dict:
    """MiB and seconds of a fit, and of labels after it."""
    # Loads what the first fit of a process loads.
    new_mixture(1).fit(np.asarray(X[:5000]))
    mixture = new_mixture(n_epochs)
    # Of epochs too, time that others took does not count.
    own_clock = mock.patch.object(time, "perf_counter", clock)
    with OwnMemory() as fit, own_clock:
        started = clock()
        mixture.fit(X)
        seconds = clock() - started
    labels = np.lib.format.open_memmap(
        Path(X.filename).with_name("labels.npy"), "w+", np.int64, (len(X),)
    )
    with OwnMemory() as predict:
        started = clock()
        mixture.predict(X, out=labels)
        seconds_to_predict = clock() - started
    epoch = float(np.median(mixture.history_["seconds"]))
    return {
        "mib_before": round(fit.before, 1),
        "mib_of_fit": round(fit.peak, 1),
        "mib_of_fit_more": round(fit.peak - fit.before, 1),
        "mib_of_predict_more": round(predict.peak - predict.before, 1),
        "seconds_of_fit": round(seconds, 1),
        "microseconds_a_row_of_epoch": round(1e6 * epoch / len(X), 2),
        "microseconds_a_row_of_predict": round(1e6 * seconds_to_predict / len(X), 2),
        "labels_agree": bool((labels == mixture.labels_).all()),
    }


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("n_rows", type=int)
    parser.add_argument("--dtype", default="float32", choices=["float32", "uint8"])
    parser.add_argument("--epochs", type=int, default=1)
    arguments = parse(parser)
    warnings.simplefilter("ignore", InitializationWarning)
    warnings.simplefilter("ignore", ConvergenceWarning)
    with tempfile.TemporaryDirectory() as folder:
        X = write_rows(Path(folder) / "X.npy", arguments.n_rows, arguments.dtype)
        row = {
            "n_rows": arguments.n_rows,
            "dtype": arguments.dtype,
            "n_epochs": arguments.epochs,
            "mib_of_file": round(X.nbytes / 2**20, 1),
            **one_fit(X, arguments.epochs),
        }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
