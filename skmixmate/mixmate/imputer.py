"""Missing entries filled in by a mixture, as a step of a Pipeline."""

from typing import Self

import torch
from sklearn.base import (
    BaseEstimator,
    OneToOneFeatureMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..initializers import spectral_labels
from ..utils.callers import is_called_by_user, warn_user
from ..utils.parameter_checks import check_bool, check_integer
from ..utils.random import RandomState, private_random_state, seeded_clone
from ..utils.validation import (
    Array,
    ArrayLike,
    missing_entries,
    validate_samples,
    with_nan,
)
from .estimator import MixMateClustering

__all__ = ["MixMateImputer"]


class MixMateImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Fill in missing entries by `MixMateClustering.impute`; pass on complete data.

    Missing are NaN and what a NumPy masked array masks. There is no ``mask``, which
    nothing in a Pipeline would pass on; ``np.ma.array(X, mask=~observed)`` does.

    A mixture is fitted only if there is something missing, so that in a Pipeline this
    step costs next to nothing where it is not needed.

    Parameters
    ----------
    mixmate : MixMateClustering, default=None
        Fitted, as a clone, to the samples. None is ``MixMateClustering(10)`` with at
        most ten epochs.
    always : bool, default=False
        Fit the mixture to complete samples too, so that `transform` can fill in others
        later.
    subsample : int, default=10000
        Largest number of samples, drawn at random, that it is fitted to: a rough model
        is enough. Complete ones alone if there are at least half as many, since masked
        training takes many times as long.
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
        self,
        mixmate: MixMateClustering | None = None,
        *,
        always: bool = False,
        subsample: int = 10_000,
        random_state: RandomState = None,
        device: str | torch.device = "auto",
    ) -> None:
        self.mixmate = mixmate
        self.always = always
        self.subsample = subsample
        self.random_state = random_state
        self.device = device

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Fit the mixture if anything is missing.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN, or a mask of its own, marks a missing entry.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        MixMateImputer
            Itself.

        Raises
        ------
        TypeError, ValueError
            If a parameter or X is out of range.
        """
        subsample = check_integer(self.subsample, "subsample", min_val=1)
        always = check_bool(self.always, "always")
        if not (self.mixmate is None or isinstance(self.mixmate, MixMateClustering)):
            raise TypeError(
                f"mixmate must be None or a MixMateClustering, got {self.mixmate!r}."
            )
        random_state = private_random_state(self.random_state)
        X = validate_samples(self, with_nan(X), reset=True).X
        self.mixmate_ = None
        missing = missing_entries(X)
        if missing is None and not always:
            return self
        chosen = _subsample(len(X), missing, subsample, random_state)
        mixmate = self.mixmate
        if mixmate is None:
            # One start will do: what is filled in hardly depends on the clusters.
            mixmate = MixMateClustering(
                min(10, len(chosen)),
                adapt_n_atoms=False,
                init=spectral_labels,
                max_iter=10,
                device=self.device,
            )
        mixmate = seeded_clone(mixmate, random_state)
        try:
            mixmate.fit(X[chosen])
        except KeyboardInterrupt:
            if not (mixmate.__sklearn_is_fitted__() and is_called_by_user(self)):
                raise
            warn_user(
                "Fitting was interrupted: what is kept is the mixture as it was then.",
                RuntimeWarning,
            )
        self.mixmate_ = mixmate
        return self

    def transform(self, X: ArrayLike) -> Array:
        """Fill in what is missing.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN, or a mask of its own, marks a missing entry.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_features)
            A copy. Integers with masked entries become floating point numbers.

        Raises
        ------
        ValueError
            If entries are missing and none were in ``fit``.
        """
        check_is_fitted(self)
        data = validate_samples(self, with_nan(X), reset=False)
        missing = missing_entries(data.X)
        filled = data.X.clone()
        if missing is not None:
            if self.mixmate_ is None:
                raise ValueError(
                    "X has missing entries, and there were none in fit; fit with some, "
                    "or with always=True, so that there is a model to fill them in."
                )
            incomplete = missing.any(dim=1)
            filled[incomplete] = self.mixmate_.impute(filled[incomplete]).to(
                filled.dtype
            )
        return filled if data.is_tensor else filled.numpy()

    def __sklearn_tags__(self):
        """Tell scikit-learn that NaN is welcome and that float32 stays float32."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _subsample(n_samples: int, missing: Tensor | None, size: int, random_state):
    """Indices of at most ``size`` samples, and few more if a feature needs them."""
    order = torch.from_numpy(random_state.permutation(n_samples))
    size = min(size, n_samples)
    if missing is None:
        return order[:size].sort().values
    missing = missing.cpu()
    order_of_complete = order[~missing.any(dim=1)[order]]
    if len(order_of_complete) >= size / 2:
        return order_of_complete[:size].sort().values
    chosen = order[:size]
    unseen = missing[chosen].all(dim=0)
    # One sample each, or the mixture would leave these features out.
    witnesses = (~missing[:, unseen]).int().argmax(dim=0)
    return torch.cat([chosen, witnesses]).unique()
