"""The MixMate estimator over the modules: start, training, inference."""

from .estimator import MixMateClustering
from .imputer import MixMateImputer
from .voting import NeighborVoting

__all__ = ["MixMateClustering", "MixMateImputer", "NeighborVoting"]
