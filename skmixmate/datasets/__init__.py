"""Loaders of the papers' image sets and of folders, and generators of their models."""

from ._folder import load_images
from ._generators import make_dictionary_mixture, make_group_sparse
from ._images import fetch_fashion_mnist, fetch_mnist, fetch_usps

__all__ = [
    "fetch_fashion_mnist",
    "fetch_mnist",
    "fetch_usps",
    "load_images",
    "make_dictionary_mixture",
    "make_group_sparse",
]
