"""The clusterer for images."""

from typing import Any

import numpy as np
import torch
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer

from ..features import PartialWhitening, ScatteringTransform
from ..features.image_shape import check_image_shape
from ..imputation import LocalGaussianImputer
from ..initializers import (
    Labeling,
    Labelings,
    SparseSubspaceClustering,
    spectral_labelings,
)
from ..mixmate import MixMateClustering, NeighborVoting
from ..utils.device import resolve_device
from ..utils.parameter_checks import check_bool, check_integer
from ..utils.random import RandomState

__all__ = ["make_image_clusterer"]

# Features have unit norm, and far more of them matter than of pixels: less penalty, and
# gradients of another size, than the defaults are for. With too few steps, the losses
# of small data do not tell starts apart.
_PARAMETERS: dict[str, Any] = {
    "alpha": 0.1,
    "learning_rate": 8e-3,
    "learning_rate_schedule": "linear",
    "epsilon": 1e-3,
    "batch_size": "auto",
}


def make_image_clusterer(
    n_clusters: int,
    image_shape: tuple[int, ...] | None = None,
    *,
    n_init: int = 2,
    similar_sizes: bool = False,
    device: str | torch.device = "auto",
    verbose: int = 0,
    random_state: RandomState = None,
) -> Pipeline:
    """Make the clusterer for images of one kind of object each.

    The same choices for all data sets, made without labels; ``benchmarks.images``
    measures it. Use `MixMateClustering` itself for signals that are no images, or to
    see the clusters' dictionaries in pixels.

    Parameters
    ----------
    n_clusters : int
        Number of clusters. To change it later,
        ``set_params(clusterer__mixmate__n_clusters=7)``.
    image_shape : tuple of two or three int, default=None
        Height and width of the images in pixels, each at least 8, and the number of
        channels of images in colour, which come last in a row. None takes images as
        square and grey, with a warning if images of another shape, or in colour, have
        as many numbers.
    n_init : int, default=2
        Number of runs on all images, of which the one with the lowest ``criterion_`` is
        kept; 1 for a quick look.
    similar_sizes : bool, default=False
        Whether classes are known to be of about one size, the largest no more than
        twice the smallest. Then partitions with larger and smaller clusters are not
        tried, and all dictionaries have one size. It helps where classes blend into
        each other, as in Fashion-MNIST, and fails where one class is much larger.
    device : str or torch.device, default="auto"
        "auto" is a CUDA GPU where there is one, else the CPU.
    verbose : int, default=0
        1 prints a line an epoch of the last step. Before the first epoch of each run
        are its starts, and before the first run the features.
    random_state : int, RandomState instance or None, default=None
        Seeds every step. The same seed gives the same result.

    Returns
    -------
    Pipeline
        Not fitted. It takes one image a row, in any unit, NaN for missing pixels, and
        gives arrays. The last step is a `NeighborVoting`: ``fit_predict``, ``predict``,
        ``predict_proba`` (not calibrated), ``transform`` (energies of the mixture)
        and ``score`` of the Pipeline are its own, ``[-1].labels_`` are the labels of
        the training images, and ``[-1].mixmate_`` is the fitted `MixMateClustering`.
        `skmixmate.inspection.atom_averages` shows what clusters look like.

    Raises
    ------
    TypeError, ValueError
        If a parameter is out of range.

    Notes
    -----
    The steps:

    - ``imputer``: missing pixels are filled in by a `LocalGaussianImputer`. There must
      be some in ``fit`` if there are to be in ``predict``, or
      ``set_params(imputer__always=True)``.
    - ``unit``: each image is divided by its largest magnitude, up to a power of two.
    - ``scattering``: wavelet scattering, each path divided by its largest magnitude;
      images of less than 24 pixels a side are enlarged.
    - ``components``: 500 principal components about the origin, half whitened.
    - ``normalizer``: each image to unit norm, so that faint ones count as much.
    - ``clusterer``: `MixMateClustering`, ``n_init`` runs of five epochs. The start of
      each is one of several partitions of 5,000 images, by `SparseSubspaceClustering`
      and by the spectrum of the neighbour graph: that with the lowest criterion after a
      few epochs on these, see "Clusters of unequal size" in the documentation. With
      ``similar_sizes=True`` it is one of four plain sparse subspace clusterings.
      Batches are of 256 images, fewer of less than 35,840.
      `NeighborVoting` then averages the probabilities of each image and of its ten
      nearest training images, of which it keeps at most 100,000.

    All features are held at once, 1,953 numbers in single precision for an image of 28
    by 28 pixels: 8 GB for a million.

    References
    ----------
    Bruna and Mallat, "Invariant scattering convolution networks" (2013), for affine
    models of scattering coefficients. Chen, Li and You, "Stochastic sparse subspace
    clustering" (2020), for the start. Lin, Song and Ba, "Mixture model auto-encoders"
    (2022), for the model.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmixmate.metrics import clustering_accuracy
    >>> from skmixmate.recipes import make_image_clusterer
    >>> X, y = load_digits(return_X_y=True)
    >>> clusterer = make_image_clusterer(10, (8, 8), n_init=1, random_state=0)
    >>> bool(clustering_accuracy(y, clusterer.fit_predict(X)) > 0.9)
    True
    """
    # Before minutes of features.
    check_integer(n_clusters, "n_clusters", min_val=1)
    check_integer(n_init, "n_init", min_val=1)
    check_bool(similar_sizes, "similar_sizes")
    resolve_device(device)
    if image_shape is not None:
        check_image_shape(image_shape, min_val=8)
    imputer = LocalGaussianImputer(n_clusters, random_state=random_state, device=device)
    mixmate = MixMateClustering(
        n_clusters,
        init=_starts_of_one_size if similar_sizes else _starts,
        adapt_n_atoms=not similar_sizes,
        n_init=n_init,
        max_iter=5,
        random_state=random_state,
        device=device,
        verbose=verbose,
        **_PARAMETERS,
    )
    scattering = ScatteringTransform(
        "auto", 8, image_shape, normalize_paths=True, min_side=24, device=device
    )
    return Pipeline(
        [
            ("imputer", imputer),
            (
                "unit",
                FunctionTransformer(_in_its_unit, feature_names_out="one-to-one"),
            ),
            ("scattering", scattering),
            ("components", PartialWhitening(500, random_state=random_state)),
            ("normalizer", Normalizer()),
            ("clusterer", NeighborVoting(mixmate, random_state=random_state)),
        ]
    )


def _starts(X, n_clusters, random_state) -> Labelings:
    """Labellings by sparse subspaces and by neighbours, among which a model chooses."""
    if n_clusters == 1:
        return Labelings([Labeling(np.zeros(len(X), dtype=np.intp))])
    seeds = random_state.randint(np.iinfo(np.int32).max, size=2)
    subspaces = SparseSubspaceClustering(n_clusters, random_state=seeds[0])
    found = Labelings([Labeling(subspaces.fit(X).labels_)])
    for one in spectral_labelings(X, n_clusters, seeds[1]):
        found.add(*one)
    return found


def _starts_of_one_size(X, n_clusters, random_state) -> Labelings:
    """Labellings by sparse subspaces, which cut up clusters that are large."""
    if n_clusters == 1:
        return _starts(X, n_clusters, random_state)
    found = Labelings()
    for _ in range(4):
        seed = random_state.randint(np.iinfo(np.int32).max)
        found.add(
            SparseSubspaceClustering(n_clusters, merge=False, random_state=seed)
            .fit(X)
            .labels_
        )
    return found


def _in_its_unit(X):
    """Images in single precision with a largest magnitude from 0.5 to 1.

    Features do not depend on it but for tiny or huge numbers, which single precision
    would lose. Powers of two leave the digits as they are.
    """
    X = np.asarray(X)
    if X.dtype.kind != "f":
        X = X.astype(np.float32)
    # Without a copy for magnitudes.
    largest = np.maximum(X.max(axis=1, keepdims=True), -X.min(axis=1, keepdims=True))
    _, exponent = np.frexp(largest)
    return np.ldexp(X, -exponent).astype(np.float32, copy=False)
