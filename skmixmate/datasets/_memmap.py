"""Batches from anywhere, written into one file that need not fit in memory."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing
from numpy.lib import format as npy

from ..utils.whole_files import written_whole


def to_memmap(
    batches: Iterable[Any],
    path: str | os.PathLike[str],
    *,
    dtype: numpy.typing.DTypeLike | None = None,
) -> np.memmap:
    """Write batches of samples one by one into a file, and map it into memory.

    The way from a torch ``DataLoader``, a generator or a list of files to estimators,
    which go through the samples several times in an order of their own. No more than a
    batch is held.

    Parameters
    ----------
    batches : iterable of array-like of shape (n_samples_of_batch, ...)
        Arrays or tensors, of one shape but for the number of samples. Of a list or
        tuple that begins with one, such as the pairs of a ``DataLoader``, it is that
        one.
    path : str or path-like
        Of the file, in NumPy's format; ``.npy`` is its usual ending. What is there is
        replaced once all is written.
    dtype : dtype, default=None
        Of the numbers; None takes that of the first batch. Images of 8 bits may stay
        so.

    Returns
    -------
    memmap of shape (n_samples, ...)
        The file, for reading, as ``np.load(path, mmap_mode="r")`` gives it later.

    Raises
    ------
    TypeError
        If a batch has numbers of a kind that ``dtype`` does not hold, or no numbers,
        or is a masked array.
    ValueError
        If there are no samples, or samples of several shapes, or numbers that ``dtype``
        does not hold.
    OSError
        If the file cannot be written; what was there before stands.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skmixmate import MixMateClustering
    >>> from skmixmate.datasets import to_memmap
    >>> batches = (np.random.RandomState(i).uniform(size=(50, 6)) for i in range(4))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     X = to_memmap(batches, Path(folder) / "X.npy", dtype=np.float32)
    ...     mixture = MixMateClustering(2, n_atoms=2, max_iter=2, random_state=0)
    ...     X.shape, X.dtype, mixture.fit(X).labels_.shape
    ((200, 6), dtype('float32'), (200,))
    """
    target = Path(path).resolve()
    errors: list[OSError] = []
    try:
        with written_whole(target) as file:
            shape, kept = _write_rows(file, _told_of(batches, errors), dtype)
            file.seek(0)
            _write_header(file, shape, kept)
    except OSError:
        if errors:  # Of what batches are read from, not of this file.
            raise errors[0] from None
        raise
    return np.load(target, mmap_mode="r")


def _write_rows(
    file: IO[bytes], batches: Iterable[Any], dtype: numpy.typing.DTypeLike | None
) -> tuple[tuple[int, ...], np.dtype]:
    """Write rows after a header with no number of them; their shape and dtype."""
    kept = None if dtype is None else np.dtype(dtype)
    shape: tuple[int, ...] | None = None
    n_samples = 0
    for i, batch in enumerate(batches):
        array = _to_array(batch)
        kept = array.dtype if kept is None else kept
        if array.ndim == 0 or (shape is not None and array.shape[1:] != shape):
            known = "any number of dimensions" if shape is None else f"shape {shape}"
            raise ValueError(
                f"batches must hold samples of one shape; batch {i} has shape "
                f"{array.shape}, and samples have {known} after the first dimension."
            )
        if kept.kind not in "biuf" or not np.can_cast(array.dtype, kept, "same_kind"):
            raise TypeError(
                f"batches must hold numbers that dtype={kept} takes; batch {i} has "
                f"dtype {array.dtype}. Give a dtype that holds all batches."
            )
        if shape is None:
            shape = array.shape[1:]
            _write_header(file, (0, *shape), kept)
        n_samples += len(array)
        with np.errstate(over="ignore", invalid="ignore"):
            rows = np.ascontiguousarray(array, kept)
        if kept != array.dtype and not _is_held(array, rows):
            raise ValueError(
                f"dtype={kept} does not hold all numbers of batch {i}, from "
                f"{array.min()} to {array.max()}; use a wider one."
            )
        file.write(rows.data)
    if shape is None or kept is None or n_samples == 0:
        raise ValueError(
            "batches hold no samples; an iterator can be gone through once only."
        )
    return (n_samples, *shape), kept


def _told_of(batches: Iterable[Any], errors: list[OSError]) -> Iterator[Any]:
    """Batches, and the error with which they end."""
    try:
        yield from batches
    except OSError as error:
        errors.append(error)
        raise


def _is_held(array: np.ndarray, rows: np.ndarray) -> bool:
    """Whether integers are the same in another dtype, and finite numbers finite."""
    if array.dtype.kind == "f":
        return bool((np.isfinite(rows) | ~np.isfinite(array)).all())
    return bool((rows == array).all())


def _to_array(batch: Any) -> np.ndarray:
    if isinstance(batch, np.ma.MaskedArray):
        raise TypeError("batches must be arrays without a mask; put NaN in its place.")
    if isinstance(batch, list | tuple) and batch and hasattr(batch[0], "shape"):
        batch = batch[0]
        if len(batch.shape) < 2:
            raise TypeError(
                "batches must be arrays of samples, or lists that begin with one; "
                f"got a list of arrays of shape {tuple(batch.shape)}. Stack rows."
            )
    # A tensor, by what it has: without importing torch.
    if hasattr(batch, "detach"):
        batch = batch.detach().cpu()
    return np.asarray(batch)


def _write_header(file: IO[bytes], shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Of the same length whatever the number of rows, which is known at the end."""
    told = {
        "descr": npy.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": tuple(map(int, shape)),
    }
    npy.write_array_header_1_0(file, told)
