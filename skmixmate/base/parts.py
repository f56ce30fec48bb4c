"""Methods of fitted estimators on parts of the samples at once."""

import copy
import functools
import itertools
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

import numpy as np
import torch

from ..distributed import active_processes
from ..utils.device import resolve_device
from ..utils.outputs import Output
from ..utils.parallel import n_at_once, side_by_side
from ..utils.parameter_checks import check_n_jobs
from ..utils.progress import reporting, say
from ..utils.validation import shared_tensor

__all__ = ["in_parts"]

P = ParamSpec("P")
R = TypeVar("R")

# A process takes seconds to begin. Several parts for each, for they take unequal times.
_LEAST_ROWS = 10_000
_PARTS_OF_EACH = 4


def in_parts(method: Callable[P, R]) -> Callable[P, R]:
    """Let a method go on in several processes, as the ``n_jobs`` of its object says.

    Rows of the result depend on one row of X each. Few rows, what is no array, and a
    GPU are left to this process.

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
        n_jobs = _n_at_once(self, X, mask)
        if n_jobs == 1:
            return plain(self, X, mask, out=out)
        one = copy.copy(self).set_params(n_jobs=1, verbose=0)
        # Each part is an array, whatever comes of all of them.
        vars(one).pop("_sklearn_output_config", None)
        n_parts = min(_PARTS_OF_EACH * n_jobs, len(X) // _LEAST_ROWS)
        ends = np.linspace(0, len(X), n_parts + 1).astype(int).tolist()
        rows = [slice(*pair) for pair in itertools.pairwise(ends)]
        arguments = (
            (one, plain.__name__, X[part], None if mask is None else mask[part])
            for part in rows
        )
        results = Output(out, len(X), torch.device("cpu"))
        with reporting(type(self).__name__, self.verbose):
            say(f"{len(X)} samples in {n_parts} parts, {n_jobs} at once")
            for i, found in side_by_side(_of_part, arguments, n_jobs):
                results.write(rows[i], shared_tensor(found))
        found = results.result()
        return found if out is not None else found.numpy()

    return cast(Callable[P, R], wrapper)


def _n_at_once(estimator, X, mask) -> int:
    n_jobs = check_n_jobs(estimator.n_jobs, "n_jobs")
    is_array = isinstance(X, np.ndarray) and X.ndim > 1
    is_masked_alike = mask is None or np.shape(mask)[:1] == X.shape[:1]
    if not (is_array and is_masked_alike) or active_processes() is not None:
        return 1
    n_tasks = len(X) // _LEAST_ROWS
    if n_tasks < 2 or resolve_device(estimator.device).type != "cpu":
        return 1
    return n_at_once(n_jobs, n_tasks)


def _of_part(estimator, name: str, X: np.ndarray, mask) -> np.ndarray:
    return np.asarray(getattr(estimator, name)(X, mask))
