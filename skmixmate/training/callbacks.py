"""What happens between batches and epochs, one small class each."""

import math
from collections.abc import Collection

import torch
from torch.optim.lr_scheduler import LinearLR

from ..utils.progress import say

__all__ = [
    "SCHEDULES",
    "BackwardChoice",
    "Callback",
    "EarlyStopping",
    "LinearDecay",
    "MixtureWeights",
    "ReportProgress",
]

# Of the parameter ``learning_rate_schedule``.
SCHEDULES = ("constant", "linear")


class Callback:
    """Hooks of the training loop; every hook does nothing unless overridden.

    A callback reads the `Trainer` that calls it and may change the parameters of the
    module in place, or replace them if it calls ``renew_loss_gradient`` of the trainer.
    Other values of the module have to stay: a GPU reads them once.
    """

    def on_train_begin(self, trainer) -> None:
        """Run before the first epoch."""

    def on_epoch_begin(self, trainer) -> None:
        """Run before each epoch."""

    def on_batch_end(self, trainer, indices: torch.Tensor, output) -> None:
        """Run after each optimiser step, with the forward pass that led to it.

        On a GPU the next one may be in the same memory; clone what is to be kept. Of
        several processes each hears of its share of a batch, if that is not empty.
        """

    def recorded_tensors(self) -> tuple[torch.Tensor, ...] | None:
        """Return the tensors that `on_batch_end` changes in place, if it does no more.

        A GPU may then record it with the rest of a step. Of several processes each
        adds its share of the samples to zeros, and the first one to what there is; the
        sums are here before `on_epoch_end`. None, as here, if it does more
        than that, or reads numbers on the host: it is called after each step.
        A subclass whose `on_batch_end` is another says it anew, or counts as None.
        """
        return None

    def on_epoch_end(self, trainer) -> bool | None:
        """Run after each epoch; True stops.

        Loss and seconds of the epoch are in ``trainer.history`` already. A callback may
        append to a list of its own there, which it adds in `on_train_begin`.
        """

    def on_train_end(self, trainer) -> None:
        """Run after the last epoch, interrupted or not."""

    def state(self, trainer) -> dict:
        """Return what the next epochs depend on, as numbers and arrays, for a file.

        Called after the callback's `on_epoch_end`, or `on_train_begin`.
        """
        return {}

    def load_state(self, trainer, state: dict) -> None:
        """Take over what `state` returned, after `on_train_begin`."""


class EarlyStopping(Callback):
    """Stop when the loss no longer falls.

    Parameters
    ----------
    tol : float
        An epoch counts as an improvement if it lowers the best loss by more than this
        fraction of it.
    n_iter_no_change : int
        Number of consecutive epochs without improvement that ends training.
    earlier_losses : sequence of float, default=()
        Of epochs that count as the first ones of the run, unless its first loss is more
        than a tenth above all of them: it is of other samples or parameters then.
    """

    def __init__(
        self,
        tol: float,
        n_iter_no_change: int,
        earlier_losses: Collection[float] = (),
    ):
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.earlier_losses = earlier_losses

    def on_train_begin(self, trainer) -> None:
        """Forget an earlier run."""
        self.best_loss = float("inf")
        self.n_no_change = 0
        self.converged = False

    def on_epoch_end(self, trainer) -> bool:
        """Return whether the loss has stopped falling."""
        losses = trainer.history["loss"]
        if len(losses) == 1 and len(self.earlier_losses) > 0:
            highest = max(self.earlier_losses)
            if losses[0] <= highest + 0.1 * abs(highest):
                for loss in self.earlier_losses:
                    self._count(loss)
        return self._count(losses[-1])

    def state(self, trainer) -> dict:
        """See `Callback.state`."""
        return {"best_loss": self.best_loss, "n_no_change": self.n_no_change}

    def load_state(self, trainer, state: dict) -> None:
        """See `Callback.load_state`."""
        self.best_loss = state["best_loss"]
        self.n_no_change = state["n_no_change"]

    def _count(self, loss: float) -> bool:
        if loss < self.best_loss - self.tol * abs(self.best_loss) or (
            self.best_loss == float("inf")
        ):
            self.n_no_change = 0
        else:
            self.n_no_change += 1
        self.best_loss = min(self.best_loss, loss)
        self.converged = self.n_no_change >= self.n_iter_no_change
        return self.converged


class LinearDecay(Callback):
    """Lower the learning rate linearly, to zero after the last step of ``max_iter``."""

    def on_train_begin(self, trainer) -> None:
        """Count the steps."""
        self.n_batches = math.ceil(len(trainer.samples) / trainer.batch_size)
        self.schedule = LinearLR(
            trainer.optimizer,
            start_factor=1.0,
            end_factor=0.0,
            total_iters=max(self.n_batches * trainer.max_iter, 1),
        )

    def on_epoch_begin(self, trainer) -> None:
        """Count a last batch of which another process had all samples."""
        while self.schedule.last_epoch < trainer.epoch * self.n_batches:
            self.schedule.step()

    def on_batch_end(self, trainer, indices, output) -> None:
        """Set the rate of the next step."""
        self.schedule.step()

    def state(self, trainer) -> dict:
        """See `Callback.state`."""
        (group,) = trainer.optimizer.param_groups
        return {"n_steps": self.schedule.last_epoch, "rate": float(group["lr"])}

    def load_state(self, trainer, state: dict) -> None:
        """See `Callback.load_state`."""
        self.schedule.last_epoch = state["n_steps"]
        (group,) = trainer.optimizer.param_groups
        # On a GPU in place, where a recorded step reads it.
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(state["rate"])
        else:
            group["lr"] = state["rate"]


class MixtureWeights(Callback):
    """Set the weights of a mixture to the mean responsibilities of each epoch.

    Parameters
    ----------
    earlier : Tensor of shape (n_clusters,), default=None
        Sums of responsibilities of samples that were seen before this run.
    n_counted : int, default=None
        Number of training samples, from the first, that are new to these sums; None
        counts all.

    Notes
    -----
    The M step of EM for the weights. Each cluster gets one sample more than it has, the
    mean under a uniform prior, so that none dies of a weight of zero.

    References
    ----------
    Bishop, "Pattern recognition and machine learning" (2006), eqs. 9.26 and 9.27.
    """

    def __init__(
        self, earlier: torch.Tensor | None = None, n_counted: int | None = None
    ):
        self.earlier, self.n_counted = earlier, n_counted

    def on_train_begin(self, trainer) -> None:
        """Forget an earlier run."""
        self.total = torch.ones_like(trainer.module.log_weights)

    def on_epoch_begin(self, trainer) -> None:
        """Begin to count."""
        self.total.fill_(1.0)
        if self.earlier is not None:
            self.total += self.earlier.to(self.total)

    def recorded_tensors(self) -> tuple[torch.Tensor, ...]:
        """Return the sums."""
        return (self.total,)

    @torch.no_grad()
    def on_batch_end(self, trainer, indices, output) -> None:
        """Add up responsibilities."""
        responsibilities = torch.softmax(-output.energies, dim=1)
        if self.n_counted is not None:
            is_counted = (indices < self.n_counted).to(responsibilities)
            responsibilities = responsibilities * is_counted.unsqueeze(1)
        self.total += responsibilities.sum(0)

    def on_epoch_end(self, trainer) -> None:
        """Set the weights."""
        trainer.module.set_weights_(self.total)


class BackwardChoice(Callback):
    """Tell a mixture on a CPU, batch by batch, which backward pass is the faster one.

    If the responsibilities of each cluster are negligible for enough samples, encoding
    again those that matter takes less time than keeping the layers of all.
    """

    # Of the samples, for the cluster that has most.
    largest_share = 0.6

    def on_train_begin(self, trainer) -> None:
        """Expect few."""
        trainer.module.few_matter = True

    @torch.no_grad()
    def on_batch_end(self, trainer, indices, output) -> None:
        """Expect of the next batch what was true of this one."""
        p = torch.softmax(-output.energies, dim=1)
        n_that_matter = (p >= trainer.module.min_responsibility).sum(0).max()
        share = float(n_that_matter) / len(p)
        trainer.module.few_matter = share <= self.largest_share

    def state(self, trainer) -> dict:
        """See `Callback.state`."""
        return {"few_matter": trainer.module.few_matter}

    def load_state(self, trainer, state: dict) -> None:
        """See `Callback.load_state`."""
        trainer.module.few_matter = state["few_matter"]


class ReportProgress(Callback):
    """Say a line an epoch, where progress is reported."""

    def on_epoch_end(self, trainer) -> None:
        """Say the epoch's loss and seconds."""
        history = trainer.history
        line = (
            f"epoch {trainer.epoch}/{trainer.max_iter}, "
            f"loss {history['loss'][-1]:.6g}, {history['seconds'][-1]:.2f} s"
        )
        if n_reseeded := history.get("n_reseeded_atoms", [0])[-1]:
            line += f", {n_reseeded} dead atoms re-seeded"
        say(line)
