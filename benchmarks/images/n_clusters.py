"""How many clusters: ``python -m benchmarks.images.n_clusters usps mnist``.

`skmixmate.model_selection.cluster_stability` and the held-out score of the image
clusterer against ``n_clusters``, on random images of each data set, stored as
``benchmarks/results/images/n_clusters.json``. Labels are used for nothing.
"""

import time

from sklearn.base import clone

from skmixmate.model_selection import cluster_stability

from ..common import DATASETS, machine, make_parser, parse, read, store
from .features import some_features


def measure(dataset: str, numbers: list[int], n_images: int) -> dict:
    """Stability and held-out score for each number of clusters."""
    features, _, of_images = some_features(dataset, n_images)
    n_held_out = len(features) // 3
    train, held_out = features[n_held_out:], features[:n_held_out]
    rows = []
    for n_clusters in numbers:
        started = time.perf_counter()
        mixmate = clone(of_images).set_params(
            n_clusters=n_clusters, max_iter=2, batch_size=256
        )
        stability = cluster_stability(mixmate, features, random_state=0)
        rows.append(
            {
                "n_clusters": n_clusters,
                "stability": [round(float(score), 4) for score in stability],
                "held_out_score": round(mixmate.fit(train).score(held_out), 3),
                "seconds": round(time.perf_counter() - started, 1),
            }
        )
        print(dataset, rows[-1], flush=True)
    return {"n_images": len(features), "rows": rows}


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("datasets", choices=DATASETS, nargs="+")
    parser.add_argument("--images", type=int, default=9000, help="at most so many")
    arguments = parse(parser)
    # Data sets that are not run stay as they were stored.
    results = (read("images/n_clusters") or {"results": {}})["results"]
    for dataset in arguments.datasets:
        numbers = [4, 6, 8, 9, 10, 11, 12, 14]
        results[dataset] = measure(dataset, numbers, arguments.images)
        result = {
            "command": "python -m benchmarks.images.n_clusters "
            f"{' '.join(arguments.datasets)} --images {arguments.images} "
            f"--threads {arguments.threads}",
            "results": {name: results[name] for name in DATASETS if name in results},
            "machine": machine(),
        }
        store("images/n_clusters", result)


if __name__ == "__main__":
    main()
