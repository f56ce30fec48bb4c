"""Several runs of a fit from different starts, of which the best is kept."""

from collections.abc import Callable

from .fit_warnings import warn_of_interrupt
from .fitted import FittedAttributes
from .subset import is_array

__all__ = ["best_of_runs", "count_runs"]


def count_runs(estimator, continued: bool) -> int:
    """Number of runs: there is one where there is only one start."""
    has_one_start = continued or is_array(estimator.init)
    return 1 if has_one_start else estimator.n_init


def best_of_runs(
    run: Callable[[str], tuple[FittedAttributes, bool]], n_runs: int
) -> FittedAttributes:
    """Run a fit several times and return the result with the lowest loss.

    Parameters
    ----------
    run : callable
        Takes what lines of progress begin with; draws a start, trains from it and
        returns the result and whether it was interrupted, which ends all runs.
    n_runs : int

    Returns
    -------
    FittedAttributes
        An interrupted run takes part with what it had learned.

    Raises
    ------
    KeyboardInterrupt
        If the first run raises it, so that there is nothing to keep.

    Warns
    -----
    RuntimeWarning
        If a run was interrupted.
    """
    best = None
    for i in range(n_runs):
        try:
            fitted, interrupted = run(f"run {i + 1}/{n_runs}, " if n_runs > 1 else "")
        except KeyboardInterrupt:
            if best is None:
                raise
            interrupted = True
        else:
            if best is None or fitted.loss < best.loss:
                best = fitted
        if interrupted:
            warn_of_interrupt(best, i, n_runs)
            break
    return best
