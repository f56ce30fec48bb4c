"""Missing entries filled in by a mixture, as a step of a Pipeline."""

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    OneToOneFeatureMixin,
    TransformerMixin,
    clone,
)
from sklearn.utils.validation import check_is_fitted

from ..utils.random import private_random_state
from ..utils.validation import check_integer, validate_samples
from .estimator import MixMateClustering

__all__ = ["MixMateImputer"]


class MixMateImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Fill in missing entries by `MixMateClustering.impute`; pass on complete data.

    A mixture is fitted only if there is something missing, so that in a Pipeline this
    step costs nothing where it is not needed.

    Parameters
    ----------
    mixmate : MixMateClustering, default=None
        Fitted, as a clone, to the samples. None is ``MixMateClustering(10)`` with at
        most ten epochs.
    subsample : int, default=10000
        Largest number of samples, drawn at random, that it is fitted to: masked
        training takes long, and a rough model of the pixels is enough.
    random_state : int, RandomState instance or None, default=None
        Seeds the draw, and the mixture if its own is None.
    device : str or torch.device, default="auto"
        Of the mixture that None stands for.

    Attributes
    ----------
    mixmate_ : MixMateClustering or None
        The fitted mixture; None if nothing was missing.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had string names.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from skmixmate import MixMateImputer
    >>> X, _ = load_digits(return_X_y=True)
    >>> X[::2, 20:24] = np.nan
    >>> filled = MixMateImputer(random_state=0).fit_transform(X)
    >>> bool(np.isnan(filled).any())
    False
    """

    def __init__(
        self, mixmate=None, *, subsample=10_000, random_state=None, device="auto"
    ):
        self.mixmate = mixmate
        self.subsample = subsample
        self.random_state = random_state
        self.device = device

    def fit(self, X, y=None):
        """Fit the mixture if anything is missing.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        MixMateImputer
            Itself.

        Raises
        ------
        TypeError, ValueError
            If a parameter or X is out of range, or an image or a pixel is missing
            throughout.
        """
        subsample = check_integer(self.subsample, "subsample", min_val=1)
        random_state = private_random_state(self.random_state)
        data = validate_samples(self, X, reset=True)
        self.mixmate_ = None
        if not _has_missing(data.X):
            return self
        X = data.X
        if len(X) > subsample:
            chosen = np.sort(random_state.permutation(len(X))[:subsample])
            X = X[torch.from_numpy(chosen)]
        if self.mixmate is None:
            n_clusters = min(10, len(X))
            mixmate = MixMateClustering(n_clusters, max_iter=10, device=self.device)
        else:
            mixmate = clone(self.mixmate)
        if mixmate.random_state is None:
            mixmate.set_params(random_state=random_state.randint(2**31 - 1))
        self.mixmate_ = mixmate.fit(X)
        return self

    def transform(self, X):
        """Fill in what is missing.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_features)
            X as it is if it is complete.

        Raises
        ------
        ValueError
            If entries are missing and none were in ``fit``.
        """
        check_is_fitted(self)
        data = validate_samples(self, X, reset=False)
        if not _has_missing(data.X):
            return data.X if data.is_tensor else data.X.numpy()
        if self.mixmate_ is None:
            raise ValueError(
                "X has missing entries, and there were none in fit; fit with samples "
                "that miss some, so that there is a model to fill them in."
            )
        filled = self.mixmate_.impute(data.X)
        return filled if data.is_tensor else filled.numpy()

    def __sklearn_tags__(self):
        """Tell scikit-learn that NaN is welcome and that float32 stays float32."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _has_missing(X: torch.Tensor) -> bool:
    return X.is_floating_point() and bool(torch.isnan(X.sum()))
