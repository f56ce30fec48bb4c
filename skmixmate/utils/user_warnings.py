"""Warnings that point at the user's line, however deep the call."""

import sys
import warnings

__all__ = ["warn_user"]

# Packages whose frames lie between the user's call and a warning.
_IN_BETWEEN = {"skmixmate", "sklearn", "torch", "joblib"}


def warn_user(message: str, category: type[Warning]) -> None:
    """Warn at the first line, from here outwards, that is not a library's.

    Parameters
    ----------
    message : str
    category : type of Warning
    """
    frame, stacklevel = sys._getframe(1), 2
    while frame.f_back is not None and _package(frame) in _IN_BETWEEN:
        frame, stacklevel = frame.f_back, stacklevel + 1
    warnings.warn(message, category, stacklevel=stacklevel)


def _package(frame) -> str:
    return frame.f_globals.get("__name__", "").partition(".")[0]
