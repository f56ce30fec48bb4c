"""A training step, and an epoch, that many processes take together."""

import torch
from torch import Tensor

__all__ = ["add_up_epoch", "begin_shared_epoch", "take_shared_step"]


def begin_shared_epoch(trainer) -> None:
    """Let what callbacks begin with count once, in the first process."""
    if not trainer.processes.is_first:
        for values in _sums(trainer):
            values.zero_()


def take_shared_step(trainer, indices: Tensor) -> None:
    """Take the step of a batch, of which this process has a share.

    Parameters
    ----------
    trainer : Trainer
        With ``processes``.
    indices : Tensor of shape (B,)
        Of all samples of the batch, the same in all processes.
    """
    share = trainer.processes.share(indices)
    # The last batch of an epoch may have fewer samples than there are processes.
    is_empty = len(share) == 0
    if is_empty:
        trainer.module.zero_grad(set_to_none=True)
        output, loss = None, torch.zeros((), device=trainer.samples.device)
    else:
        output, loss = trainer.loss_gradient(trainer.samples.batch(share))
    gradients = []
    for parameter in trainer.loss_gradient.parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        # Of means over shares, the mean over the batch.
        gradients.append(parameter.grad.mul_(len(share) / len(indices)))
    trainer.processes.sum_(gradients)
    trainer.after_gradients(share, output, loss, () if is_empty else trainer.callbacks)


def add_up_epoch(trainer, total: Tensor) -> None:
    """Add up the losses of an epoch and what callbacks keep of it.

    Parameters of the first process take the place of all: on processors of other kinds
    they are rounded otherwise.
    """
    trainer.processes.sum_([total, *_sums(trainer)])
    trainer.processes.copy_first_(trainer.module.parameters())


def _sums(trainer) -> list[Tensor]:
    """What callbacks add up over the samples of an epoch."""
    return [
        values
        for callback in trainer.callbacks
        for values in callback.recorded_tensors() or ()
    ]
