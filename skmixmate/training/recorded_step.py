"""A whole training step as one CUDA graph, from indices of samples to statistics."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from .callbacks import Callback
from .fused_update import fused_update
from .gradients import LossGradient, captured, reads_no_numbers

__all__ = ["RecordedStep"]


class _Recording(NamedTuple):
    """Where indices go, what runs the step, where its output is, what it changes."""

    indices: Tensor
    replay: Any
    output: Any
    tensors: list[Tensor]


class RecordedStep:
    """Steps of full batches: one call each of the host.

    `GraphedLossGradient` records the loss and its gradients alone, which leaves some
    forty kernels to the host: those that gather and scale samples, the optimiser's, the
    scaling of atoms, and what callbacks add up. Here they are in the graph too.
    Callbacks that say what they change (`Callback.recorded_tensors`) are; others are
    called after each step. What was recorded has its tensors: if a callback or the
    optimiser gets others, as for its learning rate, a step is recorded anew.

    Parameters
    ----------
    trainer : Trainer
        On a CUDA device, with a `GraphedLossGradient`, whose first batches warm up. Not
        kept: memory of a GPU is to be free as soon as a trainer is not used.
    """

    def __init__(self, trainer) -> None:
        self.can_record = can_be_recorded(trainer)
        self.recording: _Recording | None = None

    def take(self, trainer, indices: Tensor) -> bool:
        """Take a step of a trainer.

        Parameters
        ----------
        trainer : Trainer
            The same each time.
        indices : Tensor of shape (B,)
            Of the samples, on their device.

        Returns
        -------
        bool
            Whether it was taken; if not, it is to be taken otherwise.
        """
        gradient = trainer.loss_gradient
        is_alike = self.can_record and len(indices) == trainer.batch_size
        if not (is_alike and gradient.can_record and gradient.n_warm_up == 0):
            return False
        recorded, on_host = _divided(trainer.callbacks)
        tensors = _tensors_of_optimizer(trainer.optimizer)
        if tensors is None:
            return False
        tensors += [one for c in recorded for one in c.recorded_tensors() or ()]
        # Tensors that were replaced by others are not in the graph.
        if self.recording is None or not _are_same(tensors, self.recording.tensors):
            self.recording = self._record(trainer, indices, recorded, tensors)
            if self.recording is None:
                self.can_record = False
                return False
        self.recording.indices.copy_(indices)
        self.recording.replay()
        for callback in on_host:
            callback.on_batch_end(trainer, indices, self.recording.output)
        return True

    def _record(self, trainer, indices, callbacks, tensors) -> _Recording | None:
        indices = indices.clone()
        gradient = LossGradient(trainer.module)
        # Tried before anything is recorded.
        update = fused_update(trainer.optimizer, trainer.module)

        def step():
            output, loss = gradient(trainer.samples.batch(indices))
            output = output._make(
                one if one is None else one.detach() for one in output
            )
            trainer.after_gradients(indices, output, loss, callbacks, update)
            return output

        try:
            if not reads_no_numbers(trainer.module, trainer.samples.batch(indices)):
                return None
            replay, output = captured(step, trainer.loss_gradient.stream)
        except RuntimeError:
            # What is wrong, as too little memory, shows in the steps that follow.
            return None
        return _Recording(indices, replay, output, tensors)


def can_be_recorded(trainer) -> bool:
    """Whether samples, their mask and Adam's numbers are on the device."""
    samples = trainer.samples
    return all(
        one is None or one.device == samples.device for one in (samples.X, samples.mask)
    ) and all(group.get("capturable") for group in trainer.optimizer.param_groups)


def _divided(callbacks) -> tuple[list[Callback], list[Callback]]:
    """Callbacks whose part of a step can be recorded, and others that have one."""
    with_part = [
        callback
        for callback in callbacks
        if type(callback).on_batch_end is not Callback.on_batch_end
    ]
    recorded = [one for one in with_part if _says_what_it_changes(one)]
    return recorded, [one for one in with_part if one not in recorded]


def _says_what_it_changes(callback: Callback) -> bool:
    """Whether it does, of its own part of a step and not of one of its parents'."""
    of_part, of_tensors = (
        next(one for one in type(callback).__mro__ if name in vars(one))
        for name in ("on_batch_end", "recorded_tensors")
    )
    return issubclass(of_tensors, of_part) and callback.recorded_tensors() is not None


def _tensors_of_optimizer(optimizer: torch.optim.Optimizer) -> list[Tensor] | None:
    """Learning rates and what there is of parameters; None if a graph has not all."""
    rates = [group["lr"] for group in optimizer.param_groups]
    # A number would be recorded as it is, and moments that do not exist as zeros.
    if not optimizer.state or not all(isinstance(rate, Tensor) for rate in rates):
        return None
    moments = [one for values in optimizer.state.values() for one in values.values()]
    return rates + moments


def _are_same(tensors: list[Tensor], others: list[Tensor]) -> bool:
    return [id(one) for one in tensors] == [id(other) for other in others]
