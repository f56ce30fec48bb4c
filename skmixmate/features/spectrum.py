"""Magnitudes of the frequencies of signals."""

from collections.abc import Collection
from typing import Self

import numpy as np
import torch
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..utils.device import plain_arithmetic
from ..utils.estimator import VersionedEstimator
from ..utils.validation import Array, ArrayLike, validate_samples
from .feature_names import check_input_features, names_by_channel
from .signal_shape import by_channel, check_signal_shape, flatten_signals

__all__ = ["MagnitudeSpectrum"]


class MagnitudeSpectrum(TransformerMixin, VersionedEstimator):
    """Magnitudes of the discrete Fourier transform of signals along time.

    A signal that goes on at its start where it ends may be shifted by any time without
    a change; of others, little changes. What comes first and what later is forgotten:
    `ScatteringTransform1D` keeps it.

    Parameters
    ----------
    n_channels : int, default=1
        Number of channels of rows of ``n_times * n_channels`` numbers, all channels of
        the first time first. An array of three dimensions says its own.

    Attributes
    ----------
    n_times_ : int
        Number of samples of a signal.
    n_channels_ : int
        Number of its channels.
    output_shape_ : tuple of int
        ``(n_times // 2 + 1,)``, the frequencies, before them channels if there are
        several: ``transform(X).reshape(-1, *output_shape_)``.
    n_features_in_ : int
        Number of columns of a row.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had string names.

    Notes
    -----
    ``abs(rfft(x))`` of each channel. float32 and float64 keep their precision; 8- and
    16-bit integers become float32. A torch tensor gives a tensor, computed where it is,
    and gradients flow to it. Missing samples are not accepted; fill them in with
    `LocalGaussianImputer` first.

    Examples
    --------
    >>> import numpy as np
    >>> from skmixmate import MagnitudeSpectrum
    >>> X = np.sin(2 * np.pi * (2 * np.arange(8) / 8 + np.array([[0.0], [0.2]])))
    >>> MagnitudeSpectrum().fit_transform(X).round(6) + 0.0
    array([[0., 0., 4., 0., 0.],
           [0., 0., 4., 0., 0.]])
    """

    def __init__(self, n_channels: int = 1) -> None:
        self.n_channels = n_channels

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Learn the shape of the signals; nothing else is learned.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_times * n_channels) or \
                (n_samples, n_times, n_channels)
            One signal a row, finite and dense.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        MagnitudeSpectrum
            Itself.

        Raises
        ------
        TypeError, ValueError
            If X is not finite, or ``n_channels`` does not fit it.

        Warns
        -----
        UserWarning
            If X has more channels than times.
        """
        X, told = flatten_signals(X, self.n_channels)
        data = validate_samples(self, X, reset=True, allow_missing=False)
        self.n_times_, self.n_channels_ = check_signal_shape(
            told, int(self.n_channels), data.X.shape[1]
        )
        self.output_shape_ = by_channel(self.n_channels_, self.n_times_ // 2 + 1)
        return self

    @plain_arithmetic
    def transform(self, X: ArrayLike) -> Array:
        """Compute the magnitudes.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_times * n_channels) or \
                (n_samples, n_times, n_channels)
            One signal a row, finite and dense.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_features_out)
            Channel by channel, lowest frequency first. A tensor if X is one.

        Raises
        ------
        ValueError
            If X is not finite or has another shape than in ``fit``.
        """
        check_is_fitted(self)
        X, _ = flatten_signals(X, 1, (self.n_times_, self.n_channels_))
        data = validate_samples(self, X, reset=False, allow_missing=False)
        # The validated tensor is cut off from the graph of gradients.
        signals = (X if isinstance(X, Tensor) else data.X).to(data.dtype)
        signals = signals.unflatten(1, (self.n_times_, self.n_channels_))
        magnitudes = torch.fft.rfft(signals.mT).abs().flatten(1)
        return magnitudes if data.is_tensor else magnitudes.numpy()

    def get_feature_names_out(
        self, input_features: Collection[str] | None = None
    ) -> np.ndarray:
        """Names of the magnitudes.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Checked against what ``fit`` saw and not used.

        Returns
        -------
        ndarray of shape (n_features_out,), object
            Such as "frequency3", in cycles per signal, or "channel0_frequency3" if
            there are several channels.

        Raises
        ------
        ValueError
            If ``input_features`` is not what ``fit`` saw.
        """
        check_is_fitted(self)
        check_input_features(self, input_features)
        return names_by_channel(
            self.n_channels_, [f"frequency{k}" for k in range(self.output_shape_[-1])]
        )

    def __sklearn_tags__(self):
        """Tell scikit-learn that float32 stays float32."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
