"""Where training starts: X -> labels -> dictionaries."""

from .dictionaries import InitializationWarning, dictionaries_from_labels
from .merging import (
    Labeling,
    Labelings,
    blending,
    mean_conductance,
    merged_clusters,
)
from .spectral import (
    neighbor_conductance,
    spectral_clustering_labels,
    spectral_labelings,
    spectral_labels,
    spectral_partitions,
)
from .ssc import SparseSubspaceClustering
from .start import INITIALIZERS, first_atoms, has_one_start

__all__ = [
    "INITIALIZERS",
    "InitializationWarning",
    "Labeling",
    "Labelings",
    "SparseSubspaceClustering",
    "blending",
    "dictionaries_from_labels",
    "first_atoms",
    "has_one_start",
    "mean_conductance",
    "merged_clusters",
    "neighbor_conductance",
    "spectral_clustering_labels",
    "spectral_labelings",
    "spectral_labels",
    "spectral_partitions",
]
