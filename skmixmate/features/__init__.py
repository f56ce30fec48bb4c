"""Features of images."""

from .scattering import ScatteringTransform

__all__ = ["ScatteringTransform"]
