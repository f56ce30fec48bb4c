"""A mixture whose labels are decided together with neighbouring samples."""

from contextlib import AbstractContextManager
from typing import Literal, Self

import numpy as np
import torch
from sklearn.base import (
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
)
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..base.samples import like_input, mean_score
from ..training import Samples
from ..utils.callers import is_called_by_user, warn_user
from ..utils.device import plain_arithmetic, resolve_device
from ..utils.estimator import VersionedEstimator
from ..utils.parameter_checks import check_integer, check_number, check_or_auto
from ..utils.progress import reporting, step
from ..utils.random import RandomState, private_random_state, seeded_clone
from ..utils.validation import (
    Array,
    ArrayLike,
    Input,
    shared_tensor,
    validate_samples,
)
from .estimator import MixMateClustering
from .voters import Voters

__all__ = ["NeighborVoting"]

# Voters that the temperature is found on, at most.
_N_TO_CALIBRATE = 5000


class NeighborVoting(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, VersionedEstimator
):
    """MixMate, with a vote of the nearest training samples.

    A mixture judges each sample by itself, and near the border between two clusters it
    is often wrong where the samples around are right. Here the probabilities of a
    sample are the average of its own and those of its nearest training samples. That
    helps where neighbours are mostly of one class: in features that were made for it,
    such as wavelet scattering, and with many samples. In pixels it changes little.

    The mixture is too sure of itself, as if the features of a sample were independent
    witnesses. Its energies are divided by a temperature, one for all samples, at which
    the neighbours of a training sample foretell best which cluster it is in, and are no
    surer of it than draws of the start agree, where that is known
    (``start_agreement_`` of the mixture).

    Parameters
    ----------
    mixmate : MixMateClustering, default=None
        Fitted, as a clone and always anew, to the samples. None is
        ``MixMateClustering()``. Its ``verbose`` is that of the vote too.
    n_neighbors : int, default=10
        Number of training samples that vote beside the sample itself, at most as many
        as voters are in its likeliest cluster, so that no small cluster is outvoted by
        far ones. A training sample that votes is its own nearest neighbour. 0 leaves
        the mixture as it is.
    n_candidates : int, default=3
        Number of clusters, the likeliest of each sample, whose training samples are
        searched for neighbours. The search takes time in proportion; with 1 nothing
        changes a label.
    n_search_features : int, default=None
        Number of features, from the first, in which neighbours are found; None takes
        all. Of principal components, which come in order, the first may do as well in
        less time, and the last may be noise.
    temperature : float or "auto", default="auto"
        What `fit` lets energies be divided by, positive. "auto" finds it from the
        training samples, from 1 to 64; without neighbours it is 1, the mixture's own.
    subsample : int, default=100000
        Largest number of training samples, drawn at random, that vote. They are kept,
        and are in a pickle of the estimator.
    random_state : int, RandomState instance or None, default=None
        Seeds the draw, and the mixture if its own is None.

    Attributes
    ----------
    mixmate_ : MixMateClustering
        The fitted mixture, with dictionaries, history and labels of its own. What it
        cannot do here, ``encode``, ``reconstruct`` and others, it can do itself.
    temperature_ : float
        What energies are divided by before the vote.
    labels_ : ndarray of shape (n_samples,)
        Cluster of each training sample, as `predict` gives it, but for ties between
        distances, which rounding decides.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had string names.

    Notes
    -----
    Distances are Euclidean. The search takes time in proportion to the number of
    samples times that of voters, on the mixture's ``device``. Missing entries are not
    taken: `LocalGaussianImputer` fills them in.

    Interrupting the vote leaves the mixture alone; a warning says so.

    References
    ----------
    Cover and Hart, "Nearest neighbor pattern classification" (1967), for the rule, with
    the mixture's probabilities in place of classes.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmixmate import MixMateClustering, NeighborVoting
    >>> X, _ = load_digits(return_X_y=True)
    >>> voting = NeighborVoting(MixMateClustering(10, max_iter=5), random_state=0)
    >>> labels = voting.fit_predict(X)
    >>> bool(0.9 < (labels == voting.mixmate_.labels_).mean() < 1.0)
    True
    """

    def __init__(
        self,
        mixmate: MixMateClustering | None = None,
        *,
        n_neighbors: int = 10,
        n_candidates: int = 3,
        n_search_features: int | None = None,
        temperature: float | Literal["auto"] = "auto",
        subsample: int = 100_000,
        random_state: RandomState = None,
    ) -> None:
        self.mixmate = mixmate
        self.n_neighbors = n_neighbors
        self.n_candidates = n_candidates
        self.n_search_features = n_search_features
        self.temperature = temperature
        self.subsample = subsample
        self.random_state = random_state

    @plain_arithmetic
    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Fit the mixture and let the samples vote.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
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
            If fitting, or the vote, was interrupted; within a Pipeline or a search, it
            is a KeyboardInterrupt.
        """
        with self._report(self.mixmate, "fitted"):
            self._fit(X)
        return self

    def _fit(self, X: ArrayLike, trust: Tensor | None = None) -> Tensor | None:
        """Fit, and return the energies of the samples unless interrupted.

        They count as much as ``trust``, (n_samples,), says, 0 of what was not seen.
        """
        self._check_parameters()
        random_state = private_random_state(self.random_state)
        data = validate_samples(self, X, reset=True, allow_missing=False)
        mixmate = MixMateClustering() if self.mixmate is None else self.mixmate
        mixmate = seeded_clone(mixmate, random_state)
        chosen = np.sort(random_state.permutation(len(data.X))[: self.subsample])
        temperature = 1.0 if self.temperature == "auto" else float(self.temperature)
        try:
            mixmate.fit(data.X)
            with step("vote", begins=f"vote of {len(chosen)} samples"):
                plain = _energies(mixmate, data)
                energies = _trusted(plain, trust)
                samples = _samples(mixmate, data, energies)
                voters = Voters.from_samples(
                    samples, energies, chosen, self.n_search_features
                )
                if self.temperature == "auto":
                    some = random_state.permutation(chosen)[:_N_TO_CALIBRATE]
                    temperature = voters.temperature(
                        samples,
                        energies,
                        torch.from_numpy(np.sort(some)),
                        self.n_neighbors,
                        self.n_candidates,
                        mixmate.start_agreement_,
                    )
                votes = self._vote(voters, temperature, samples, energies, trust)
                shares = _shares(votes, trust)
                labels = _informed(votes, trust, shares).argmax(dim=1).cpu().numpy()
        except KeyboardInterrupt:
            if not mixmate.__sklearn_is_fitted__():
                raise
            self._store(mixmate, None, temperature, getattr(mixmate, "labels_", None))
            # What calls this fit would go on as if nothing had been.
            if not is_called_by_user(self):
                raise
            warn_user(
                "Fitting was interrupted: what is kept is the mixture alone, as it was "
                "then, without a vote.",
                RuntimeWarning,
            )
            return None
        self._store(mixmate, voters, temperature, labels, shares.cpu().numpy())
        return plain

    def _store(
        self,
        mixmate,
        voters: Voters | None,
        temperature: float,
        labels,
        shares: np.ndarray | None = None,
    ) -> None:
        self.mixmate_, self._voters, self._shares = mixmate, voters, shares
        self.temperature_, self.labels_ = temperature, labels

    def predict(self, X: ArrayLike) -> Array:
        """Assign each sample to the cluster that it and its neighbours vote for.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            Finite and dense.

        Returns
        -------
        ndarray or Tensor of shape (n_samples,), int
            Labels 0 to ``n_clusters - 1``.

        Raises
        ------
        TypeError, ValueError
            If X does not fit the estimator, or a parameter was set out of range.
        """
        probabilities = self.predict_proba(X)
        return probabilities.argmax(1)

    @plain_arithmetic
    def predict_proba(self, X: ArrayLike) -> Array:
        """Average probability of each cluster, of a sample and its neighbours.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            Finite and dense.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_clusters)
            Rows sum to one.

        Raises
        ------
        TypeError, ValueError
            If X does not fit the estimator, or a parameter was set out of range.
        """
        return self._predict_proba(X)

    def _predict_proba(self, X: ArrayLike, trust: Tensor | None = None) -> Array:
        data = self._validated(X)
        self._check_parameters()
        with self._report(self.mixmate_):
            energies = _trusted(_energies(self.mixmate_, data), trust)
            samples = _samples(self.mixmate_, data, energies)
            votes = self._vote(
                self._voters, self.temperature_, samples, energies, trust
            )
            if self._shares is not None:
                votes = _informed(votes, trust, shared_tensor(self._shares))
        return like_input(data, votes)

    def transform(self, X: ArrayLike) -> Array:
        """Energy of each sample under each cluster of the mixture, without a vote.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            Finite and dense.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_clusters)
            See `MixMateClustering.transform`.

        Raises
        ------
        ValueError
            If X does not fit the estimator.
        """
        data = self._validated(X)
        with self._report(self.mixmate_):
            return like_input(data, _energies(self.mixmate_, data))

    def score_samples(self, X: ArrayLike) -> Array:
        """How well the mixture explains each sample: the higher, the better.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            Finite and dense.

        Returns
        -------
        ndarray or Tensor of shape (n_samples,)
            See `MixMateClustering.score_samples`.

        Raises
        ------
        ValueError
            If X does not fit the estimator.
        """
        data = self._validated(X)
        with self._report(self.mixmate_):
            return like_input(data, self.mixmate_.score_samples(data.X))

    def score(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> float:
        """Mean of `score_samples`.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            Finite and dense.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the mean.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If X or ``sample_weight`` does not fit.
        """
        return mean_score(self.score_samples(X), sample_weight)

    def _report(self, mixmate, ends: str | None = None) -> AbstractContextManager[None]:
        """Report if the mixture does."""
        return reporting(type(self).__name__, getattr(mixmate, "verbose", 0), ends)

    def _check_parameters(self) -> None:
        if not (self.mixmate is None or isinstance(self.mixmate, MixMateClustering)):
            raise TypeError(
                f"mixmate must be None or a MixMateClustering, got {self.mixmate!r}."
            )
        check_integer(self.n_neighbors, "n_neighbors", min_val=0)
        check_integer(self.n_candidates, "n_candidates", min_val=1)
        if self.n_search_features is not None:
            check_integer(self.n_search_features, "n_search_features", min_val=1)
        check_or_auto(self.temperature, "temperature", check_number)
        check_integer(self.subsample, "subsample", min_val=1)

    def _validated(self, X) -> Input:
        check_is_fitted(self)
        return validate_samples(self, X, reset=False, allow_missing=False)

    def _vote(
        self,
        voters: Voters | None,
        temperature: float,
        samples: Samples,
        energies: Tensor,
        trust: Tensor | None,
    ) -> Tensor:
        """Probabilities after the vote, where energies are."""
        if voters is None:
            return torch.softmax(-energies / temperature, dim=1)
        return voters.vote(
            samples, energies, self.n_neighbors, self.n_candidates, temperature, trust
        )

    @property
    def _n_features_out(self):
        """Number of columns of `transform`, for get_feature_names_out."""
        return len(self.mixmate_.weights_)

    def __sklearn_is_fitted__(self):
        """Whether there is a model; ``n_features_in_`` may be left of a failed fit."""
        return hasattr(self, "mixmate_")

    def __sklearn_tags__(self):
        """Tell scikit-learn that float32 stays float32."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _trusted(energies: Tensor, trust: Tensor | None) -> Tensor:
    """Energies, whose differences count less where less of a sample was seen."""
    return energies if trust is None else energies * trust.to(energies)[:, None]


def _shares(votes: Tensor, trust: Tensor | None) -> Tensor:
    """Share of the samples that each cluster has, of which anything was seen."""
    seen = votes if trust is None else votes[trust > 0]
    labels = seen.argmax(dim=1)
    return torch.bincount(labels, minlength=votes.shape[1]).to(votes) / len(labels)


def _informed(votes: Tensor, trust: Tensor | None, shares: Tensor) -> Tensor:
    """Votes, but of a sample of which nothing was seen what is known of any sample."""
    if trust is None:
        return votes
    unseen = (trust == 0).to(votes.device)[:, None]
    return torch.where(unseen, shares.to(votes), votes)


def _energies(mixmate: MixMateClustering, data: Input) -> Tensor:
    """Energies, not by `transform`, whose output may be a data frame."""
    return mixmate._compute(data, lambda output, _: output.energies, with_codes=False)


def _samples(mixmate: MixMateClustering, data: Input, energies: Tensor) -> Samples:
    """What the search takes, in the dtype of the model."""
    device = resolve_device(mixmate.device)
    return Samples(data.X, dtype=energies.dtype, device=device, has_missing=False)
