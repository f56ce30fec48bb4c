"""What sparse and group-sparse autoencoders do alike."""

from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_array, check_is_fitted
from torch import Tensor

from ..base.estimator import NetworkEstimatorMixin
from ..base.parts import in_parts
from ..utils.device import plain_arithmetic
from ..utils.estimator import VersionedEstimator
from ..utils.validation import Array, ArrayLike, with_nan
from .fit import (
    AutoencoderFit,
    AutoencoderParameters,
    FittedAutoencoder,
    strongest_groups,
)

__all__ = ["BaseSparseAutoencoder"]


class BaseSparseAutoencoder(NetworkEstimatorMixin, VersionedEstimator):
    """Methods of the sparse autoencoders; subclasses write the constructor.

    Subclasses also give in ``_size_names`` the parameters that the number of groups and
    their size come from, None for a size of one.
    """

    _fitted_name = "dictionary_"
    _parameters_type = AutoencoderParameters
    _attributes_type = FittedAutoencoder
    _fit_type = AutoencoderFit
    _size_names: tuple[str, str | None]

    @in_parts
    def transform(
        self,
        X: ArrayLike,
        mask: ArrayLike | None = None,
        *,
        out: np.ndarray | None = None,
    ) -> Array:
        """Encode samples.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.
        out : ndarray of shape (n_samples, n_atoms), default=None
            What is filled batch by batch and returned, a memory map for example, of any
            floating dtype; None makes a new array.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_atoms)
            Codes in units of ``scale_``, the atoms of a group side by side.
        """
        return self._map(X, mask, lambda output: output.codes, out)

    @plain_arithmetic
    def inverse_transform(self, X: ArrayLike) -> Array:
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
        D = self.dictionary_
        codes: Any
        if isinstance(X, Tensor):
            codes = X.to(torch.promote_types(X.dtype, torch.float32))
            if not codes.isfinite().all():
                raise ValueError("Input X contains NaN or infinity; codes are finite.")
            D = torch.as_tensor(D, dtype=codes.dtype, device=codes.device)
        else:
            codes = check_array(with_nan(X), dtype=[np.float64, np.float32])
        if codes.ndim != 2 or codes.shape[1] != len(D):
            raise ValueError(
                f"X must be codes of shape (n_samples, {len(D)}), got shape "
                f"{tuple(codes.shape)}."
            )
        return codes @ D * self.scale_

    @in_parts
    def predict(
        self,
        X: ArrayLike,
        mask: ArrayLike | None = None,
        *,
        out: np.ndarray | None = None,
    ) -> Array:
        """Assign each sample to the strongest group of its code.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.
        out : ndarray of shape (n_samples,), default=None
            What is filled batch by batch and returned, a memory map for example, of any
            signed integer dtype; None makes a new array.

        Returns
        -------
        ndarray or Tensor of shape (n_samples,), int
            The group with the largest Euclidean norm, from 0; -1 for a sample whose
            code is zero, which no group explains better than nothing.
        """
        return self._map(
            X, mask, lambda output: strongest_groups(output, self.group_size_), out
        )

    @in_parts
    def score_samples(
        self,
        X: ArrayLike,
        mask: ArrayLike | None = None,
        *,
        out: np.ndarray | None = None,
    ) -> Array:
        """How well each sample is explained, minus its share of the training loss.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.
        out : ndarray of shape (n_samples,), default=None
            What is filled batch by batch and returned, a memory map for example, of any
            floating dtype; None makes a new array.

        Returns
        -------
        ndarray or Tensor of shape (n_samples,)
            The higher, the better; in units of ``scale_`` squared. Compare only models
            that share ``loss``, ``alpha`` and ``scale_``.
        """
        is_penalized = self.loss == "penalized"
        return self._map(X, mask, lambda output: -output.losses(is_penalized), out)

    @property
    def _n_features_out(self):
        """Number of columns of `transform`, for get_feature_names_out."""
        return len(self.dictionary_)
