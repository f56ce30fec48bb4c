"""Constructor parameters that the estimators over networks share."""

import functools

from ..training import SCHEDULES
from ..utils.validation import (
    check_bool,
    check_choice,
    check_integer,
    check_number,
    check_or_auto,
)

__all__ = ["check_shared_parameters", "resolve_batch_size"]

_LEAST_BATCH_SIZE, _LARGEST_BATCH_SIZE = 64, 256
# With fewer steps an epoch, losses tell good starts from bad ones worse.
_N_STEPS = 140


def check_shared_parameters(estimator) -> None:
    """Check the parameters of encoder, start and training.

    Raises
    ------
    TypeError, ValueError
        Naming the parameter, what it got and what it accepts.
    """
    for name, min_val in (
        ("init_size", 1),
        ("n_init", 1),
        ("n_fista_iter", 1),
        ("max_iter", 0),
        ("n_iter_no_change", 1),
        ("verbose", 0),
    ):
        value = getattr(estimator, name)
        if name == "verbose" and isinstance(value, bool):
            continue
        check_integer(value, name, min_val=min_val)
    check_or_auto(
        estimator.batch_size,
        "batch_size",
        functools.partial(check_integer, min_val=1),
        "an integer >= 1",
    )
    check_number(estimator.learning_rate, "learning_rate")
    check_choice(estimator.learning_rate_schedule, "learning_rate_schedule", SCHEDULES)
    check_number(estimator.epsilon, "epsilon")
    check_number(estimator.alpha, "alpha", include_boundaries="left")
    check_number(estimator.tol, "tol", include_boundaries="left")
    check_bool(estimator.warm_start, "warm_start")
    check_or_auto(estimator.step_size, "step_size", check_number)


def resolve_batch_size(batch_size, n_samples: int) -> int:
    """Return the number of samples of a gradient step that ``batch_size`` asks for.

    Parameters
    ----------
    batch_size : int or "auto"
        "auto" is 256, or less, but no less than 64, where an epoch would have fewer
        than 140 steps.
    n_samples : int

    Returns
    -------
    int
    """
    if batch_size != "auto":
        return batch_size
    wanted = n_samples // _N_STEPS
    return min(max(wanted, _LEAST_BATCH_SIZE), _LARGEST_BATCH_SIZE)
