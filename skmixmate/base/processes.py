"""A fit by many processes: what they agree on, and what the first one does for all."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from ..distributed import Processes
from ..modules import UnfoldedEncoder
from ..persistence.checkpoints import Checkpoints, without_address
from ..utils.random import drawn_seed, private_random_state
from ..utils.validation import Input
from .checkpoints import arrays_of, identity_of, network_of
from .parameters import NetworkParameters

__all__ = [
    "CheckpointsOfFirst",
    "check_alike",
    "network_from_first",
    "shared_parameters",
    "with_shared_draws",
]

P = TypeVar("P", bound=NetworkParameters)
# What may be another in each process.
_FREE = {"checkpoint_dir", "device", "verbose"}


def shared_parameters(parameters: P, processes: Processes, *, has_callbacks: bool) -> P:
    """The parameters of a fit by many processes, of which the first one reports.

    Raises
    ------
    ValueError
        If they ask for what processes cannot share.
    """
    if parameters.n_jobs not in (None, 1):
        raise ValueError(
            f"n_jobs must be None or 1 within process_group, got {parameters.n_jobs}: "
            "its processes share each run. Start more of them, or fit without it."
        )
    if has_callbacks:
        raise ValueError(
            "Callbacks of scikit-learn are not supported within process_group: each "
            "process would have its own. Fit without callbacks, or without it."
        )
    return parameters if processes.is_first else replace(parameters, verbose=0)


def check_alike(estimator, data: Input, processes: Processes) -> None:
    """Refuse to fit to other samples, or with other parameters, than the first process.

    Raises
    ------
    ValueError
        Naming what differs.
    """
    # Functions of the user's too, which no file could hold.
    values = identity_of(
        estimator, data, lambda value, _: without_address(value), _FREE
    )
    processes.check_same(values)


def with_shared_draws(parameters: P, processes: Processes) -> P:
    """The same with the ``random_state`` of the first process."""
    asked = parameters.random_state
    if asked is None:
        seed = processes.from_first(lambda: drawn_seed(private_random_state(None)))
        return replace(parameters, random_state=seed)
    if isinstance(asked, np.random.RandomState):
        asked.set_state(processes.from_first(asked.get_state))
    return parameters


def network_from_first(fit: Any, processes: Processes) -> UnfoldedEncoder:
    """The network that a run begins with, which the first process finds for all.

    Parameters
    ----------
    fit : NetworkFit
        Has drawn as much, and decided the same, in all processes afterwards.
    processes : Processes

    Returns
    -------
    UnfoldedEncoder

    Raises
    ------
    RuntimeError
        If the first process has found none.
    """
    found: list[UnfoldedEncoder] = []

    def start() -> tuple:
        found.append(fit.first_network())
        draws = fit.random_state.get_state()
        return arrays_of(found[0]), fit.decisions(), draws

    arrays, decisions, draws = processes.from_first(start)
    if processes.is_first:
        return found[0]
    fit.random_state.set_state(draws)
    return network_of(fit, arrays, decisions)


class CheckpointsOfFirst:
    """`Checkpoints` of which the first process alone has files, and tells the others.

    Parameters
    ----------
    processes : Processes
    make : callable
        Makes those of the first process.
    """

    def __init__(self, processes: Processes, make: Callable[[], Checkpoints]):
        self.processes = processes
        self.own: Checkpoints | None = None

        def seed() -> int:
            self.own = make()
            return self.own.seed

        self.seed = processes.from_first(seed)

    def read(self, run: int) -> Any:
        """See `Checkpoints.read`."""
        # Called in the first process alone, which has them.
        return self.processes.from_first(lambda: self.own.read(run))  # type: ignore[union-attr]

    def write(self, run: int, state: Any) -> None:
        """See `Checkpoints.write`."""
        if self.own is not None:
            self.own.write(run, state)
