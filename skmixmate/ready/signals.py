"""The clusterer for signals: time series, channels of sensors."""

import os
from typing import Literal

import numpy as np
import torch
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from torch import Tensor

from ..features import ScatteringTransform1D
from ..features.signal_shape import check_signal_shape, flatten_signals
from ..features.whitening import half_whitened
from ..mixmate import NeighborVoting
from ..utils.callers import warn_user
from ..utils.parameter_checks import check_integer
from ..utils.random import RandomState
from ..utils.validation import Array
from .base import ReadyMadeClusterer
from .samples import flat_mask

__all__ = ["SignalClustering"]

# Of the mean magnitude of a channel's coefficients; less is as good as nothing.
_FLOOR = 0.01
# Samples that wavelets need.
_SHORTEST = 32


class SignalClustering(ReadyMadeClusterer):
    """Cluster signals by what happens in them, wherever about it happens.

    Missing samples are filled in, the logarithms of wavelet scattering coefficients
    tell which frequencies there are and how they swell and fade, a mixture of sparse
    dictionaries finds the clusters, and neighbours vote on the labels. Neither the
    level nor the amplitude of a signal counts, nor shifts of much less than the
    averages of the scattering, a quarter of the signal or so. Signals of less than 32
    samples are taken as they are, with a warning.

    Parameters
    ----------
    n_clusters : int or "auto", default=8
        Number of clusters; "auto" takes that of
        `skmixmate.model_selection.choose_n_clusters`, from 2 to 16, or one, with a
        warning, where none are found.
    n_channels : int, default=1
        Number of channels, where rows of ``n_times * n_channels`` numbers are signals
        of several, all channels of the first time first. An array of three dimensions
        tells it.
    n_init : int, default=1
        Number of runs on all samples, of which the one with the lowest ``criterion_``
        is kept.
    always_impute : bool, default=False
        Whether to learn to fill in missing samples where `fit` has none, so that other
        signals may miss some later.
    random_state : int, RandomState instance or None, default=None
        Seeds every step. The same seed gives the same result.
    n_jobs : int, default=None
        Number of runs of ``n_init``, graphs of ``n_clusters="auto"``, or parts of new
        samples that go on at once; see `MixMateClustering`.
    checkpoint_dir : str or path-like, default=None
        Folder in which `fit` writes down how far the mixture is; see
        `MixMateClustering`. What comes before it, as features, is computed again.
    checkpoint_every : int, default=1
        Number of epochs from one writing to the next.
    device : str or torch.device, default="auto"
        "auto" is a CUDA GPU where there is one, else the CPU.
    verbose : int, default=0
        1 tells each step, how far it is if it takes long, and the loss of each epoch:
        in lines, or with a bar in a terminal if rich or tqdm is installed.

    Attributes
    ----------
    labels_ : ndarray of shape (n_signals,)
        Cluster of each training signal, as `predict` gives it, but for ties between
        distances, which rounding decides.
    sample_shape_ : tuple of two int or None
        Times and channels; None of rows too short for wavelets.
    features_ : Pipeline
        Fitted steps from complete signals, one a row, to what the mixture takes:
        "level", "scattering", "logarithm", "components" and "normalizer".
    mixmate_ : MixMateClustering
        The fitted mixture of features, with dictionaries, history and labels of its
        own.
    voting_ : NeighborVoting
        The same with the training signals that vote.
    imputer_ : LocalGaussianImputer or None
        What fills in missing samples; None if none were missing in `fit`.
    n_clusters_ : int
        Number of clusters.
    n_clusters_choice_ : NumberOfClusters or None
        Why there are so many, with ``n_clusters="auto"``.
    temperature_ : float
        What energies are divided by before the vote, so that probabilities mean what
        they say; see `NeighborVoting`.
    outlier_scores_ : ndarray of shape (n_samples,)
        Of the training samples, see `outlier_scores`.
    n_features_in_ : int
        Numbers of a signal.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the samples, if X had string names.

    Notes
    -----
    The steps: the mean of each channel is subtracted; `ScatteringTransform1D`;
    ``log(|S| + c)`` with c a hundredth of the mean magnitude of the channel's
    coefficients; 500 principal components about the origin, half whitened
    (`PartialWhitening`); unit norm; `MixMateClustering`, started from the partition
    that cuts the graph of nearest neighbours least; `NeighborVoting`.

    References
    ----------
    Andén and Mallat, "Deep scattering spectrum" (2014), for logarithms of scattering
    coefficients. Lin, Song and Ba, "Mixture model auto-encoders" (2022), for the model.

    Examples
    --------
    >>> import numpy as np
    >>> from skmixmate import SignalClustering
    >>> from skmixmate.metrics import clustering_accuracy
    >>> rng = np.random.RandomState(0)
    >>> y = np.repeat([0, 1, 2], 50)
    >>> phases = rng.uniform(2 * np.pi, size=(150, 1))
    >>> frequencies = np.array([0.05, 0.1, 0.2])[y, None]
    >>> X = np.sin(2 * np.pi * frequencies * np.arange(128) + phases)
    >>> X += 0.3 * rng.standard_normal(X.shape)
    >>> labels = SignalClustering(3, random_state=0).fit_predict(X)
    >>> bool(clustering_accuracy(y, labels) > 0.95)
    True
    """

    def __init__(
        self,
        n_clusters: int | Literal["auto"] = 8,
        *,
        n_channels: int = 1,
        n_init: int = 1,
        always_impute: bool = False,
        random_state: RandomState = None,
        n_jobs: int | None = None,
        checkpoint_dir: str | os.PathLike[str] | None = None,
        checkpoint_every: int = 1,
        device: str | torch.device = "auto",
        verbose: bool | int = 0,
    ) -> None:
        self.n_clusters = n_clusters
        self.n_channels = n_channels
        self.n_init = n_init
        self.always_impute = always_impute
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.checkpoint_dir = checkpoint_dir
        self.checkpoint_every = checkpoint_every
        self.device = device
        self.verbose = verbose

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_integer(self.n_channels, "n_channels", min_val=1)

    def _rows(self, X, mask, fitted_shape=None) -> tuple:
        n_channels = self.n_channels if fitted_shape is None else 1
        X, shape = flatten_signals(X, n_channels, fitted_shape)
        return X, flat_mask(mask, shape), shape

    def _new_features(self, n_features, shape, seed: int) -> Pipeline:
        n_times, n_channels = check_signal_shape(shape, self.n_channels, n_features)
        if n_times < _SHORTEST:
            warn_user(
                f"Signals of {n_times} samples are too short for wavelets, which need "
                f"{_SHORTEST}: they are taken as they are.",
                UserWarning,
            )
            return Pipeline(half_whitened(seed, self.device))
        level = FunctionTransformer(
            _without_level,
            kw_args={"n_channels": n_channels},
            feature_names_out="one-to-one",
        )
        scattering = ScatteringTransform1D(n_channels=n_channels, device=self.device)
        logarithm = FunctionTransformer(
            _logarithm,
            kw_args={"n_channels": n_channels},
            feature_names_out="one-to-one",
        )
        return Pipeline(
            [
                ("level", level),
                ("scattering", scattering),
                ("logarithm", logarithm),
                *half_whitened(seed, self.device),
            ]
        )

    def _store(
        self, imputer, features: Pipeline, voting: NeighborVoting, shape, choice
    ) -> None:
        # Of rows, n_channels tells it.
        if "scattering" in features.named_steps:
            scattering = features["scattering"]
            shape = scattering.n_times_, scattering.n_channels_
        super()._store(imputer, features, voting, shape, choice)


def _without_level(X, n_channels: int) -> Array:
    """Signals less the mean of each channel."""
    channels = X.reshape(len(X), -1, n_channels)
    means = channels.mean(axis=1, keepdims=True)
    deviations = channels - means
    # Of constant signals nothing is left, not rounding errors of all sizes.
    finfo = torch.finfo if isinstance(X, Tensor) else np.finfo
    rounding_errors = 8.0 * finfo(X.dtype).eps * abs(means)
    deviations[abs(deviations) <= rounding_errors] = 0.0
    return deviations.reshape(X.shape)


def _logarithm(S, n_channels: int) -> Array:
    """Logarithms of magnitudes, in units of their mean over a channel of a signal."""
    magnitudes = abs(S).reshape(len(S), n_channels, -1)
    means = magnitudes.mean(axis=2, keepdims=True)
    # Constant signals have nothing to divide by.
    means[means == 0.0] = 1.0
    magnitudes /= means
    log = torch.log if isinstance(S, Tensor) else np.log
    return log(magnitudes + _FLOOR).reshape(S.shape)
