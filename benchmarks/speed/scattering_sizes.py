"""Scattering of images of all sizes: ``python -m benchmarks.speed.scattering_sizes``.

`ScatteringTransform` with ``J="auto"`` and kymatio with as many scales transform the
same random images, ours in the batches it chooses, kymatio in batches of four and of
64 (or all), of which the faster one counts. They are measured in turn in the same run,
and a ratio is the median of those of neighbouring pairs. Times are those in which the
process ran. Needs kymatio (the extra ``test``). Stores
``benchmarks/results/speed/scattering_sizes.json``.
"""

from functools import partial

import numpy as np
import torch

from skmixmate import ScatteringTransform

from ..common import machine, make_parser, parse, store
from .roofline import seconds
from .scattering import kymatio_scattering

L = 8
# Images of each side, so many that kymatio takes about a second.
N_IMAGES = {32: 128, 64: 32, 96: 8, 128: 8, 224: 4}
KYMATIO_BATCH_SIZES = (4, 64)


def measured(side: int, n_images: int, pairs: int) -> dict:
    """Milliseconds an image of both, and the ratio."""
    X = np.random.default_rng(0).random((n_images, side, side), dtype=np.float32)
    model = ScatteringTransform("auto", L, device="cpu").fit(X)
    J = 1 + max(path[0][0] for path in model.paths_ if path)
    reference = kymatio_scattering(side, J, L)

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
    ours_ms, kymatio_ms = (1000.0 * np.median(times[best], axis=0) / n_images).tolist()
    return {
        "side": side,
        "J": J,
        "ours_ms_an_image": round(ours_ms, 2),
        "kymatio_ms_an_image": round(kymatio_ms, 2),
        "kymatio_batch_size": best,
        "ratio": round(ratios[best], 2),
        "largest_difference": difference,
    }


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("--pairs", type=int, default=3)
    arguments = parse(parser)
    rows = []
    for side, n_images in N_IMAGES.items():
        rows.append(measured(side, n_images, arguments.pairs))
        print(rows[-1], flush=True)
    store(
        "speed/scattering_sizes",
        {
            "command": "python -m benchmarks.speed.scattering_sizes "
            f"--threads {arguments.threads}",
            "L": L,
            "rows": rows,
            "machine": machine(),
        },
    )


if __name__ == "__main__":
    main()
