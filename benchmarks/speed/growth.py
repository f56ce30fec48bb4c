"""Seconds and memory of training against the sizes of the problem.

``measure()``, for `benchmarks.speed`, fits a mixture in a process of its own for each
size, ``python -m benchmarks.speed.growth N M K P L``, and lines through the logarithms.
"""

import json
import subprocess
import sys
import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from skmixmate import MixMateClustering
from skmixmate.initializers import InitializationWarning

from ..common import ROOT, clock, make_parser, parse, peak_memory_mib

BASE = {
    "n_samples": 5_000,
    "n_features": 400,
    "n_clusters": 10,
    "n_atoms": 30,
    "n_fista_iter": 15,
}
SIZES = {
    "n_samples": (5_000, 10_000, 20_000, 40_000),
    "n_features": (200, 400, 800),
    "n_clusters": (5, 10, 20),
    "n_atoms": (15, 30, 60),
    "n_fista_iter": (8, 15, 30),
}
N_EPOCHS = 2


def one_fit(n_samples, n_features, n_clusters, n_atoms, n_fista_iter) -> dict:
    """Seconds of two epochs, and memory beyond the data."""
    rng = np.random.default_rng(0)
    # Ten clusters about subspaces of three dimensions.
    bases = rng.standard_normal((10, 3, n_features), dtype=np.float32)
    codes = rng.standard_normal((n_samples, 3), dtype=np.float32)
    X = rng.standard_normal((n_samples, n_features), dtype=np.float32)
    for cluster, basis in enumerate(bases):
        X[cluster::10] *= 0.1
        X[cluster::10] += codes[cluster::10] @ basis
    mixture = MixMateClustering(
        n_clusters,
        n_atoms=n_atoms,
        n_fista_iter=n_fista_iter,
        init="data",
        max_iter=N_EPOCHS,
        n_iter_no_change=N_EPOCHS,
        random_state=0,
        device="cpu",
    )
    # Loads what the first fit of a process loads.
    MixMateClustering(2, n_atoms=2, init="data", max_iter=1).fit(X[:64, :8])
    before = peak_memory_mib()
    started = clock()
    mixture.fit(X)
    return {
        "seconds": round(clock() - started, 3),
        "memory_mib": round(peak_memory_mib() - before, 1),
        "data_mib": round(X.nbytes / 2**20, 1),
    }


def measure() -> list[dict]:
    """Rows of size, seconds and memory, with the exponents of each size."""
    threads = str(torch.get_num_threads())
    rows = []
    for name, values in SIZES.items():
        fits = []
        for value in values:
            sizes = BASE | {name: value}
            completed = subprocess.run(
                [
                    *(sys.executable, "-m", "benchmarks.speed.growth"),
                    *map(str, sizes.values()),
                    *("--threads", threads),
                ],
                capture_output=True,
                text=True,
                check=True,
                cwd=ROOT,
            )
            fits.append(json.loads(completed.stdout))
        row = {"size": name, "values": values}
        for key in fits[0]:
            row[key] = [fit[key] for fit in fits]
        row["exponent_of_seconds"] = slope(values, row["seconds"])
        row["exponent_of_memory"] = slope(values, row["memory_mib"])
        print(row, flush=True)
        rows.append(row)
    return rows


def slope(sizes, measured) -> float:
    """Slope of the straight line through the logarithms."""
    return round(float(np.polyfit(np.log(sizes), np.log(measured), 1)[0]), 2)


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("sizes", type=int, nargs=len(BASE), help="N, M, K, P and L")
    arguments = parse(parser)
    # Some of the initial clusters are smaller than the largest dictionaries.
    warnings.simplefilter("ignore", InitializationWarning)
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(json.dumps(one_fit(*arguments.sizes)))


if __name__ == "__main__":
    main()
