"""Wavelet scattering as a scikit-learn transformer."""

import functools
import math
from collections.abc import Collection
from typing import Literal, Self

import numpy as np
import torch
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor
from torch.nn.functional import interpolate

from ..functional import (
    normalized_paths,
    scattering_paths,
)
from ..utils.device import plain_arithmetic, resolve_device
from ..utils.estimator import VersionedEstimator
from ..utils.parameter_checks import check_bool, check_integer, check_or_auto
from ..utils.progress import in_batches
from ..utils.validation import Array, ArrayLike, validate_samples
from .feature_names import (
    check_input_features,
    names_by_channel,
    scattering_names,
)
from .image_shape import flatten_images, resolve_image_shape
from .scattering_form import auto_batch_size, check_cost, scattered, turned_copies

__all__ = ["ScatteringTransform"]


class ScatteringTransform(TransformerMixin, VersionedEstimator):
    """Wavelet scattering coefficients of images.

    Averages of an image, of the moduli of its wavelet coefficients (order one), and of
    the moduli of *their* wavelet coefficients (order two). Small shifts and
    deformations, of much less than ``2**J`` pixels, change them little, and they keep
    what tells shapes apart. Nothing is learned.

    Parameters
    ----------
    J : int or "auto", default=3
        Number of scales; averages are over about ``2**J`` pixels, at most the shorter
        side of an image up to the next power of two, or eight. "auto" is the largest
        number that leaves three averages along that side, at least one: 3 for 24 to 47
        pixels.
    L : int, default=8
        Number of angles.
    image_shape : tuple of two or three int, default=None
        Height and width, and the number of channels of images in colour, at most 16.
        Arrays of images have their shape. Where images come as rows of numbers, None
        takes them as square and grey; if ``n_features`` is no square number, as one row
        of pixels. A warning tells what was taken, for images in colour and signals may
        have as many numbers.
    max_order : {1, 2}, default=2
        Highest order.
    normalize_paths : bool, default=False
        Divide the coefficients of each path of each image by the largest magnitude
        among them, which keeps where a path is strong and forgets how strong. All
        channels of an image are divided by the same number: how strong they are beside
        each other is kept. Paths that are rounding error beside the largest coefficient
        of the image stay small.
    n_turns : int, default=1
        Number of copies of an image, turned about its middle by equal angles, over
        which coefficients are averaged, after ``normalize_paths``. With 8, images of
        objects that may lie at any angle have almost the same coefficients at all; it
        takes eight times as long.
    min_side : int, default=1
        Images whose shorter side has fewer pixels are enlarged first, by bicubic
        interpolation, until it has as many: of small images few averages are left, or
        few scales.
    batch_size : int or "auto", default="auto"
        Number of images at a time. It bounds the memory and does not change the result.
    device : str or torch.device, default="auto"
        "auto" is a CUDA GPU where there is one, else the CPU.

    Attributes
    ----------
    image_shape_ : tuple of two or three int
        Height and width of an image, and the number of channels if there are more than
        one.
    output_shape_ : tuple of three or four int
        Paths, rows and columns of the coefficients of an image, after channels if there
        are more than one: ``transform(X).reshape(-1, *output_shape_)``. There is a row
        for every ``2**J`` pixels of height, and at least one; likewise columns.
    paths_ : list of tuple
        The path of each coefficient map: ``()`` of order zero, ``((scale, angle),)`` of
        order one, ``((scale, angle), (scale, angle))`` of order two. Scales are from 0,
        the finest; angles are numbered from 0, pi / L apart, as in kymatio.
    n_features_in_ : int
        Number of pixels, times channels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the pixels, if X had string names.

    Notes
    -----
    The numbers are those of kymatio's ``Scattering2D``. Images smaller than ``2**J``
    pixels, which kymatio refuses, get one average, at their centre. An image is
    extended by reflection. float32 and float64 keep their precision; 8- and
    16-bit images become float32.

    Channels are scattered one by one. Where colour tells nothing,
    ``images.mean(axis=-1)`` is grey, and has a third of the features. Signals are no
    images: `ScatteringTransform1D` is for them.

    A torch tensor gives a tensor, and gradients flow to it. Missing pixels are not
    accepted; fill them in with `LocalGaussianImputer` first.

    References
    ----------
    Bruna and Mallat, "Invariant scattering convolution networks", IEEE Transactions on
    Pattern Analysis and Machine Intelligence 35(8), 2013. Andreux et al., "Kymatio:
    scattering transforms in Python", JMLR 21, 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmixmate import ScatteringTransform
    >>> X, _ = load_digits(return_X_y=True)
    >>> scattering = ScatteringTransform(J=2, image_shape=(8, 8)).fit(X)
    >>> scattering.transform(X).shape, scattering.output_shape_
    ((1797, 324), (81, 2, 2))
    """

    def __init__(
        self,
        J: int | Literal["auto"] = 3,
        L: int = 8,
        image_shape: tuple[int, ...] | None = None,
        *,
        max_order: int = 2,
        normalize_paths: bool = False,
        n_turns: int = 1,
        min_side: int = 1,
        batch_size: int | Literal["auto"] = "auto",
        device: str | torch.device = "auto",
    ) -> None:
        self.J = J
        self.L = L
        self.image_shape = image_shape
        self.max_order = max_order
        self.normalize_paths = normalize_paths
        self.n_turns = n_turns
        self.min_side = min_side
        self.batch_size = batch_size
        self.device = device

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Learn the shape of the images; nothing else is learned.

        Parameters
        ----------
        X : array-like or Tensor
            Images of shape (n_samples, height, width) or (n_samples, height, width,
            channels), or one image a row, (n_samples, n_features), in C order, channels
            last. Finite and dense.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        ScatteringTransform
            Itself.

        Raises
        ------
        TypeError, ValueError
            If a parameter is out of range, J or L are too large for the images, X is
            not finite or not of the shape of images, ``image_shape`` does not fit X, or
            ``normalize_paths`` meets paths of one average.

        Warns
        -----
        UserWarning
            If ``image_shape`` is None and what was taken may be wrong.
        """
        self._check_parameters()
        X, shape = flatten_images(X, self.image_shape)
        data = validate_samples(self, X, reset=True, allow_missing=False)
        *sides, n_channels = resolve_image_shape(
            self.image_shape if shape is None else shape,
            data.X.shape[1],
            # Enlarging one row of pixels would make thousands of columns of it.
            smallest_side=max(1, self.min_side // 3),
        )
        factor = max(1.0, self.min_side / min(sides))
        height, width = (round(factor * size) for size in sides)
        if self.J == "auto":
            J = max(1, (min(height, width) // 3).bit_length() - 1)
        else:
            J = int(self.J)
        check_cost((height, width), J, int(self.L), n_channels)
        rows, columns = max(height >> J, 1), max(width >> J, 1)
        if self.normalize_paths and n_channels * rows * columns == 1:
            raise ValueError(
                f"normalize_paths=True leaves nothing of images of {(height, width)} "
                f"pixels with J={J}: a path has one average only; use a smaller J."
            )
        # What `transform` goes by, whatever parameters are set later, and what is left
        # as it was by a fit that fails.
        self._parameters = (J, int(self.L), int(self.max_order))
        self._n_turns = int(self.n_turns)
        self._sides, self._n_channels = tuple(sides), n_channels
        self._enlarged_shape = (height, width)
        self.paths_ = scattering_paths(*self._parameters)
        channels = (n_channels,) if n_channels > 1 else ()
        self.image_shape_ = (*self._sides, *channels)
        self.output_shape_ = (*channels, len(self.paths_), rows, columns)
        return self

    @plain_arithmetic
    def transform(self, X: ArrayLike) -> Array:
        """Compute the scattering coefficients of images.

        Parameters
        ----------
        X : array-like or Tensor
            Images, or one image a row, as in ``fit``; either will do, whatever ``fit``
            had.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_features_out)
            Channel by channel, path by path, each row by row. A tensor if X is one, on
            its device.

        Raises
        ------
        ValueError
            If X is not finite, or its images have another shape, or another number of
            features, than in ``fit``.
        """
        check_is_fitted(self)
        X, _ = flatten_images(X, self.image_shape_)
        data = validate_samples(self, X, reset=False, allow_missing=False)
        device = resolve_device(self.device)
        # The validated tensor is cut off from the graph of gradients.
        images = X if isinstance(X, Tensor) else data.X
        output_device = images.device if data.is_tensor else torch.device("cpu")
        coefficients = torch.empty(
            (len(images), math.prod(self.output_shape_)),
            dtype=data.dtype,
            device=output_device,
        )
        batch_size = self._batch_size(device)
        with torch.set_grad_enabled(torch.is_grad_enabled() and images.requires_grad):
            for batch in in_batches("wavelet scattering", len(images), batch_size):
                upright = self._enlarged(images[batch].to(device).to(data.dtype))
                copies = turned_copies(upright, self._n_turns)
                S = torch.stack([self._coefficients(copy) for copy in copies]).mean(0)
                coefficients[batch] = S.to(output_device)
        return coefficients if data.is_tensor else coefficients.numpy()

    def _coefficients(self, images: Tensor) -> Tensor:
        """Rows of coefficients of images (B * channels, height, width)."""
        S = scattered(images, *self._parameters)
        # Paths before channels, which share what they are divided by.
        S = S.unflatten(0, (-1, self._n_channels)).transpose(1, 2)
        if self.normalize_paths:
            S = normalized_paths(S)
        return S.transpose(1, 2).flatten(1)

    def get_feature_names_out(
        self, input_features: Collection[str] | None = None
    ) -> np.ndarray:
        """Names of the coefficients.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Checked against what ``fit`` saw and not used.

        Returns
        -------
        ndarray of shape (n_features_out,), object
            Such as "order1_scale0_angle3_row1_column2", after "channel0" and the like
            if there are more channels than one.

        Raises
        ------
        ValueError
            If ``input_features`` is not what ``fit`` saw.
        """
        check_is_fitted(self)
        check_input_features(self, input_features)
        names = scattering_names(self.paths_, *self.output_shape_[-2:])
        return names_by_channel(self._n_channels, names)

    def __sklearn_tags__(self):
        """Tell scikit-learn that float32 stays float32, and images may be arrays."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.three_d_array = True
        return tags

    def _check_parameters(self) -> None:
        check_at_least_one = functools.partial(check_integer, min_val=1)
        check_or_auto(self.J, "J", check_at_least_one, "an integer >= 1")
        check_integer(self.L, "L", min_val=1)
        if check_integer(self.max_order, "max_order", min_val=1) > 2:
            raise ValueError(f"max_order must be 1 or 2, got {self.max_order!r}.")
        check_bool(self.normalize_paths, "normalize_paths")
        check_integer(self.n_turns, "n_turns", min_val=1)
        check_integer(self.min_side, "min_side", min_val=1)
        check_or_auto(
            self.batch_size, "batch_size", check_at_least_one, "an integer >= 1"
        )

    def _enlarged(self, rows: Tensor) -> Tensor:
        """Images (B * channels, height, width) of rows, large enough."""
        images = rows.unflatten(1, (*self._sides, self._n_channels))
        images = images.movedim(3, 1).flatten(0, 1)
        if self._enlarged_shape == self._sides:
            return images
        return interpolate(images[:, None], self._enlarged_shape, mode="bicubic")[:, 0]

    def _batch_size(self, device: torch.device) -> int:
        if self.batch_size != "auto":
            return self.batch_size
        n_grey = auto_batch_size(self._enlarged_shape, *self._parameters, device)
        return max(1, n_grey // self._n_channels)
