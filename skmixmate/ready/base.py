"""How the ready-made clusterers are fitted: features, a mixture of them, and a vote."""

from abc import abstractmethod
from functools import partial
from typing import Self, cast

import numpy as np
from sklearn.base import ClusterMixin
from sklearn.pipeline import Pipeline
from torch import Tensor

from ..imputation import LocalGaussianImputer
from ..mixmate import MixMateClustering, NeighborVoting
from ..model_selection import NumberOfClusters, choose_n_clusters
from ..utils.callers import is_called_by_user, warn_user
from ..utils.device import plain_arithmetic, resolve_device
from ..utils.estimator import VersionedEstimator
from ..utils.parameter_checks import (
    check_bool,
    check_integer,
    check_n_jobs,
    check_or_auto,
    check_path,
)
from ..utils.progress import reporting, say, step
from ..utils.random import RandomState, drawn_seed, private_random_state
from ..utils.validation import (
    Array,
    ArrayLike,
    Input,
    validate_samples,
)
from .answers import FittedAnswers
from .features import fitted_features
from .oddness import Oddness
from .samples import Found, to_numpy
from .starts import least_cut

__all__ = ["ReadyMadeClusterer"]

# Clusters to fill in missing entries with while their number is not known.
_N_TO_IMPUTE = 8
# Samples that their number is found from.
_FEWEST_TO_COUNT = 20


class ReadyMadeClusterer(FittedAnswers, ClusterMixin, VersionedEstimator):
    """Missing entries filled in, features, a mixture of them, a vote of neighbours.

    Subclasses choose the features and the mixture, and have the parameters
    ``n_clusters``, ``n_init``, ``always_impute``, ``random_state``, ``n_jobs``,
    ``checkpoint_dir``, ``checkpoint_every``, ``device`` and ``verbose``.
    """

    # Of the features, those in which neighbours are found; None is all.
    _n_search_features: int | None = None

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
        check_n_jobs(self.n_jobs, "n_jobs")
        check_integer(self.checkpoint_every, "checkpoint_every", min_val=1)
        folder = check_path(self.checkpoint_dir, "checkpoint_dir")
        if folder is not None and self.random_state is None:
            raise ValueError(
                "checkpoint_dir needs a random_state, with which the same features can "
                "be computed again; got random_state=None."
            )
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
            **self._on_the_way(),
        )

    def _on_the_way(self) -> dict:
        """Parameters that the mixture has in common with this clusterer."""
        names = ("n_jobs", "checkpoint_dir", "checkpoint_every", "device", "verbose")
        return {name: getattr(self, name) for name in names}

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
        InitializationWarning
            If the first clusters are not to be trusted, or blend into each other.
        RuntimeWarning
            If fitting was interrupted; what is kept is the mixture as it was then.
        """
        with reporting(type(self).__name__, self.verbose, "fitted"):
            return self._fit(X, mask)

    def _fit(self, X, mask) -> Self:
        seed = _seed(self.random_state)
        found, imputer, features, shape = self._prepared(X, mask, seed)
        Z, norms, trust = found
        n_clusters, choice = self.n_clusters, None
        if n_clusters == "auto":
            with step("number of clusters", begins="number of clusters"):
                choice = self._chosen_number(Z, seed)
            n_clusters = choice.n_clusters
            say(f"{n_clusters} clusters. {choice.reason}")
        say(f"mixture of {Z.shape[1]} features")
        voting = NeighborVoting(
            self._new_mixmate(n_clusters, seed),
            n_search_features=self._n_search_features,
            random_state=seed,
        )
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
            self.outlier_scores_ = scores if trust is None else scores * to_numpy(trust)
        return self

    def _prepared(
        self, X, mask, seed: int
    ) -> tuple[Found, LocalGaussianImputer | None, Pipeline, tuple[int, ...] | None]:
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
        with step("features", begins=f"features of {len(data.X)} samples"):
            features = self._new_features(data.X.shape[1], shape, seed)
            features.set_output(transform="default")
            found = fitted_features(features, imputer, data)
        return found, imputer, features, shape

    @plain_arithmetic
    def _fit_features(self, X, mask=None) -> np.ndarray:
        """Features of samples, of a clone that is used for nothing else."""
        return self._prepared(X, mask, _seed(self.random_state))[0].Z

    def _chosen_number(self, Z: np.ndarray, seed: int) -> NumberOfClusters:
        choice = choose_n_clusters(None, Z, random_state=seed, n_jobs=self.n_jobs)
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
        if not (data.has_missing or self.always_impute):
            return None
        n_clusters = _N_TO_IMPUTE if self.n_clusters == "auto" else self.n_clusters
        imputer = LocalGaussianImputer(
            n_clusters, always=True, random_state=seed, device=self.device
        )
        with step("missing entries", begins="missing entries"):
            return imputer._fit(data)

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


def _seed(random_state: RandomState) -> int:
    """One number for every step."""
    if isinstance(random_state, int | np.integer):
        private_random_state(random_state)  # It may be out of range.
        return int(random_state)
    return drawn_seed(private_random_state(random_state))
