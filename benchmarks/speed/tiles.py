"""Complete samples in tiles or all at once: ``python -m benchmarks.speed.tiles``.

Labels, and training steps of which few clusters learn or all, by
`skmixmate.functional.gram_encode`, on batches of random samples of several sizes: as it
is, with tiles of half and twice the size, and in one. They alternate; ratios are
medians over neighbouring measurements. Stored as
``benchmarks/results/speed/tiles_THREADS.json``.
"""

from unittest import mock

import numpy as np
import torch

from skmixmate.functional import gram_encode, gram_fista, lipschitz_constant
from skmixmate.modules.encoder import prox_in_steps
from skmixmate.penalties import L1

from ..common import machine, make_parser, parse, store
from .roofline import seconds

# Clusters, atoms, features, samples of a batch.
SHAPES = [
    *((10, 50, 784, size) for size in (256, 1024, 4096)),
    *((10, 50, 500, size) for size in (256, 1024, 4096)),
    *((3, 16, 32, 2048), (30, 50, 500, 1024), (100, 20, 64, 256), (1, 256, 784, 1024)),
]
TILES = {"half": 2**16, "as it is": 2**17, "twice": 2**18, "whole": 2**40}
N_ITER, ALPHA = 15, 0.75


def works(K: int, P: int, M: int, size: int):
    """What is timed, by name: functions without arguments."""
    generator = torch.Generator().manual_seed(0)
    D = torch.randn(K, P, M, generator=generator)
    D = (D / D.norm(dim=-1, keepdim=True)).requires_grad_()
    X = torch.randn(size, M, generator=generator)
    members = torch.nn.functional.one_hot(torch.arange(size) % K, K).T
    gram = (D @ D.mT).detach()
    step = lipschitz_constant(gram).reciprocal()[:, None, None]
    prox = prox_in_steps(L1(), ALPHA)

    def encoded(few_matter: bool):
        D.grad = None
        return gram_encode(X, D, gram, step, prox, N_ITER, few_matter=few_matter)

    def labels():
        with torch.no_grad():
            encoded(few_matter=False)

    def step_of_few():
        (encoded(few_matter=True).squared_residuals * members).mean().backward()

    def step_of_all():
        codes, squared_residuals = encoded(few_matter=False)
        (squared_residuals.mean() + ALPHA * codes.abs().mean()).backward()

    return {"labels": labels, "few learn": step_of_few, "all learn": step_of_all}


def measure(work, n_rounds: int) -> dict[str, float]:
    """Milliseconds as it is, and how many times as long other tiles take."""
    times = {name: [] for name in TILES}
    for _ in range(n_rounds):
        for name, numbers in TILES.items():
            with mock.patch.object(gram_fista, "_TILE_NUMBERS", numbers):
                times[name].append(seconds(work))
    ours = np.array(times["as it is"])
    ratios = {
        name: round(float(np.median(np.array(found) / ours)), 2)
        for name, found in times.items()
        if name != "as it is"
    }
    return {"ms": round(1e3 * float(np.median(ours)), 2), **ratios}


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parse(parser)
    rows = []
    for shape in SHAPES:
        for name, work in works(*shape).items():
            rows.append({"shape": shape, "work": name})
            rows[-1] |= measure(work, arguments.rounds)
            print(rows[-1], flush=True)
    result = {
        "command": f"python -m benchmarks.speed.tiles --rounds {arguments.rounds} "
        f"--threads {arguments.threads}",
        "rows": rows,
        "machine": machine(),
    }
    store(f"speed/tiles_{arguments.threads}", result)


if __name__ == "__main__":
    main()
