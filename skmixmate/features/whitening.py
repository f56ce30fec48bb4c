"""Principal components about the origin, partly whitened."""

from collections.abc import Callable
from functools import partial
from typing import Any, Self

import numpy as np
import scipy.linalg
import torch
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.preprocessing import FunctionTransformer, normalize
from sklearn.utils.validation import _num_samples, check_is_fitted
from torch import Tensor

from ..utils.device import CPU, is_accelerator, plain_arithmetic, resolve_device
from ..utils.estimator import VersionedEstimator
from ..utils.parameter_checks import check_integer, check_number
from ..utils.progress import step
from ..utils.random import RandomState, private_random_state
from ..utils.validation import Array, ArrayLike, Input, validate_samples

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
    device : str or torch.device, default="auto"
        Where `fit` and `transform` compute: "auto" is a CUDA GPU where there is one,
        else the CPU.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        ``transform`` is ``X @ components_.T``: the eigenvectors of the second moments
        of X, divided by ``root_mean_squares_ ** power``.
    root_mean_squares_ : ndarray of shape (n_components,)
        Root mean square of the samples along each eigenvector.
    n_samples_seen_ : int
        Number of samples that the components were computed from.
    n_components_ : int
        Number of components; directions in which all samples are zero, up to rounding,
        are none.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had string names.

    Notes
    -----
    `partial_fit` keeps the second moments of all features, in double precision, and so
    does what is saved or pickled then: 30 MB with 1,953 features, 660 MB with 9,081.

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
        device: str | torch.device = "auto",
    ) -> None:
        self.n_components = n_components
        self.power = power
        self.subsample = subsample
        self.random_state = random_state
        self.device = device

    @plain_arithmetic
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
        n_components, power = self._checked_parameters()
        device = resolve_device(self.device)
        rows = self._drawn_rows(_num_samples(X))
        data = validate_samples(self, X, reset=True, allow_missing=False)
        if len(data.X) > len(rows):  # Of which a copy may be too large.
            data = data._replace(X=data.X[torch.from_numpy(rows)])
        if hasattr(self, "_moments"):  # Of a stream that went before.
            del self._moments
        self.n_samples_seen_ = len(data.X)
        X = data.X if is_accelerator(device) else data.array
        mean_squares, eigenvectors = _largest_moments(X, n_components, device)
        dtype = np.float32 if data.X.dtype == torch.float32 else np.float64
        self._set_components(mean_squares, eigenvectors, power, dtype)
        return self

    def partial_fit(self, X: ArrayLike, y: object = None) -> Self:
        """Compute the components of this batch and all earlier ones together.

        Up to rounding they are those of `fit` to all batches at once, in any order,
        and without ``subsample``. The first call, and one after `fit`, which keeps no
        moments, begins anew. Each call decomposes the moments, which with 2,000
        features takes seconds: prefer few large batches.

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
            As `fit`; a batch of zeros is refused only if there was nothing else.
        """
        n_components, power = self._checked_parameters()
        is_first = not hasattr(self, "_moments")
        X = validate_samples(self, X, reset=is_first, allow_missing=False).array
        with np.errstate(over="ignore", invalid="ignore"), step("second moments"):
            sums = _gram(X)
            n_samples = len(X)
            if not is_first:
                sums += self._moments * self.n_samples_seen_
                n_samples += self.n_samples_seen_
            moments = _finite(sums / n_samples)
        mean_squares, eigenvectors = _eigenvectors(
            moments.copy(), n_components, n_samples
        )
        # Of one precision throughout a stream, the higher one.
        dtype = X.dtype
        if not is_first:
            dtype = np.promote_types(dtype, self.components_.dtype)
        self._set_components(mean_squares, eigenvectors, power, dtype)
        self._moments: np.ndarray = moments
        self.n_samples_seen_ = n_samples
        return self

    def _checked_parameters(self) -> tuple[int, float]:
        """``n_components`` and ``power``."""
        n_components = check_integer(self.n_components, "n_components", min_val=1)
        power = check_number(self.power, "power", include_boundaries="left")
        if power > 1.0:
            raise ValueError(f"power must be in [0, 1], got {self.power!r}.")
        return n_components, power

    def _set_components(self, mean_squares, eigenvectors, power: float, dtype) -> None:
        if not len(mean_squares):
            raise ValueError(
                "All entries of X are zero, or too small to square: there are no "
                "components."
            )
        self.root_mean_squares_ = np.sqrt(mean_squares)
        scaled = eigenvectors / self.root_mean_squares_**power
        self.components_ = np.ascontiguousarray(scaled.T, dtype=dtype)
        self.n_components_ = len(self.components_)

    def _drawn_rows(self, n_samples: int) -> np.ndarray:
        """Those of so many samples that `fit` computes components from, in order."""
        subsample = check_integer(self.subsample, "subsample", min_val=1)
        random_state = private_random_state(self.random_state)
        if n_samples <= subsample:
            return np.arange(n_samples)
        return np.sort(random_state.permutation(n_samples)[:subsample])

    @plain_arithmetic
    def transform(self, X: ArrayLike) -> Array:
        """Project samples on the components.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            Finite and dense.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_components)
            A tensor if X is one, on its device.
        """
        check_is_fitted(self)
        device = resolve_device(self.device)
        data = validate_samples(self, X, reset=False, allow_missing=False)
        with step("projection"):
            Z = self._projected(data, device)
        return Z if data.is_tensor else Z.numpy()

    def _projected(self, data: Input, device: torch.device) -> Tensor:
        """Samples on the components, where they came from."""
        if is_accelerator(device):
            from .on_device import projected

            return projected(data.X, self.components_, device)
        X = data.array
        Z = X @ self.components_.T.astype(X.dtype, copy=False)
        return torch.from_numpy(Z).to(data.X.device)

    @property
    def _n_features_out(self):
        """Number of columns of `transform`, for get_feature_names_out."""
        return self.n_components_

    def __sklearn_tags__(self):
        """Tell scikit-learn that float32 stays float32."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def half_whitened(
    random_state: RandomState, device: str | torch.device
) -> list[tuple[str, BaseEstimator]]:
    """Last steps of features: what all samples share counts less, and all count alike.

    500 principal components about the origin, half whitened; then unit norm.
    """
    return [
        ("components", PartialWhitening(500, random_state=random_state, device=device)),
        (
            "normalizer",
            FunctionTransformer(_of_unit_norm, feature_names_out="one-to-one"),
        ),
    ]


def _of_unit_norm(Z: Array) -> Array:
    """Rows of norm one, but for zeros, however small or large they are."""
    if isinstance(Z, Tensor):
        from .on_device import of_unit_norm

        return of_unit_norm(Z)
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


def _largest_moments(X: Array, n_components: int, device: torch.device):
    """Eigenvalues and eigenvectors, as columns, of the mean of ``x x^T``."""
    n_samples, n_features = X.shape
    # The smaller of the two products has the same eigenvalues.
    is_wide = n_features > n_samples
    with np.errstate(over="ignore", invalid="ignore"), step("second moments"):
        gram: Callable[[Any], np.ndarray] = _gram
        if is_accelerator(device):
            from .on_device import gram as gram_on_device

            gram = partial(gram_on_device, device=device)
        moments = _finite(gram(X.T if is_wide else X) / n_samples)
    eigenvalues, eigenvectors = _eigenvectors(
        moments, n_components, max(X.shape), device
    )
    if is_wide:
        X = X.cpu().numpy() if isinstance(X, Tensor) else X
        eigenvectors = X.T @ eigenvectors / np.sqrt(n_samples * eigenvalues)
        eigenvectors = _signed(eigenvectors)
    return eigenvalues, eigenvectors


def _finite(moments: np.ndarray) -> np.ndarray:
    if not np.isfinite(moments).all():
        raise ValueError(
            "Entries of X are too large to square in double precision; choose a unit "
            "in which X is not so large."
        )
    return moments


def _eigenvectors(
    moments: np.ndarray,
    n_components: int,
    n_terms: int,
    device: torch.device = CPU,
):
    """The largest eigenvalues, and eigenvectors as columns; overwrites ``moments``.

    ``n_terms`` of the sums that moments, or entries, are made of tells how far rounding
    goes.
    """
    size = len(moments)
    with step("eigenvectors", blocks=True):
        if is_accelerator(device):
            from .on_device import largest_eigenpairs

            found = largest_eigenpairs(moments, n_components, device)
        else:
            found = scipy.linalg.eigh(
                moments,
                subset_by_index=[max(size - n_components, 0), size - 1],
                overwrite_a=True,
            )
    eigenvalues, eigenvectors = found
    eigenvalues, eigenvectors = eigenvalues[::-1], eigenvectors[:, ::-1]
    rounding_error = max(n_terms, size) * np.finfo(np.float64).eps * eigenvalues[0]
    is_nonzero = eigenvalues > max(rounding_error, 0.0)
    return eigenvalues[is_nonzero], _signed(eigenvectors[:, is_nonzero])


def _signed(eigenvectors: np.ndarray) -> np.ndarray:
    """With the largest entry of each positive: else the sign is the solver's whim."""
    largest = np.abs(eigenvectors).argmax(axis=0)
    signs = np.sign(eigenvectors[largest, np.arange(eigenvectors.shape[1])])
    return eigenvectors * signs
