"""Gaussians about the means of nearest samples, fitted to incomplete data."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from ..functional import conditional_means, conditional_variances, smoother

__all__ = ["LocalGaussians"]

# Rounds of one Gaussian for all; each halves the noise, at first the variance of a
# feature, so that what is certain is learned first.
_N_GLOBAL_ROUNDS = 6
# Rounds of Gaussians about local means, in fitting and in completing.
_N_LOCAL_ROUNDS, _N_COMPLETION_ROUNDS = 5, 3
# Noise of a first guess.
_FIRST_NOISE = 0.25
# Iterations of conjugate gradients, from nothing and from an earlier round.
_N_FIRST_ITER, _N_ITER = 16, 8
_N_POWER_ITER = 3
# Noise that is tried on hidden entries, in variances of a feature.
_NOISES = (0.03, 0.06, 0.12, 0.25, 0.5, 1.0)
# Components that neighbours are found in.
_N_METRIC_COMPONENTS = 50
# Width of the neighbours' weights, in mean squared distances from a sample to them.
_BANDWIDTH = 0.2
# Samples by which the covariance of all is mixed into that of a cluster.
_N_PRIOR_SAMPLES = 300.0
# Of a covariance, for standard deviations; what the others add counts as noise.
_N_FACTORS = 64
# Of the intervals that standard deviations are right for.
_LEVEL, _LEVEL_IN_DEVIATIONS = 0.9, 1.645
# Of samples that entries are hidden in to see how well they are met, and of these.
_HELD_OUT_SHARE, _LARGEST_HELD_OUT, _LARGEST_HIDDEN_SHARE = 0.2, 1000, 0.2
# Entries by which the errors of all features are mixed into those of one.
_N_PRIOR_ENTRIES = 20.0
_BATCH_SIZE = 2000
_LARGEST_DEVIATION = 1e12


@dataclass(frozen=True)
class LocalGaussians:
    """A model of samples for the expectation of what is missing in them.

    A sample is normal about the weighted mean of its nearest training samples, with the
    covariance of such deviations in its cluster. This is a kernel density estimate
    whose kernel is a full Gaussian: conditional means are linear, so that of all
    neighbours only their weighted mean matters. Numbers are deviations from the mean,
    in units; all but the noise is within the span of one basis.

    Parameters
    ----------
    mean : Tensor of shape (M,), float64
    unit : float
        Root mean variance of a feature.
    lowest, highest : Tensor of shape (M,)
        Range of what was observed of each feature; zero where nothing was.
    basis : Tensor of shape (M, R)
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
    feature_variances : Tensor of shape (M,)
        Of what was observed of each feature.
    is_known : Tensor of shape (M,), bool
        Whether anything was.
    error_scales : Tensor of shape (M,)
        What standard deviations are multiplied by, so that intervals cover what they
        say.
    """

    mean: Tensor
    unit: float
    lowest: Tensor
    highest: Tensor
    basis: Tensor
    noise: float
    covariance: Tensor
    n_neighbors: int
    metric: Tensor
    references: Tensor
    centers: Tensor
    covariances: Tensor
    feature_variances: Tensor
    is_known: Tensor
    error_scales: Tensor

    @classmethod
    def fit(
        cls,
        X: Tensor,
        observed: Tensor,
        *,
        n_clusters: int,
        n_components: int,
        n_neighbors: int,
        random_state: np.random.RandomState,
    ) -> Self:
        """Fit to samples.

        Parameters
        ----------
        X : Tensor of shape (n_samples, M)
            Anything where an entry is missing.
        observed : Tensor of shape (n_samples, M), bool
        n_clusters : int
            Largest number of clusters with covariances of their own.
        n_components : int
            Largest size of the basis.
        n_neighbors : int
        random_state : RandomState

        Returns
        -------
        LocalGaussians

        Raises
        ------
        ValueError
            If entries are too large to square.
        """
        model = cls._of_moments(X, observed, n_components, n_neighbors, random_state)
        hidden = _hidden_entries(observed, random_state)
        known, _ = model._deviations(X, observed)
        seen = (observed & ~hidden).float()
        D = known * seen
        D = D + model._missing_globally(D, seen)
        for i in range(_N_GLOBAL_ROUNDS):
            model, shift = model._refitted_globally(D, max(0.5**i, min(_NOISES)))
            known, D = known - shift, D - shift
            D = torch.where(
                seen > 0, known, model._missing_globally(known * seen, seen, D)
            )
        model, shift = model._refitted_globally(D, model.noise)
        known, D = known - shift, D - shift
        every = torch.arange(len(D), device=D.device)
        for i in range(_N_LOCAL_ROUNDS):
            model = model._refitted_locally(D, n_clusters, random_state)
            if i % 2 == 0:
                model = model._with_best_noise(known, seen, D, hidden)
            D = model._completed_once(known, seen, D, every)
        model = model._calibrated(D, known, seen, hidden)
        if hidden.any():
            D = model._completed_once(known, observed.float(), D, every)
        return model._refitted_locally(D, n_clusters, random_state)

    @classmethod
    def _of_moments(cls, X, observed, n_components, n_neighbors, random_state) -> Self:
        """One Gaussian, by moments of what is observed."""
        n_samples, n_features = X.shape
        shares = observed.sum(0).clamp(min=1).double() / n_samples
        X = torch.where(observed, X, 0).double()
        mean = X.mean(0) / shares
        D = torch.where(observed, X - mean, 0.0)
        variances = D.square().mean(0) / shares
        unit = float(variances.mean()) ** 0.5 or 1.0
        if not np.isfinite(unit):
            raise ValueError(
                "X has entries that are too large to square in double precision; "
                "choose a unit in which they are not so large."
            )
        # Of two features, both are observed in the product of their shares, if entries
        # are missing at random; only the diagonal is not.
        D = (D / unit / shares).float()
        excess = (variances / unit**2 * (1.0 / shares - 1.0)).float()
        size = max(1, min(n_components, n_features, n_samples - 1))
        first = torch.from_numpy(random_state.standard_normal((n_features, size)))
        basis = torch.linalg.qr(first.to(D)).Q
        for _ in range(_N_POWER_ITER):
            basis = torch.linalg.qr(D.T @ (D @ basis)).Q
        Z = D @ basis
        covariance = Z.T @ Z / n_samples - basis.T @ (excess[:, None] * basis)
        values, vectors = torch.linalg.eigh(covariance)
        return cls(
            mean=mean,
            unit=unit,
            lowest=X.masked_fill(~observed, torch.inf).amin(0).nan_to_num(posinf=0.0),
            highest=X.masked_fill(~observed, -torch.inf).amax(0).nan_to_num(neginf=0.0),
            basis=basis,
            noise=1.0,
            covariance=(vectors * values.clamp(min=0.0)) @ vectors.T,
            n_neighbors=n_neighbors,
            metric=basis[:0],
            references=Z[:0],
            centers=Z[:0],
            covariances=Z[:0],
            feature_variances=(variances / unit**2).float(),
            is_known=observed.any(0),
            error_scales=torch.ones_like(excess),
        )

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
            Standard deviations, zero where observed.
        """
        D, seen = self._completed(X, observed)
        is_empty = ~observed.any(1)
        D[is_empty] = 0.0  # Nothing has no neighbours.
        expected = (D.double() * self.unit + self.mean).to(X.dtype)
        expected = expected.clamp(self.lowest.to(X.dtype), self.highest.to(X.dtype))
        filled = torch.where(observed, X, expected)
        if not return_std:
            return filled, None
        std = self._deviations_of_errors(D, seen) * self.error_scales
        std[is_empty] = self.feature_variances.sqrt()
        std = (std * self.is_known).masked_fill_(observed, 0.0)
        return filled, std.to(X.dtype) * self.unit

    def _completed(self, X, observed) -> tuple[Tensor, Tensor]:
        """Completed deviations, and where they are observed, as numbers."""
        known, seen = self._deviations(X, observed)
        # Much noise at first, with which few iterations reach the end.
        first = replace(self, noise=_FIRST_NOISE)
        D = known + first._missing_globally(known, seen)
        D = known + self._missing_globally(known, seen, D)
        for _ in range(_N_COMPLETION_ROUNDS):
            D = self._completed_once(known, seen, D)
        return D, seen

    def _deviations(self, X, observed) -> tuple[Tensor, Tensor]:
        D = torch.where(observed, X.double() - self.mean, 0.0) / self.unit
        # Of rows that are far beyond all others, squares would be none.
        D = D.clamp(-_LARGEST_DEVIATION, _LARGEST_DEVIATION)
        return D.to(self.basis.dtype), observed.to(self.basis.dtype)

    def _missing_globally(self, known, seen, start=None) -> Tensor:
        """Missing deviations under one Gaussian."""
        matrix = smoother(self.covariance, self.noise)
        n_iter = _N_FIRST_ITER if start is None else _N_ITER
        found = torch.empty_like(known)
        for rows in _batches(len(known)):
            found[rows] = conditional_means(
                known[rows],
                seen[rows],
                self.basis,
                matrix,
                None if start is None else start[rows],
                n_iter=n_iter,
            )
        return found

    def _refitted_globally(self, D, noise: float) -> tuple[Self, Tensor]:
        """One Gaussian for completed samples, and how far its mean moved."""
        shift = D.mean(0)
        D = D - shift
        basis = torch.linalg.qr(D.T @ (D @ self.basis)).Q
        Z = D @ basis
        model = replace(
            self,
            mean=self.mean + shift.double() * self.unit,
            basis=basis,
            covariance=Z.T @ Z / len(Z),
            noise=noise,
        )
        return model, shift

    def _with_best_noise(self, known, seen, D, hidden) -> Self:
        """The noise under which hidden entries are met best."""
        rows = hidden.any(1).nonzero().flatten()
        if len(rows) == 0:
            return self
        known, seen, D, hidden = known[rows], seen[rows], D[rows], hidden[rows]

        def error(noise: float) -> float:
            model = replace(self, noise=noise)
            found = model._completed_once(known, seen, D, rows)
            return float((found - known)[hidden].square().mean())

        return replace(self, noise=min(_NOISES, key=error))

    def _refitted_locally(self, D, n_clusters: int, random_state) -> Self:
        """References, clusters and their covariances from completed samples."""
        Z = D @ self.basis
        values, vectors = torch.linalg.eigh(Z.T @ Z / len(Z))
        leading = slice(-min(_N_METRIC_COMPONENTS, len(values)), None)
        floor = torch.finfo(Z.dtype).eps * float(values[-1]) or 1.0
        metric = vectors[:, leading] / values[leading].clamp(min=floor) ** 0.25
        places = (Z @ metric).cpu().numpy()
        # Of fewer samples a covariance is that of all.
        n_clusters = max(1, min(n_clusters, int(len(Z) / _N_PRIOR_SAMPLES * 4)))
        seed = random_state.randint(np.iinfo(np.int32).max)
        k_means = KMeans(n_clusters, n_init=1, max_iter=30, random_state=seed)
        with warnings.catch_warnings():
            # Of fewer different samples than clusters, which is no matter.
            warnings.simplefilter("ignore", ConvergenceWarning)
            labels = torch.from_numpy(k_means.fit_predict(places)).to(Z.device)
        centers = torch.from_numpy(k_means.cluster_centers_).to(Z)
        model = replace(self, metric=metric, references=Z, centers=centers)
        deviations = Z - model._local_means(Z, torch.arange(len(Z), device=Z.device))
        pooled = deviations.T @ deviations / len(Z)
        covariances = []
        for cluster in range(n_clusters):
            own = deviations[labels == cluster]
            total = own.T @ own + _N_PRIOR_SAMPLES * pooled
            covariances.append(total / (len(own) + _N_PRIOR_SAMPLES))
        return replace(model, covariances=torch.stack(covariances))

    def _local_means(self, Z, own: Tensor | None = None) -> Tensor:
        """Weighted means of the nearest references, (B, R).

        ``own`` (B,) are the references that Z themselves are, which do not count.
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

    def _labels(self, Z) -> Tensor:
        return torch.cdist(Z @ self.metric, self.centers).argmin(1)

    def _completed_once(self, known, seen, D, own: Tensor | None = None) -> Tensor:
        """Deviations completed by Gaussians about local means of earlier ones, D."""
        Z = D @ self.basis
        origins = self._local_means(Z, own) @ self.basis.T
        completed = torch.empty_like(D)
        for cluster, members in _members(self._labels(Z)):
            matrix = smoother(self.covariances[cluster], self.noise)
            for rows in members.split(_BATCH_SIZE):
                origin, visible = origins[rows], seen[rows]
                missing = conditional_means(
                    (known[rows] - origin) * visible,
                    visible,
                    self.basis,
                    matrix,
                    D[rows] - origin,
                    n_iter=_N_ITER,
                )
                completed[rows] = torch.where(
                    visible > 0, known[rows], missing + origin
                )
        low, high = (
            ((bound - self.mean) / self.unit).to(D)
            for bound in (self.lowest, self.highest)
        )
        return torch.where(seen > 0, known, completed.clamp(low, high))

    def _deviations_of_errors(self, D, seen) -> Tensor:
        """Standard deviations of all entries under the model, not calibrated."""
        deviations = torch.empty_like(D)
        for cluster, members in _members(self._labels(D @ self.basis)):
            values, vectors = torch.linalg.eigh(self.covariances[cluster])
            loadings = self.basis @ (vectors * values.clamp(min=0.0).sqrt())
            factors, rest = loadings[:, -_N_FACTORS:], loadings[:, :-_N_FACTORS]
            specific = rest.square().sum(1) + self.noise
            for rows in members.split(_BATCH_SIZE // 4):
                variances = conditional_variances(seen[rows], factors, specific)
                deviations[rows] = variances.sqrt_()
        return deviations

    def _calibrated(self, D, known, seen, hidden) -> Self:
        """The same with what hidden entries tell of errors."""
        rows = hidden.any(1)
        if not rows.any():
            return self
        D, known, seen, hidden = D[rows], known[rows], seen[rows], hidden[rows]
        errors = (D - known).abs() * hidden
        deviations = self._deviations_of_errors(D, seen)

        def mean_of_features(values: Tensor) -> Tensor:
            total = (values * hidden).sum(0) + _N_PRIOR_ENTRIES * values[hidden].mean()
            return total / (hidden.to(values.dtype).sum(0) + _N_PRIOR_ENTRIES)

        scales = mean_of_features(errors.square()).sqrt()
        scales /= mean_of_features(deviations.square()).sqrt()
        ratios = (errors / (deviations * scales).clamp(min=1e-30))[hidden]
        covered = float(np.quantile(ratios.cpu().numpy(), _LEVEL))
        return replace(self, error_scales=scales * (covered / _LEVEL_IN_DEVIATIONS))


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


def _hidden_entries(observed: Tensor, random_state) -> Tensor:
    """Observed entries of some samples to be hidden, (n_samples, M), bool.

    Where other samples miss theirs, so that blocks are hidden in blocks, or anywhere if
    those miss nothing else; no more than a fifth of a sample, thinned at random.
    """
    n_samples = len(observed)
    hidden = torch.zeros_like(observed)
    size = min(int(_HELD_OUT_SHARE * n_samples), _LARGEST_HELD_OUT)
    if size == 0:
        return hidden
    rows = torch.from_numpy(random_state.permutation(n_samples)[:size])
    incomplete = (~observed).any(1).nonzero().flatten().cpu().numpy()
    if len(incomplete) == 0:
        incomplete = np.arange(n_samples)
    others = torch.from_numpy(random_state.choice(incomplete, size))
    own = observed[rows]
    wanted = own & ~observed[others]
    wanted = torch.where(wanted.any(1, keepdim=True), wanted, own)
    largest = _LARGEST_HIDDEN_SHARE * own.double().sum(1, keepdim=True)
    share = largest / wanted.sum(1, keepdim=True).clamp(min=1)
    drawn = torch.from_numpy(random_state.uniform(size=wanted.shape)).to(share)
    hidden[rows] = wanted & (drawn < share)
    return hidden
