"""Components and unit norms in torch: imported where there is a GPU."""

import numpy as np
import torch
from torch import Tensor

from ..utils.validation import shared_tensor

__all__ = ["gram", "in_its_unit", "largest_eigenpairs", "of_unit_norm", "projected"]

# Numbers in double precision that are made of X at once.
_ENTRIES_AT_ONCE = 2**26


def gram(X: Tensor, device: torch.device) -> np.ndarray:
    """``X.T @ X`` in double precision, (M, M), of X (N, M) that may be elsewhere."""
    total = torch.zeros((X.shape[1], X.shape[1]), dtype=torch.float64, device=device)
    for part in X.split(max(1, _ENTRIES_AT_ONCE // X.shape[1])):
        # Squares lose half of the digits, hence double precision.
        double = part.to(device).double()
        total.addmm_(double.T, double)
    return total.cpu().numpy()


def largest_eigenpairs(
    moments: np.ndarray, n_components: int, device: torch.device
) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues (n,), ascending, and eigenvectors (M, n) as columns.

    Of a symmetric matrix (M, M) in double precision.
    """
    values, vectors = torch.linalg.eigh(torch.from_numpy(moments).to(device))
    return values[-n_components:].cpu().numpy(), vectors[
        :, -n_components:
    ].cpu().numpy()


def projected(X: Tensor, components: np.ndarray, device: torch.device) -> Tensor:
    """``X @ components.T``, (N, n), where X (N, M) is.

    In single precision if X is, else in double precision.
    """
    dtype = torch.float32 if X.dtype == torch.float32 else torch.float64
    W = shared_tensor(components).to(device, dtype)
    parts = X.split(max(1, _ENTRIES_AT_ONCE // X.shape[1]))
    return torch.cat([(part.to(device, dtype) @ W.T).to(X.device) for part in parts])


def of_unit_norm(Z: Tensor) -> Tensor:
    """Rows (N, n) of norm one, but for zeros, however small or large they are."""
    Z = _scaled_by_two(Z, -_exponents(Z))
    norms = torch.linalg.vector_norm(Z, dim=1, keepdim=True)
    return Z / torch.where(norms > 0.0, norms, 1.0)


def in_its_unit(X: Tensor) -> Tensor:
    """Rows (N, M) in single precision with a largest magnitude from 0.5 to 1."""
    X = X if X.is_floating_point() else X.float()
    return _scaled_by_two(X, -_exponents(X)).float()


def _exponents(X: Tensor) -> Tensor:
    """Powers of two just above the largest magnitude of each row, (N, 1)."""
    return torch.frexp(X.abs().amax(1, keepdim=True)).exponent


def _scaled_by_two(X: Tensor, exponents: Tensor) -> Tensor:
    """X times powers of two, which may be beyond the largest number of its dtype."""
    # As integers they would be powers in single precision.
    exponents = exponents.to(X.dtype)
    first = (exponents / 2).floor()
    return X.ldexp(first).ldexp(exponents - first)
