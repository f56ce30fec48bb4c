"""The training loop."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from ..distributed import Processes
from ..utils.callers import warn_user
from ..utils.progress import advance, step
from .callbacks import Callback
from .gradients import loss_gradient
from .order import shuffled_batches
from .recorded_step import RecordedStep
from .samples import Samples
from .shared_step import add_up_epoch, begin_shared_epoch, take_shared_step

__all__ = ["Trainer"]


class Trainer:
    """Fit a network to samples by mini-batch gradient descent.

    Parameters
    ----------
    module : nn.Module
        With ``forward(X, observed)``, which returns a named tuple of tensors,
        ``loss(output)``, and ``normalize_()``, which is called after each step.
    optimizer : torch.optim.Optimizer
    samples : Samples
    max_iter : int
        Largest number of epochs.
    batch_size : int
    generator : torch.Generator
        On the CPU, so that batches are the same on every device.
    callbacks : sequence of Callback, default=()
    processes : Processes, default=None
        What others train the same module, each with a share of every batch.

    Attributes
    ----------
    history : dict of str to list
        One entry an epoch: ``loss`` (mean over the epoch's batches), ``seconds``, and
        what callbacks add.
    loss_gradient : LossGradient
        What computes the loss of a batch and its gradients.
    recorded_step : RecordedStep or None
        On a CUDA GPU, what takes whole steps where it can.
    epoch : int
        Number of completed epochs.
    stopped : bool
        Whether a callback ended training.
    interrupted : bool
        Whether a KeyboardInterrupt ended training.
    diverged : bool
        Whether training ended because the loss or a parameter was no longer finite;
        the module then holds the parameters of the last finite epoch.
    """

    def __init__(
        self,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        samples: Samples,
        *,
        max_iter: int,
        batch_size: int,
        generator: torch.Generator,
        callbacks: Sequence[Callback] = (),
        processes: Processes | None = None,
    ):
        self.module: Any = module  # Its loss is no method of every module.
        self.optimizer = optimizer
        self.samples = samples
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.generator = generator
        self.callbacks = callbacks
        self.processes = processes
        # Added up in place, as all that a recorded step changes.
        self._total = torch.zeros((), device=samples.device)
        self.renew_loss_gradient()
        self.history: dict[str, list] = {"loss": [], "seconds": []}
        self.epoch = 0
        self.stopped = False
        self.interrupted = False
        self.diverged = False

    def run(self) -> "Trainer":
        """Train until a callback stops it, ``max_iter`` epochs or an interrupt.

        Returns
        -------
        Trainer
            Itself.
        """
        try:
            for callback in self.callbacks:
                callback.on_train_begin(self)
            with torch.enable_grad():
                while self.epoch < self.max_iter and not self._run_epoch():
                    pass
        except KeyboardInterrupt:
            # The others cannot know in which batch this one has stopped.
            if self.processes is not None:
                raise
            self.interrupted = True
        for callback in self.callbacks:
            callback.on_train_end(self)
        return self

    def renew_loss_gradient(self) -> None:
        """Compute gradients anew after parameters were replaced by others."""
        size, processes = self.batch_size, self.processes
        if processes is not None:
            size = processes.size_of_share(size)
        self.loss_gradient = loss_gradient(self.module, self.samples.device, size)
        is_recorded = self.samples.device.type == "cuda" and processes is None
        self.recorded_step = RecordedStep(self) if is_recorded else None

    def _run_epoch(self) -> bool:
        """Run one epoch and return whether to stop."""
        started = time.perf_counter()
        for callback in self.callbacks:
            callback.on_epoch_begin(self)
        if self.processes is not None:
            begin_shared_epoch(self)
        last_good = [p.detach().clone() for p in self.module.parameters()]
        with step(f"epoch {self.epoch + 1}/{self.max_iter}", total=len(self.samples)):
            loss = self._pass_over_samples()
        if not all(torch.isfinite(v).all() for v in (loss, *self.module.parameters())):
            self._restore(last_good)
            return True
        self.epoch += 1
        self.history["loss"].append(float(loss))
        self.history["seconds"].append(time.perf_counter() - started)
        # Every callback sees every epoch, and whether one before it stopped training.
        for callback in self.callbacks:
            self.stopped |= bool(callback.on_epoch_end(self))
        return self.stopped

    def _pass_over_samples(self) -> torch.Tensor:
        """Take one optimiser step a batch and return the mean loss, on the device."""
        self._total.zero_()
        for indices in shuffled_batches(self.samples, self.batch_size, self.generator):
            recorded_step = self.recorded_step
            if self.processes is not None:
                take_shared_step(self, indices)
            elif recorded_step is None or not recorded_step.take(self, indices):
                output, loss = self.loss_gradient(self.samples.batch(indices))
                self.after_gradients(indices, output, loss, self.callbacks)
            advance(len(indices))
        if self.processes is not None:
            add_up_epoch(self, self._total)
        return self._total / len(self.samples)

    def after_gradients(
        self,
        indices: torch.Tensor,
        output: Any,
        loss: torch.Tensor,
        callbacks: Sequence[Callback],
        update: Callable[[], None] | None = None,
    ) -> None:
        """Do what follows the gradients of a batch in a step.

        Parameters
        ----------
        indices : Tensor of shape (B,)
        output : named tuple of Tensor
        loss : Tensor of shape ()
        callbacks : sequence of Callback
            Those that are to hear of it.
        update : callable, default=None
            What changes the parameters in place of the optimiser and ``normalize_``.
        """
        if update is None:
            self.optimizer.step()
            self.module.normalize_()
        else:
            update()
        self._total += loss * len(indices)
        for callback in callbacks:
            callback.on_batch_end(self, indices, output)

    @torch.no_grad()
    def _restore(self, parameters: list[torch.Tensor]) -> None:
        """Take back the epoch whose loss was not finite."""
        for parameter, value in zip(self.module.parameters(), parameters, strict=True):
            parameter.copy_(value)
        self.optimizer.state.clear()  # Its moments are no longer finite either.
        self.diverged = True
        warn_user(
            f"Training stopped in epoch {self.epoch + 1}: the loss was no longer "
            "finite. The parameters are those of the epoch before; use "
            "step_size='auto' or a smaller learning_rate.",
            RuntimeWarning,
        )
