"""What fills missing entries in, (X with NaN, seed) -> X, and what hides them."""

from functools import partial

import numpy as np
import torch
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer

from skmixmate import LocalGaussianImputer

__all__ = ["IMPUTERS", "MASKS", "low_rank"]


def mean(X, seed):
    return SimpleImputer(keep_empty_features=True).fit_transform(X)


def nearest_neighbors(X, seed):
    return KNNImputer(keep_empty_features=True).fit_transform(X)


def regressions(X, seed):
    """Each feature from all others, ten times over: minutes from some 100 features."""
    imputer = IterativeImputer(keep_empty_features=True, random_state=seed)
    return imputer.fit_transform(X)


def low_rank(X, seed, rank=80, shrinkage=0.02, n_iter=40):
    """Iterative singular value decomposition: components of what is filled in."""
    observed = torch.from_numpy(~np.isnan(X))
    X = torch.from_numpy(np.nan_to_num(X)).float()
    center = X.sum(0) / observed.sum(0).clamp(min=1)
    known = torch.where(observed, X - center, 0.0)
    filled = known
    for _ in range(n_iter):
        values, vectors = torch.linalg.eigh(filled.T @ filled)
        sizes = values.clamp(min=0.0).sqrt()[-rank:]
        kept = (1.0 - shrinkage * sizes[-1] / sizes.clamp(min=1e-9)).clamp(min=0.0)
        components = vectors[:, -rank:]
        filled = (filled @ components * kept) @ components.T
        filled = torch.where(observed, known, filled)
    return (filled + center).numpy()


def one_gaussian(X, seed, ridge=0.01, n_rounds=2):
    """Conditional means under the covariance of what is filled in, plus a ridge.

    ``ridge`` is for pixels in [0, 1].
    """
    observed = ~np.isnan(X)
    filled = low_rank(X, seed).astype(np.float32)
    for _ in range(n_rounds):
        center = filled.mean(0)
        covariance = np.cov(filled.T) + ridge * np.eye(X.shape[1])
        covariance = torch.from_numpy(covariance).float()
        for row, seen in zip(filled, observed, strict=True):
            if seen.all():
                continue
            o, m = np.flatnonzero(seen), np.flatnonzero(~seen)
            root = torch.linalg.cholesky(covariance[o][:, o])
            deviations = torch.from_numpy(row[o] - center[o])[:, None]
            weights = torch.cholesky_solve(deviations, root)
            row[m] = center[m] + (covariance[m][:, o] @ weights)[:, 0].numpy()
    return filled


def ours(X, seed):
    return LocalGaussianImputer(random_state=seed).fit_transform(X)


IMPUTERS = {
    "mean": mean,
    "KNNImputer": nearest_neighbors,
    "IterativeImputer": regressions,
    "iterative SVD": low_rank,
    "one Gaussian": one_gaussian,
    "LocalGaussianImputer": ours,
}


def at_random(share, X, shape, random_state):
    return random_state.uniform(size=X.shape) < share


def block(X, shape, random_state):
    """A block at a random place, three sevenths of each side of a sample."""
    missing = np.zeros((len(X), *shape), dtype=bool)
    for sample in missing:
        starts, stops = [], []
        for side in shape:
            size = round(3 / 7 * side)
            starts.append(random_state.randint(side - size + 1))
            stops.append(starts[-1] + size)
        sample[tuple(map(slice, starts, stops))] = True
    return missing.reshape(X.shape)


def dead_columns(X, shape, random_state):
    """A quarter of the features, others in each tenth of the samples."""
    missing = np.zeros(X.shape, dtype=bool)
    for rows in np.array_split(random_state.permutation(len(X)), 10):
        dead = random_state.permutation(X.shape[1])[: X.shape[1] // 4]
        missing[np.ix_(rows, dead)] = True
    return missing


# What hides entries of samples that have this shape each.
MASKS = {
    **{str(share): partial(at_random, share) for share in (0.1, 0.25, 0.5, 0.75, 0.9)},
    "block": block,
    "dead columns": dead_columns,
}
