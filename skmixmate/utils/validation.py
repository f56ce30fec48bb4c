"""From what a user passes to tensors, with clear errors."""

import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
import torch
from sklearn.utils import check_scalar
from sklearn.utils.validation import validate_data
from torch import Tensor

__all__ = [
    "Input",
    "check_bool",
    "check_choice",
    "check_integer",
    "check_number",
    "check_or_auto",
    "shared_tensor",
    "validate_samples",
]

# What torch can hold as it is; everything else becomes float32 or float64.
_TORCH_DTYPES = {
    np.dtype(name)
    for name in (
        *("bool", "uint8", "int8", "int16", "int32", "int64"),
        *("float16", "float32", "float64"),
    )
}


# Beyond what float32 holds exactly.
_WIDE_INTEGERS = (torch.int32, torch.int64, torch.uint32, torch.uint64)


class Input(NamedTuple):
    """Validated input: ``X`` (n_samples, n_features), ``mask`` likewise or None.

    ``is_tensor`` tells whether the user passed a tensor and expects tensors back.
    """

    X: Tensor
    mask: Tensor | None
    is_tensor: bool

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


def validate_samples(
    estimator, X, mask=None, *, reset: bool, allow_missing: bool = True
) -> Input:
    """Validate samples and their mask for an estimator.

    Parameters
    ----------
    estimator : estimator instance
        Gets ``n_features_in_`` and ``feature_names_in_`` if ``reset``.
    X : array-like or Tensor of shape (n_samples, n_features)
        Dense and real; NaN marks a missing entry. Memory is shared where possible.
    mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
        True where observed.
    reset : bool
        True in ``fit``, False where ``n_features_in_`` must match.
    allow_missing : bool, default=True
        Whether X may have NaN.

    Returns
    -------
    Input

    Raises
    ------
    ValueError
        If X or mask has a wrong shape or type, X has infinite values (or NaN, if not
        allowed), or a row (in ``fit`` also a column) has no observed entry.
    """
    if getattr(X, "ndim", 2) > 2:
        raise ValueError(
            f"X must be two-dimensional, (n_samples, n_features), got shape "
            f"{tuple(X.shape)}; flatten images with X.reshape(len(X), -1)."
        )
    is_tensor = isinstance(X, Tensor)
    if is_tensor:
        X = _check_tensor(estimator, X, reset)
        if not allow_missing and X.is_floating_point() and torch.isnan(X.sum()):
            raise ValueError(
                f"Input X contains NaN; {type(estimator).__name__} does not accept "
                "missing entries."
            )
    else:
        X = validate_data(
            estimator,
            X,
            reset=reset,
            dtype="numeric",
            order="C",
            ensure_all_finite="allow-nan" if allow_missing else True,
        )
        X = _as_tensor(X)
    if mask is not None:
        mask = _check_mask(mask, X)
    _check_observed(X, mask, check_columns=reset)
    return Input(X, mask, is_tensor)


def _as_tensor(X: np.ndarray) -> Tensor:
    if X.dtype.newbyteorder("=") not in _TORCH_DTYPES:
        # 16-bit images fit float32 exactly, in half the memory of float64.
        is_uint16 = X.dtype.newbyteorder("=") == np.uint16
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
    if X.is_floating_point() and torch.isinf(X).any():
        raise ValueError("Input X contains infinity; entries must be finite or NaN.")
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
        mask = _mask_array(mask)
        if mask.dtype != bool:
            raise ValueError(
                "mask must be boolean, True where an entry is observed, got dtype "
                f"{mask.dtype}."
            )
        # NumPy's ascontiguousarray would make an array of a scalar.
        mask = shared_tensor(np.ascontiguousarray(mask) if mask.ndim else mask)
    if mask.dtype != torch.bool:
        raise ValueError(
            f"mask must be boolean, True where an entry is observed, got dtype "
            f"{mask.dtype}."
        )
    if mask.shape != X.shape:
        raise ValueError(
            f"mask must have the shape of X, {tuple(X.shape)}, got {tuple(mask.shape)}."
        )
    return mask.to(X.device)


def _mask_array(mask) -> np.ndarray:
    try:
        array = np.asarray(mask)
    except ValueError as error:
        raise ValueError(f"mask must be an array of the shape of X: {error}") from error
    # pandas' nullable booleans arrive as objects.
    if array.dtype == object and all(
        isinstance(v, bool | np.bool_) for v in array.flat
    ):
        return array.astype(bool)
    return array


def _check_observed(X: Tensor, mask: Tensor | None, *, check_columns: bool) -> None:
    missing = None
    # One sum finds NaN without a boolean array as large as X.
    if X.is_floating_point() and torch.isnan(X.sum()):
        missing = torch.isnan(X)
    if mask is not None:
        missing = ~mask if missing is None else missing | ~mask
    if missing is None:
        return
    axes = [("row", 1)] + ([("column", 0)] if check_columns else [])
    for axis_name, dim in axes:
        empty = missing.all(dim=dim).nonzero().flatten().tolist()
        if empty:
            raise ValueError(
                f"{len(empty)} {axis_name}(s) of X have no observed entry (all NaN or "
                f"masked out), the first is {axis_name} {empty[0]}; every "
                f"{axis_name} needs at least one."
            )


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
    if np.isnan(value):
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
