"""Ready-made clusterers, with every choice written down."""

import functools
import math

import numpy as np
import torch
from sklearn.decomposition import TruncatedSVD
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer

from .features import PartialWhitening, ScatteringTransform
from .functional import scattering_paths
from .initializers import (
    SparseSubspaceClustering,
    dictionaries_from_labels,
    initial_labels,
)
from .mixmate import MixMateClustering, MixMateImputer

__all__ = ["make_image_clusterer", "make_paper_clusterer"]

# Shorter side, in pixels, that smaller images are enlarged to: of smaller ones the
# scattering transform keeps too few averages, or too few scales.
_SMALLEST_SIDE = 24


def make_image_clusterer(
    n_clusters=10,
    image_shape=None,
    *,
    n_init=4,
    device="auto",
    verbose=0,
    random_state=None,
):
    """Make the clusterer for grey images of one kind of object each.

    The same choices for all data sets, made without labels; ``benchmarks/images.py``
    measures it. Use ``MixMateClustering`` on pixels instead where clusters are to be
    seen as atoms, and for signals that are no images.

    Parameters
    ----------
    n_clusters : int, default=10
    image_shape : tuple of two int, default=None
        Height and width of the images in pixels, each at least 8. None takes them as
        square.
    n_init : int, default=4
        Number of starts that are tried on 10,000 images, for two epochs each; training
        goes on from the one with the lowest loss.
    device : str or torch.device, default="auto"
    verbose : int, default=0
        1 prints a line an epoch.
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    Pipeline
        Not fitted. One image a row, in any unit, NaN for missing pixels. The last step
        is a `MixMateClustering`: ``predict``, ``predict_proba``, ``transform``
        (energies) and ``score`` of the Pipeline are its own, and ``[-1].labels_`` are
        the labels of the training images.

    Notes
    -----
    The steps:

    - ``imputer``: missing pixels are filled in by a mixture of the pixels. There must
      be some in ``fit`` if there are to be in ``predict``.
    - ``size``: images of less than 24 pixels a side are enlarged.
    - ``scattering``: wavelet scattering, each path divided by its largest magnitude.
    - ``components``: 500 principal components about the origin, half whitened.
    - ``norm``: each image to unit norm, so that faint ones count as much.
    - ``clusterer``: `MixMateClustering`. It starts from sparse subspace clusterings of
      5,000 images; a start may merge two classes and split a third, and then its loss
      is higher.

    References
    ----------
    Bruna and Mallat, "Invariant scattering convolution networks" (2013), for affine
    models of scattering coefficients. Chen, Li and You, "Stochastic sparse subspace
    clustering" (2020), for the start. Lin, Song and Ba, "Mixture Model Auto-Encoders"
    (2022), for the model.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmixmate.metrics import clustering_accuracy
    >>> from skmixmate.recipes import make_image_clusterer
    >>> X, y = load_digits(return_X_y=True)
    >>> clusterer = make_image_clusterer(10, n_init=1, random_state=0)
    >>> bool(clustering_accuracy(y, clusterer.fit_predict(X)) > 0.9)
    True
    """
    if image_shape is not None:
        _check_image_shape(image_shape, 8)
        image_shape = tuple(image_shape)
        enlarged_shape = _enlarged_shape(image_shape)
    else:
        enlarged_shape = None
    # Features have unit norm, and far more of them matter than of pixels: less penalty
    # and smaller steps than in pixels.
    parameters = {
        "alpha": 0.1,
        "learning_rate": 2e-3,
        "epsilon": 1e-3,
        "device": device,
    }
    best_of_starts = MixMateClustering(
        n_clusters, init="ssc", init_size=5000, n_init=n_init, max_iter=2, **parameters
    )
    clusterer = MixMateClustering(
        n_clusters,
        init=best_of_starts,
        init_size=10_000,
        max_iter=8,
        random_state=random_state,
        verbose=verbose,
        **parameters,
    )
    enlarge = FunctionTransformer(_enlarged, kw_args={"image_shape": image_shape})
    scattering = ScatteringTransform(
        "auto", 8, enlarged_shape, normalize_paths=True, device=device
    )
    return Pipeline(
        [
            ("imputer", MixMateImputer(random_state=random_state, device=device)),
            ("size", enlarge),
            ("scattering", scattering),
            ("components", PartialWhitening(500, random_state=random_state)),
            ("norm", Normalizer(copy=False)),
            ("clusterer", clusterer),
        ]
    )


def _enlarged_shape(image_shape: tuple[int, int]) -> tuple[int, int]:
    """Shape of images whose shorter side is at least ``_SMALLEST_SIDE``."""
    factor = max(1.0, _SMALLEST_SIDE / min(image_shape))
    height, width = (round(factor * size) for size in image_shape)
    return height, width


def _enlarged(X, image_shape):
    """Images, in single precision, of at least ``_SMALLEST_SIDE`` pixels a side."""
    X = np.asarray(X, dtype=np.float32)
    if image_shape is None:
        side = math.isqrt(X.shape[1])
        image_shape = (side, side)
    if math.prod(image_shape) != X.shape[1] or min(image_shape) < 8:
        raise ValueError(
            f"X has {X.shape[1]} features, which are not the pixels of images of shape "
            f"{image_shape}, each side at least 8; give make_image_clusterer the "
            "image_shape, (height, width)."
        )
    enlarged_shape = _enlarged_shape(image_shape)
    if enlarged_shape == image_shape:
        return X
    images = torch.from_numpy(X).view(-1, 1, *image_shape)
    enlarged = torch.nn.functional.interpolate(images, enlarged_shape, mode="bicubic")
    return enlarged.flatten(1).numpy()


def make_paper_clusterer(
    n_clusters=10,
    image_shape=(28, 28),
    *,
    n_atoms=50,
    alpha=0.75,
    ssc=None,
    center_atoms=False,
    device="auto",
    verbose=0,
    random_state=None,
):
    """Make MixMate as it was published, for images with pixels in [0, 1].

    The start is sparse subspace clustering of the scattering features of 2,000 images,
    and the first atoms are random members of its clusters. Then 50 epochs of Adam in
    pixels, without an intercept, early stopping or a scale. It is here to reproduce the
    paper; ``MixMateClustering`` with its defaults is quicker.

    Parameters
    ----------
    n_clusters : int, default=10
    image_shape : tuple of two int, default=(28, 28)
        Height and width of the images in pixels.
    n_atoms : int, default=50
        Atoms of each dictionary; the paper has 50 for MNIST and Fashion-MNIST and 30
        for USPS.
    alpha : float, default=0.75
        Strength of the penalty, the paper's lambda; it has 0.75 for MNIST and
        Fashion-MNIST and 0.25 for USPS.
    ssc : clusterer, default=None
        What clusters the features, an object with ``fit_predict``. None is
        `SparseSubspaceClustering` by orthogonal matching pursuit with five neighbours
        and neither rounds nor dropout, as in the authors' code. The default
        ``SparseSubspaceClustering(n_clusters)``, with them, starts better.
    center_atoms : bool, default=False
        Subtract from each first atom its own mean, as the authors' code does and the
        paper does not say. Members of a cluster of Fashion-MNIST are so much alike that
        the paper's step of 0.04 is too large without; so it is with, by less.
    device : str or torch.device, default="auto"
    verbose : int, default=0
    random_state : int, RandomState instance or None, default=None

    Returns
    -------
    MixMateClustering
        Not fitted. Its ``init`` holds ``n_clusters``, ``image_shape``, ``n_atoms`` and
        ``device`` as well: to change one of them, make another.

    Raises
    ------
    ValueError
        If ``image_shape`` is not two sizes, of at least 8 and 16 pixels.

    Notes
    -----
    The paper says that the start is "SSC with default parameters". The authors' code
    first subtracts the mean of each image, takes wavelet scattering coefficients (three
    scales, eight angles, two orders), divides each path of each image by its largest
    magnitude and keeps 500 principal components without centring; so does this.
    "From the paper to the code" in the documentation lists every difference.

    References
    ----------
    Lin, Song and Ba, "Mixture Model Auto-Encoders: Deep Clustering through Dictionary
    Learning" (ICASSP 2022), section 4.

    Examples
    --------
    >>> from skmixmate.recipes import make_paper_clusterer
    >>> mixmate = make_paper_clusterer(10, (16, 16), n_atoms=30, alpha=0.25)
    >>> mixmate.step_size, mixmate.max_iter
    (0.04, 50)
    """
    # Eight pixels an average, and more than one average, or normalising leaves nothing.
    _check_image_shape(image_shape, 16)
    if ssc is None:
        ssc = SparseSubspaceClustering(
            n_clusters, n_nonzero_coefs=5, n_rounds=1, dropout=0.0
        )
    init = _features_and(ssc, image_shape, device)
    if center_atoms:
        init = functools.partial(_centered_members, init, n_atoms)
    return MixMateClustering(
        n_clusters,
        n_atoms=n_atoms,
        alpha=alpha,
        fit_intercept=False,
        scale=1.0,
        init=init,
        init_size=2000,
        n_fista_iter=15,
        step_size=0.04,
        learning_rate=1e-3,
        epsilon=1e-8,
        batch_size=256,
        max_iter=50,
        # No early stopping, however many epochs raise the loss.
        tol=0.0,
        n_iter_no_change=1_000_000,
        random_state=random_state,
        device=device,
        verbose=verbose,
    )


def _features_and(clusterer, image_shape, device) -> Pipeline:
    """The authors' features before a clusterer."""
    J, L = 3, 8
    n_averages = math.prod(size // 2**J for size in image_shape)
    n_coefficients = len(scattering_paths(J, L)) * n_averages
    return Pipeline(
        [
            ("center", FunctionTransformer(_without_row_means)),
            (
                "scattering",
                ScatteringTransform(
                    J, L, image_shape, normalize_paths=True, device=device
                ),
            ),
            ("components", TruncatedSVD(min(500, n_coefficients))),
            ("clusterer", clusterer),
        ]
    )


def _check_image_shape(image_shape, smallest_longer_side: int) -> None:
    sizes = image_shape if isinstance(image_shape, tuple | list) else ()
    if len(sizes) != 2 or min(sizes) < 8 or max(sizes) < smallest_longer_side:
        raise ValueError(
            "image_shape must be (height, width), one at least 8 and the other at "
            f"least {smallest_longer_side} pixels, got {image_shape!r}."
        )


def _without_row_means(X):
    return X - X.mean(axis=1, keepdims=True)


def _centered_members(clusterer, n_atoms, X, n_clusters, random_state):
    """First atoms from the members of clusters, each minus its mean."""
    labels = initial_labels(clusterer, X, n_clusters, random_state)
    atoms = dictionaries_from_labels(X, labels, n_clusters, n_atoms, random_state)
    return atoms - atoms.mean(axis=2, keepdims=True)
