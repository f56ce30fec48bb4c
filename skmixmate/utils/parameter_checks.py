"""Checks of constructor parameters, each named in its errors."""

import math
import os
from collections.abc import Callable
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_scalar

__all__ = [
    "check_bool",
    "check_choice",
    "check_integer",
    "check_n_jobs",
    "check_number",
    "check_or_auto",
    "check_path",
]


def check_integer(value, name: str, *, min_val: int) -> int:
    """Return ``value`` if it is an integer of at least ``min_val``.

    Raises
    ------
    TypeError, ValueError
        If it is not; the message names the parameter, the value and the bound.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer >= {min_val}, got {value!r}.")
    return int(check_scalar(value, name, Integral, min_val=min_val))


def check_n_jobs(value, name: str) -> int | None:
    """Return ``value`` if it is None or an integer other than zero.

    Raises
    ------
    TypeError, ValueError
        If it is not; the message names the parameter and the value.
    """
    if value is None:
        return None
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be None or an integer, got {value!r}.")
    if value == 0:
        raise ValueError(
            f"{name} must be None, a positive integer, or a negative one, where -1 "
            f"means all cores, got {value!r}."
        )
    return int(value)


def check_number(
    value, name: str, *, min_val: float = 0.0, include_boundaries: str = "neither"
) -> float:
    """Return ``value`` if it is a finite real number above ``min_val``.

    Raises
    ------
    TypeError, ValueError
        If it is not; the message names the parameter, the value and the bound.
    """
    bound = f"{'>=' if include_boundaries == 'left' else '>'} {min_val}"
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number {bound}, got {value!r}.")
    check_scalar(
        value,
        name,
        Real,
        min_val=min_val,
        max_val=np.finfo(np.float64).max,
        include_boundaries=include_boundaries,
    )
    if math.isnan(value):
        raise ValueError(f"{name} must be a number {bound}, got {value!r}.")
    return float(value)


def check_bool(value, name: str) -> bool:
    """Return ``value`` if it is True or False.

    Raises
    ------
    TypeError
        If it is neither; the message names the parameter and the value.
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {value!r}.")
    return bool(value)


def check_choice(value, name: str, choices) -> str:
    """Return ``value`` if it is one of the strings ``choices``.

    Raises
    ------
    ValueError
        If it is not; the message names the parameter, the value and the choices.
    """
    if not isinstance(value, str) or value not in choices:
        accepted = " or ".join(map(repr, choices))
        raise ValueError(f"{name} must be {accepted}, got {value!r}.")
    return value


def check_path(value, name: str) -> str | None:
    """Return None or a path as a string.

    Raises
    ------
    TypeError
        If ``value`` is neither None nor a path; the message names parameter and value.
    """
    if value is None:
        return None
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise TypeError(f"{name} must be None or the path of a folder, got {value!r}.")
    return os.fspath(value)


def check_or_auto(value, name: str, check: Callable, accepted: str = "a number"):
    """Return ``check(value, name)``, or None for "auto".

    Raises
    ------
    TypeError, ValueError
        What ``check`` raises; for another string, that ``accepted`` is accepted.
    """
    if not isinstance(value, str):
        return check(value, name)
    if value != "auto":
        raise ValueError(f"{name} must be 'auto' or {accepted}, got {value!r}.")
    return None
