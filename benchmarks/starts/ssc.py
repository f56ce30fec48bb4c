"""Sparse subspace clustering, method by method: ``python -m benchmarks.starts.ssc``.

Time and accuracy of clustering 2,000 random images of MNIST in the 500 scattering
features of the paper's start, stored as ``benchmarks/results/starts/ssc.json``. Times
are the best of two runs; CPU seconds tell whether other processes disturbed them.
"""

import time

from threadpoolctl import threadpool_limits

from skmixmate import SparseSubspaceClustering
from skmixmate.metrics import clustering_scores
from skmixmate.ready import make_paper_clusterer

from ..common import load, machine, make_parser, parse, random_rows, store

METHODS = {
    "omp, one round": {"method": "omp", "n_rounds": 1, "dropout": 0},
    "omp": {"method": "omp"},
    "lasso": {"method": "lasso"},
}
N_SAMPLES, N_RUNS = 2000, 2


def features(seed: int):
    X, y = load("mnist")
    chosen = random_rows(len(X), N_SAMPLES, seed)
    pipeline = make_paper_clusterer(10, (28, 28)).init[:-1]
    pipeline.set_params(components__random_state=seed)
    return pipeline.fit_transform(X[chosen]), y[chosen]


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parse(parser)
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
        "starts/ssc",
        {
            "command": (
                f"python -m benchmarks.starts.ssc --threads {arguments.threads} "
                f"--seed {arguments.seed}"
            ),
            "n_samples": N_SAMPLES,
            "n_features": X.shape[1],
            "table": table,
            "machine": machine(),
        },
    )


if __name__ == "__main__":
    main()
