"""Orthogonal matching pursuit of many samples at once."""

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag


def orthogonal_matching_pursuit(
    X: Tensor,
    atoms: Tensor,
    n_nonzero_coefs: int,
    excluded: Tensor | None = None,
    gram: Tensor | None = None,
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
    gram : Tensor of shape (N, N), default=None
        ``atoms @ atoms.T``, for who codes many samples: correlations with the residual
        then come from it in less time, as features are many and chosen atoms few. In
        single precision, atoms that all but coincide, with cosines of 0.9999 and more,
        are told apart worse with it.

    Returns
    -------
    support : Tensor of shape (B, n_nonzero_coefs), int
        Indices of the chosen atoms, in the order of choice.
    coefs : Tensor of shape (B, n_nonzero_coefs)
        Their least-squares coefficients; zero once a sample is explained exactly.

    References
    ----------
    Pati, Rezaiifar and Krishnaprasad, "Orthogonal matching pursuit" (1993). Rubinstein,
    Zibulevsky and Elad, "Efficient implementation of the K-SVD algorithm using batch
    orthogonal matching pursuit" (2008), for correlations from the Gram matrix.
    """
    n_samples, n_features = X.shape
    eps = torch.finfo(X.dtype).eps
    # What is left of a sample below this is rounding error, not signal.
    negligible = 100.0 * eps * torch.linalg.vector_norm(X, dim=-1, keepdim=True)
    residual = X.clone()
    support = torch.zeros(
        (n_samples, n_nonzero_coefs), dtype=torch.long, device=X.device
    )
    coefs = X.new_zeros((n_samples, n_nonzero_coefs))
    # Orthonormal basis of the chosen atoms, and each direction as a sum of them.
    basis = X.new_zeros((n_samples, n_nonzero_coefs, n_features))
    in_atoms = X.new_zeros((n_samples, n_nonzero_coefs, n_nonzero_coefs))
    start = X @ atoms.T
    barred = None
    if excluded is not None:
        rows = (excluded >= 0).nonzero().flatten()
        barred = rows, excluded[rows]

    for step in range(n_nonzero_coefs):
        strength = _correlations(start, residual, atoms, support[:, :step], coefs, gram)
        strength = strength.detach().abs()
        strength.scatter_(1, support[:, :step], -1.0)
        if barred is not None:
            strength[barred] = -1.0
        # `argmax` alone takes twice as long.
        best = strength.max(dim=1).indices
        support[:, step] = best
        atom = atoms[best]
        previous = basis[:, :step]
        overlap = (previous @ atom.unsqueeze(-1)).squeeze(-1).unsqueeze(1)
        direction = atom - (overlap @ previous).squeeze(1)
        length = torch.linalg.vector_norm(direction, dim=-1, keepdim=True)
        unexplained = torch.linalg.vector_norm(residual, dim=-1, keepdim=True)
        scale = torch.where(
            (length > 100.0 * eps) & (unexplained > negligible),
            length.clamp(min=eps).reciprocal(),
            0.0,
        )
        direction = direction * scale
        weights = (overlap @ in_atoms[:, :step]).squeeze(1) * -scale
        weights[:, step] = scale[:, 0]
        coordinate = (direction * residual).sum(-1, keepdim=True)
        residual = residual - coordinate * direction
        coefs = coefs + coordinate * weights
        basis[:, step], in_atoms[:, step] = direction, weights
    return support, coefs


def _correlations(start, residual, atoms, support, coefs, gram) -> Tensor:
    """Inner products of residuals and atoms, (B, N); ``start`` are those of samples."""
    n_chosen = support.shape[1]
    if n_chosen == 0:
        return start
    if gram is None:
        return residual @ atoms.T
    return start - embedding_bag(
        support, gram, per_sample_weights=coefs[:, :n_chosen].detach(), mode="sum"
    )
