"""What the ready-made clusterers say of samples once they are fitted."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..base.samples import like_input, mean_score
from ..mixmate import NeighborVoting
from ..utils.device import plain_arithmetic
from ..utils.progress import in_batches, reporting
from ..utils.validation import (
    Array,
    ArrayLike,
    Input,
    missing_entries,
    shared_tensor,
    validate_samples,
)
from .samples import Found, completed, normalized, to_array, to_numpy

__all__ = ["FittedAnswers"]

# Samples, and coefficients of theirs, that are held at once.
_BATCH_SIZE, _BATCH_ENTRIES = 8192, 2**26


# A TransformerMixin itself: only in one does set_output wrap `transform`.
class FittedAnswers(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Labels, probabilities, energies, scores and features, batch by batch.

    Subclasses have ``_rows``, the parameter ``verbose``, and the fitted attributes
    ``features_``, ``imputer_``, ``voting_``, ``sample_shape_`` and ``_oddness``.
    """

    def predict(self, X: ArrayLike, mask: ArrayLike | None = None) -> Array:
        """Assign each sample to the cluster that it and its neighbours vote for.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            As in `fit`.
        mask : array-like or Tensor of the shape of X, bool, default=None
            True where observed.

        Returns
        -------
        ndarray or Tensor of shape (n_samples,), int
            Labels 0 to ``n_clusters - 1``.

        Raises
        ------
        ValueError
            If X does not fit the estimator, or has missing entries and had none in
            `fit`.
        """
        return self.predict_proba(X, mask).argmax(1)

    def predict_proba(self, X: ArrayLike, mask: ArrayLike | None = None) -> Array:
        """Probability of each cluster after the vote.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            As in `fit`.
        mask : array-like or Tensor of the shape of X, bool, default=None
            True where observed.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_clusters)
            Rows sum to one.

        Raises
        ------
        ValueError
            As `predict`.
        """
        voting = self._voter()
        return self._answers(
            X, mask, lambda found: voting._predict_proba(found.Z, found.trust)
        )

    def transform(self, X: ArrayLike, mask: ArrayLike | None = None) -> Array:
        """Energy of each sample under each cluster of the mixture, without a vote.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            As in `fit`.
        mask : array-like or Tensor of the shape of X, bool, default=None
            True where observed.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_clusters)
            See `MixMateClustering.transform`.

        Raises
        ------
        ValueError
            As `predict`.
        """
        voting = self._voter()
        return self._answers(X, mask, lambda found: voting.transform(found.Z))

    def score_samples(self, X: ArrayLike, mask: ArrayLike | None = None) -> Array:
        """How well the mixture explains each sample: the higher, the better.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            As in `fit`.
        mask : array-like or Tensor of the shape of X, bool, default=None
            True where observed.

        Returns
        -------
        ndarray or Tensor of shape (n_samples,)
            Of features; see `MixMateClustering.score_samples`.

        Raises
        ------
        ValueError
            As `predict`.
        """
        voting = self._voter()
        return self._answers(X, mask, lambda found: voting.score_samples(found.Z))

    def outlier_scores(self, X: ArrayLike, mask: ArrayLike | None = None) -> Array:
        """How odd each sample is: the higher, the less it belongs to any cluster.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            As in `fit`.
        mask : array-like or Tensor of the shape of X, bool, default=None
            True where observed. What is filled in is usual: deviations count as much as
            the share of a sample's variance that was observed.

        Returns
        -------
        ndarray or Tensor of shape (n_samples,)
            In robust standard deviations of the training samples of the cluster with
            the lowest energy: of the energy above their median, or, if that is more, of
            the logarithm of the norm of its features from theirs. A quantile of
            ``outlier_scores_``, 0.99 say, is a threshold for training samples. New ones
            have higher energies than those that dictionaries were fitted to, the more
            so the fewer these were: take the quantile of scores of samples that were
            held out.

        Raises
        ------
        ValueError
            As `predict`, or if fitting was interrupted.
        """
        voting = self._voter()
        if not hasattr(self, "_oddness"):
            raise ValueError(
                "Fitting was interrupted before it was known what is usual in a "
                "cluster; fit again for outlier scores."
            )

        def scores(found: Found) -> np.ndarray:
            energies = np.asarray(voting.transform(found.Z))
            scores = self._oddness.scores(energies, found.norms)
            return scores if found.trust is None else scores * to_numpy(found.trust)

        return self._answers(X, mask, scores)

    def score(
        self,
        X: ArrayLike,
        y: object = None,
        sample_weight: ArrayLike | None = None,
        mask: ArrayLike | None = None,
    ) -> float:
        """Mean of `score_samples`: the higher, the better.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            As in `fit`.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the mean.
        mask : array-like or Tensor of the shape of X, bool, default=None
            True where observed.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            As `predict`, or if ``sample_weight`` does not fit.
        """
        return mean_score(self.score_samples(X, mask), sample_weight)

    def compute_features(self, X: ArrayLike, mask: ArrayLike | None = None) -> Array:
        """Features of samples, which are what the mixture in ``mixmate_`` takes.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            As in `fit`.
        mask : array-like or Tensor of the shape of X, bool, default=None
            True where observed.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_features of ``mixmate_``)

        Raises
        ------
        ValueError
            As `predict`.
        """
        self._voter()
        return self._answers(X, mask, lambda found: found.Z)

    def _voter(self) -> NeighborVoting:
        check_is_fitted(self)
        return self.voting_

    @plain_arithmetic
    def _answers(self, X, mask, answer) -> Array:
        """What a function of `Found` says, batch by batch, as what X is."""
        X, mask, _ = self._rows(X, mask, self.sample_shape_)
        data = validate_samples(self, X, mask, reset=False)
        answers = []
        with reporting(type(self).__name__, self.verbose):
            for batch, trust in self._complete_batches(data):
                raw = self.features_[:-1].transform(to_array(batch))
                found = Found(*normalized(self.features_, raw), trust)
                # An array, whatever scikit-learn's configuration says.
                answers.append(shared_tensor(np.asarray(answer(found))))
        return like_input(data, torch.cat(answers).to(data.X.device))

    def _complete_batches(self, data: Input) -> Iterator[tuple[Input, Tensor | None]]:
        if self.imputer_ is None and missing_entries(data.X, data.mask) is not None:
            raise ValueError(
                "X has missing entries, and there were none in fit; fit with some, or "
                "with always_impute=True, so that there is a model to fill them in."
            )
        widest = max(
            math.prod(getattr(step, "output_shape_", ())) for step in self.features_
        )
        size = max(1, min(_BATCH_SIZE, _BATCH_ENTRIES // widest))
        for rows in in_batches("samples", len(data.X), size):
            mask = None if data.mask is None else data.mask[rows]
            yield completed(self.imputer_, Input(data.X[rows], mask, data.is_tensor))
