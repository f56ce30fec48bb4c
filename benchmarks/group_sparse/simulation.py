"""Fig. 3 of the group-sparse paper: does training find the generating dictionary?"""

import math
import time
from typing import NamedTuple

import numpy as np
import torch

from skmixmate.datasets import make_group_sparse
from skmixmate.functional import group_norms
from skmixmate.modules import DictionaryAutoencoder
from skmixmate.penalties import L1, GroupL2
from skmixmate.training import Callback, Samples, Trainer

from ..common import machine, peak_memory_mib, read, store

SNRS_DB = (10.0, 1.0, 5.0)


class Setting(NamedTuple):
    """How the networks are trained; ``alpha`` None is found from the samples."""

    loss_name: str
    alpha: float | None
    has_unit_norm_start: bool


SETTINGS = {
    # Atoms keep unit norm, without which this loss has no minimum.
    "penalized": Setting("penalized", 0.5, True),
    # As it is stated: free atoms, which start with a norm of 6.7.
    "paper": Setting("reconstruction", 2.0, False),
    # The same loss from a unit-norm start. There, an active group of the start sees
    # about 0.7 of a sample, and alpha=2 would leave all codes zero; 3.8 times what a
    # random atom sees lets few idle groups through, and some active ones.
    "reconstruction": Setting("reconstruction", None, True),
}
# An entry's threshold is that of a group of two entries of its size.
PENALTIES = {"group_sparse": (GroupL2(2), 1.0), "sparse": (L1(), 1.0 / math.sqrt(2.0))}
N_GROUPS, GROUP_SIZE, N_FEATURES, N_ACTIVE = 500, 2, 950, 3
START_CORRELATION = 0.15


class RecordDistance(Callback):
    """Squared distance to the generating dictionary, atoms at unit norm."""

    def __init__(self, truth: torch.Tensor):
        self.truth = truth
        self.distances: list[float] = []

    def record(self, trainer):
        atoms = torch.nn.functional.normalize(trainer.module.dictionary.detach())
        self.distances.append(float((atoms - self.truth).square().sum()))

    def on_train_begin(self, trainer):
        self.record(trainer)

    def on_epoch_end(self, trainer):
        self.record(trainer)
        if trainer.epoch % 10 == 0:
            print(
                f"  epoch {trainer.epoch}, loss {trainer.history['loss'][-1]:.4f}, "
                f"distance {self.distances[-1]:.1f}, "
                f"{trainer.history['seconds'][-1]:.1f} s",
                flush=True,
            )


def start_near(dictionary: np.ndarray, seed: int) -> np.ndarray:
    """Atoms of norm 6.7, with a mean correlation of about 0.15 with the true ones."""
    # Another stream than the data's, whose first draw is the dictionary itself.
    noise = np.random.RandomState(1000 + seed).standard_normal(dictionary.shape)
    scale = np.sqrt((1.0 / START_CORRELATION**2 - 1.0) / dictionary.shape[1])
    return dictionary + scale * noise


def support_scores(codes: torch.Tensor, true_codes: np.ndarray) -> dict:
    """Share of the active groups that are found, and of the found that are active.

    The strongest groups of a sample are those found, as many as are active.
    """
    truth = group_norms(torch.from_numpy(true_codes), GROUP_SIZE) > 0
    norms = group_norms(codes, GROUP_SIZE)
    strongest = norms.topk(N_ACTIVE, dim=1)
    found = torch.zeros_like(truth).scatter(1, strongest.indices, strongest.values > 0)
    used = norms > 0
    return {
        "recovered_by_the_strongest": round(
            float((found & truth).sum() / truth.sum()), 4
        ),
        "recovered": round(float((used & truth).sum() / truth.sum()), 4),
        "used_groups_a_sample": round(float(used.sum(1).float().mean()), 3),
        "precision": round(float((used & truth).sum() / used.sum().clamp(min=1)), 4),
    }


def train(data, penalty, alpha: float, setting: Setting, epochs: int, seed: int):
    """Train one network full-batch; return its record and the codes it ends with."""
    start = start_near(data.dictionary, seed)
    if setting.has_unit_norm_start:
        start /= np.linalg.norm(start, axis=1, keepdims=True)
    module = DictionaryAutoencoder(
        torch.from_numpy(start).float(),
        penalty=penalty,
        alpha=alpha,
        n_fista_iter=1,
        step_size=1.0,
        loss_name=setting.loss_name,
        normalize_atoms=setting.loss_name == "penalized",
    )
    truth = torch.from_numpy(data.dictionary).float()
    samples = Samples(torch.from_numpy(data.data).float())
    recorder = RecordDistance(truth)
    started = time.perf_counter()
    trainer = Trainer(
        module,
        torch.optim.Adam(module.parameters(), lr=1e-3, fused=True),
        samples,
        max_iter=epochs,
        batch_size=len(samples),
        generator=torch.Generator().manual_seed(seed),
        callbacks=[recorder],
    ).run()
    with torch.no_grad():
        codes = module(samples.X).codes
    result = {
        "alpha": round(alpha, 4),
        "distances": [round(value, 2) for value in recorder.distances],
        "losses": [round(value, 4) for value in trainer.history["loss"]],
        "support": support_scores(codes, data.codes),
        "seconds": round(time.perf_counter() - started, 1),
    }
    return result, codes


def nonzeros(codes: np.ndarray) -> list:
    """Pairs of index and value of each code."""
    return [[[int(i), round(float(z[i]), 3)] for i in np.flatnonzero(z)] for z in codes]


def run(epochs: int, n_samples: int, threads: int, only: list[str] | None):
    """Train both networks at each ratio and store what came out after each.

    Settings that are not run stay as they were stored.
    """
    result = (only and read("group_sparse/simulation")) or {"runs": {}}
    for name in only or SETTINGS:
        setting = SETTINGS[name]
        for snr_db in SNRS_DB:
            data = make_group_sparse(
                n_samples,
                n_groups=N_GROUPS,
                group_size=GROUP_SIZE,
                n_features=N_FEATURES,
                n_active_groups=N_ACTIVE,
                snr_db=snr_db,
                random_state=0,
            )
            alpha = setting.alpha or 3.8 * float(np.sqrt(np.mean(data.data**2)))
            runs = result["runs"].setdefault(name, {})[f"{snr_db:g}"] = {}
            # The first sample, for the picture of codes.
            runs["true_codes"] = nonzeros(data.codes[:1])
            for network, (penalty, factor) in PENALTIES.items():
                print(f"{snr_db:g} dB, {network}, {name}", flush=True)
                runs[network], codes = train(
                    data, penalty, factor * alpha, setting, epochs, seed=0
                )
                runs[network]["codes"] = nonzeros(codes[:1].numpy())
                print("  ", runs[network]["support"], flush=True)
                command = "python -m benchmarks.group_sparse simulation"
                result.setdefault("commands", {})[name] = (
                    f"{command} --only {name} --epochs {epochs} "
                    f"--samples {n_samples} --threads {threads}"
                )
                result |= {
                    "n_samples": n_samples,
                    "machine": machine(),
                    "peak_memory_mib": round(peak_memory_mib()),
                }
                store("group_sparse/simulation", result)
