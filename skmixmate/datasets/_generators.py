"""Seeded generators of data from the papers' models."""

import math
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch, check_scalar

from ._checks import (
    check_range,
    check_real,
    check_weights,
    count_missing,
    private_random_state,
)


def make_dictionary_mixture(
    n_samples: int = 1000,
    *,
    n_clusters: int = 3,
    n_atoms: int = 10,
    n_features: int = 50,
    n_nonzero_coefs: int = 3,
    noise: float = 0.05,
    weights: ArrayLike | None = None,
    nonnegative: bool = False,
    missing: float = 0.0,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Generate samples from a mixture of dictionaries, the model of MixMate.

    Each sample is a sparse combination of the atoms of its own cluster's
    dictionary, plus Gaussian noise.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of samples.
    n_clusters : int, default=3
        Number of clusters, each with a dictionary of its own.
    n_atoms : int, default=10
        Number of atoms in each dictionary.
    n_features : int, default=50
        Number of features.
    n_nonzero_coefs : int, default=3
        Number of atoms in a sample, at most `n_atoms`.
    noise : float, default=0.05
        Standard deviation of the noise in each feature.
    weights : array-like of shape (n_clusters,), default=None
        Probability of each cluster; None for equal ones.
    nonnegative : bool, default=False
        Whether all coefficients are positive; otherwise their signs are random.
    missing : float in [0, 1), default=0.0
        Fraction of the entries of `data` set to NaN, uniformly at random. Each row
        and each column keeps at least one entry.
    random_state : int, RandomState instance or None, default=None
        Seed of the generator; an int gives the same data at each call. None draws a
        new seed, without touching NumPy's global generator.

    Returns
    -------
    Bunch
        - data : ndarray of shape (n_samples, n_features)
        - target : ndarray of shape (n_samples,), int64, the clusters
        - dictionaries : ndarray of shape (n_clusters, n_atoms, n_features), with
          atoms of unit norm
        - codes : ndarray of shape (n_samples, n_atoms), the coefficients on the
          dictionary of the sample's cluster
        - DESCR : str

    Raises
    ------
    TypeError
        If a parameter has the wrong type.
    ValueError
        If a parameter is out of range.

    See Also
    --------
    make_group_sparse : One dictionary, whose atoms come in groups.

    Notes
    -----
    With ``D_k`` the dictionary of cluster k, one unit-norm Gaussian atom a row::

        k ~ weights,  x = z D_k + noise * N(0, I)

    where z has `n_nonzero_coefs` nonzero entries at uniformly random places, of
    magnitude uniform in [1, 2].

    References
    ----------
    Lin, Song and Ba, "Mixture model auto-encoders: deep clustering through
    dictionary learning", ICASSP 2022, eq. 1.

    Examples
    --------
    >>> import numpy as np
    >>> from skmixmate.datasets import make_dictionary_mixture
    >>> mixture = make_dictionary_mixture(100, noise=0.0, random_state=0)
    >>> mixture.data.shape, mixture.dictionaries.shape
    ((100, 50), (3, 10, 50))
    >>> first = mixture.codes[0] @ mixture.dictionaries[mixture.target[0]]
    >>> np.allclose(first, mixture.data[0])
    True
    """
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    check_scalar(n_clusters, "n_clusters", Integral, min_val=1)
    check_scalar(n_atoms, "n_atoms", Integral, min_val=1)
    check_scalar(n_features, "n_features", Integral, min_val=1)
    check_scalar(
        n_nonzero_coefs, "n_nonzero_coefs", Integral, min_val=1, max_val=n_atoms
    )
    check_real(noise, "noise", min_val=0.0)
    check_real(missing, "missing", min_val=0.0)
    shares = check_weights(weights, n_clusters)
    n_missing = count_missing(missing, n_samples, n_features)
    rng = private_random_state(random_state)

    dictionaries = _unit_norm_atoms(rng, (n_clusters, n_atoms, n_features))
    target = rng.choice(n_clusters, size=n_samples, p=shares)
    codes = np.zeros((n_samples, n_atoms))
    atoms = _draw_subsets(rng, n_samples, n_atoms, n_nonzero_coefs)
    coefs = rng.uniform(1.0, 2.0, size=atoms.shape)
    if not nonnegative:
        coefs *= rng.choice([-1.0, 1.0], size=atoms.shape)
    np.put_along_axis(codes, atoms, coefs, axis=1)

    data = noise * rng.standard_normal((n_samples, n_features))
    for cluster, dictionary in enumerate(dictionaries):
        members = target == cluster
        data[members] += codes[members] @ dictionary
    if n_missing:
        _remove_entries(rng, data, n_missing)
    return Bunch(
        data=data,
        target=target.astype(np.int64),
        dictionaries=dictionaries,
        codes=codes,
        DESCR=f"Mixture of {n_clusters} dictionaries of {n_atoms} atoms: {n_samples} "
        f"samples of {n_features} features, {n_nonzero_coefs} atoms in each, noise "
        f"of standard deviation {noise:g}, {n_missing} missing entries.",
    )


def make_group_sparse(
    n_samples: int = 1000,
    *,
    n_groups: int = 50,
    group_size: int = 2,
    n_features: int = 100,
    n_active_groups: int = 3,
    norm_range: tuple[float, float] = (4.0, 5.0),
    snr_db: float | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Generate samples from a dictionary whose atoms are active in groups.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of samples.
    n_groups : int, default=50
        Number of groups of atoms.
    group_size : int, default=2
        Number of atoms in a group.
    n_features : int, default=100
        Number of features.
    n_active_groups : int, default=3
        Number of groups in a sample, at most `n_groups`.
    norm_range : tuple (float, float), default=(4.0, 5.0)
        Lowest and highest Euclidean norm of the codes of an active group.
    snr_db : float, default=None
        Signal-to-noise ratio of the data in decibels; None for no noise.
    random_state : int, RandomState instance or None, default=None
        Seed of the generator; an int gives the same data at each call. None draws a
        new seed, without touching NumPy's global generator.

    Returns
    -------
    Bunch
        - data : ndarray of shape (n_samples, n_features)
        - codes : ndarray of shape (n_samples, n_groups * group_size), the atoms of
          a group side by side
        - dictionary : ndarray of shape (n_groups * group_size, n_features), with
          atoms of unit norm
        - DESCR : str

    Raises
    ------
    TypeError
        If a parameter has the wrong type.
    ValueError
        If a parameter is out of range.

    See Also
    --------
    make_dictionary_mixture : A dictionary for each cluster.

    Notes
    -----
    With D the dictionary, one unit-norm Gaussian atom a row::

        x = z D + sigma * N(0, I)
        sigma^2 = mean((z D)^2) / 10^(snr_db / 10)

    the mean taken over all samples and features. The active groups of z are
    uniformly random; in each, the direction of the codes is uniform on the sphere
    and their norm is uniform in `norm_range`. The paper's experiment has 10,000
    samples, 500 groups of 2 atoms, 950 features and ratios of 1, 5 and 10 dB.

    References
    ----------
    Theodosis, Tolooshams, Tankala, Tasissa and Ba, "On the convergence of
    group-sparse autoencoders", arXiv:2102.07003, 2021, eq. 2 and section 4.1.

    Examples
    --------
    >>> import numpy as np
    >>> from skmixmate.datasets import make_group_sparse
    >>> groups = make_group_sparse(100, random_state=0)
    >>> groups.data.shape, groups.codes.shape
    ((100, 100), (100, 100))
    >>> np.allclose(groups.codes @ groups.dictionary, groups.data)
    True
    >>> norms = np.linalg.norm(groups.codes.reshape(100, 50, 2), axis=2)
    >>> int((norms[0] > 0).sum())
    3
    """
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    check_scalar(n_groups, "n_groups", Integral, min_val=1)
    check_scalar(group_size, "group_size", Integral, min_val=1)
    check_scalar(n_features, "n_features", Integral, min_val=1)
    check_scalar(
        n_active_groups, "n_active_groups", Integral, min_val=1, max_val=n_groups
    )
    low, high = check_range(norm_range, "norm_range")
    if snr_db is not None:
        check_real(snr_db, "snr_db")
    rng = private_random_state(random_state)

    n_atoms = n_groups * group_size
    dictionary = _unit_norm_atoms(rng, (n_atoms, n_features))
    active = _draw_subsets(rng, n_samples, n_groups, n_active_groups)
    blocks = _unit_norm_atoms(rng, (*active.shape, group_size))
    blocks *= rng.uniform(low, high, size=active.shape)[..., np.newaxis]
    codes: np.ndarray = np.zeros((n_samples, n_groups, group_size))
    np.put_along_axis(codes, active[..., np.newaxis], blocks, axis=1)
    codes = codes.reshape(n_samples, n_atoms)

    data = codes @ dictionary
    if snr_db is not None:
        variance = np.mean(data**2) / 10.0 ** (snr_db / 10.0)
        data += math.sqrt(variance) * rng.standard_normal(data.shape)
    noise = "no noise" if snr_db is None else f"noise at {snr_db:g} dB"
    return Bunch(
        data=data,
        codes=codes,
        dictionary=dictionary,
        DESCR=f"Group-sparse data: {n_samples} samples of {n_features} features, "
        f"{n_active_groups} active out of {n_groups} groups of {group_size} atoms, "
        f"{noise}.",
    )


def _unit_norm_atoms(random_state, shape):
    atoms = random_state.standard_normal(shape)
    return atoms / np.linalg.norm(atoms, axis=-1, keepdims=True)


def _draw_subsets(random_state, n_samples, n_choices, size):
    """Draw, for each sample, `size` of the choices without replacement."""
    return np.argsort(random_state.uniform(size=(n_samples, n_choices)))[:, :size]


def _remove_entries(random_state, data, n_missing):
    """Set entries to NaN, sparing one at random in each row and each column."""
    n_samples, n_features = data.shape
    spared = np.arange(max(n_samples, n_features))
    rows = random_state.permutation(n_samples)[spared % n_samples]
    columns = random_state.permutation(n_features)[spared % n_features]
    removable = np.ones(data.shape, dtype=bool)
    removable[rows, columns] = False
    removed = random_state.choice(
        np.flatnonzero(removable), size=n_missing, replace=False
    )
    data.flat[removed] = np.nan
