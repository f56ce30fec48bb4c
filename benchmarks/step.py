"""One training step against the textbook step: ``python -m benchmarks.step``.

The textbook step goes through residuals (``form="residual"``), ours through Gram
matrices; both are measured in turn in the same run, and the ratio is the median of the
ratios of neighbouring pairs. Stores ``benchmarks/results/step.json``.
"""

import argparse
import time

import numpy as np
import torch

from skmixmate.modules import DictionaryMixture

from .common import machine, store

BATCH_SIZE, N_CLUSTERS, N_ATOMS, N_FEATURES, N_FISTA_ITER = 256, 10, 50, 784, 15


def make_step(form: str):
    """Return a function that takes one training step."""
    generator = torch.Generator().manual_seed(0)
    shape = (N_CLUSTERS, N_ATOMS, N_FEATURES)
    module = DictionaryMixture(
        torch.rand(shape, generator=generator), n_fista_iter=N_FISTA_ITER, form=form
    )
    optimizer = torch.optim.Adam([module.dictionaries], lr=1e-3, fused=True)
    X = torch.rand((BATCH_SIZE, N_FEATURES), generator=generator)
    X *= 10.0 / X.norm(dim=1, keepdim=True)

    def step():
        loss = module.loss(module(X))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        module.normalize_()

    return step


def seconds(function, repeats: int) -> float:
    started = time.perf_counter()
    for _ in range(repeats):
        function()
    return (time.perf_counter() - started) / repeats


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    parser.add_argument("--pairs", type=int, default=15)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    gram, residual = make_step("gram"), make_step("residual")
    gram(), residual()
    pairs = [(seconds(gram, 5), seconds(residual, 1)) for _ in range(arguments.pairs)]
    gram_ms, residual_ms = 1000.0 * np.median(pairs, axis=0)
    ratio = np.median([slow / fast for fast, slow in pairs])
    print(
        f"residual form {residual_ms:.1f} ms, Gram form {gram_ms:.1f} ms, "
        f"ratio {ratio:.1f} ({arguments.threads} thread(s))"
    )
    store(
        "step",
        {
            "command": f"python -m benchmarks.step --threads {arguments.threads}",
            "residual_ms": round(float(residual_ms), 2),
            "gram_ms": round(float(gram_ms), 2),
            "ratio": round(float(ratio), 2),
            "machine": machine(),
        },
    )


if __name__ == "__main__":
    main()
