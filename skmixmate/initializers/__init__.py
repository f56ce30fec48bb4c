"""Where training starts: X -> labels -> dictionaries."""

from .dictionaries import InitializationWarning, dictionaries_from_labels
from .labels import initial_labels
from .spectral import spectral_clustering_labels, spectral_labels
from .ssc import SparseSubspaceClustering

__all__ = [
    "InitializationWarning",
    "SparseSubspaceClustering",
    "dictionaries_from_labels",
    "initial_labels",
    "spectral_clustering_labels",
    "spectral_labels",
]
