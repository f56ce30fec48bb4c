"""How long a fit says nothing: ``python -m benchmarks.speed.silence``.

`ImageClustering` with ``verbose=1`` on images of MNIST: 15,000 of them in ten clusters;
6,000, of which it finds the number of clusters; and 6,000 with a quarter of their
pixels missing. Each line that is printed is noted with its second, and so are the end
of `fit` and of `predict` of the same images. One thread. Takes ten minutes. Stores
``benchmarks/results/speed/silence.json``.
"""

import contextlib
import io
import time
import warnings

import numpy as np
from threadpoolctl import threadpool_limits

from skmixmate import ImageClustering
from skmixmate.initializers import InitializationWarning

from ..common import load, machine, make_parser, parse, random_rows, square, store

CASES = {
    "10 clusters": {"n_images": 15_000, "n_clusters": 10},
    "number of clusters unknown": {"n_images": 6_000, "n_clusters": "auto"},
    "25 % missing": {"n_images": 6_000, "n_clusters": 10, "missing": 0.25},
}


class TimedLines(io.TextIOBase):
    """Keep lines with the seconds at which they come."""

    def __init__(self):
        self.lines, self.seconds = [], []

    def write(self, text):
        if text.strip():
            self.note(text.strip())
        return len(text)

    def note(self, line):
        self.lines.append(line)
        self.seconds.append(time.perf_counter())

    def longest_silence(self) -> dict:
        silences = np.diff(self.seconds)
        i = int(silences.argmax())
        return {
            "longest_silence": round(float(silences[i]), 1),
            "between": self.lines[i : i + 2],
            "seconds": round(self.seconds[-1] - self.seconds[0], 1),
            "n_lines": len(self.lines) - 2,
        }


def measure(function) -> dict:
    """Silences of what a function prints, from its begin to its end."""
    printed = TimedLines()
    with contextlib.redirect_stdout(printed):
        printed.note("begin")
        function()
        printed.note("end")
    return printed.longest_silence()


def one_case(images, n_images: int, n_clusters, missing: float = 0.0) -> dict:
    X = images[random_rows(len(images), n_images)].copy()
    if missing:
        X[np.random.RandomState(0).uniform(size=X.shape) < missing] = np.nan
    clusterer = ImageClustering(
        n_clusters, image_shape=square(X), random_state=0, device="cpu", verbose=1
    )
    return {
        "fit": measure(lambda: clusterer.fit(X)),
        "predict": measure(lambda: clusterer.predict(X)),
    }


def main():
    parser = make_parser(__spec__.name, __doc__)
    arguments = parse(parser)
    warnings.simplefilter("ignore", InitializationWarning)
    images = load("mnist")[0].astype(np.float32)
    rows = {}
    with threadpool_limits(arguments.threads):
        for name, case in CASES.items():
            rows[name] = case | one_case(images, **case)
            print(name, rows[name], flush=True)
    store(
        "speed/silence",
        {
            "command": f"python -m {__spec__.name}",
            "cases": rows,
            "machine": machine(),
        },
    )


if __name__ == "__main__":
    main()
