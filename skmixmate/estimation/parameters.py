"""Constructor parameters that the estimators over networks share."""

from ..training import SCHEDULES
from ..utils.validation import (
    check_bool,
    check_choice,
    check_integer,
    check_number,
    check_or_auto,
)

__all__ = ["check_shared_parameters"]


def check_shared_parameters(estimator) -> None:
    """Check the parameters of encoder, start and training.

    Raises
    ------
    TypeError, ValueError
        Naming the parameter, what it got and what it accepts.
    """
    for name, min_val in (
        ("init_size", 1),
        ("n_fista_iter", 1),
        ("batch_size", 1),
        ("max_iter", 0),
        ("n_iter_no_change", 1),
        ("verbose", 0),
    ):
        value = getattr(estimator, name)
        if name == "verbose" and isinstance(value, bool):
            continue
        check_integer(value, name, min_val=min_val)
    check_number(estimator.learning_rate, "learning_rate")
    check_choice(estimator.learning_rate_schedule, "learning_rate_schedule", SCHEDULES)
    check_number(estimator.epsilon, "epsilon")
    check_number(estimator.alpha, "alpha", include_boundaries="left")
    check_number(estimator.tol, "tol", include_boundaries="left")
    check_bool(estimator.warm_start, "warm_start")
    check_or_auto(estimator.step_size, "step_size", check_number)
