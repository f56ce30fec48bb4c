"""What happens between batches and epochs, one small class each."""

import torch

__all__ = ["Callback", "EarlyStopping", "PrintProgress"]


class Callback:
    """Hooks of the training loop; every hook does nothing unless overridden.

    A callback reads the `Trainer` that calls it and may change the parameters of the
    module in place. Other values of the module have to stay: a GPU reads them once.
    """

    def on_train_begin(self, trainer) -> None:
        """Run before the first epoch."""

    def on_epoch_begin(self, trainer) -> None:
        """Run before each epoch."""

    def on_batch_end(self, trainer, indices: torch.Tensor, output) -> None:
        """Run after each optimiser step, with the forward pass that led to it.

        On a GPU the next one may be in the same memory; clone what is to be kept.
        """

    def on_epoch_end(self, trainer) -> bool | None:
        """Run after each epoch, already in ``trainer.history``; True stops."""

    def on_train_end(self, trainer) -> None:
        """Run after the last epoch, interrupted or not."""


class EarlyStopping(Callback):
    """Stop when the loss no longer falls.

    Parameters
    ----------
    tol : float
        An epoch counts as an improvement if it lowers the best loss by more than this
        fraction of it.
    n_iter_no_change : int
        Number of consecutive epochs without improvement that ends training.
    """

    def __init__(self, tol: float, n_iter_no_change: int):
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change

    def on_train_begin(self, trainer) -> None:
        """Forget an earlier run."""
        self.best_loss = float("inf")
        self.n_no_change = 0
        self.converged = False

    def on_epoch_end(self, trainer) -> bool:
        """Return whether the loss has stopped falling."""
        loss = trainer.history["loss"][-1]
        if loss < self.best_loss - self.tol * abs(self.best_loss) or (
            self.best_loss == float("inf")
        ):
            self.n_no_change = 0
        else:
            self.n_no_change += 1
        self.best_loss = min(self.best_loss, loss)
        self.converged = self.n_no_change >= self.n_iter_no_change
        return self.converged


class PrintProgress(Callback):
    """Print a line an epoch.

    Parameters
    ----------
    prefix : str, default=""
        What each line begins with.
    """

    def __init__(self, prefix: str = ""):
        self.prefix = prefix

    def on_epoch_end(self, trainer) -> None:
        """Print the epoch's loss and seconds."""
        history = trainer.history
        line = (
            f"{self.prefix}epoch {trainer.epoch}/{trainer.max_iter}, "
            f"loss {history['loss'][-1]:.6g}, {history['seconds'][-1]:.2f} s"
        )
        if history["n_reseeded_atoms"][-1]:
            line += f", {history['n_reseeded_atoms'][-1]} dead atoms re-seeded"
        print(line, flush=True)
