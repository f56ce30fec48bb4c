"""Local Gaussians fitted to samples none of which need be complete."""

import warnings
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from ..utils.device import one_openmp_thread
from ..utils.progress import each, step
from ..utils.random import drawn_seed
from .local_gaussians import LocalGaussians

__all__ = ["fit_local_gaussians"]

# Rounds of one Gaussian for all; each halves the noise, at first the variance of a
# feature, so that what is certain is learned first.
_N_GLOBAL_ROUNDS = 6
# Rounds of Gaussians about local means.
_N_LOCAL_ROUNDS = 3
# Noise is chosen when one has been gone through with the least: on earlier guesses
# much noise looks best, with which later rounds learn little.
_NOISE_ROUND = 1
_N_POWER_ITER = 3
# Noise that is tried on hidden entries, in variances of a feature.
_NOISES = (0.002, 0.008, 0.03, 0.06, 0.12, 0.25, 0.5, 1.0)
# That of the last round of one Gaussian.
_LAST_NOISE = 0.03
# Components that neighbours are found in.
_N_METRIC_COMPONENTS = 50
# Samples by which the covariance of all is mixed into that of a cluster.
_N_PRIOR_SAMPLES = 300.0
# Of the intervals that standard deviations are right for.
_LEVEL, _LEVEL_IN_DEVIATIONS = 0.9, 1.645
# Of samples that entries are hidden in to see how well they are met, and of these.
_HELD_OUT_SHARE, _LARGEST_HELD_OUT, _LARGEST_HIDDEN_SHARE = 0.2, 1000, 0.25
# Entries by which the errors of all features are mixed into those of one.
_N_PRIOR_ENTRIES = 20.0


def fit_local_gaussians(
    X: Tensor,
    observed: Tensor,
    *,
    n_clusters: int,
    n_components: int,
    n_neighbors: int,
    random_state: np.random.RandomState,
) -> LocalGaussians:
    """Fit the model to samples: completing them and fitting to them take turns.

    Parameters
    ----------
    X : Tensor of shape (n_samples, n_features)
        Anything where an entry is missing.
    observed : Tensor of shape (n_samples, n_features), bool
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
    model = _of_moments(X, observed, n_components, n_neighbors, random_state)
    hidden = _hidden_entries(observed[:, model.varies], random_state)
    known, observed = model.deviations(X, observed)
    seen = observed * ~hidden
    D = known * seen
    D = D + model.missing_globally(D, seen)
    for i in each("one Gaussian, round", range(_N_GLOBAL_ROUNDS)):
        model, shift = _refitted_globally(model, D, max(0.5**i, _LAST_NOISE))
        known, D = known - shift, D - shift
        D = torch.where(seen > 0, known, model.missing_globally(known * seen, seen, D))
    model, shift = _refitted_globally(model, D, model.noise)
    known, D = known - shift, D - shift
    for i in each("local Gaussians, round", range(_N_LOCAL_ROUNDS)):
        model, means = _refitted_locally(model, D, n_clusters, random_state)
        if i == _NOISE_ROUND:
            model = _with_best_noise(model, means, known, seen, D, hidden)
        D = model.completed_about(means, known, seen, D)
    with step("deviations of errors"):
        model = _calibrated(model, D, known, seen, hidden)
    rows = hidden.any(1).nonzero().flatten()
    means = model.local_means(D[rows] @ model.basis, rows)
    D[rows] = model.completed_about(means, known[rows], observed[rows], D[rows])
    return _refitted_locally(model, D, n_clusters, random_state)[0]


def _of_moments(X, observed, n_components, n_neighbors, random_state) -> LocalGaussians:
    """One Gaussian, by moments of what is observed."""
    n_samples = len(X)
    shares = observed.sum(0).clamp(min=1).double() / n_samples
    X = torch.where(observed, X, 0).double()
    mean = X.mean(0) / shares
    D = torch.where(observed, X - mean, 0.0)
    variances = D.square().mean(0) / shares
    lowest = X.masked_fill(~observed, torch.inf).amin(0).nan_to_num(posinf=0.0)
    highest = X.masked_fill(~observed, -torch.inf).amax(0).nan_to_num(neginf=0.0)
    varies = lowest < highest
    if not varies.any():
        varies[:1] = True  # For a basis of something.
    unit = float(variances[varies].mean()) ** 0.5 or 1.0
    if not np.isfinite(unit):
        raise ValueError(
            "X has entries that are too large to square in double precision; "
            "choose a unit in which they are not so large."
        )
    # Of two features, both are observed in the product of their shares, if entries
    # are missing at random; only the diagonal is not.
    D = (D / unit / shares)[:, varies].float()
    excess = (variances / unit**2 * (1.0 / shares - 1.0))[varies].float()
    n_features = D.shape[1]
    size = max(1, min(n_components, n_features, n_samples - 1))
    first = torch.from_numpy(random_state.standard_normal((n_features, size)))
    basis = torch.linalg.qr(first.to(D)).Q
    for _ in range(_N_POWER_ITER):
        basis = torch.linalg.qr(D.T @ (D @ basis)).Q
    Z = D @ basis
    covariance = Z.T @ Z / n_samples - basis.T @ (excess[:, None] * basis)
    values, vectors = torch.linalg.eigh(covariance)
    return LocalGaussians(
        mean=mean,
        unit=unit,
        lowest=lowest,
        highest=highest,
        feature_variances=(variances / unit**2).float(),
        n_observed=observed.sum(0).float(),
        varies=varies,
        basis=basis,
        noise=1.0,
        covariance=(vectors * values.clamp(min=0.0)) @ vectors.T,
        n_neighbors=n_neighbors,
        metric=basis[:0],
        references=Z[:0],
        centers=Z[:0],
        covariances=Z[:0],
        error_scales=torch.ones_like(excess),
    )


def _refitted_globally(
    model: LocalGaussians, D: Tensor, noise: float
) -> tuple[LocalGaussians, Tensor]:
    """One Gaussian for completed samples, and how far its mean moved."""
    shift = D.mean(0)
    D = D - shift
    basis = torch.linalg.qr(D.T @ (D @ model.basis)).Q
    Z = D @ basis
    mean = model.mean.clone()
    mean[model.varies] += shift.double() * model.unit
    covariance = Z.T @ Z / len(Z)
    model = replace(model, mean=mean, basis=basis, covariance=covariance, noise=noise)
    return model, shift


def _with_best_noise(
    model: LocalGaussians,
    means: Tensor,
    known: Tensor,
    seen: Tensor,
    D: Tensor,
    hidden: Tensor,
) -> LocalGaussians:
    """The noise under which hidden entries are met best, downhill from that it has."""
    rows = hidden.any(1).nonzero().flatten()
    if len(rows) == 0:
        return model
    known, seen, D, hidden = known[rows], seen[rows], D[rows], hidden[rows]
    means = means[rows]

    def error(noise: float) -> float:
        found = replace(model, noise=noise).completed_about(means, known, seen, D)
        return float((found - known)[hidden].square().mean())

    def downhill(candidates: Iterator[float]) -> float:
        best, least = model.noise, error_now
        for noise in candidates:
            found = error(noise)
            if not found < least:
                break
            best, least = noise, found
        return best

    error_now = error(model.noise)
    noise = downhill(noise for noise in _NOISES if noise > model.noise)
    if noise == model.noise:
        noise = downhill(noise for noise in reversed(_NOISES) if noise < model.noise)
    return replace(model, noise=noise)


def _refitted_locally(
    model: LocalGaussians, D: Tensor, n_clusters: int, random_state
) -> tuple[LocalGaussians, Tensor]:
    """References, clusters and their covariances from completed samples.

    And the samples' local means.
    """
    Z = D @ model.basis
    values, vectors = torch.linalg.eigh(Z.T @ Z / len(Z))
    leading = slice(-min(_N_METRIC_COMPONENTS, len(values)), None)
    floor = torch.finfo(Z.dtype).eps * float(values[-1]) or 1.0
    metric = vectors[:, leading] / values[leading].clamp(min=floor) ** 0.25
    places = (Z @ metric).cpu().numpy()
    # Of fewer samples a covariance is that of all.
    n_clusters = max(1, min(n_clusters, int(len(Z) / _N_PRIOR_SAMPLES * 4)))
    seed = drawn_seed(random_state)
    k_means = KMeans(n_clusters, n_init=1, max_iter=30, random_state=seed)
    with warnings.catch_warnings(), one_openmp_thread():
        # Of fewer different samples than clusters, which is no matter.
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = torch.from_numpy(k_means.fit_predict(places)).to(Z.device)
    centers = torch.from_numpy(k_means.cluster_centers_).to(Z)
    model = replace(model, metric=metric, references=Z, centers=centers)
    means = model.local_means(Z, torch.arange(len(Z), device=Z.device))
    deviations = Z - means
    pooled = deviations.T @ deviations / len(Z)
    covariances = []
    for cluster in range(n_clusters):
        own = deviations[labels == cluster]
        total = own.T @ own + _N_PRIOR_SAMPLES * pooled
        covariances.append(total / (len(own) + _N_PRIOR_SAMPLES))
    return replace(model, covariances=torch.stack(covariances)), means


def _calibrated(
    model: LocalGaussians, D: Tensor, known: Tensor, seen: Tensor, hidden: Tensor
) -> LocalGaussians:
    """The same with what hidden entries tell of errors."""
    rows = hidden.any(1)
    if not rows.any():
        return model
    D, known, seen, hidden = D[rows], known[rows], seen[rows], hidden[rows]
    errors = (D - known).abs() * hidden
    deviations = model.deviations_of_errors(D, seen)

    def mean_of_features(values: Tensor) -> Tensor:
        total = (values * hidden).sum(0) + _N_PRIOR_ENTRIES * values[hidden].mean()
        return total / (hidden.to(values.dtype).sum(0) + _N_PRIOR_ENTRIES)

    scales = mean_of_features(errors.square()).sqrt()
    scales /= mean_of_features(deviations.square()).sqrt()
    ratios = (errors / (deviations * scales).clamp(min=1e-30))[hidden]
    covered = float(np.quantile(ratios.cpu().numpy(), _LEVEL))
    return replace(model, error_scales=scales * (covered / _LEVEL_IN_DEVIATIONS))


def _hidden_entries(observed: Tensor, random_state) -> Tensor:
    """Observed entries of some samples to be hidden, (n_samples, n_features), bool.

    Where other samples miss theirs, so that blocks are hidden in blocks, or anywhere if
    those miss nothing else; no more than a quarter of a sample, thinned at random.
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
