"""One training loop for every network of the package."""

from .callbacks import Callback, EarlyStopping, PrintProgress
from .dead_atoms import DeadAtomReseeding
from .samples import Samples
from .trainer import Trainer

__all__ = [
    "Callback",
    "DeadAtomReseeding",
    "EarlyStopping",
    "PrintProgress",
    "Samples",
    "Trainer",
]
