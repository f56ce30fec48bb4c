"""Constructor parameters that the estimators over networks share, checked."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, get_type_hints

import torch

from ..penalties import PENALTIES, Penalty
from ..training import SCHEDULES
from ..utils.device import resolve_device
from ..utils.parameter_checks import (
    check_bool,
    check_choice,
    check_integer,
    check_n_jobs,
    check_number,
    check_or_auto,
    check_path,
)

__all__ = ["NetworkParameters", "at_least_one", "integer_or_auto", "resolve_penalty"]

_LEAST_BATCH_SIZE, _LARGEST_BATCH_SIZE = 64, 256
# With fewer steps an epoch, losses tell good starts from bad ones worse.
_N_STEPS = 140


at_least_one = functools.partial(check_integer, min_val=1)
at_least_zero = functools.partial(check_integer, min_val=0)
nonnegative = functools.partial(check_number, include_boundaries="left")


def integer_or_auto(value, name: str) -> int | None:
    """Check an integer of at least one; None for "auto"."""
    return check_or_auto(value, name, at_least_one, "an integer >= 1")


def _number_or_auto(value, name: str) -> float | None:
    return check_or_auto(value, name, check_number)


def _step_size(value, name: str) -> float | str:
    return _number_or_auto(value, name) or "auto"


def resolve_penalty(penalty: str | Penalty, **options: object) -> Penalty:
    """Return the `Penalty` that ``penalty`` names, or ``penalty`` itself.

    Parameters
    ----------
    penalty : str or Penalty
        A name is one of `PENALTIES`.
    **options
        For a penalty by name: those that its class takes.

    Returns
    -------
    Penalty

    Raises
    ------
    ValueError
        If ``penalty`` is neither.
    """
    if isinstance(penalty, Penalty):
        return penalty
    if not isinstance(penalty, str) or penalty not in PENALTIES:
        names = ", ".join(map(repr, PENALTIES))
        raise ValueError(
            f"penalty must be one of {names}, or an instance of "
            "skmixmate.penalties.Penalty such as L1(nonnegative=True) or "
            f"GroupL2(group_size=5), got {penalty!r}."
        )
    accepted = inspect.signature(PENALTIES[penalty]).parameters
    return PENALTIES[penalty](**{k: v for k, v in options.items() if k in accepted})


def _schedule(value, name: str) -> str:
    return check_choice(value, name, SCHEDULES)


def _device(value, name: str) -> torch.device:
    return resolve_device(value)


def _as_it_is(value, name: str):
    return value


def _verbose(value, name: str) -> int:
    return int(value) if isinstance(value, bool) else at_least_zero(value, name)


@dataclass(frozen=True, kw_only=True)
class NetworkParameters:
    """Checked parameters of an estimator: all that is known of it below ``fit``.

    None stands for "auto" where a rule decides later. Each field is annotated with its
    check, ``check(value, name)``, which returns what to keep.
    """

    penalty: Annotated[Penalty, lambda value, name: resolve_penalty(value)]
    alpha: Annotated[float, nonnegative]
    scale: Annotated[float | None, _number_or_auto]
    init: Annotated[Any, _as_it_is]
    init_size: Annotated[int, at_least_one]
    n_init: Annotated[int, at_least_one]
    n_fista_iter: Annotated[int, at_least_one]
    step_size: Annotated[float | Literal["auto"], _step_size]
    learning_rate: Annotated[float, check_number]
    learning_rate_schedule: Annotated[str, _schedule]
    epsilon: Annotated[float, check_number]
    batch_size: Annotated[int | None, integer_or_auto]
    max_iter: Annotated[int, at_least_zero]
    tol: Annotated[float, nonnegative]
    n_iter_no_change: Annotated[int, at_least_one]
    warm_start: Annotated[bool, check_bool]
    n_jobs: Annotated[int | None, check_n_jobs]
    random_state: Annotated[Any, _as_it_is]
    checkpoint_dir: Annotated[str | None, check_path]
    checkpoint_every: Annotated[int, at_least_one]
    device: Annotated[torch.device, _device]
    verbose: Annotated[int, _verbose]

    @classmethod
    def from_estimator(cls, estimator, **values) -> Self:
        """Check every parameter of an estimator.

        ``values`` are those of fields that are no single parameter of it.

        Raises
        ------
        TypeError, ValueError
            Naming the parameter, what it got and what it accepts.
        """
        own_type: Any = cls
        for name, check in _checks(own_type).items():
            if name not in values:
                values[name] = check(getattr(estimator, name), name)
        return cls(**values)

    def resolve_batch_size(self, n_samples: int) -> int:
        """Number of samples of a gradient step, for an epoch of ``n_samples``.

        "auto" is 256, or less, but no less than 64, where an epoch would have fewer
        than 140 steps.
        """
        if self.batch_size is not None:
            return self.batch_size
        wanted = n_samples // _N_STEPS
        return min(max(wanted, _LEAST_BATCH_SIZE), _LARGEST_BATCH_SIZE)


@functools.cache  # To read annotations takes longer than all the checks.
def _checks(cls: type[NetworkParameters]) -> dict[str, Callable[[Any, str], Any]]:
    """The check of each field that has one."""
    hints = get_type_hints(cls, include_extras=True)
    return {
        name: hint.__metadata__[0]
        for name, hint in hints.items()
        if hasattr(hint, "__metadata__")
    }
