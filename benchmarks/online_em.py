"""Dictionaries from sufficient statistics: ``python -m benchmarks.online_em DATASET``.

Expectation maximisation in batches against what ships, Adam through the encoder. Both
begin with the same first atoms, those of the paper's recipe. The expectation step is
the encoder as it is. The maximisation step is that of online dictionary learning
(Mairal et al. 2010) for each cluster: with responsibilities as weights,
``A = sum p z^T z`` and ``B = sum p z^T x``, which forget, and one sweep of coordinate
descent over the atoms. No gradient is needed, so that an epoch takes less time. Scores
and the mean loss of all samples after each epoch, whose seconds do not count scoring,
for several settings of both. Labels are used for scoring alone. Stores
``benchmarks/results/online_em_DATASET.json``.
"""

import argparse
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from skmixmate.functional import responsibilities
from skmixmate.metrics import clustering_scores
from skmixmate.modules import DictionaryMixture

from .common import clock, load, machine, store
from .paper import PARAMETERS, QUICK, make_mixmate

BATCH_SIZE = 256
# Batches between maximisation steps; epochs that the statistics remember.
SETTINGS = ((4, 0.5), (1, 0.5), (1, 0.2))


def make_network(dictionaries: Tensor, alpha: float) -> DictionaryMixture:
    return DictionaryMixture(
        dictionaries, alpha=alpha, step_size=0.04, min_responsibility=1e-5
    )


def batches(X: Tensor, seed: int, n_epochs: int) -> Iterator[list[Tensor]]:
    """Yield the batches of each epoch, the same for all methods."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(n_epochs):
        yield [
            X[i] for i in torch.randperm(len(X), generator=generator).split(BATCH_SIZE)
        ]


def adam_epochs(module, X, seed, n_epochs) -> Iterator[None]:
    """Train as the recipe does with a learning rate that falls."""
    largest = QUICK["learning_rate"]
    optimizer = torch.optim.Adam([module.dictionaries], lr=largest, fused=True)
    n_steps = n_epochs * -(-len(X) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: 1.0 - step / n_steps
    )
    for epoch in batches(X, seed, n_epochs):
        for batch in epoch:
            loss = module.loss(module(batch))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            module.normalize_()
        yield


@torch.no_grad()
def em_epochs(module, X, seed, n_epochs, every, memory) -> Iterator[None]:
    """Train by statistics that forget, sweeping the atoms every so many batches."""
    D = module.dictionaries
    A = D.new_zeros(*D.shape[:2], D.shape[1])
    B = torch.zeros_like(D)
    n_seen = 0
    for epoch in batches(X, seed, n_epochs):
        for batch in epoch:
            output = module(batch)
            p = responsibilities(output.energies).T
            weighted = (output.codes * p.unsqueeze(-1)).mT
            kept = 1.0 - len(batch) / (memory * len(X))
            A.mul_(kept).baddbmm_(weighted, output.codes)
            B.mul_(kept).flatten(0, 1).addmm_(weighted.flatten(0, 1), batch)
            n_seen += 1
            # Not before there are some codes for most atoms.
            if n_seen % every == 0 and n_seen >= 4:
                sweep(D, A, B)
        yield


def sweep(D: Tensor, A: Tensor, B: Tensor) -> None:
    """One round of block coordinate descent over the atoms, in place (algorithm 2)."""
    for j in range(D.shape[1]):
        usage = A[:, j, j, None]
        tiny = 1e-6
        atom = D[:, j] + (B[:, j] - (A[:, j : j + 1] @ D)[:, 0]) / usage.clamp(min=tiny)
        atom = torch.nn.functional.normalize(atom, dim=-1)
        D[:, j] = torch.where(usage > tiny, atom, D[:, j])


@torch.no_grad()
def scores(module, X: Tensor, y) -> dict:
    """Scores of all samples, and their mean expected energy, the loss."""
    energies = torch.cat([module(batch).energies for batch in X.split(2048)])
    loss = (responsibilities(energies) * energies).sum(1).mean()
    labels = energies.argmin(1).numpy()
    measured = clustering_scores(y, labels) | {"loss": float(loss)}
    return {name: round(value, 4) for name, value in measured.items()}


def curve(name: str, train: Callable, module, X, y) -> dict:
    """Scores and seconds after each epoch."""
    rows, seconds = [], 0.0
    epochs = train(module)
    while True:
        started = clock()
        if next(epochs, "done") == "done":
            break
        seconds += clock() - started
        rows.append({"seconds": round(seconds, 1), **scores(module, X, y)})
        print(name, rows[-1], flush=True)
    return {"name": name, "epochs": rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", choices=PARAMETERS)
    parser.add_argument("--seeds", type=int, default=3, help="from 0")
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    dataset = arguments.dataset
    images, y = load(dataset)
    X = torch.from_numpy(images).float()
    runs = []
    for seed in range(arguments.seeds):
        start = make_mixmate(dataset, seed, 0).fit(images)
        D, alpha = torch.from_numpy(start.dictionaries_).float(), start.alpha
        methods = {
            f"Adam, {n} epochs": lambda m, n=n, seed=seed: adam_epochs(m, X, seed, n)
            for n in (3, 12)
        } | {
            f"EM, {every} batches a sweep, memory {memory}": (
                lambda m, e=every, k=memory, seed=seed: em_epochs(m, X, seed, 6, e, k)
            )
            for every, memory in SETTINGS
        }
        runs.append(
            {
                "seed": seed,
                "start": clustering_scores(y, start.labels_),
                "curves": [
                    curve(name, train, make_network(D, alpha), X, y)
                    for name, train in methods.items()
                ],
            }
        )
        store(
            f"online_em_{dataset}",
            {
                "command": f"python -m benchmarks.online_em {dataset} "
                f"--seeds {arguments.seeds} --threads {arguments.threads}",
                "runs": runs,
                "machine": machine(),
            },
        )


if __name__ == "__main__":
    main()
