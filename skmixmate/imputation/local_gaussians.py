"""Gaussians about the means of nearest samples, for what is missing in a sample."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from ..functional import conditional_means, conditional_variances, smoother

__all__ = ["LocalGaussians"]

# Noise of a first guess.
_FIRST_NOISE = 0.25
# Iterations of conjugate gradients, and with how much noise half of them do.
_N_ITER, _MUCH_NOISE = 8, 0.2
# Width of the neighbours' weights, in mean squared distances from a sample to them.
_BANDWIDTH = 0.4
# Of a covariance, for standard deviations; what the others add counts as noise.
_N_FACTORS = 64
# Observed entries of a feature by which the mean variance of all is mixed into its own,
# and by which that is mixed into what its errors are thought to be.
_N_PRIOR_OBSERVED, _N_TO_TRUST = 1.0, 200.0
# Equal entries from which on a feature is thought to be a constant.
_N_TO_BE_CONSTANT = 20
_BATCH_SIZE = 2000
_LARGEST_DEVIATION = 1e12


@dataclass(frozen=True)
class LocalGaussians:
    """A model of samples for the expectation of what is missing in them.

    A sample is normal about the weighted mean of its nearest training samples, with the
    covariance of such deviations in its cluster. This is a kernel density estimate
    whose kernel is a full Gaussian: conditional means are linear, so that of all
    neighbours only their weighted mean matters. Numbers are deviations from the mean,
    in units, of the V of M features that vary; all but the noise is within the span of
    one basis. Methods take and give such deviations, but for those of samples X.

    Parameters
    ----------
    mean : Tensor of shape (M,), float64
    unit : float
        Root mean variance of a feature.
    lowest, highest : Tensor of shape (M,)
        Range of what was observed of each feature; zero where nothing was.
    feature_variances : Tensor of shape (M,)
        Of what was observed of each feature.
    n_observed : Tensor of shape (M,)
        Number of samples in which each feature was.
    varies : Tensor of shape (M,), bool
        Whether different numbers were; the others are their mean.
    basis : Tensor of shape (V, R)
        Orthonormal columns.
    noise : float
        Variance.
    covariance : Tensor of shape (R, R)
        Of all samples.
    n_neighbors : int
    metric : Tensor of shape (R, Q)
        Leading components, partly whitened: neighbours are nearest in them.
    references : Tensor of shape (L, R)
        Training samples, completed.
    centers : Tensor of shape (K, Q)
        Of the clusters.
    covariances : Tensor of shape (K, R, R)
        Of deviations from local means, of each cluster.
    error_scales : Tensor of shape (V,)
        What standard deviations are multiplied by, so that intervals cover what they
        say.
    """

    mean: Tensor
    unit: float
    lowest: Tensor
    highest: Tensor
    feature_variances: Tensor
    n_observed: Tensor
    varies: Tensor
    basis: Tensor
    noise: float
    covariance: Tensor
    n_neighbors: int
    metric: Tensor
    references: Tensor
    centers: Tensor
    covariances: Tensor
    error_scales: Tensor

    def complete(
        self, X: Tensor, observed: Tensor, *, return_std: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Expectation of what is missing, in the range of each feature.

        Parameters
        ----------
        X : Tensor of shape (n_samples, M)
            Floating point; anything where an entry is missing.
        observed : Tensor of shape (n_samples, M), bool
        return_std : bool, default=False
            Whether to return how far off that may be.

        Returns
        -------
        filled : Tensor of shape (n_samples, M)
            As X where observed.
        std : Tensor of shape (n_samples, M) or None
            Standard deviations, zero where observed, and of a feature that had the
            same value in at least 20 samples and no other.
        """
        known, seen = self.deviations(X, observed)
        # Much noise at first, with which few iterations reach the end.
        first = replace(self, noise=_FIRST_NOISE)
        D = known + first.missing_globally(known, seen, n_iter=_N_ITER)
        D = self.completed_about(self.local_means(D @ self.basis), known, seen, D)
        is_empty = ~observed.any(1)
        D[is_empty] = 0.0  # Nothing has no neighbours.
        expected = self.mean.expand(X.shape).clone()
        expected[:, self.varies] += D.double() * self.unit
        expected = expected.clamp(self.lowest, self.highest).to(X.dtype)
        filled = torch.where(observed, X, expected)
        if not return_std:
            return filled, None
        varying = self.deviations_of_errors(D, seen) * self.error_scales
        spread = self._spreads().sqrt().to(X.dtype)
        varying[is_empty] = spread[self.varies].to(varying)
        spread[~self.varies & (self.n_observed >= _N_TO_BE_CONSTANT)] = 0.0
        std = (spread * self.unit).repeat(len(X), 1)
        std[:, self.varies] = (varying * self.unit).to(X.dtype)
        return filled, std.masked_fill_(observed, 0.0)

    def with_more_references(self, X: Tensor, observed: Tensor) -> Self:
        """The same with more samples, completed by it, to find neighbours among.

        The more there are, the nearer they are. All else is learned well enough from
        fewer samples. X and ``observed`` (n_samples, M) are as in `complete`.
        """
        filled = X.to(torch.float64, copy=True)
        incomplete = ~observed.all(1)
        if incomplete.any():
            rows = filled[incomplete], observed[incomplete]
            filled[incomplete] = self.complete(*rows)[0]
        D, _ = self.deviations(filled, torch.ones_like(observed))
        return replace(self, references=torch.cat([self.references, D @ self.basis]))

    def deviations(self, X: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
        """What is observed of samples, else zero, and where that is, as numbers."""
        X, observed = X[:, self.varies], observed[:, self.varies]
        D = torch.where(observed, X.double() - self.mean[self.varies], 0.0) / self.unit
        # Of rows that are far beyond all others, squares would be none.
        D = D.clamp(-_LARGEST_DEVIATION, _LARGEST_DEVIATION)
        return D.to(self.basis.dtype), observed.to(self.basis.dtype)

    def missing_globally(
        self,
        known: Tensor,
        seen: Tensor,
        start: Tensor | None = None,
        *,
        n_iter: int | None = None,
    ) -> Tensor:
        """What is missing under one Gaussian, zero where observed."""
        matrix = smoother(self.covariance, self.noise)
        found = torch.empty_like(known)
        for rows in _batches(len(known)):
            found[rows] = conditional_means(
                known[rows],
                seen[rows],
                self.basis,
                matrix,
                None if start is None else start[rows],
                n_iter=n_iter or self._n_iter(),
            )
        return found

    def completed_about(
        self, means: Tensor, known: Tensor, seen: Tensor, D: Tensor
    ) -> Tensor:
        """Samples completed by Gaussians about local means, (B, R), of guesses D."""
        origins = means @ self.basis.T
        completed = torch.empty_like(D)
        for cluster, members in _members(self._labels(D @ self.basis)):
            matrix = smoother(self.covariances[cluster], self.noise)
            for rows in members.split(_BATCH_SIZE):
                origin, visible = origins[rows], seen[rows]
                missing = conditional_means(
                    (known[rows] - origin) * visible,
                    visible,
                    self.basis,
                    matrix,
                    D[rows] - origin,
                    n_iter=self._n_iter(),
                )
                completed[rows] = missing + origin
        low, high = (
            ((bound - self.mean) / self.unit)[self.varies].to(D)
            for bound in (self.lowest, self.highest)
        )
        return torch.where(seen > 0, known, completed.clamp(low, high))

    def local_means(self, Z: Tensor, own: Tensor | None = None) -> Tensor:
        """Weighted means of the nearest references, (B, R), in the basis, as is Z.

        ``own`` (B,) are the references that the samples are, which do not count.
        """
        n_neighbors = min(self.n_neighbors, len(self.references) - (own is not None))
        means = torch.zeros_like(Z)
        if n_neighbors < 1:
            return means
        places = self.references @ self.metric
        squared_norms = places.square().sum(1)
        for rows in _batches(len(Z)):
            place = Z[rows] @ self.metric
            distances = torch.addmm(squared_norms, place, places.T, alpha=-2.0)
            distances += place.square().sum(1, keepdim=True)
            if own is not None:
                distances.scatter_(1, own[rows, None], torch.inf)
            found = distances.topk(n_neighbors, largest=False)
            weights = _weights(found.values.clamp(min=0.0))
            for j in range(n_neighbors):
                neighbors = self.references[found.indices[:, j]]
                means[rows].addcmul_(weights[:, j, None], neighbors)
        return means

    def deviations_of_errors(self, D: Tensor, seen: Tensor) -> Tensor:
        """Standard deviations of all entries under the model, not calibrated."""
        deviations = torch.empty_like(D)
        for cluster, members in _members(self._labels(D @ self.basis)):
            values, vectors = torch.linalg.eigh(self.covariances[cluster])
            loadings = self.basis @ (vectors * values.clamp(min=0.0).sqrt())
            factors, rest = loadings[:, -_N_FACTORS:], loadings[:, :-_N_FACTORS]
            specific = rest.square().sum(1) + self.noise
            for rows in members.split(_BATCH_SIZE // 4):
                deviations[rows] = conditional_variances(seen[rows], factors, specific)
        # What few samples tell of a feature is not to be trusted.
        n_observed = self.n_observed[self.varies]
        trust = (n_observed / (n_observed + _N_TO_TRUST)).to(deviations)
        spreads = self._spreads()[self.varies].to(deviations)
        return torch.lerp(spreads.expand_as(deviations), deviations, trust).sqrt_()

    def _spreads(self) -> Tensor:
        """Mean squared deviations from the mean, (M,), that other samples may have.

        Of those that next to no sample has, about that of all features: one that was a
        constant is not sure to be one, nor is its mean.
        """
        total = self.n_observed * self.feature_variances + _N_PRIOR_OBSERVED
        variances = total / (self.n_observed + _N_PRIOR_OBSERVED)
        return variances * (1.0 + 1.0 / self.n_observed.clamp(min=1.0))

    def _labels(self, Z) -> Tensor:
        return torch.cdist(Z @ self.metric, self.centers).argmin(1)

    def _n_iter(self) -> int:
        return _N_ITER // 2 if self.noise > _MUCH_NOISE else _N_ITER


def _weights(squared_distances: Tensor) -> Tensor:
    """Weights of neighbours, (B, k), nearest first, by their squared distances."""
    beyond = squared_distances - squared_distances[:, :1]
    width = _BANDWIDTH * squared_distances.mean(1, keepdim=True)
    return torch.softmax(-beyond / width.clamp(min=1e-30), dim=1)


def _members(labels: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yield each cluster that has members, and their rows."""
    for cluster in torch.unique(labels).tolist():
        yield cluster, (labels == cluster).nonzero().flatten()


def _batches(n_samples: int) -> Iterator[slice]:
    for start in range(0, n_samples, _BATCH_SIZE):
        yield slice(start, min(start + _BATCH_SIZE, n_samples))
