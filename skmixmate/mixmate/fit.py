"""What the steps of a fit are for a mixture of dictionaries."""

import math
import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from ..base.fit import NetworkFit
from ..base.samples import (
    batched_outputs,
    initialization_subset,
    scaled_points,
    scaled_samples,
)
from ..base.training import new_trainer
from ..functional import dictionary_sizes
from ..imputation import LocalGaussianImputer
from ..initializers import Labelings, has_one_start, neighbor_conductance
from ..modules import DictionaryMixture
from ..training import (
    BackwardChoice,
    Callback,
    DictionarySizes,
    MixtureWeights,
    Samples,
    Trainer,
)
from ..utils.callers import warn_user
from ..utils.progress import each, step
from ..utils.random import drawn_seed, private_random_state
from ..utils.validation import Input
from .network import (
    ROOT,
    Criterion,
    FittedMixture,
    LastPass,
    MixtureParameters,
    build_network,
    last_pass,
)
from .resolution import resolved_samples

__all__ = ["MixtureFit"]

# Mean squared norm of a sample after scaling. MNIST pixels in [0, 1] have 88, so the
# paper's alpha of 0.75 keeps its meaning whatever the unit of the data.
_SCALED_SQUARED_NORM = 100.0
_LARGEST_AUTO_N_ATOMS = 50
# Of a dictionary to the mean of all, whose places and time grow with the largest.
_LARGEST_RATIO = 3
# Below it, a cluster does not learn from a sample; see `DictionaryMixture`.
_MIN_RESPONSIBILITY = 1e-5
# By how much less few atoms have to cut the neighbour graph than many do, after so many
# epochs on the samples of the start.
_FEW_ATOMS_GAIN = 0.9
_N_TRIAL_EPOCHS = 4
# By what share less of the neighbour graph one of two models has to cut; else their
# criterion tells.
_CLEARLY = 0.1
# By how much the largest dictionary has to be larger than the smallest for another
# exponent to matter, and that exponent.
_UNLIKE, _SMALLER_ROOT = 2.0, 1 / 3


class MixtureFit(NetworkFit):
    """A fit of a `MixMateClustering`."""

    parameters: MixtureParameters
    earlier: FittedMixture | None
    start_sees_more = True
    # That ``init`` gave in this run, or that the first one chose, whatever the rule
    # says.
    _n_given_atoms: int | None = None
    _n_chosen_atoms: int | None = None
    # What the first start says of sizes, or said before these samples; else None.
    _are_of_one_size: bool | None = None
    # How far the partitions agree that the first start came from; None if unknown.
    _agreement: float | None = None
    # What the first start chose, where the parameter leaves it open.
    _exponent: float | None = None
    decided = (
        "_n_given_atoms",
        "_n_chosen_atoms",
        "_are_of_one_size",
        "_agreement",
        "_exponent",
    )

    def __init__(
        self,
        parameters: MixtureParameters,
        data: Input,
        earlier: FittedMixture | None = None,
    ):
        self.imputer = None
        if parameters.missing == "impute":
            self.imputer = _imputer(parameters, data, earlier)
        if self.imputer is not None:
            with step("missing entries"):
                data = self.imputer._on(parameters.device)._completed(data)
        super().__init__(parameters, data, earlier)
        if earlier is not None:
            self._are_of_one_size = earlier._are_of_one_size
            self._agreement = earlier.start_agreement_
            self._exponent = earlier._exponent

    def begin_run(self, i: int, random_state: np.random.RandomState) -> None:
        """See `FitInRuns.begin_run`."""
        super().begin_run(i, random_state)
        self._n_given_atoms = None

    @property
    def first_start_decides(self) -> bool:
        """See `FitInRuns.first_start_decides`.

        Of the number of atoms, whether it is the same in all dictionaries, and how it
        grows with their clusters. It stands for all runs: they are compared.
        """
        may_be_of_one_size = self.adapts_n_atoms and callable(self.parameters.init)
        return self.which_run == 0 and (
            self._chooses_n_atoms
            or self._chooses_exponent
            or (may_be_of_one_size and self._are_of_one_size is None)
        )

    @property
    def _chooses_n_atoms(self) -> bool:
        """Whether the number of atoms is free, and this start is to choose it."""
        return (
            self.which_run == 0
            and self.parameters.n_atoms is None
            and self._n_chosen_atoms is None
            and self.n_atoms != self.parameters.penalty.group_size
        )

    @property
    def adapts_n_atoms(self) -> bool:
        """Whether dictionaries are the larger, the more samples a cluster has."""
        return self.parameters.adapt_n_atoms != 0.0 and not self._are_of_one_size

    @property
    def _chooses_exponent(self) -> bool:
        """Whether this start is to choose how fast dictionaries grow."""
        return (
            self.which_run == 0
            and self.parameters.adapt_n_atoms is None
            and self.adapts_n_atoms
            and self._exponent is None
        )

    def take_labelings(self, found: Labelings) -> None:
        """See `NetworkFit.take_labelings`."""
        if self._are_of_one_size is None:
            self._are_of_one_size = found.are_of_one_size
            self._agreement = found.agreement

    def leave_data(self) -> None:
        """See `FitInRuns.leave_data`; without the imputer, which is as large."""
        super().leave_data()
        self.imputer = None

    def sent(self, fitted: FittedMixture) -> FittedMixture:
        """See `FitInRuns.sent`."""
        return replace(fitted, imputer_=None)

    def received(self, fitted: FittedMixture) -> FittedMixture:
        """See `FitInRuns.received`."""
        return replace(fitted, imputer_=self.imputer)

    def first_samples(self) -> Samples:
        """See `NetworkFit.first_samples`."""
        n_samples, n_clusters = len(self.data.X), self.parameters.n_clusters
        if n_samples < n_clusters:
            raise ValueError(
                f"n_samples={n_samples} must be at least n_clusters={n_clusters}; of a "
                "stream, collect a larger first batch."
            )
        samples = scaled_samples(
            self.data,
            self.parameters,
            _SCALED_SQUARED_NORM,
            has_intercept=self.parameters.fit_intercept,
        )
        # Without an intercept clusters are cones, and have no width about a centre.
        if self.parameters.scale is None and self.parameters.fit_intercept:
            return resolved_samples(samples, n_clusters)
        return samples

    def start_shape(self) -> dict:
        """See `NetworkFit.start_shape`."""
        is_auto = self.parameters.n_atoms is None
        return {
            "n_clusters": self.parameters.n_clusters,
            "n_atoms": self.n_atoms,
            "is_auto": is_auto,
            "may_be_idle": True,
            "sizes": self._start_sizes,
            # A rule's number, not the user's: nothing to tell of few members.
            "warn": not is_auto,
        }

    @property
    def n_atoms(self) -> int:
        """Mean number of atoms of a dictionary."""
        if self._n_given_atoms is not None:
            return self._n_given_atoms
        if self._n_chosen_atoms is not None:
            return self._n_chosen_atoms
        if self.earlier is not None:
            return self.earlier.n_atoms_
        if self.parameters.n_atoms is not None:
            return self.parameters.n_atoms
        # A third of the mean cluster size, in whole groups, at least one.
        n_atoms = len(self.samples) // (3 * self.parameters.n_clusters)
        group_size = self.parameters.penalty.group_size
        n_groups = math.ceil(min(n_atoms, _LARGEST_AUTO_N_ATOMS) / group_size)
        return max(1, n_groups) * group_size

    def _mean_of(self, sizes: Tensor) -> int:
        """Mean number of atoms of dictionaries that were given, in whole groups."""
        if self.parameters.n_atoms is not None:
            return self.parameters.n_atoms
        group_size = self.parameters.penalty.group_size
        return max(1, round(float(sizes.double().mean()) / group_size)) * group_size

    def _sizes(self, counts: Tensor, n_atoms: int | None = None) -> Tensor:
        n_atoms = self.n_atoms if n_atoms is None else n_atoms
        return dictionary_sizes(
            counts,
            n_atoms,
            exponent=self._exponent or self.parameters.adapt_n_atoms or ROOT,
            multiple=self.parameters.penalty.group_size,
            largest=_LARGEST_RATIO * n_atoms,
        )

    def _start_sizes(self, counts: np.ndarray, n_atoms: int) -> np.ndarray | int:
        if not self.adapts_n_atoms:
            return n_atoms
        return self._sizes(torch.from_numpy(counts), n_atoms).numpy()

    def reseeding(self) -> DictionarySizes:
        """See `NetworkFit.reseeding`."""
        sizes = self._sizes if self.adapts_n_atoms else None
        return DictionarySizes(sizes, multiple=self.parameters.penalty.group_size)

    def stays_with(self, kept: FittedMixture, new: FittedMixture) -> bool:
        """See `NetworkFit.stays_with`: what cuts the neighbour graph clearly less.

        A model that has met one class after the other has many clusters for the first
        and one for all others, whose large dictionary leaves the rest far behind. The
        criterion takes that for well separated; it decides where cuts do not. Among
        starts, which are partitions of the graph itself, the criterion alone decides.
        """
        n_clusters = self.parameters.n_clusters
        # All of a reservoir, in some order.
        rows, X, _ = initialization_subset(
            self.samples, self.parameters.init_size, np.random.RandomState(0)
        )
        if 1 < n_clusters < len(rows):
            conductance = neighbor_conductance(
                X, n_clusters, device=self.samples.device
            )
            kept_cut, new_cut = (conductance(f.last.labels_[rows]) for f in (kept, new))
            if abs(kept_cut - new_cut) > _CLEARLY * max(kept_cut, new_cut):
                return kept_cut < new_cut
        return super().stays_with(kept, new)

    def start_criterion(self, X: np.ndarray) -> Callable[[np.ndarray, int], float]:
        """See `NetworkFit.start_criterion`: that of runs, after some epochs on X."""
        train = self._trial(X)

        def criterion(points: np.ndarray, n_epochs: int) -> float:
            value = train(points, n_epochs)[0]
            return value if math.isfinite(value) else math.inf

        return criterion

    def chooser_of_n_atoms(
        self, X: np.ndarray
    ) -> Callable[[Callable, Callable], int] | None:
        """See `NetworkFit.chooser_of_n_atoms`: few, if many lose the clusters.

        Clusters that are noise about a centre, as blobs of many features are, have no
        directions to learn. Dictionaries of many atoms explain the noise of all of
        them, and forget in a few epochs what the start knew. Where the exponent of
        their sizes is free, it is chosen instead.
        """
        if self._chooses_exponent:
            return self._chooser_of_exponent(X)
        if not self._chooses_n_atoms:
            return None
        few, many = self.parameters.penalty.group_size, self.n_atoms
        train = self._trial(X)

        def choose(
            points: Callable[[int], np.ndarray],
            conductance: Callable[[np.ndarray], float],
        ) -> int:
            few_cut, many_cut = (
                conductance(train(points(n), _N_TRIAL_EPOCHS)[1])
                for n in each("number of atoms", (few, many))
            )
            is_better = few_cut < _FEW_ATOMS_GAIN * many_cut
            self._n_chosen_atoms = few if is_better else many
            return self._n_chosen_atoms

        return choose

    def _chooser_of_exponent(
        self, X: np.ndarray
    ) -> Callable[[Callable, Callable], int]:
        """What sets the exponent of the sizes of dictionaries, the smaller if it pays.

        Large dictionaries explain the samples of small clusters better than small ones
        do, and take them in training: the less so, the less sizes differ.
        """
        train = self._trial(X)

        def choose(
            points: Callable[[int], np.ndarray],
            conductance: Callable[[np.ndarray], float],
        ) -> int:
            n_atoms = self.n_atoms
            self._exponent = ROOT
            sizes = np.isfinite(points(n_atoms)).all(axis=2).sum(axis=1)
            if sizes.max() < _UNLIKE * sizes.min():
                return n_atoms
            cuts = {}
            for exponent in each("sizes of dictionaries", (_SMALLER_ROOT, ROOT)):
                self._exponent = exponent
                labels = train(points(n_atoms), _N_TRIAL_EPOCHS)[1]
                cuts[exponent] = conductance(labels)
            if cuts[_SMALLER_ROOT] < (1 - _CLEARLY) * cuts[ROOT]:
                self._exponent = _SMALLER_ROOT
            return n_atoms

        return choose

    def _trial(
        self, X: np.ndarray
    ) -> Callable[[np.ndarray, int], tuple[float, np.ndarray]]:
        """The criterion and the labels of X after some epochs from points."""
        samples = self.samples.of(torch.from_numpy(X)).replaced(dtype=torch.float32)

        def train(points: np.ndarray, n_epochs: int) -> tuple[float, np.ndarray]:
            with warnings.catch_warnings():
                # What is wrong with the start that is chosen shows again.
                warnings.simplefilter("ignore")
                atoms = scaled_points(points, self.samples, np.random.RandomState(0))
                atoms = atoms.to(self.samples.device, torch.float32)
                trainer = new_trainer(
                    self.parameters,
                    self._trainable(atoms, None),
                    samples,
                    torch.Generator().manual_seed(0),
                    [self.new_ending(), *self.callbacks()],
                    max_iter=n_epochs,
                ).run()
            if trainer.interrupted:
                raise KeyboardInterrupt
            found = Criterion(trainer.module, adapts_n_atoms=self.adapts_n_atoms)
            labels = []
            outputs = batched_outputs(trainer.module, samples, with_codes=False)
            for _, output in outputs:
                found.add(output)
                labels.append(output.energies.argmin(1).cpu())
            return found.value(), torch.cat(labels).numpy()

        return train

    def network(self, atoms: Tensor) -> DictionaryMixture:
        """See `NetworkFit.network`."""
        is_atom = (atoms != 0.0).any(-1)
        if has_one_start(self.parameters.init) or bool(is_atom.all()):
            self._n_given_atoms = self._mean_of(is_atom.sum(-1))
        return self._trainable(atoms, None)

    def earlier_network(self) -> DictionaryMixture:
        """See `NetworkFit.earlier_network`."""
        module = self.earlier.network(self.parameters)  # type: ignore[union-attr]
        module = module.float()
        return self._trainable(module.dictionaries, module.log_weights.exp())

    def _trainable(self, D: Tensor, weights: Tensor | None) -> DictionaryMixture:
        return build_network(
            self.parameters, D, weights, min_responsibility=_MIN_RESPONSIBILITY
        )

    def callbacks(self, n_new: int | None = None) -> list[Callback]:
        """See `NetworkFit.callbacks`."""
        callbacks: list[Callback] = []
        if self.parameters.fit_weights:
            sums = None
            earlier = None if n_new is None else self.earlier
            if earlier is not None and earlier.last is not None:
                weights = earlier.weights_
                n_seen = earlier.last.cluster_sizes_.sum()
                # What they were found from, a sample more for each cluster included.
                sums = torch.tensor(weights * (n_seen + len(weights)) - 1.0)
            callbacks.append(MixtureWeights(sums, n_new))
        if self.samples.device.type == "cpu":
            callbacks.append(BackwardChoice())
        return callbacks

    def fitted(self, trainer: Trainer, converged: bool = False) -> FittedMixture:
        """See `NetworkFit.fitted`."""
        return FittedMixture.from_trainer(
            trainer,
            self.samples,
            self.parameters,
            observed_features_=self.observed_features(),
            n_atoms_=self.n_atoms,
            imputer_=self.imputer,
            converged_=bool(converged),
            start_agreement_=self._agreement,
            _are_of_one_size=self._are_of_one_size,
            _exponent=self._exponent,
        )

    def last_pass(self, module: DictionaryMixture, samples: Samples) -> LastPass:
        """See `NetworkFit.last_pass`."""
        return last_pass(
            module,
            samples,
            self.data.empty_rows,
            adapts_n_atoms=self.adapts_n_atoms,
            processes=self.processes,
        )

    def warn(self, fitted: FittedMixture) -> None:
        """See `NetworkFit.warn`."""
        n_empty = int((fitted.last.cluster_sizes_ == 0).sum())
        if n_empty:
            warn_user(
                f"{n_empty} of {len(fitted.weights_)} clusters are empty; the data may "
                "have fewer clusters than n_clusters, or many duplicates.",
                ConvergenceWarning,
            )

    def joined(self, last: LastPass) -> LastPass:
        """See `NetworkFit.joined`."""
        earlier = None if self.earlier is None else self.earlier.last
        return last if earlier is None else last.joined(earlier)


def _imputer(
    parameters: MixtureParameters, data: Input, earlier: FittedMixture | None
) -> LocalGaussianImputer | None:
    """What fills the samples in: a new one, or in a stream that of earlier batches."""
    imputer = None if earlier is None else earlier.imputer_
    if not data.has_missing:
        return imputer
    if imputer is not None and not parameters.warm_start:
        unknown = torch.from_numpy(imputer._require_model()["n_observed"] == 0)
        empty = data.empty_columns
        if not unknown.any() or (empty is not None and empty.cpu()[unknown].all()):
            return imputer
    seed = drawn_seed(private_random_state(parameters.random_state))
    # A number, whatever ``random_state`` is: it is kept.
    imputer = LocalGaussianImputer(parameters.n_clusters, random_state=seed)
    with step("missing entries", begins="missing entries"):
        return imputer._on(parameters.device)._fit(data)._on("auto")
