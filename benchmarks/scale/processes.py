"""Epochs by one process and by two: ``python -m benchmarks.scale.processes``.

Epochs of `skmixmate.MixMateClustering` on all images of MNIST in pixels, by one process
and by two that share each batch, one thread each, by the number of samples of a batch;
and how many labels agree. Beside it, what sharing without any cost would give: two fits
at once that know nothing of each other, which share caches and memory all the same;
and what two processes spend in exchanges, waiting for each other included: without
them, they would be ``times_as_fast_without_exchanges``.
They alternate, since other work comes and goes. Stored as
``benchmarks/results/scale/processes.json``.
"""

import json
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from skmixmate import MixMateClustering
from skmixmate.distributed import process_group

from ..common import ROOT, load, machine, make_parser, parse, store

N_EPOCHS, BATCH_SIZES = 3, (256, 1024, 4096)


def work(folder: Path, batch_size: int) -> None:
    """What each of the processes does."""
    X, _ = load("mnist")
    with process_group(timeout=600) as processes:
        exchange, durations = processes.sum_, []

        def timed_exchange(tensors):
            started = time.perf_counter()
            exchange(tensors)
            durations.append(time.perf_counter() - started)

        processes.sum_ = timed_exchange
        mixmate = MixMateClustering(
            10,
            init="data",
            max_iter=N_EPOCHS,
            tol=0.0,
            batch_size=batch_size,
            random_state=0,
            device="cpu",
        ).fit(X)
        if processes.is_first:
            np.savez(
                folder / "found.npz",
                seconds=mixmate.history_["seconds"],
                labels=mixmate.labels_,
                exchanges=sum(durations) / N_EPOCHS,
            )


def measure(
    n_processes: int, batch_size: int, threads: int, *, at_once: int = 1
) -> dict[str, np.ndarray]:
    """What one of several fits at once ends with, each by ``n_processes``."""
    with ExitStack() as stack:
        folders = [
            stack.enter_context(tempfile.TemporaryDirectory()) for _ in range(at_once)
        ]
        fits = [
            subprocess.Popen(
                [
                    *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
                    *(f"--nproc-per-node={n_processes}", "-m", __spec__.name),
                    *("--work", folder, "--batch-size", str(batch_size)),
                    *("--threads", str(threads)),
                ],
                cwd=ROOT,
            )
            for folder in folders
        ]
        if any(fit.wait() for fit in fits):
            raise SystemExit("a fit has failed")
        return dict(np.load(Path(folders[0]) / "found.npz"))


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--work", help="for a process of the benchmark's own")
    parser.add_argument("--batch-size", type=int, help="the same")
    arguments = parse(parser)
    if arguments.work:
        work(Path(arguments.work), arguments.batch_size)
        return
    rounds = []
    for batch_size in BATCH_SIZES * arguments.rounds:
        how = batch_size, arguments.threads
        one, two = (measure(n, *how) for n in (1, 2))
        beside_another = measure(1, *how, at_once=2)
        # The first epoch has what is done once.
        seconds, seconds_of_two, seconds_beside = (
            float(found["seconds"][1:].mean()) for found in (one, two, beside_another)
        )
        agreement = np.mean(one["labels"] == two["labels"])
        rounds.append(
            {
                "batch_size": batch_size,
                "seconds_an_epoch": round(seconds, 2),
                "seconds_by_two": round(seconds_of_two, 2),
                "seconds_beside_another": round(seconds_beside, 2),
                "times_as_fast": round(seconds / seconds_of_two, 2),
                "times_as_fast_at_best": round(2 * seconds / seconds_beside, 2),
                "times_as_fast_without_exchanges": round(
                    seconds / (seconds_of_two - float(two["exchanges"])), 2
                ),
                "labels_agree": round(float(agreement), 4),
            }
        )
        print(json.dumps(rounds[-1]), flush=True)
    result = {
        "command": f"python -m benchmarks.scale.processes --rounds {arguments.rounds} "
        f"--threads {arguments.threads}",
        "rounds": rounds,
        "machine": machine(),
    }
    store("scale/processes", result)


if __name__ == "__main__":
    main()
