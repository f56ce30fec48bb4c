"""How the paper's first atoms suit its step: ``python -m benchmarks.paper.start``.

For each data set, from seed 0: the largest eigenvalue of the Gram matrix of each first
dictionary, of members as they are and minus their means. FISTA with the paper's step of
0.04 is stable up to 33. Then what leaving out negligible responsibilities does to the
gradient of a batch, after two epochs of the recipe on 5,000 images. Stores
``benchmarks/results/paper/start.json``.
"""

import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from skmixmate.modules import DictionaryMixture

from ..common import load, machine, make_parser, parse, random_rows, store
from .recipe import PARAMETERS, make_mixmate


def largest_eigenvalues(dictionaries: np.ndarray) -> list[float]:
    dictionaries = dictionaries.astype(np.float64)
    gram = dictionaries @ dictionaries.transpose(0, 2, 1)
    return np.linalg.eigvalsh(gram)[:, -1].round(1).tolist()


def gradient_error(dataset: str, X: np.ndarray, min_responsibility: float) -> float:
    """Relative error of the gradient of a batch of 256."""
    mixmate = make_mixmate(dataset, 0, 2).fit(X[:5000])
    gradients = []
    for threshold in (0.0, min_responsibility):
        module = DictionaryMixture(
            torch.from_numpy(mixmate.dictionaries_).double(),
            alpha=mixmate.alpha,
            step_size=mixmate.step_size,
            min_responsibility=threshold,
        )
        module.loss(module(torch.from_numpy(X[:256]).double())).backward()
        gradients.append(module.dictionaries.grad)
    exact, shorter = gradients
    return float((shorter - exact).norm() / exact.norm())


def main():
    parse(make_parser(__spec__.name, __doc__))
    # That the step is too large for some is what this is about.
    warnings.simplefilter("ignore", ConvergenceWarning)
    rows = {}
    for dataset in PARAMETERS:
        X, _ = load(dataset)
        row = {}
        for name, center_atoms in (("members", False), ("centered", True)):
            start = make_mixmate(dataset, 0, 0, center_atoms=center_atoms).fit(X)
            row[name] = {
                "largest_eigenvalues": largest_eigenvalues(start.dictionaries_),
                "cluster_sizes": start.cluster_sizes_.tolist(),
            }
        shuffled = X[random_rows(len(X), len(X))]
        row["gradient_error"] = gradient_error(dataset, shuffled, 1e-5)
        rows[dataset] = row
        print(dataset, row, flush=True)
    result = {"command": "python -m benchmarks.paper.start", "rows": rows}
    store("paper/start", result | {"machine": machine()})


if __name__ == "__main__":
    main()
