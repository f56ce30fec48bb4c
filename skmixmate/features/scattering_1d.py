"""Wavelet scattering of signals as a scikit-learn transformer."""

import functools
import math
from collections.abc import Collection
from typing import Literal, Self

import numpy as np
import torch
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..functional import (
    Scattering1D,
    normalized_paths,
    scattering_1d,
    scattering_1d_frequencies,
    scattering_1d_operators,
    scattering_1d_paths,
)
from ..functional.scattering_1d_filters import kept_averages, smallest_scale
from ..utils.callers import warn_user
from ..utils.device import plain_arithmetic, resolve_device
from ..utils.estimator import VersionedEstimator
from ..utils.parameter_checks import check_bool, check_integer, check_or_auto
from ..utils.progress import in_batches
from ..utils.validation import Array, ArrayLike, validate_samples
from .feature_names import check_input_features, names_by_channel
from .signal_shape import by_channel, check_signal_shape, flatten_signals

__all__ = ["ScatteringTransform1D"]

# Complex entries of the largest array of a batch: what a CPU's cache holds, what fills
# a GPU.
_CPU_ENTRIES, _GPU_ENTRIES = 2**20, 2**26
# Of the wavelets: 8 GB in double precision.
_MOST_ENTRIES = 2**29

# It takes longer than a batch of signals, and pipelines transform again and again.
_cached_operators = functools.lru_cache(maxsize=8)(scattering_1d_operators)


class ScatteringTransform1D(TransformerMixin, VersionedEstimator):
    """Wavelet scattering coefficients of signals.

    Averages of a signal, of the moduli of its wavelet coefficients (order one), and of
    the moduli of *their* wavelet coefficients (order two). Shifts of much less than
    ``2**J`` samples and small changes of speed change them little, and they keep which
    frequencies there are, when, and how each one swells and fades. Nothing is learned.

    Parameters
    ----------
    J : int or "auto", default="auto"
        Averages are over about ``2**J`` samples, no more than a signal has. "auto" is
        the largest number that leaves three averages along a signal, 7 for 384 to 767
        samples, but no less than ``Q`` needs to reach the high frequencies, if the
        signal is that long.
    Q : int, default=8
        Number of wavelets per octave of order one; those of order two are one an
        octave. Fewer resolve times better than frequencies, and are for short signals.
    n_channels : int, default=1
        Number of channels of rows of ``n_times * n_channels`` numbers, all channels of
        the first time first. An array of three dimensions says its own.
    max_order : {1, 2}, default=2
        Highest order.
    normalize_paths : bool, default=False
        Divide the coefficients of each path of each channel by the largest magnitude
        among them, which keeps when a path is strong and forgets how strong. Paths that
        are rounding error beside the largest coefficient of the channel stay small.
    batch_size : int or "auto", default="auto"
        Number of rows at a time. It bounds the memory and does not change the result.
    device : str or torch.device, default="auto"
        "auto" is a CUDA GPU where there is one, else the CPU.

    Attributes
    ----------
    J_ : int
        ``J``, chosen if it is "auto".
    n_times_ : int
        Number of samples of a signal.
    n_channels_ : int
        Number of its channels.
    output_shape_ : tuple of int
        Paths and averages of the coefficients of a signal, before them channels if
        there are several: ``transform(X).reshape(-1, *output_shape_)``. There is an
        average for every ``2**J`` samples, about.
    paths_ : list of tuple
        The path of each series of averages, as in kymatio: ``()`` of order zero,
        ``(n,)`` of order one, ``(n, n2)`` of order two, the numbers of the wavelets in
        their families, highest frequency first.
    frequencies_ : list of tuple
        Centre frequencies of the wavelets of each path, in cycles per sample.
    n_features_in_ : int
        Number of columns of a row.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, if X had string names.

    Notes
    -----
    The numbers are those of kymatio's ``Scattering1D(J, n_times, Q)``. A signal is
    extended by reflection. Channels are signals of their own, in units of their own.
    float32 and float64 keep their precision; 8- and 16-bit integers become float32.

    A torch tensor gives a tensor, and gradients flow to it. Missing samples are not
    accepted; fill them in with `LocalGaussianImputer` first.

    References
    ----------
    Andén and Mallat, "Deep scattering spectrum", IEEE Transactions on Signal Processing
    62(16), 2014. Andreux et al., "Kymatio: scattering transforms in Python", JMLR 21,
    2020.

    Examples
    --------
    >>> import numpy as np
    >>> from skmixmate import ScatteringTransform1D
    >>> X = np.sin(np.arange(512) * np.array([[0.1], [0.2], [0.4]]))
    >>> scattering = ScatteringTransform1D().fit(X)
    >>> scattering.transform(X).shape, scattering.output_shape_
    ((3, 704), (176, 4))
    """

    def __init__(
        self,
        J: int | Literal["auto"] = "auto",
        Q: int = 8,
        n_channels: int = 1,
        *,
        max_order: int = 2,
        normalize_paths: bool = False,
        batch_size: int | Literal["auto"] = "auto",
        device: str | torch.device = "auto",
    ) -> None:
        self.J = J
        self.Q = Q
        self.n_channels = n_channels
        self.max_order = max_order
        self.normalize_paths = normalize_paths
        self.batch_size = batch_size
        self.device = device

    @plain_arithmetic
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
        ScatteringTransform1D
            Itself.

        Raises
        ------
        TypeError, ValueError
            If a parameter is out of range, J or Q are too large for the signals, X is
            not finite, ``n_channels`` does not fit X, or ``normalize_paths`` meets
            paths of one average.

        Warns
        -----
        UserWarning
            If J is too small for wavelets of high frequencies, or X has more channels
            than times.
        """
        self._check_parameters()
        X, told = flatten_signals(X, self.n_channels)
        data = validate_samples(self, X, reset=True, allow_missing=False)
        n_times, n_channels = check_signal_shape(
            told, int(self.n_channels), data.X.shape[1]
        )
        J = self._resolve_scale(n_times)
        start, stop = kept_averages(n_times, J)
        n_averages = stop - start
        if self.normalize_paths and n_averages == 1:
            raise ValueError(
                f"normalize_paths=True leaves nothing of signals of {n_times} samples "
                f"with J={J}: a path has one average only; use a smaller J."
            )
        self.n_times_, self.n_channels_, self.J_ = n_times, n_channels, J
        # What `transform` goes by, whatever parameters are set later, and what is left
        # as it was by a fit that fails.
        self._parameters = (J, int(self.Q))
        self._max_order = int(self.max_order)
        self.paths_ = scattering_1d_paths(*self._parameters, self._max_order)
        self.frequencies_ = scattering_1d_frequencies(
            *self._parameters, self._max_order
        )
        self.output_shape_ = by_channel(self.n_channels_, len(self.paths_), n_averages)
        return self

    @plain_arithmetic
    def transform(self, X: ArrayLike) -> Array:
        """Compute the scattering coefficients of signals.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_times * n_channels) or \
                (n_samples, n_times, n_channels)
            One signal a row, finite and dense.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_features_out)
            Channel by channel, path by path, in the order of time. A tensor if X is
            one, on its device.

        Raises
        ------
        ValueError
            If X is not finite or has another shape than in ``fit``.
        """
        check_is_fitted(self)
        X, _ = flatten_signals(X, 1, (self.n_times_, self.n_channels_))
        data = validate_samples(self, X, reset=False, allow_missing=False)
        device = resolve_device(self.device)
        # The validated tensor is cut off from the graph of gradients.
        signals = (X if isinstance(X, Tensor) else data.X).unflatten(
            1, (self.n_times_, self.n_channels_)
        )
        operators = _cached_operators(
            self.n_times_, *self._parameters, dtype=data.dtype, device=device
        )
        output_device = signals.device if data.is_tensor else torch.device("cpu")
        coefficients = torch.empty(
            (len(signals), math.prod(self.output_shape_)),
            dtype=data.dtype,
            device=output_device,
        )
        batch_size = self._batch_size(operators, device)
        with torch.set_grad_enabled(torch.is_grad_enabled() and signals.requires_grad):
            for batch in in_batches("wavelet scattering", len(signals), batch_size):
                S = signals[batch].to(device).to(data.dtype).mT.flatten(0, 1)
                S = scattering_1d(S, operators, self._max_order)
                if self.normalize_paths:
                    S = normalized_paths(S[..., None])
                S = S.reshape(-1, coefficients.shape[1])
                coefficients[batch] = S.to(output_device)
        return coefficients if data.is_tensor else coefficients.numpy()

    def get_feature_names_out(
        self, input_features: Collection[str] | None = None
    ) -> np.ndarray:
        """Names of the coefficients.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Checked against what ``fit`` saw and not used.

        Returns
        -------
        ndarray of shape (n_features_out,), object
            Such as "order1_wavelet3_time2", or "channel0_order1_wavelet3_time2" if
            there are several channels.

        Raises
        ------
        ValueError
            If ``input_features`` is not what ``fit`` saw.
        """
        check_is_fitted(self)
        check_input_features(self, input_features)
        names = [
            "_".join(
                [f"order{len(path)}", *(f"wavelet{n}" for n in path), f"time{time}"]
            )
            for path in self.paths_
            for time in range(self.output_shape_[-1])
        ]
        return names_by_channel(self.n_channels_, names)

    def __sklearn_tags__(self):
        """Tell scikit-learn that float32 stays float32."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def _check_parameters(self) -> None:
        check_at_least_one = functools.partial(check_integer, min_val=1)
        check_or_auto(self.J, "J", check_at_least_one, "an integer >= 1")
        check_integer(self.Q, "Q", min_val=1)
        if check_integer(self.max_order, "max_order", min_val=1) > 2:
            raise ValueError(f"max_order must be 1 or 2, got {self.max_order!r}.")
        check_bool(self.normalize_paths, "normalize_paths")
        check_or_auto(
            self.batch_size, "batch_size", check_at_least_one, "an integer >= 1"
        )

    def _resolve_scale(self, n_times: int) -> int:
        """Choose J, or check it against the length of the signals."""
        Q = int(self.Q)
        largest, needed = max(n_times.bit_length() - 1, 1), smallest_scale(Q)
        if self.J == "auto":
            J = min(max((n_times // 3).bit_length() - 1, needed), largest)
        else:
            J = int(self.J)
        if largest < J:
            raise ValueError(
                f"J={J} is too large for signals of {n_times} samples: averages are "
                f"over 2**J of them. J must be at most {largest}, or 'auto'."
            )
        n_entries = 4 * Q * J * n_times
        if n_entries > _MOST_ENTRIES:
            raise ValueError(
                f"J={J} and Q={Q} take {16e-9 * n_entries:.3g} GB for signals of "
                f"{n_times} samples; J, Q or the signals must be smaller."
            )
        if needed > J:
            warn_user(
                f"With J={J}, wavelets as narrow as Q={Q} an octave do not reach the "
                f"high frequencies, which are lost; J must be at least {needed}, for "
                f"signals of {2**needed} samples or more, or Q smaller.",
                UserWarning,
            )
        return J

    def _batch_size(self, operators: Scattering1D, device: torch.device) -> int:
        if self.batch_size != "auto":
            return int(self.batch_size)
        n_entries = _CPU_ENTRIES if device.type == "cpu" else _GPU_ENTRIES
        n_first = {j: W.shape[1] for j, W in operators.first.items()}
        sizes = [W[0].numel() for W in operators.first.values()]
        if self._max_order == 2:
            sizes += [
                n_first[i] * W[0].numel() for (i, _), W in operators.second.items()
            ]
        return max(1, n_entries // (max(sizes) * self.n_channels_))
