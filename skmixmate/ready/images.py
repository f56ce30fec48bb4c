"""The clusterer for images."""

import math
import os
from typing import Any, Literal

import numpy as np
import torch
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from torch import Tensor

from ..features import ScatteringTransform
from ..features.image_shape import check_image_shape, flatten_images
from ..features.image_sizes import has_unequal_sizes, resized
from ..features.whitening import half_whitened
from ..mixmate import MixMateClustering, NeighborVoting
from ..utils.callers import warn_user
from ..utils.parameter_checks import check_bool, check_choice
from ..utils.random import RandomState
from ..utils.validation import Array
from . import starts
from .base import ReadyMadeClusterer
from .samples import flat_mask

__all__ = ["ImageClustering", "make_image_features"]

# Features have unit norm, and far more of them matter than of pixels: less penalty, and
# gradients of another size, than the defaults are for. With too few steps, the losses
# of small data do not tell starts apart.
_PARAMETERS: dict[str, Any] = {
    "adapt_n_atoms": "auto",
    "alpha": 0.1,
    "learning_rate": 8e-3,
    "learning_rate_schedule": "linear",
    "epsilon": 1e-3,
    "batch_size": "auto",
    "max_iter": 5,
}
# Pixels of a side that wavelets need.
_SMALLEST_SIDE = 8
_ROTATIONS = ("upright", "any")
# Copies of an image, turned by equal angles, between which wavelets see no difference.
_N_TURNS = 8
# Angles of the wavelets: eight, as in the paper, find no better clusters in 1.7 times
# the time; four find worse ones.
_N_ANGLES = 6


class ImageClustering(ReadyMadeClusterer):
    """Cluster images of one kind of object each, grey or in colour.

    Missing pixels are filled in, wavelet scattering makes features that shifts and
    small deformations change little, a mixture of sparse dictionaries finds the
    clusters, and neighbours vote on the labels. The choices are the same for all data
    sets, made without labels; ``benchmarks.images`` measures them.

    Parameters
    ----------
    n_clusters : int or "auto", default=8
        Number of clusters; "auto" takes that of
        `skmixmate.model_selection.choose_n_clusters`, from 2 to 16, or one, with a
        warning, where none are found.
    image_shape : tuple of two or three int, default=None
        Height and width of images in pixels, each at least 8, and the number of their
        channels if they are in colour, where they come as rows of numbers, channels
        last. Arrays (n_images, height, width) or (n_images, height, width, channels)
        tell it. None takes rows as square grey images, with a warning if images of
        another shape, or in colour, have as many numbers, or if there are less than 64,
        of which there are no wavelets. Of a list of images of unequal sizes, it is what
        all are stretched to; None takes the medians, with a warning.
    rotation : {"upright", "any"}, default="upright"
        Whether objects are upright, or may lie at any angle, which then does not count.
        "any" takes eight times as long for the features.
    n_init : int, default=1
        Number of runs on all images, of which the one with the lowest ``criterion_`` is
        kept. One chooses its start among several partitions, and a second rarely finds
        other clusters.
    similar_sizes : bool, default=False
        Whether classes are known to be of one size, the largest no more than one and a
        half times the smallest. Then the most even partitions count, and all
        dictionaries have one size. It helps where classes blend into each other, as in
        Fashion-MNIST, and fails where one class is larger, as in USPS. Without it, the
        same is done where the neighbour graph has no gap between clusters (told of four
        to forty) and they are of about one size nevertheless; else sizes are found.
    always_impute : bool, default=False
        Whether to learn to fill in missing pixels where `fit` has none, so that others
        may miss some later.
    random_state : int, RandomState instance or None, default=None
        Seeds every step. The same seed gives the same result.
    n_jobs : int, default=None
        Number of runs of ``n_init``, graphs of ``n_clusters="auto"``, or parts of new
        samples that go on at once; see `MixMateClustering`.
    checkpoint_dir : str or path-like, default=None
        Folder in which `fit` writes down how far the mixture is; see
        `MixMateClustering`. What comes before it, as features, is computed again.
    checkpoint_every : int, default=1
        Number of epochs from one writing to the next.
    device : str or torch.device, default="auto"
        "auto" is a CUDA GPU where there is one, else the CPU.
    verbose : int, default=0
        1 tells each step, how far it is if it takes long, and the loss of each epoch:
        in lines, or with a bar in a terminal if rich or tqdm is installed.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training image, as `predict` gives it, but for ties between
        distances, which rounding decides.
    sample_shape_ : tuple of two or three int or None
        Height, width and, in colour, channels of an image; None of rows too short for
        wavelets.
    features_ : Pipeline
        Fitted steps from complete images, one a row, to what the mixture takes: "unit",
        "scattering", "components" and "normalizer".
    mixmate_ : MixMateClustering
        The fitted mixture of features, with dictionaries, history and labels of its
        own.
    voting_ : NeighborVoting
        The same with the training images that vote.
    imputer_ : LocalGaussianImputer or None
        What fills in missing pixels; None if none were missing in `fit`.
    n_clusters_ : int
        Number of clusters.
    n_clusters_choice_ : NumberOfClusters or None
        Why there are so many, with ``n_clusters="auto"``.
    temperature_ : float
        What energies are divided by before the vote, so that probabilities mean what
        they say; see `NeighborVoting`.
    outlier_scores_ : ndarray of shape (n_samples,)
        Of the training samples, see `outlier_scores`.
    n_features_in_ : int
        Number of pixels.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the pixels, if X had string names.

    Notes
    -----
    The steps:

    - Missing pixels are filled in by a `LocalGaussianImputer`.
    - Each image is divided by its largest magnitude, up to a power of two.
    - `ScatteringTransform` with six angles, each path divided by its largest
      magnitude; images of less than 24 pixels a side are enlarged. Channels are
      transformed one by one. With ``rotation="any"`` the mean over eight turned copies.
    - 500 principal components about the origin, half whitened (`PartialWhitening`).
    - Each image to unit norm, so that faint ones count as much.
    - `MixMateClustering`, ``n_init`` runs of five epochs. The start of each is one of
      several partitions of 5,000 images, by `SparseSubspaceClustering` and by the
      spectrum of the neighbour graph: that with the lowest criterion after a few epochs
      on these, see "Unequal sizes" in the documentation. With
      ``similar_sizes=True`` it is what the most even of 360 partitions of three graphs
      of sparse subspaces agree on.
      Batches are of 256 images, fewer of less than 35,840.
    - `NeighborVoting` averages the probabilities of each image and of its ten nearest
      training images by the first 200 components, of which it keeps at most 100,000.

    In `fit` the scattering coefficients of 20,000 images are held at once, 1,143
    numbers in single precision for an image of 28 by 28 pixels, and of all images the
    500 features; beyond half a gigabyte these go to a temporary file, in half
    precision.

    `skmixmate.inspection.atom_averages` shows what clusters look like.

    References
    ----------
    Bruna and Mallat, "Invariant scattering convolution networks" (2013), for affine
    models of scattering coefficients. Chen, Li and You, "Stochastic sparse subspace
    clustering" (2020), for the start. Lin, Song and Ba, "Mixture model auto-encoders"
    (2022), for the model.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmixmate import ImageClustering
    >>> from skmixmate.metrics import clustering_accuracy
    >>> X, y = load_digits(return_X_y=True)
    >>> clusterer = ImageClustering(10, image_shape=(8, 8), random_state=0)
    >>> bool(clustering_accuracy(y, clusterer.fit_predict(X)) > 0.9)
    True
    """

    # The last of 500 components are mostly noise.
    _n_search_features = 200

    def __init__(
        self,
        n_clusters: int | Literal["auto"] = 8,
        *,
        image_shape: tuple[int, ...] | None = None,
        rotation: Literal["upright", "any"] = "upright",
        n_init: int = 1,
        similar_sizes: bool = False,
        always_impute: bool = False,
        random_state: RandomState = None,
        n_jobs: int | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        checkpoint_every: int = 1,
        device: str | torch.device = "auto",
        verbose: bool | int = 0,
    ) -> None:
        self.n_clusters = n_clusters
        self.image_shape = image_shape
        self.rotation = rotation
        self.n_init = n_init
        self.similar_sizes = similar_sizes
        self.always_impute = always_impute
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.checkpoint_dir = checkpoint_dir
        self.checkpoint_every = checkpoint_every
        self.device = device
        self.verbose = verbose

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_choice(self.rotation, "rotation", _ROTATIONS)
        check_bool(self.similar_sizes, "similar_sizes")
        if self.image_shape is not None:
            check_image_shape(self.image_shape, min_val=_SMALLEST_SIDE)

    def _rows(self, X, mask, fitted_shape=None) -> tuple:
        told = self.image_shape if fitted_shape is None else fitted_shape
        if fitted_shape is None:
            self._resizes = has_unequal_sizes(X)
        # One that is alone has a size of its own as well.
        if has_unequal_sizes(X) or (self._resizes and not hasattr(X, "dtype")):
            if mask is not None:
                raise ValueError(
                    "mask is not taken with images of unequal sizes; put NaN in them."
                )
            X = resized(X, None if told is None else tuple(told[:2]))
        X, shape = flatten_images(X, told)
        with_channels = (*shape, 1) if shape is not None and len(shape) == 2 else shape
        return X, flat_mask(mask, with_channels), told if shape is None else shape

    def _new_features(self, n_features, shape, seed: int) -> Pipeline:
        features = make_image_features(
            shape, rotation=self.rotation, random_state=seed, device=self.device
        )
        side = math.isqrt(n_features) if shape is None else min(shape[:2])
        if side < _SMALLEST_SIDE:
            warn_user(
                f"Images of {n_features} pixels are too small for wavelets, which need "
                f"{_SMALLEST_SIDE} a side: pixels are taken as they are. What is no "
                "image is for EmbeddingClustering or SignalClustering.",
                UserWarning,
            )
            features.set_params(scattering="passthrough")
        return features

    def _store(
        self, imputer, features: Pipeline, voting: NeighborVoting, shape, choice
    ) -> None:
        # Of rows it may be a guess.
        shape = getattr(features["scattering"], "image_shape_", shape)
        super()._store(imputer, features, voting, shape, choice)

    def __sklearn_tags__(self):
        """Tell scikit-learn that features are in single precision."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _new_mixmate(self, n_clusters: int, seed: int) -> MixMateClustering:
        return MixMateClustering(
            n_clusters,
            init=starts.similar_sizes if self.similar_sizes else starts.any_sizes,
            n_init=self.n_init,
            random_state=seed,
            **self._on_the_way(),
            **_PARAMETERS,
        )


def make_image_features(
    image_shape: tuple[int, ...] | None = None,
    *,
    rotation: Literal["upright", "any"] = "upright",
    random_state: RandomState = None,
    device: str | torch.device = "auto",
) -> Pipeline:
    """Make the features of `ImageClustering`, for something else.

    Parameters
    ----------
    image_shape : tuple of two or three int, default=None
        Height and width of the images in pixels, and the number of channels if they are
        in colour; None takes them as square and grey.
    rotation : {"upright", "any"}, default="upright"
        Whether objects are upright or may lie at any angle.
    random_state : int, RandomState instance or None, default=None
        Seeds the draw of samples that components are computed from.
    device : str or torch.device, default="auto"
        "auto" is a CUDA GPU where there is one, else the CPU.

    Returns
    -------
    Pipeline
        Not fitted, of the steps "unit", "scattering", "components" and "normalizer".
        It takes complete images, one a row, in any unit.

    Raises
    ------
    ValueError
        If ``rotation`` is neither; ``fit`` checks ``image_shape`` and ``device``.

    References
    ----------
    As `ImageClustering`.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmixmate.ready import make_image_features
    >>> X, _ = load_digits(return_X_y=True)
    >>> make_image_features((8, 8), random_state=0).fit_transform(X).shape
    (1797, 500)
    """
    check_choice(rotation, "rotation", _ROTATIONS)
    unit = FunctionTransformer(_in_its_unit, feature_names_out="one-to-one")
    scattering = ScatteringTransform(
        "auto",
        _N_ANGLES,
        image_shape,
        normalize_paths=True,
        min_side=24,
        n_turns=_N_TURNS if rotation == "any" else 1,
        device=device,
    )
    return Pipeline(
        [
            ("unit", unit),
            ("scattering", scattering),
            *half_whitened(random_state, device),
        ]
    )


def _in_its_unit(X: Array) -> Array:
    """Images in single precision with a largest magnitude from 0.5 to 1.

    Features do not depend on it but for tiny or huge numbers, which single precision
    would lose. Powers of two leave the digits as they are.
    """
    if isinstance(X, Tensor):
        from ..features.on_device import in_its_unit

        return in_its_unit(X)
    X = np.asarray(X)
    if X.dtype.kind != "f":
        X = X.astype(np.float32)
    # Without a copy for magnitudes.
    largest = np.maximum(X.max(axis=1, keepdims=True), -X.min(axis=1, keepdims=True))
    _, exponent = np.frexp(largest)
    return np.ldexp(X, -exponent).astype(np.float32, copy=False)
