"""What the benchmarks share: arguments, data, machine, results, tables, pictures."""

import argparse
import csv
import json
import math
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

ROOT = Path(__file__).parent.parent
RESULTS, DOCS = ROOT / "benchmarks" / "results", ROOT / "docs"
# By their names on the command line.
DATASETS = {
    "digits": "digits",
    "mnist": "MNIST",
    "fashion_mnist": "Fashion-MNIST",
    "usps": "USPS",
}
SCORES = {"acc": "ACC", "nmi": "NMI", "ari": "ARI"}


def make_parser(module: str, description: str) -> argparse.ArgumentParser:
    """Parser of ``python -m module``, whose help is the module's docstring."""
    return argparse.ArgumentParser(
        prog=f"python -m {module.removesuffix('.__main__')}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def parse(parser: argparse.ArgumentParser, threads: int = 1) -> argparse.Namespace:
    """Parse with ``--threads`` beside the others, and set torch's threads."""
    parser.add_argument("--threads", type=int, default=threads, help="torch threads")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    return arguments


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


def square(X) -> tuple[int, int]:
    """Shape of the images of all data sets here."""
    side = math.isqrt(X.shape[1])
    return side, side


def random_rows(n_rows: int, n_chosen: int, seed: int = 0) -> np.ndarray:
    """Indices of some of the rows, or of all in another order if there are fewer."""
    return np.random.RandomState(seed).permutation(n_rows)[:n_chosen]


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


def mean_and_std(scores: list[dict]) -> dict:
    """Mean and standard deviation of each score over trials."""
    return {
        statistic: {
            key: round(float(function([score[key] for score in scores])), 6)
            for key in scores[0]
        }
        for statistic, function in (("mean", np.mean), ("std", np.std))
    }


def with_spread(summary: dict) -> list[str]:
    """Cells of the scores of `mean_and_std`."""
    mean, std = summary["mean"], summary["std"]
    return [f"{mean[score]:.3f} ± {std[score]:.3f}" for score in SCORES]


def store(name: str, result: dict) -> None:
    """Write a result as benchmarks/results/NAME.json."""
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(f"stored in {path.relative_to(ROOT)}")


def read(name: str) -> dict | None:
    """Return a stored result, None if it was not measured."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def write_table(name: str, header: list[str], rows: list[list]) -> None:
    """Write a table of the docs as docs/tables/NAME.csv."""
    path = DOCS / "tables" / f"{name}.csv"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
    print(f"wrote {path.relative_to(ROOT)}")


def make_axes(n_rows: int, n_columns: int, figsize, **shared):
    """Return a figure and its axes; only reports need matplotlib."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=figsize)
    return figure, figure.subplots(n_rows, n_columns, **shared)


def save_picture(name: str, figure, dpi: int = 90) -> None:
    """Write a picture of the docs as docs/_static/NAME.png."""
    path = DOCS / "_static" / f"{name}.png"
    figure.savefig(path, dpi=dpi)
    print(f"wrote {path.relative_to(ROOT)}")
