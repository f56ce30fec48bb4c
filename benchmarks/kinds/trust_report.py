"""Tables and picture of labels to trust: ``python -m benchmarks.kinds.trust_report``.

With ``--train``, the picture of the number of clusters of MNIST is drawn again.
"""

import numpy as np

from skmixmate import ImageClustering
from skmixmate.plotting import StabilityDisplay

from ..common import (
    DATASETS,
    load,
    make_parser,
    parse,
    random_rows,
    read,
    save_picture,
    square,
    write_table,
)

_LABELS = {
    "outlier_scores": "``outlier_scores``",
    "-score_samples": "``-score_samples``",
    "1 - largest probability": "1 - largest probability",
    "IsolationForest": "IsolationForest",
    "LocalOutlierFactor": "LocalOutlierFactor",
}


def calibration_table() -> None:
    result = read("kinds/calibration")
    if result is None:
        return
    rows = []
    for row in result["rows"]:
        keys = ["acc", "mean_largest_probability", "expected_calibration_error"]
        cells = [f"{row[key]:.3f}" for key in [*keys, "auroc_of_errors"]]
        rows.append([DATASETS[row["data"]], f"{row['temperature']:.1f}", *cells])
    header = ["data", "temperature", "ACC", "mean probability", "ECE", "AUROC"]
    write_table("calibration", header, rows)


def outliers_table() -> None:
    result = read("kinds/outliers")
    if result is None:
        return
    found = result["rows"]
    kinds = {
        "Fashion-MNIST among MNIST": [r for r in found if "Fashion" in r["odd"]],
        "a digit left out, mean": [r for r in found if "digit" in r["odd"]],
        "a digit left out, worst": [r for r in found if "digit" in r["odd"]],
    }
    rows = []
    for kind, some in kinds.items():
        statistic = np.min if "worst" in kind else np.mean
        values = [statistic([row[key] for row in some]) for key in _LABELS]
        rows.append([kind, *(f"{value:.3f}" for value in values)])
    write_table("outliers", ["odd", *_LABELS.values()], rows)


def number_table(seeds: tuple[int, ...] = (2, 3, 4, 5)) -> None:
    result = read("kinds/number")
    if result is None:
        return
    of_set: dict[str, dict] = {}
    for row in result["rows"]:
        if row["seed"] in seeds:
            of_set.setdefault(row["data"], {})[row["seed"]] = row
    rows = []
    for name, draws in of_set.items():
        drawn = [draws[seed] for seed in sorted(draws)]
        rows.append(
            [
                name.replace("_", " "),
                drawn[0]["classes"],
                ", ".join(str(row["chosen"]) for row in drawn),
                ", ".join(str(row["silhouette"]) for row in drawn),
                f"{np.median([row['seconds'] for row in drawn]):.0f}",
            ]
        )
    write_table("number", ["data", "classes", "chosen", "silhouette", "s"], rows)


def draw_number() -> None:
    X, _ = load("mnist")
    X = X[random_rows(len(X), 5000)]
    clusterer = ImageClustering(image_shape=square(X), random_state=0)
    display = StabilityDisplay.from_estimator(clusterer, X, random_state=0)
    save_picture("n_clusters_mnist", display.figure_)


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("--train", action="store_true", help="draw the picture")
    arguments = parse(parser)
    calibration_table()
    outliers_table()
    number_table()
    if arguments.train:
        draw_number()


if __name__ == "__main__":
    main()
