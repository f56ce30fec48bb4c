"""Time and accuracy of sparse subspace clustering, method by method.

``python -m benchmarks.ssc --threads 1`` clusters 2,000 random images of MNIST, reduced
to 500 dimensions by a truncated SVD, and stores ``benchmarks/results/ssc.json``. Times
are the best of three runs, so that other processes disturb them little.
"""

import argparse
import time

import numpy as np
import torch
from sklearn.decomposition import TruncatedSVD
from threadpoolctl import threadpool_limits

from skmixmate import SparseSubspaceClustering
from skmixmate.metrics import clustering_scores

from .common import load, machine, store

METHODS = {
    "omp, one round": {"method": "omp", "n_rounds": 1, "dropout": 0},
    "omp": {"method": "omp"},
    "lasso": {"method": "lasso"},
}
N_SAMPLES, N_FEATURES, N_RUNS = 2000, 500, 3


def features(seed: int):
    X, y = load("mnist")
    chosen = np.random.RandomState(seed).permutation(len(X))[:N_SAMPLES]
    svd = TruncatedSVD(N_FEATURES, random_state=seed)
    return svd.fit_transform(X[chosen]), y[chosen]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    X, y = features(arguments.seed)
    table = []
    for name, params in METHODS.items():
        seconds, cpu_seconds = [], []
        for _ in range(N_RUNS):
            ssc = SparseSubspaceClustering(10, random_state=arguments.seed, **params)
            start, cpu_start = time.perf_counter(), time.process_time()
            with threadpool_limits(arguments.threads):
                ssc.fit(X)
            seconds.append(time.perf_counter() - start)
            cpu_seconds.append(time.process_time() - cpu_start)
        row = {
            "method": name,
            "seconds": round(min(seconds), 2),
            "cpu_seconds": round(min(cpu_seconds), 2),
            "coefficients_per_sample": round(ssc.representation_.nnz / len(X), 1),
            **{
                score: round(value, 4)
                for score, value in clustering_scores(y, ssc.labels_).items()
            },
        }
        print(row)
        table.append(row)
    store(
        "ssc",
        {
            "command": (
                f"python -m benchmarks.ssc --threads {arguments.threads} "
                f"--seed {arguments.seed}"
            ),
            "n_samples": N_SAMPLES,
            "n_features": N_FEATURES,
            "table": table,
            "machine": machine(),
        },
    )


if __name__ == "__main__":
    main()
