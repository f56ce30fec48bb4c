"""Features of images."""

from .scattering import ScatteringTransform
from .whitening import PartialWhitening

__all__ = ["PartialWhitening", "ScatteringTransform"]
