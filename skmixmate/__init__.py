"""Model-based deep clustering with the scikit-learn interface."""

__version__ = "0.1.0"

from . import (
    datasets,
    distributed,
    inspection,
    metrics,
    model_selection,
    penalties,
    plotting,
    ready,
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
from .persistence import load, save
from .ready.embeddings import EmbeddingClustering
from .ready.images import ImageClustering
from .ready.signals import SignalClustering

__all__ = [
    "EmbeddingClustering",
    "GroupSparseAutoencoder",
    "ImageClustering",
    "LocalGaussianImputer",
    "MagnitudeSpectrum",
    "MixMateClustering",
    "NeighborVoting",
    "PartialWhitening",
    "ScatteringTransform",
    "ScatteringTransform1D",
    "SignalClustering",
    "SparseAutoencoder",
    "SparseSubspaceClustering",
    "__version__",
    "datasets",
    "distributed",
    "inspection",
    "load",
    "metrics",
    "model_selection",
    "penalties",
    "plotting",
    "ready",
    "recovery",
    "save",
]
