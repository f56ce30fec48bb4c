"""Pictures of mixtures and choices; matplotlib is imported only when one is drawn."""

from .cluster import ClusterDisplay
from .dictionary import DictionaryDisplay
from .number import NumberOfClustersDisplay
from .reconstruction import ReconstructionDisplay

__all__ = [
    "ClusterDisplay",
    "DictionaryDisplay",
    "NumberOfClustersDisplay",
    "ReconstructionDisplay",
]
