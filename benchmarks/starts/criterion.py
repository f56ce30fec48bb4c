"""What loss and criterion prefer: ``python -m benchmarks.starts.criterion``.

`MixMateClustering` in pixels, or on blobs, trained from the true classes and from
k-means, of all sets of `benchmarks.unequal`; with dictionaries whose sizes follow those
of clusters, with learned weights besides, and with dictionaries of one size. Stored is
what each has after training, and on how many of the sets on which k-means is wrong the
truth ends with the lower loss and the lower criterion, as
``benchmarks/results/starts/criterion.json``. Labels are used for starts and for
scoring: this asks what is preferred, and clusters nothing that is reported elsewhere.
"""

import warnings

import numpy as np
from sklearn.cluster import KMeans

from skmixmate import MixMateClustering
from skmixmate.functional import separation_criterion
from skmixmate.metrics import clustering_accuracy

from ..common import machine, make_parser, parse, store
from ..unequal.sets import SETS

KINDS = {
    "sizes of clusters": {},
    "sizes and weights": {"fit_weights": True},
    "one size": {"adapt_n_atoms": False},
}
# Accuracy of k-means from which on both starts are as good.
_IS_RIGHT = 0.98


class KnownLabels:
    """An initialiser that knows the labels of rows in any order."""

    def __init__(self, X, labels):
        self.labels = {
            row.tobytes(): label for row, label in zip(X, labels, strict=True)
        }

    def __call__(self, X, n_clusters, random_state):
        return np.array([self.labels[row.tobytes()] for row in X])


def trained(X, y, labels, parameters: dict, seed: int) -> dict:
    """Loss, criterion and accuracy of a mixture that begins with these labels."""
    model = MixMateClustering(
        int(y.max() + 1),
        init=KnownLabels(X, labels),
        init_size=len(X),
        random_state=seed,
        **parameters,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X)
    return {
        "acc": round(float(clustering_accuracy(y, model.labels_)), 4),
        "loss": round(model.loss_, 5),
        # Not `criterion_`: with one size the estimator ranks by the energy alone.
        "criterion": round(separation(model, X), 5),
    }


def separation(model: MixMateClustering, X) -> float:
    """`separation_criterion` of the training samples."""
    energies = np.sort(model.transform(X) + np.log(model.weights_), axis=1)
    lowest, second = energies[:, :2].mean(axis=0).tolist()
    return separation_criterion(lowest, second)


def measure(name: str, seed: int) -> dict:
    X, y, _ = SETS[name](seed)
    k_means = KMeans(int(y.max() + 1), n_init=10, random_state=seed).fit_predict(X)
    starts = {"truth": y, "k_means": k_means}
    found: dict = {
        "set": name,
        "k_means_acc": round(float(clustering_accuracy(y, k_means)), 4),
    }
    for kind, parameters in KINDS.items():
        found[kind] = {
            start: trained(X, y, labels, parameters, seed)
            for start, labels in starts.items()
        }
    return found


def n_preferred(rows: list[dict]) -> dict:
    """Of sets on which k-means is wrong, those where the truth has less of what."""
    wrong = [row for row in rows if row["k_means_acc"] < _IS_RIGHT]
    found = {"n_sets": len(wrong)}
    for kind in KINDS:
        for value in ("loss", "criterion"):
            found[f"{value}, {kind}"] = sum(
                row[kind]["truth"][value] < row[kind]["k_means"][value] for row in wrong
            )
    return found


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parse(parser)
    rows = []
    for name in SETS:
        rows.append(measure(name, arguments.seed))
        print(rows[-1], flush=True)
    result = {
        "command": f"python -m benchmarks.starts.criterion --seed {arguments.seed} "
        f"--threads {arguments.threads}",
        "truth_preferred": n_preferred(rows),
        "rows": rows,
        "machine": machine(),
    }
    store("starts/criterion", result)
    print(result["truth_preferred"])


if __name__ == "__main__":
    main()
