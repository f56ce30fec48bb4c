"""Who called: warnings that point at the user's line, interrupts that go on."""

import sys
import warnings
from collections.abc import Iterator
from types import FrameType

__all__ = ["is_called_by_user", "warn_user"]

# Packages whose frames lie between the user's call and a warning.
_IN_BETWEEN = {"skmixmate", "sklearn", "torch", "joblib"}
# Packages whose functions fit estimators of others, and the modules of them whose
# frames are only wrapped around a method that the user has called.
_CALLERS = {
    *("skmixmate", "sklearn", "joblib", "dask", "dask_ml", "distributed"),
    *("imblearn", "optuna", "ray", "skopt"),
}
_WRAPPERS = ("skmixmate.utils", "sklearn.utils", "sklearn.callback")


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


def is_called_by_user(estimator) -> bool:
    """Whether no function of a library is further out than a method of ``estimator``.

    A grid search, a Pipeline or another fit, which would go on after a fit within it
    has returned early, is one.

    Parameters
    ----------
    estimator : object
        Whose method asks.

    Returns
    -------
    bool
    """
    return not any(
        _package(frame) in _CALLERS
        and not _module(frame).startswith(_WRAPPERS)
        and frame.f_locals.get("self") is not estimator
        for frame in _frames_outwards()
    )


def _frames_outwards() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        yield frame
        frame = frame.f_back


def _module(frame) -> str:
    return frame.f_globals.get("__name__", "")


def _package(frame) -> str:
    return _module(frame).partition(".")[0]
