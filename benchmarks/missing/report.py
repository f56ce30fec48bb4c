"""Tables and pictures of incomplete samples: ``python -m benchmarks.missing.report``.

``--train`` draws MNIST images with what methods make of them, too.
"""

import numpy as np

from ..common import (
    DATASETS,
    load,
    make_axes,
    make_parser,
    parse,
    random_rows,
    read,
    save_picture,
    square,
    write_table,
)
from .imputers import IMPUTERS, MASKS

PICTURED = ("0.5", "0.75", "block")
SETS = {**DATASETS, "signals": "signals"}
# Those that clusterers were run after.
CLUSTERED = ("KNNImputer", "iterative SVD", "one Gaussian", "LocalGaussianImputer")
# Imputers and clusterers of the picture, None for the ready-made one, and their styles.
LINES = (
    ("LocalGaussianImputer", None, "o-"),
    ("one Gaussian", None, "x:"),
    ("iterative SVD", None, "s:"),
    ("KNNImputer", None, "v:"),
    ("iterative SVD", "UMAP + GaussianMixture", "d--"),
    ("iterative SVD", "KMeans", ".--"),
)


def write_errors() -> None:
    """Errors of what is filled in, means over seeds, a row a mask."""
    rows = []
    for dataset in SETS:
        result = read(f"missing/{dataset}")
        if result is None:
            continue
        for mask, trials in result["trials"].items():
            if not trials:
                continue
            row = [SETS[dataset], mask, len(trials)]
            for name in IMPUTERS:
                found = [trial[name] for trial in trials if name in trial]
                errors = [one["rmse"] for one in found if "rmse" in one]
                if len(errors) < len(found):
                    row.append("failed")
                else:
                    row.append(f"{np.mean(errors):.3f}" if errors else "")
            ours = [trial["LocalGaussianImputer"] for trial in trials]
            row.append(f"{np.mean([one['coverage'] for one in ours]):.3f}")
            row.append(f"{np.mean([one['seconds'] for one in ours]):.1f}")
            rows.append(row)
    header = ["data", "missing", "seeds", *IMPUTERS, "coverage", "seconds"]
    write_table("missing_errors", header, rows)


def write_accuracies() -> None:
    """Accuracy of clusterers on what is filled in, means over seeds."""
    rows = []
    for dataset in SETS:
        result = read(f"missing/{dataset}_clusters")
        for mask, trials in result["trials"].items() if result else ():
            names = [name for name in (trials[0] if trials else ()) if ", " in name]
            for clusterer in dict.fromkeys(name.split(", ")[1] for name in names):
                row = [SETS[dataset], mask, len(trials), clusterer]
                for before in ("complete", *CLUSTERED):
                    scores = [
                        trial[f"{before}, {clusterer}"]["acc"]
                        for trial in trials
                        if f"{before}, {clusterer}" in trial
                    ]
                    row.append(f"{np.mean(scores):.3f}" if scores else "")
                *others, ours = row[-len(CLUSTERED) :]
                best = max(float(other) for other in others if other)
                rows.append([*row, f"{float(ours) - best:+.3f}"])
    header = [
        "data",
        "missing",
        "seeds",
        "clusterer",
        "complete",
        *CLUSTERED,
        "ahead by",
    ]
    write_table("missing_accuracies", header, rows)


def draw_accuracies() -> None:
    """Accuracy against the share that is missing, a panel a data set."""
    found = {name: read(f"missing/{name}_clusters") for name in SETS}
    results = {name: result["trials"] for name, result in found.items() if result}
    figure, axes = make_axes(1, len(results), (10.0, 3.2), sharey=True, squeeze=False)
    for ax, (dataset, trials) in zip(axes[0], results.items(), strict=True):
        ready = "signals" if dataset == "signals" else "images"
        for i, (imputer, clusterer, style) in enumerate(LINES):
            clusterer = clusterer or ready
            shares = [mask for mask in trials if mask[0].isdigit()]
            # Lines do not join different draws.
            n_common = min(len(trials[mask]) for mask in shares)
            means: dict[float, float] = {}
            for mask in shares:
                for share, before in ((0.0, "complete"), (float(mask), imputer)):
                    name = f"{before}, {clusterer}"
                    scores = [
                        trial[name]["acc"]
                        for trial in trials[mask][:n_common]
                        if name in trial
                    ]
                    if scores:
                        means[share] = np.mean(scores)
            if len(means) > 1:
                label = imputer if clusterer == ready else f"{imputer}, {clusterer}"
                values = list(means.values())
                ax.plot(list(means), values, style, color=f"C{i}", label=label)
        ax.set_title(SETS[dataset], fontsize=9)
        ax.set_xlabel("share missing")
        ax.grid(axis="y", color="0.9")
    axes[0, 0].set_ylabel("ACC")
    axes[0, -1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
    figure.tight_layout()
    save_picture("missing_accuracies", figure)


def draw() -> None:
    """Images, what is observed of them, and what each method makes of that."""
    X, _ = load("mnist")
    X = X[random_rows(len(X), 3000)]
    shown = ("iterative SVD", "LocalGaussianImputer")
    titles = ("image", "observed", *shown)
    figure, axes = make_axes(len(PICTURED), len(titles), (6.4, 5.2))
    for i, mask in enumerate(PICTURED):
        missing = MASKS[mask](X, square(X), np.random.RandomState(0))
        holed = np.where(missing, np.nan, X).astype(np.float32)
        pictures = [X[i], holed[i], *(IMPUTERS[name](holed, 0)[i] for name in shown)]
        for ax, title, picture in zip(axes[i], titles, pictures, strict=True):
            ax.set_facecolor("#d05050")
            ax.imshow(picture.reshape(square(X)), cmap="gray", vmin=0, vmax=1)
            ax.set_xticks([])
            ax.set_yticks([])
            if i == 0:
                ax.set_title(title, fontsize=9)
    figure.tight_layout()
    save_picture("missing", figure)


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("--train", action="store_true", help="draw the picture")
    arguments = parse(parser)
    write_errors()
    write_accuracies()
    draw_accuracies()
    if arguments.train:
        draw()


if __name__ == "__main__":
    main()
