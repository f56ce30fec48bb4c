"""Between the fitted attributes of a mixture and its network, both ways."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from torch import Tensor

from ..base.fit import FittedAttributes
from ..base.parameters import (
    NetworkParameters,
    at_least_one,
    integer_or_auto,
)
from ..base.training import history_arrays
from ..modules import DictionaryMixture
from ..training import Samples, Trainer
from ..utils.parameter_checks import check_bool
from ..utils.validation import Input
from .last_pass import LastPass

__all__ = [
    "FittedMixture",
    "MixtureParameters",
    "build_network",
    "decode",
    "decode_by_label",
]


@dataclass(frozen=True, kw_only=True)
class MixtureParameters(NetworkParameters):
    """The checked parameters of a `MixMateClustering`."""

    n_clusters: Annotated[int, at_least_one]
    n_atoms: Annotated[int | None, integer_or_auto]
    fit_intercept: Annotated[bool, check_bool]
    fit_weights: Annotated[bool, check_bool]

    def __post_init__(self):
        group_size = self.penalty.group_size
        if self.n_atoms is not None and self.n_atoms % group_size:
            raise ValueError(
                f"n_atoms must be a multiple of the penalty's group_size={group_size}, "
                f"got {self.n_atoms}."
            )


@dataclass(frozen=True, kw_only=True)
class FittedMixture(FittedAttributes):
    """Fitted attributes of `MixMateClustering`: the parameters and their training."""

    last_pass_type = LastPass

    dictionaries_: np.ndarray
    intercepts_: np.ndarray | None
    weights_: np.ndarray
    center_: np.ndarray | None
    intercept_scaling_: float | None

    @classmethod
    def from_trainer(
        cls,
        trainer: Trainer,
        samples: Samples,
        parameters: MixtureParameters,
        **attributes,
    ) -> "FittedMixture":
        """Gather them after training, in the dtype of ``samples``, to others."""
        module, dtype = trainer.module, samples.dtype
        # Normalised in that dtype, so that the attributes are the model exactly.
        tiny = torch.finfo(dtype).tiny
        D = module.dictionaries.detach().to("cpu", dtype, copy=True)
        D = torch.nn.functional.normalize(D, dim=-1, eps=tiny).numpy()
        log_weights = module.log_weights.detach().to("cpu", dtype)
        has_intercept = samples.intercept_scaling is not None
        center = samples.center
        return cls(
            dictionaries_=np.ascontiguousarray(D[:, :, :-1]) if has_intercept else D,
            intercepts_=np.ascontiguousarray(D[:, :, -1]) if has_intercept else None,
            weights_=torch.softmax(log_weights, dim=0).numpy(),
            center_=None if center is None else center.to("cpu", dtype).numpy(),
            scale_=samples.scale,
            largest_norm_=samples.largest_norm,
            intercept_scaling_=samples.intercept_scaling,
            n_parameters_=D.size + parameters.fit_weights * (len(D) - 1),
            history_=history_arrays(trainer),
            n_iter_=trainer.epoch,
            **attributes,
        )

    def network(
        self, parameters: MixtureParameters, left_out: Tensor | None = None
    ) -> DictionaryMixture:
        """Build the network of the attributes, in their dtype, less some features."""
        D = self.dictionaries_
        if self.intercepts_ is not None:
            D = np.concatenate([D, self.intercepts_[:, :, None]], axis=2)
        # Copies: fitted arrays may be read-only (a memory map), which torch warns of.
        atoms, weights = (
            torch.tensor(array, device=parameters.device)
            for array in (D, self.weights_)
        )
        return build_network(parameters, atoms, weights).leave_out_(left_out)

    def samples(
        self, data: Input, device: torch.device, left_out: Tensor | None = None
    ) -> Samples:
        """Samples as the network takes them."""
        center = self.center_
        is_double = self.dictionaries_.dtype == np.float64
        return Samples(
            data.X,
            data.mask,
            center=None if center is None else torch.tensor(center, device=device),
            scale=self.scale_,
            intercept_scaling=self.intercept_scaling_,
            dtype=torch.float64 if is_double else torch.float32,
            device=device,
            left_out=left_out,
            largest_norm=self.largest_norm_,
        )


def build_network(
    parameters: MixtureParameters, D: Tensor, weights: Tensor | None, **options
) -> DictionaryMixture:
    """Build a network with dictionaries (K, P, M) and weights (K,), None for equal."""
    return DictionaryMixture(
        D,
        weights=weights,
        penalty=parameters.penalty,
        alpha=parameters.alpha,
        n_fista_iter=parameters.n_fista_iter,
        step_size=parameters.step_size,
        **options,
    )


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
