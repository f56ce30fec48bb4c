"""Table and picture of incomplete samples: ``python -m benchmarks.missing.report``.

``--train`` draws the picture, an MNIST image with what methods make of it.
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
                errors = [one["rmse"] for one in found]
                row.append(f"{np.mean(errors):.3f}" if found else "")
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
                for before in ("complete", *IMPUTERS):
                    scores = [
                        trial[f"{before}, {clusterer}"]["acc"]
                        for trial in trials
                        if f"{before}, {clusterer}" in trial
                    ]
                    row.append(f"{np.mean(scores):.3f}" if scores else "")
                *others, ours = row[-len(IMPUTERS) :]
                best = max(float(other) for other in others if other)
                rows.append([*row, f"{float(ours) - best:+.3f}"])
    header = [
        "data",
        "missing",
        "seeds",
        "clusterer",
        "complete",
        *IMPUTERS,
        "ahead by",
    ]
    write_table("missing_accuracies", header, rows)


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
    if arguments.train:
        draw()


if __name__ == "__main__":
    main()
