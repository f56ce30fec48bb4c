"""Table of streams: ``python -m benchmarks.stream.report``.

Reads ``benchmarks/results/stream/*.json``; writes docs/tables/stream.csv. What has not
been measured is left out.
"""

import numpy as np

from ..common import DATASETS, make_parser, parse, read, write_table

ORDERS = ("shuffled", "sorted")
METHODS = {
    "fit": "fit",
    "partial_fit": "partial_fit",
    "MiniBatchKMeans": "MiniBatchKMeans",
}


def cell(trials: list[dict], method: str) -> str:
    """Mean accuracy over the seeds, and the standard deviation of several."""
    found = [trial[method]["acc"] for trial in trials if method in trial]
    if not found:
        return ""
    spread = f" ± {np.std(found):.3f}" if len(found) > 1 else ""
    return f"{np.mean(found):.3f}{spread}"


def mean(trials: list[dict], method: str, key: str) -> float:
    """Mean over the seeds."""
    return float(np.mean([trial[method][key] for trial in trials]))


def main():
    parse(make_parser(__spec__.name, __doc__))
    rows = []
    for dataset, name in DATASETS.items():
        for order in ORDERS:
            result = read(f"stream/{dataset}_{order}")
            if result is None:
                continue
            trials = result["trials"]
            rows.append(
                [
                    name,
                    f"{result['n_chunks']}, {order}",
                    len(trials),
                    *(cell(trials, method) for method in METHODS),
                    f"{mean(trials, 'partial_fit', 'as_they_came'):.2f}",
                    f"{mean(trials, 'partial_fit', 'seconds'):.0f}",
                ]
            )
    header = ["data", "batches", "seeds", *METHODS.values(), "labels kept", "seconds"]
    write_table("stream", header, rows)


if __name__ == "__main__":
    main()
