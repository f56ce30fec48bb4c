"""Scattering of all sizes: ``python -m benchmarks.speed.scattering_sizes``.

`ScatteringTransform` and `ScatteringTransform1D` with ``J="auto"``, and kymatio with as
many scales, transform the same random images and signals, ours in the batches they
choose, kymatio in batches of four and of 64 (or all), of which the faster one counts.
They are measured in turn in the same run, and a ratio is the median of those of
neighbouring pairs. Times are those in which the process ran. Needs kymatio (the extra
``test``). Stores ``benchmarks/results/speed/scattering_sizes.json``.
"""

import warnings
from functools import partial

import numpy as np
import torch

from skmixmate import ScatteringTransform, ScatteringTransform1D

from ..common import machine, make_parser, parse, store
from .roofline import seconds
from .scattering import kymatio_scattering

L, Q = 8, 8
# Images of each side, so many that kymatio takes about a second.
N_IMAGES = {32: 128, 64: 32, 96: 8, 128: 8, 224: 4}
# Signals of each length, likewise.
N_SIGNALS = {512: 256, 2048: 64}
KYMATIO_BATCH_SIZES = (4, 64)


def of_images(side: int, n_images: int, pairs: int) -> dict:
    X = np.random.default_rng(0).random((n_images, side, side), dtype=np.float32)
    model = ScatteringTransform("auto", L, device="cpu").fit(X)
    J = 1 + max(path[0][0] for path in model.paths_ if path)
    reference = kymatio_scattering(side, J, L)
    return {"side": side, "J": J} | measured(model, reference, X, pairs)


def of_signals(n_times: int, n_signals: int, pairs: int) -> dict:
    X = np.random.default_rng(0).random((n_signals, n_times), dtype=np.float32)
    model = ScatteringTransform1D("auto", Q, device="cpu").fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # As `kymatio_scattering`.
        from kymatio.scattering1d.frontend.torch_frontend import ScatteringTorch1D
    reference = ScatteringTorch1D(model.J_, n_times, Q)
    return {"n_times": n_times, "J": model.J_} | measured(model, reference, X, pairs)


def measured(model, reference, X: np.ndarray, pairs: int) -> dict:
    """Milliseconds a sample of both, and the ratio."""

    def ours():
        return model.transform(X)

    @torch.no_grad()
    def kymatio(batch_size):
        parts = [reference(batch) for batch in torch.from_numpy(X).split(batch_size)]
        return torch.cat(parts).flatten(1).numpy()

    difference = float(np.abs(ours() - kymatio(64)).max())
    times = {size: [] for size in KYMATIO_BATCH_SIZES}
    for _ in range(pairs):
        for size, measurements in times.items():
            measurements.append((seconds(ours), seconds(partial(kymatio, size))))
    ratios = {
        size: float(np.median([slow / fast for fast, slow in measurements]))
        for size, measurements in times.items()
    }
    best = min(ratios, key=ratios.get)
    ours_ms, kymatio_ms = (1000.0 * np.median(times[best], axis=0) / len(X)).tolist()
    return {
        "ours_ms": round(ours_ms, 2),
        "kymatio_ms": round(kymatio_ms, 2),
        "kymatio_batch_size": best,
        "ratio": round(ratios[best], 2),
        "largest_difference": difference,
    }


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("--pairs", type=int, default=3)
    arguments = parse(parser)
    rows = []
    for of_kind, sizes in ((of_images, N_IMAGES), (of_signals, N_SIGNALS)):
        for size, n_samples in sizes.items():
            rows.append(of_kind(size, n_samples, arguments.pairs))
            print(rows[-1], flush=True)
    store(
        "speed/scattering_sizes",
        {
            "command": "python -m benchmarks.speed.scattering_sizes "
            f"--threads {arguments.threads}",
            "L": L,
            "Q": Q,
            "rows": rows,
            "machine": machine(),
        },
    )


if __name__ == "__main__":
    main()
