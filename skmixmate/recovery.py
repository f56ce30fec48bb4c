"""For which ``alpha`` a shallow group-sparse encoder finds the groups of a sample."""

from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array, check_scalar

__all__ = ["SupportRecovery", "block_coherence", "support_recovery_range"]


class SupportRecovery(NamedTuple):
    """What `support_recovery_range` finds.

    Attributes
    ----------
    lowest_alpha, highest_alpha : float
        Any ``alpha`` strictly between them recovers the support.
    block_coherence : float
        See `block_coherence`.

    Examples
    --------
    >>> from skmixmate.recovery import SupportRecovery
    >>> found = SupportRecovery(
    ...     lowest_alpha=1.0, highest_alpha=3.0, block_coherence=0.1
    ... )
    >>> found.is_guaranteed
    True
    >>> found._replace(lowest_alpha=4.0).is_guaranteed
    False
    """

    lowest_alpha: float
    highest_alpha: float
    block_coherence: float

    @property
    def is_guaranteed(self) -> bool:
        """Whether there is such an ``alpha``."""
        return self.lowest_alpha < self.highest_alpha


def block_coherence(dictionary: ArrayLike, group_size: int) -> float:
    """How much alike the atoms of different groups are.

    Parameters
    ----------
    dictionary : array-like of shape (n_groups * group_size, n_features)
        The atoms of a group side by side.
    group_size : int
        Number of atoms of each group.

    Returns
    -------
    float
        ``max_{g != h} ||D_g D_h^T||_2 / group_size``, the largest singular value of
        any product of two groups; between 0 and 1 for unit-norm atoms. Zero for a
        single group.

    Raises
    ------
    TypeError, ValueError
        If the dictionary is not a finite matrix of whole groups.

    References
    ----------
    Group-sparse autoencoders (arXiv:2102.07003), eq. 3.

    Examples
    --------
    >>> import numpy as np
    >>> from skmixmate.recovery import block_coherence
    >>> block_coherence(np.eye(6), group_size=2)
    0.0
    """
    groups = _groups(dictionary, group_size)
    return _largest_cross_norm(groups) / groups.shape[1]


def support_recovery_range(
    dictionary: ArrayLike,
    group_size: int,
    *,
    n_active_groups: int,
    norm_range: tuple[float, float],
    distance: float = 0.0,
    noise_norm: float = 0.0,
) -> SupportRecovery:
    """Range of ``alpha`` for which one encoder iteration finds the active groups.

    Whatever the codes within the given bounds, of samples ``x = z D*`` plus noise, the
    shallow encoder ``prox_alpha(x D^T)`` (``n_fista_iter=1``) then is nonzero in
    exactly the groups in which z is.

    Parameters
    ----------
    dictionary : array-like of shape (n_groups * group_size, n_features)
        D, the atoms of a group side by side.
    group_size : int
        Number of atoms of each group.
    n_active_groups : int
        Largest number of active groups of a sample.
    norm_range : tuple (float, float)
        Smallest and largest Euclidean norm of the code of an active group, in the unit
        of the samples over ``scale_``.
    distance : float, default=0.0
        Largest Frobenius norm of the difference between a group of D and the same group
        of the generating dictionary D*.
    noise_norm : float, default=0.0
        Largest Euclidean norm of what else is in a sample.

    Returns
    -------
    SupportRecovery
        The range is often empty: it holds for the worst codes, of which most samples
        are far.

    Raises
    ------
    TypeError, ValueError
        If a parameter is out of range; the message names it.

    Notes
    -----
    With ``gamma`` active groups of norms ``B_min`` to ``B_max``, the distance
    ``delta``, ``c = max_{g != h} ||D_g D_h^T||_2``, and, over all groups, ``s`` the
    largest singular value and ``l`` the smallest eigenvalue of ``D_g D_g^T``::

        idle groups    ||D_v x|| <= gamma * B_max * (c + s * delta) + s * noise
        active groups  ||D_g x|| >= B_min * (l - s * delta) - s * noise
                                    - (gamma - 1) * B_max * (c + s * delta)

    The paper's Lemma 1 is about orthonormal groups, for which s and l are one, and
    writes the block coherence ``mu_B`` in place of c. But eq. 3 divides by the group
    size d, ``c = d * mu_B``, and with ``mu_B`` alone the bound does not hold for groups
    of more than one atom; we keep c. The paper also counts ``gamma`` other active
    groups where there are ``gamma - 1``.

    References
    ----------
    Group-sparse autoencoders (arXiv:2102.07003), propositions 1 and 2 and lemma 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skmixmate.recovery import support_recovery_range
    >>> found = support_recovery_range(
    ...     np.eye(6), 2, n_active_groups=2, norm_range=(4.0, 5.0), distance=0.1
    ... )
    >>> found.is_guaranteed, round(found.lowest_alpha, 3), round(found.highest_alpha, 3)
    (True, 1.0, 3.1)
    """
    groups = _groups(dictionary, group_size)
    check_scalar(
        n_active_groups, "n_active_groups", Integral, min_val=1, max_val=len(groups)
    )
    for name, value in (("distance", distance), ("noise_norm", noise_norm)):
        if not (isinstance(value, Real) and 0.0 <= value < np.inf):
            raise ValueError(f"{name} must be a finite number >= 0, got {value!r}.")
    smallest, largest = _check_norm_range(norm_range)
    singular_values = np.linalg.svd(groups, compute_uv=False)
    # Fewer features than atoms in a group: some codes of it vanish.
    is_wide = groups.shape[2] >= groups.shape[1]
    own = singular_values[:, -1].min() ** 2 if is_wide else 0.0
    norm = singular_values[:, 0].max()
    blur, noise = norm * distance, norm * noise_norm
    coherence = _largest_cross_norm(groups)
    cross = largest * (coherence + blur)
    return SupportRecovery(
        lowest_alpha=float(n_active_groups * cross + noise),
        highest_alpha=float(
            smallest * (own - blur) - (n_active_groups - 1) * cross - noise
        ),
        block_coherence=coherence / groups.shape[1],
    )


def _check_norm_range(norm_range) -> tuple[float, float]:
    try:
        smallest, largest = (float(value) for value in norm_range)
    except (TypeError, ValueError):
        smallest = largest = np.nan
    if not 0 < smallest <= largest < np.inf:
        raise ValueError(
            "norm_range must be two finite numbers, 0 < smallest <= largest, got "
            f"{norm_range!r}."
        )
    return smallest, largest


def _groups(dictionary, group_size: int) -> np.ndarray:
    """The dictionary as (n_groups, group_size, n_features)."""
    dictionary = check_array(dictionary, dtype=np.float64, input_name="dictionary")
    check_scalar(group_size, "group_size", Integral, min_val=1)
    if len(dictionary) % group_size:
        raise ValueError(
            f"dictionary must have whole groups of group_size={group_size} atoms, got "
            f"{len(dictionary)} atoms."
        )
    return dictionary.reshape(-1, group_size, dictionary.shape[1])


def _largest_cross_norm(groups: np.ndarray) -> float:
    """``max_{g != h} ||D_g D_h^T||_2``, one group against all others at a time."""
    largest = 0.0
    for index in range(len(groups) - 1):
        products = groups[index + 1 :] @ groups[index].T
        largest = max(largest, np.linalg.norm(products, ord=2, axis=(1, 2)).max())
    return float(largest)
