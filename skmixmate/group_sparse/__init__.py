"""Sparse and group-sparse autoencoders over the modules."""

from .estimators import GroupSparseAutoencoder, SparseAutoencoder

__all__ = ["GroupSparseAutoencoder", "SparseAutoencoder"]
