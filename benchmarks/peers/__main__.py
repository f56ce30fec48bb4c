"""The field side by side: ``python -m benchmarks.peers usps --seeds 1 --threads 1``.

Clusters all images of a data set with each method in a process of its own, so that
memory is the method's alone, and stores accuracy, NMI, ARI, seconds, peak memory, the
number of parameters and the versions of the peers that it loaded as
``benchmarks/results/peers/DATASET.json``. With one thread, seconds are those in which
the process ran. A method that is not installed, fails, or takes longer than ``--limit``
seconds has the reason in place of its scores. Labels are used for scoring alone, but
that every method is told the true number of clusters; HDBSCAN finds its own, and EVoC
about the number.

The peers are not requirements of the package: ``pip install umap-learn evoc clustpy``.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from skmixmate.metrics import clustering_scores

from ..common import (
    DATASETS,
    load,
    machine,
    make_parser,
    mean_and_std,
    parse,
    peak_memory_mib,
    read,
    store,
)
from .methods import METHODS

# Modules of the peers and the packages that they come in. Results of methods that were
# run at different times stand side by side, so that each trial has its own versions.
PEERS = {
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
    "evoc": "evoc",
    "clustpy": "clustpy",
}


def versions() -> dict[str, str]:
    """Versions of the peers that this process has loaded."""
    return {
        name: version(name) for module, name in PEERS.items() if module in sys.modules
    }


def run_one(dataset: str, method: str, seed: int) -> dict:
    """Cluster a data set once, in this process."""
    X, y = load(dataset)
    X = X.astype(np.float32)
    memory_before = peak_memory_mib()
    # Chosen once, for numba may change the number of threads that torch tells.
    now = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    started = now()
    labels, n_parameters = METHODS[method](X, len(np.unique(y)), seed)
    return {
        "seed": seed,
        "scores": clustering_scores(y, np.asarray(labels)),
        "seconds": round(now() - started, 1),
        "peak_memory_mib": round(peak_memory_mib()),
        "memory_before_mib": round(memory_before),
        "n_parameters": n_parameters,
        "n_clusters_found": len(np.unique(labels)),
        "versions": versions(),
    }


def run_apart(dataset, method, seed, threads, limit) -> dict:
    """Cluster in another process; a reason instead of scores where that fails."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        command = [sys.executable, "-m", "benchmarks.peers", dataset]
        command += ["--method", method, "--first-seed", str(seed)]
        command += ["--threads", str(threads), "--into", str(path)]
        # UMAP and EVoC take threads of numba, and EVoC all that there are.
        environment = os.environ | {"NUMBA_NUM_THREADS": str(threads)}
        try:
            done = subprocess.run(
                command,
                timeout=limit,
                capture_output=True,
                text=True,
                check=False,
                env=environment,
            )
        except subprocess.TimeoutExpired:
            return {"seed": seed, "reason": f"more than {limit} s"}
        if path.exists():
            return json.loads(path.read_text())
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        return {"seed": seed, "reason": lines[-1][:200]}


def summary(trials: list[dict]) -> dict:
    """Means over the trials of a method, or why there are none."""
    done = [trial for trial in trials if "scores" in trial]
    if not done:
        return {"reason": trials[0]["reason"], "trials": trials}
    return {
        "scores": mean_and_std([trial["scores"] for trial in done]),
        "mean_seconds": round(float(np.mean([t["seconds"] for t in done])), 1),
        "peak_memory_mib": max(trial["peak_memory_mib"] for trial in done),
        "n_parameters": done[0]["n_parameters"],
        "trials": trials,
    }


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("dataset", choices=DATASETS)
    parser.add_argument("--seeds", type=int, default=1, help="number of seeds")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument(
        "--go-on", action="store_true", help="with the stored seeds as the first ones"
    )
    parser.add_argument("--limit", type=int, default=1800, help="seconds a fit")
    parser.add_argument(
        "--method",
        choices=METHODS,
        action="append",
        help="only this one, again for more; the others keep their stored results",
    )
    parser.add_argument("--into", help=argparse.SUPPRESS)
    arguments = parse(parser, threads=2)
    dataset, threads = arguments.dataset, arguments.threads

    if arguments.into:
        result = run_one(dataset, arguments.method[0], arguments.first_seed)
        Path(arguments.into).write_text(json.dumps(result))
        return

    name = f"peers/{dataset}"
    keeps = arguments.method or arguments.go_on
    methods: dict = {}
    first = arguments.first_seed
    for method in arguments.method or METHODS:
        if arguments.go_on:
            methods = (read(name) or {"methods": {}})["methods"]
        trials = methods.get(method, {}).get("trials", []) if arguments.go_on else []
        for seed in range(first + len(trials), first + arguments.seeds):
            trials.append(run_apart(dataset, method, seed, threads, arguments.limit))
        if keeps:
            # Others may have been run beside this one.
            methods = (read(name) or {"methods": {}})["methods"]
        methods[method] = summary(trials)
        shown = methods[method].get("reason") or (
            methods[method]["scores"]["mean"],
            methods[method]["mean_seconds"],
        )
        print(f"{method}: {shown}", flush=True)
        result = {
            "command": f"python -m benchmarks.peers {dataset} --seeds "
            f"{arguments.seeds} --threads {threads} --limit {arguments.limit}",
            # In the order of the registry, whatever was run last.
            "methods": {name: methods[name] for name in METHODS if name in methods},
            "machine": machine(),
        }
        store(name, result)


if __name__ == "__main__":
    main()
