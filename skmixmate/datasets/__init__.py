"""Loaders of image sets, folders and batches; generators of the papers' models."""

from ._folder import load_images
from ._generators import make_dictionary_mixture, make_group_sparse
from ._images import fetch_fashion_mnist, fetch_mnist, fetch_usps
from ._memmap import to_memmap

__all__ = [
    "fetch_fashion_mnist",
    "fetch_mnist",
    "fetch_usps",
    "load_images",
    "make_dictionary_mixture",
    "make_group_sparse",
    "to_memmap",
]
