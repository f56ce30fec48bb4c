"""Pictures of mixtures and choices; matplotlib is imported only when one is drawn."""

from .cluster import ClusterDisplay
from .confusion import ConfusionDisplay
from .dictionary import DictionaryDisplay
from .embedding import EmbeddingDisplay
from .loss import LossDisplay
from .reconstruction import ReconstructionDisplay
from .stability import StabilityDisplay

__all__ = [
    "ClusterDisplay",
    "ConfusionDisplay",
    "DictionaryDisplay",
    "EmbeddingDisplay",
    "LossDisplay",
    "ReconstructionDisplay",
    "StabilityDisplay",
]
