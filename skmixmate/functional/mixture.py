"""From the terms of the model to energies, responsibilities and the loss."""

import torch
from torch import Tensor


def energies(
    squared_residuals: Tensor, penalties: Tensor, log_weights: Tensor
) -> Tensor:
    """Energy of each sample under each cluster.

    Parameters
    ----------
    squared_residuals : Tensor of shape (K, B)
        ``||x - z_k D_k||^2``.
    penalties : Tensor of shape (K, B)
        ``alpha * Omega(z_k)``.
    log_weights : Tensor of shape (K,)
        ``log pi_k``.

    Returns
    -------
    Tensor of shape (B, K)

    Notes
    -----
    ``E_k = ||x - z_k D_k||^2 + alpha * Omega(z_k) - log pi_k``. The encoder minimises
    *half* the squared residual plus the penalty, so the two weigh the penalty
    differently. That is how the method was published and how its numbers came about;
    both are kept.

    References
    ----------
    MixMate (ICASSP 2022), eq. 5.
    """
    return (squared_residuals + penalties).T - log_weights


def responsibilities(energies: Tensor) -> Tensor:
    """Posterior cluster probabilities, ``softmax(-E)`` over clusters.

    Parameters
    ----------
    energies : Tensor of shape (B, K)

    Returns
    -------
    Tensor of shape (B, K)
        Rows sum to one.

    References
    ----------
    MixMate (ICASSP 2022), eq. 7.
    """
    return torch.softmax(-energies, dim=-1)


# Beyond this gap to the lowest energy, a responsibility is less than 2e-22.
_LARGEST_GAP = 50.0


def expected_energy(energies: Tensor) -> Tensor:
    """Energy of each sample averaged over its own responsibilities.

    Parameters
    ----------
    energies : Tensor of shape (B, K)

    Returns
    -------
    Tensor of shape (B,)
        ``sum_k p_k E_k``. Gradients flow through the responsibilities as well.

    References
    ----------
    MixMate (ICASSP 2022), eq. 8.
    """
    # A responsibility of 1e-40 changes nothing but the speed: its gradients are
    # subnormal numbers, with which a CPU is many times slower. Infinite energies stay,
    # so that a diverged encoder shows.
    gaps = energies.detach() - energies.detach().amin(-1, keepdim=True)
    hopeless = (gaps > _LARGEST_GAP) & energies.isfinite()
    p = responsibilities(energies.masked_fill(hopeless, torch.inf))
    return (p * energies.masked_fill(hopeless, 0.0)).sum(-1)
