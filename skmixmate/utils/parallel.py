"""Tasks side by side, in joblib's processes, without more threads than cores."""

import os
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import get_active_backend

from .callers import warn_user

__all__ = ["n_at_once", "side_by_side"]


def n_at_once(n_jobs: int | None, n_tasks: int) -> int:
    """How many of ``n_tasks`` go on at once, with joblib's meaning of ``n_jobs``."""
    return max(1, min(effective_n_jobs(n_jobs), n_tasks))


def side_by_side(
    function: Callable[..., Any],
    arguments: Iterable[tuple],
    n_at_once: int,
) -> Iterator[tuple[int, Any]]:
    """Call a function with each of several arguments, by joblib if not one at a time.

    Each call has its share of the threads that PyTorch has here, and what it warns of
    in another process is warned of here.

    Parameters
    ----------
    function : callable
        Of a module, so that other processes find it.
    arguments : iterable of tuple
        Taken one after another, as tasks begin. joblib hands memory maps among them
        over without copies, and other large arrays by files.
    n_at_once : int
        As `n_at_once` gives it.

    Yields
    ------
    place : int
        Which of the arguments this is of.
    result : object
        In the order in which calls end.
    """
    if n_at_once == 1:
        for place, values in enumerate(arguments):
            yield place, function(*values)
        return
    n_threads = torch.get_num_threads()
    share = max(1, n_threads // n_at_once)
    here = os.getpid(), threading.get_ident()
    tasks = (
        delayed(_called)(place, function, share, here, *values)
        for place, values in enumerate(arguments)
    )
    # One of joblib's own backends, "multiprocessing", has no generators.
    backend, _ = get_active_backend()
    is_lazy = backend.supports_return_generator
    results = Parallel(
        n_jobs=n_at_once, return_as="generator_unordered" if is_lazy else "list"
    )(tasks)
    # Threads of this process, if joblib is told to use them, begin with as many.
    torch.set_num_threads(share)
    try:
        for place, result, caught in results:
            for category, message in caught:
                warn_user(message, category)
            yield place, result
    finally:
        with warnings.catch_warnings():
            # That tasks are ended early, if they are.
            warnings.simplefilter("ignore")
            if is_lazy:
                results.close()
        torch.set_num_threads(n_threads)


def _called(place: int, function: Callable, share: int, caller: tuple, *values):
    """Place, result and warnings of a call, wherever it is."""
    process, thread = caller
    if process == os.getpid():
        # Filters of warnings are those of all threads; they are seen as they come.
        if thread != threading.get_ident():
            torch.set_num_threads(share)
        return place, function(*values), []
    n_threads = torch.get_num_threads()
    torch.set_num_threads(share)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            result = function(*values)
    finally:
        torch.set_num_threads(n_threads)
    return place, result, [(w.category, str(w.message)) for w in caught]
