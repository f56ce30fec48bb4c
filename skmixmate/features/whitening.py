"""Principal components about the origin, partly whitened."""

from typing import Self

import numpy as np
import scipy.linalg
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.preprocessing import FunctionTransformer, normalize
from sklearn.utils.validation import _num_samples, check_is_fitted

from ..utils.estimator import VersionedEstimator
from ..utils.parameter_checks import check_integer, check_number
from ..utils.progress import step
from ..utils.random import RandomState, private_random_state
from ..utils.validation import ArrayLike, validate_samples

__all__ = ["PartialWhitening", "half_whitened"]

_ROWS_AT_ONCE = 2048


class PartialWhitening(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, VersionedEstimator
):
    """Principal components about the origin, divided by a power of their size.

    The largest components of images and their features are what all samples share; what
    tells clusters apart lies in smaller ones. Whitening makes all alike, noise
    included; half of it is a compromise that needs no labels to find. X is not centred,
    so that samples keep their directions from the origin, which subspace clustering is
    about.

    Parameters
    ----------
    n_components : int, default=500
        Number of components, the largest first; all there are, if there are fewer.
    power : float in [0, 1], default=0.5
        A component is divided by its root mean square to this power: 0 leaves the
        principal components as they are, 1 whitens them.
    subsample : int, default=20000
        Largest number of samples, drawn at random, that the components are computed
        from.
    random_state : int, RandomState instance or None, default=None
        Seeds the draw, if there are more samples than ``subsample``.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        ``transform`` is ``X @ components_.T``: the eigenvectors of the second moments
        of X, divided by ``root_mean_squares_ ** power``.
    root_mean_squares_ : ndarray of shape (n_components,)
        Root mean square of the samples along each eigenvector.
    n_components_ : int
        Number of components; directions in which all samples are zero, up to rounding,
        are none.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had string names.

    References
    ----------
    Bullinaria and Levy, "Extracting semantic representations from word co-occurrence
    statistics: stop-lists, stemming, and SVD" (Behavior Research Methods 44, 2012), for
    the power.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmixmate.features import PartialWhitening
    >>> X, _ = load_digits(return_X_y=True)
    >>> PartialWhitening(n_components=20).fit_transform(X).shape
    (1797, 20)
    """

    def __init__(
        self,
        n_components: int = 500,
        *,
        power: float = 0.5,
        subsample: int = 20_000,
        random_state: RandomState = None,
    ) -> None:
        self.n_components = n_components
        self.power = power
        self.subsample = subsample
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Compute the components.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite and dense.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        PartialWhitening
            Itself.

        Raises
        ------
        TypeError, ValueError
            If a parameter or X is out of range, or all of X is zero or too large.
        """
        n_components = check_integer(self.n_components, "n_components", min_val=1)
        power = check_number(self.power, "power", include_boundaries="left")
        if power > 1.0:
            raise ValueError(f"power must be in [0, 1], got {self.power!r}.")
        rows = self._drawn_rows(_num_samples(X))
        data = validate_samples(self, X, reset=True, allow_missing=False)
        samples = data.array[rows] if len(data.X) > len(rows) else data.array
        mean_squares, eigenvectors = _largest_moments(samples, n_components)
        if not len(mean_squares):
            raise ValueError(
                "All entries of X are zero, or too small to square: there are no "
                "components."
            )
        self.root_mean_squares_ = np.sqrt(mean_squares)
        scaled = eigenvectors / self.root_mean_squares_**power
        self.components_ = np.ascontiguousarray(scaled.T, dtype=samples.dtype)
        self.n_components_ = len(self.components_)
        return self

    def _drawn_rows(self, n_samples: int) -> np.ndarray:
        """Those of so many samples that `fit` computes components from, in order."""
        subsample = check_integer(self.subsample, "subsample", min_val=1)
        random_state = private_random_state(self.random_state)
        if n_samples <= subsample:
            return np.arange(n_samples)
        return np.sort(random_state.permutation(n_samples)[:subsample])

    def transform(self, X: ArrayLike) -> np.ndarray:
        """Project samples on the components.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite and dense.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
        """
        check_is_fitted(self)
        X = validate_samples(self, X, reset=False, allow_missing=False).array
        return X @ self.components_.T.astype(X.dtype, copy=False)

    @property
    def _n_features_out(self):
        """Number of columns of `transform`, for get_feature_names_out."""
        return self.n_components_

    def __sklearn_tags__(self):
        """Tell scikit-learn that float32 stays float32."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def half_whitened(random_state: RandomState) -> list[tuple[str, BaseEstimator]]:
    """Last steps of features: what all samples share counts less, and all count alike.

    500 principal components about the origin, half whitened; then unit norm.
    """
    return [
        ("components", PartialWhitening(500, random_state=random_state)),
        (
            "normalizer",
            FunctionTransformer(_of_unit_norm, feature_names_out="one-to-one"),
        ),
    ]


def _of_unit_norm(Z) -> np.ndarray:
    """Rows of norm one, but for zeros, however small or large they are."""
    largest = np.abs(Z).max(axis=1, keepdims=True)
    # Powers of two leave the digits as they are.
    return normalize(np.ldexp(Z, -np.frexp(largest)[1]), copy=False)


def _gram(X: np.ndarray) -> np.ndarray:
    """``X.T @ X`` in double precision, without a copy of X in it."""
    total = np.zeros((X.shape[1], X.shape[1]))
    for start in range(0, len(X), _ROWS_AT_ONCE):
        # Squares lose half of the digits, hence double precision.
        part = X[start : start + _ROWS_AT_ONCE].astype(np.float64)
        total += part.T @ part
    return total


def _largest_moments(X, n_components: int):
    """Eigenvalues and eigenvectors, as columns, of the mean of ``x x^T``."""
    n_samples, n_features = X.shape
    # The smaller of the two products has the same eigenvalues.
    is_wide = n_features > n_samples
    with np.errstate(over="ignore", invalid="ignore"), step("second moments"):
        moments = _gram(X.T if is_wide else X) / n_samples
    if not np.isfinite(moments).all():
        raise ValueError(
            "Entries of X are too large to square in double precision; choose a unit "
            "in which X is not so large."
        )
    size = len(moments)
    with step("eigenvectors", blocks=True):
        eigenvalues, eigenvectors = scipy.linalg.eigh(
            moments,
            subset_by_index=[max(size - n_components, 0), size - 1],
            overwrite_a=True,
        )
    eigenvalues, eigenvectors = eigenvalues[::-1], eigenvectors[:, ::-1]
    rounding_error = max(X.shape) * np.finfo(np.float64).eps * eigenvalues[0]
    is_nonzero = eigenvalues > max(rounding_error, 0.0)
    eigenvalues, eigenvectors = eigenvalues[is_nonzero], eigenvectors[:, is_nonzero]
    if is_wide:
        eigenvectors = X.T @ eigenvectors / np.sqrt(n_samples * eigenvalues)
    # Which of the two signs comes out is the solver's whim.
    largest = np.abs(eigenvectors).argmax(axis=0)
    signs = np.sign(eigenvectors[largest, np.arange(len(eigenvalues))])
    return eigenvalues, eigenvectors * signs
