"""Tables and a picture of unequal clusters: ``python -m benchmarks.unequal.report``.

Reads ``benchmarks/results/unequal/*.json``; writes docs/tables/unequal_images.csv,
unequal_blobs.csv and docs/_static/unequal.png. What has not been measured is left out.
"""

import numpy as np

from ..common import (
    make_axes,
    make_parser,
    parse,
    read,
    save_picture,
    write_table,
)
from .sets import SETS

METHODS = {
    "ImageClustering": "ImageClustering",
    "MixMate in pixels": "MixMate",
    "KMeans": "KMeans",
    "GaussianMixture": "Gaussian mixture",
    "SpectralClustering": "spectral",
    "UMAP + GaussianMixture": "UMAP + GMM",
    "UMAP + HDBSCAN": "UMAP + HDBSCAN",
    "EVoC": "EVoC",
}


def mean(trials: list[dict], score: str) -> float:
    """Mean of a score over the draws."""
    return float(np.mean([trial[score] for trial in trials]))


def write_images(results: dict) -> None:
    """A row a set: accuracy, and balanced accuracy, of each method."""
    rows = []
    for name, result in results.items():
        if name.startswith("blobs"):
            continue
        sizes = result["class_sizes"]
        row = [name.replace("_", " "), f"{max(sizes)} to {min(sizes)}"]
        row.append(len(result["trials"]["KMeans"]))
        for method in METHODS:
            row.append("")
            if trials := result["trials"].get(method):
                row[-1] = f"{mean(trials, 'acc'):.3f} / {mean(trials, 'balanced'):.3f}"
        rows.append(row)
    write_table("unequal_images", ["data", "sizes", "draws", *METHODS.values()], rows)


def write_blobs(results: dict) -> None:
    """A row a set: adjusted Rand index of each method."""
    left_out = ("ImageClustering", "UMAP + GaussianMixture", "UMAP + HDBSCAN")
    methods = {k: v for k, v in METHODS.items() if k not in left_out}
    rows = [
        [
            name.removeprefix("blobs_").replace("_", " "),
            *(
                f"{mean(result['trials'][method], 'ari'):.3f}"
                if method in result["trials"]
                else ""
                for method in methods
            ),
        ]
        for name, result in results.items()
        if name.startswith("blobs")
    ]
    header = ["features, distance, sizes", *methods.values()]
    write_table("unequal_blobs", header, rows)


def draw(results: dict) -> None:
    """Accuracy of each method, a column a set of images, the most unequal ones last."""
    sets = {
        name: (max(result["class_sizes"]) / min(result["class_sizes"]), result)
        for name, result in results.items()
        if not name.startswith("blobs")
    }
    names = sorted(sets, key=lambda name: sets[name][0])
    if not names:
        return
    # Room for the names of all.
    figure, axes = make_axes(1, 1, (2.4 + 0.7 * len(names), 4.6), squeeze=False)
    ax = axes[0, 0]
    for method, label in METHODS.items():
        is_ours = method in ("ImageClustering", "MixMate in pixels")
        found = {
            x: mean(sets[name][1]["trials"][method], "acc")
            for x, name in enumerate(names)
            if method in sets[name][1]["trials"]
        }
        ax.plot(
            list(found),
            list(found.values()),
            "o-" if is_ours else "x:",
            linewidth=2.0 if is_ours else 0.8,
            label=label,
        )
    # The data on a line of their own, or names of neighbours run into each other.
    short = [name.replace("fashion_mnist", "fashion") for name in names]
    labels = [
        "\n".join([*title.split("_", 1), f"{sets[name][0]:.0f}:1"]).replace("_", " ")
        for name, title in zip(names, short, strict=True)
    ]
    ax.set_xticks(range(len(names)), labels, fontsize="small")
    ax.set_ylabel("ACC")
    ax.set_xlabel("largest class : smallest class")
    ax.grid(axis="y", color="0.9")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small")
    figure.tight_layout()
    save_picture("unequal", figure)


def main():
    parse(make_parser(__spec__.name, __doc__))
    found = {name: read(f"unequal/{name}") for name in SETS}
    results = {name: result for name, result in found.items() if result}
    write_images(results)
    write_blobs(results)
    draw(results)


if __name__ == "__main__":
    main()
