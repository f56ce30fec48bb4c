"""One training loop for every network of the package."""

from .adam import Adam
from .callbacks import (
    SCHEDULES,
    BackwardChoice,
    Callback,
    EarlyStopping,
    LinearDecay,
    MixtureWeights,
    ReportProgress,
)
from .dead_atoms import DeadAtomReseeding, is_last_epoch
from .dictionary_sizes import DictionarySizes
from .samples import Samples
from .trainer import Trainer

__all__ = [
    "SCHEDULES",
    "Adam",
    "BackwardChoice",
    "Callback",
    "DeadAtomReseeding",
    "DictionarySizes",
    "EarlyStopping",
    "LinearDecay",
    "MixtureWeights",
    "ReportProgress",
    "Samples",
    "Trainer",
    "is_last_epoch",
]
