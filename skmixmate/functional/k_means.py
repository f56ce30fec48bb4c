"""k-means from several starts at once."""

import math

import torch
from torch import Tensor

__all__ = ["k_means", "n_draws"]

# As scikit-learn has it: iterations, and a share of the mean variance of features that
# the squared shifts of all centres together may have in the end.
_MAX_ITER, _TOL = 300, 1e-4


def n_draws(n_clusters: int) -> int:
    """Uniform numbers that one start takes.

    Parameters
    ----------
    n_clusters : int

    Returns
    -------
    int
    """
    return 1 + (n_clusters - 1) * _n_trials(n_clusters)


def _n_trials(n_clusters: int) -> int:
    return 2 + int(math.log(n_clusters))


def k_means(X: Tensor, n_clusters: int, draws: Tensor) -> Tensor:
    """Cluster points by k-means from several starts, and keep the best.

    Up to rounding the clusters are those of scikit-learn's ``KMeans``, with as many as
    ``n_init``, whose generator gives ``draws``. On a GPU, all starts take about as long
    as one; on a CPU, scikit-learn's take less time.

    Parameters
    ----------
    X : Tensor of shape (N, M)
    n_clusters : int
        At most N.
    draws : Tensor of shape (n_starts, `n_draws`), float64
        Uniform numbers from 0 to 1: from the first comes the first centre of a start,
        from the others candidates for each further one.

    Returns
    -------
    Tensor of shape (N,), int
        Labels of the start that ends with the smallest sum of squared distances. If
        points are equal, some of the ``n_clusters`` may be missing.

    References
    ----------
    Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding" (2007), for
    the starts, several candidates for each centre included. Lloyd, "Least squares
    quantization in PCM" (1982).

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional.k_means import k_means
    >>> X = torch.tensor([[0.0], [0.1], [5.0], [5.1]])
    >>> labels = k_means(X, 2, torch.tensor([[0.1, 0.6, 0.7]]))
    >>> (labels == labels[0]).tolist()
    [True, True, False, False]
    """
    # About their mean, for the sake of distances.
    X = X - X.mean(0)
    squared_norms = X.square().sum(1)
    centers = X[_first_centers(X, squared_norms, n_clusters, draws)]
    tol = _TOL * float(X.var(0, correction=0).mean())
    going_on = torch.ones(len(centers), dtype=torch.bool, device=X.device)
    labels = torch.full(draws.shape[:1] + X.shape[:1], -1, device=X.device)
    for _ in range(_MAX_ITER):
        distances, new_labels = _nearest(X, squared_norms, centers)
        new_centers = _means(X, new_labels, distances, centers)
        # Of starts that have ended, nothing changes any more.
        new_centers = torch.where(going_on[:, None, None], new_centers, centers)
        shifts = (new_centers - centers).square().sum((1, 2))
        going_on = going_on & (new_labels != labels).any(1) & (shifts > tol)
        centers, labels = new_centers, new_labels
        if not going_on.any():
            break
    distances, labels = _nearest(X, squared_norms, centers)
    return labels[distances.sum(1).argmin()]


def _first_centers(X, squared_norms, n_clusters: int, draws: Tensor) -> Tensor:
    """Indices of points far from each other, (n_starts, n_clusters)."""
    n_starts, last = len(draws), len(X) - 1
    starts = torch.arange(n_starts, device=X.device)
    n_trials = _n_trials(n_clusters)
    chosen = torch.empty((n_starts, n_clusters), dtype=torch.long, device=X.device)
    chosen[:, 0] = (draws[:, 0] * len(X)).long().clamp(max=last)
    closest = _distances(X, squared_norms, X[chosen[:, :1]]).squeeze(2)
    for k in range(1, n_clusters):
        some = draws[:, 1 + (k - 1) * n_trials : 1 + k * n_trials].to(X.dtype)
        places = some * closest.sum(1, keepdim=True)
        candidates = torch.searchsorted(closest.cumsum(1), places).clamp(max=last)
        distances = _distances(X, squared_norms, X[candidates])
        distances = torch.minimum(distances, closest.unsqueeze(2))
        best = distances.sum(1).argmin(1)
        chosen[:, k] = candidates[starts, best]
        closest = distances[starts, :, best]
    return chosen


def _distances(X, squared_norms, centers) -> Tensor:
    """Squared distances of points to the centres of each start, (S, N, K)."""
    products = X @ centers.mT
    distances = centers.square().sum(2).unsqueeze(1) - 2.0 * products
    return (distances + squared_norms.unsqueeze(1)).clamp_(min=0.0)


def _nearest(X, squared_norms, centers) -> tuple[Tensor, Tensor]:
    """Squared distances to the nearest centres, and which they are, (S, N) each."""
    return _distances(X, squared_norms, centers).min(2)


def _means(X, labels, distances, centers) -> Tensor:
    """Means of the points with each label, (S, K, M).

    A cluster without any becomes a point that is farthest from its centre.
    """
    numbers = torch.arange(centers.shape[1], device=X.device)
    # Products, not sums by index, whose order on a GPU is another in each run.
    is_in = (labels.unsqueeze(2) == numbers).to(X.dtype)
    sums, counts = is_in.mT @ X, is_in.sum(1)
    for start in (counts == 0).any(1).nonzero().flatten().tolist():
        empty = (counts[start] == 0).nonzero().flatten()
        far = distances[start].topk(len(empty)).indices
        if distances[start].max() == 0.0:
            continue
        left = labels[start, far]
        sums[start].index_add_(0, left, -X[far])
        counts[start].index_add_(0, left, -torch.ones_like(left, dtype=X.dtype))
        sums[start, empty], counts[start, empty] = X[far], 1.0
    means = sums / counts.clamp(min=1.0).unsqueeze(2)
    return torch.where((counts > 0).unsqueeze(2), means, centers)
