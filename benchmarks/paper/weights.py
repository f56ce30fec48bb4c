"""Learned mixture weights against equal ones: ``python -m benchmarks.paper.weights``.

The paper fixes the weights of its balanced data sets and says that they could be
learned. This trains its recipe both ways, on a random part of MNIST and on a part in
which each digit is rarer than the one before, and stores
``benchmarks/results/paper/weights.json``. Labels choose the unbalanced part and score
the clusters; nothing else sees them.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment

from skmixmate.metrics import clustering_scores

from ..common import load, machine, make_parser, mean_and_std, parse, random_rows, store
from .recipe import PARAMETERS, make_mixmate


def balanced_part(y: np.ndarray, n_images: int, seed: int) -> np.ndarray:
    return random_rows(len(y), n_images, seed)


def unbalanced_part(y: np.ndarray, n_images: int, seed: int) -> np.ndarray:
    """Each class has 0.7 times the images of the class before it."""
    random_state = np.random.RandomState(seed)
    shares = 0.7 ** np.arange(10)
    sizes = np.round(n_images * shares / shares.sum()).astype(int)
    classes = random_state.permutation(10)
    parts = [
        random_state.permutation(np.flatnonzero(y == label))[:size]
        for label, size in zip(classes, sizes, strict=True)
    ]
    return random_state.permutation(np.concatenate(parts))


def weights_of_classes(y, labels, weights) -> list[float]:
    """The weight of the cluster matched to each class, classes by size."""
    table = np.zeros((10, 10), dtype=int)
    np.add.at(table, (y, labels), 1)
    _, clusters = linear_sum_assignment(-table)
    order = np.argsort(-np.bincount(y, minlength=10), kind="stable")
    return [round(float(weights[clusters[label]]), 4) for label in order]


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("dataset", choices=PARAMETERS, nargs="?", default="mnist")
    parser.add_argument("--images", type=int, default=5_000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--trials", type=int, default=5, help="seeds from 0")
    arguments = parse(parser)

    X, y = load(arguments.dataset)
    rows = []
    for part_name, draw in (
        ("balanced", balanced_part),
        ("unbalanced", unbalanced_part),
    ):
        for fit_weights in (False, True):
            trials = []
            for seed in range(arguments.trials):
                part = draw(y, arguments.images, seed)
                mixmate = make_mixmate(arguments.dataset, seed, arguments.epochs)
                mixmate.set_params(fit_weights=fit_weights).fit(X[part])
                sizes = np.sort(np.bincount(y[part], minlength=10))[::-1]
                trials.append(
                    {
                        "scores": clustering_scores(y[part], mixmate.labels_),
                        "class_shares": (sizes / sizes.sum()).round(4).tolist(),
                        "weights": weights_of_classes(
                            y[part], mixmate.labels_, mixmate.weights_
                        ),
                    }
                )
            scores = mean_and_std([trial["scores"] for trial in trials])
            rows.append(
                {"part": part_name, "fit_weights": fit_weights, **scores}
                | {"trials": trials}
            )
            print(part_name, fit_weights, scores, flush=True)
    result = {
        "command": f"python -m benchmarks.paper.weights {arguments.dataset} "
        f"--images {arguments.images} --epochs {arguments.epochs} "
        f"--trials {arguments.trials} --threads {arguments.threads}",
        "rows": rows,
        "machine": machine(),
    }
    store("paper/weights", result)


if __name__ == "__main__":
    main()
