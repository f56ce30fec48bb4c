"""Learning from a stream, batch by batch, without forgetting earlier ones."""

import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..initializers import has_one_start
from ..utils.progress import step
from ..utils.random import drawn_seed, private_random_state
from ..utils.validation import Input
from .fit import NetworkFit
from .parameters import NetworkParameters
from .reservoir import Reservoir, joined_inputs
from .training import FittedAttributes

__all__ = ["Stream", "learn_batch"]

# Samples of earlier batches that an epoch takes beside one of its own.
_N_DRAWN = 2
# A stream starts anew after so many times as many samples as at the last start, nearly
# two, that batches of one size but for a sample make it the second, the fourth and so
# on; and how much sooner if it brings nothing like what was there then.
_GROWTH, _HASTE = 0.95, 4.0
# How the warning of `scaled_samples` begins.
_ABOUT_ROWS = r"\d+ of \d+ samples are so much larger"


def _none() -> np.ndarray:
    return np.zeros(0, dtype=int)


@dataclass(frozen=True)
class Stream:
    """What is kept of a stream beside the model.

    Attributes
    ----------
    reservoir : Reservoir
    n_at_start : int or None
        Number of samples that had come by the last start; None if the model is of
        other samples, and there is to be no other start.
    counts_at_start : ndarray of shape (n_labels,)
        Of the reservoir then, the number of samples of each label.
    counts_since : ndarray of shape (n_labels,)
        Likewise of all samples since, the batch of that start included.
    """

    reservoir: Reservoir
    n_at_start: int | None = 0
    counts_at_start: np.ndarray = field(default_factory=_none)
    counts_since: np.ndarray = field(default_factory=_none)

    @property
    def is_due(self) -> bool:
        """Whether to start anew.

        There are about twice as many samples as at the last start; or fewer, down to
        1.2 times as many, the more the labels since differ from those there were.
        """
        if self.n_at_start is None:
            return False
        n_since = self.reservoir.n_seen - self.n_at_start
        weight = 1.0 + _HASTE * self.unlikeness()
        return n_since * weight >= _GROWTH * self.n_at_start

    def unlikeness(self) -> float:
        """Share of the samples since the last start that had other labels before it.

        The total variation distance of the two distributions of labels, less what
        chance makes of it.
        """
        n_before, n_since = self.counts_at_start.sum(), self.counts_since.sum()
        if not n_before or not n_since:
            return 0.0
        p, q = self.counts_at_start / n_before, self.counts_since / n_since
        # Mean absolute difference of two shares of one probability.
        both = (self.counts_at_start + self.counts_since) / (n_before + n_since)
        variance = both * (1.0 - both) * (1.0 / n_before + 1.0 / n_since)
        chance = np.sqrt(2.0 / np.pi * variance).sum()
        return max(0.0, float(np.abs(p - q).sum() - chance) / 2.0)

    def started(self, fitted: Any, labels: np.ndarray) -> "Stream":
        """The same after a start that gives the reservoir ``labels``."""
        counts = _counts(labels, fitted.n_labels)
        return replace(
            self,
            n_at_start=self.reservoir.n_seen,
            counts_at_start=counts,
            counts_since=np.zeros_like(counts),
        )

    def counted(self, fitted: Any) -> "Stream":
        """The same with the labels of a batch."""
        if fitted.last is None or not len(self.counts_since):
            return self
        new = _counts(fitted.last.labels_, fitted.n_labels)
        return replace(self, counts_since=self.counts_since + new)


def learn_batch(
    fit_type: type[NetworkFit],
    parameters: NetworkParameters,
    batch: Input,
    earlier: Any | None = None,
) -> tuple[FittedAttributes, bool]:
    """Learn from a batch of a stream: start, or start anew, if it is time, and train.

    Parameters
    ----------
    fit_type : type of NetworkFit
    parameters : NetworkParameters
    batch : Input
    earlier : FittedAttributes, default=None
        What to go on from.

    Returns
    -------
    fitted : FittedAttributes
        What describes the training samples is of the batch, or of all.
    interrupted : bool
        Whether a KeyboardInterrupt ended training.

    Raises
    ------
    KeyboardInterrupt
        If it comes before anything was learned.
    """
    # A stream knows no end that a learning rate could fall to, and it keeps its
    # imputer.
    parameters = replace(
        parameters, learning_rate_schedule="constant", warm_start=False
    )
    stream = _stream_of(parameters, earlier)
    # Another one in each call, also from the same seed.
    seed = drawn_seed(private_random_state(parameters.random_state))
    random_state = np.random.RandomState(seed + stream.reservoir.n_seen % 2**31)
    known = stream.reservoir
    stream = replace(stream, reservoir=known.added(batch, random_state))
    samples, n_new = batch, len(batch.X)
    if len(known):
        drawn = known.drawn(_N_DRAWN * n_new, random_state)
        samples = joined_inputs(batch, drawn)
    start: Any = None
    fitted: Any
    if earlier is None:
        is_new = True
        start, interrupted = _first_start(fit_type, parameters, stream.reservoir)
        if start.last is None:
            return replace(start, _stream=stream), True
    else:
        # Before another start too: it tells what is odd about the batch.
        fit = fit_type(parameters, samples, earlier)
        fitted, interrupted = fit.run_one_epoch(n_new)
        last = earlier.last
        if stream.is_due and not interrupted and not has_one_start(parameters.init):
            try:
                start, is_new = _later_start(
                    fit_type, parameters, stream.reservoir, fitted
                )
            except KeyboardInterrupt:
                interrupted = True
    if start is not None:
        stream = stream.started(start, start.last.labels_)
        # The batch is counted where all are.
        fitted = start.standing_for(known.n_seen)
        last = fitted.last
        if is_new and not interrupted and not stream.reservoir.has_all:
            fit = fit_type(parameters, samples, fitted)
            fitted, interrupted = fit.run_one_epoch(n_new)
    fitted = replace(fitted, _stream=stream, runs_=None, last=last)
    try:
        fitted = fit_type(parameters, batch, fitted).described(fitted)
    except KeyboardInterrupt:
        return replace(fitted, last=None), True
    # The batch of a start as well: of a sorted stream it is most unlike those before.
    return replace(fitted, _stream=stream.counted(fitted)), interrupted


def _stream_of(parameters: NetworkParameters, earlier: Any | None) -> Stream:
    if earlier is None:
        return Stream(Reservoir(parameters.init_size))
    earlier.check_same_model(parameters)
    if earlier._stream is not None:
        stream: Stream = earlier._stream
        reservoir = stream.reservoir.of_size(parameters.init_size)
        return replace(stream, reservoir=reservoir)
    # After `fit`, whose samples another start would know nothing of.
    return Stream(Reservoir(parameters.init_size), n_at_start=None)


def _first_start(
    fit_type: type[NetworkFit], parameters: NetworkParameters, reservoir: Reservoir
) -> tuple[Any, bool]:
    """A fit to the reservoir, and whether it was interrupted."""
    fitted: Any
    with warnings.catch_warnings():
        if not reservoir.has_all:
            # It would name rows of the reservoir.
            warnings.filterwarnings("ignore", message=_ABOUT_ROWS)
        fitted, run = fit_type(parameters, reservoir.all_samples()).run()
    if not reservoir.has_all:
        # The epoch over the batch finds the bound anew, and names rows of the batch.
        fitted = replace(fitted, largest_norm_=None)
    return fitted, run is not None


def _later_start(
    fit_type: type[NetworkFit],
    parameters: NetworkParameters,
    reservoir: Reservoir,
    earlier: Any,
) -> tuple[Any, bool]:
    """A fit to the reservoir, or the earlier model if `NetworkFit.stays_with` says so.

    The last pass is that over the reservoir. Tells also whether the model is new.

    Raises
    ------
    KeyboardInterrupt
    """
    data = reservoir.all_samples()
    new: Any
    with step("new start"), warnings.catch_warnings():
        # They would name rows of the reservoir; each batch had its own.
        warnings.simplefilter("ignore")
        new, run = fit_type(parameters, data).run()
        if run is not None:
            raise KeyboardInterrupt
        # Of another scale it would have another penalty.
        kept: Any = replace(earlier.comparable_with(new), last=None)
        fit = fit_type(parameters, data, kept)
        kept = fit.described(kept)
        stays = fit.stays_with(kept, new)
    if stays:
        return replace(earlier.in_unit_of(new), last=kept.last), False
    order = _matching(kept.last.labels_, new.last.labels_, new.n_labels)
    return new.renumbered(order), True


def _matching(labels: np.ndarray, new_labels: np.ndarray, n_labels: int) -> np.ndarray:
    """Which of the new labels takes the place of each, so that most samples agree."""
    both = (labels >= 0) & (new_labels >= 0)
    pairs = labels[both] * n_labels + new_labels[both]
    table = np.bincount(pairs, minlength=n_labels**2).reshape(n_labels, n_labels)
    return linear_sum_assignment(table, maximize=True)[1]


def _counts(labels: np.ndarray, n_labels: int) -> np.ndarray:
    return np.bincount(labels[labels >= 0], minlength=n_labels)
