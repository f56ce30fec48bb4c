"""Parameters of a sparse autoencoder: their checks."""

from dataclasses import dataclass

import torch

from ..estimation.parameters import check_shared_parameters
from ..modules import LOSSES
from ..utils.device import resolve_device
from ..utils.validation import (
    check_bool,
    check_choice,
    check_integer,
    check_number,
    check_or_auto,
)

__all__ = ["AutoencoderParameters"]


@dataclass(frozen=True)
class AutoencoderParameters:
    """The checked constructor parameters that are more than a number to pass on."""

    n_groups: int
    group_size: int
    device: torch.device
    scale: float | None

    @property
    def n_atoms(self) -> int:
        """Number of atoms of the dictionary."""
        return self.n_groups * self.group_size

    @classmethod
    def from_estimator(cls, estimator) -> "AutoencoderParameters":
        """Check every parameter of a sparse autoencoder.

        Raises
        ------
        TypeError, ValueError
            Naming the parameter, what it got and what it accepts.
        """
        for name in estimator._size_names:
            check_integer(getattr(estimator, name), name, min_val=1)
        check_shared_parameters(estimator)
        for name in ("nonnegative", "normalize_atoms"):
            check_bool(getattr(estimator, name), name)
        check_choice(estimator.loss, "loss", LOSSES)
        return cls(
            n_groups=estimator._n_groups,
            group_size=estimator._group_size,
            device=resolve_device(estimator.device),
            scale=check_or_auto(estimator.scale, "scale", check_number),
        )
