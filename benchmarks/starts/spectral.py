"""Why the spectral start takes more eigenvectors than clusters.

``python -m benchmarks.starts.spectral`` clusters five random subsets of each data set
spectrally, for several numbers of eigenvectors and diffusion times, and stores the mean
scores as ``benchmarks/results/starts/spectral.json``. The defaults, 1.5 times the
number of clusters and time 1, were chosen by looking at this table, one pair for all
data.
"""

import math
from collections import defaultdict

from sklearn.datasets import make_blobs
from sklearn.neighbors import kneighbors_graph

from skmixmate.initializers import spectral_clustering_labels
from skmixmate.metrics import clustering_scores

from ..common import (
    DATASETS,
    load,
    machine,
    make_parser,
    mean_and_std,
    parse,
    random_rows,
    store,
)

RATIOS = (1.0, 1.25, 1.5, 1.75, 2.0)
TIMES = (0.0, 1.0, 2.0, 4.0)
SUBSET_SIZE = 5000


def subsets(seed: int):
    """Yield name, samples, classes and number of clusters."""
    for name in DATASETS:
        X, y = load(name)
        chosen = random_rows(len(X), SUBSET_SIZE, seed)
        yield name, X[chosen], y[chosen], 10
    for n_clusters in (3, 8):
        X, y = make_blobs(100 * n_clusters, centers=n_clusters, random_state=seed)
        yield f"blobs_{n_clusters}", X, y, n_clusters


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds, from 0")
    arguments = parse(parser, threads=2)
    scores = defaultdict(list)
    for seed in range(arguments.seeds):
        for name, X, y, n_clusters in subsets(seed):
            graph = kneighbors_graph(X, 10)
            for ratio in RATIOS:
                for time in TIMES:
                    labels = spectral_clustering_labels(
                        0.5 * (graph + graph.T),
                        n_clusters,
                        seed,
                        n_components=math.ceil(ratio * n_clusters),
                        diffusion_time=time,
                    )
                    scores[name, ratio, time].append(clustering_scores(y, labels))
    table = [
        {"data": name, "ratio": ratio, "time": time, **mean_and_std(trials)}
        for (name, ratio, time), trials in scores.items()
    ]
    for row in table:
        print(row["data"], row["ratio"], row["time"], row["mean"])
    store(
        "starts/spectral",
        {
            "command": "python -m benchmarks.starts.spectral "
            f"--seeds {arguments.seeds} --threads {arguments.threads}",
            "n_neighbors": 10,
            "table": table,
            "machine": machine(),
        },
    )


if __name__ == "__main__":
    main()
