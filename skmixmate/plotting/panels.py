"""What the displays share: the shape of a sample, and one small bare axis."""

import math
import numbers

import numpy as np
from sklearn.exceptions import NotFittedError


def resolve_image_shape(image_shape, n_features):
    """Shape in which a vector of features is drawn.

    Parameters
    ----------
    image_shape : tuple of int or None
        ``(height, width)`` for images, ``(n_features,)`` for signals. None
        takes a square image where `n_features` is a perfect square larger than
        1, and a signal otherwise.
    n_features : int
        Number of features of a sample.

    Returns
    -------
    shape : tuple of int
        ``(height, width)`` or ``(n_features,)``.

    Raises
    ------
    ValueError
        If `image_shape` is no such tuple or does not hold `n_features` entries.
    """
    if image_shape is None:
        side = math.isqrt(n_features)
        is_square = side > 1 and side * side == n_features
        return (side, side) if is_square else (n_features,)
    is_shape = (
        isinstance(image_shape, tuple | list)
        and len(image_shape) in (1, 2)
        and all(isinstance(n, numbers.Integral) and n > 0 for n in image_shape)
    )
    if not is_shape or math.prod(image_shape) != n_features:
        raise ValueError(
            f"image_shape={image_shape!r} does not fit samples of {n_features} "
            f"features. Pass (height, width) with height * width == {n_features}, "
            f"({n_features},) to draw lines, or None to guess."
        )
    return tuple(int(n) for n in image_shape)


def check_fitted(estimator):
    """Raise NotFittedError unless `estimator` has learned dictionaries."""
    if not hasattr(estimator, "dictionaries_"):
        raise NotFittedError(
            f"This {type(estimator).__name__} has no dictionaries_ yet. Call fit "
            "before drawing it."
        )


def import_pyplot(caller):
    """Return matplotlib.pyplot, or say how to install it.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{caller} requires matplotlib. Install it with "
            "`pip install skmixmate[plot]`."
        ) from error
    return plt


def panel_size(shape):
    """Width and height in inches of an axis that shows one sample.

    Parameters
    ----------
    shape : tuple of int
        As :func:`resolve_image_shape` returns it.
    """
    if len(shape) == 1:
        return 1.3, 0.9
    height, width = shape
    return 1.0, float(np.clip(height / width, 0.3, 3.0))


def strip_axis(ax, *, frame):
    """Remove the ticks of `ax`, and its frame too unless `frame` is True."""
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(frame)
        spine.set(color="0.8", linewidth=0.6)
