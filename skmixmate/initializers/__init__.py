"""Where training starts: X -> labels -> dictionaries."""

from .dictionaries import InitializationWarning, dictionaries_from_labels
from .spectral import spectral_clustering_labels, spectral_labels
from .ssc import SparseSubspaceClustering
from .start import INITIALIZERS, first_atoms, has_one_start

__all__ = [
    "INITIALIZERS",
    "InitializationWarning",
    "SparseSubspaceClustering",
    "dictionaries_from_labels",
    "first_atoms",
    "has_one_start",
    "spectral_clustering_labels",
    "spectral_labels",
]
