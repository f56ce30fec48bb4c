"""Model-based deep clustering with the scikit-learn interface."""

__version__ = "0.1.0"

from . import (
    datasets,
    inspection,
    metrics,
    model_selection,
    penalties,
    plotting,
    recipes,
    recovery,
)
from .features import (
    MagnitudeSpectrum,
    PartialWhitening,
    ScatteringTransform,
    ScatteringTransform1D,
)
from .group_sparse import GroupSparseAutoencoder, SparseAutoencoder
from .imputation import LocalGaussianImputer
from .initializers import SparseSubspaceClustering
from .mixmate import MixMateClustering, NeighborVoting

__all__ = [
    "GroupSparseAutoencoder",
    "LocalGaussianImputer",
    "MagnitudeSpectrum",
    "MixMateClustering",
    "NeighborVoting",
    "PartialWhitening",
    "ScatteringTransform",
    "ScatteringTransform1D",
    "SparseAutoencoder",
    "SparseSubspaceClustering",
    "__version__",
    "datasets",
    "inspection",
    "metrics",
    "model_selection",
    "penalties",
    "plotting",
    "recipes",
    "recovery",
]
