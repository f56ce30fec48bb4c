"""Whether the truth is preferred: ``python -m benchmarks.starts.criterion``.

`MixMateClustering` in pixels, or on blobs, trained from the true classes and from
k-means, of all sets of ``benchmarks.unequal``; with dictionaries whose sizes follow
those of clusters, and with dictionaries of one size. Stored is what each has after
training, and by how much the loss and the criterion are lower from the truth, as
``benchmarks/results/starts/criterion.json``: on which sets it is told by either, where
k-means is wrong. Labels are used for starts and for scoring: this asks what the
criterion prefers, and is no clustering.
"""

import warnings

import numpy as np
from sklearn.cluster import KMeans

from skmixmate import MixMateClustering
from skmixmate.metrics import clustering_accuracy

from ..common import machine, make_parser, parse, store
from ..unequal.sets import SETS

# Sizes of dictionaries: whether they follow those of clusters.
KINDS = {"sizes of clusters": True, "one size": False}
# Accuracy of k-means from which on both starts are as good.
_IS_RIGHT = 0.98


def trained(X, y, labels, adapts: bool, seed: int) -> dict:
    """Loss, criterion and accuracy of a mixture that begins with these labels."""
    model = MixMateClustering(
        int(y.max() + 1),
        # All samples are of the start, in an order that the fit draws.
        init=_Labels(X, labels),
        init_size=len(X),
        adapt_n_atoms=adapts,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X)
    return {
        "acc": round(float(clustering_accuracy(y, model.labels_)), 4),
        "loss": round(model.loss_, 5),
        "criterion": round(model.criterion_, 5),
    }


class _Labels:
    """An initialiser that knows the labels of rows in any order."""

    def __init__(self, X, labels):
        self.labels = {
            row.tobytes(): label for row, label in zip(X, labels, strict=True)
        }

    def __call__(self, X, n_clusters, random_state):
        return np.array([self.labels[row.tobytes()] for row in X])


def measure(name: str, seed: int) -> dict:
    X, y, _ = SETS[name](seed)
    k_means = KMeans(int(y.max() + 1), n_init=10, random_state=seed).fit_predict(X)
    found: dict = {
        "set": name,
        "k_means_acc": round(float(clustering_accuracy(y, k_means)), 4),
    }
    for kind, adapts in KINDS.items():
        found[kind] = {
            start: trained(X, y, labels, adapts, seed)
            for start, labels in (("truth", y), ("k_means", k_means))
        }
    return found


def n_preferred(rows: list[dict]) -> dict:
    """Sets on which k-means is wrong, and those where the truth has less of what."""
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
