"""The MixMate estimator over the modules: start, training, inference."""

from .estimator import MixMateClustering

__all__ = ["MixMateClustering"]
