"""What the steps of a fit are for a sparse autoencoder."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from ..base.fit import NetworkFit
from ..base.parameters import NetworkParameters, at_least_one, resolve_penalty
from ..base.samples import batched_outputs, scaled_samples
from ..base.training import FittedAttributes, history_arrays
from ..functional import group_norms
from ..modules import LOSSES, AutoencoderOutput, DictionaryAutoencoder
from ..training import Samples, Trainer
from ..utils.callers import warn_user
from ..utils.parameter_checks import check_bool, check_choice
from ..utils.validation import Input

__all__ = [
    "AutoencoderFit",
    "AutoencoderParameters",
    "FittedAutoencoder",
    "strongest_groups",
]

# Mean squared norm of a sample after scaling: with unit-norm atoms, no code of an
# ordinary sample is much larger than one, and ``alpha`` is a fraction of that.
_SCALED_SQUARED_NORM = 1.0


def _loss(value, name: str) -> str:
    return check_choice(value, name, LOSSES)


@dataclass(frozen=True, kw_only=True)
class AutoencoderParameters(NetworkParameters):
    """The checked parameters of a sparse autoencoder."""

    n_groups: int
    group_size: int
    name_of_n_groups: str
    loss: Annotated[Literal["penalized", "reconstruction"], _loss]
    normalize_atoms: Annotated[bool, check_bool]

    @classmethod
    def from_estimator(cls, estimator, **values) -> "AutoencoderParameters":
        """See `NetworkParameters.from_estimator`."""
        for field, name in zip(
            ("n_groups", "group_size"), estimator._size_names, strict=True
        ):
            size = 1 if name is None else at_least_one(getattr(estimator, name), name)
            values.setdefault(field, size)
        return super().from_estimator(
            estimator,
            penalty=_penalty(
                estimator.penalty, estimator.nonnegative, values["group_size"]
            ),
            name_of_n_groups=estimator._size_names[0],
            **values,
        )


def _penalty(penalty, nonnegative, group_size: int):
    is_nonnegative = check_bool(nonnegative, "nonnegative")
    resolved = resolve_penalty(
        penalty, group_size=group_size, nonnegative=is_nonnegative
    )
    if is_nonnegative and not getattr(resolved, "nonnegative", False):
        raise ValueError(
            f"nonnegative=True is for a penalty by name, got penalty={penalty!r}; "
            "restrict the codes in the penalty, as L1(nonnegative=True) does."
        )
    if group_size % resolved.group_size:
        raise ValueError(
            f"group_size={group_size} must be a multiple of that of the penalty, "
            f"{resolved.group_size}, got penalty={penalty!r}."
        )
    return resolved


@dataclass(frozen=True)
class LastPass:
    """Fitted attributes of an autoencoder that describe the training samples."""

    labels_: np.ndarray
    loss_: float
    group_usage_: np.ndarray


@dataclass(frozen=True, kw_only=True)
class FittedAutoencoder(FittedAttributes):
    """Fitted attributes of an autoencoder: the dictionary and its training."""

    last_pass_type = LastPass

    dictionary_: np.ndarray
    group_size_: int

    def check_same_model(self, parameters) -> None:
        """See `FittedAttributes.check_same_model`."""
        for name, old, new in (
            ("group_size", self.group_size_, parameters.group_size),
            (parameters.name_of_n_groups, self.n_labels, parameters.n_groups),
            ("scale", self.scale_, parameters.scale or self.scale_),
        ):
            if old != new:
                raise ValueError(
                    f"An estimator fitted with {name}={old} cannot go on with "
                    f"{name}={new}; fit a clone of it instead."
                )

    @property
    def n_labels(self) -> int:
        """See `FittedAttributes.n_labels`: the number of groups."""
        return len(self.dictionary_) // self.group_size_

    def renumbered(self, order: np.ndarray) -> "FittedAutoencoder":
        """See `FittedAttributes.renumbered`."""
        groups = self.dictionary_.reshape(self.n_labels, self.group_size_, -1)
        labels = self.last.labels_
        # No group explains a sample whose label is -1.
        labels = np.where(labels < 0, labels, np.argsort(order)[labels])
        last = replace(
            self.last, labels_=labels, group_usage_=self.last.group_usage_[order]
        )
        atoms = groups[order].reshape(self.dictionary_.shape)
        return replace(self, dictionary_=atoms, last=last)

    def fixed_parameters(self) -> dict:
        """See `FittedAttributes.fixed_parameters`."""
        return {"n_groups": self.n_labels, "group_size": self.group_size_}

    def network(
        self, parameters: AutoencoderParameters, left_out: Tensor | None = None
    ) -> DictionaryAutoencoder:
        """Build the network of the attributes, in their dtype, less some features."""
        # A copy: it may be read-only (a memory map), which torch warns of.
        D = torch.tensor(self.dictionary_, device=parameters.device)
        return _build_network(parameters, D).leave_out_(left_out)

    def samples(
        self, data: Input, device: torch.device, left_out: Tensor | None = None
    ) -> Samples:
        """Samples as the network takes them."""
        is_double = self.dictionary_.dtype == np.float64
        return Samples(
            data.X,
            data.mask,
            scale=self.scale_,
            has_missing=data.has_missing,
            dtype=torch.float64 if is_double else torch.float32,
            device=device,
            left_out=left_out,
            largest_norm=self.largest_norm_,
        )


def strongest_groups(output: AutoencoderOutput, group_size: int) -> Tensor:
    """Group of the largest norm of each code, (B,); -1 for codes that are zero."""
    largest, labels = group_norms(output.codes, group_size).max(dim=1)
    return torch.where(largest > 0, labels, -1)


class AutoencoderFit(NetworkFit):
    """A fit of a sparse autoencoder."""

    parameters: AutoencoderParameters
    earlier: FittedAutoencoder | None

    def first_samples(self) -> Samples:
        """See `NetworkFit.first_samples`."""
        return scaled_samples(self.data, self.parameters, _SCALED_SQUARED_NORM)

    def start_shape(self) -> dict:
        """See `NetworkFit.start_shape`."""
        n_groups, group_size = self.parameters.n_groups, self.parameters.group_size
        # Groups larger than the data have to be filled somehow; nothing to tell.
        n_samples = min(len(self.samples), self.parameters.init_size)
        return {
            "n_clusters": n_groups,
            "n_atoms": group_size,
            "warn": n_samples >= n_groups * group_size,
        }

    def network(self, atoms: Tensor) -> DictionaryAutoencoder:
        """See `NetworkFit.network`."""
        return _build_network(self.parameters, atoms.flatten(0, 1))

    def earlier_network(self) -> DictionaryAutoencoder:
        """See `NetworkFit.earlier_network`."""
        module = self.earlier.network(self.parameters)  # type: ignore[union-attr]
        return module.float()

    def fitted(self, trainer: Trainer, converged: bool = False) -> FittedAutoencoder:
        """See `NetworkFit.fitted`."""
        D = trainer.module.dictionary.detach().to("cpu", self.samples.dtype, copy=True)
        if self.parameters.normalize_atoms:
            # In that dtype, so that the attributes are the model exactly.
            D = torch.nn.functional.normalize(D, eps=torch.finfo(D.dtype).tiny)
        return FittedAutoencoder(
            dictionary_=D.numpy(),
            group_size_=self.parameters.group_size,
            scale_=self.samples.scale,
            largest_norm_=self.samples.largest_norm,
            observed_features_=self.observed_features(),
            n_parameters_=D.numel(),
            history_=history_arrays(trainer),
            n_iter_=trainer.epoch,
            converged_=bool(converged),
        )

    def last_pass(self, module: DictionaryAutoencoder, samples: Samples) -> LastPass:
        """See `NetworkFit.last_pass`."""
        n_groups, group_size = self.parameters.n_groups, self.parameters.group_size
        loss = torch.zeros((), dtype=torch.float64, device=samples.device)
        n_users = torch.zeros(n_groups, dtype=torch.long, device=samples.device)
        labels = torch.full((len(samples),), -1, device=samples.device)
        for index, output in batched_outputs(module, samples, self.processes):
            loss += module.loss(output).double() * len(output.codes)
            labels[index] = strongest_groups(output, group_size)
            n_users += (group_norms(output.codes, group_size) > 0).sum(0)
        if self.processes is not None:
            self.processes.sum_([loss, n_users])
            self.processes.gather_labels_(labels)
        mean_loss = float(loss) / len(samples)
        # Double precision may get through where single precision, in training, did not.
        if not mean_loss <= torch.finfo(torch.float32).max:
            raise ValueError(_not_finite(self.parameters, samples.scale))
        return LastPass(
            labels_=labels.cpu().numpy(),
            loss_=mean_loss,
            group_usage_=n_users.cpu().numpy() / len(samples),
        )

    def warn(self, fitted: FittedAutoencoder) -> None:
        """See `NetworkFit.warn`."""
        usage = fitted.last.group_usage_
        n_unused = int((usage == 0).sum())
        if n_unused:
            warn_user(
                f"{n_unused} of {len(usage)} groups are used by no training sample; "
                "a smaller alpha, fewer groups or init='spectral' may help.",
                ConvergenceWarning,
            )


def _build_network(
    parameters: AutoencoderParameters, D: Tensor
) -> DictionaryAutoencoder:
    """Build a network with the atoms (n_atoms, M)."""
    return DictionaryAutoencoder(
        D,
        loss_name=parameters.loss,
        penalty=parameters.penalty,
        alpha=parameters.alpha,
        n_fista_iter=parameters.n_fista_iter,
        step_size=parameters.step_size,
        normalize_atoms=parameters.normalize_atoms,
    )


def _not_finite(parameters: AutoencoderParameters, scale: float) -> str:
    if parameters.step_size != "auto":
        return (
            f"The encoder diverges with step_size={parameters.step_size!r}: the loss "
            "of the samples is not finite. Use step_size='auto', or a smaller number."
        )
    return (
        "The loss of the samples is not finite with "
        f"learning_rate={parameters.learning_rate!r}, "
        f"normalize_atoms={parameters.normalize_atoms!r} and scale_={scale!r}. "
        "Use a smaller learning_rate, normalize_atoms=True or scale='auto'."
    )
