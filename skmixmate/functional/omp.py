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
        ``atoms @ atoms.T``, for who codes many samples: inner products then come from
        it in less time, as features are many and chosen atoms few.

    Returns
    -------
    support : Tensor of shape (B, n_nonzero_coefs), int
        Indices of the chosen atoms, in the order of choice.
    coefs : Tensor of shape (B, n_nonzero_coefs)
        Their least-squares coefficients; zero once nothing of a sample is left that
        an atom correlates with.

    Notes
    -----
    Directions of Gram and Schmidt are kept as sums of the chosen atoms, so that
    features enter through inner products alone. Atoms that all but coincide magnify
    their rounding errors: in single precision, coefficients of two atoms with a cosine
    of 0.9999 have errors of about one in a thousand with ``gram``, and of one in 10^5
    without, where they are refined in the end; the more alike atoms are, the larger
    ones. Beyond a cosine of 0.999999 the later of two may count as the same atom.

    References
    ----------
    Pati, Rezaiifar and Krishnaprasad, "Orthogonal matching pursuit" (1993). Rubinstein,
    Zibulevsky and Elad, "Efficient implementation of the K-SVD algorithm using batch
    orthogonal matching pursuit" (2008), for doing without features.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import orthogonal_matching_pursuit
    >>> X, atoms = torch.tensor([[0.0, 2.0, -3.0]]), torch.eye(3)
    >>> support, coefs = orthogonal_matching_pursuit(X, atoms, 2)
    >>> support
    tensor([[2, 1]])
    >>> coefs.round(decimals=3)
    tensor([[-3.,  2.]])
    >>> support, _ = orthogonal_matching_pursuit(X, atoms, 1, torch.tensor([2]))
    >>> support  # Without atom 2.
    tensor([[1]])
    """
    eps = torch.finfo(X.dtype).eps
    # Correlations below this are rounding errors of the sample, not signal.
    negligible = 100.0 * eps * torch.linalg.vector_norm(X, dim=1)
    support = torch.zeros((len(X), n_nonzero_coefs), dtype=torch.long, device=X.device)
    coefs = X.new_zeros((len(X), n_nonzero_coefs))
    # Orthonormal directions as sums of the chosen atoms, (B, direction, atom).
    directions = X.new_zeros((len(X), n_nonzero_coefs, n_nonzero_coefs))
    start = X @ atoms.T
    barred = None
    if excluded is not None:
        rows = (excluded >= 0).nonzero().flatten()
        barred = rows, excluded[rows]

    for step in range(n_nonzero_coefs):
        chosen, previous = support[:, :step], directions[:, :step, :step]
        with torch.no_grad():
            strength = _strength(start, X, atoms, chosen, coefs[:, :step], gram)
            strength.scatter_(1, chosen, -1.0)
            if barred is not None:
                strength[barred] = -1.0
            # `argmax` alone takes twice as long.
            strength, best = strength.max(dim=1)
        support[:, step] = best
        products = _inner_products(atoms, support[:, : step + 1], gram)
        overlap = (previous @ products[:, :-1, None]).squeeze(2)
        squared_length = products[:, -1] - overlap.square().sum(1)
        is_new = (squared_length > 10.0 * eps) & (strength > negligible)
        # A direction of zero takes no part in what follows.
        scale = torch.where(is_new, squared_length, torch.inf).rsqrt()
        direction = torch.zeros_like(coefs)
        direction[:, :step] = -(overlap.unsqueeze(1) @ previous).squeeze(1)
        direction[:, step] = 1.0
        direction *= scale.unsqueeze(1)
        directions[:, step] = direction
        # A copy, as autograd keeps it.
        start_of_chosen = start.gather(1, support[:, : step + 1].clone())
        coordinate = direction[:, None, : step + 1] @ start_of_chosen.unsqueeze(2)
        coefs = coefs + coordinate.squeeze(2) * direction
    if gram is None:
        coefs = _refined(coefs, X, atoms[support], directions)
    return support, coefs


def _refined(coefs, X, chosen, directions) -> Tensor:
    """Coefficients plus those of what they leave of the samples."""
    left = X - (coefs.unsqueeze(1) @ chosen).squeeze(1)
    coordinates = directions @ (chosen @ left.unsqueeze(2))
    return coefs + (directions.mT @ coordinates).squeeze(2)


def _strength(start, X, atoms, support, coefs, gram) -> Tensor:
    """Magnitudes of the inner products of residuals and atoms, (B, N).

    ``start`` has the inner products of samples and atoms.
    """
    if support.shape[1] == 0:
        return start.abs()
    table = atoms if gram is None else gram
    explained = embedding_bag(support, table, per_sample_weights=coefs, mode="sum")
    if gram is None:
        return ((X - explained) @ atoms.T).abs_()
    return torch.sub(start, explained, out=explained).abs_()


def _inner_products(atoms, support, gram) -> Tensor:
    """Inner products of the last atom of each row of ``support`` with all of them."""
    if gram is not None:
        return gram[support[:, -1:], support]
    chosen = atoms[support]
    return (chosen @ chosen[:, -1:].mT).squeeze(2)
