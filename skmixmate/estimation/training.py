"""A training run of an estimator: Adam, its history, scikit-learn's callbacks."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from ..training import (
    Callback,
    DeadAtomReseeding,
    EarlyStopping,
    LinearDecay,
    PrintProgress,
    Samples,
    Trainer,
)
from ..training.optimizer_state import load_optimizer_state, optimizer_state
from ..utils.random import torch_generator
from .parameters import resolve_batch_size

__all__ = [
    "ContextCallback",
    "history_arrays",
    "joined_histories",
    "train",
    "train_one_epoch",
    "trained_parameters",
]


def trained_parameters(module: nn.Module) -> list[nn.Parameter]:
    """The parameters that training changes."""
    return [p for p in module.parameters() if p.requires_grad]


def _new_trainer(
    estimator, module: nn.Module, samples: Samples, generator, callbacks, max_iter: int
) -> Trainer:
    """A `Trainer` by Adam in single precision, as the estimator's parameters ask for.

    Parameters
    ----------
    estimator : estimator
        Has ``learning_rate``, ``epsilon`` and ``batch_size``.
    module : nn.Module
    samples : Samples
    generator : torch.Generator
    callbacks : list of Callback
    max_iter : int
    """
    optimizer = torch.optim.Adam(
        trained_parameters(module),
        lr=float(estimator.learning_rate),
        eps=float(estimator.epsilon),
        fused=True,
    )
    return Trainer(
        module,
        optimizer,
        samples.replaced(dtype=torch.float32),
        max_iter=max_iter,
        batch_size=resolve_batch_size(estimator.batch_size, len(samples)),
        generator=generator,
        callbacks=callbacks,
    )


def train(
    estimator,
    module: nn.Module,
    samples: Samples,
    random_state,
    *,
    context,
    attributes: Callable[[Trainer], dict],
    prefix: str = "",
) -> tuple[Trainer, bool]:
    """Train until the loss no longer falls, or for ``max_iter`` epochs.

    With a learning rate that falls until then, always for ``max_iter`` epochs: before,
    the loss is that of too large a rate.

    Parameters
    ----------
    estimator : estimator
        Has the parameters of training.
    module : nn.Module
    samples : Samples
    random_state : RandomState
    context, attributes
        See `ContextCallback`.
    prefix : str, default=""
        What lines of progress begin with.

    Returns
    -------
    trainer : Trainer
        After its run.
    converged : bool
        Whether the loss no longer fell.
    """
    early_stopping = EarlyStopping(estimator.tol, estimator.n_iter_no_change)
    falls = estimator.learning_rate_schedule == "linear"
    callbacks = [
        LinearDecay() if falls else early_stopping,
        ContextCallback(context, estimator, attributes),
        DeadAtomReseeding(),
    ]
    if estimator.verbose:
        callbacks.append(PrintProgress(prefix))
    trainer = _new_trainer(
        estimator,
        module,
        samples,
        torch_generator(random_state),
        callbacks,
        estimator.max_iter,
    ).run()
    return trainer, not falls and early_stopping.converged


def train_one_epoch(
    estimator, module: nn.Module, samples: Samples, random_state, *, continued: bool
) -> tuple[Trainer, dict]:
    """Take one epoch, with the optimiser as earlier ones left it if ``continued``.

    Returns
    -------
    trainer : Trainer
        After its run.
    attributes : dict
        Fitted attributes that tell of earlier epochs too.
    """
    n_earlier = estimator.n_iter_ if continued else 0
    trainer = _new_trainer(
        estimator,
        module,
        samples,
        # Another order in each call, also from the same seed.
        torch_generator(random_state, offset=n_earlier),
        [PrintProgress()] if estimator.verbose else [],
        max_iter=1,
    )
    if continued:
        load_optimizer_state(trainer.optimizer, estimator._optimizer_state)
    trainer.run()
    return trainer, {
        "_optimizer_state": optimizer_state(trainer.optimizer),
        "n_iter_": n_earlier + trainer.epoch,
    }


def history_arrays(trainer: Trainer) -> dict[str, np.ndarray]:
    """The history of a run, one array a quantity."""
    return {
        name: np.array(values, dtype=int if name.startswith("n_") else float)
        for name, values in trainer.history.items()
    }


def joined_histories(first: dict, second: dict) -> dict[str, np.ndarray]:
    """One history after another."""
    return {name: np.concatenate([first[name], second[name]]) for name in second}


class ContextCallback(Callback):
    """Tell scikit-learn's callbacks about epochs.

    Parameters
    ----------
    context : callback context of scikit-learn
    estimator : estimator
    attributes : callable
        Fitted attributes, a dict, from a `Trainer`.
    """

    def __init__(self, context, estimator, attributes: Callable[[Trainer], dict]):
        self.parent = context
        self.estimator = estimator
        self.attributes = attributes

    def on_train_begin(self, trainer) -> None:
        """Begin a run."""
        self.run = self.parent.subcontext(
            task_name="run", max_subtasks=trainer.max_iter
        ).call_on_fit_task_begin(estimator=self.estimator)

    def on_epoch_begin(self, trainer) -> None:
        """Begin an epoch."""
        self.epoch = self.run.subcontext(task_name="epoch").call_on_fit_task_begin(
            estimator=self.estimator
        )

    def on_epoch_end(self, trainer) -> bool:
        """End an epoch and return whether a callback asks to stop."""
        return self.epoch.call_on_fit_task_end(
            estimator=self.estimator,
            reconstruction_attributes=lambda: self.attributes(trainer),
        )

    def on_train_end(self, trainer) -> None:
        """End the run."""
        if hasattr(self, "run"):  # An interrupt may come before `on_train_begin`.
            self.run.call_on_fit_task_end(estimator=self.estimator)
