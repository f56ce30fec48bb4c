"""What the ready-made clusterers share: features, a mixture of them, and a vote."""

import math
from abc import abstractmethod
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple, Self, cast

import numpy as np
import torch
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    ClusterMixin,
    TransformerMixin,
)
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..base.samples import like_input, mean_score
from ..imputation import LocalGaussianImputer
from ..mixmate import MixMateClustering, NeighborVoting
from ..model_selection import NumberOfClusters, choose_n_clusters
from ..utils.callers import is_called_by_user, warn_user
from ..utils.device import plain_arithmetic, resolve_device
from ..utils.parameter_checks import check_bool, check_integer, check_or_auto
from ..utils.random import RandomState, private_random_state
from ..utils.validation import (
    Array,
    ArrayLike,
    Input,
    mask_array,
    missing_entries,
    shared_tensor,
    validate_samples,
)
from .oddness import Oddness
from .starts import least_cut

__all__ = ["ReadyMadeClusterer", "flat_mask"]

# Samples, and coefficients of theirs, that are held at once in predicting.
_BATCH_SIZE, _BATCH_ENTRIES = 8192, 2**26
# Clusters to fill in missing entries with while their number is not known.
_N_TO_IMPUTE = 8
# Samples that their number is found from.
_FEWEST_TO_COUNT = 20
# Share of a sample that counts as observed where nothing is.
_LEAST_TRUST = 0.01


class _Found(NamedTuple):
    """Features, their norms before they had unit norm, and how much was observed."""

    Z: np.ndarray
    norms: np.ndarray
    trust: Tensor | None


class ReadyMadeClusterer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator
):
    """Missing entries filled in, features, a mixture of them, a vote of neighbours.

    Subclasses choose the features and the mixture, and have the parameters
    ``n_clusters``, ``n_init``, ``always_impute``, ``random_state``, ``device`` and
    ``verbose``.
    """

    def _check_parameters(self) -> None:
        """Refuse what is out of range, before minutes of features."""
        check_or_auto(
            self.n_clusters,
            "n_clusters",
            partial(check_integer, min_val=1),
            "an integer",
        )
        check_integer(self.n_init, "n_init", min_val=1)
        check_bool(self.always_impute, "always_impute")
        resolve_device(self.device)

    def _rows(self, X, mask, fitted_shape: tuple[int, ...] | None = None) -> tuple:
        """X and mask with one sample a row, and the shape of samples if X tells it.

        Subclasses may take more dimensions; those of ``fitted_shape`` after `fit`.
        """
        return X, mask, None

    @abstractmethod
    def _new_features(
        self, n_features: int, shape: tuple[int, ...] | None, seed: int
    ) -> Pipeline:
        """Steps from complete rows to features, not fitted."""

    def _new_mixmate(self, n_clusters: int, seed: int) -> MixMateClustering:
        """The mixture of features, not fitted."""
        return MixMateClustering(
            n_clusters,
            init=least_cut,
            n_init=self.n_init,
            random_state=seed,
            device=self.device,
            verbose=self.verbose,
        )

    @plain_arithmetic
    def fit(
        self, X: ArrayLike, y: object = None, mask: ArrayLike | None = None
    ) -> Self:
        """Find the clusters of X.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry. More dimensions as the class says.
        y : Ignored
            Present for API consistency.
        mask : array-like or Tensor of the shape of X, bool, default=None
            True where observed.

        Returns
        -------
        self : estimator
            Itself.

        Raises
        ------
        TypeError, ValueError
            If a parameter, X or mask is out of range; the message names it, what it
            got and what it accepts.
        KeyboardInterrupt
            If fitting is interrupted before there is a mixture, or within the call of
            another function of a library, as a grid search; a mixture is kept all the
            same.

        Warns
        -----
        RuntimeWarning
            If fitting was interrupted; what is kept is the mixture as it was then.
        """
        seed = _seed(self.random_state)
        found, imputer, features, shape = self._prepared(X, mask, seed)
        Z, norms, trust = found
        n_clusters, choice = self.n_clusters, None
        if n_clusters == "auto":
            self._say("number of clusters")
            choice = self._chosen_number(Z, seed)
            n_clusters = choice.n_clusters
        self._say(f"mixture of {Z.shape[1]} features")
        voting = NeighborVoting(self._new_mixmate(n_clusters, seed), random_state=seed)
        try:
            # None after an interrupt, which it passes on to any caller but the user.
            energies = cast(Tensor, voting._fit(Z, trust)).cpu().numpy()
            oddness = Oddness.from_samples(energies, norms)
        except KeyboardInterrupt:
            if not voting.__sklearn_is_fitted__():
                raise
            self._store(imputer, features, voting, shape, choice)
            # What calls this fit would go on as if nothing had been.
            if not is_called_by_user(self):
                raise
            warn_user(
                "Fitting was interrupted: what is kept is the mixture as it was then, "
                "without a vote of neighbours.",
                RuntimeWarning,
            )
        else:
            self._store(imputer, features, voting, shape, choice)
            self._oddness = oddness
            scores = oddness.scores(energies, norms)
            self.outlier_scores_ = scores if trust is None else scores * _numpy(trust)
        return self

    def _prepared(
        self, X, mask, seed: int
    ) -> tuple[_Found, LocalGaussianImputer | None, Pipeline, tuple[int, ...] | None]:
        """Features of samples, what they are fitted with, and the samples' shape."""
        self._check_parameters()
        X, mask, shape = self._rows(X, mask)
        data = validate_samples(self, X, mask, reset=True)
        fewest = _FEWEST_TO_COUNT if self.n_clusters == "auto" else self.n_clusters
        if len(data.X) < fewest:
            raise ValueError(
                f"n_samples={len(data.X)} must be at least {fewest} for n_clusters="
                f"{self.n_clusters!r}."
            )
        imputer = self._fitted_imputer(data, seed)
        data, trust = _completed(imputer, data)
        self._say(f"features of {len(data.X)} samples")
        features = self._new_features(data.X.shape[1], shape, seed)
        features.set_output(transform="default")
        raw = features[:-1].fit_transform(_array(data))
        features[-1].fit(raw)
        return _Found(*_normalized(features, raw), trust), imputer, features, shape

    @plain_arithmetic
    def _fit_features(self, X, mask=None) -> np.ndarray:
        """Features of samples, of a clone that is used for nothing else."""
        return self._prepared(X, mask, _seed(self.random_state))[0].Z

    def _chosen_number(self, Z: np.ndarray, seed: int) -> NumberOfClusters:
        choice = choose_n_clusters(None, Z, random_state=seed)
        if choice.n_clusters == 1:
            warn_user(f"n_clusters_=1. {choice.reason}", UserWarning)
        return choice

    def _store(
        self, imputer, features: Pipeline, voting: NeighborVoting, shape, choice
    ) -> None:
        self.n_clusters_ = len(voting.mixmate_.weights_)
        self.n_clusters_choice_ = choice
        self.temperature_ = voting.temperature_
        # What an earlier fit left, if this one was interrupted.
        self.__dict__.pop("_oddness", None)
        self.__dict__.pop("outlier_scores_", None)
        self.imputer_, self.features_, self.voting_ = imputer, features, voting
        self.mixmate_, self.labels_ = voting.mixmate_, voting.labels_
        self.sample_shape_ = shape

    def _fitted_imputer(self, data: Input, seed: int) -> LocalGaussianImputer | None:
        missing = missing_entries(data.X, data.mask)
        if missing is None and not self.always_impute:
            return None
        self._say("what is missing")
        n_clusters = _N_TO_IMPUTE if self.n_clusters == "auto" else self.n_clusters
        imputer = LocalGaussianImputer(
            n_clusters, always=True, random_state=seed, device=self.device
        )
        return imputer._fit(data)

    def _say(self, doing: str) -> None:
        if self.verbose:
            print(f"{type(self).__name__}: {doing}", flush=True)

    def fit_predict(
        self, X: ArrayLike, y: object = None, mask: ArrayLike | None = None
    ) -> Array:
        """Find the clusters of X and return its labels.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            As in `fit`.
        y : Ignored
            Present for API consistency.
        mask : array-like or Tensor of the shape of X, bool, default=None
            True where observed.

        Returns
        -------
        ndarray of shape (n_samples,)
            ``labels_``.

        Raises
        ------
        TypeError, ValueError
            As `fit`.
        """
        labels = self.fit(X, mask=mask).labels_
        # An interrupt may have come before there were labels.
        return self.predict(X, mask) if labels is None else labels

    def fit_transform(
        self, X: ArrayLike, y: object = None, mask: ArrayLike | None = None
    ) -> Array:
        """Find the clusters of X and return its energies.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            As in `fit`.
        y : Ignored
            Present for API consistency.
        mask : array-like or Tensor of the shape of X, bool, default=None
            True where observed.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_clusters)
            See `transform`.

        Raises
        ------
        TypeError, ValueError
            As `fit`.
        """
        return self.fit(X, mask=mask).transform(X, mask=mask)

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

        def scores(found: _Found) -> np.ndarray:
            energies = np.asarray(voting.transform(found.Z))
            scores = self._oddness.scores(energies, found.norms)
            return scores if found.trust is None else scores * _numpy(found.trust)

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
        """What a function of `_Found` says, batch by batch, as what X is."""
        X, mask, _ = self._rows(X, mask, self.sample_shape_)
        data = validate_samples(self, X, mask, reset=False)
        answers = []
        for batch, trust in self._complete_batches(data):
            raw = self.features_[:-1].transform(_array(batch))
            found = _Found(*_normalized(self.features_, raw), trust)
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
        for start in range(0, len(data.X), size):
            rows = slice(start, start + size)
            mask = None if data.mask is None else data.mask[rows]
            yield _completed(self.imputer_, Input(data.X[rows], mask, data.is_tensor))

    @property
    def _n_features_out(self):
        """Number of columns of `transform`, for get_feature_names_out."""
        return len(self.mixmate_.weights_)

    def __sklearn_is_fitted__(self):
        """Whether there is a model; ``n_features_in_`` may be left of a failed fit."""
        return hasattr(self, "voting_")

    def __sklearn_tags__(self):
        """Tell scikit-learn that NaN is welcome and what dtypes come back."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def flat_mask(mask, shape: tuple[int, ...] | None):
    """A mask with one sample a row, of samples of a shape whose last are channels.

    One for all channels will do.

    Raises
    ------
    ValueError
        If its samples have another shape.
    """
    mask = mask_array(mask) if isinstance(mask, list | tuple) else mask
    told = tuple(getattr(mask, "shape", ()))
    if len(told) < 3:
        return mask
    if shape is not None and told[1:] == shape[:-1]:
        expand = torch.broadcast_to if isinstance(mask, Tensor) else np.broadcast_to
        mask = expand(mask[..., None], (told[0], *shape))
    elif told[1:] != shape:
        raise ValueError(
            "mask must have the shape of X, or that of one channel for all of them, "
            f"got {told}."
        )
    return mask.reshape(told[0], -1)


def _seed(random_state: RandomState) -> int:
    """One number for every step."""
    if isinstance(random_state, int | np.integer):
        private_random_state(random_state)  # It may be out of range.
        return int(random_state)
    return int(private_random_state(random_state).randint(np.iinfo(np.int32).max))


def _completed(
    imputer: LocalGaussianImputer | None, data: Input
) -> tuple[Input, Tensor | None]:
    """Samples filled in, the mean where nothing is observed, and how much was seen."""
    missing = missing_entries(data.X, data.mask)
    if imputer is None or missing is None:
        return data, None
    X, _ = imputer._filled(data)
    # Of nothing, the mean still tells which cluster is the likeliest.
    trust = imputer._observed_shares(missing).clamp(min=_LEAST_TRUST)
    return Input(X, None, data.is_tensor), trust


def _numpy(trust: Tensor) -> np.ndarray:
    return trust.cpu().numpy()


def _normalized(features: Pipeline, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features by the last step, and the norms that they had before it."""
    return features[-1].transform(raw), np.linalg.norm(raw, axis=1)


def _array(data: Input) -> np.ndarray:
    """In single precision, or double if X is in that or in wide integers."""
    X: Tensor = data.X.cpu().to(data.dtype)
    return X.numpy()
