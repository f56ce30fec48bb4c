"""A trainer from an estimator's parameters, who hears of it, what is kept of it."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from ..training import Callback, Samples, Trainer
from .parameters import NetworkParameters

F = TypeVar("F", bound=Callable)
with_callbacks: Callable[[F], F]

# Experimental, from version 1.9.
try:
    from sklearn.callback import (  # type: ignore[no-redef]
        CallbackSupportMixin,
        with_callbacks,
    )
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stand-in for versions of scikit-learn without callbacks."""

        def _init_callback_context(self, **_):
            return _NoContext()

    class _NoContext:
        def subcontext(self, **_):
            return self

        def call_on_fit_task_begin(self, **_):
            return self

        def call_on_fit_task_end(self, **_):
            return False

    def with_callbacks(method):
        """Return the method as it is."""
        return method


__all__ = [
    "CallbackSupportMixin",
    "ContextCallback",
    "history_arrays",
    "joined_histories",
    "load_optimizer_state",
    "new_trainer",
    "optimizer_state",
    "with_callbacks",
]


def new_trainer(
    parameters: NetworkParameters,
    module: nn.Module,
    samples: Samples,
    generator: torch.Generator,
    callbacks: Sequence[Callback],
    max_iter: int,
) -> Trainer:
    """A `Trainer` by Adam in single precision, as the parameters ask for."""
    optimizer = torch.optim.Adam(
        [p for p in module.parameters() if p.requires_grad],
        lr=parameters.learning_rate,
        eps=parameters.epsilon,
        fused=True,
    )
    return Trainer(
        module,
        optimizer,
        samples.replaced(dtype=torch.float32),
        max_iter=max_iter,
        batch_size=parameters.resolve_batch_size(len(samples)),
        generator=generator,
        callbacks=callbacks,
    )


def history_arrays(trainer: Trainer) -> dict[str, np.ndarray]:
    """The history of a run, one array a quantity."""
    return {
        name: np.array(values, dtype=int if name.startswith("n_") else float)
        for name, values in trainer.history.items()
    }


def joined_histories(first: dict, second: dict) -> dict[str, np.ndarray]:
    """One history after another; zero for what a run did not keep."""
    lengths = len(first["loss"]), len(second["loss"])
    return {
        name: np.concatenate(
            [
                history.get(name, np.zeros(length, dtype=int))
                for history, length in zip((first, second), lengths, strict=True)
            ]
        )
        for name in first | second
    }


def optimizer_state(optimizer: torch.optim.Optimizer) -> list[dict[str, np.ndarray]]:
    """Return the state of each parameter, in order; empty before the first step."""
    return [
        {
            name: value.detach().cpu().numpy().copy()
            for name, value in optimizer.state[parameter].items()
        }
        for group in optimizer.param_groups
        for parameter in group["params"]
        if parameter in optimizer.state
    ]


def load_optimizer_state(
    optimizer: torch.optim.Optimizer, state: list[dict[str, np.ndarray]] | None
) -> None:
    """Give an optimiser of the same parameters a state from `optimizer_state`."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    # A state of fewer or more parameters belongs to the start of the same ones: a
    # parameter that begins to be learned begins without moments.
    for parameter, values in zip(parameters, state or [], strict=False):
        optimizer.state[parameter] = {
            name: torch.tensor(value, device=parameter.device)
            for name, value in values.items()
        }


class ContextCallback(Callback):
    """Tell scikit-learn's callbacks about the runs of a fit and their epochs.

    Parameters
    ----------
    context : callback context of scikit-learn
    estimator : estimator
        That the callbacks are of.
    fit : NetworkFit
        Gives the fitted attributes of a trainer.
    training_set : dict
        ``X``, ``y`` and ``metadata`` as the user gave them, for callbacks that score.
    """

    def __init__(self, context, estimator, fit, training_set: dict):
        self.parent = context
        self.estimator = estimator
        self.fit = fit
        self.training_set = training_set

    def on_train_begin(self, trainer) -> None:
        """Begin a run."""
        self.run = self.parent.subcontext(
            task_name="run", max_subtasks=trainer.max_iter
        ).call_on_fit_task_begin(estimator=self.estimator, **self.training_set)

    def on_epoch_begin(self, trainer) -> None:
        """Begin an epoch."""
        self.epoch = self.run.subcontext(task_name="epoch").call_on_fit_task_begin(
            estimator=self.estimator, **self.training_set
        )

    def on_epoch_end(self, trainer) -> bool:
        """End an epoch and return whether a callback asks to stop."""
        return self.epoch.call_on_fit_task_end(
            estimator=self.estimator,
            reconstruction_attributes=lambda: self.fit.fitted(trainer).attributes(),
            **self.training_set,
        )

    def on_train_end(self, trainer) -> None:
        """End the run."""
        if hasattr(self, "run"):  # An interrupt may come before `on_train_begin`.
            self.run.call_on_fit_task_end(estimator=self.estimator, **self.training_set)
