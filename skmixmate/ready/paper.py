"""MixMate as it was published."""

import functools
import math
from typing import Any

import torch
from sklearn.decomposition import TruncatedSVD
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from ..features import ScatteringTransform
from ..features.image_shape import check_image_shape
from ..functional import scattering_paths
from ..initializers import SparseSubspaceClustering, first_atoms
from ..mixmate import MixMateClustering
from ..utils.random import RandomState

__all__ = ["make_paper_clusterer"]


def make_paper_clusterer(
    n_clusters: int = 10,
    image_shape: tuple[int, int] = (28, 28),
    *,
    n_atoms: int = 50,
    alpha: float = 0.75,
    ssc: Any = None,
    center_atoms: bool = False,
    device: str | torch.device = "auto",
    verbose: bool | int = 0,
    random_state: RandomState = None,
) -> MixMateClustering:
    """Make MixMate as it was published, for images with pixels in [0, 1].

    The start is sparse subspace clustering of the scattering features of 2,000 images,
    and the first atoms are random members of its clusters. Then 50 epochs of Adam in
    pixels, without an intercept, early stopping or a scale. It is here to reproduce the
    paper; ``MixMateClustering`` with its defaults is quicker, and so is this recipe,
    with the same scores, after
    ``set_params(max_iter=12, learning_rate=4e-3, learning_rate_schedule="linear")``.

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
    TypeError, ValueError
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
    >>> from skmixmate.ready import make_paper_clusterer
    >>> mixmate = make_paper_clusterer(10, (16, 16), n_atoms=30, alpha=0.25)
    >>> mixmate.step_size, mixmate.max_iter
    (0.04, 50)
    """
    # Eight pixels an average, and more than one average, or normalising leaves nothing.
    height, width, n_channels = check_image_shape(image_shape, min_val=8)
    if n_channels > 1:
        raise ValueError(
            "image_shape must be (height, width), since the authors' images are grey, "
            f"got {image_shape!r}; images.mean(axis=-1) is grey."
        )
    image_shape = height, width
    if max(image_shape) < 16:
        raise ValueError(
            f"image_shape must have a side of at least 16 pixels, got {image_shape!r}."
        )
    if ssc is None:
        ssc = SparseSubspaceClustering(
            n_clusters,
            n_nonzero_coefs=5,
            n_rounds=1,
            dropout=0.0,
            merge=False,
            device=device,
        )
    init = _features_and(ssc, image_shape, device)
    if center_atoms:
        init = functools.partial(_centered_members, init, n_atoms)
    return MixMateClustering(
        n_clusters,
        n_atoms=n_atoms,
        adapt_n_atoms=False,
        alpha=alpha,
        fit_intercept=False,
        missing="mask",
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
            (
                "center",
                FunctionTransformer(_without_row_means, feature_names_out="one-to-one"),
            ),
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


def _without_row_means(X):
    return X - X.mean(axis=1, keepdims=True)


def _centered_members(clusterer, n_atoms, X, n_clusters, random_state):
    """First atoms from the members of clusters, each minus its mean."""
    atoms = first_atoms(clusterer, X, n_clusters, n_atoms, random_state)
    return atoms - atoms.mean(axis=2, keepdims=True)
