"""From what a user passes to tensors, with clear errors."""

import warnings
from typing import NamedTuple

import numpy as np
import numpy.typing
import torch
from sklearn.utils.validation import validate_data
from torch import Tensor

from .callers import warn_user
from .device import use_one_thread_in_a_fork

__all__ = [
    "Array",
    "ArrayLike",
    "Input",
    "mask_array",
    "missing_entries",
    "shared_tensor",
    "stacked",
    "validate_samples",
    "with_nan",
]

# What samples, labels and masks may come as, and what comes back for them.
ArrayLike = numpy.typing.ArrayLike | Tensor
Array = np.ndarray | Tensor

# What torch can hold as it is; everything else becomes float32 or float64.
_TORCH_DTYPES = {
    np.dtype(name)
    for name in (
        *("bool", "uint8", "int8", "int16", "int32", "int64"),
        *("float16", "float32", "float64"),
    )
}

# Entries that are looked at at once.
_ENTRIES_AT_ONCE = 2**22

# Beyond what float32 holds exactly.
_WIDE_INTEGERS = (torch.int32, torch.int64, torch.uint32, torch.uint64)

# By its name, for not everyone has pandas.
_is_na = np.frompyfunc(lambda value: type(value).__name__ == "NAType", 1, 1)


class Input(NamedTuple):
    """Validated input: ``X`` (n_samples, n_features), ``mask`` likewise or None.

    What X has where ``mask`` is False means nothing. ``is_tensor`` tells whether the
    user passed a tensor and expects tensors back. ``empty_rows`` (n_samples,) and
    ``empty_columns`` (n_features,) are True where nothing is observed, or None.
    ``observed_shares`` (n_samples,) tells, if X was filled in, what share of the
    features' variance was observed before. ``has_missing`` tells whether any entry is
    missing, None if nobody has looked.
    """

    X: Tensor
    mask: Tensor | None
    is_tensor: bool
    empty_rows: Tensor | None = None
    empty_columns: Tensor | None = None
    observed_shares: Tensor | None = None
    has_missing: bool | None = None

    @property
    def dtype(self) -> torch.dtype:
        """Dtype to compute in, by NumPy's promotion of the input with float32.

        float32 for 8- and 16-bit integers and half precision, else float64.
        """
        return (
            torch.promote_types(self.X.dtype, torch.float32)
            if self.X.dtype not in _WIDE_INTEGERS
            else torch.float64
        )

    @property
    def array(self) -> np.ndarray:
        """``X`` for NumPy, in float64 if it is neither in float32 nor in float64."""
        X = self.X.cpu()
        return (X if X.dtype == torch.float32 else X.double()).numpy()


def validate_samples(
    estimator, X, mask=None, *, reset: bool, allow_missing: bool = True
) -> Input:
    """Validate samples and their mask for an estimator.

    Parameters
    ----------
    estimator : estimator instance
        Gets ``n_features_in_`` and ``feature_names_in_`` if ``reset``.
    X : array-like or Tensor of shape (n_samples, n_features)
        Dense and real. Missing entries are NaN, pandas' NA, or what a NumPy masked
        array masks. Memory is shared where possible.
    mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
        True where observed. It counts together with that of a masked array X. Rows go
        by their place, whatever index a data frame has.
    reset : bool
        True in ``fit``, False where ``n_features_in_`` must match.
    allow_missing : bool, default=True
        Whether entries may be missing.

    Returns
    -------
    Input

    Raises
    ------
    ValueError
        If X or mask has a wrong shape or type, mask has other columns than X, X has
        infinite values that no mask hides (or missing entries, if not allowed), or no
        entry is observed.

    Warns
    -----
    UserWarning
        If rows have no observed entry.
    """
    use_one_thread_in_a_fork()
    if getattr(X, "ndim", 2) > 2:
        raise ValueError(
            f"X must be two-dimensional, (n_samples, n_features), got shape "
            f"{tuple(X.shape)}; flatten images with X.reshape(len(X), -1)."
        )
    is_tensor = isinstance(X, Tensor)
    values, observed = (X, None) if is_tensor else _split(X)
    if is_tensor:
        values = _check_tensor(estimator, X, reset)
    else:
        check = {"dtype": "numeric", "order": "C", "ensure_all_finite": False}
        values = _as_tensor(validate_data(estimator, values, reset=reset, **check))
    if mask is not None:
        _check_mask_columns(estimator, X, mask)
        mask = _check_mask(mask, values)
    if observed is not None:
        observed = torch.from_numpy(observed)
        mask = observed if mask is None else mask & observed
    empty = _look_through(values, mask)
    if empty is None:
        return Input(values, mask, is_tensor, has_missing=False)
    if not allow_missing:
        raise _missing_refused(estimator, "NaN" if mask is None else "masked entries")
    rows, columns = _empty_rows_and_columns(*empty)
    return Input(values, mask, is_tensor, rows, columns, has_missing=True)


def stacked(X, name: str):
    """One array of a list of arrays of two dimensions or more; anything else as it is.

    Raises
    ------
    ValueError
        If their shapes differ.
    """
    if not isinstance(X, list | tuple) or len(X) == 0 or _n_dimensions(X[0]) < 2:
        return X
    if isinstance(X[0], Tensor):
        X = [array.cpu() for array in X]
    shapes = {np.shape(array) for array in X}
    if len(shapes) > 1:
        some = ", ".join(map(str, sorted(shapes)[:3]))
        raise ValueError(
            f"X must have {name} of one shape, got {len(shapes)} shapes, such as "
            f"{some}; bring them to one size first."
        )
    return np.ma.stack(X) if isinstance(X[0], np.ma.MaskedArray) else np.stack(X)


def _n_dimensions(sample) -> int:
    """Of an array, a tensor or nested lists."""
    if isinstance(sample, list | tuple):
        return 1 + _n_dimensions(sample[0]) if len(sample) else 1
    return getattr(sample, "ndim", 0)


def with_nan(X):
    """X, or of a masked array with masked entries a floating copy with NaN there."""
    values, observed = _split(X)
    if observed is None:
        return values
    return np.where(observed, values, np.float32("nan"))


def mask_array(mask) -> np.ndarray:
    """A mask as an array; what is itself masked in it, or NA, is not observed."""
    try:
        # Lists of masked arrays would lose their masks.
        mask = mask if isinstance(mask, list | tuple) else np.asanyarray(mask)
        mask, observed = _split(mask, na=False)
        array = np.asarray(mask)
    except ValueError as error:
        raise ValueError(f"mask must be an array of the shape of X: {error}") from error
    # pandas' nullable booleans arrive as objects.
    if array.dtype == object and all(
        isinstance(v, bool | np.bool_) for v in array.flat
    ):
        array = array.astype(bool)
    return array if observed is None else np.where(observed, array, False)


def missing_entries(X: Tensor, mask: Tensor | None = None) -> Tensor | None:
    """Where X is NaN or ``mask`` False, None if nowhere."""
    missing = None if mask is None else ~mask
    # One sum tells where there is no NaN, without a boolean array as large as X. It is
    # NaN too if sums of huge numbers are inf - inf.
    if X.is_floating_point() and torch.isnan(X.sum()):
        is_nan = torch.isnan(X)
        missing = is_nan if missing is None else missing | is_nan
    return missing if missing is not None and missing.any() else None


def _split(X, na=np.nan) -> tuple:
    """Values of X, NA replaced, and where its mask is open; None if that hides nothing.

    Anything but an array, or a list of them, is returned as it is.
    """
    if isinstance(X, list | tuple) and any(
        isinstance(row, np.ma.MaskedArray) for row in X
    ):
        X = np.ma.array(X)
    observed = None
    if isinstance(X, np.ma.MaskedArray):
        observed = ~np.ma.getmaskarray(X)
        observed = None if observed.all() else observed
        # An object under a mask may be no number.
        X = X.filled(False) if X.dtype == object else X.data
    if isinstance(X, np.ndarray) and X.dtype == object:
        X = np.where(np.asarray(_is_na(X), dtype=bool), na, X)
    return X, observed


def _missing_refused(estimator, what: str) -> ValueError:
    return ValueError(
        f"Input X contains {what}; {type(estimator).__name__} does not accept missing "
        "entries. Fill them in first, with LocalGaussianImputer for example."
    )


def _as_tensor(X: np.ndarray) -> Tensor:
    if X.dtype.newbyteorder("=") not in _TORCH_DTYPES:
        # 16-bit images fit float32 exactly, in half the memory of float64.
        is_uint16 = X.dtype.newbyteorder("=") == np.uint16
        with np.errstate(over="ignore"):  # Infinity is told of with a name.
            X = X.astype(np.float32 if is_uint16 else np.float64)
    return shared_tensor(np.ascontiguousarray(X, dtype=X.dtype.newbyteorder("=")))


def shared_tensor(array: np.ndarray) -> Tensor:
    """Return a tensor over the memory of an array, for reading only."""
    with warnings.catch_warnings():
        # Read-only memory (a memory map from joblib, say) is shared: nothing here
        # writes to it.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writ")
        return torch.from_numpy(array)


def _check_tensor(estimator, X: Tensor, reset: bool) -> Tensor:
    name = type(estimator).__name__
    if X.layout != torch.strided:
        raise ValueError(f"X must be a dense tensor, got layout {X.layout}.")
    if X.is_complex():
        raise ValueError(f"Complex data not supported: X has dtype {X.dtype}.")
    if X.ndim != 2:
        raise ValueError(
            f"Expected 2D tensor X, got {X.ndim}D tensor of shape {tuple(X.shape)}."
        )
    if 0 in X.shape:
        raise ValueError(
            f"X has shape {tuple(X.shape)}; {name} needs at least one sample and one "
            "feature."
        )
    if reset:
        estimator.n_features_in_ = X.shape[1]
        if hasattr(estimator, "feature_names_in_"):
            del estimator.feature_names_in_
    elif X.shape[1] != estimator.n_features_in_:
        raise ValueError(
            f"X has {X.shape[1]} features, but {name} is expecting "
            f"{estimator.n_features_in_} features as input."
        )
    return X.detach()


def _check_mask(mask, X: Tensor) -> Tensor:
    if not isinstance(mask, Tensor):
        mask = mask_array(mask)
    if mask.dtype not in (np.dtype(bool), torch.bool):
        raise ValueError(
            f"mask must be boolean, True where an entry is observed, got dtype "
            f"{mask.dtype}."
        )
    if mask.shape != X.shape:
        raise ValueError(
            f"mask must have the shape of X, {tuple(X.shape)}, got {tuple(mask.shape)}."
        )
    if isinstance(mask, np.ndarray):
        mask = shared_tensor(np.ascontiguousarray(mask))
    return mask.to(X.device)


def _check_mask_columns(estimator, X, mask) -> None:
    """Refuse a data frame as mask whose columns are not those of X in their order."""
    names, expected = _columns(mask), _columns(X)
    if expected is None:
        expected = list(getattr(estimator, "feature_names_in_", []))
    if names is None or len(names) != len(expected) or names == expected:
        return
    # Names are strings, as scikit-learn has it; numbers may count anything.
    are_names = all(isinstance(name, str) for name in names + expected)
    if are_names or set(names) == set(expected):
        place = next(i for i in range(len(names)) if names[i] != expected[i])
        raise ValueError(
            "mask must have the columns of X in the same order; its column "
            f"{place} is {names[place]!r}, that of X {expected[place]!r}. Reorder it, "
            "as in mask[X.columns], or pass mask.to_numpy() to go by place."
        )


def _columns(frame) -> list | None:
    """Names of the columns of a data frame, None of anything else."""
    # What PyArrow calls columns are arrays.
    names = getattr(frame, "column_names", getattr(frame, "columns", None))
    return None if names is None else list(names)


def _look_through(X: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor] | None:
    """Which rows and which columns miss everything; None if no entry is missing.

    X, which may be larger than memory, is read once, some rows at a time.

    Raises
    ------
    ValueError
        If an entry that is not masked out is infinite.
    """
    rows = torch.zeros(len(X), dtype=torch.bool, device=X.device)
    columns = torch.ones(X.shape[1], dtype=torch.bool, device=X.device)
    is_complete = True
    for start in range(0, len(X), size := max(1, _ENTRIES_AT_ONCE // X.shape[1])):
        part = slice(start, start + size)
        observed = None if mask is None else mask[part]
        _check_finite(X[part], observed)
        missing = missing_entries(X[part], observed)
        if missing is None:
            columns[:] = False
        else:
            is_complete = False
            rows[part] = missing.all(dim=1)
            columns &= missing.all(dim=0)
    return None if is_complete else (rows, columns)


def _check_finite(X: Tensor, mask: Tensor | None) -> None:
    # One sum tells where all is well, without a boolean array as large as X.
    if not X.is_floating_point() or torch.isfinite(X.sum()):
        return
    infinite = torch.isinf(X)
    if mask is not None:
        infinite &= mask
    if infinite.any():
        raise ValueError(
            "Input X contains infinity, or a number too large for "
            f"{str(X.dtype).removeprefix('torch.')}; entries must be finite, NaN or "
            "masked out."
        )


def _empty_rows_and_columns(
    rows: Tensor, columns: Tensor
) -> tuple[Tensor | None, Tensor | None]:
    """Rows and columns that are missing throughout, None where there are none."""
    if rows.all():
        raise ValueError("X has no observed entry: all are NaN or masked out.")
    if rows.any():
        warn_user(
            f"{int(rows.sum())} row(s) of X have no observed entry (all NaN or masked "
            f"out), the first is row {int(rows.nonzero()[0])}; what is said of them "
            "follows from the other samples alone.",
            UserWarning,
        )
    return rows if rows.any() else None, columns if columns.any() else None
