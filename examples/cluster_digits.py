"""Cluster handwritten digits without labels and look at what was found.

Fits `MixMateClustering` with its defaults to the 1,797 digits that come with
scikit-learn, compares it with KMeans and SpectralClustering in the same run, and writes
two pictures: the atoms of each cluster, and some digits with 30 % of their pixels
missing as each cluster reconstructs them. Labels are used for scoring alone.

    python examples/cluster_digits.py --output FOLDER  # default: output
"""

import argparse
import time
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.cluster import KMeans, SpectralClustering
from sklearn.datasets import load_digits

from skmixmate import MixMateClustering
from skmixmate.metrics import clustering_scores

matplotlib.use("Agg")

from skmixmate.plotting import DictionaryDisplay, ReconstructionDisplay


def main(output: Path) -> None:
    X, y = load_digits(return_X_y=True)
    X = X / 16.0

    print("Training MixMateClustering(n_clusters=10) on 1,797 digits of 8 x 8 pixels")
    clusterers = {
        "MixMateClustering": MixMateClustering(
            n_clusters=10, random_state=0, verbose=1
        ),
        "KMeans": KMeans(n_clusters=10, n_init=10, random_state=0),
        "SpectralClustering": SpectralClustering(
            n_clusters=10, affinity="nearest_neighbors", random_state=0
        ),
    }
    rows = []
    for name, clusterer in clusterers.items():
        started = time.perf_counter()
        scores = clustering_scores(y, clusterer.fit_predict(X))
        rows.append((name, scores, time.perf_counter() - started))

    print(f"\n{'':20} {'ACC':>6} {'NMI':>6} {'ARI':>6} {'seconds':>8}")
    for name, scores, seconds in rows:
        figures = " ".join(f"{scores[key]:6.3f}" for key in ("acc", "nmi", "ari"))
        print(f"{name:20} {figures} {seconds:8.1f}")

    mixmate = clusterers["MixMateClustering"]
    damaged = X[:4].copy()
    damaged[np.random.RandomState(0).uniform(size=damaged.shape) < 0.3] = np.nan
    output.mkdir(parents=True, exist_ok=True)
    for display, name in (
        (
            DictionaryDisplay.from_estimator(mixmate, image_shape=(8, 8)),
            "digits_dictionaries.png",
        ),
        (
            ReconstructionDisplay.from_estimator(mixmate, damaged, image_shape=(8, 8)),
            "digits_reconstructions.png",
        ),
    ):
        display.figure_.savefig(output / name, dpi=100)
        print(f"wrote {output / name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--output", type=Path, default=Path("output"), help="folder for the pictures"
    )
    main(parser.parse_args().output)
