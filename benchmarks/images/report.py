"""Table and picture of the image clusterer for the docs.

``python -m benchmarks.images.report`` writes docs/tables/images.csv from
``benchmarks/results/images/*.json`` and, unless ``--no-picture``, clusters MNIST once
for docs/_static/mnist_atom_averages.png.
"""

import argparse
import json

import numpy as np
import torch

from skmixmate.inspection import atom_averages
from skmixmate.recipes import make_image_clusterer

from ..common import DOCS, RESULTS, load, write_table

NAMES = {
    "digits": "digits (8 x 8)",
    "usps": "USPS (16 x 16)",
    "mnist": "MNIST (28 x 28)",
    "fashion_mnist": "Fashion-MNIST (28 x 28)",
    "usps_missing": "USPS, pixels missing",
    "mnist_missing": "MNIST, pixels missing",
}


def tabulate() -> None:
    """One row a stored result."""
    header = "data,images,ACC,NMI,ARI,worst ACC,ACC without the vote,seeds,"
    header += "median seconds,peak memory (MiB)"
    rows = []
    for dataset, name in NAMES.items():
        path = RESULTS / f"images/{dataset}.json"
        if not path.exists():
            continue
        result = json.loads(path.read_text())
        mean, std = result["scores"]["mean"], result["scores"]["std"]
        without_vote = [
            trial["scores_without_vote"]["acc"] for trial in result["trials"]
        ]
        rows.append(
            [
                name,
                f"{result['n_samples']:,}",
                *(f"{mean[key]:.3f} ± {std[key]:.3f}" for key in ("acc", "nmi", "ari")),
                f"{result['worst_accuracy']:.3f}",
                f"{np.mean(without_vote):.3f}",
                len(result["trials"]),
                # Of trials that waited for other work the mean would tell little.
                round(np.median([trial["seconds"] for trial in result["trials"]])),
                result["peak_memory_mib"],
            ]
        )
    write_table("images", header.split(","), rows)


def draw(n_images: int = 20_000, n_shown: int = 11) -> None:
    """Mean of each cluster and its most used atoms."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    X, _ = load("mnist")
    chosen = np.random.RandomState(0).permutation(len(X))[:n_images]
    X = X[chosen].astype(np.float32)
    clusterer = make_image_clusterer(10, (28, 28), random_state=0).fit(X)
    averages = atom_averages(clusterer, X)
    usage = clusterer[-1].mixmate_.atom_usage_
    figure, axes = plt.subplots(10, n_shown + 1, figsize=(8.4, 7.0))
    for cluster, row in enumerate(axes):
        most_used = np.argsort(-usage[cluster])[:n_shown]
        atoms = averages.atom_means[cluster, most_used]
        for ax, picture in zip(
            row, [averages.cluster_means[cluster], *atoms], strict=True
        ):
            ax.imshow(picture.reshape(28, 28), cmap="gray_r")
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
    axes[0, 0].set_title("mean", fontsize="medium")
    axes[0, 1].set_title("atoms", fontsize="medium", loc="left")
    figure.tight_layout(pad=0.3)
    path = DOCS / "_static" / "mnist_atom_averages.png"
    figure.savefig(path, dpi=90)
    print(f"wrote {path.relative_to(DOCS.parent)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-picture", action="store_true")
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    tabulate()
    if not arguments.no_picture:
        draw()


if __name__ == "__main__":
    main()
