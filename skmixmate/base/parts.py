"""Methods of fitted estimators on parts of the samples at once."""

import copy
import functools
import importlib
import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numpy as np
import torch
from sklearn.utils import gen_even_slices
from sklearn.utils.validation import check_is_fitted

from ..distributed import active_processes
from ..utils.device import resolve_device
from ..utils.outputs import Output
from ..utils.parallel import n_at_once, side_by_side
from ..utils.parameter_checks import check_n_jobs
from ..utils.progress import advance, reporting, say, step
from ..utils.validation import shared_tensor

__all__ = ["in_parts"]

P = ParamSpec("P")
R = TypeVar("R")
# A process takes seconds to begin. Several parts for each, for they take unequal times;
# but what is on its way at once is bounded.
_LEAST_ROWS, _MOST_ROWS = 10_000, 100_000
_PARTS_OF_EACH = 4


def in_parts(method: Callable[P, R]) -> Callable[P, R]:
    """Let a method go on in several processes, as the ``n_jobs`` of its object says.

    Rows of the result depend on one row of X each. Few rows, incomplete ones, what is
    no array, and a GPU are left to this process.

    Parameters
    ----------
    method : callable
        ``method(self, X, mask=None, *, out=None)``.

    Returns
    -------
    callable
        The same, but for rounding.
    """
    plain: Callable = method

    @functools.wraps(method)
    def wrapper(self, X, mask=None, *, out=None):
        n_jobs = _n_at_once(self, X) if mask is None else 1
        if n_jobs == 1:
            return plain(self, X, mask, out=out)
        check_is_fitted(self)
        one = copy.copy(self)
        one.verbose = 0
        fewest = -(-len(X) // _MOST_ROWS)
        n_parts = max(fewest, min(_PARTS_OF_EACH * n_jobs, len(X) // _LEAST_ROWS))
        rows = list(gen_even_slices(len(X), n_parts))
        arguments = (
            (one, plain.__module__, plain.__qualname__, X[part]) for part in rows
        )
        results = Output(out, len(X), torch.device("cpu"))
        with reporting(type(self).__name__, self.verbose):
            say(f"{len(X)} samples in {n_parts} parts, {n_jobs} at once")
            with step(plain.__name__, total=len(X)):
                for i, found in side_by_side(_of_part, arguments, n_jobs):
                    results.write(rows[i], shared_tensor(found))
                    advance(len(found))
        found = results.result()
        return found if out is not None else found.numpy()

    return cast(Callable[P, R], wrapper)


def _n_at_once(estimator, X) -> int:
    n_jobs = check_n_jobs(getattr(estimator, "n_jobs", 1), "n_jobs")
    if not isinstance(X, np.ndarray) or X.ndim < 2 or active_processes() is not None:
        return 1
    n_tasks = len(X) // _LEAST_ROWS
    if n_tasks < 2 or resolve_device(estimator.device).type != "cpu":
        return 1
    n_jobs = n_at_once(n_jobs, n_tasks)
    if n_jobs > 1 and (_is_changed_map(X) or _has_missing(X)):
        return 1
    return n_jobs


def _is_changed_map(X: np.ndarray | None) -> bool:
    """Whether the file of a memory map may not have what is in memory."""
    while isinstance(X, np.ndarray):
        if isinstance(X, np.memmap) and X.mode == "c":
            return True
        X = X.base
    return False


def _has_missing(X: np.ndarray) -> bool:
    """Whether there is a NaN; what is no number is left to the check of the method."""
    if X.dtype.kind != "f":
        return X.dtype.kind not in "iub"
    parts = gen_even_slices(len(X), len(X) // _LEAST_ROWS)
    return any(np.isnan(X[rows]).any() for rows in parts)


def _of_part(estimator, module: str, name: str, X: np.ndarray) -> np.ndarray:
    """What the method itself says, which a subclass may have wrapped or replaced."""
    found = functools.reduce(getattr, name.split("."), importlib.import_module(module))
    return np.asarray(inspect.unwrap(cast(Callable, found))(estimator, X))
