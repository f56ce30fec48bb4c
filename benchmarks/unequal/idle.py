"""What idle places of dictionaries cost: ``python -m benchmarks.unequal.idle``.

Times a training step (256 samples of 784 features, ten or three clusters, 50 atoms each
on average) with dictionaries of one size and of the sizes that were found, and stores
the ratios as ``benchmarks/results/unequal/idle.json``.
"""

import numpy as np
import torch

from skmixmate.modules import DictionaryMixture

from ..common import clock, machine, make_parser, parse, store

# Those of scikit-learn's digits, of MNIST's 0, 1 and 4 with 3,000 / 300 / 300 images,
# and of its ten classes with 1,500 down to 75.
SIZES = {
    "balanced": [54, 52, 51, 50, 50, 50, 50, 50, 48, 45],
    "one_large": [92, 29, 29],
    "20_to_1": [94, 80, 68, 57, 48, 41, 35, 29, 25, 21],
}


def modules(sizes):
    """A mixture with these sizes, and one with as many atoms in equal numbers."""
    generator = torch.Generator().manual_seed(0)
    result = []
    for own in (sizes, [50] * len(sizes)):
        atoms = torch.randn(len(own), max(own), 784, generator=generator)
        for cluster, size in enumerate(own):
            atoms[cluster, size:] = 0.0
        module = DictionaryMixture(atoms, min_responsibility=1e-5)
        module.few_matter = True
        result.append(module)
    return result


def seconds(module, X) -> float:
    started = clock()
    module.zero_grad()
    module.loss(module(X)).backward()
    return clock() - started


def main():
    parse(make_parser(__spec__.name, __doc__))
    X = torch.randn(256, 784, generator=torch.Generator().manual_seed(1))
    table = {}
    for name, sizes in SIZES.items():
        # In turns, so that other work on the machine delays both.
        pair = modules(sizes)
        times = np.array([[seconds(m, X) for m in pair] for _ in range(40)])
        own, equal = np.median(times[5:], axis=0)
        table[name] = {
            "sizes": sizes,
            "idle_share": round(1.0 - sum(sizes) / (len(sizes) * max(sizes)), 3),
            "time_ratio": round(float(own / equal), 2),
        }
        print(name, table[name])
    store(
        "unequal/idle",
        {
            "command": "python -m benchmarks.unequal.idle",
            "table": table,
            "machine": machine(),
        },
    )


if __name__ == "__main__":
    main()
