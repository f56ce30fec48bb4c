"""Features of all samples of a fit, a batch at a time."""

import math
import os
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from sklearn.pipeline import Pipeline
from torch import Tensor

from ..imputation import LocalGaussianImputer
from ..utils.progress import in_batches
from ..utils.validation import Input
from .samples import Found, completed, normalized, to_array, to_numpy

__all__ = ["complete_batches", "fitted_features"]

# Samples, and coefficients of theirs, that are held at once.
_BATCH_SIZE, _BATCH_ENTRIES = 8192, 2**26
# Of features in single precision that are held in memory; more go to a file.
_LARGEST_BYTES = 2**29


def complete_batches(
    features: Pipeline,
    imputer: LocalGaussianImputer | None,
    data: Input,
    rows: np.ndarray | None = None,
) -> Iterator[tuple[slice | np.ndarray, Input, Tensor | None]]:
    """Yield samples filled in, as few at a time as their coefficients are many.

    Parameters
    ----------
    features : Pipeline
        Fitted, at least its first steps.
    imputer : LocalGaussianImputer or None
    data : Input
    rows : ndarray of int, default=None
        Of some samples; None for all.

    Yields
    ------
    index : slice or ndarray of int
    batch : Input
    trust : Tensor of shape (B,) or None
    """
    widest = max(math.prod(getattr(step, "output_shape_", ())) for step in features)
    size = max(1, min(_BATCH_SIZE, _BATCH_ENTRIES // widest))
    n_samples = len(data.X) if rows is None else len(rows)
    for batch in in_batches("samples", n_samples, size):
        index = batch if rows is None else rows[batch]
        yield index, *completed(imputer, _taken(data, index))


def fitted_features(
    features: Pipeline, imputer: LocalGaussianImputer | None, data: Input
) -> Found:
    """Fit features to samples and compute them.

    What components are computed from is drawn first, so that there never are more
    coefficients than of these samples and of a batch. Features of very many samples are
    in single precision in memory no more, but in half precision in a temporary file,
    which the system may keep in memory where there is room.

    Parameters
    ----------
    features : Pipeline
        Whose last steps are a `PartialWhitening` and one that brings features to unit
        norm. Fitted.
    imputer : LocalGaussianImputer or None
    data : Input

    Returns
    -------
    Found
    """
    whitening = features[-2]
    rows = whitening._drawn_rows(len(data.X))
    some, trust_of_some = completed(imputer, _taken(data, rows))
    coefficients = to_array(some)
    if len(features) > 2:
        coefficients = features[:-2].fit_transform(coefficients)
    components = whitening.fit(coefficients).transform(coefficients)
    features[-1].fit(components)
    found = _Features(len(data.X), components)
    found.add(rows, *normalized(features, components), trust_of_some)
    del coefficients, components, some
    others = np.ones(len(data.X), dtype=bool)
    others[rows] = False
    for index, batch, trust in complete_batches(
        features, imputer, data, np.flatnonzero(others)
    ):
        components = features[:-1].transform(to_array(batch))
        found.add(index, *normalized(features, components), trust)
    return found.result()


def _taken(data: Input, index: slice | np.ndarray) -> Input:
    if isinstance(index, np.ndarray):
        if len(index) == len(data.X):
            return data
        places: Any = torch.from_numpy(index).to(data.X.device)
    else:
        places = index
    mask = None if data.mask is None else data.mask[places]
    return Input(data.X[places], mask, data.is_tensor)


class _Features:
    """`Found` of all samples, filled in parts."""

    def __init__(self, n_samples: int, like: np.ndarray):
        shape, dtype = (n_samples, like.shape[1]), like.dtype
        self.Z: np.ndarray
        if math.prod(shape) * np.dtype(np.float32).itemsize > _LARGEST_BYTES:
            # Without a name, and gone when nobody looks any more. In half precision,
            # which costs no accuracy: `benchmarks.scale.precision`.
            with tempfile.TemporaryFile() as file:
                _reserve(file, math.prod(shape) * np.dtype(np.float16).itemsize)
                self.Z = np.memmap(file, np.float16, "w+", shape=shape)
        else:
            self.Z = np.empty(shape, dtype)
        self.norms = np.empty(n_samples, dtype)
        self.trust: np.ndarray | None = None

    def add(self, index, Z: np.ndarray, norms: np.ndarray, trust: Tensor | None):
        self.Z[index], self.norms[index] = Z, norms
        if trust is None:
            return
        if self.trust is None:
            self.trust = np.ones(len(self.Z), to_numpy(trust).dtype)
        self.trust[index] = to_numpy(trust)

    def result(self) -> Found:
        trust = None if self.trust is None else torch.from_numpy(self.trust)
        return Found(self.Z, self.norms, trust)


def _reserve(file, n_bytes: int) -> None:
    """Room for so many bytes on the disk: a map of a file without it kills Python."""
    if not hasattr(os, "posix_fallocate"):  # On Windows a file has its room at once.
        return
    try:
        os.posix_fallocate(file.fileno(), 0, n_bytes)
    except OSError as error:
        raise OSError(
            error.errno,
            f"The features of X need {n_bytes:,} bytes in a temporary file, for which "
            f"{tempfile.gettempdir()!r} has no room ({error.strerror}); let the "
            "environment variable TMPDIR name a folder that has, or fit to fewer "
            "samples",
        ) from error
