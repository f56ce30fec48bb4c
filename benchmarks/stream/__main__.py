"""Learning from a stream: ``python -m benchmarks.stream DATASET``.

Splits a data set into chunks, in random order or sorted by class, and compares ``fit``
to all of it with ``partial_fit`` of chunk after chunk, of this package and of
`MiniBatchKMeans`, all in pixels. Scores are of ``predict`` for all samples in the end,
seconds those of learning; ``as_they_came`` is the share of the samples that got, when
they came, the label that they have in the end. A seed is that of the order and of the
method. ``--no-fit`` leaves ``fit`` out. Labels are used for scoring and sorting alone.
Stores ``benchmarks/results/stream/DATASET_ORDER.json``.
"""

import numpy as np
from sklearn.cluster import MiniBatchKMeans

from skmixmate import MixMateClustering
from skmixmate.metrics import clustering_scores

from ..common import clock, load, machine, make_parser, parse, store

N_CLUSTERS = 10


def in_order(y: np.ndarray, order: str, seed: int) -> np.ndarray:
    """Rows in the order in which they come."""
    rows = np.random.RandomState(seed).permutation(len(y))
    return rows[np.argsort(y[rows], kind="stable")] if order == "sorted" else rows


def scored(y, labels, started: float) -> dict:
    """Scores and seconds of a method."""
    seconds = round(clock() - started, 1)
    scores = {k: round(float(v), 4) for k, v in clustering_scores(y, labels).items()}
    return scores | {"seconds": seconds}


def stream(model, chunks: list[np.ndarray]) -> np.ndarray:
    """Learn chunk by chunk; return the labels that each chunk got when it came."""
    return np.concatenate([model.partial_fit(chunk).labels_ for chunk in chunks])


def run(X, y, n_chunks: int, order: str, seed: int, with_fit: bool) -> dict:
    """Scores of every method from one seed."""
    rows = in_order(y, order, seed)
    X, y = X[rows], y[rows]
    chunks = np.array_split(X, n_chunks)
    found = {}
    started = clock()
    model = MixMateClustering(N_CLUSTERS, random_state=seed)
    then = stream(model, chunks)
    found["partial_fit"] = scored(y, model.predict(X), started)
    found["partial_fit"]["as_they_came"] = float(np.mean(then == model.predict(X)))
    print(seed, "partial_fit", found["partial_fit"], flush=True)
    started = clock()
    k_means = MiniBatchKMeans(N_CLUSTERS, n_init=3, random_state=seed)
    stream(k_means, chunks)
    found["MiniBatchKMeans"] = scored(y, k_means.predict(X), started)
    print(seed, "MiniBatchKMeans", found["MiniBatchKMeans"], flush=True)
    if with_fit:
        started = clock()
        model = MixMateClustering(N_CLUSTERS, random_state=seed).fit(X)
        found["fit"] = scored(y, model.labels_, started)
        print(seed, "fit", found["fit"], flush=True)
    return {"seed": seed} | found


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("dataset", choices=("digits", "usps", "mnist", "fashion_mnist"))
    parser.add_argument("--chunks", type=int, default=9, help="number of batches")
    parser.add_argument("--order", choices=("shuffled", "sorted"), default="shuffled")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds, from 0")
    parser.add_argument("--no-fit", action="store_true", help="leave `fit` out")
    arguments = parse(parser)
    dataset, order = arguments.dataset, arguments.order
    X, y = load(dataset)
    trials = []
    for seed in range(arguments.seeds):
        trials.append(run(X, y, arguments.chunks, order, seed, not arguments.no_fit))
        store(
            f"stream/{dataset}_{order}",
            {
                "command": f"python -m benchmarks.stream {dataset} "
                f"--chunks {arguments.chunks} --order {order} "
                f"--seeds {arguments.seeds} --threads {arguments.threads}"
                + (" --no-fit" if arguments.no_fit else ""),
                "n_chunks": arguments.chunks,
                "trials": trials,
                "machine": machine(),
            },
        )


if __name__ == "__main__":
    main()
