"""Scattering of images against kymatio: ``python -m benchmarks.speed.scattering``.

Both transform the same random 28 x 28 images, ours in the batches it chooses, kymatio
in batches of several sizes. They are measured in turn in the same run; the ratio is the
median of the ratios of neighbouring pairs, at the batch size where kymatio does best.
Needs kymatio (the extra ``test``). Stores ``benchmarks/results/speed/scattering.json``.
"""

import warnings
from functools import partial

import numpy as np
import torch

from skmixmate import ScatteringTransform

from ..common import machine, make_parser, parse, store
from .roofline import seconds

SIDE, J, L = 28, 3, 8
BATCH_SIZES = (64, 256, 512, 1024)


def kymatio_scattering(side: int, J: int, L: int):
    """Return kymatio's transform."""
    with warnings.catch_warnings():
        # Its public import fails with recent SciPy, and old code may warn.
        warnings.simplefilter("ignore")
        from kymatio.scattering2d.frontend.torch_frontend import ScatteringTorch2D
    return ScatteringTorch2D(J, (side, side), L=L)


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--images", type=int, default=1024)
    arguments = parse(parser)
    rng = np.random.default_rng(0)
    X = rng.random((arguments.images, SIDE**2), dtype=np.float32)
    images = torch.from_numpy(X).view(-1, SIDE, SIDE)
    model = ScatteringTransform(J, L, (SIDE, SIDE), device="cpu").fit(X)
    reference = kymatio_scattering(SIDE, J, L)

    def ours():
        return model.transform(X)

    @torch.no_grad()
    def kymatio(batch_size):
        parts = [reference(batch) for batch in images.split(batch_size)]
        return torch.cat(parts).flatten(1).numpy()

    difference = float(np.abs(ours() - kymatio(BATCH_SIZES[-1])).max())
    times = {size: [] for size in BATCH_SIZES}
    for _ in range(arguments.pairs):
        for size, pairs in times.items():
            pairs.append((seconds(ours), seconds(partial(kymatio, size))))
    ratios = {
        size: float(np.median([slow / fast for fast, slow in pairs]))
        for size, pairs in times.items()
    }
    best = min(ratios, key=ratios.get)
    ours_ms, kymatio_ms = (
        1000.0 * np.median(times[best], axis=0) / arguments.images
    ).tolist()
    print(
        f"kymatio {kymatio_ms:.2f} ms an image (batches of {best}), ours "
        f"{ours_ms:.2f} ms, ratio {ratios[best]:.1f} ({arguments.threads} thread(s)), "
        f"largest difference {difference:.1e}"
    )
    store(
        "speed/scattering",
        {
            "command": "python -m benchmarks.speed.scattering "
            f"--threads {arguments.threads}",
            "images": f"{arguments.images} of {SIDE} x {SIDE} pixels, float32",
            "J": J,
            "L": L,
            "kymatio_ms_an_image": round(kymatio_ms, 3),
            "kymatio_batch_size": best,
            "ours_ms_an_image": round(ours_ms, 3),
            "ratio": round(ratios[best], 2),
            "ratios_by_kymatio_batch_size": {
                size: round(ratio, 2) for size, ratio in ratios.items()
            },
            "largest_difference": difference,
            "machine": machine(),
        },
    )


if __name__ == "__main__":
    main()
