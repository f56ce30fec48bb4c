"""What several runs are good for: ``python -m benchmarks.starts.n_init``.

`MixMateClustering` with its defaults, fitted from six seeds to each of several sets.
Stored are the accuracy of each, and the means of single runs, of the best of three by
``criterion_``, as ``n_init=3`` keeps it, by the loss, and by accuracy, over all choices
of three, as ``benchmarks/results/starts/n_init.json``. Labels are used for scoring
alone.
"""

import itertools
import time
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
from sklearn import datasets
from sklearn.preprocessing import StandardScaler

from skmixmate import MixMateClustering
from skmixmate.metrics import clustering_accuracy

from ..common import load, machine, make_parser, parse, random_rows, store

_N_SEEDS, _N_INIT = 6, 3


def images(name: str, n_samples: int = 1500):
    X, y = load(name)
    rows = random_rows(len(X), n_samples)
    return X[rows], y[rows]


def table(load_table: Callable):
    X, y = load_table(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def blobs(n_features: int, spread: float):
    centers = np.random.RandomState(0).normal(size=(6, n_features))
    return datasets.make_blobs(
        2000, centers=centers, cluster_std=spread, random_state=0
    )


SETS: dict[str, Callable] = {
    "digits": partial(images, "digits"),
    "usps": partial(images, "usps"),
    "wine": partial(table, datasets.load_wine),
    "breast_cancer": partial(table, datasets.load_breast_cancer),
    "iris": partial(table, datasets.load_iris),
    "blobs_close": partial(blobs, 10, 0.8),
    "blobs_overlapping": partial(blobs, 50, 2.0),
}


def run(name: str) -> dict:
    X, y = SETS[name]()
    n_clusters = len(np.unique(y))
    started = time.perf_counter()
    accuracies, criteria, losses = np.empty((3, _N_SEEDS))
    for seed in range(_N_SEEDS):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = MixMateClustering(n_clusters, random_state=seed).fit(X)
        accuracies[seed] = clustering_accuracy(y, model.labels_)
        criteria[seed], losses[seed] = model.criterion_, model.loss_
    choices = [list(c) for c in itertools.combinations(range(_N_SEEDS), _N_INIT)]

    def mean_of_best(values) -> float:
        best = [accuracies[c[int(np.argmin(values[c]))]] for c in choices]
        return round(float(np.mean(best)), 4)

    row = {
        "data": name,
        "accuracies": accuracies.round(4).tolist(),
        "single": round(float(accuracies.mean()), 4),
        "by_criterion": mean_of_best(criteria),
        "by_loss": mean_of_best(losses),
        "by_accuracy": mean_of_best(-accuracies),
        "seconds": round(time.perf_counter() - started, 1),
    }
    print(row, flush=True)
    return row


def main():
    arguments = parse(make_parser(__spec__.name, __doc__))
    result = {
        "command": f"python -m benchmarks.starts.n_init --threads {arguments.threads}",
        "rows": [run(name) for name in SETS],
        "machine": machine(),
    }
    store("starts/n_init", result)


if __name__ == "__main__":
    main()
