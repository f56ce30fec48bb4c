"""Loaders of the papers' image sets and seeded generators of their models."""

from ._generators import make_dictionary_mixture, make_group_sparse
from ._images import fetch_fashion_mnist, fetch_mnist, fetch_usps

__all__ = [
    "fetch_fashion_mnist",
    "fetch_mnist",
    "fetch_usps",
    "make_dictionary_mixture",
    "make_group_sparse",
]
