"""Parameters of a mixture: their checks, and the rules behind "auto"."""

import math
from dataclasses import dataclass

import torch

from ..estimation.parameters import check_shared_parameters
from ..penalties import Penalty, resolve_penalty
from ..utils.device import resolve_device
from ..utils.validation import (
    check_bool,
    check_integer,
    check_number,
    check_or_auto,
)

__all__ = ["MixtureParameters", "auto_n_atoms"]

# Mean squared norm of a sample after scaling. MNIST pixels in [0, 1] have 88, so the
# paper's alpha of 0.75 keeps its meaning whatever the unit of the data.
SCALED_SQUARED_NORM = 100.0

_LARGEST_AUTO_N_ATOMS = 50


@dataclass(frozen=True)
class MixtureParameters:
    """The checked constructor parameters that are more than a number to pass on."""

    penalty: Penalty
    device: torch.device
    n_atoms: int | None
    scale: float | None

    @classmethod
    def from_estimator(cls, estimator) -> "MixtureParameters":
        """Check every parameter of a `MixMateClustering`.

        Raises
        ------
        TypeError, ValueError
            Naming the parameter, what it got and what it accepts.
        """
        check_integer(estimator.n_clusters, "n_clusters", min_val=1)
        check_shared_parameters(estimator)
        for name in ("fit_intercept", "fit_weights"):
            check_bool(getattr(estimator, name), name)
        penalty = resolve_penalty(estimator.penalty)
        n_atoms = check_or_auto(
            estimator.n_atoms, "n_atoms", lambda v, n: check_integer(v, n, min_val=1)
        )
        if n_atoms is not None and n_atoms % penalty.group_size:
            raise ValueError(
                f"n_atoms must be a multiple of the penalty's group_size="
                f"{penalty.group_size}, got {n_atoms}."
            )
        return cls(
            penalty=penalty,
            device=resolve_device(estimator.device),
            n_atoms=n_atoms,
            scale=check_or_auto(estimator.scale, "scale", check_number),
        )


def auto_n_atoms(n_samples: int, n_clusters: int, group_size: int) -> int:
    """A third of the mean cluster size, at most 50, in whole groups, at least one."""
    n_atoms = min(n_samples // (3 * n_clusters), _LARGEST_AUTO_N_ATOMS)
    return max(1, math.ceil(n_atoms / group_size)) * group_size
