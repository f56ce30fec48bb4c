"""Rows that are copies, near copies, far beyond all others, or far from the origin.

``python -m benchmarks.starts.odd_rows`` clusters the images of digits with such rows
among them, scores the ordinary rows, and stores the means over seeds as
``benchmarks/results/starts/odd_rows.json``. It also counts the rows that the rules call
extreme, or near copies, in data sets that have no such rows, real ones and generated
ones; the rules were fixed before it was first run.
"""

import numpy as np
import torch
from sklearn import datasets

from skmixmate import MixMateClustering, ScatteringTransform
from skmixmate.initializers.copies import distinct_rows
from skmixmate.metrics import clustering_accuracy
from skmixmate.training import Samples

from ..common import (
    DATASETS,
    load,
    machine,
    make_parser,
    parse,
    random_rows,
    square,
    store,
    write_table,
)

SUBSET_SIZE = 5000


def spoiled(X, rng):
    """Yield name, samples and which row of X each is of, -1 for odd ones."""
    rows = np.arange(len(X))
    yield "as they are", X, rows
    for value in (1e3, 65_535.0, 1e12):
        odd = np.full((1, X.shape[1]), value)
        yield f"one row of {value:g}", np.vstack([X, odd]), np.r_[rows, -1]
    yield (
        "17 rows of 65535",
        np.vstack([X, np.full((17, X.shape[1]), 65_535.0)]),
        np.r_[rows, np.full(17, -1)],
    )
    yield "400 rows, once", X[:400], rows[:400]
    twelve = np.repeat(rows[:400], 12)
    for noise in (0.0, 1e-6, 1e-3):
        copies = X[twelve] + noise * rng.standard_normal((len(twelve), X.shape[1]))
        yield f"400 rows, 12 times, noise {noise:g}", copies, twelve
    many = np.r_[rows, np.tile(rng.permutation(rows)[:100], 20)]
    yield "100 rows, 20 times more", X[many], many
    yield "less 3e8", X - 3e8, rows


def honest(seed: int):
    """Yield names and samples without odd rows."""
    rng = np.random.RandomState(seed)
    for name in DATASETS:
        X, _ = load(name)
        X = X[random_rows(len(X), SUBSET_SIZE, seed)].astype(np.float64)
        yield name, X
        scattering = ScatteringTransform("auto", 8, square(X), min_side=24)
        yield f"{name}, scattering", scattering.fit_transform(X[:1000])
    for name in ("iris", "wine", "breast_cancer", "diabetes", "linnerud"):
        yield name, getattr(datasets, f"load_{name}")().data
    for sigma in (1.0, 2.0, 3.0):
        yield f"log-normal, {sigma:g}", rng.lognormal(sigma=sigma, size=(2000, 50))
    yield "Student's t, 3", rng.standard_t(3, size=(2000, 20))
    yield "Pareto, 2", rng.pareto(2.0, size=(2000, 50))
    yield "counts", rng.poisson(0.3, size=(2000, 30)).astype(float)
    for sizes in ((2400, 400, 200), (2800, 100, 100), (1950, 50)):
        center = 15.0 * np.linalg.qr(rng.standard_normal((20, 20)))[0][: len(sizes)]
        X = np.repeat(center, sizes, axis=0)
        yield f"blobs {sizes}", X + 0.5 * rng.standard_normal(X.shape)
    for share in (0.02, 0.04):
        far = np.where(np.arange(1000) < 1000 * share, 100.0, 0.0)[:, None]
        yield f"{share:.0%} at 100", far + rng.standard_normal((1000, 4))


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds, from 0")
    arguments = parse(parser)
    X, y = load("digits")
    accuracies: dict[str, list] = {}
    told: dict[str, list] = {}
    for seed in range(arguments.seeds):
        rng = np.random.RandomState(seed)
        for name, samples, rows in spoiled(X, rng):
            mixmate = MixMateClustering(10, max_iter=5, random_state=seed).fit(samples)
            is_ordinary = rows >= 0
            accuracy = clustering_accuracy(
                y[rows[is_ordinary]], mixmate.labels_[is_ordinary]
            )
            accuracies.setdefault(name, []).append(round(float(accuracy), 4))
            print(seed, name, accuracies[name][-1], flush=True)
        for name, samples in honest(seed):
            ordinary = Samples(torch.as_tensor(samples)).ordinary_rows()
            n_exact = len(np.unique(samples, axis=0))
            n_near = n_exact - len(distinct_rows(samples, 5)[0])
            n_extreme = 0 if ordinary is None else int((~ordinary).sum())
            told.setdefault(name, []).append([n_extreme, max(n_near, 0)])
            print(seed, name, told[name][-1], flush=True)
    store(
        "starts/odd_rows",
        {
            "command": "python -m benchmarks.starts.odd_rows "
            f"--seeds {arguments.seeds} --threads {arguments.threads}",
            "accuracies": accuracies,
            "extreme_and_near_copies_of_honest_data": told,
            "machine": machine(),
        },
    )
    table = [
        [name, f"{np.mean(values):.3f}", f"{min(values):.3f}"]
        for name, values in accuracies.items()
    ]
    write_table("odd_rows", ["digits", "ACC", "worst"], table)


if __name__ == "__main__":
    main()
