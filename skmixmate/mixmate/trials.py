"""What a mixture makes of a start in a few epochs."""

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..base.samples import batched_outputs, scaled_points
from ..base.training import new_trainer
from .network import Criterion

if TYPE_CHECKING:
    from .fit import MixtureFit

__all__ = ["Trials"]


class Trials:
    """Short trainings on the samples that a start is found from, one a start.

    Each begins with the same draws, so that starts alone make a difference.

    Parameters
    ----------
    fit : MixtureFit
        In a run, with its samples.
    X : ndarray of shape (n_samples, n_features)
        Those of the start, as they were given.
    """

    def __init__(self, fit: "MixtureFit", X: np.ndarray):
        self.fit = fit
        self.samples = fit.samples.of(torch.from_numpy(X)).replaced(dtype=torch.float32)

    def criterion(self, points: np.ndarray, n_epochs: int) -> float:
        """That of runs, after some epochs from points (K, P, M) in the space of X."""
        value, _ = self.run(points, n_epochs)
        return value if math.isfinite(value) else math.inf

    def run(self, points: np.ndarray, n_epochs: int) -> tuple[float, np.ndarray]:
        """Train some epochs from points (K, P, M) in the space of X.

        Returns
        -------
        criterion : float
        labels : ndarray of shape (n_samples,)
            Of X.
        """
        fit = self.fit
        with warnings.catch_warnings():
            # What is wrong with the start that is chosen shows again.
            warnings.simplefilter("ignore")
            atoms = scaled_points(points, fit.samples, np.random.RandomState(0))
            atoms = atoms.to(fit.samples.device, torch.float32)
            trainer = new_trainer(
                fit.parameters,
                fit.trainable(atoms),
                self.samples,
                torch.Generator().manual_seed(0),
                [fit.new_ending(), *fit.callbacks()],
                max_iter=n_epochs,
            ).run()
        if trainer.interrupted:
            raise KeyboardInterrupt
        found = Criterion(trainer.module, adapts_n_atoms=fit.adapts_n_atoms)
        labels = []
        outputs = batched_outputs(trainer.module, self.samples, with_codes=False)
        for _, output in outputs:
            found.add(output)
            labels.append(output.energies.argmin(1).cpu())
        return found.value(), torch.cat(labels).numpy()
