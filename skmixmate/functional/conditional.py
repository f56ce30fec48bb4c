"""Means and variances of missing entries under Gaussians of low rank.

The model of a sample is ``x = Q s + e`` with orthonormal columns Q, a normal ``s`` of
covariance C and noise ``e`` of one variance, so that the covariance of x is
``Q C Q^T + noise I``.
"""

import torch
from torch import Tensor

__all__ = ["conditional_means", "conditional_variances", "smoother"]


def smoother(covariance: Tensor, noise: float) -> Tensor:
    """What takes noisy s to its expectation: ``C (C + noise I)^-1``.

    Parameters
    ----------
    covariance : Tensor of shape (R, R)
    noise : float
        Positive.

    Returns
    -------
    Tensor of shape (R, R)
        In the dtype of ``covariance``; computed in double precision.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import smoother
    >>> covariance = torch.diag(torch.tensor([3.0, 0.0]))
    >>> smoother(covariance, noise=1.0)  # What does not vary is noise.
    tensor([[0.7500, 0.0000],
            [0.0000, 0.0000]])
    """
    identity = torch.eye(len(covariance), dtype=torch.float64, device=covariance.device)
    root = torch.linalg.cholesky(covariance.double() + noise * identity)
    return (identity - noise * torch.cholesky_inverse(root)).to(covariance.dtype)


def conditional_means(
    X: Tensor,
    observed: Tensor,
    basis: Tensor,
    smoother: Tensor,
    start: Tensor | None = None,
    *,
    n_iter: int,
) -> Tensor:
    """Expected missing entries of centred samples, given the observed ones.

    With ``S = Q smoother Q^T``, m for missing and o for observed, these are
    ``(I - S_mm)^-1 S_mo x_o``: the precision of x is ``(I - S) / noise``. By conjugate
    gradients, all samples at once, each an iteration of two products with Q.

    Parameters
    ----------
    X : Tensor of shape (B, M)
        Zero where an entry is missing.
    observed : Tensor of shape (B, M)
        1 where observed, 0 where missing, in the dtype of ``X``.
    basis : Tensor of shape (M, R)
        Q.
    smoother : Tensor of shape (R, R)
        See `smoother`.
    start : Tensor of shape (B, M), default=None
        First guess; what it has in observed places does not matter.
    n_iter : int
        Number of iterations.

    Returns
    -------
    Tensor of shape (B, M)
        Zero in observed places.

    Examples
    --------
    Four entries share one normal variable, and the last of them is missing:

    >>> import torch
    >>> from skmixmate.functional import conditional_means, smoother
    >>> basis = torch.full((4, 1), 0.5)
    >>> gain = smoother(torch.tensor([[4.0]]), noise=1.0)
    >>> observed = torch.tensor([[1.0, 1.0, 1.0, 0.0]])
    >>> X = 2.0 * observed
    >>> conditional_means(X, observed, basis, gain, n_iter=2).round(decimals=3)
    tensor([[0.0000, 0.0000, 0.0000, 1.5000]])
    """
    missing = 1.0 - observed
    factors = [basis, smoother @ basis.T]
    if len(basis) < 2 * len(smoother):  # One product is less than two.
        factors = [factors[0] @ factors[1]]

    def smoothed(V: Tensor) -> Tensor:
        for factor in factors:
            V = V @ factor
        return V.mul_(missing)

    residual = smoothed(X)
    if start is None:
        means = torch.zeros_like(X)
    else:
        means = start * missing
        residual -= means - smoothed(means)
    tiny = torch.finfo(X.dtype).tiny
    direction = residual.clone()
    squares = residual.square().sum(1, keepdim=True)
    for _ in range(n_iter):
        image = direction - smoothed(direction)
        # Where a sample is done, nothing moves.
        step = squares / (direction * image).sum(1, keepdim=True).clamp(min=tiny)
        means.addcmul_(step, direction)
        residual.addcmul_(step, image, value=-1.0)
        before, squares = squares, residual.square().sum(1, keepdim=True)
        direction.mul_(squares / before.clamp(min=tiny)).add_(residual)
    return means


def conditional_variances(
    observed: Tensor, factors: Tensor, specific: Tensor
) -> Tensor:
    """Variance of each entry given the observed ones, in a factor model.

    The covariance is ``F F^T + diag(specific)``, so that entry m has the variance
    ``f_m^T (I + F_o^T diag(specific_o)^-1 F_o)^-1 f_m + specific_m``.

    Parameters
    ----------
    observed : Tensor of shape (B, M)
        1 where observed, 0 where missing.
    factors : Tensor of shape (M, R)
        F.
    specific : Tensor of shape (M,)
        Positive variances.

    Returns
    -------
    Tensor of shape (B, M)
        Of observed entries too, as if they were seen once more.

    Examples
    --------
    The more entries are observed, the less the last one varies:

    >>> import torch
    >>> from skmixmate.functional import conditional_variances
    >>> observed = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    >>> variances = conditional_variances(observed, torch.ones(3, 1), torch.ones(3))
    >>> variances[:, 2].round(decimals=3)
    tensor([2.0000, 1.5000, 1.2500])
    """
    n_factors = factors.shape[1]
    rows, columns = torch.tril_indices(n_factors, n_factors, device=factors.device)
    # The products of all pairs of factors make the sums over entries one product.
    pairs = factors[:, rows] * factors[:, columns] / specific[:, None]
    precision = factors.new_zeros((len(observed), n_factors, n_factors))
    precision[:, rows, columns] = observed @ pairs
    precision.diagonal(dim1=1, dim2=2).add_(1.0)
    root = torch.linalg.cholesky(precision)  # Of the lower triangles alone.
    spread = torch.linalg.solve_triangular(root, factors.T, upper=False)
    return spread.square_().sum(1).add_(specific)
