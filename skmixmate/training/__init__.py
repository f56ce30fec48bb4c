"""One training loop for every network of the package."""

from .callbacks import (
    SCHEDULES,
    BackwardChoice,
    Callback,
    EarlyStopping,
    LinearDecay,
    MixtureWeights,
    PrintProgress,
)
from .dead_atoms import DeadAtomReseeding
from .samples import Samples
from .trainer import Trainer

__all__ = [
    "SCHEDULES",
    "BackwardChoice",
    "Callback",
    "DeadAtomReseeding",
    "EarlyStopping",
    "LinearDecay",
    "MixtureWeights",
    "PrintProgress",
    "Samples",
    "Trainer",
]
