"""Scores against alpha, as in Fig. 3: ``python -m benchmarks.paper.alpha``.

Trains the paper's recipe on a random part of a data set for each alpha, from the same
starts, and stores ``benchmarks/results/paper/alpha_DATASET.json`` after each alpha. The
paper has all 70,000 images and 50 epochs; fewer do to see the curve. Labels are used
for scoring alone.
"""

import numpy as np

from skmixmate.metrics import clustering_scores

from ..common import load, machine, make_parser, mean_and_std, parse, random_rows, store
from .recipe import PARAMETERS, make_mixmate

ALPHAS = (0.02, 0.1, 0.25, 0.75, 2.0, 5.0, 10.0)


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("dataset", choices=PARAMETERS, nargs="?", default="mnist")
    parser.add_argument("--images", type=int, default=5_000)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--trials", type=int, default=5, help="seeds from 0")
    arguments = parse(parser)

    X, y = load(arguments.dataset)
    rows = []
    for alpha in ALPHAS:
        trials = []
        for seed in range(arguments.trials):
            part = random_rows(len(X), arguments.images, seed)
            mixmate = make_mixmate(arguments.dataset, seed, arguments.epochs)
            mixmate.set_params(alpha=alpha).fit(X[part])
            probability = mixmate.predict_proba(X[part]).max(axis=1)
            codes = mixmate.encode(X[part])
            trials.append(
                clustering_scores(y[part], mixmate.labels_)
                | {
                    "largest_probability": float(probability.mean()),
                    "n_nonzero": float(np.count_nonzero(codes, axis=1).mean()),
                }
            )
        rows.append({"alpha": alpha, **mean_and_std(trials), "trials": trials})
        print(alpha, rows[-1]["mean"], flush=True)
        result = {
            "command": f"python -m benchmarks.paper.alpha {arguments.dataset} "
            f"--images {arguments.images} --epochs {arguments.epochs} "
            f"--trials {arguments.trials} --threads {arguments.threads}",
            "rows": rows,
            "machine": machine(),
        }
        store(f"paper/alpha_{arguments.dataset}", result)


if __name__ == "__main__":
    main()
