"""Pictures of mixtures and choices; matplotlib is imported only when one is drawn."""

from .cluster import ClusterDisplay
from .confusion import ConfusionDisplay
from .dictionary import DictionaryDisplay
from .embedding import EmbeddingDisplay
from .loss import LossDisplay
from .number import NumberOfClustersDisplay
from .reconstruction import ReconstructionDisplay

__all__ = [
    "ClusterDisplay",
    "ConfusionDisplay",
    "DictionaryDisplay",
    "EmbeddingDisplay",
    "LossDisplay",
    "NumberOfClustersDisplay",
    "ReconstructionDisplay",
]
