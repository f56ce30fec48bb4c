"""Incomplete samples: ``python -m benchmarks.missing mnist``.

Hides entries of a data set (at random, in blocks, in columns), fills them in with this
package and with what else there is, clusters what each has filled in, and stores root
mean squared errors, accuracies, coverage of intervals and seconds as
``benchmarks/results/missing/DATASET.json`` after every mask, beside masks that are
stored. "pixels" is
`MixMateClustering`, which for this package takes the incomplete samples themselves, and
"images" `ImageClustering`, likewise, or "signals" `SignalClustering`. A seed is that of
the draw of samples, of masks and of the methods. Labels are used for scoring alone.
"""

import time
import warnings
from typing import NamedTuple

import numpy as np

from skmixmate import (
    ImageClustering,
    LocalGaussianImputer,
    MixMateClustering,
    SignalClustering,
)
from skmixmate.metrics import clustering_accuracy

from ..common import load, machine, make_parser, parse, random_rows, read, square, store
from ..kinds.sets import pairs_of_tones
from ..peers import methods
from .imputers import IMPUTERS, MASKS

OURS = "LocalGaussianImputer"


class Draw(NamedTuple):
    """Complete samples with entries in [0, 1], their classes, and their shape."""

    X: np.ndarray
    y: np.ndarray
    shape: tuple[int, ...]
    n_clusters: int


def in_pixels(X, draw: Draw, seed):
    return MixMateClustering(draw.n_clusters, random_state=seed).fit(X).labels_


def images(X, draw: Draw, seed):
    model = ImageClustering(draw.n_clusters, image_shape=draw.shape, random_state=seed)
    return model.fit_predict(X)


def signals(X, draw: Draw, seed):
    return SignalClustering(draw.n_clusters, random_state=seed).fit_predict(X)


def k_means(X, draw: Draw, seed):
    return methods.k_means(X, draw.n_clusters, seed)[0]


def umap(X, draw: Draw, seed):
    return methods.umap_gaussian_mixture(X, draw.n_clusters, seed)[0]


def evoc(X, draw: Draw, seed):
    return methods.evoc(X, draw.n_clusters, seed)[0]


CLUSTERERS = {
    "pixels": in_pixels,
    "images": images,
    "signals": signals,
    "KMeans": k_means,
    "UMAP + GaussianMixture": umap,
    "EVoC": evoc,
}
# What takes incomplete samples itself.
ITSELF = ("pixels", "images", "signals")


def drawn(dataset: str, n_samples: int, seed: int) -> Draw:
    """Some images of a data set, or generated signals: 1,200 of 128 samples each."""
    if dataset == "signals":
        X, y = pairs_of_tones(np.random.RandomState(seed), 1200, 128)
        X = (X - X.min()) / (X.max() - X.min())
        return Draw(X.astype(np.float32), y, X.shape[1:], 4)
    X, y = load(dataset)
    rows = random_rows(len(X), n_samples, seed)
    return Draw(X[rows], y[rows], square(X), 10)


def timed(function, *arguments):
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = function(*arguments)
    return result, round(time.perf_counter() - started, 1)


def run_complete(draw: Draw, seed: int, clusterers) -> dict:
    """Accuracies and seconds on samples that miss nothing."""
    scores = {}
    for name in clusterers:
        labels, seconds = timed(CLUSTERERS[name], draw.X, draw, seed)
        scores[f"complete, {name}"] = _scored(draw.y, labels, seconds)
    return scores


def run(draw: Draw, mask: str, seed: int, imputers, clusterers) -> dict:
    """Errors, accuracies and seconds of every method on one mask."""
    X = draw.X
    missing = MASKS[mask](X, draw.shape, np.random.RandomState(seed))
    holed = np.where(missing, np.nan, X).astype(np.float32)
    trial: dict = {"seed": seed, "missing": round(float(missing.mean()), 3)}
    for imputer in imputers:
        try:
            filled, seconds = timed(IMPUTERS[imputer], holed, seed)
        except ValueError as error:  # Regressions on each other may diverge.
            if imputer == OURS:
                raise
            trial[imputer] = {"failed": str(error).partition("\n")[0]}
            continue
        error = float(np.sqrt(np.square((filled - X)[missing]).mean()))
        trial[imputer] = {"rmse": round(error, 4), "seconds": seconds}
        if imputer == OURS:
            model = LocalGaussianImputer(random_state=seed).fit(holed)
            again, std = model.impute(holed, return_std=True)
            covered = np.abs(again - X)[missing] <= 1.645 * std[missing]
            trial[imputer]["coverage"] = round(float(covered.mean()), 3)
        for name in clusterers:
            samples = holed if imputer == OURS and name in ITSELF else filled
            labels, seconds = timed(CLUSTERERS[name], samples, draw, seed)
            trial[f"{imputer}, {name}"] = _scored(draw.y, labels, seconds)
        print(mask, seed, imputer, trial[imputer], flush=True)
    return trial


def _scored(y, labels, seconds: float) -> dict:
    return {"acc": round(float(clustering_accuracy(y, labels)), 4), "seconds": seconds}


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("dataset", choices=("digits", "mnist", "usps", "signals"))
    parser.add_argument("--masks", nargs="+", choices=MASKS, default=list(MASKS))
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds, from 0")
    parser.add_argument("--samples", type=int, default=6000, help="at most so many")
    parser.add_argument("--imputers", nargs="+", choices=IMPUTERS, default=[*IMPUTERS])
    parser.add_argument("--clusterers", nargs="*", choices=CLUSTERERS, default=[])
    arguments = parse(parser, threads=2)
    options = (
        f"--samples {arguments.samples} --threads {arguments.threads} --imputers "
        + " ".join(map(repr, arguments.imputers))
        + " --clusterers "
        + " ".join(map(repr, arguments.clusterers))
    )
    name = f"missing/{arguments.dataset}" + "_clusters" * bool(arguments.clusterers)
    # Masks that are not run stay as they were stored.
    stored = read(name) or {"commands": {}, "machines": {}, "trials": {}}
    for seed in range(arguments.seeds):
        draw = drawn(arguments.dataset, arguments.samples, seed)
        complete = run_complete(draw, seed, arguments.clusterers)
        for mask in arguments.masks:
            trial = run(draw, mask, seed, arguments.imputers, arguments.clusterers)
            earlier = stored["trials"][mask] if seed else []
            stored["trials"][mask] = [*earlier, trial | complete]
            stored["machines"][mask] = machine()
            stored["commands"][mask] = (
                f"python -m benchmarks.missing {arguments.dataset} --masks {mask!r} "
                f"--seeds {seed + 1} {options}"
            )
            done = [mask for mask in MASKS if stored["trials"].get(mask)]
            result = {
                "commands": {mask: stored["commands"][mask] for mask in done},
                "machines": {mask: stored["machines"][mask] for mask in done},
                "trials": {mask: stored["trials"][mask] for mask in done},
            }
            store(name, result)


if __name__ == "__main__":
    main()
