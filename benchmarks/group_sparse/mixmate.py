"""The group penalty in MixMate, against the l1 norm."""

import math
import time

from skmixmate import MixMateClustering
from skmixmate.metrics import clustering_scores
from skmixmate.penalties import L1, GroupL2

from ..common import load, machine, mean_and_std, store

DATASETS = ("mnist", "fashion_mnist", "usps")
GROUP_SIZES = (1, 2, 5)
ALPHA = 0.75


def run(threads: int, seeds: int, max_iter: int):
    """Cluster pixels under each penalty, from the same starts.

    A group's norm is up to ``sqrt(group_size)`` times smaller than its l1 norm, so
    ``alpha`` grows by that factor, as is usual in the group lasso.
    """
    result = {
        "command": f"python -m benchmarks.group_sparse mixmate --seeds {seeds} "
        f"--epochs {max_iter} --threads {threads}",
        "rows": {},
    }
    for dataset in DATASETS:
        X, y = load(dataset)
        for group_size in GROUP_SIZES:
            penalty = L1() if group_size == 1 else GroupL2(group_size)
            trials = []
            for seed in range(seeds):
                mixmate = MixMateClustering(
                    10,
                    n_atoms=50,
                    alpha=ALPHA * math.sqrt(group_size),
                    penalty=penalty,
                    max_iter=max_iter,
                    random_state=seed,
                )
                started = time.perf_counter()
                labels = mixmate.fit(X).labels_
                seconds = time.perf_counter() - started
                trials.append({"seed": seed, **clustering_scores(y, labels)})
                trials[-1]["seconds"] = round(seconds, 1)
            scores = [{k: t[k] for k in ("acc", "nmi", "ari")} for t in trials]
            row = {**mean_and_std(scores), "alpha": mixmate.alpha, "trials": trials}
            result["rows"].setdefault(dataset, {})[str(group_size)] = row
            print(dataset, group_size, row, flush=True)
            result["machine"] = machine()
            store("group_sparse/mixmate", result)
