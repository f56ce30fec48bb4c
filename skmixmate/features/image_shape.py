"""The shape of images that come as rows of pixels."""

import math

from ..utils.callers import warn_user
from ..utils.parameter_checks import check_integer

__all__ = ["check_flattened", "check_image_shape", "resolve_image_shape"]

_WAYS_OUT = (
    "Only grey images have a place here: average colour, images.mean(axis=-1), or "
    "transform each channel and np.hstack the features; signals are for "
    "MixMateClustering, as np.abs(np.fft.rfft(X)) if they may be shifted."
)


def check_flattened(X) -> None:
    """Refuse images that are no rows of pixels, and say how they become rows.

    Raises
    ------
    ValueError
        If X is an array of more than two dimensions.
    """
    shape = tuple(getattr(X, "shape", ()))
    if len(shape) > 2:
        raise ValueError(
            "X must be two-dimensional, (n_samples, height * width), got shape "
            f"{shape}; flatten images with X.reshape(len(X), -1) and pass image_shape=("
            f"height, width). {_WAYS_OUT}"
        )


def check_image_shape(image_shape, *, min_val: int = 1) -> tuple[int, int]:
    """Return ``image_shape`` as (height, width) if it is that.

    Raises
    ------
    TypeError, ValueError
        If it is not two integers of at least ``min_val``.
    """
    try:
        height, width = image_shape
    except (TypeError, ValueError) as error:
        has_more = hasattr(image_shape, "__len__") and len(image_shape) > 2
        raise ValueError(
            f"image_shape must be (height, width), got {image_shape!r}."
            + (f" {_WAYS_OUT}" if has_more else "")
        ) from error
    return (
        check_integer(height, "image_shape[0]", min_val=min_val),
        check_integer(width, "image_shape[1]", min_val=min_val),
    )


def resolve_image_shape(
    image_shape, n_features: int, *, smallest_side: int = 1
) -> tuple[int, int]:
    """Height and width of images of ``n_features`` pixels; None takes a square.

    Where there is none, an image is one row of pixels if its side may be that small.

    Parameters
    ----------
    image_shape : pair of int or None
    n_features : int
    smallest_side : int, default=1
        Pixels that a side has at least; a guess does without smaller ones.

    Raises
    ------
    TypeError, ValueError
        If ``image_shape`` is not two sizes with that product, or there is no square
        and a row is not allowed.

    Warns
    -----
    UserWarning
        If a guess may be wrong: if there is no square, or images of another shape, grey
        or of three or four channels, have as many numbers.
    """
    if image_shape is not None:
        return _fitting(check_image_shape(image_shape), n_features)
    side = math.isqrt(n_features)
    if side**2 == n_features:
        shape = side, side
        if side >= smallest_side and not _has_other_shapes(n_features, smallest_side):
            return shape
        taken = "taken as a square grey image"
    elif smallest_side == 1:
        shape = 1, n_features
        taken = "no square number: taken as an image of one row of pixels"
    else:
        raise ValueError(
            f"n_features={n_features} is no square number; give image_shape=(height, "
            f"width). {_WAYS_OUT}"
        )
    warn_user(
        f"n_features={n_features} is {taken}; pass image_shape={shape} if that is "
        f"right, else image_shape=(height, width). {_WAYS_OUT}",
        UserWarning,
    )
    return shape


def _fitting(shape: tuple[int, int], n_features: int) -> tuple[int, int]:
    n_channels, rest = divmod(n_features, math.prod(shape))
    if (n_channels, rest) == (1, 0):
        return shape
    raise ValueError(
        f"image_shape={shape} has {math.prod(shape)} pixels, but X has {n_features} "
        f"features." + (f" {_WAYS_OUT}" if rest == 0 else "")
    )


def _has_other_shapes(n_features: int, smallest_side: int) -> bool:
    """Whether images other than square grey ones have ``n_features`` numbers."""
    return any(
        n_features % (n_channels * height) == 0
        and n_features // (n_channels * height) >= smallest_side
        for n_channels in (1, 3, 4)
        for height in range(smallest_side, math.isqrt(n_features // n_channels) + 1)
        if n_channels * height**2 < n_features or n_channels > 1
    )
