"""The MixMate estimator over the modules: start, training, inference."""

from .estimator import MixMateClustering
from .imputer import MixMateImputer

__all__ = ["MixMateClustering", "MixMateImputer"]
