"""Cluster a data set in pixels with the defaults: ``python -m benchmarks.run mnist``.

Prints accuracy, NMI, ARI, seconds, peak memory and the number of parameters, and stores
them as ``benchmarks/results/run/DATASET.json``. Labels are used for scoring alone.
"""

import time

from skmixmate import MixMateClustering
from skmixmate.metrics import clustering_scores

from .common import (
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


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("dataset", choices=DATASETS)
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds, from 0")
    parser.add_argument("--pictures", metavar="DIR", help="write pictures there")
    arguments = parse(parser, threads=2)

    X, y = load(arguments.dataset)
    memory_before = peak_memory_mib()
    trials = []
    for seed in range(arguments.seeds):
        started = time.perf_counter()
        mixmate = MixMateClustering(n_clusters=10, random_state=seed, verbose=1)
        labels = mixmate.fit_predict(X)
        seconds = time.perf_counter() - started
        started = time.perf_counter()
        assert (mixmate.predict(X) == labels).all()
        trial = {
            "seed": seed,
            "scores": clustering_scores(y, labels),
            "loss": round(mixmate.loss_, 4),
            "epochs": mixmate.n_iter_,
            "fit_seconds": round(seconds, 1),
            "predict_seconds": round(time.perf_counter() - started, 2),
            "n_reseeded_atoms": int(mixmate.history_["n_reseeded_atoms"].sum()),
            "n_parameters": mixmate.n_parameters_,
        }
        trials.append(trial)
        print(trial, flush=True)
    result = {
        "command": f"python -m benchmarks.run {arguments.dataset} "
        f"--seeds {arguments.seeds} --threads {arguments.threads}",
        "n_samples": len(X),
        "scores": mean_and_std([trial["scores"] for trial in trials]),
        "peak_memory_mib": round(peak_memory_mib()),
        "peak_memory_before_fit_mib": round(memory_before),
        "trials": trials,
        "machine": machine(),
    }
    print(result["scores"], f"peak memory {result['peak_memory_mib']} MiB")
    # Another number of threads rounds differently.
    threads = f"_{arguments.threads}_threads" if arguments.threads != 1 else ""
    store(f"run/{arguments.dataset}{threads}", result)
    if arguments.pictures:
        _draw(mixmate, X, arguments.pictures, arguments.dataset)


def _draw(mixmate, X, folder, name):
    import matplotlib

    matplotlib.use("Agg")
    from skmixmate.plotting import DictionaryDisplay, ReconstructionDisplay

    dictionary = DictionaryDisplay.from_estimator(mixmate, image_shape=square(X))
    dictionary.figure_.savefig(f"{folder}/{name}_dictionaries.png", dpi=80)
    reconstruction = ReconstructionDisplay.from_estimator(
        mixmate, X[:4], image_shape=square(X)
    )
    reconstruction.figure_.savefig(f"{folder}/{name}_reconstructions.png", dpi=80)


if __name__ == "__main__":
    main()
