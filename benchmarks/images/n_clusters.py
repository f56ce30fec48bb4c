"""How many clusters: ``python -m benchmarks.images.n_clusters usps mnist``.

`skmixmate.model_selection.cluster_stability` and the held-out score of the image
clusterer against ``n_clusters``, on random images of each data set, stored as
``benchmarks/results/images/n_clusters.json`` and drawn as docs/_static/n_clusters.png. Labels
are used for nothing.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.base import clone

from skmixmate.model_selection import cluster_stability

from ..common import DATASETS, RESULTS, machine, store
from .features import some_features

PICTURE = Path(__file__).parents[2] / "docs" / "_static" / "n_clusters.png"


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


def draw(results: dict) -> None:
    """Both criteria against the number of clusters, a column a data set."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        2, len(results), figsize=(2.4 * len(results), 4), sharex=True, squeeze=False
    )
    for column, (dataset, result) in zip(axes.T, results.items(), strict=True):
        numbers = [row["n_clusters"] for row in result["rows"]]
        stability = np.array([row["stability"] for row in result["rows"]])
        column[0].plot(numbers, stability, ".", color="0.6")
        column[0].plot(numbers, stability.mean(axis=1), color="C0")
        column[1].plot(
            numbers, [row["held_out_score"] for row in result["rows"]], color="C1"
        )
        column[0].set_title(dataset, fontsize="medium")
        column[1].set_xlabel("n_clusters")
        for ax in column:
            ax.axvline(10, color="0.85", zorder=0)
    axes[0, 0].set_ylabel("stability")
    axes[1, 0].set_ylabel("held-out score")
    figure.tight_layout()
    figure.savefig(PICTURE, dpi=90)
    print(f"wrote {PICTURE.relative_to(PICTURE.parents[2])}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", choices=DATASETS, nargs="+")
    parser.add_argument("--images", type=int, default=9000, help="at most so many")
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    stored = RESULTS / "images" / "n_clusters.json"
    results = json.loads(stored.read_text())["results"] if stored.exists() else {}
    for dataset in arguments.datasets:
        numbers = [4, 6, 8, 9, 10, 11, 12, 14]
        results[dataset] = measure(dataset, numbers, arguments.images)
        command = f"python -m benchmarks.images.n_clusters {' '.join(arguments.datasets)} "
        result = {
            "command": command + f"--images {arguments.images}",
            "results": {name: results[name] for name in DATASETS if name in results},
            "machine": machine(),
        }
        store("images/n_clusters", result)
    draw(result["results"])


if __name__ == "__main__":
    main()
