"""Methods that the estimators over networks share."""

from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from ..utils.callbacks import CallbackSupportMixin
from .batches import mean_score

__all__ = ["NetworkEstimatorMixin"]


# A TransformerMixin itself: only in one does set_output wrap `fit_transform`.
class NetworkEstimatorMixin(
    ClassNamePrefixFeaturesOutMixin, CallbackSupportMixin, TransformerMixin
):
    """What follows from `fit`, `predict`, `transform` and `score_samples`.

    Subclasses also give ``_fitted_name``, the attribute that a fitted one has.
    """

    _fitted_name: str

    def fit_predict(self, X, y=None, mask=None):
        """Fit to X and return its labels.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        y : Ignored
            Present for API consistency.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.

        Returns
        -------
        ndarray of shape (n_samples,)
            See `predict`.

        Raises
        ------
        TypeError, ValueError
            As `fit`.
        """
        self.fit(X, mask=mask)
        # An interrupt may have come before there were labels.
        return self.labels_ if hasattr(self, "labels_") else self.predict(X, mask)

    def fit_transform(self, X, y=None, mask=None):
        """Fit to X and transform it.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        y : Ignored
            Present for API consistency.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_features_out)
            See `transform`.

        Raises
        ------
        TypeError, ValueError
            As `fit`.
        """
        return self.fit(X, mask=mask).transform(X, mask=mask)

    def score(self, X, y=None, sample_weight=None, mask=None):
        """Mean of `score_samples`: the higher, the better.

        Compare only models that `score_samples` says can be compared.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the mean.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If X, mask or ``sample_weight`` has a wrong shape or type.
        """
        return mean_score(self.score_samples(X, mask), sample_weight)

    def __sklearn_is_fitted__(self):
        """Whether there is a model; ``n_features_in_`` may be left of a failed fit."""
        return hasattr(self, self._fitted_name)

    def __sklearn_tags__(self):
        """Tell scikit-learn that NaN is welcome and what dtypes come back."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
