"""Between the fitted attributes of a mixture and its network, both ways."""

from dataclasses import dataclass, replace
from numbers import Real
from typing import Annotated, Self

import numpy as np
import torch
from torch import Tensor

from ..base.parameters import (
    NetworkParameters,
    at_least_one,
    integer_or_auto,
)
from ..base.samples import batched_outputs
from ..base.training import FittedAttributes, history_arrays
from ..distributed import Processes
from ..functional import separation_criterion
from ..imputation import LocalGaussianImputer
from ..modules import DictionaryMixture, MixtureOutput
from ..training import Samples, Trainer
from ..utils.parameter_checks import check_bool, check_choice
from ..utils.validation import Input

__all__ = [
    "ROOT",
    "Criterion",
    "FittedMixture",
    "LastPass",
    "MixtureParameters",
    "assigned_codes",
    "build_network",
    "decode",
    "decode_by_label",
    "last_pass",
]


# Of the size of a cluster, what its number of atoms grows with.
ROOT = 0.5


def _missing(value, name: str) -> str:
    return check_choice(value, name, ("impute", "mask"))


def _exponent(value, name: str) -> float | None:
    """That by which dictionaries grow with their clusters, zero if they do not.

    None if the start is to choose.
    """
    if isinstance(value, str) and value == "auto":
        return None
    if isinstance(value, bool | np.bool_):
        return ROOT if value else 0.0
    if not isinstance(value, Real) or not 0.0 < float(value) <= 1.0:
        raise ValueError(
            f"{name} must be 'auto', True, False or a number above 0 and up to 1, got "
            f"{value!r}."
        )
    return float(value)


@dataclass(frozen=True, kw_only=True)
class MixtureParameters(NetworkParameters):
    """The checked parameters of a `MixMateClustering`."""

    n_clusters: Annotated[int, at_least_one]
    n_atoms: Annotated[int | None, integer_or_auto]
    adapt_n_atoms: Annotated[float | None, _exponent]
    fit_intercept: Annotated[bool, check_bool]
    fit_weights: Annotated[bool, check_bool]
    missing: Annotated[str, _missing]

    def __post_init__(self):
        group_size = self.penalty.group_size
        if self.n_atoms is not None and self.n_atoms % group_size:
            raise ValueError(
                f"n_atoms must be a multiple of the penalty's group_size={group_size}, "
                f"got {self.n_atoms}."
            )


@dataclass(frozen=True)
class LastPass:
    """Fitted attributes of `MixMateClustering` that describe the training samples."""

    labels_: np.ndarray
    loss_: float
    criterion_: float
    cluster_sizes_: np.ndarray
    atom_usage_: np.ndarray
    code_means_: np.ndarray
    code_covariances_: np.ndarray

    def renumbered(self, order: np.ndarray) -> "LastPass":
        """See `FittedAttributes.renumbered`."""
        return replace(
            self,
            labels_=np.argsort(order)[self.labels_],
            cluster_sizes_=self.cluster_sizes_[order],
            atom_usage_=self.atom_usage_[order],
            code_means_=self.code_means_[order],
            code_covariances_=self.code_covariances_[order],
        )

    def standing_for(self, n_samples: int) -> "LastPass":
        """See `FittedAttributes.standing_for`."""
        sizes = self.cluster_sizes_ * (n_samples / max(self.cluster_sizes_.sum(), 1))
        whole = np.floor(sizes).astype(self.cluster_sizes_.dtype)
        # What rounding took goes to those that lost most.
        most_lost = np.argsort(whole - sizes, kind="stable")
        whole[most_lost[: n_samples - whole.sum()]] += 1
        return replace(self, cluster_sizes_=whole)

    def joined(self, earlier) -> "LastPass":
        """Return the statistics of these samples and earlier ones together.

        Labels, loss and criterion are those of these samples.
        """
        sizes = self.cluster_sizes_ + earlier.cluster_sizes_
        share = (self.cluster_sizes_ / np.maximum(sizes, 1))[:, None]
        share = share.astype(self.code_means_.dtype)

        def mean(new, old):
            weight = share.reshape(-1, *(1,) * (new.ndim - 1))
            return weight * new + (1 - weight) * old

        def second_moments(statistics):
            means = statistics.code_means_
            return statistics.code_covariances_ + means[:, :, None] * means[:, None]

        means = mean(self.code_means_, earlier.code_means_)
        products = mean(second_moments(self), second_moments(earlier))
        return LastPass(
            labels_=self.labels_,
            loss_=self.loss_,
            criterion_=self.criterion_,
            cluster_sizes_=sizes,
            atom_usage_=mean(self.atom_usage_, earlier.atom_usage_),
            code_means_=means,
            code_covariances_=products - means[:, :, None] * means[:, None],
        )


@dataclass(frozen=True, kw_only=True)
class FittedMixture(FittedAttributes):
    """Fitted attributes of `MixMateClustering`: the parameters and their training."""

    last_pass_type = LastPass

    dictionaries_: np.ndarray
    dictionary_sizes_: np.ndarray
    n_atoms_: int
    intercepts_: np.ndarray | None
    weights_: np.ndarray
    center_: np.ndarray | None
    intercept_scaling_: float | None
    imputer_: LocalGaussianImputer | None
    start_agreement_: float | None
    # Whether the start asked for dictionaries of one size; None if it said nothing.
    _are_of_one_size: bool | None = None
    # What sizes of dictionaries grow with, if the start chose it.
    _exponent: float | None = None

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
        sizes = dictionary_sizes_of(D)
        D = np.ascontiguousarray(D[:, : sizes.max()])
        log_weights = module.log_weights.detach().to("cpu", dtype)
        has_intercept = samples.intercept_scaling is not None
        center = samples.center
        return cls(
            dictionaries_=np.ascontiguousarray(D[:, :, :-1]) if has_intercept else D,
            dictionary_sizes_=sizes,
            intercepts_=np.ascontiguousarray(D[:, :, -1]) if has_intercept else None,
            weights_=torch.softmax(log_weights, dim=0).numpy(),
            center_=None if center is None else center.to("cpu", dtype).numpy(),
            scale_=samples.scale,
            largest_norm_=samples.largest_norm,
            intercept_scaling_=samples.intercept_scaling,
            n_parameters_=int(sizes.sum()) * D.shape[2]
            + parameters.fit_weights * (len(D) - 1),
            history_=history_arrays(trainer),
            n_iter_=trainer.epoch,
            **attributes,
        )

    def check_same_model(self, parameters) -> None:
        """See `FittedAttributes.check_same_model`."""
        n_clusters, n_atoms = len(self.dictionaries_), self.n_atoms_
        has_intercept = self.intercepts_ is not None
        for name, old, new in (
            ("n_clusters", n_clusters, parameters.n_clusters),
            ("n_atoms", n_atoms, parameters.n_atoms or n_atoms),
            ("scale", self.scale_, parameters.scale or self.scale_),
            ("fit_intercept", has_intercept, parameters.fit_intercept),
        ):
            if old != new:
                raise ValueError(
                    f"An estimator fitted with {name}={old} cannot go on with "
                    f"{name}={new}; fit a clone of it instead."
                )
        if (self.dictionary_sizes_ % parameters.penalty.group_size).any():
            raise ValueError(
                f"An estimator fitted with {n_atoms} atoms a cluster cannot go on with "
                f"penalty={parameters.penalty!r}, whose group_size does not divide "
                "them."
            )

    @property
    def n_labels(self) -> int:
        """See `FittedAttributes.n_labels`."""
        return len(self.dictionaries_)

    def renumbered(self, order: np.ndarray) -> "FittedMixture":
        """See `FittedAttributes.renumbered`."""
        return replace(
            self,
            dictionaries_=self.dictionaries_[order],
            dictionary_sizes_=self.dictionary_sizes_[order],
            intercepts_=None if self.intercepts_ is None else self.intercepts_[order],
            weights_=self.weights_[order],
            last=self.last.renumbered(order),
        )

    def standing_for(self, n_samples: int) -> "FittedMixture":
        """See `FittedAttributes.standing_for`."""
        return replace(self, last=self.last.standing_for(n_samples))

    def in_unit_of(self, other: Self) -> Self:
        """See `FittedAttributes.in_unit_of`."""
        intercept_scaling = self.intercept_scaling_
        if intercept_scaling is not None:
            # It shrinks with the samples, or clusters would move from the origin.
            intercept_scaling *= self.scale_ / other.scale_
        same = super().in_unit_of(other)
        return replace(same, intercept_scaling_=intercept_scaling)

    def comparable_with(self, other: Self) -> Self:
        """See `FittedAttributes.comparable_with`."""
        return replace(
            self.in_unit_of(other),
            # Filled in by a model of other samples, they would suit this one better.
            imputer_=other.imputer_,
            # Where the start asked for one size, the criterion is another.
            _are_of_one_size=other._are_of_one_size,
        )

    def fixed_parameters(self) -> dict:
        """See `FittedAttributes.fixed_parameters`."""
        return {"n_clusters": len(self.dictionaries_), "n_atoms": self.n_atoms_}

    @property
    def criterion(self) -> float:
        """See `FittedAttributes.criterion`."""
        return float("inf") if self.last is None else self.last.criterion_

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
            has_missing=data.has_missing,
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


def dictionary_sizes_of(D: np.ndarray) -> np.ndarray:
    """Number of atoms of each cluster, (K,), that are not zero, of (K, P, M)."""
    return (D != 0.0).any(axis=-1).sum(axis=1)


class Criterion:
    """What runs and starts are ranked by, added up batch by batch.

    `separation_criterion`, or, where all dictionaries are to have one size as the
    clusters that they are for, the lowest energy alone.
    """

    def __init__(self, module: DictionaryMixture, *, adapts_n_atoms: bool):
        self.module = module
        self.adapts_n_atoms = adapts_n_atoms
        device = module.dictionaries.device
        self.sums = torch.zeros(2, dtype=torch.float64, device=device)
        self.n_samples = 0

    def add(self, output: MixtureOutput) -> None:
        """Add the energies of a batch."""
        # Without what only tells how many samples the other clusters have.
        energies = output.energies + self.module.log_weights
        if energies.shape[1] == 1:
            energies = torch.nn.functional.pad(energies, (0, 1), value=torch.inf)
        lowest = energies.topk(2, dim=1, largest=False, sorted=True).values
        self.sums += lowest.sum(0, dtype=torch.float64)
        self.n_samples += len(energies)

    def value(self) -> float:
        """Return the criterion of all samples so far."""
        lowest, second = (self.sums / self.n_samples).tolist()
        return separation_criterion(lowest, second) if self.adapts_n_atoms else lowest


def last_pass(
    module: DictionaryMixture,
    samples: Samples,
    empty_rows: Tensor | None = None,
    *,
    adapts_n_atoms: bool = True,
    processes: Processes | None = None,
) -> LastPass:
    """Label the training samples and describe their codes.

    Parameters
    ----------
    module : DictionaryMixture
        Built from the fitted attributes, as `predict` builds it, so that ``labels_``
        and ``predict`` agree bit by bit.
    samples : Samples
    empty_rows : Tensor of shape (n_samples,), bool, default=None
        Samples of which nothing is observed; all but their labels goes without them.
    adapts_n_atoms : bool, default=True
        See `Criterion`.
    processes : Processes, default=None
        What others do a part of the pass.

    Returns
    -------
    LastPass

    Raises
    ------
    ValueError
        If the encoder diverges.
    """
    D = module.dictionaries
    n_clusters, n_atoms, _ = D.shape
    loss = torch.zeros((), dtype=torch.float64, device=D.device)
    sizes = torch.zeros(n_clusters, dtype=torch.long, device=D.device)
    usage, sums = D.new_zeros(n_clusters, n_atoms), D.new_zeros(n_clusters, n_atoms)
    products = D.new_zeros(n_clusters, n_atoms, n_atoms)
    criterion = Criterion(module, adapts_n_atoms=adapts_n_atoms)
    labels = torch.full((len(samples),), -1, dtype=torch.long, device=D.device)
    for index, output in batched_outputs(module, samples, processes):
        loss += module.loss(output).double() * len(output.energies)
        criterion.add(output)
        labels[index] = output.energies.argmin(dim=1)
        codes = assigned_codes(output)
        one_hot = torch.nn.functional.one_hot(labels[index], n_clusters)
        if empty_rows is not None:
            one_hot[empty_rows[index]] = 0
        sizes += one_hot.sum(0)
        members = one_hot.to(D.dtype).T
        usage += members @ codes.abs()
        sums += members @ codes
        products += (members.unsqueeze(-1) * codes).mT @ codes
    if processes is not None:
        processes.sum_([loss, sizes, usage, sums, products, criterion.sums])
        processes.gather_labels_(labels)
        criterion.n_samples = len(samples)
    mean_loss = float(loss) / len(samples)
    # Double precision may get through where single precision, in training, did not.
    if not mean_loss <= torch.finfo(torch.float32).max:
        raise ValueError(
            f"The encoder diverges with step_size={module.step_size!r}: the energies "
            "of the samples are not finite. Use step_size='auto', or a smaller number."
        )
    divisors = sizes.clamp(min=1).to(D.dtype)[:, None]
    means = sums / divisors
    covariances = products / divisors[:, None] - means[:, :, None] * means[:, None]
    return LastPass(
        labels_=labels.cpu().numpy(),
        loss_=mean_loss,
        criterion_=criterion.value(),
        cluster_sizes_=sizes.cpu().numpy(),
        atom_usage_=(usage / divisors).cpu().numpy(),
        code_means_=means.cpu().numpy(),
        code_covariances_=covariances.cpu().numpy(),
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
