"""Where a fit of images goes: ``python -m benchmarks.speed.clusterer``.

`ImageClustering` with its defaults on 20,000 images of MNIST, from pixels to labels:
seconds of its steps, as its report of progress tells them, and the peak memory of each
(on Linux; elsewhere that until its end); then `predict` of 10,000 others. With one
thread, seconds are those in which the process ran. Labels are used for scoring alone.
Takes two minutes. Stores ``benchmarks/results/speed/clusterer.json``.
"""

import os
from collections import defaultdict
from pathlib import Path
from unittest import mock

import numpy as np
from threadpoolctl import threadpool_limits

from skmixmate import ImageClustering
from skmixmate.metrics import clustering_scores
from skmixmate.utils import progress

from ..common import (
    clock,
    load,
    machine,
    make_parser,
    parse,
    peak_memory_mib,
    random_rows,
    square,
    store,
)

N_FITTED, N_PREDICTED = 20_000, 10_000
# The first whose step is among those that go on; what is left is no step of its own.
PARTS = {
    "start": "first clusters, from 5,000 images",
    "wavelet scattering": "scattering",
    "second moments": "components",
    "eigenvectors": "components",
    "features": "features: the rest",
    "epoch": "training",
    "vote": "vote of neighbours",
}
OTHER = "the rest"


class TimedReport(progress.Report):
    """Add up the seconds of each part, and keep its peak memory."""

    def __init__(self, name, display):
        super().__init__(name, display, clock)
        self.seconds_of = defaultdict(float)
        self.peak_of = defaultdict(float)
        self._last = clock()
        reports.append(self)

    def _account(self):
        now = clock()
        # "epoch 1/5" and "epoch" are one.
        names = {step.name.rstrip("0123456789/ ") for step in self._steps}
        part = next((PARTS[name] for name in PARTS if name in names), OTHER)
        self.seconds_of[part] += now - self._last
        self.peak_of[part] = max(self.peak_of[part], peak_memory_mib())
        forget_peak()
        self._last = now

    def begin(self, *arguments):
        """See `Report.begin`."""
        self._account()
        return super().begin(*arguments)

    def end(self, step):
        """See `Report.end`."""
        self._account()
        super().end(step)


reports: list[TimedReport] = []


def forget_peak() -> None:
    """Let the peak memory of this process be what it has now.

    Asked of the system, since a thread that watches would take seconds of its own.
    """
    path = Path("/proc/self/clear_refs")
    if path.exists():
        path.write_text("5")


def main():
    arguments = parse(make_parser(__spec__.name, __doc__))
    X, y = load("mnist")
    rows = random_rows(len(X), N_FITTED + N_PREDICTED)
    images, y = X[rows].astype(np.float32), y[rows]
    del X
    clusterer = ImageClustering(
        10, image_shape=square(images), random_state=0, device="cpu", verbose=1
    )
    forget_peak()
    memory_before, load_before = peak_memory_mib(), os.getloadavg()
    with (
        threadpool_limits(arguments.threads),
        mock.patch.object(progress, "Report", TimedReport),
    ):
        started = clock()
        clusterer.fit(images[:N_FITTED])
        fitted = clock()
        new = clusterer.predict(images[N_FITTED:])
        predicted = clock()
    report = reports[0]
    labels = np.concatenate([clusterer.labels_, new])
    parts = [*dict.fromkeys(PARTS.values()), OTHER]
    result = {
        "command": f"python -m {__spec__.name} --threads {arguments.threads}",
        "n_fitted": N_FITTED,
        "n_predicted": N_PREDICTED,
        "fit_seconds": round(fitted - started, 1),
        "seconds": {part: round(report.seconds_of[part], 1) for part in parts},
        "memory_before_mib": round(memory_before),
        "peak_memory_mib": {part: round(report.peak_of[part]) for part in parts},
        "predict_seconds": round(predicted - fitted, 1),
        "scores": clustering_scores(y, labels),
        # Of other work, too.
        "load_averages": [round(one, 1) for one in (*load_before, *os.getloadavg())],
        "machine": machine(),
    }
    print(result)
    store("speed/clusterer", result)


if __name__ == "__main__":
    main()
