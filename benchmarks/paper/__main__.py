"""Table 1 of the MixMate paper: ``python -m benchmarks.paper mnist --trials 5``.

Clusters a whole data set with `skmixmate.ready.make_paper_clusterer`, scores the
start (INIT) and the trained model (TRAIN), and stores
``benchmarks/results/paper/DATASET.json`` after every trial. ``--missing`` is the
paper's experiment with incomplete data: 90 % of the images lack 25 % of their pixels.
``--consensus`` starts from `SparseSubspaceClustering` with ten rounds instead of the
paper's plain form, ``--centered`` from atoms minus their means; ``--stable`` takes
another step size, and ``--quick`` a larger learning rate that falls for 12 epochs.
Labels are used for scoring alone.
"""

import time

from skmixmate import SparseSubspaceClustering
from skmixmate.metrics import clustering_scores

from ..common import (
    load,
    machine,
    make_parser,
    mean_and_std,
    parse,
    peak_memory_mib,
    read,
    store,
)
from .recipe import PARAMETERS, QUICK, make_mixmate, observed_pixels


def run_trial(dataset, X, y, mask, seed, epochs, **changes) -> dict:
    """Score one start and what training makes of it."""
    start = make_mixmate(dataset, seed, 0, **changes).fit(X, mask=mask)
    mixmate = make_mixmate(dataset, seed, epochs, verbose=1, **changes)
    started = time.perf_counter()
    mixmate.fit(X, mask=mask)
    seconds = time.perf_counter() - started
    return {
        "seed": seed,
        "init": clustering_scores(y, start.labels_),
        "train": clustering_scores(y, mixmate.labels_),
        "loss": round(mixmate.loss_, 4),
        "fit_seconds": round(seconds, 1),
        "training_seconds": round(float(mixmate.history_["seconds"].sum()), 1),
        "n_reseeded_atoms": int(mixmate.history_["n_reseeded_atoms"].sum()),
        "n_parameters": mixmate.n_parameters_,
    }


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("dataset", choices=PARAMETERS)
    parser.add_argument("--trials", type=int, default=5, help="seeds from 0")
    parser.add_argument(
        "--go-on", action="store_true", help="with the stored trials as the first ones"
    )
    parser.add_argument("--epochs", type=int, help="50, or 12 with --quick")
    parser.add_argument("--missing", action="store_true", help="incomplete images")
    parser.add_argument("--consensus", action="store_true", help="SSC with rounds")
    parser.add_argument(
        "--centered",
        action="store_true",
        help="first atoms minus their means, as in the authors' code",
    )
    parser.add_argument(
        "--stable",
        action="store_true",
        help="step_size='auto', with which no encoder diverges, and atoms as they are",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a learning rate that falls from 0.004 to 0",
    )
    arguments = parse(parser)
    epochs = arguments.epochs
    if epochs is None:
        epochs = 12 if arguments.quick else 50

    X, y = load(arguments.dataset)
    names = ("missing", "consensus", "centered", "stable", "quick")
    flags = [name for name in names if getattr(arguments, name)]
    # Another number of threads rounds differently, and is about time.
    is_timed = arguments.threads > 1
    suffix = [f"{arguments.threads}_threads"] if is_timed else []
    name = "_".join([arguments.dataset, *flags, *suffix])
    training = {}
    changes = {"training": training}
    if arguments.consensus:
        changes["ssc"] = SparseSubspaceClustering(10, dropout=0.8)
    if arguments.centered:
        changes["center_atoms"] = True
    if arguments.stable:
        training["step_size"] = "auto"
        changes["center_atoms"] = False
    if arguments.quick:
        training |= QUICK
    result = (read(f"paper/{name}") if arguments.go_on else None) or {"trials": []}
    trials = result["trials"]
    if trials and result["epochs"] != epochs:
        parser.error(f"stored trials have {result['epochs']} epochs, not {epochs}")
    peaks = [result["peak_memory_mib"]] if trials else []
    for seed in range(len(trials), arguments.trials):
        mask = observed_pixels(X.shape, seed) if arguments.missing else None
        trial = run_trial(arguments.dataset, X, y, mask, seed, epochs, **changes)
        trials.append(trial)
        print(trial, flush=True)
        peaks.append(round(peak_memory_mib()))
        result = {
            "command": f"python -m benchmarks.paper {arguments.dataset} "
            f"--trials {len(trials)} --epochs {epochs} "
            f"--threads {arguments.threads}" + "".join(f" --{flag}" for flag in flags),
            "n_samples": len(X),
            "epochs": epochs,
            "init": mean_and_std([trial["init"] for trial in trials]),
            "train": mean_and_std([trial["train"] for trial in trials]),
            "n_parameters": trials[0]["n_parameters"],
            "peak_memory_mib": max(peaks),
            "trials": trials,
            # Of the last trials, if others were there before.
            "machine": machine(),
        }
        store(f"paper/{name}", result)
    print(name, "INIT", result["init"]["mean"], "TRAIN", result["train"]["mean"])


if __name__ == "__main__":
    main()
