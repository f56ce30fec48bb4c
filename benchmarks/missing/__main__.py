"""Incomplete samples: ``python -m benchmarks.missing mnist``.

Hides entries of a data set (at random, in blocks, in columns), fills them in with this
package and with what else there is, clusters what each has filled in, and stores root
mean squared errors, accuracies, coverage of intervals and seconds as
``benchmarks/results/missing/DATASET.json`` after every seed. "pixels" is
`MixMateClustering`, which for this package takes the incomplete samples themselves, and
"images" `ImageClustering`, likewise. A seed is that of the draw of images, of
masks and of the methods. Labels are used for scoring alone.
"""

import time
import warnings

import numpy as np

from skmixmate import ImageClustering, LocalGaussianImputer, MixMateClustering
from skmixmate.metrics import clustering_accuracy

from ..common import load, machine, make_parser, parse, random_rows, square, store
from ..peers import methods
from .imputers import IMPUTERS, MASKS

OURS = "LocalGaussianImputer"


def in_pixels(X, seed):
    return MixMateClustering(10, random_state=seed).fit(X).labels_


def images(X, seed):
    model = ImageClustering(10, image_shape=square(X), random_state=seed)
    return model.fit_predict(X)


def k_means(X, seed):
    return methods.k_means(X, 10, seed)[0]


def umap(X, seed):
    return methods.umap_gaussian_mixture(X, 10, seed)[0]


def evoc(X, seed):
    return methods.evoc(X, 10, seed)[0]


CLUSTERERS = {
    "pixels": in_pixels,
    "images": images,
    "KMeans": k_means,
    "UMAP + GaussianMixture": umap,
    "EVoC": evoc,
}


def timed(function, *arguments):
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = function(*arguments)
    return result, round(time.perf_counter() - started, 1)


def run_complete(X, y, seed: int, clusterers) -> dict:
    """Accuracies and seconds on samples that miss nothing."""
    scores = {}
    for name in clusterers:
        labels, seconds = timed(CLUSTERERS[name], X, seed)
        scores[f"complete, {name}"] = _scored(y, labels, seconds)
    return scores


def run(X, y, mask: str, seed: int, imputers, clusterers) -> dict:
    """Errors, accuracies and seconds of every method on one mask."""
    missing = MASKS[mask](X, np.random.RandomState(seed))
    holed = np.where(missing, np.nan, X).astype(np.float32)
    trial: dict = {"seed": seed, "missing": round(float(missing.mean()), 3)}
    for imputer in imputers:
        filled, seconds = timed(IMPUTERS[imputer], holed, seed)
        error = float(np.sqrt(np.square((filled - X)[missing]).mean()))
        trial[imputer] = {"rmse": round(error, 4), "seconds": seconds}
        if imputer == OURS:
            model = LocalGaussianImputer(random_state=seed).fit(holed)
            again, std = model.impute(holed, return_std=True)
            covered = np.abs(again - X)[missing] <= 1.645 * std[missing]
            trial[imputer]["coverage"] = round(float(covered.mean()), 3)
        for name in clusterers:
            itself = imputer == OURS and name in ("pixels", "images")
            labels, seconds = timed(CLUSTERERS[name], holed if itself else filled, seed)
            trial[f"{imputer}, {name}"] = _scored(y, labels, seconds)
        print(mask, seed, imputer, trial[imputer], flush=True)
    return trial


def _scored(y, labels, seconds: float) -> dict:
    return {"acc": round(float(clustering_accuracy(y, labels)), 4), "seconds": seconds}


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("dataset", choices=("digits", "mnist", "usps"))
    parser.add_argument("--masks", nargs="+", choices=MASKS, default=list(MASKS))
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds, from 0")
    parser.add_argument("--samples", type=int, default=6000, help="at most so many")
    parser.add_argument("--imputers", nargs="+", choices=IMPUTERS, default=[*IMPUTERS])
    parser.add_argument("--clusterers", nargs="*", choices=CLUSTERERS, default=[])
    arguments = parse(parser, threads=2)
    all_X, all_y = load(arguments.dataset)
    options = (
        f"--samples {arguments.samples} --threads {arguments.threads} --imputers "
        + " ".join(map(repr, arguments.imputers))
        + " --clusterers "
        + " ".join(map(repr, arguments.clusterers))
    )
    name = f"missing/{arguments.dataset}" + "_clusters" * bool(arguments.clusterers)
    trials: dict[str, list] = {mask: [] for mask in arguments.masks}
    for seed in range(arguments.seeds):
        rows = random_rows(len(all_X), arguments.samples, seed)
        X, y = all_X[rows], all_y[rows]
        complete = run_complete(X, y, seed, arguments.clusterers)
        for mask in arguments.masks:
            trial = run(X, y, mask, seed, arguments.imputers, arguments.clusterers)
            trials[mask].append(trial | complete)
            result = {
                # Of what was run so far: a run may be cut short.
                "command": f"python -m benchmarks.missing {arguments.dataset} --masks "
                + " ".join(repr(mask) for mask in trials if trials[mask])
                + f" --seeds {seed + 1} {options}",
                "n_samples": len(rows),
                "trials": {mask: trials[mask] for mask in trials if trials[mask]},
                "machine": machine(),
            }
            store(name, result)


if __name__ == "__main__":
    main()
