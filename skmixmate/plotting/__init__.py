"""Pictures of fitted mixtures; matplotlib is imported only when one is drawn."""

from .dictionary import DictionaryDisplay
from .reconstruction import ReconstructionDisplay

__all__ = ["DictionaryDisplay", "ReconstructionDisplay"]
