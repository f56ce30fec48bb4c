"""From the terms of the model to energies, responsibilities, loss and criterion."""

import math
from typing import NamedTuple

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

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import energies
    >>> squared_residuals = torch.tensor([[1.0], [4.0]])  # 2 clusters, 1 sample
    >>> penalties = torch.tensor([[0.5], [1.0]])
    >>> log_weights = torch.tensor([0.5, 0.5]).log()
    >>> energies(squared_residuals, penalties, log_weights).round(decimals=2)
    tensor([[2.1900, 5.6900]])
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

    Examples
    --------
    >>> import math
    >>> import torch
    >>> from skmixmate.functional import responsibilities
    >>> responsibilities(torch.tensor([[0.0, math.log(3.0)]])).round(decimals=2)
    tensor([[0.7500, 0.2500]])
    """
    return torch.softmax(-energies, dim=-1)


# Beyond this gap to the lowest energy, a responsibility is less than 2e-22.
LARGEST_GAP = 50.0


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

    Examples
    --------
    A cluster that does not explain a sample counts for nothing:

    >>> import torch
    >>> from skmixmate.functional import expected_energy
    >>> expected_energy(torch.tensor([[1.0, 1.0], [2.0, 100.0]]))
    tensor([1., 2.])
    """
    # A responsibility of 1e-40 changes nothing but the speed: its gradients are
    # subnormal numbers, with which a CPU is many times slower. Infinite energies stay,
    # so that a diverged encoder shows.
    gaps = energies.detach() - energies.detach().amin(-1, keepdim=True)
    hopeless = (gaps > LARGEST_GAP) & energies.isfinite()
    p = responsibilities(energies.masked_fill(hopeless, torch.inf))
    return (p * energies.masked_fill(hopeless, 0.0)).sum(-1)


def separation_criterion(lowest: float, second: float) -> float:
    """How good a partition is, the lower, the better: by what runs are ranked.

    Parameters
    ----------
    lowest, second : float
        Mean over the samples of the lowest energy, and of that of the second best
        cluster, both without the logarithms of weights. With one cluster ``second`` is
        infinite, and does not count.

    Returns
    -------
    float
        ``lowest^2 / second``, or ``lowest``; in units of energy.

    Notes
    -----
    The lowest energy alone says how well samples are explained. It falls when a large
    homogeneous cluster is cut in two at the cost of two small ones that become one,
    for it counts samples. The second energy tells: on either side of such a cut the
    other half explains a sample nearly as well. The ratio of the two is the simplified
    silhouette with energies in the place of distances. Alone it would take a gap
    between two parts of a class for a border; so it is multiplied by the lowest energy.

    References
    ----------
    Rousseeuw, "Silhouettes" (1987). Hruschka, Campello and de Castro, "Evolving
    clusters in gene-expression data" (2006), for the simplified one.

    Examples
    --------
    Of two partitions that explain samples equally well, the one whose second best
    clusters explain them worse is better:

    >>> from skmixmate.functional import separation_criterion
    >>> separation_criterion(2.0, 4.0)
    1.0
    >>> separation_criterion(2.0, 8.0)
    0.5
    """
    if lowest <= 0.0 or math.isinf(second):
        return lowest
    return lowest * (lowest / second)


def dictionary_sizes(
    counts: Tensor,
    n_atoms: int,
    *,
    exponent: float = 0.5,
    multiple: int = 1,
    largest: int | None = None,
) -> Tensor:
    """Share the atoms of a mixture out to its clusters, by the root of their sizes.

    Parameters
    ----------
    counts : Tensor of shape (K,)
        Number of samples of each cluster, or sums of responsibilities. A cluster
        without any, which is about to get part of another, counts as half of the
        largest.
    n_atoms : int
        Mean number of atoms of a dictionary.
    exponent : float, default=0.5
        Of the number of samples, to which the number of atoms is proportional.
    multiple : int, default=1
        What each size is a multiple of, as is ``n_atoms``.
    largest : int, default=None
        Largest size, None for no bound.

    Returns
    -------
    Tensor of shape (K,), int
        At least ``multiple``; their sum is ``K * n_atoms``, but for rounding and
        bounds.

    Notes
    -----
    Where the mean error of a cluster falls with the number of its atoms to the power of
    -b, the total error, ``sum_k n_k / P_k^b`` but for a factor, is least for a given
    number of atoms in all if ``P_k`` grows with ``n_k`` to the power of 1 / (1 + b):
    the root for b = 1, as in Neyman's allocation of samples to strata, and the cube
    root for b = 2. With equal numbers, a partition that cuts a large cluster in two and
    joins two small ones puts more atoms where the samples are, and has the lower loss
    for that alone.

    References
    ----------
    Neyman, "On the two different aspects of the representative method" (1934).

    Examples
    --------
    A cluster of nine times as many samples gets three times as many atoms:

    >>> import torch
    >>> from skmixmate.functional import dictionary_sizes
    >>> counts = torch.tensor([100, 900])
    >>> dictionary_sizes(counts, n_atoms=8)
    tensor([ 4, 12])
    >>> dictionary_sizes(counts, n_atoms=8, largest=10)
    tensor([ 4, 10])
    """
    counts = counts.double().cpu()
    counts = torch.where(counts > 0.0, counts, 0.5 * counts.max().clamp(min=1.0))
    powers = counts**exponent
    shares = powers / powers.sum()
    units = (shares * (len(counts) * n_atoms / multiple)).round().clamp(min=1.0)
    sizes = (units * multiple).long()
    return sizes if largest is None else sizes.clamp(max=largest)


class Usage(NamedTuple):
    """Of each atom the usage, (K, P); of each sample energy and cluster, (N,).

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import Usage
    >>> total = Usage(
    ...     usage=torch.tensor([[5.0, 0.0, 2.0]]),
    ...     energy=torch.tensor([1.0, 3.0]),
    ...     label=torch.tensor([0, 0]),
    ... )
    >>> total.usage == 0.0  # Dead atoms.
    tensor([[False,  True, False]])
    """

    usage: Tensor
    energy: Tensor
    label: Tensor


@torch.no_grad()
def add_usage(total: Usage, energies: Tensor, codes: Tensor, indices: Tensor) -> None:
    """Add the usage of atoms by a batch, and note energy and cluster of its samples.

    Parameters
    ----------
    total : Usage
        Changed in place.
    energies : Tensor of shape (B, K)
    codes : Tensor of shape (K, B, P)
    indices : Tensor of shape (B,)
        Of the samples, on the device of all.

    Notes
    -----
    The usage of an atom is the sum of its codes' magnitudes, each times the
    responsibility of its dictionary for the sample.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import Usage, add_usage
    >>> n_clusters, n_atoms, n_samples = 2, 3, 4
    >>> total = Usage(
    ...     torch.zeros(n_clusters, n_atoms),
    ...     torch.zeros(n_samples),
    ...     torch.zeros(n_samples, dtype=torch.int64),
    ... )
    >>> energies = torch.tensor([[1.0, 30.0], [30.0, 2.0]])
    >>> codes = torch.tensor([1.0, 0.0, -2.0]).expand(n_clusters, 2, n_atoms)
    >>> add_usage(total, energies, codes, indices=torch.tensor([0, 3]))
    >>> total.usage.round(decimals=3)
    tensor([[1., 0., 2.],
            [1., 0., 2.]])
    >>> total.energy, total.label
    (tensor([1., 0., 0., 2.]), tensor([0, 0, 0, 1]))
    """
    usage, energy, label = total
    weights = torch.softmax(-energies, dim=-1).T.unsqueeze(1)
    usage += (weights @ codes.abs()).squeeze(1)
    lowest, clusters = energies.min(dim=-1)
    energy[indices], label[indices] = lowest, clusters.to(label.dtype)
