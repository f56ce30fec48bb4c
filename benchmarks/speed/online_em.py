"""EM in batches, without gradients: ``python -m benchmarks.speed.online_em DATASET``.

Expectation maximisation in batches against what ships, Adam through the encoder. Both
begin with the same first atoms, those of the paper's recipe. The expectation step is
the encoder as it is. The maximisation step is that of online dictionary learning
(Mairal et al. 2010) for each cluster: with responsibilities as weights,
``A = sum p z^T z`` and ``B = sum p z^T x``, which forget, and one sweep of coordinate
descent over the atoms. No gradient is needed, so that an epoch takes less time. Scores
and the mean loss of all samples after each epoch, whose seconds do not count scoring,
for several settings of both. Labels are used for scoring alone. Stores
``benchmarks/results/speed/online_em_DATASET.json``.
"""

from functools import partial

import torch
from torch import Tensor

from skmixmate.functional import expected_energy, responsibilities
from skmixmate.metrics import clustering_scores
from skmixmate.modules import DictionaryMixture
from skmixmate.training import Callback, LinearDecay, Samples, Trainer

from ..common import clock, load, machine, make_parser, parse, store
from ..paper.recipe import PARAMETERS, QUICK, make_mixmate

BATCH_SIZE = 256
# Batches between maximisation steps; epochs that the statistics remember.
SETTINGS = ((4, 0.5), (1, 0.5), (1, 0.2))


def make_network(dictionaries: Tensor, alpha: float) -> DictionaryMixture:
    return DictionaryMixture(
        dictionaries, alpha=alpha, step_size=0.04, min_responsibility=1e-5
    )


class Curve(Callback):
    """After each epoch, scores of all samples, their loss and the seconds so far."""

    def __init__(self, module: DictionaryMixture, X: Tensor, y):
        self.module, self.X, self.y = module, X, y
        self.rows, self.seconds = [], 0.0

    def on_epoch_begin(self, trainer=None) -> None:
        """Start the clock, which stands while scores are computed."""
        self.started = clock()

    @torch.no_grad()
    def on_epoch_end(self, trainer=None) -> None:
        """Score the labels."""
        self.seconds += clock() - self.started
        batches = self.X.split(2048)
        energies = torch.cat([self.module(batch).energies for batch in batches])
        measured = clustering_scores(self.y, energies.argmin(1).numpy())
        measured["loss"] = float(expected_energy(energies).mean())
        measured = {name: round(value, 4) for name, value in measured.items()}
        self.rows.append({"seconds": round(self.seconds, 1), **measured})
        print(self.rows[-1], flush=True)


def train_by_adam(curve: Curve, seed: int, n_epochs: int) -> None:
    """Train as the recipe does with a learning rate that falls."""
    parameters, rate = [curve.module.dictionaries], QUICK["learning_rate"]
    Trainer(
        curve.module,
        torch.optim.Adam(parameters, lr=rate, fused=True),
        Samples(curve.X, dtype=curve.X.dtype),
        max_iter=n_epochs,
        batch_size=BATCH_SIZE,
        generator=torch.Generator().manual_seed(seed),
        callbacks=[LinearDecay(), curve],
    ).run()


@torch.no_grad()
def train_by_em(
    curve: Curve, seed: int, n_epochs: int, every: int, memory: float
) -> None:
    """Train by statistics that forget, sweeping the atoms every so many batches."""
    X, D = curve.X, curve.module.dictionaries
    A = D.new_zeros(*D.shape[:2], D.shape[1])
    B = torch.zeros_like(D)
    generator = torch.Generator().manual_seed(seed)
    n_seen = 0
    for _ in range(n_epochs):
        curve.on_epoch_begin()
        # The batches that `Trainer` draws.
        for indices in torch.randperm(len(X), generator=generator).split(BATCH_SIZE):
            batch = X[indices]
            output = curve.module(batch)
            p = responsibilities(output.energies).T
            weighted = (output.codes * p.unsqueeze(-1)).mT
            kept = 1.0 - len(batch) / (memory * len(X))
            A.mul_(kept).baddbmm_(weighted, output.codes)
            B.mul_(kept).flatten(0, 1).addmm_(weighted.flatten(0, 1), batch)
            n_seen += 1
            # Not before there are some codes for most atoms.
            if n_seen % every == 0 and n_seen >= 4:
                sweep(D, A, B)
        curve.on_epoch_end()


def sweep(D: Tensor, A: Tensor, B: Tensor) -> None:
    """One round of block coordinate descent over the atoms, in place (algorithm 2)."""
    for j in range(D.shape[1]):
        usage = A[:, j, j, None]
        tiny = 1e-6
        atom = D[:, j] + (B[:, j] - (A[:, j : j + 1] @ D)[:, 0]) / usage.clamp(min=tiny)
        atom = torch.nn.functional.normalize(atom, dim=-1)
        D[:, j] = torch.where(usage > tiny, atom, D[:, j])


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("dataset", choices=PARAMETERS)
    parser.add_argument("--seeds", type=int, default=3, help="from 0")
    arguments = parse(parser)
    dataset = arguments.dataset
    images, y = load(dataset)
    X = torch.from_numpy(images).float()
    runs = []
    for seed in range(arguments.seeds):
        start = make_mixmate(dataset, seed, 0).fit(images)
        D, alpha = torch.from_numpy(start.dictionaries_).float(), start.alpha
        methods = {
            f"Adam, {n} epochs": partial(train_by_adam, seed=seed, n_epochs=n)
            for n in (3, 12)
        } | {
            f"EM, {every} batches a sweep, memory {memory}": partial(
                train_by_em, seed=seed, n_epochs=6, every=every, memory=memory
            )
            for every, memory in SETTINGS
        }
        curves = []
        for name, train in methods.items():
            print(name)
            curve = Curve(make_network(D, alpha), X, y)
            train(curve)
            curves.append({"name": name, "epochs": curve.rows})
        init = clustering_scores(y, start.labels_)
        runs.append({"seed": seed, "start": init, "curves": curves})
        store(
            f"speed/online_em_{dataset}",
            {
                "command": f"python -m benchmarks.speed.online_em {dataset} "
                f"--seeds {arguments.seeds} --threads {arguments.threads}",
                "runs": runs,
                "machine": machine(),
            },
        )


if __name__ == "__main__":
    main()
