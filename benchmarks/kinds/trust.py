"""How sure, and what does not belong: ``python -m benchmarks.kinds.trust WHAT``.

"calibration" fits `ImageClustering` to all of a data set, and stores the accuracy of
labels, the mean of the largest probabilities, the expected calibration error (15 bins)
and the area under the ROC curve of finding wrong samples by low probabilities, with the
temperature that was found and with 1, as ``benchmarks/results/kinds/calibration.json``.

"outliers" has 6,000 images of MNIST: one in a hundred replaced by one of Fashion-MNIST,
and with each digit left out in turn from the training images and in among 3,000 others.
It stores the areas under the ROC curve of finding what is not a digit, or a digit left
out, by `outlier_scores`, by the mixture's scores, by doubt, and by scikit-learn's
methods on the same features, as ``benchmarks/results/kinds/outliers.json``.

"incomplete" hides entries of new samples of five blobs that overlap, and stores the
accuracy of their labels and the mean of the largest probabilities, as
``benchmarks/results/kinds/incomplete.json``.

Labels are used for scoring alone.
"""

import warnings

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.datasets import make_blobs
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.metrics.cluster import contingency_matrix
from sklearn.neighbors import LocalOutlierFactor

from skmixmate import EmbeddingClustering, ImageClustering

from ..common import (
    DATASETS,
    load,
    machine,
    make_parser,
    parse,
    random_rows,
    square,
    store,
)

_N_BINS = 15


def calibration(seeds: int) -> list[dict]:
    rows = []
    for name in DATASETS:
        X, y = load(name)
        y = np.unique(y, return_inverse=True)[1]
        for seed in range(seeds):
            clusterer = ImageClustering(10, image_shape=square(X), random_state=seed)
            clusterer.fit(X)
            found = clusterer.temperature_
            for temperature in (found, 1.0):
                clusterer.voting_.temperature_ = temperature
                P = clusterer.predict_proba(X)
                row = {"data": name, "seed": seed, "temperature": temperature}
                rows.append(row | of_probabilities(y, P))
                print(rows[-1], flush=True)
    return rows


def of_probabilities(y, P) -> dict:
    labels, sure = P.argmax(axis=1), P.max(axis=1)
    counts = contingency_matrix(y, np.arange(P.shape[1])[labels])
    classes, clusters = linear_sum_assignment(counts, maximize=True)
    right = (
        classes[np.argsort(clusters)][np.unique(labels, return_inverse=True)[1]] == y
    )
    bins = np.minimum((sure * _N_BINS).astype(int), _N_BINS - 1)
    gaps = [
        abs(sure[bins == one].mean() - right[bins == one].mean()) * (bins == one).mean()
        for one in np.unique(bins)
    ]
    return {
        "acc": round(float(right.mean()), 4),
        "mean_largest_probability": round(float(sure.mean()), 4),
        "expected_calibration_error": round(float(sum(gaps)), 4),
        "auroc_of_errors": round(float(roc_auc_score(~right, -sure)), 4),
    }


def outliers(seeds: int) -> list[dict]:
    X, y = load("mnist")
    others, _ = load("fashion_mnist")
    rows = []
    for seed in range(seeds):
        chosen = random_rows(len(X), 9000, seed)
        clothes = others[random_rows(len(others), 60, seed)]
        mixed = np.concatenate([X[chosen[:5940]], clothes])
        is_odd = np.arange(6000) >= 5940
        rows.append({"odd": "Fashion-MNIST, 1 %", "seed": seed})
        rows[-1] |= of_scores(10, seed, mixed, mixed, is_odd)
        print(rows[-1], flush=True)
        train, test = np.split(chosen, [6000])
        for digit in range(10):
            kept = train[y[train] != digit]
            rows.append({"odd": f"digit {digit} left out", "seed": seed})
            rows[-1] |= of_scores(9, seed, X[kept], X[test], y[test] == digit)
            print(rows[-1], flush=True)
    return rows


def of_scores(n_clusters: int, seed: int, X_train, X, is_odd) -> dict:
    clusterer = ImageClustering(n_clusters, image_shape=square(X), random_state=seed)
    clusterer.fit(X_train)
    Z_train, Z = clusterer.compute_features(X_train), clusterer.compute_features(X)
    forest = IsolationForest(random_state=seed).fit(Z_train)
    if X is X_train:
        local = -LocalOutlierFactor().fit(Z).negative_outlier_factor_
    else:
        local = -LocalOutlierFactor(novelty=True).fit(Z_train).score_samples(Z)
    scores = {
        "outlier_scores": clusterer.outlier_scores(X),
        "-score_samples": -clusterer.score_samples(X),
        "1 - largest probability": 1.0 - clusterer.predict_proba(X).max(axis=1),
        "IsolationForest": -forest.score_samples(Z),
        "LocalOutlierFactor": local,
    }
    return {k: round(float(roc_auc_score(is_odd, v)), 4) for k, v in scores.items()}


def incomplete(seeds: int) -> list[dict]:
    rows = []
    for seed in range(seeds):
        X, y = make_blobs(
            3000, 20, centers=5, center_box=(-3, 3), cluster_std=2.0, random_state=seed
        )
        clusterer = EmbeddingClustering(5, always_impute=True, random_state=seed)
        clusterer.fit(X[:2000])
        rng = np.random.RandomState(seed)
        for share in (0.0, 0.3, 0.5, 0.7, 0.9):
            hidden = rng.uniform(size=(1000, 20)) < share
            hidden[:, 0] = False  # Something of each is known.
            P = clusterer.predict_proba(np.where(hidden, np.nan, X[2000:]))
            row = {"data": "blobs", "seed": seed, "missing": share}
            rows.append(row | of_probabilities(y[2000:], P))
            print(rows[-1], flush=True)
    return rows


WHAT = {"calibration": calibration, "outliers": outliers, "incomplete": incomplete}


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("what", choices=list(WHAT))
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds, from 0")
    arguments = parse(parser)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = WHAT[arguments.what](arguments.seeds)
    result = {
        "command": f"python -m benchmarks.kinds.trust {arguments.what} --seeds "
        f"{arguments.seeds} --threads {arguments.threads}",
        "rows": rows,
        "machine": machine(),
    }
    store(f"kinds/{arguments.what}", result)


if __name__ == "__main__":
    main()
