"""The shape of images that come as rows of pixels."""

import math

from ..utils.callers import warn_user
from ..utils.parameter_checks import check_integer

__all__ = ["check_image_shape", "resolve_image_shape"]


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
        raise ValueError(
            f"image_shape must be (height, width), got {image_shape!r}."
        ) from error
    return (
        check_integer(height, "image_shape[0]", min_val=min_val),
        check_integer(width, "image_shape[1]", min_val=min_val),
    )


def resolve_image_shape(
    image_shape, n_features: int, *, allow_row: bool = True
) -> tuple[int, int]:
    """Height and width of images of ``n_features`` pixels; None takes a square.

    Where there is none, an image is one row of pixels if ``allow_row``.

    Raises
    ------
    TypeError, ValueError
        If ``image_shape`` is not two sizes with that product, or there is no square
        and a row is not allowed.

    Warns
    -----
    UserWarning
        If ``n_features`` is no square number, and the image one row of pixels.
    """
    if image_shape is None:
        side = math.isqrt(n_features)
        if side**2 == n_features:
            return side, side
        if not allow_row:
            raise ValueError(
                f"n_features={n_features} is no square number; give image_shape=("
                "height, width)."
            )
        warn_user(
            f"n_features={n_features} is no square number, so that each row of X is "
            "taken as an image of one row of pixels; give image_shape=(height, width).",
            UserWarning,
        )
        return 1, n_features
    height, width = check_image_shape(image_shape)
    if height * width != n_features:
        raise ValueError(
            f"image_shape={(height, width)} has {height * width} pixels, but X has "
            f"{n_features} features."
        )
    return height, width
