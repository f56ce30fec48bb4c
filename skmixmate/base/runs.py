"""The runs of a fit, one after another or at once, and the best of them."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ..distributed import Processes
from ..modules import UnfoldedEncoder
from ..persistence.checkpoints import Checkpoints
from ..training import Callback, Samples
from ..utils.device import plain_arithmetic
from ..utils.parallel import n_at_once, side_by_side
from ..utils.progress import say, step
from ..utils.random import RandomState, drawn_seed
from ..utils.validation import Input, shared_tensor
from .checkpoints import RunCheckpoint
from .parameters import NetworkParameters
from .processes import CheckpointsOfFirst
from .training import FittedAttributes, Run

__all__ = ["FitInRuns"]


class FitInRuns(ABC):
    """What goes on from several starts; a subclass says how one run is trained.

    Attributes
    ----------
    parameters : NetworkParameters
    data : Input
        The training samples.
    samples : Samples
        The training samples as the network takes them.
    n_runs : int
    which_run : int
        The run that goes on, from zero.
    random_state : RandomState
        That of this run.
    started : UnfoldedEncoder or None
        The network that this run begins with, if its start was made before.
    checkpoints : Checkpoints or None
        Where to write down how far the runs are.
    processes : Processes or None
        Which others fit the same to the same samples, and share the work.
    """

    # Attributes that the start of this run, or of the first one, decides.
    decided: ClassVar[tuple[str, ...]] = ()

    parameters: NetworkParameters
    data: Input
    samples: Samples
    n_runs: int
    random_state: np.random.RandomState
    which_run = 0
    started: UnfoldedEncoder | None = None
    checkpoints: Checkpoints | CheckpointsOfFirst | None = None
    processes: Processes | None = None

    @abstractmethod
    def first_network(self) -> UnfoldedEncoder:
        """The network that training begins with."""

    @abstractmethod
    def train(self, callbacks: Sequence[Callback]) -> tuple[FittedAttributes, bool]:
        """Train from one start; return the result and whether it was interrupted."""

    @abstractmethod
    def warn(self, fitted: Any) -> None:
        """Warn of what the last pass found."""

    @abstractmethod
    def _after_earlier(self, fitted: Any) -> Any:
        """The same with the history of earlier fits before its own."""

    @property
    def first_start_decides(self) -> bool:
        """Whether the start of the first run decides something for all runs."""
        return False

    def run(
        self, callbacks: Sequence[Callback] = ()
    ) -> tuple[FittedAttributes, int | None]:
        """Train from one start or several, and keep the result that ranks first.

        Parameters
        ----------
        callbacks : sequence of Callback
            What hears of epochs; with it, and on a GPU, runs follow one another.

        Returns
        -------
        fitted : FittedAttributes
        interrupted_run : int or None
            The run that a KeyboardInterrupt ended, and all with it.

        Raises
        ------
        KeyboardInterrupt
            If it comes before there is anything to keep.
        """
        found: dict[int, FittedAttributes] = {}
        n_jobs = 1
        is_on_cpu = self.samples.X.device.type == self.samples.device.type == "cpu"
        is_alone = self.processes is None
        if self.n_runs > 1 and is_on_cpu and is_alone and not callbacks:
            n_jobs = n_at_once(self.parameters.n_jobs, self.n_runs)
        try:
            if n_jobs > 1:
                interrupted_run = self._train_at_once(found, n_jobs)
            else:
                interrupted_run = self._train_in_turn(found, callbacks)
        except KeyboardInterrupt:
            if not (found and is_alone):
                raise
            interrupted_run = min(len(found), self.n_runs - 1)
        in_order = [found[i] for i in sorted(found)]
        best = min(in_order, key=lambda fitted: fitted.criterion)
        if best.last is not None:
            self.warn(best)
        best = self._after_earlier(best)
        runs = [Run(fitted.history_, fitted.criterion) for fitted in in_order]
        return replace(best, runs_=runs if len(runs) > 1 else None), interrupted_run

    def begin_run(self, i: int, random_state: np.random.RandomState) -> None:
        """Forget the run before, but for what the first one decided for all."""
        self.which_run = i
        self.random_state = random_state

    def decisions(self) -> dict:
        """What starts have decided, for a file."""
        return {name: getattr(self, name) for name in self.decided}

    def take_decisions(self, decisions: dict) -> None:
        """Take over what `decisions` returned."""
        for name in self.decided:
            setattr(self, name, decisions[name])

    def sent(self, fitted: Any) -> Any:
        """What goes to a file of what was trained: not what is known there."""
        return fitted

    def received(self, fitted: Any) -> Any:
        """What comes from a file, or another process, with what is known here."""
        return fitted

    def _random_states(self) -> list[np.random.RandomState]:
        """A generator for each run, so that none depends on the draws of another.

        A single run draws from that of the fit. The first of several runs is, with an
        integer ``random_state``, the one that a fit with ``n_init=1`` has.
        """
        if self.n_runs == 1:
            return [self.random_state]
        states = [
            np.random.RandomState(drawn_seed(self.random_state))
            for _ in range(self.n_runs)
        ]
        asked: RandomState = self.parameters.random_state
        if isinstance(asked, Integral):
            states[0] = np.random.RandomState(int(asked))
        return states

    def _train_in_turn(
        self, found: dict[int, FittedAttributes], callbacks: Sequence[Callback]
    ) -> int | None:
        """Add what each run ends with as soon as it ends; return that interrupted."""
        for i, random_state in enumerate(self._random_states()):
            with step(self._name(i)):
                self.begin_run(i, random_state)
                found[i], interrupted = self.train(callbacks)
            if interrupted:
                return i
        return None

    def _train_at_once(
        self, found: dict[int, FittedAttributes], n_jobs: int
    ) -> int | None:
        """The same by joblib: all but what the first start decides for all goes on."""
        states = self._random_states()
        started = None
        self.begin_run(0, states[0])
        if self.checkpoints is not None:
            RunCheckpoint(self)  # Which takes decisions over.
        if self.first_start_decides:
            with step(self._name(0)):
                started = self.first_network()
        X, mask = (_as_array(values) for values in (self.samples.X, self.samples.mask))

        def arguments():
            for i, random_state in enumerate(states):
                one = copy.copy(self)
                one.leave_data()
                if i > 0 or started is None:
                    one.begin_run(i, random_state)
                one.started = started if i == 0 else None
                yield one, X, mask

        say(f"{self.n_runs} runs, {n_jobs} at once")
        interrupted_run = None
        for i, (fitted, interrupted) in side_by_side(_trained, arguments(), n_jobs):
            found[i] = self.received(fitted)
            with step(self._name(i)):
                say(f"{fitted.n_iter_} epochs, criterion {fitted.criterion:.6g}")
            if interrupted:
                interrupted_run = i
        return interrupted_run

    def leave_data(self) -> None:
        """Do without the samples, on the way to another process."""
        self.data = self.data._replace(X=None, mask=None)  # type: ignore[arg-type]
        self.samples = self.samples.over(None, None)

    def take_data(self, X: Tensor, mask: Tensor | None) -> None:
        """Take the samples up again."""
        self.data = self.data._replace(X=X, mask=mask)
        self.samples = self.samples.over(X, mask)

    def _name(self, i: int) -> str:
        return f"run {i + 1}/{self.n_runs}" if self.n_runs > 1 else ""


@plain_arithmetic
def _trained(fit: FitInRuns, X, mask) -> tuple[FittedAttributes, bool]:
    """A run in another process, or thread."""
    fit.take_data(*(_as_tensor(values) for values in (X, mask)))
    return fit.train(())


def _as_array(values: Tensor | None) -> np.ndarray | Tensor | None:
    """A tensor as an array, which joblib hands over without a copy."""
    if values is None or values.dtype == torch.bfloat16:  # NumPy has no such type.
        return values
    return values.detach().numpy()


def _as_tensor(values: Any) -> Any:
    return shared_tensor(values) if isinstance(values, np.ndarray) else values
