"""Pixels to labels by one call: ``python -m benchmarks.images mnist --seeds 5``.

Clusters a whole data set with `skmixmate.ImageClustering` and stores
accuracy, NMI, ARI, seconds, peak memory and the number of parameters as
``benchmarks/results/images/DATASET.json`` after every seed. ``--missing`` takes out
25 % of the pixels of 90 % of the images first, ``--missing 0.5`` half of the pixels of
all images. Labels are used for scoring alone.
"""

import time

import numpy as np

from skmixmate import ImageClustering
from skmixmate.metrics import clustering_scores

from ..common import (
    DATASETS,
    load,
    machine,
    make_parser,
    mean_and_std,
    parse,
    peak_memory_mib,
    square,
    store,
)
from ..paper.recipe import observed_pixels

# Images whose labels are predicted once more, and timed.
N_PREDICTED = 10_000


def run_seed(X, y, seed: int, options: dict) -> dict:
    """Cluster once; the time includes everything from pixels to labels."""
    clusterer = ImageClustering(
        10, image_shape=square(X), random_state=seed, verbose=1, **options
    )
    started = time.perf_counter()
    labels = clusterer.fit_predict(X)
    seconds = time.perf_counter() - started
    mixmate = clusterer.mixmate_
    components = clusterer.features_["components"].components_
    some = slice(N_PREDICTED)
    started = time.perf_counter()
    # Other batches of features round differently, so that a label may, if rarely, too.
    agreement = np.mean(clusterer.predict(X[some]) == labels[some])
    return {
        "seed": seed,
        "scores": clustering_scores(y, labels),
        "scores_without_vote": clustering_scores(y, mixmate.labels_),
        "loss": round(mixmate.loss_, 4),
        "criterion": round(mixmate.criterion_, 4),
        "epochs": mixmate.n_iter_,
        "seconds": round(seconds, 1),
        "training_seconds": round(float(mixmate.history_["seconds"].sum()), 1),
        "n_predicted": len(labels[some]),
        "predict_seconds": round(time.perf_counter() - started, 1),
        "predict_agreement": float(agreement),
        "n_parameters": mixmate.n_parameters_ + components.size,
    }


def observed(shape, share: float, seed: int) -> np.ndarray:
    """Mask of images of which a share of the pixels is missing; 0 is the paper's."""
    if share == 0:
        return observed_pixels(shape, seed)
    return np.random.RandomState(seed).uniform(size=shape) >= share


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("dataset", choices=DATASETS)
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds, from 0")
    parser.add_argument("--n-init", type=int, default=1, help="runs on all images")
    parser.add_argument(
        "--similar-sizes", action="store_true", help="classes known to be of one size"
    )
    parser.add_argument(
        "--missing",
        nargs="?",
        type=float,
        const=0.0,
        help="share of the pixels that all images miss; without one, 90 %% of the "
        "images miss 25 %%",
    )
    arguments = parse(parser)

    X, y = load(arguments.dataset)
    share, missing = arguments.missing, ""
    name = f"images/{arguments.dataset}"
    if share is not None:
        missing = f" --missing {share}" if share else " --missing"
        name += f"_missing_{share}" if share else "_missing"
    options = {"n_init": arguments.n_init, "similar_sizes": arguments.similar_sizes}
    similar = " --similar-sizes" if arguments.similar_sizes else ""
    name += "_similar_sizes" * arguments.similar_sizes
    if arguments.n_init != 1:
        name += f"_n_init_{arguments.n_init}"
    if arguments.threads != 1:
        # Another number of threads rounds differently, and is about time.
        name += f"_{arguments.threads}_threads"
    trials = []
    for seed in range(arguments.seeds):
        images = X
        if share is not None:
            images = np.where(observed(X.shape, share, seed), X, np.nan)
        trials.append(run_seed(images, y, seed, options))
        print(trials[-1], flush=True)
        result = {
            "command": f"python -m benchmarks.images {arguments.dataset} "
            f"--seeds {arguments.seeds} --n-init {arguments.n_init} "
            f"--threads {arguments.threads}{missing}{similar}",
            "n_samples": len(X),
            "scores": mean_and_std([trial["scores"] for trial in trials]),
            "worst_accuracy": min(trial["scores"]["acc"] for trial in trials),
            "mean_seconds": round(np.mean([trial["seconds"] for trial in trials]), 1),
            "peak_memory_mib": round(peak_memory_mib()),
            "trials": trials,
            "machine": machine(),
        }
        store(name, result)
    print(name, result["scores"], "worst", result["worst_accuracy"])


if __name__ == "__main__":
    main()
