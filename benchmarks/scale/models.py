"""Memory of a fit by the size of its model: ``python -m benchmarks.scale.models``.

Fits of `skmixmate.MixMateClustering` to memory maps, each in a process of its own: from
atoms that are given, for the memory of training, of models of several sizes; and of
small models of several numbers of features, for that of a start. How many bytes belong
to each number of the model, of the samples that are read at once, and of those that a
start looks at, is fitted to the memory of its own that the process has at most (least
squares), and held against models that it was not fitted to: the larger of training and
start counts. Stored as ``benchmarks/results/scale/models.json``.
"""

import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skmixmate import MixMateClustering
from skmixmate.initializers import InitializationWarning

from ..common import ROOT, machine, make_parser, parse, store
from .memory import OwnMemory

# Rows, clusters, atoms, features.
TRAINED = [
    *((2048, 20, 40, 500), (2048, 50, 100, 500), (2048, 20, 40, 2000)),
    *((2048, 20, 100, 2000), (2048, 50, 100, 2000)),
]
STARTED = [(5000, 5, 8, 500), (5000, 5, 8, 1000), (5000, 5, 8, 2000)]
HELD_OUT = [
    *((2048, 10, 50, 784, False), (2048, 40, 100, 1000, False)),
    (5000, 10, 50, 784, True),
]
# Of the package: rows that are converted at once, and that a start looks at.
ROWS_AT_ONCE, INIT_SIZE = 4096, 5000


def write_rows(path: Path, centers: np.ndarray, n_rows: int) -> np.memmap:
    """Gaussian clusters, on disk."""
    rng = np.random.default_rng(0)
    shape = (n_rows, centers.shape[1])
    X = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    for row in X:
        row[:] = centers[rng.integers(len(centers))]
        row += rng.standard_normal(len(row), dtype=np.float32)
    X.flush()
    return np.load(path, mmap_mode="r")


def new_mixture(n_clusters: int, n_atoms: int, **parameters) -> MixMateClustering:
    return MixMateClustering(
        n_clusters,
        n_atoms=n_atoms,
        adapt_n_atoms=False,
        max_iter=1,
        random_state=0,
        device="cpu",
        **parameters,
    )


def measure(n_rows: int, n_clusters: int, n_atoms: int, n_features: int, with_start):
    """MiB of a fit beyond those before it."""
    rng = np.random.default_rng(1)
    centers = rng.standard_normal((n_clusters, n_features), dtype=np.float32)
    with tempfile.TemporaryDirectory() as folder:
        X = write_rows(Path(folder) / "X.npy", centers, n_rows)
        # As a start finds them: each cluster explains its own samples.
        atoms = rng.standard_normal((n_clusters, n_atoms, n_features))
        atoms += centers[:, None]
        init = "spectral" if with_start else atoms
        # Loads what the first fit of a process loads.
        new_mixture(2, 4).fit(np.asarray(X[:500, :32]))
        with OwnMemory() as fit:
            new_mixture(n_clusters, n_atoms, init=init).fit(X)
    return round(fit.peak - fit.before, 1)


def measured(shape: tuple, *, with_start: bool) -> dict:
    """The same in a process of its own, with its shape."""
    completed = subprocess.run(
        [
            *(sys.executable, "-m", __spec__.name, "--measure"),
            *map(str, (*shape, int(with_start))),
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    row = {"shape": shape, "with_start": with_start, "mib": float(completed.stdout)}
    print(row, flush=True)
    return row


def parts(shape: tuple) -> dict[str, list[float]]:
    """Mi of numbers of the model and of a batch, of a start's samples, and one."""
    n_rows, n_clusters, n_atoms, n_features = shape
    model = n_clusters * n_atoms * n_features / 2**20
    batch = min(n_rows, ROWS_AT_ONCE) * n_features / 2**20
    of_start = min(n_rows, INIT_SIZE) * n_features / 2**20
    return {"training": [model, batch, 1.0], "start": [of_start, 1.0]}


def fitted_factors(rows: list[dict], what: str) -> np.ndarray:
    """Bytes of each number, and MiB of what grows with none of them."""
    design = np.array([parts(row["shape"])[what] for row in rows])
    return np.linalg.lstsq(design, np.array([row["mib"] for row in rows]))[0]


def result_of(trained: list[dict], started: list[dict], held_out: list[dict]) -> dict:
    factors = {
        "training": fitted_factors(trained, "training"),
        "start": fitted_factors(started, "start"),
    }
    foretold = []
    for row in held_out:
        whats = ("training", "start") if row["with_start"] else ("training",)
        mib = max(float(factors[what] @ parts(row["shape"])[what]) for what in whats)
        foretold.append({**row, "mib_foretold": round(mib, 1)})
    names = {
        "training": ("bytes_of_model", "bytes_of_batch", "mib"),
        "start": ("bytes_of_samples", "mib"),
    }
    return {
        **{
            what: dict(zip(names[what], found.round(1).tolist(), strict=True))
            for what, found in factors.items()
        },
        "trained": trained,
        "started": started,
        "held_out": foretold,
    }


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("--measure", type=int, nargs=5, help="for its own processes")
    arguments = parse(parser)
    if arguments.measure:
        warnings.simplefilter("ignore", InitializationWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        print(measure(*arguments.measure))
        return
    trained = [measured(shape, with_start=False) for shape in TRAINED]
    started = [measured(shape, with_start=True) for shape in STARTED]
    held_out = [
        measured(tuple(shape), with_start=with_start) for *shape, with_start in HELD_OUT
    ]
    found = result_of(trained, started, held_out)
    print({what: found[what] for what in ("training", "start", "held_out")})
    result = {
        "command": f"python -m benchmarks.scale.models --threads {arguments.threads}",
        **found,
        "machine": machine(),
    }
    store("scale/models", result)


if __name__ == "__main__":
    main()
