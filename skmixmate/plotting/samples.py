"""Samples as a clusterer takes them, drawn as images, in colour too, or as lines."""

import inspect
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from torch import Tensor

from ..utils.parameter_checks import check_integer
from ..utils.validation import mask_array, stacked, with_nan
from .panels import strip_axis

MISSING_COLOR = "#f7b9b4"
# By how much images in colour may be off [0, 1] or [0, 255] and still be meant so.
_OVERSHOOT = 0.05


class SampleForm(NamedTuple):
    """How a vector of features is drawn.

    ``image_shape`` is ``(height, width)`` or ``(height, width, channels)``, None for
    lines, of which there are ``n_channels``.
    """

    image_shape: tuple[int, ...] | None
    n_channels: int


def sample_form(
    image_shape, n_channels, n_features: int, *, estimator=None, shape=()
) -> SampleForm:
    """Form of samples, as the user says, else the estimator, else the shape of X.

    Parameters
    ----------
    image_shape : sequence of int or None
        ``(height, width)`` or ``(height, width, channels)`` for images,
        ``(n_features,)`` for lines.
    n_channels : int or None
        Number of channels of signals.
    n_features : int
        Numbers of a sample.
    estimator : estimator, default=None
        What knows the shape of samples, or may.
    shape : tuple of int, default=()
        That of X.

    Raises
    ------
    TypeError, ValueError
        If ``image_shape`` or ``n_channels`` does not fit ``n_features``.
    """
    if image_shape is None and n_channels is None:
        for step in _chain(estimator):
            form = _told(step, n_features)
            if form is not None:
                return form
        sizes = tuple(shape[1:])
        # Images of one row or column are signals.
        if len(sizes) > 1 and min(sizes[:2]) > 1:
            return _image_form(sizes)
    if image_shape is not None:
        form = _given(image_shape, n_features)
        if form.image_shape is not None:
            return form
    n_channels = 1 if n_channels is None else n_channels
    n_channels = check_integer(n_channels, "n_channels", min_val=1)
    if n_features % n_channels:
        raise ValueError(
            f"n_channels={n_channels} does not divide the {n_features} numbers of a "
            "sample; a row must be n_times * n_channels numbers, all channels of the "
            "first time first."
        )
    return SampleForm(None, n_channels)


def _given(image_shape, n_features: int) -> SampleForm:
    sizes = tuple(image_shape) if np.iterable(image_shape) else ()
    is_shape = len(sizes) in (1, 2, 3) and all(
        isinstance(n, int | np.integer) and n > 0 for n in sizes
    )
    if not is_shape or math.prod(sizes) != n_features:
        raise ValueError(
            f"image_shape={image_shape!r} does not fit samples of {n_features} "
            "features. Pass (height, width) or (height, width, channels), whose "
            f"product is {n_features}, or ({n_features},) to draw lines."
        )
    sizes = tuple(int(n) for n in sizes)
    return SampleForm(None, 1) if len(sizes) == 1 else _image_form(sizes)


def _image_form(sizes: tuple[int, ...]) -> SampleForm:
    return SampleForm(sizes[:2] if sizes[2:] == (1,) else sizes, 1)


def _chain(estimator) -> Iterator[Any]:
    """Steps of Pipelines and best estimators of searches, one after another."""
    if hasattr(estimator, "best_estimator_"):
        yield from _chain(estimator.best_estimator_)
    elif isinstance(estimator, Pipeline):
        for _, step in estimator.steps:
            yield from _chain(step)
    else:
        yield estimator


def final_estimator(estimator):
    """What is at the end of Pipelines and searches."""
    return list(_chain(estimator))[-1]


def _told(step, n_features: int) -> SampleForm | None:
    """What a clusterer of images or signals, or a step of their features, knows."""
    sizes = getattr(step, "sample_shape_", None)
    if hasattr(step, "n_channels"):
        # An array of three dimensions told them, whatever the parameter is.
        n_channels = getattr(step, "n_channels_", step.n_channels)
        n_channels = sizes[1] if sizes is not None else n_channels
        return None if n_features % n_channels else SampleForm(None, n_channels)
    sizes = getattr(step, "image_shape_", sizes)
    if sizes is None or math.prod(sizes) != n_features:
        return None
    return _image_form(tuple(sizes))


def shape_of(X) -> tuple[int, ...]:
    """Shape of an array, a data frame, a tensor or lists; of lists of arrays too."""
    if hasattr(X, "shape"):
        return tuple(X.shape)
    if len(X) and hasattr(X[0], "shape"):
        return (len(X), *X[0].shape)
    return np.shape(X)


def rows(X, indices=None, mask=None, estimator=None) -> np.ndarray:
    """Some samples as rows of numbers, NaN where they are missing.

    Parameters
    ----------
    X : array-like, data frame, Tensor or list of images
        (n_samples, ...).
    indices : ndarray of int, default=None
        Which samples; None takes all.
    mask : array-like of bool, default=None
        Of the shape of X, or of one channel for all.
    estimator : estimator, default=None
        What knows how images of unequal sizes are brought to one.

    Returns
    -------
    ndarray of shape (n_samples, n_features)

    Raises
    ------
    TypeError, ValueError
        If X is sparse, or the mask does not fit.
    """
    if issparse(X):
        raise TypeError("X is sparse, but must be dense; pass X.toarray().")
    if indices is not None:
        X = taken(X, indices)
        mask = None if mask is None else taken(mask, indices)
    last = final_estimator(estimator)
    if hasattr(last, "sample_shape_"):
        X, mask, _ = last._rows(X, mask, last.sample_shape_)
    if isinstance(X, Tensor):
        X = X.detach().cpu()
        values = X.to(torch.promote_types(X.dtype, torch.float32)).numpy()
    else:
        values = np.asarray(with_nan(stacked(X, "samples")))
    if values.dtype.kind != "f":
        values = values.astype(np.float64)
    if mask is not None:
        observed = mask_array(mask.cpu() if isinstance(mask, Tensor) else mask)
        if observed.ndim == values.ndim - 1 and values.ndim > 2:
            observed = observed[..., None]
        if observed.dtype != bool or observed.ndim != values.ndim:
            raise ValueError(
                f"mask has shape {observed.shape} and dtype {observed.dtype}, but must "
                f"be boolean and of the shape of X, {values.shape}."
            )
        values = np.where(observed, values, np.float32("nan"))
    return values.reshape(len(values), -1)


def taken(X, indices):
    """Some samples of arrays, data frames, tensors or lists."""
    if isinstance(X, Tensor):
        return X[indices]
    return _safe_indexing(X, indices)


def predicted(estimator, name: str, X, mask) -> np.ndarray:
    """What a method says of samples, given their mask if there is one.

    Raises
    ------
    ValueError
        If there is a mask and the method takes none.
    """
    estimator = getattr(estimator, "best_estimator_", estimator)
    method = getattr(estimator, name)
    if mask is None:
        found = method(X)
    else:
        last = final_estimator(estimator)
        if "mask" not in inspect.signature(getattr(last, name)).parameters:
            raise ValueError(
                f"{type(last).__name__}.{name} takes no mask; put NaN into X where "
                "entries are missing, or fill them in first."
            )
        found = method(X, mask=mask)
    return found.cpu().numpy() if isinstance(found, Tensor) else np.asarray(found)


def limits_of(samples: np.ndarray) -> tuple[float, float]:
    """Lowest and highest observed number; of nothing, 0 and 1."""
    observed = samples[~np.isnan(samples)]
    if observed.size == 0:
        return 0.0, 1.0
    return float(observed.min()), float(observed.max())


def color_limits(samples: np.ndarray) -> tuple[float, float]:
    """What black and full colour are.

    - 0 and 1, if all numbers are within;
    - 0 and 255, if all are within, and are whole or reach a tenth of it, which is what
      bytes do, and averages of bytes;
    - 0 and the highest number, of others without negative ones;
    - the lowest and the highest number, of the rest.

    A twentieth beyond is still within: what interpolation adds is no other scale.
    """
    low, high = limits_of(samples)
    if low >= -_OVERSHOOT * max(high, 0.0):
        if high <= 1.0 + _OVERSHOOT:
            return 0.0, 1.0
        whole = np.isnan(samples) | (samples == np.round(samples))
        if high <= (1.0 + _OVERSHOOT) * 255.0 and (high >= 25.5 or whole.all()):
            return 0.0, 255.0
    return min(low, 0.0), high


def is_colored(form: SampleForm) -> bool:
    """Whether images have three channels, or four, of which three are drawn."""
    sizes = form.image_shape
    return sizes is not None and len(sizes) == 3 and sizes[2] in (3, 4)


def panel_size(form: SampleForm) -> tuple[float, float]:
    """Width and height in inches of an axis that shows one sample."""
    if form.image_shape is None:
        return 1.3, 0.9
    height, width = form.image_shape[:2]
    return 1.0, float(np.clip(height / width, 0.3, 3.0))


def draw_sample(
    ax, sample, form: SampleForm, *, cmap, limits=None, behind=None
) -> None:
    """Draw one sample into a bare axis.

    Parameters
    ----------
    ax : matplotlib Axes
    sample : ndarray of shape (n_features,)
        NaN where it is missing.
    form : SampleForm
    cmap : str or matplotlib Colormap
        Of grey images.
    limits : tuple of two float, default=None
        Of the scale, and of a colour's; None takes those of the sample.
    behind : ndarray of shape (n_features,), default=None
        Drawn in grey behind lines.
    """
    strip_axis(ax, frame=True)
    if form.image_shape is None:
        _draw_lines(ax, sample, form.n_channels, limits, behind)
    elif is_colored(form):
        limits = color_limits(sample) if limits is None else limits
        ax.imshow(_in_color(sample.reshape(form.image_shape), limits))
    else:
        picture = _in_grey(sample.reshape(form.image_shape))
        low, high = limits_of(picture) if limits is None else limits
        image = ax.imshow(picture, cmap=cmap, vmin=low, vmax=high)
        image.set_cmap(image.get_cmap().with_extremes(bad=MISSING_COLOR))


def _in_grey(picture: np.ndarray) -> np.ndarray:
    """Mean of the channels, if there are any."""
    return picture if picture.ndim == 2 else picture.mean(axis=2)


def _in_color(picture: np.ndarray, limits) -> np.ndarray:
    from matplotlib.colors import to_rgb

    low, high = limits
    picture = picture[:, :, :3].astype(np.float64)
    missing = np.isnan(picture).any(axis=2)
    picture = np.clip((picture - low) / ((high - low) or 1.0), 0.0, 1.0)
    picture[missing] = to_rgb(MISSING_COLOR)
    return picture


def _draw_lines(ax, sample, n_channels: int, limits, behind) -> None:
    channels = sample.reshape(-1, n_channels)
    missing = np.isnan(channels)
    # A marker shows an observed entry between two missing ones.
    beside = np.pad(missing, ((1, 1), (0, 0)), constant_values=True)
    marker = "." if (~missing & beside[:-2] & beside[2:]).any() else None
    if behind is not None:
        ax.plot(behind.reshape(-1, n_channels), color="0.75", linewidth=2)
    for k, channel in enumerate(channels.T):
        color = "black" if n_channels == 1 else f"C{k % 10}"
        ax.plot(channel, color=color, linewidth=1, marker=marker, markersize=2)
    for j in np.flatnonzero(missing.all(axis=1)):
        ax.axvspan(j - 0.5, j + 0.5, color=MISSING_COLOR, linewidth=0)
    low, high = limits_of(sample) if limits is None else limits
    margin = 0.1 * (high - low) or 1.0
    ax.set_ylim(low - margin, high + margin)
