"""What the benchmarks share: data, machine, results."""

import csv
import json
import platform
import resource
import sys
import time
from pathlib import Path

import numpy as np
import sklearn
import torch
from sklearn.datasets import load_digits

import skmixmate
from skmixmate.datasets import fetch_fashion_mnist, fetch_mnist, fetch_usps

RESULTS = Path(__file__).parent / "results"
DOCS = Path(__file__).parent.parent / "docs"
DATASETS = ("digits", "mnist", "fashion_mnist", "usps")


def load(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels in [0, 1] and classes of a data set."""
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        return X / 16.0, y
    fetch = {
        "mnist": fetch_mnist,
        "fashion_mnist": fetch_fashion_mnist,
        "usps": fetch_usps,
    }[name]
    return fetch(return_X_y=True)


def machine() -> dict:
    """What the figures were measured on, without naming the machine."""
    return {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
        "torch": torch.__version__,
        "skmixmate": skmixmate.__version__,
        "processor": platform.machine(),
        "torch_threads": torch.get_num_threads(),
        "cuda": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def clock() -> float:
    """Seconds, with one thread only those in which this process ran."""
    one_thread = torch.get_num_threads() == 1
    return time.process_time() if one_thread else time.perf_counter()


def peak_memory_mib() -> float:
    """Largest resident size of this process until now."""
    status = Path("/proc/self/status")
    if status.exists():
        # On Linux, rusage of a new program goes on from what started it.
        (line,) = [s for s in status.read_text().splitlines() if s.startswith("VmHWM")]
        return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def store(name: str, result: dict) -> Path:
    """Write a result as JSON under benchmarks/results."""
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(f"stored in {path.relative_to(RESULTS.parent.parent)}")
    return path


def write_table(name: str, header: list[str], rows: list[list]) -> Path:
    """Write a table of the docs as docs/tables/NAME.csv."""
    path = DOCS / "tables" / f"{name}.csv"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    print(f"wrote {path.relative_to(DOCS.parent)}")
    return path


def mean_and_std(scores: list[dict]) -> dict:
    """Mean and standard deviation of each score over trials."""
    return {
        statistic: {
            key: round(float(function([score[key] for score in scores])), 4)
            for key in scores[0]
        }
        for statistic, function in (("mean", np.mean), ("std", np.std))
    }
