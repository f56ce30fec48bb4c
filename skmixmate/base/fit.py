"""A fit of an estimator over a network: starts, training, the last pass."""

import functools
from abc import abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from ..initializers import Labelings, first_atoms, has_one_start
from ..modules import UnfoldedEncoder
from ..training import (
    Callback,
    DeadAtomReseeding,
    EarlyStopping,
    LinearDecay,
    ReportProgress,
    Samples,
    Trainer,
)
from ..utils.callers import warn_user
from ..utils.progress import step
from ..utils.random import private_random_state, torch_generator
from ..utils.validation import Input
from .checkpoints import RunCheckpoint
from .parameters import NetworkParameters
from .processes import network_from_first
from .runs import FitInRuns
from .samples import (
    bounded_samples,
    initialization_subset,
    raw_blocks,
    scaled_points,
)
from .training import (
    FittedAttributes,
    joined_histories,
    load_optimizer_state,
    new_trainer,
    optimizer_state,
)

__all__ = ["NetworkFit"]


class NetworkFit(FitInRuns):
    """A fit whose steps are the same for all estimators; subclasses say what each is.

    Parameters
    ----------
    parameters : NetworkParameters
    data : Input
        The training samples.
    earlier : FittedAttributes, default=None
        What to go on from.

    Attributes
    ----------
    samples : Samples
        The training samples as the network takes them.
    start_sees_more : bool
        Whether ``init="spectral"`` looks at samples beyond ``init_size`` too, where
        there are many.
    """

    start_sees_more: ClassVar[bool] = False

    def __init__(
        self,
        parameters: NetworkParameters,
        data: Input,
        earlier: FittedAttributes | None = None,
    ):
        self.parameters = parameters
        self.earlier = earlier
        has_one = earlier is not None or has_one_start(parameters.init)
        self.n_runs = 1 if has_one else parameters.n_init
        self.random_state = private_random_state(parameters.random_state)
        self.data = data
        if earlier is None:
            self.samples = self.first_samples()
        else:
            self.samples = self._later_samples(earlier)

    @abstractmethod
    def first_samples(self) -> Samples:
        """The samples of a new fit as the network takes them, the same for all runs."""

    @abstractmethod
    def start_shape(self) -> dict:
        """``n_clusters``, ``n_atoms`` and what else `first_atoms` has to know."""

    @abstractmethod
    def network(self, atoms: Tensor) -> UnfoldedEncoder:
        """The network that begins with ``atoms``, (K, P, M), in single precision."""

    @abstractmethod
    def earlier_network(self) -> UnfoldedEncoder:
        """The network that goes on from earlier fits, in single precision."""

    @abstractmethod
    def fitted(self, trainer: Trainer, converged: bool = False) -> FittedAttributes:
        """The attributes that training determines, in the dtype of the data."""

    @abstractmethod
    def last_pass(self, module: Any, samples: Samples) -> Any:
        """What the network, built as `predict` builds it, says of the samples."""

    def stays_with(self, kept: Any, new: Any) -> bool:
        """Whether an earlier model of the samples is to be kept, not a new one."""
        return kept.criterion <= new.criterion

    def reseeding(self) -> Callback:
        """What replaces atoms between epochs."""
        return DeadAtomReseeding()

    def start_criterion(
        self, X: np.ndarray
    ) -> Callable[[np.ndarray, int], float] | None:
        """What chooses among several starts on the raw samples X; see `first_atoms`.

        None takes the first.
        """
        return None

    def chooser_of_n_atoms(
        self, X: np.ndarray
    ) -> Callable[[Callable, Callable], int] | None:
        """What chooses the number of atoms on the raw samples X; see `first_atoms`."""
        return None

    def take_labelings(self, found: Labelings) -> None:
        """Hear what a start knows beside its labels; see `first_atoms`."""

    def callbacks(self, n_new: int | None = None) -> list[Callback]:
        """What training needs beside the callbacks of all.

        Of a stream, the first ``n_new`` samples join those of earlier batches, and the
        others are of these; None is no stream.
        """
        return []

    def joined(self, last: Any) -> Any:
        """The last pass over a batch together with those over earlier ones."""
        return last

    def run_one_epoch(self, n_new: int) -> tuple[FittedAttributes, bool]:
        """Go on for one epoch, without a last pass; return also whether interrupted.

        See `callbacks` for ``n_new``.
        """
        n_earlier = 0 if self.earlier is None else self.earlier.n_iter_
        trainer = new_trainer(
            self.parameters,
            self.first_network(),
            self.samples,
            # Another order in each call, also from the same seed.
            torch_generator(self.random_state, offset=n_earlier),
            [*self.callbacks(n_new), ReportProgress()],
            max_iter=1,
        )
        if self.earlier is not None:
            load_optimizer_state(trainer.optimizer, self.earlier._optimizer_state)
        trainer.run()
        fitted = replace(
            self._after_earlier(self.fitted(trainer)),
            _optimizer_state=optimizer_state(trainer.optimizer),
            n_iter_=n_earlier + trainer.epoch,
        )
        return fitted, trainer.interrupted

    def described(self, fitted: FittedAttributes) -> FittedAttributes:
        """The same with what a last pass over the samples finds, and earlier ones."""
        return replace(fitted, last=self.joined(self._last_pass(fitted)))

    def train(self, callbacks: Sequence[Callback]) -> tuple[FittedAttributes, bool]:
        """See `FitInRuns.train`."""
        checkpoint = None
        if self.checkpoints is not None:
            checkpoint = RunCheckpoint(self)
            if checkpoint.fitted is not None:
                return self.received(checkpoint.fitted), False
        ending = self.new_ending()
        gone_on = None if checkpoint is None else checkpoint.network()
        module = gone_on or self.started or self._first_network_of_all()
        trainer = new_trainer(
            self.parameters,
            module,
            self.samples,
            torch_generator(self.random_state),
            [
                ending,
                *self.callbacks(),
                *callbacks,
                self.reseeding(),
                ReportProgress(),
                *([] if checkpoint is None else [checkpoint]),
            ],
            max_iter=self.parameters.max_iter,
            processes=self.processes,
        ).run()
        fitted = self.fitted(
            trainer, isinstance(ending, EarlyStopping) and ending.converged
        )
        interrupted = trainer.interrupted
        # Its callbacks keep a number or two of each sample.
        del trainer
        try:
            fitted = replace(fitted, last=self._last_pass(fitted))
            if checkpoint is not None and not interrupted:
                checkpoint.finish(fitted)
        except KeyboardInterrupt:
            if self.processes is not None:
                raise
            return fitted, True
        return fitted, interrupted

    def _last_pass(self, fitted: Any) -> Any:
        left_out = fitted.left_out(self.data)
        module = fitted.network(self.parameters, left_out)
        with step("last pass"):
            return self.last_pass(module, self.samples.replaced(left_out=left_out))

    def observed_features(self) -> np.ndarray | None:
        """Which features were ever observed, None for all."""
        empty = self.data.empty_columns
        if empty is None:
            return None
        observed = ~empty.cpu().numpy()
        if self.earlier is not None:
            earlier = self.earlier.observed_features_
            observed |= True if earlier is None else earlier
        return None if observed.all() else observed

    def _later_samples(self, earlier: FittedAttributes) -> Samples:
        earlier.check_same_model(self.parameters)
        never = earlier.never_observed(self.data)
        was_unknown = earlier.observed_features_
        n_new = 0 if was_unknown is None else int((~was_unknown).sum())
        n_new -= 0 if never is None else int(never.sum())
        if n_new > 0:
            warn_user(
                f"{n_new} features of X are observed for the first time; centre and "
                "scale stay as they were found without them.",
                UserWarning,
            )
        samples = earlier.samples(self.data, self.parameters.device, never)
        return bounded_samples(samples)

    def new_ending(self) -> LinearDecay | EarlyStopping:
        """What ends a run, or lowers its learning rate until it ends."""
        parameters = self.parameters
        if parameters.learning_rate_schedule == "linear":
            # A falling rate is too large until its end: losses before say nothing.
            return LinearDecay()
        earlier_losses: Collection[float] = ()
        # With so few epochs a fit, only several fits together can tell.
        if self.earlier and parameters.max_iter <= parameters.n_iter_no_change:
            earlier_losses = self.earlier.history_["loss"]
            earlier_losses = earlier_losses[-parameters.n_iter_no_change :]
        return EarlyStopping(
            parameters.tol, parameters.n_iter_no_change, earlier_losses
        )

    def first_network(self) -> UnfoldedEncoder:
        """See `FitInRuns.first_network`."""
        if self.earlier is not None:
            return self.earlier_network()
        _, X, rest = initialization_subset(
            self.samples, self.parameters.init_size, self.random_state
        )
        others = None
        if self.start_sees_more and len(rest) > 0:
            others = functools.partial(raw_blocks, self.samples, rest)
        # Of few epochs it takes most of the time.
        with step("start", begins=f"start from {len(X)} samples"):
            points = first_atoms(
                self.parameters.init,
                X,
                random_state=self.random_state,
                device=self.samples.device,
                center=self.samples.center,
                others=others,
                group_size=self.parameters.penalty.group_size,
                criterion=self.start_criterion(X),
                choose_n_atoms=self.chooser_of_n_atoms(X),
                take_labelings=self.take_labelings,
                **self.start_shape(),
            )
        module = self.network_from_points(points, self.random_state)
        warn_of_unstable_encoder(module)
        return module

    def _first_network_of_all(self) -> UnfoldedEncoder:
        """The network that training begins with, in all processes if there are many."""
        if self.processes is None:
            return self.first_network()
        return network_from_first(self, self.processes)

    def network_from_points(self, points: np.ndarray, random_state) -> UnfoldedEncoder:
        """The network that begins with points in the space of X, (K, P, M)."""
        atoms = scaled_points(points, self.samples, random_state)
        return self.network(atoms.to(self.samples.device, torch.float32))

    def _after_earlier(self, fitted: FittedAttributes) -> FittedAttributes:
        """See `FitInRuns._after_earlier`."""
        if self.earlier is None:
            return fitted
        history = joined_histories(self.earlier.history_, fitted.history_)
        return replace(fitted, history_=history)


def warn_of_unstable_encoder(module: UnfoldedEncoder) -> None:
    """Warn of a fixed step with which FISTA would diverge in the end."""
    # One iteration cannot diverge.
    if module.step_size == "auto" or module.n_fista_iter == 1:
        return
    gram, _ = module.gram_and_steps()
    curvature = torch.linalg.eigvalsh(gram)[:, -1]
    # With momentum near one, an iteration on a quadratic of curvature L is stable for
    # steps up to 4 / (3 L).
    unstable = module.step_size * curvature > 4.0 / 3.0
    if unstable.any():
        warn_user(
            f"step_size={module.step_size} is too large for the first atoms of "
            f"{int(unstable.sum())} of {len(unstable)} dictionaries, which are too "
            "much alike: codes diverge, and clusters may lose all samples. Use "
            f"step_size='auto', or at most {1.0 / float(curvature.max()):.2g}.",
            ConvergenceWarning,
        )
