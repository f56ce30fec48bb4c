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
from ..utils.device import CPU, fits_in_memory, is_accelerator, resolve_device
from ..utils.progress import in_batches
from ..utils.validation import Input
from .samples import Found, completed, normalized, taken, to_numpy

__all__ = ["complete_batches", "features_device", "fitted_features"]

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
    size = max(1, min(_BATCH_SIZE, _BATCH_ENTRIES // _widest(features)))
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
    device = features_device(features)
    coefficients = _fitted_coefficients(features[:-2], some, device)
    components = whitening.fit(coefficients).transform(coefficients)
    features[-1].fit(components)
    Z, norms = normalized(features, components)
    found = _Features(len(data.X), Z.shape[1], Z.dtype)
    found.add(rows, Z, norms, trust_of_some)
    del coefficients, components, some, Z
    others = np.ones(len(data.X), dtype=bool)
    others[rows] = False
    for index, batch, trust in complete_batches(
        features, imputer, data, np.flatnonzero(others)
    ):
        components = features[:-1].transform(taken(batch, device))
        found.add(index, *normalized(features, components), trust)
    return found.result()


def features_device(features: Pipeline) -> torch.device:
    """Where features are computed: all but the first steps of whatever kind they are.

    Steps before the components take tensors too, and give tensors for them.
    """
    return resolve_device(features[-2].device)


def _widest(features: Pipeline) -> int:
    """Most numbers that a fitted step makes of a sample, as far as steps tell."""
    return max(math.prod(getattr(step, "output_shape_", ())) for step in features)


def _fitted_coefficients(
    first: Pipeline, some: Input, device: torch.device
) -> np.ndarray | Tensor:
    """What components are computed from, by steps that are fitted to it.

    On a GPU if it has room for them.
    """
    if not is_accelerator(device):
        X = taken(some, device)
        return first.fit_transform(X) if len(first) > 0 else X
    widest = some.X.shape[1]
    if len(first) > 0:
        # They learn shapes alone, which a few samples have.
        first.fit(taken(_taken(some, slice(2)), CPU))
        widest = max(widest, _widest(first))
    n_bytes = len(some.X) * widest * some.dtype.itemsize
    X = taken(some, device if fits_in_memory(n_bytes, device) else CPU)
    return first.transform(X) if len(first) > 0 else X


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

    def __init__(self, n_samples: int, n_features: int, dtype: np.dtype):
        shape = n_samples, n_features
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
