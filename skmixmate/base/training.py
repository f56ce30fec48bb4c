"""A trainer from an estimator's parameters, who hears of it, what is kept of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ..distributed import Processes
from ..modules import UnfoldedEncoder
from ..training import Adam, Callback, Samples, Trainer
from ..utils.validation import Input
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
    "FittedAttributes",
    "Run",
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
    processes: Processes | None = None,
) -> Trainer:
    """A `Trainer` by Adam in single precision, as the parameters ask for."""
    learning_rate: float | Tensor = parameters.learning_rate
    on_cuda = samples.device.type == "cuda"
    if on_cuda:
        # Where a recorded step reads it, whatever it is by then.
        learning_rate = torch.tensor(
            float(learning_rate), dtype=torch.float32, device=samples.device
        )
    optimizer = Adam(
        [p for p in module.parameters() if p.requires_grad],
        lr=learning_rate,
        eps=parameters.epsilon,
        fused=True,
        capturable=on_cuda,
    )
    return Trainer(
        module,
        optimizer,
        samples.replaced(dtype=torch.float32),
        max_iter=max_iter,
        batch_size=parameters.resolve_batch_size(len(samples)),
        generator=generator,
        callbacks=callbacks,
        processes=processes,
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


class Run(NamedTuple):
    """A run of a fit: one entry an epoch, and what runs are ranked by."""

    history: dict[str, np.ndarray]
    criterion: float


@dataclass(frozen=True, kw_only=True)
class FittedAttributes(ABC):
    """Fitted attributes of an estimator; subclasses add them as fields.

    The field ``last``, what the last pass over the samples found, is a dataclass of
    type ``last_pass_type``, or None if that pass was interrupted. It has ``loss_``,
    and what else ``criterion`` reads. ``runs_`` is None where there is a single run,
    the one whose history this is.
    """

    last_pass_type: ClassVar[type]

    scale_: float
    observed_features_: np.ndarray | None
    largest_norm_: float | None
    n_parameters_: int
    history_: dict[str, np.ndarray]
    n_iter_: int
    converged_: bool
    runs_: list[Run] | None = None
    _optimizer_state: list | None = None
    _stream: Any = None
    last: Any = None

    @classmethod
    def from_estimator(cls, estimator) -> Self:
        """Read them off a fitted estimator."""
        found = vars(estimator)
        names = [f.name for f in fields(cls) if f.name != "last"]
        names_of_last = [f.name for f in fields(cls.last_pass_type)]
        last = None
        if all(name in found for name in names_of_last):
            last = cls.last_pass_type(**{n: found[n] for n in names_of_last})
        # Private state that a saved estimator of an earlier version does not have.
        kept = {name: found[name] for name in names if name in found}
        return cls(**kept, last=last)

    @abstractmethod
    def network(self, parameters, left_out: Tensor | None = None) -> UnfoldedEncoder:
        """Build the network of the attributes, in their dtype, less some features."""

    @abstractmethod
    def samples(
        self, data: Input, device: torch.device, left_out: Tensor | None = None
    ) -> Samples:
        """Samples as the network takes them."""

    @abstractmethod
    def check_same_model(self, parameters) -> None:
        """Raise a ValueError if training with ``parameters`` could not go on."""

    @property
    @abstractmethod
    def n_labels(self) -> int:
        """Number of labels that samples may get."""

    @abstractmethod
    def renumbered(self, order: np.ndarray) -> Self:
        """The same model with label ``order[k]`` in place k, for each of its labels."""

    def standing_for(self, n_samples: int) -> Self:
        """The same with the last pass as that over so many samples like its own."""
        return self

    def in_unit_of(self, other: Self) -> Self:
        """The same model of samples that are divided by another's scale."""
        return replace(self, scale_=other.scale_, largest_norm_=other.largest_norm_)

    def comparable_with(self, other: Self) -> Self:
        """The same model of the samples as another takes them, and ranked as it is."""
        return self.in_unit_of(other)

    def fixed_parameters(self) -> dict:
        """What a fitted model has whatever the estimator's parameters are now."""
        return {}

    def never_observed(self, data: Input) -> Tensor | None:
        """Features of which nothing is known, (M,), and nothing in ``data`` either."""
        if self.observed_features_ is None or data.empty_columns is None:
            return None
        return data.empty_columns & torch.tensor(
            ~self.observed_features_, device=data.X.device
        )

    def left_out(self, data: Input) -> Tensor | None:
        """Features of which nothing is known, (M,), or nothing in ``data``."""
        left_out = data.empty_columns
        if self.observed_features_ is not None:
            unknown = torch.tensor(~self.observed_features_, device=data.X.device)
            left_out = unknown if left_out is None else left_out | unknown
        return left_out

    @property
    def criterion(self) -> float:
        """What runs are ranked by, the lowest first; infinite if it is not known."""
        return float("inf") if self.last is None else self.last.loss_

    def attributes(self) -> dict:
        """Return name and value of every fitted attribute."""
        attributes = dict(vars(self))
        del attributes["last"]
        attributes["runs_"] = self.runs_ or [Run(self.history_, self.criterion)]
        return attributes | ({} if self.last is None else vars(self.last))

    def store(self, estimator) -> None:
        """Set every attribute on the estimator, in place of those of earlier fits."""
        for field in fields(self.last_pass_type):
            vars(estimator).pop(field.name, None)
        for name, value in self.attributes().items():
            setattr(estimator, name, value)


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
