"""What a fit writes down after epochs, so that another one can go on from there."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..modules import UnfoldedEncoder
from ..persistence.checkpoints import Checkpoints, digest, fingerprint
from ..training import Callback, Trainer, is_last_epoch
from ..utils.progress import say
from ..utils.random import drawn_seed, private_random_state
from ..utils.validation import Input
from .training import FittedAttributes, load_optimizer_state, optimizer_state

__all__ = [
    "RunCheckpoint",
    "arrays_of",
    "checkpoints_of",
    "identity_of",
    "network_of",
]

# What may be another when a fit goes on.
_FREE = {"checkpoint_dir", "checkpoint_every", "n_jobs", "verbose"}
# Of X, that are looked at to tell whether it is the same.
_N_BYTES = 2**26


def checkpoints_of(
    estimator,
    folder: str,
    n_runs: int,
    data: Input,
    earlier: FittedAttributes | None,
) -> Checkpoints:
    """The checkpoints of a fit that begins, or goes on from them.

    Raises
    ------
    OSError, TypeError, ValueError
        If there are some of another fit, or damaged ones, or there can be none.
    """
    identity = identity_of(estimator, data, fingerprint, _FREE)
    identity["the fit before"] = _described_fit(earlier)
    seed = drawn_seed(private_random_state(None))
    checkpoints = Checkpoints(folder, identity, seed)
    checkpoints.check(n_runs)
    return checkpoints


def identity_of(
    estimator, data: Input, describe: Callable[[Any, str], str], free: set[str]
) -> dict[str, str]:
    """What makes a fit another than others, by name.

    Parameters
    ----------
    estimator : estimator
    data : Input
        Its samples.
    describe : callable
        From the value and the name of a parameter to words that tell it from others.
    free : set of str
        Parameters that may be others.
    """
    identity = {
        name: describe(value, name)
        for name, value in estimator.get_params(deep=False).items()
        if name not in free
    }
    identity["the estimator"] = describe(type(estimator).__name__, "")
    identity["X"], identity["mask"] = _described(data.X), _described(data.mask)
    return identity


def _described_fit(earlier: FittedAttributes | None) -> str:
    if earlier is None:
        return fingerprint(None, "")
    # All but the time that it took.
    losses = {"loss": earlier.history_["loss"]}
    found = fingerprint(replace(earlier, history_=losses, runs_=None), "")
    return f"one of {len(losses['loss'])} epochs #{found.rpartition('#')[2]}"


def _described(values: Tensor | None) -> str:
    """Shape, dtype and a digest of as many rows, evenly spaced, as are soon read."""
    if values is None:
        return fingerprint(None, "")
    n_rows = len(values)
    n_read = max(1, min(n_rows, _N_BYTES // max(values[0].nbytes, 1)))
    rows = torch.arange(n_read) * n_rows // n_read
    read = values.detach()[rows.to(values.device)].cpu().contiguous()
    name = f"{tuple(values.shape)} of {str(values.dtype).removeprefix('torch.')}"
    return f"{name} #{digest(name.encode(), read.view(torch.uint8).numpy())}"


class RunCheckpoint(Callback):
    """The checkpoint of a run: what was written before, and what is from now on.

    Comes after all other callbacks of a trainer, whose states it takes and gives back.

    Parameters
    ----------
    fit : FitInRuns
        At the beginning of the run, with ``checkpoints``.
    """

    def __init__(self, fit: Any):
        self.fit = fit
        self.every = fit.parameters.checkpoint_every
        self.known: Any = fit.checkpoints.read(fit.which_run)
        if self.known is not None:
            fit.take_decisions(self.known["decisions"])
            self._restore_draws()

    @property
    def fitted(self) -> FittedAttributes | None:
        """What the run has ended with, if it has."""
        return None if self.known is None else self.known.get("fitted")

    def finish(self, fitted: FittedAttributes) -> None:
        """Write down what the run has ended with."""
        self._write(fitted=self.fit.sent(fitted))

    def network(self) -> UnfoldedEncoder | None:
        """The network that training goes on with, None if it begins."""
        if self.known is None:
            return None
        return network_of(self.fit, self.known["module"], self.known["decisions"])

    def on_train_begin(self, trainer: Trainer) -> None:
        """Go on where the state is of, or write down the start."""
        if self.known is None:
            self._write_epoch(trainer)
            return
        self._restore_draws()
        state, self.known = self.known, None
        trainer.epoch = state["epoch"]
        trainer.history.update(state["history"])
        trainer.generator.set_state(torch.from_numpy(state["generator"]))
        load_optimizer_state(trainer.optimizer, state["optimizer"])
        for callback in trainer.callbacks:
            # The user's may be new, and know nothing yet.
            if _name(callback) in state["callbacks"]:
                callback.load_state(trainer, state["callbacks"][_name(callback)])
        say(f"goes on after epoch {trainer.epoch}/{trainer.max_iter}")

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Write down where training is, unless it ends."""
        if trainer.epoch % self.every == 0 and not is_last_epoch(trainer):
            self._write_epoch(trainer)

    def _restore_draws(self) -> None:
        # In place: it may be the user's.
        self.fit.random_state.set_state(self.known["random_state"].get_state())

    def _write_epoch(self, trainer: Trainer) -> None:
        self._write(
            module=arrays_of(trainer.module),
            optimizer=optimizer_state(trainer.optimizer),
            generator=trainer.generator.get_state().numpy(),
            epoch=trainer.epoch,
            history=trainer.history,
            callbacks={
                _name(callback): callback.state(trainer)
                for callback in trainer.callbacks
                if callback is not self
            },
        )

    def _write(self, **state) -> None:
        state["decisions"] = self.fit.decisions()
        state["random_state"] = self.fit.random_state
        self.fit.checkpoints.write(self.fit.which_run, state)


def arrays_of(module: nn.Module) -> dict[str, np.ndarray]:
    """The parameters of a network as arrays."""
    return {name: value.cpu().numpy() for name, value in module.state_dict().items()}


def network_of(
    fit: Any, arrays: dict[str, np.ndarray], decisions: dict
) -> UnfoldedEncoder:
    """The network of a fit with parameters from `arrays_of`, and what was decided."""
    parameters = {
        name: torch.tensor(value, device=fit.samples.device)
        for name, value in arrays.items()
    }
    module = fit.network(parameters["dictionaries"])
    # Not but for rounding, as atoms that are scaled once more.
    module.load_state_dict(parameters)
    fit.take_decisions(decisions)
    return module


def _name(callback: Callback) -> str:
    return type(callback).__name__
