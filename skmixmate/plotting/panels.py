"""What the displays share: the shape of a sample, and one small bare axis."""

import math
import numbers

import numpy as np

from ..utils.callers import warn_user


def resolve_image_shape(image_shape, n_features):
    """Shape in which a vector of features is drawn.

    Parameters
    ----------
    image_shape : sequence of int or None
        ``(height, width)`` for images, ``(n_features,)`` for signals. None
        takes a square image where `n_features` is a perfect square larger than
        1, with a warning, and a signal otherwise.
    n_features : int
        Number of features of a sample.

    Returns
    -------
    shape : tuple of int
        ``(height, width)`` or ``(n_features,)``.

    Raises
    ------
    ValueError
        If `image_shape` is no such sequence or does not hold `n_features` entries.

    Warns
    -----
    UserWarning
        If a square is guessed.
    """
    if image_shape is None:
        side = math.isqrt(n_features)
        if side == 1 or side * side != n_features:
            return (n_features,)
        warn_user(
            f"n_features={n_features} is drawn as a square image; pass image_shape="
            f"{(side, side)} if that is right, else (height, width), or "
            f"({n_features},) to draw lines.",
            UserWarning,
        )
        return side, side
    sizes = tuple(image_shape) if np.iterable(image_shape) else ()
    is_shape = len(sizes) in (1, 2) and all(
        isinstance(n, numbers.Integral) and n > 0 for n in sizes
    )
    if not is_shape or math.prod(sizes) != n_features:
        raise ValueError(
            f"image_shape={image_shape!r} does not fit samples of {n_features} "
            f"features. Pass (height, width) with height * width == {n_features}, "
            f"({n_features},) to draw lines, or None to guess."
            + (" Average colour first: only grey is drawn." if len(sizes) > 2 else "")
        )
    return tuple(int(n) for n in sizes)


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
