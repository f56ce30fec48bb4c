"""The runs of a fit, one after another or side by side, and the best of them."""

import copy
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..training import Callback
from ..utils.device import plain_arithmetic
from ..utils.parallel import n_at_once, side_by_side
from ..utils.progress import say, step
from ..utils.random import RandomState
from ..utils.validation import shared_tensor
from .training import FittedAttributes

__all__ = ["n_runs_at_once", "random_states", "train_at_once", "train_one_by_one"]

_LARGEST_SEED = 2**31 - 1


def random_states(
    random_state: RandomState, own: np.random.RandomState, n_runs: int
) -> list[np.random.RandomState]:
    """A generator for each run, so that no run depends on the draws of another.

    Parameters
    ----------
    random_state : int, RandomState instance or None
        The parameter. The first run of a fit with an integer is the run that a fit with
        ``n_init=1`` has.
    own : RandomState
        That of the fit. A single run draws from it.
    n_runs : int

    Returns
    -------
    list of RandomState
    """
    if n_runs == 1:
        return [own]
    seeds = own.randint(_LARGEST_SEED, size=n_runs)
    states = [np.random.RandomState(seed) for seed in seeds]
    if isinstance(random_state, Integral):
        states[0] = np.random.RandomState(int(random_state))
    return states


def train_one_by_one(
    fit: Any, found: dict[int, FittedAttributes], callbacks: Sequence[Callback]
) -> int | None:
    """Train from each start in turn.

    Parameters
    ----------
    fit : NetworkFit
    found : dict of int to FittedAttributes
        Gets what each run ends with, as soon as it ends.
    callbacks : sequence of Callback
        What hears of epochs.

    Returns
    -------
    int or None
        The run that was interrupted, and all with it.
    """
    for i, random_state in enumerate(fit.random_states()):
        with step(_name(fit, i)):
            fit.begin_run(i, random_state)
            found[i], interrupted = fit.train(callbacks)
        if interrupted:
            return i
    return None


def n_runs_at_once(fit: Any, callbacks: Sequence[Callback]) -> int:
    """How many runs of a fit go on at once; one on a GPU, or if something listens."""
    is_on_cpu = fit.samples.X.device.type == fit.samples.device.type == "cpu"
    if fit.n_runs == 1 or callbacks or not is_on_cpu:
        return 1
    return n_at_once(fit.parameters.n_jobs, fit.n_runs)


def train_at_once(
    fit: Any, found: dict[int, FittedAttributes], n_jobs: int
) -> int | None:
    """Train from ``n_jobs`` starts at once; see `train_one_by_one`.

    Only what the first start decides for all comes before the others.
    """
    states = fit.random_states()
    started = None
    fit.begin_run(0, states[0])
    if fit.first_start_decides:
        with step(_name(fit, 0)):
            started = fit.first_network()
    X, mask = (_as_array(values) for values in (fit.samples.X, fit.samples.mask))

    def arguments():
        for i, random_state in enumerate(states):
            one = copy.copy(fit)
            one.leave_data()
            if i > 0 or started is None:
                one.begin_run(i, random_state)
            else:
                one.started = started
            yield one, X, mask

    say(f"{fit.n_runs} runs, {n_jobs} at once")
    interrupted_run = None
    for i, (fitted, interrupted) in side_by_side(_trained, arguments(), n_jobs):
        found[i] = fit.received(fitted)
        with step(_name(fit, i)):
            say(f"{fitted.n_iter_} epochs, criterion {fitted.criterion:.6g}")
        if interrupted:
            interrupted_run = i
    return interrupted_run


@plain_arithmetic
def _trained(fit, X, mask) -> tuple[FittedAttributes, bool]:
    """A run in another process, or thread."""
    fit.take_data(*(_as_tensor(values) for values in (X, mask)))
    return fit.train(())


def _name(fit, i: int) -> str:
    return f"run {i + 1}/{fit.n_runs}" if fit.n_runs > 1 else ""


def _as_array(values: Tensor | None) -> np.ndarray | Tensor | None:
    """A tensor as an array, which joblib hands over without a copy."""
    if values is None or values.dtype == torch.bfloat16:  # NumPy has no such type.
        return values
    return values.detach().numpy()


def _as_tensor(values: np.ndarray | Tensor | None) -> Tensor | None:
    return shared_tensor(values) if isinstance(values, np.ndarray) else values
