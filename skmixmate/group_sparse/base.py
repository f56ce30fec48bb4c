"""What sparse and group-sparse autoencoders do alike."""

from collections.abc import Callable

import numpy as np
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted
from torch import Tensor

from ..estimation.batches import compute_in_batches, like_input
from ..estimation.estimator import NetworkEstimatorMixin
from ..estimation.restarts import count_runs
from ..modules import AutoencoderOutput, DictionaryAutoencoder
from ..utils.callbacks import with_callbacks
from ..utils.device import plain_arithmetic, resolve_device
from ..utils.validation import validate_samples, with_nan
from .fitting import (
    build_network,
    fit_autoencoder,
    partial_fit_autoencoder,
    strongest_groups,
)
from .parameters import AutoencoderParameters
from .start import fitted_samples

__all__ = ["BaseSparseAutoencoder"]


class BaseSparseAutoencoder(NetworkEstimatorMixin, TransformerMixin, BaseEstimator):
    """Methods of the sparse autoencoders; subclasses write the constructor.

    Subclasses also give ``_n_groups`` and ``_group_size``, and in ``_size_names`` the
    parameters that these come from.
    """

    _fitted_name = "dictionary_"
    _size_names: tuple[str, ...]

    @with_callbacks
    def fit(self, X, y=None, mask=None):
        """Learn the dictionary.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry. 8-bit integers stay 8-bit in memory.
        y : Ignored
            Present for API consistency.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
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

        Warns
        -----
        InitializationWarning
            If the first atoms had to be mended.
        ConvergenceWarning
            If a group is used by no training sample, or ``step_size`` is too large.
        RuntimeWarning
            If fitting was interrupted, or ended because the loss was not finite.
        """
        parameters = AutoencoderParameters.from_estimator(self)
        continued = bool(self.warm_start) and hasattr(self, "dictionary_")
        data = validate_samples(self, X, mask, reset=not continued)
        context = self._init_callback_context(max_subtasks=count_runs(self, continued))
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        fitted = fit_autoencoder(
            self, parameters, data, continued=continued, context=context
        )
        fitted.store(self)
        context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return self

    def partial_fit(self, X, y=None, mask=None):
        """Go on training with one epoch over a batch of samples.

        The first call takes the scale and the first atoms from its batch, which should
        be like the data as a whole.

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
        self : estimator
            Itself; ``labels_``, ``loss_`` and ``group_usage_`` are those of the batch.

        Raises
        ------
        TypeError, ValueError
            As `fit`.
        """
        parameters = AutoencoderParameters.from_estimator(self)
        first = not hasattr(self, "dictionary_")
        data = validate_samples(self, X, mask, reset=first)
        fitted, interrupted = partial_fit_autoencoder(self, parameters, data)
        fitted.store(self)
        if interrupted:
            # What was learned is kept, but a loop over batches must end.
            raise KeyboardInterrupt
        return self

    def transform(self, X, mask=None):
        """Encode samples.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_atoms)
            Codes in units of ``scale_``, the atoms of a group side by side.
        """
        return self._map(X, mask, lambda output: output.codes)

    @plain_arithmetic
    def inverse_transform(self, X):
        """Decode codes into samples.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_atoms)
            Codes, as `transform` gives them.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_features)
            ``X @ dictionary_ * scale_``, in the unit of the training data.

        Raises
        ------
        ValueError
            If X is not finite, or has another number of columns than there are atoms.
        """
        check_is_fitted(self)
        is_tensor = isinstance(X, Tensor)
        if is_tensor:
            X = X.to(torch.promote_types(X.dtype, torch.float32))
            if not X.isfinite().all():
                raise ValueError("Input X contains NaN or infinity; codes are finite.")
        else:
            # Codes are not missing: NaN is refused.
            X = check_array(with_nan(X), dtype=[np.float64, np.float32])
        if X.ndim != 2 or X.shape[1] != len(self.dictionary_):
            raise ValueError(
                f"X must be codes of shape (n_samples, {len(self.dictionary_)}), got "
                f"shape {tuple(X.shape)}."
            )
        if is_tensor:
            D = torch.as_tensor(self.dictionary_, dtype=X.dtype, device=X.device)
            return X @ D * self.scale_
        return X @ self.dictionary_ * self.scale_

    def predict(self, X, mask=None):
        """Assign each sample to the strongest group of its code.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.

        Returns
        -------
        ndarray or Tensor of shape (n_samples,), int
            The group with the largest Euclidean norm, from 0; -1 for a sample whose
            code is zero, which no group explains better than nothing.
        """
        return self._map(X, mask, lambda out: strongest_groups(out, self.group_size_))

    def score_samples(self, X, mask=None):
        """How well each sample is explained, minus its share of the training loss.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.

        Returns
        -------
        ndarray or Tensor of shape (n_samples,)
            The higher, the better; in units of ``scale_`` squared. Compare only models
            that share ``loss``, ``alpha`` and ``scale_``.
        """
        is_penalized = self.loss == "penalized"
        return self._map(X, mask, lambda output: -output.losses(is_penalized))

    def _module(self, device: torch.device) -> DictionaryAutoencoder:
        check_is_fitted(self)
        D = torch.tensor(self.dictionary_, device=device)
        return build_network(self, D, self.group_size_)

    @plain_arithmetic
    def _map(self, X, mask, function: Callable[[AutoencoderOutput], Tensor]):
        """Validate, compute and return what the user gave: an array or a tensor."""
        check_is_fitted(self)
        data = validate_samples(self, X, mask, reset=False)
        device = resolve_device(self.device)
        samples = fitted_samples(self, data, device)
        values = compute_in_batches(
            self._module(device), samples, function, data.X.device
        )
        return like_input(data, values)

    @property
    def _n_features_out(self):
        """Number of columns of `transform`, for get_feature_names_out."""
        return len(self.dictionary_)
