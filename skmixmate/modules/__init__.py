"""The networks: parameters and the forward pass over the functional core."""

from .autoencoder import LOSSES, AutoencoderOutput, DictionaryAutoencoder
from .encoder import UnfoldedEncoder
from .mixture import DictionaryMixture, MixtureOutput

__all__ = [
    "LOSSES",
    "AutoencoderOutput",
    "DictionaryAutoencoder",
    "DictionaryMixture",
    "MixtureOutput",
    "UnfoldedEncoder",
]
