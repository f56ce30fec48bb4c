"""How the learning rate changes over a run."""

import math

from torch.optim.lr_scheduler import LinearLR

from .callbacks import Callback

__all__ = ["SCHEDULES", "LinearDecay"]

# Of the parameter ``learning_rate_schedule``.
SCHEDULES = ("constant", "linear")


class LinearDecay(Callback):
    """Lower the learning rate linearly, to zero after the last step of ``max_iter``."""

    def on_train_begin(self, trainer) -> None:
        """Count the steps."""
        n_batches = math.ceil(len(trainer.samples) / trainer.batch_size)
        self.schedule = LinearLR(
            trainer.optimizer,
            start_factor=1.0,
            end_factor=0.0,
            total_iters=max(n_batches * trainer.max_iter, 1),
        )

    def on_batch_end(self, trainer, indices, output) -> None:
        """Set the rate of the next step."""
        self.schedule.step()
