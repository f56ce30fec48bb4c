"""What a fitted mixture of dictionaries answers."""

from collections.abc import Callable

import numpy as np
import torch
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from ..estimation.batches import compute_in_batches, like_input
from ..modules import DictionaryMixture, MixtureOutput
from ..utils.device import plain_arithmetic, resolve_device
from ..utils.random import private_random_state
from ..utils.validation import (
    Input,
    check_choice,
    check_integer,
    validate_samples,
)
from .fitted import (
    assigned_codes,
    decode,
    decode_by_label,
    fitted_network,
    fitted_samples,
)

__all__ = ["MixtureInferenceMixin"]

# Of the parameter ``clusters``.
_CLUSTERS = ("assigned", "all")


# A TransformerMixin itself: set_output wraps `transform` only in a class that is one.
class MixtureInferenceMixin(TransformerMixin):
    """Methods of a fitted mixture; none of them changes it.

    All take X as an array or a tensor, with NaN or ``mask=False`` for missing entries,
    and return what they were given: arrays for arrays, tensors for tensors.
    """

    def predict(self, X, mask=None):
        """Assign each sample to the cluster of lowest energy.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.

        Returns
        -------
        ndarray or Tensor of shape (n_samples,), int
            Labels 0 to ``n_clusters - 1``.
        """
        return self._map(X, mask, lambda out: out.energies.argmin(dim=1))

    def predict_proba(self, X, mask=None):
        """Probability of each cluster, ``softmax(-E)`` (eq. 7).

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_clusters)
            Rows sum to one.
        """
        return self._map(X, mask, lambda out: torch.softmax(-out.energies, dim=1))

    def transform(self, X, mask=None):
        """Energy of each sample under each cluster (eq. 5): the lower, the better.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_clusters)
            In units of ``scale_`` squared.
        """
        return self._map(X, mask, lambda out: out.energies)

    def score_samples(self, X, mask=None):
        """How well each sample is explained, ``log sum_k exp(-E_k)``.

        A log-likelihood without its normalising constants, which depend on ``alpha``,
        ``scale_``, ``penalty``, the number of atoms and the number of observed entries:
        compare only models, and samples, that share these.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.

        Returns
        -------
        ndarray or Tensor of shape (n_samples,)
            The higher, the better explained.
        """
        return self._map(X, mask, lambda out: torch.logsumexp(-out.energies, dim=1))

    def encode(self, X, clusters="assigned", mask=None):
        """Sparse codes of the samples.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        clusters : {"assigned", "all"}, default="assigned"
            Codes for the cluster that each sample is assigned to, or for all.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_atoms) or, for "all", \
(n_samples, n_clusters, n_atoms)
            In units of ``scale_``.
        """
        check_choice(clusters, "clusters", _CLUSTERS)

        def codes(output: MixtureOutput):
            if clusters == "all":
                return output.codes.transpose(0, 1)
            return assigned_codes(output)

        return self._map(X, mask, codes)

    def reconstruct(self, X, clusters="assigned", mask=None):
        """Samples as the model sees them: their codes times the dictionary.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        clusters : {"assigned", "all"}, default="assigned"
            Reconstruct by the cluster that each sample is assigned to, or by all.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_features) or, for "all", \
(n_samples, n_clusters, n_features)
            In the unit of X, missing entries filled in.
        """
        check_choice(clusters, "clusters", _CLUSTERS)
        module = self._module(resolve_device(self.device))

        def reconstructions(output: MixtureOutput):
            if clusters == "all":
                return self._uncentered(decode(module, output.codes)).transpose(0, 1)
            codes = assigned_codes(output)
            labels = output.energies.argmin(dim=1)
            return self._uncentered(decode_by_label(module, codes, labels))

        return self._map(X, mask, reconstructions)

    def impute(self, X, mask=None):
        """Fill in missing entries with their expected value under the model.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_features)
            X where observed, elsewhere the mean of the K reconstructions weighted by
            the cluster probabilities.
        """
        module = self._module(resolve_device(self.device))

        def expected(output: MixtureOutput):
            # The responsibilities go into the codes: one decoding, not K.
            weights = torch.softmax(-output.energies, dim=1).T.unsqueeze(-1)
            return self._uncentered(decode(module, output.codes * weights).sum(0))

        data = self._validate(X, mask)
        filled = self._compute(data, expected)
        observed = ~torch.isnan(data.X)
        if data.mask is not None:
            observed &= data.mask
        # Where the model is single precision, observed doubles stay as they are.
        dtype = torch.promote_types(data.dtype, filled.dtype)
        return like_input(
            data, torch.where(observed, data.X.to(dtype), filled.to(dtype))
        )

    @plain_arithmetic
    def sample(self, n_samples=1):
        """Draw new samples that look like the clusters.

        Parameters
        ----------
        n_samples : int, default=1

        Returns
        -------
        X : ndarray of shape (n_samples, n_features)
            In the unit of the training data, without noise.
        y : ndarray of shape (n_samples,)
            Cluster of each sample.

        Notes
        -----
        The cluster is drawn from ``weights_``, the code from a normal distribution with
        the mean and the covariance of the codes of the training samples in that
        cluster. (Codes from the model's own prior, independent and of one scale, would
        look like no sample: the prior says that codes are sparse, not which atoms go
        together.)
        """
        check_is_fitted(self)
        check_is_fitted(
            self,
            "code_means_",
            msg="Fitting was interrupted before the codes of the training samples were "
            "known; `sample` needs them. Fit again, or with warm_start=True.",
        )
        n_samples = check_integer(n_samples, "n_samples", min_val=1)
        random_state = private_random_state(self.random_state)
        # A cluster without samples has no codes to imitate.
        weights = self.weights_.astype(np.float64) * (self.cluster_sizes_ > 0)
        y = random_state.choice(len(weights), n_samples, p=weights / weights.sum())
        codes = np.empty((n_samples, self.dictionaries_.shape[1]))
        for cluster in np.unique(y):
            members = y == cluster
            codes[members] = _normal(
                random_state,
                int(members.sum()),
                self.code_means_[cluster],
                self.code_covariances_[cluster],
            )
        module = self._module(torch.device("cpu"))
        codes = torch.from_numpy(codes).to(module.dictionaries.dtype)
        # A prox of threshold zero projects onto the codes that the penalty allows.
        codes = module.penalty.prox(codes.unsqueeze(0), 0.0)[0]
        with torch.no_grad():
            X = decode_by_label(module, codes, torch.from_numpy(y))
            X = self._uncentered(X)
        return X.numpy(), y

    @plain_arithmetic
    def _module(self, device: torch.device) -> DictionaryMixture:
        check_is_fitted(self)
        return fitted_network(self, self, device)

    def _uncentered(self, X: Tensor) -> Tensor:
        """Scaled samples (..., M), with an intercept or without, in the unit of X."""
        X = X[..., : self.n_features_in_] * self.scale_
        if self.center_ is None:
            return X
        return X + torch.as_tensor(self.center_, dtype=X.dtype, device=X.device)

    def _validate(self, X, mask) -> Input:
        check_is_fitted(self)
        return validate_samples(self, X, mask, reset=False)

    @plain_arithmetic
    def _compute(self, data: Input, function: Callable) -> Tensor:
        """Apply ``function`` to the outputs, batch by batch, on the device of X."""
        device = resolve_device(self.device)
        samples = fitted_samples(self, data, device)
        return compute_in_batches(
            self._module(device), samples, function, data.X.device
        )

    def _map(self, X, mask, function: Callable):
        """Validate, compute and return what the user gave: an array or a tensor."""
        data = self._validate(X, mask)
        return like_input(data, self._compute(data, function))


def _normal(random_state, n_samples: int, mean, covariance) -> np.ndarray:
    """Normal draws by the symmetric root, which takes singular covariances."""
    eigenvalues, eigenvectors = np.linalg.eigh(covariance.astype(np.float64))
    root = eigenvectors * np.sqrt(np.maximum(eigenvalues, 0.0))
    return mean + random_state.standard_normal((n_samples, len(mean))) @ root.T
