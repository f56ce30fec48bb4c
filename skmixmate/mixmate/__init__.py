"""The MixMate estimator over the modules: start, training, inference."""

from .estimator import MixMateClustering
from .voting import NeighborVoting

__all__ = ["MixMateClustering", "NeighborVoting"]
