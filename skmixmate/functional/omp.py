"""Orthogonal matching pursuit of many samples at once."""

import torch
from torch import Tensor


def orthogonal_matching_pursuit(
    X: Tensor, atoms: Tensor, n_nonzero_coefs: int, excluded: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Code each sample with at most ``n_nonzero_coefs`` atoms, greedily.

    Parameters
    ----------
    X : Tensor of shape (B, M)
    atoms : Tensor of shape (N, M)
        Unit-norm rows; zero rows are never used.
    n_nonzero_coefs : int
        At most ``min(N, M)``, and less than N if an atom is excluded.
    excluded : Tensor of shape (B,), int, default=None
        One atom that each sample may not use, itself in a self-representation; -1 for
        none.

    Returns
    -------
    support : Tensor of shape (B, n_nonzero_coefs), int
        Indices of the chosen atoms, in the order of choice.
    coefs : Tensor of shape (B, n_nonzero_coefs)
        Their least-squares coefficients; zero once a sample is explained exactly.

    References
    ----------
    Pati, Rezaiifar and Krishnaprasad, "Orthogonal matching pursuit" (1993).
    """
    n_samples, n_features = X.shape
    eps = torch.finfo(X.dtype).eps
    # What is left of a sample below this is rounding error, not signal.
    negligible = 100.0 * eps * torch.linalg.vector_norm(X, dim=-1, keepdim=True)
    residual = X.clone()
    support = torch.zeros(
        (n_samples, n_nonzero_coefs), dtype=torch.long, device=X.device
    )
    # Orthonormal basis of the chosen atoms, and the triangle that leads back to them.
    basis = X.new_zeros((n_samples, n_nonzero_coefs, n_features))
    triangle = torch.eye(n_nonzero_coefs, dtype=X.dtype, device=X.device)
    triangle = triangle.repeat(n_samples, 1, 1)
    coordinates = X.new_zeros((n_samples, n_nonzero_coefs))
    used = torch.zeros((n_samples, atoms.shape[0]), dtype=torch.bool, device=X.device)
    if excluded is not None:
        rows = (excluded >= 0).nonzero().flatten()
        used[rows, excluded[rows]] = True

    for step in range(n_nonzero_coefs):
        correlation = (residual @ atoms.T).abs_().masked_fill_(used, -1.0)
        best = correlation.argmax(dim=1, keepdim=True)
        used.scatter_(1, best, True)
        support[:, step] = best[:, 0]
        atom = atoms[best[:, 0]]
        previous = basis[:, :step]
        overlap = (previous @ atom.unsqueeze(-1)).squeeze(-1)
        direction = atom - (overlap.unsqueeze(1) @ previous).squeeze(1)
        length = torch.linalg.vector_norm(direction, dim=-1, keepdim=True)
        unexplained = torch.linalg.vector_norm(residual, dim=-1, keepdim=True)
        useful = (length > 100.0 * eps) & (unexplained > negligible)
        direction = torch.where(useful, direction / length.clamp(min=eps), 0.0)
        coordinate = (direction * residual).sum(-1, keepdim=True)
        residual = residual - coordinate * direction
        basis[:, step] = direction
        coordinates[:, step] = coordinate[:, 0]
        triangle[:, :step, step] = torch.where(useful, overlap, 0.0)
        triangle[:, step, step] = torch.where(useful, length, 1.0)[:, 0]
    coefs = torch.linalg.solve_triangular(
        triangle, coordinates.unsqueeze(-1), upper=True
    )
    return support, coefs.squeeze(-1)
