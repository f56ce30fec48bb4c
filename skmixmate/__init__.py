"""Model-based deep clustering with the scikit-learn interface."""

__version__ = "0.1.0"

from . import datasets, metrics, penalties, plotting, recipes
from .features import ScatteringTransform
from .initializers import SparseSubspaceClustering
from .mixmate import MixMateClustering

__all__ = [
    "MixMateClustering",
    "ScatteringTransform",
    "SparseSubspaceClustering",
    "__version__",
    "datasets",
    "metrics",
    "penalties",
    "plotting",
    "recipes",
]
