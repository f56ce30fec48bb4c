"""A mixture whose labels are decided together with neighbouring samples."""

import numpy as np
import torch
from scipy.special import softmax
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
    clone,
)
from sklearn.utils.validation import check_is_fitted, validate_data

from ..functional import nearest_in_groups
from ..utils.device import resolve_device
from ..utils.random import private_random_state
from ..utils.user_warnings import warn_user
from ..utils.validation import check_integer
from .estimator import MixMateClustering

__all__ = ["NeighborVoting"]


class NeighborVoting(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator
):
    """MixMate, with a vote of the nearest training samples.

    A mixture judges each sample by itself, and near the border between two clusters it
    is often wrong where the samples around are right. Here the probabilities of a
    sample are the average of its own and those of its nearest training samples. That
    helps where neighbours are mostly of one class, as in good features, and many: with
    few training samples the nearest ones are far.

    Parameters
    ----------
    mixmate : MixMateClustering, default=None
        Fitted, as a clone, to the samples. None is ``MixMateClustering()``.
    n_neighbors : int, default=10
        Number of training samples that vote beside the sample itself; a training sample
        is one of its own neighbours. 0 leaves the mixture as it is.
    n_candidates : int, default=3
        Number of clusters, the likeliest of each sample, whose training samples are
        searched for neighbours. With all clusters the search is complete, and takes as
        many times as long.
    subsample : int, default=100000
        Largest number of training samples, drawn at random, that vote; they are kept.
    random_state : int, RandomState instance or None, default=None
        Seeds the draw, and the mixture if its own is None.

    Attributes
    ----------
    mixmate_ : MixMateClustering
        The fitted mixture, with dictionaries, history and labels of its own.
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training sample, the same as `predict` gives.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had string names.

    Notes
    -----
    Distances are Euclidean. The search takes time in proportion to the number of
    samples times ``subsample``, on the mixture's ``device``. Missing entries are not
    taken: `MixMateImputer` fills them in.

    References
    ----------
    Cover and Hart, "Nearest neighbor pattern classification" (1967), for the rule, with
    the mixture's probabilities in place of classes.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmixmate import MixMateClustering, NeighborVoting
    >>> from skmixmate.metrics import clustering_accuracy
    >>> X, y = load_digits(return_X_y=True)
    >>> voting = NeighborVoting(MixMateClustering(10, max_iter=5), random_state=0)
    >>> labels = voting.fit_predict(X)
    >>> alone = clustering_accuracy(y, voting.mixmate_.labels_)
    >>> bool(clustering_accuracy(y, labels) > alone)
    True
    """

    def __init__(
        self,
        mixmate=None,
        *,
        n_neighbors=10,
        n_candidates=3,
        subsample=100_000,
        random_state=None,
    ):
        self.mixmate = mixmate
        self.n_neighbors = n_neighbors
        self.n_candidates = n_candidates
        self.subsample = subsample
        self.random_state = random_state

    def fit(self, X, y=None):
        """Fit the mixture and let the samples vote.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite and dense.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        NeighborVoting
            Itself.

        Raises
        ------
        TypeError, ValueError
            If a parameter or X is out of range.

        Warns
        -----
        RuntimeWarning
            If fitting, or the vote, was interrupted.
        """
        self._check_parameters()
        random_state = private_random_state(self.random_state)
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        mixmate = MixMateClustering() if self.mixmate is None else clone(self.mixmate)
        if mixmate.random_state is None:
            mixmate.set_params(random_state=random_state.randint(2**31 - 1))
        self.mixmate_ = mixmate.fit(X)
        energies = mixmate.transform(X)
        drawn = np.sort(random_state.permutation(len(X))[: self.subsample])
        self._remember(X[drawn], energies[drawn])
        try:
            self.labels_ = self._vote(X, energies).argmax(axis=1)
        except KeyboardInterrupt:
            warn_user(
                "The vote was interrupted: labels_ are those of the mixture alone.",
                RuntimeWarning,
            )
            self.labels_ = energies.argmin(axis=1)
        return self

    def predict(self, X):
        """Assign each sample to the cluster that it and its neighbours vote for.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite and dense.

        Returns
        -------
        ndarray of shape (n_samples,), int
            Labels 0 to ``n_clusters - 1``.
        """
        return self.predict_proba(X).argmax(axis=1)

    def predict_proba(self, X):
        """Average probability of each cluster, of a sample and its neighbours.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite and dense.

        Returns
        -------
        ndarray of shape (n_samples, n_clusters)
            Rows sum to one.
        """
        X = self._validated(X)
        self._check_parameters()
        return self._vote(X, self.mixmate_.transform(X))

    def transform(self, X):
        """Energy of each sample under each cluster of the mixture, without a vote.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite and dense.

        Returns
        -------
        ndarray of shape (n_samples, n_clusters)
            See `MixMateClustering.transform`.
        """
        X = self._validated(X)
        return self.mixmate_.transform(X)

    def score(self, X, y=None):
        """How well the mixture explains the samples: the higher, the better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite and dense.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        float
            See `MixMateClustering.score`.
        """
        X = self._validated(X)
        return self.mixmate_.score(X)

    def _check_parameters(self) -> None:
        if not (self.mixmate is None or isinstance(self.mixmate, MixMateClustering)):
            raise TypeError(
                f"mixmate must be None or a MixMateClustering, got {self.mixmate!r}."
            )
        check_integer(self.n_neighbors, "n_neighbors", min_val=0)
        check_integer(self.n_candidates, "n_candidates", min_val=1)
        check_integer(self.subsample, "subsample", min_val=1)

    def _validated(self, X) -> np.ndarray:
        check_is_fitted(self)
        return validate_data(self, X, reset=False, dtype=[np.float64, np.float32])

    def _remember(self, X, energies) -> None:
        """Keep the samples that vote, sorted by the cluster that they are in."""
        groups = energies.argmin(axis=1)
        order = np.argsort(groups, kind="stable")
        self._origin = X.mean(axis=0)
        self._voters = X[order] - self._origin
        self._votes = softmax(-energies[order], axis=1)
        sizes = np.bincount(groups, minlength=energies.shape[1])
        self._offsets = [0, *np.cumsum(sizes).tolist()]

    def _vote(self, X, energies) -> np.ndarray:
        """Mean probabilities of samples with these energies and of their neighbours."""
        probabilities = softmax(-energies, axis=1)
        if not self.n_neighbors:
            return probabilities
        n_candidates = min(self.n_candidates, energies.shape[1])
        likeliest = np.argpartition(energies, n_candidates - 1, axis=1)
        device = resolve_device(self.mixmate_.device)
        queries, candidates, voters = (
            torch.from_numpy(values).to(device)
            for values in (
                (X - self._origin).astype(self._voters.dtype, copy=False),
                likeliest[:, :n_candidates],
                self._voters,
            )
        )
        neighbors = nearest_in_groups(
            queries, candidates, voters, self._offsets, self.n_neighbors
        )
        n_votes = np.ones(len(X), dtype=probabilities.dtype)
        for index in neighbors.cpu().numpy().T:
            found = index >= 0
            probabilities[found] += self._votes[index[found]]
            n_votes += found
        return probabilities / n_votes[:, None]

    @property
    def _n_features_out(self):
        """Number of columns of `transform`, for get_feature_names_out."""
        return self._votes.shape[1]

    def __sklearn_tags__(self):
        """Tell scikit-learn that float32 stays float32."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
