"""Sparse and group-sparse autoencoders over the modules."""

from .autoencoders import GroupSparseAutoencoder, SparseAutoencoder

__all__ = ["GroupSparseAutoencoder", "SparseAutoencoder"]
