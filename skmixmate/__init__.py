"""Model-based deep clustering with the scikit-learn interface."""

__version__ = "0.1.0"

from . import (
    datasets,
    inspection,
    metrics,
    model_selection,
    penalties,
    plotting,
    ready,
    recovery,
)
from .features import PartialWhitening, ScatteringTransform
from .group_sparse import GroupSparseAutoencoder, SparseAutoencoder
from .imputation import LocalGaussianImputer
from .initializers import SparseSubspaceClustering
from .mixmate import MixMateClustering, NeighborVoting
from .ready.embeddings import EmbeddingClustering
from .ready.images import ImageClustering

__all__ = [
    "EmbeddingClustering",
    "GroupSparseAutoencoder",
    "ImageClustering",
    "LocalGaussianImputer",
    "MixMateClustering",
    "NeighborVoting",
    "PartialWhitening",
    "ScatteringTransform",
    "SparseAutoencoder",
    "SparseSubspaceClustering",
    "__version__",
    "datasets",
    "inspection",
    "metrics",
    "model_selection",
    "penalties",
    "plotting",
    "ready",
    "recovery",
]
