"""The shape of images that come as rows of numbers, or as arrays that have it."""

import math

from ..utils.callers import warn_user
from ..utils.parameter_checks import check_integer
from ..utils.validation import stacked

__all__ = ["check_image_shape", "flatten_images", "resolve_image_shape"]

_MOST_CHANNELS = 16
_WAYS_OUT = (
    "Images in colour are arrays (n_samples, height, width, channels), or rows with "
    "image_shape=(height, width, channels); signals are for SignalClustering or "
    "ScatteringTransform1D."
)


def flatten_images(X, image_shape=None) -> tuple:
    """Images as rows of numbers, and their shape if X has it.

    Parameters
    ----------
    X : array-like or Tensor
        (n_samples, height, width) or (n_samples, height, width, channels). Anything of
        other than three or more dimensions is returned as it is.
    image_shape : tuple of two or three int, default=None
        What the shape of the images has to be. None takes that of X if there is no
        doubt about it.

    Returns
    -------
    X : array-like or Tensor of shape (n_samples, height * width * channels)
        In C order, channels last; not copied where that is possible.
    shape : tuple (height, width, channels) or None
        None if X comes as rows.

    Raises
    ------
    TypeError, ValueError
        If X has more than four dimensions, its shape is not ``image_shape`` or none of
        images, or it is in doubt: as (n_samples, 32, 3) may be one image in colour.
    """
    X = stacked(X, "images")
    shape = tuple(getattr(X, "shape", ()))
    if len(shape) < 3:
        return X, None
    if len(shape) > 4:
        raise ValueError(
            "X must be (n_samples, height, width), (n_samples, height, width, "
            f"channels) or rows (n_samples, n_features), got shape {shape}."
        )
    own = *shape[1:3], (shape[3] if len(shape) == 4 else 1)
    if image_shape is None:
        _refuse_doubt(shape)
        if 0 not in shape:  # What has no number is told of where rows are checked.
            check_image_shape(own)
    elif check_image_shape(image_shape) != own:
        raise ValueError(
            f"image_shape={tuple(image_shape)} is not that of X of shape {shape}, "
            f"which has images of {own[0]} by {own[1]} pixels and {own[2]} channel(s); "
            "pass image_shape=None to take the shape of X."
        )
    return X.reshape(shape[0], math.prod(own)), own


def check_image_shape(image_shape, *, min_val: int = 1) -> tuple[int, int, int]:
    """Return ``image_shape`` as (height, width, channels) if it is that.

    Parameters
    ----------
    image_shape : tuple of two or three int
        (height, width) is of one channel.
    min_val : int, default=1
        Pixels that height and width have at least.

    Raises
    ------
    TypeError, ValueError
        If it is not two or three integers, height and width of at least ``min_val``,
        or has more than 16 channels, or channels seem to come first.
    """
    try:
        height, width, *channels = image_shape
        (n_channels,) = channels or [1]
    except (TypeError, ValueError) as error:
        has_more = hasattr(image_shape, "__len__") and len(image_shape) > 3
        raise ValueError(
            "image_shape must be (height, width) or (height, width, channels), got "
            f"{image_shape!r}." + (f" {_WAYS_OUT}" if has_more else "")
        ) from error
    shape = (
        check_integer(height, "image_shape[0]", min_val=1),
        check_integer(width, "image_shape[1]", min_val=1),
        check_integer(n_channels, "image_shape[2]", min_val=1),
    )
    # No image has that few rows of that many channels: channels come first in torch.
    if shape[2] > _MOST_CHANNELS or shape[2] > 4 >= shape[0]:
        raise ValueError(
            f"image_shape must be (height, width, channels) with at most "
            f"{_MOST_CHANNELS} channels, got {shape}. If channels come first, move "
            "them: np.moveaxis(X, 1, -1), or X.movedim(1, -1) of a tensor; if there "
            "are more, transform some at a time and np.hstack the features."
        )
    for axis in (0, 1):
        check_integer(shape[axis], f"image_shape[{axis}]", min_val=min_val)
    return shape


def resolve_image_shape(
    image_shape, n_features: int, *, smallest_side: int = 1
) -> tuple[int, int, int]:
    """Height, width and channels of images of ``n_features`` numbers.

    Without a shape they are taken as square and grey. Where no square has as many
    pixels, an image is one row of pixels if its side may be that small.

    Parameters
    ----------
    image_shape : tuple of two or three int, or None
    n_features : int
    smallest_side : int, default=1
        Pixels that a side has at least; a guess does without smaller ones.

    Returns
    -------
    tuple (height, width, channels)

    Raises
    ------
    TypeError, ValueError
        If ``image_shape`` is not two or three sizes with that product, or there is no
        square and a row is not allowed.

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
        shape = side, side, 1
        if side >= smallest_side and not _has_other_shapes(n_features, smallest_side):
            return shape
        taken = "taken as a square grey image"
    elif smallest_side == 1:
        shape = 1, n_features, 1
        taken = "no square number: taken as an image of one row of pixels"
    else:
        raise ValueError(
            f"n_features={n_features} is no square number; give image_shape=(height, "
            f"width){_squares_in_colour(n_features)}. {_WAYS_OUT}"
        )
    warn_user(
        f"n_features={n_features} is {taken}; pass image_shape={shape[:2]} if that is "
        f"right, else image_shape=(height, width){_squares_in_colour(n_features)}. "
        f"{_WAYS_OUT}",
        UserWarning,
    )
    return shape


def _refuse_doubt(shape: tuple[int, ...]) -> None:
    """Refuse an array that looks like one image in colour, or rows of such images."""
    if len(shape) == 3 and shape[2] in (3, 4) and shape[1] > 4:
        height, width = shape[1:]
        raise ValueError(
            f"X of shape {shape} may be grey images of {height} by {width} pixels, or "
            f"one image of {width} channels, or rows of pixels in colour. Pass "
            f"image_shape={(height, width)} if they are grey, X[None] if it is one "
            "image, X[:, None] if they are rows."
        )


def _fitting(shape: tuple[int, int, int], n_features: int) -> tuple[int, int, int]:
    n_numbers = math.prod(shape)
    if n_numbers == n_features:
        return shape
    given = shape if shape[2] > 1 else shape[:2]
    raise ValueError(
        f"image_shape={given} has {n_numbers} numbers, but X has {n_features} "
        f"features." + (f" {_WAYS_OUT}" if n_features % n_numbers == 0 else "")
    )


def _squares_in_colour(n_features: int) -> str:
    """What the shape of square images in colour would be, for a message."""
    shapes = [
        (math.isqrt(n_features // n_channels),) * 2 + (n_channels,)
        for n_channels in (3, 4)
    ]
    fitting = [str(shape) for shape in shapes if math.prod(shape) == n_features]
    return f", in colour {' or '.join(fitting)}" if fitting else ""


def _has_other_shapes(n_features: int, smallest_side: int) -> bool:
    """Whether images other than square grey ones have ``n_features`` numbers."""
    return any(
        n_features % (n_channels * height) == 0
        and n_features // (n_channels * height) >= smallest_side
        for n_channels in (1, 3, 4)
        for height in range(smallest_side, math.isqrt(n_features // n_channels) + 1)
        if n_channels * height**2 < n_features or n_channels > 1
    )
