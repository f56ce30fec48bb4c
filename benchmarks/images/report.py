"""Tables and pictures of images for the docs: ``python -m benchmarks.images.report``.

Reads ``benchmarks/results/images/*.json``; writes docs/tables/images.csv and
docs/_static/n_clusters.png. What has not been measured is left out. ``--train``
also clusters 20,000 images of MNIST for docs/_static/mnist_atom_averages.png.
"""

import numpy as np

from skmixmate import ImageClustering
from skmixmate.inspection import atom_averages

from ..common import (
    SCORES,
    load,
    make_axes,
    make_parser,
    parse,
    random_rows,
    read,
    save_picture,
    with_spread,
    write_table,
)

NAMES = {
    "digits": "digits (8 x 8)",
    "usps": "USPS (16 x 16)",
    "mnist": "MNIST (28 x 28)",
    "fashion_mnist": "Fashion-MNIST (28 x 28)",
    "fashion_mnist_similar_sizes": "the same, similar_sizes=True",
    "usps_missing": "USPS, pixels missing",
    "mnist_missing": "MNIST, pixels missing",
    "mnist_missing_0.5": "MNIST, half of all pixels missing",
    "mnist_missing_0.75": "MNIST, three quarters missing",
}


def write_images() -> None:
    """One row a stored result."""
    rows = []
    for dataset, name in NAMES.items():
        result = read(f"images/{dataset}")
        if result is None:
            continue
        trials = result["trials"]
        seconds = [trial["seconds"] for trial in trials if trial["seconds"]]
        without_vote = [trial["scores_without_vote"]["acc"] for trial in trials]
        rows.append(
            [
                name,
                f"{result['n_samples']:,}",
                *with_spread(result["scores"]),
                f"{result['worst_accuracy']:.3f}",
                f"{np.mean(without_vote):.3f}",
                len(trials),
                # Of trials that waited for other work the mean would tell little.
                round(np.median(seconds)) if seconds else "",
                result["peak_memory_mib"],
            ]
        )
    header = ["data", "images", *SCORES.values(), "worst ACC", "ACC without the vote"]
    header += ["seeds", "median seconds", "peak memory (MiB)"]
    write_table("images", header, rows)


def draw_n_clusters(results: dict) -> None:
    """Both criteria against the number of clusters, a column a data set."""
    figure, axes = make_axes(
        2, len(results), (2.4 * len(results), 4), sharex=True, squeeze=False
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
    save_picture("n_clusters", figure)


def draw_atom_averages(n_images: int = 20_000, n_shown: int = 11) -> None:
    """Mean of each cluster and its most used atoms."""
    X, _ = load("mnist")
    X = X[random_rows(len(X), n_images)].astype(np.float32)
    clusterer = ImageClustering(10, image_shape=(28, 28), random_state=0).fit(X)
    averages = atom_averages(clusterer, X)
    usage = clusterer.mixmate_.atom_usage_
    figure, axes = make_axes(10, n_shown + 1, (8.4, 7.0))
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
    save_picture("mnist_atom_averages", figure)


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("--train", action="store_true", help="also draw atoms of MNIST")
    arguments = parse(parser)
    write_images()
    if n_clusters := read("images/n_clusters"):
        draw_n_clusters(n_clusters["results"])
    if arguments.train:
        draw_atom_averages()


if __name__ == "__main__":
    main()
