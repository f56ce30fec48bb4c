"""How many clusters: ``python -m benchmarks.kinds.number SET``.

`choose_n_clusters` with the ready-made clusterer for each kind of data: all of
`benchmarks.kinds`, 5,000 images of MNIST, USPS and Fashion-MNIST, some classes of
these, classes of unequal size, blobs, and noise, whose number is one. Stored beside it
is the number with the largest silhouette of KMeans on the same features, as
``benchmarks/results/kinds/number.json``. The rule was made on seed 0; later seeds draw
other samples. Labels are used for scoring alone.
"""

import time
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.metrics import silhouette_score

from skmixmate import EmbeddingClustering, ImageClustering
from skmixmate.datasets import make_dictionary_mixture
from skmixmate.model_selection import choose_n_clusters

from ..common import load, machine, make_parser, parse, random_rows, read, square, store
from .sets import SETS, Draw

_CANDIDATES = range(2, 17)


def images(name: str, seed: int, classes=range(10), decay: float = 1.0) -> Draw:
    """At most 5,000 images of some classes, each so much smaller than the last."""
    X, y = load(name)
    rows = random_rows(len(X), len(X), seed)
    rows = rows[np.isin(y[rows], classes)]
    if decay < 1.0:
        sizes = (1000 * decay ** np.arange(10)).astype(int)
        rows = np.concatenate([rows[y[rows] == c][: sizes[c]] for c in classes])
    rows = rows[:5000]
    side = square(X)
    y = np.unique(y[rows], return_inverse=True)[1]
    return Draw(X[rows].reshape(-1, *side), y, ImageClustering)


def blobs(sizes: tuple[int, ...], n_features: int, spread: float, seed: int) -> Draw:
    centers = np.random.RandomState(seed).normal(size=(len(sizes), n_features))
    X, y = make_blobs(sizes, centers=centers, cluster_std=spread, random_state=seed)
    return Draw(X, y, EmbeddingClustering)


def dictionaries(seed: int) -> Draw:
    drawn = make_dictionary_mixture(
        2000, n_clusters=6, n_atoms=8, n_features=64, random_state=seed
    )
    return Draw(drawn.data, drawn.target, EmbeddingClustering)


def noise(seed: int) -> Draw:
    X = np.random.RandomState(seed).normal(size=(1500, 32))
    return Draw(X, np.zeros(1500, dtype=int), EmbeddingClustering)


NUMBERS: dict[str, Callable[[int], Draw]] = {
    "mnist": partial(images, "mnist"),
    "usps": partial(images, "usps"),
    "fashion_mnist": partial(images, "fashion_mnist"),
    "mnist_0_to_4": partial(images, "mnist", classes=range(5)),
    "mnist_odd": partial(images, "mnist", classes=range(1, 10, 2)),
    "mnist_long_tail": partial(images, "mnist", decay=0.7),
    "usps_six": partial(images, "usps", classes=[0, 1, 2, 3, 6, 7]),
    "fashion_mnist_four": partial(images, "fashion_mnist", classes=[1, 5, 8, 9]),
    "blobs_5": partial(blobs, (400,) * 5, 20, 1.05),
    "blobs_5_of_50_features": partial(blobs, (400,) * 5, 50, 1.4),
    "blobs_8": partial(blobs, (250,) * 8, 20, 0.7),
    "blobs_12": partial(blobs, (170,) * 12, 30, 0.7),
    "blobs_unequal": partial(blobs, (1500, 400, 150, 80), 15, 0.77),
    "dictionaries": dictionaries,
    "noise": noise,
} | {
    name: draw
    for name, draw in SETS.items()
    if "large" not in name and "many" not in name
}


def run(name: str, seed: int) -> dict:
    X, y, kind = NUMBERS[name](seed)
    clusterer = kind(random_state=seed)
    started = time.perf_counter()
    choice = choose_n_clusters(clusterer, X, _CANDIDATES, random_state=seed)
    seconds = time.perf_counter() - started
    Z = clusterer._fit_features(X)
    silhouettes = [
        silhouette_score(
            Z,
            KMeans(n, n_init=3, random_state=seed).fit_predict(Z),
            sample_size=min(2000, len(Z)),
            random_state=seed,
        )
        for n in _CANDIDATES
    ]
    row = {
        "data": name,
        "seed": seed,
        "classes": int(y.max() + 1),
        "chosen": choice.n_clusters,
        "silhouette": _CANDIDATES[int(np.argmax(silhouettes))],
        "seconds": round(seconds, 1),
        "reason": choice.reason,
        "scores": choice.scores.round(3).tolist(),
        "weakest": choice.weakest.round(3).tolist(),
    }
    print(row, flush=True)
    return row


def complete_draws(rows: list[dict]) -> list[int]:
    """Seeds that all sets were run with."""
    draws = {(row["data"], row["seed"]) for row in rows}
    seeds = sorted({seed for _, seed in draws})
    return [seed for seed in seeds if all((name, seed) in draws for name in NUMBERS)]


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(NUMBERS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of draws")
    arguments = parse(parser)
    # Sets and seeds that are not run stay as they were stored.
    rows = (read("kinds/number") or {"rows": []})["rows"]
    for name in arguments.sets or NUMBERS:
        for seed in arguments.seeds:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                row = run(name, seed)
            rows = [r for r in rows if (r["data"], r["seed"]) != (name, seed)] + [row]
            rows.sort(key=lambda r: (r["seed"], list(NUMBERS).index(r["data"])))
            seeds = " ".join(map(str, complete_draws(rows) or arguments.seeds))
            result = {
                "command": f"python -m benchmarks.kinds.number --seeds {seeds} "
                f"--threads {arguments.threads}",
                "rows": rows,
                "machine": machine(),
            }
            store("kinds/number", result)


if __name__ == "__main__":
    main()
