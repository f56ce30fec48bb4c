"""Images of unequal sizes, brought to one."""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ..utils.median_size import median_size
from ..utils.validation import shared_tensor

__all__ = ["has_unequal_sizes", "resized"]


def has_unequal_sizes(X) -> bool:
    """Whether X is a list, or an array of objects, of images of several shapes."""
    images = _listed(X)
    return images is not None and len({np.shape(image)[:2] for image in images}) > 1


def resized(X, size: tuple[int, int] | None = None) -> np.ndarray:
    """Bring images to one height and width by linear interpolation.

    Each is stretched to the size as a whole, its proportions notwithstanding; where it
    shrinks, pixels are averaged first, so that fine patterns leave no moiré.

    Parameters
    ----------
    X : list of n_samples ndarrays or Tensors, (height, width) or (height, width, \
n_channels)
        NaN spreads to the pixels about it.
    size : tuple (height, width), default=None
        None is the median of heights and of widths.

    Returns
    -------
    ndarray of shape (n_samples, height, width) or (n_samples, height, width, \
n_channels)
        In single precision.

    Raises
    ------
    ValueError
        If some images have another number of channels, or no pixels.

    Warns
    -----
    UserWarning
        With the size, if it is the median.
    """
    images = [_as_tensor(image) for image in _listed(X) or ()]
    channels = {tuple(image.shape[2:]) for image in images}
    if len(channels) != 1 or any(image.ndim not in (2, 3) for image in images):
        some = ", ".join(map(str, sorted({tuple(i.shape) for i in images})[:3]))
        raise ValueError(
            "Images of unequal sizes must all be (height, width), or all (height, "
            f"width, channels) with as many channels, got shapes such as {some}."
        )
    sizes = np.array([image.shape[:2] for image in images])
    if sizes.min() == 0:
        raise ValueError("An image of X has no pixels.")
    if size is None:
        size = median_size(sizes, "image_shape")
    return np.stack([_stretched(image, size) for image in images])


def _listed(X) -> list | None:
    """Images one by one, None if X does not have them so."""
    if isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1:
        X = list(X)
    if not isinstance(X, list | tuple) or not len(X):
        return None
    return list(X) if all(getattr(image, "ndim", 0) >= 2 for image in X) else None


def _as_tensor(image) -> Tensor:
    if isinstance(image, np.ma.MaskedArray):
        image = np.ma.filled(image.astype(np.float32), np.nan)
    if not isinstance(image, Tensor):
        image = shared_tensor(np.ascontiguousarray(image))
    return image.detach().cpu().to(torch.float32)


def _stretched(image: Tensor, size: tuple[int, int]) -> np.ndarray:
    channels = image.unsqueeze(0) if image.ndim == 2 else image.movedim(2, 0)
    found = interpolate(
        channels.unsqueeze(0),
        size,
        mode="bilinear",
        antialias=True,
        align_corners=False,
    )[0]
    return (found[0] if image.ndim == 2 else found.movedim(0, 2)).numpy()
