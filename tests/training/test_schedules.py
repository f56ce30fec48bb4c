"""The learning rate over a run."""

import numpy as np
import pytest

from skmixmate.training import Callback, LinearDecay


class Rates(Callback):
    """Note the rate of each step; listed before the schedule."""

    def __init__(self):
        self.seen = []

    def on_batch_end(self, trainer, indices, output):
        self.seen.append(trainer.optimizer.param_groups[0]["lr"])


def test_linear_decay_lowers_the_rate_evenly_to_zero_after_the_last_step(make_trainer):
    rates = Rates()
    trainer = make_trainer(
        learning_rate=0.1, max_iter=3, batch_size=64, callbacks=[rates, LinearDecay()]
    )
    trainer.run()
    assert len(rates.seen) == 12  # 200 samples are four batches, the last one short.
    np.testing.assert_allclose(rates.seen, 0.1 * np.arange(12, 0, -1) / 12)
    assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(0.0, abs=1e-12)


def test_linear_decay_starts_anew_in_another_run(make_trainer):
    schedule = LinearDecay()
    for _ in range(2):
        trainer = make_trainer(max_iter=2, callbacks=[schedule]).run()
        assert trainer.optimizer.param_groups[0]["lr"] == pytest.approx(0.0, abs=1e-12)


def test_linear_decay_of_no_epochs(make_trainer):
    trainer = make_trainer(learning_rate=0.1, max_iter=0, callbacks=[LinearDecay()])
    assert trainer.run().epoch == 0
    assert trainer.optimizer.param_groups[0]["lr"] == 0.1
