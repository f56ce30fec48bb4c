"""What the ready-made clusterers say of samples once they are fitted."""

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ..base.parts import in_parts
from ..base.samples import like_input, mean_score
from ..mixmate import NeighborVoting
from ..utils.device import plain_arithmetic
from ..utils.outputs import Output
from ..utils.progress import reporting
from ..utils.validation import (
    Array,
    ArrayLike,
    shared_tensor,
    validate_samples,
)
from .features import complete_batches, features_device
from .samples import Found, normalized, taken, to_numpy

__all__ = ["FittedAnswers"]


# A TransformerMixin itself: only in one does set_output wrap `transform`.
class FittedAnswers(ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Labels, probabilities, energies, scores and features, batch by batch.

    Subclasses have ``_rows``, the parameters ``n_jobs``, ``device`` and ``verbose``,
    and the fitted attributes ``features_``, ``imputer_``, ``voting_``,
    ``sample_shape_`` and ``_oddness``.
    """

    @in_parts
    def predict(
        self,
        X: ArrayLike,
        mask: ArrayLike | None = None,
        *,
        out: np.ndarray | None = None,
    ) -> Array:
        """Assign each sample to the cluster that it and its neighbours vote for.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            As in `fit`.
        mask : array-like or Tensor of the shape of X, bool, default=None
            True where observed.
        out : ndarray of shape (n_samples,), default=None
            What is filled batch by batch and returned, a memory map for example, of any
            integer dtype; None makes a new array.

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
        voting = self._voter()
        return self._answers(
            X,
            mask,
            lambda found: voting._predict_proba(found.Z, found.trust).argmax(1),
            out,
        )

    @in_parts
    def predict_proba(
        self,
        X: ArrayLike,
        mask: ArrayLike | None = None,
        *,
        out: np.ndarray | None = None,
    ) -> Array:
        """Probability of each cluster after the vote.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            As in `fit`.
        mask : array-like or Tensor of the shape of X, bool, default=None
            True where observed.
        out : ndarray of shape (n_samples, n_clusters), default=None
            What is filled batch by batch and returned, a memory map for example, of any
            floating dtype; None makes a new array.

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
            X, mask, lambda found: voting._predict_proba(found.Z, found.trust), out
        )

    @in_parts
    def transform(
        self,
        X: ArrayLike,
        mask: ArrayLike | None = None,
        *,
        out: np.ndarray | None = None,
    ) -> Array:
        """Energy of each sample under each cluster of the mixture, without a vote.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            As in `fit`.
        mask : array-like or Tensor of the shape of X, bool, default=None
            True where observed.
        out : ndarray of shape (n_samples, n_clusters), default=None
            What is filled batch by batch and returned, a memory map for example, of any
            floating dtype; None makes a new array.

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
        return self._answers(X, mask, lambda found: voting.transform(found.Z), out)

    @in_parts
    def score_samples(
        self,
        X: ArrayLike,
        mask: ArrayLike | None = None,
        *,
        out: np.ndarray | None = None,
    ) -> Array:
        """How well the mixture explains each sample: the higher, the better.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            As in `fit`.
        mask : array-like or Tensor of the shape of X, bool, default=None
            True where observed.
        out : ndarray of shape (n_samples,), default=None
            What is filled batch by batch and returned, a memory map for example, of any
            floating dtype; None makes a new array.

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
        return self._answers(X, mask, lambda found: voting.score_samples(found.Z), out)

    @in_parts
    def outlier_scores(
        self,
        X: ArrayLike,
        mask: ArrayLike | None = None,
        *,
        out: np.ndarray | None = None,
    ) -> Array:
        """How odd each sample is: the higher, the less it belongs to any cluster.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            As in `fit`.
        mask : array-like or Tensor of the shape of X, bool, default=None
            True where observed. What is filled in is usual: deviations count as much as
            the share of a sample's variance that was observed.
        out : ndarray of shape (n_samples,), default=None
            What is filled batch by batch and returned, a memory map for example, of any
            floating dtype; None makes a new array.

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

        return self._answers(X, mask, scores, out)

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

    @in_parts
    def compute_features(
        self,
        X: ArrayLike,
        mask: ArrayLike | None = None,
        *,
        out: np.ndarray | None = None,
    ) -> Array:
        """Features of samples, which are what the mixture in ``mixmate_`` takes.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            As in `fit`.
        mask : array-like or Tensor of the shape of X, bool, default=None
            True where observed.
        out : ndarray of shape (n_samples, n_features of ``mixmate_``), default=None
            What is filled batch by batch and returned, a memory map for example, of any
            floating dtype; None makes a new array.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_features of ``mixmate_``)

        Raises
        ------
        ValueError
            As `predict`.
        """
        self._voter()
        return self._answers(X, mask, lambda found: found.Z, out)

    def _voter(self) -> NeighborVoting:
        check_is_fitted(self)
        return self.voting_

    @plain_arithmetic
    def _answers(self, X, mask, answer, out: np.ndarray | None) -> Array:
        """What a function of `Found` says, batch by batch, as what X is."""
        X, mask, _ = self._rows(X, mask, self.sample_shape_)
        data = validate_samples(self, X, mask, reset=False)
        if self.imputer_ is None and data.has_missing:
            raise ValueError(
                "X has missing entries, and there were none in fit; fit with some, or "
                "with always_impute=True, so that there is a model to fill them in."
            )
        device = features_device(self.features_)
        answers = Output(out, len(data.X), data.X.device)
        with reporting(type(self).__name__, self.verbose):
            for rows, batch, trust in complete_batches(
                self.features_, self.imputer_, data
            ):
                raw = self.features_[:-1].transform(taken(batch, device))
                found = Found(*normalized(self.features_, raw), trust)
                # An array, whatever scikit-learn's configuration says.
                answers.write(rows, shared_tensor(np.asarray(answer(found))))
        return like_input(data, answers.result())
