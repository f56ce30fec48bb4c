"""Features of images and of signals."""

from .scattering import ScatteringTransform
from .scattering_1d import ScatteringTransform1D
from .spectrum import MagnitudeSpectrum
from .whitening import PartialWhitening

__all__ = [
    "MagnitudeSpectrum",
    "PartialWhitening",
    "ScatteringTransform",
    "ScatteringTransform1D",
]
