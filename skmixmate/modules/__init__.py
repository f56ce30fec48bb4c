"""The networks: parameters and the forward pass over the functional core."""

from .autoencoder import AutoencoderOutput, DictionaryAutoencoder
from .encoder import UnfoldedEncoder
from .mixture import DictionaryMixture, MixtureOutput

__all__ = [
    "AutoencoderOutput",
    "DictionaryAutoencoder",
    "DictionaryMixture",
    "MixtureOutput",
    "UnfoldedEncoder",
]
