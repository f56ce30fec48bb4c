"""Tables and a picture of unequal clusters: ``python -m benchmarks.unequal.report``.

Reads ``benchmarks/results/unequal/*.json``; writes docs/tables/unequal_images.csv,
unequal_blobs.csv and docs/_static/unequal.png. What has not been measured is left out.
"""

import numpy as np

from ..common import (
    DATASETS,
    make_axes,
    make_parser,
    parse,
    read,
    save_picture,
    write_table,
)
from .sets import SETS

METHODS = {
    "make_image_clusterer": "image clusterer",
    "MixMate in pixels": "MixMate",
    "KMeans": "KMeans",
    "GaussianMixture": "Gaussian mixture",
    "SpectralClustering": "spectral",
    "UMAP + GaussianMixture": "UMAP + GMM",
    "UMAP + HDBSCAN": "UMAP + HDBSCAN",
    "EVoC": "EVoC",
}
KINDS = {"balanced": 1, "10_to_1": 10, "50_to_1": 50}


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
    left_out = ("make_image_clusterer", "UMAP + GaussianMixture", "UMAP + HDBSCAN")
    methods = {k: v for k, v in METHODS.items() if k not in left_out}
    rows = [
        [
            name.removeprefix("blobs_").replace("_", " "),
            *(f"{mean(result['trials'][method], 'ari'):.3f}" for method in methods),
        ]
        for name, result in results.items()
        if name.startswith("blobs")
    ]
    header = ["features, distance, sizes", *methods.values()]
    write_table("unequal_blobs", header, rows)


def draw(results: dict) -> None:
    """Accuracy against imbalance, a panel a data set."""
    names = [n for n in DATASETS if f"{n}_10_to_1" in results]
    if not names:
        return
    figure, axes = make_axes(
        1, len(names), (3.0 * len(names), 3.4), sharey=True, squeeze=False
    )
    for ax, name in zip(axes[0], names, strict=True):
        for method, label in METHODS.items():
            measured = {
                ratio: mean(results[f"{name}_{kind}"]["trials"][method], "acc")
                for kind, ratio in KINDS.items()
                if method in results.get(f"{name}_{kind}", {}).get("trials", {})
            }
            is_ours = method in ("make_image_clusterer", "MixMate in pixels")
            ax.plot(
                list(measured),
                list(measured.values()),
                "o-" if is_ours else ".--",
                linewidth=2.0 if is_ours else 1.0,
                label=label,
            )
        ax.set_xscale("log")
        ax.set_xticks(list(KINDS.values()), [f"{n}:1" for n in KINDS.values()])
        ax.minorticks_off()
        ax.set_title(DATASETS[name], fontsize="medium")
    axes[0, 0].set_ylabel("ACC")
    figure.supxlabel("largest class : smallest class", fontsize="medium")
    figure.tight_layout(rect=(0, 0.16, 1, 1))
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=4, fontsize="small")
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
