"""The shape of signals that come as rows, or as arrays of three dimensions."""

from ..utils.callers import warn_user
from ..utils.parameter_checks import check_integer
from ..utils.validation import stacked

__all__ = [
    "by_channel",
    "check_signal_shape",
    "flatten_signals",
]


def flatten_signals(X, n_channels, shape: tuple[int, int] | None = None):
    """Signals as rows, and their shape.

    Parameters
    ----------
    X : array-like or Tensor of shape (n_samples, n_times, n_channels) or flattened
    n_channels : int
        Number of channels of rows; an array of three dimensions may have others if it
        is one.
    shape : tuple of two int, default=None
        The shape from an earlier call, which that of an array must be.

    Returns
    -------
    array-like or Tensor of shape (n_samples, n_times * n_channels)
        X itself if it has not three dimensions.
    tuple of two int or None
        Times and channels, None if X does not say.

    Raises
    ------
    TypeError, ValueError
        If ``n_channels`` is no number of channels or not that of X, X has another shape
        than before or more than three dimensions.

    Warns
    -----
    UserWarning
        If X has more channels than times.
    """
    n_channels = check_integer(n_channels, "n_channels", min_val=1)
    X = stacked(X, "signals")
    told = tuple(getattr(X, "shape", ()))
    if len(told) > 3:
        raise ValueError(
            "X must be two-dimensional, (n_samples, n_times * n_channels), or "
            f"three-dimensional, (n_samples, n_times, n_channels), got shape {told}; "
            "images are for ScatteringTransform."
        )
    if len(told) < 3:
        return X, None
    n_samples, n_times, told_channels = told
    if shape is not None and shape != (n_times, told_channels):
        raise ValueError(
            f"X must have shape (n_samples, {shape[0]}, {shape[1]}) as in fit, got "
            f"{told}."
        )
    if n_channels not in (1, told_channels):
        raise ValueError(
            f"n_channels={n_channels}, but X of shape {told} has {told_channels}; "
            "leave n_channels out, or bring X into the shape (n_samples, n_times, "
            "n_channels)."
        )
    if shape is None and told_channels > n_times:
        warn_user(
            f"X of shape {told} is taken as {told_channels} channels of {n_times} "
            "samples; if it is (n_samples, n_channels, n_times), pass "
            "np.swapaxes(X, 1, 2).",
            UserWarning,
        )
    return X.reshape(n_samples, n_times * told_channels), (n_times, told_channels)


def check_signal_shape(
    told: tuple[int, int] | None, n_channels: int, n_features: int
) -> tuple[int, int]:
    """Times and channels of signals, told or by the number of channels.

    Raises
    ------
    ValueError
        If ``n_features`` is no multiple of ``n_channels``.
    """
    if told is not None:
        return told
    if n_features % n_channels:
        raise ValueError(
            f"n_channels={n_channels} does not divide the {n_features} features of X; "
            "a row must be n_times * n_channels numbers, all channels of the first "
            "time first."
        )
    return n_features // n_channels, n_channels


def by_channel(n_channels: int, *shape: int) -> tuple[int, ...]:
    """Shape of the features of a signal, with channels if there are several."""
    return shape if n_channels == 1 else (n_channels, *shape)
