"""The one size that images of unequal sizes are brought to, where none is given."""

import numpy as np

from .callers import warn_user

__all__ = ["median_size"]


def median_size(sizes: np.ndarray, parameter: str) -> tuple[int, int]:
    """Median of heights and of widths, told in a warning.

    Parameters
    ----------
    sizes : ndarray of shape (n_images, 2), int
        Height and width of each image.
    parameter : str
        What the user may set to another size.

    Returns
    -------
    tuple (height, width)

    Warns
    -----
    UserWarning
        With the size and how far those of the images differ.
    """
    height, width = np.median(sizes, axis=0).astype(int).tolist()
    smallest, largest = sizes.min(axis=0), sizes.max(axis=0)
    warn_user(
        f"Images are of {len(np.unique(sizes, axis=0))} sizes, heights "
        f"{smallest[0]} to {largest[0]} and widths {smallest[1]} to {largest[1]}; "
        f"all are stretched to the medians, {(height, width)}. Pass {parameter}="
        "(height, width) for another size, or crop or pad them to keep proportions.",
        UserWarning,
    )
    return height, width
