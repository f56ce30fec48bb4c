"""From the fitted attributes back to a network, its samples and its answers."""

import numpy as np
import torch
from torch import Tensor

from ..modules import DictionaryMixture, MixtureOutput
from ..penalties import resolve_penalty
from ..training import Samples
from ..utils.validation import Input

__all__ = [
    "assigned_codes",
    "build_network",
    "decode",
    "decode_by_label",
    "fitted_network",
    "fitted_samples",
]


def build_network(
    parameters, dictionaries: Tensor, weights: Tensor | None, **options
) -> DictionaryMixture:
    """Build a network with the constructor's parameters of a ``MixMateClustering``.

    Parameters
    ----------
    parameters : MixMateClustering
    dictionaries : Tensor of shape (n_clusters, n_atoms, n_features)
    weights : Tensor of shape (n_clusters,) or None
    **options
        Passed on to `DictionaryMixture`.
    """
    return DictionaryMixture(
        dictionaries,
        weights=weights,
        penalty=resolve_penalty(parameters.penalty),
        alpha=float(parameters.alpha),
        n_fista_iter=parameters.n_fista_iter,
        step_size=parameters.step_size,
        **options,
    )


def fitted_network(fitted, parameters, device: torch.device) -> DictionaryMixture:
    """Build the network of fitted attributes, in their dtype.

    Parameters
    ----------
    fitted : MixMateClustering or FittedMixture
        Has ``dictionaries_``, ``intercepts_`` and ``weights_``.
    parameters : MixMateClustering
        Has the constructor's parameters.
    device : torch.device
    """
    D = fitted.dictionaries_
    if fitted.intercepts_ is not None:
        D = np.concatenate([D, fitted.intercepts_[:, :, None]], axis=2)
    weights = torch.tensor(fitted.weights_, device=device)
    return build_network(parameters, torch.tensor(D, device=device), weights)


def fitted_samples(fitted, data: Input, device: torch.device) -> Samples:
    """Input as the network of a fitted ``MixMateClustering`` takes it."""
    # Copies: fitted arrays may be read-only (a memory map), which torch warns of.
    center = fitted.center_
    is_double = fitted.dictionaries_.dtype == np.float64
    return Samples(
        data.X,
        data.mask,
        center=None if center is None else torch.tensor(center, device=device),
        scale=fitted.scale_,
        intercept_scaling=fitted.intercept_scaling_,
        dtype=torch.float64 if is_double else torch.float32,
        device=device,
    )


def assigned_codes(output: MixtureOutput) -> Tensor:
    """Code of each sample for its cluster of lowest energy, (B, P)."""
    rows = torch.arange(output.codes.shape[1], device=output.codes.device)
    return output.codes[output.energies.argmin(dim=1), rows]


def decode(module: DictionaryMixture, codes: Tensor) -> Tensor:
    """Codes (K, B, P) to samples (K, B, M), as the network has them."""
    return codes @ module.dictionaries.detach()


def decode_by_label(module: DictionaryMixture, codes: Tensor, labels: Tensor) -> Tensor:
    """Codes (B, P) of clusters ``labels`` to samples (B, M)."""
    D = module.dictionaries.detach()
    X = codes.new_empty((len(codes), D.shape[-1]))
    for cluster in torch.unique(labels).tolist():
        members = labels == cluster
        X[members] = codes[members] @ D[cluster]
    return X
