"""Sparse and group-sparse autoencoders over the modules."""

from .group_sparse import GroupSparseAutoencoder
from .sparse import SparseAutoencoder

__all__ = ["GroupSparseAutoencoder", "SparseAutoencoder"]
