"""One training loop for every network of the package."""

from .callbacks import Callback, EarlyStopping, PrintProgress
from .dead_atoms import DeadAtomReseeding
from .samples import Samples
from .schedules import SCHEDULES, LinearDecay
from .trainer import Trainer

__all__ = [
    "SCHEDULES",
    "Callback",
    "DeadAtomReseeding",
    "EarlyStopping",
    "LinearDecay",
    "PrintProgress",
    "Samples",
    "Trainer",
]
