"""From ``init`` to the first atoms; nothing else looks at ``init``."""

import functools
import inspect
import reprlib
from collections.abc import Callable, Iterator

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import Tensor

from ..utils.callers import warn_user
from ..utils.device import CPU, one_openmp_thread
from ..utils.progress import say
from ..utils.random import drawn_seed, seeded_clone
from ..utils.validation import with_nan
from .centers import Blocks
from .dictionaries import (
    InitializationWarning,
    dictionaries_from_labels,
    with_n_clusters,
)
from .merging import Labeling, Labelings
from .spectral import spectral_labelings
from .ssc import SparseSubspaceClustering

__all__ = ["INITIALIZERS", "first_atoms", "has_one_start"]


# Draws of k-means of the spectral start where clusters lie apart: with ten, which of
# several partitions of the digits is found depends on the seed.
_N_INIT_APART = 50


def _spectral(X, n_clusters, n_atoms, random_state, device, others):
    return spectral_labelings(
        *(X, n_clusters, random_state),
        n_init_apart=_N_INIT_APART,
        others=others,
        device=device,
    )


def _ssc(X, n_clusters, n_atoms, random_state, device, others):
    if n_clusters == 1:
        return np.zeros(len(X), dtype=np.intp)
    clusterer = SparseSubspaceClustering(
        n_clusters, random_state=random_state, device=device
    )
    return clusterer.fit(X).labels_


def _k_means(X, n_clusters, n_atoms, random_state, device, others):
    k_means = KMeans(n_clusters, n_init=10, random_state=random_state)
    with one_openmp_thread():
        return k_means.fit_predict(X)


def _data(X, n_clusters, n_atoms, random_state, device, others):
    """Different samples, whatever cluster they may be of."""
    no_labels = np.zeros(len(X), dtype=np.intp)
    n_rows = n_clusters * n_atoms
    atoms = dictionaries_from_labels(X, no_labels, 1, n_rows, random_state, warn=False)
    return atoms.reshape(n_clusters, n_atoms, X.shape[1])


def _noise(X, n_clusters, n_atoms, random_state, device, others):
    """Gaussian noise, as large as the samples are on average."""
    size = np.sqrt(np.square(X, dtype=np.float64).mean())
    return size * random_state.standard_normal((n_clusters, n_atoms, X.shape[1]))


# Each takes (X, n_clusters, n_atoms, random_state, device, others) and gives a label
# for each sample, `Labelings` of them, or atoms (n_clusters, n_atoms, n_features). A
# function and a line make a new name.
INITIALIZERS: dict[str, Callable] = {
    "spectral": _spectral,
    "ssc": _ssc,
    "k-means": _k_means,
    "data": _data,
    "random": _data,  # What scikit-learn's KMeans calls it.
    "noise": _noise,
}
# Samples for each cluster from which on its first labels may be doubted.
_N_TO_DOUBT = 30
# Those that can do with fewer samples than clusters.
_NEED_NO_CLUSTERS = {"data", "random", "noise"}


def has_one_start(init) -> bool:
    """Whether ``init`` gives atoms outright, so that another run would be the same."""
    # NumPy's strings, from a grid, have __array__ as well.
    return isinstance(init, list | tuple) or (
        hasattr(init, "__array__") and not isinstance(init, str)
    )


def first_atoms(
    init,
    X: np.ndarray,
    n_clusters: int,
    n_atoms: int,
    random_state: np.random.RandomState,
    *,
    device: torch.device = CPU,
    center: Tensor | None = None,
    others: Blocks | None = None,
    group_size: int = 1,
    is_auto: bool = False,
    may_be_idle: bool = False,
    sizes: Callable[[np.ndarray], np.ndarray] | None = None,
    criterion: Callable[[np.ndarray, int], float] | None = None,
    choose_n_atoms: Callable[[Callable, Callable], int] | None = None,
    take_labelings: Callable[[Labelings], None] | None = None,
    warn: bool = True,
) -> np.ndarray:
    """Turn ``init`` into the first atoms, in the space of X.

    Parameters
    ----------
    init : str, clusterer, callable or array-like
        A name of `INITIALIZERS`; an object with ``fit_predict`` (it is cloned, and its
        ``random_state`` is set if it is None); a callable ``(X, n_clusters,
        random_state)`` that gives labels, `Labelings` or atoms; or atoms, (n_clusters,
        n_atoms, n_features) or those of the clusters one after another in rows.
    X : ndarray of shape (n_samples, n_features)
        Finite.
    n_clusters, n_atoms : int
    random_state : RandomState
    device : torch.device, default=CPU
        Where initialisers by name compute what takes long, and callables that have a
        parameter ``device``.
    center : Tensor of shape (n_features,), default=None
        What samples have in common; initialisers by name see them without.
    others : callable, default=None
        Gives further samples, in blocks (n_block, n_features), for ``init="spectral"``.
    group_size : int, default=1
        What the number of atoms must be a multiple of.
    is_auto : bool, default=False
        Whether ``n_atoms`` is a rule's and not the user's, so that atoms that are given
        may be another number.
    may_be_idle : bool, default=False
        Whether zeros at the end of the atoms of a cluster that are given are
        idle places, as those of ``dictionaries_`` are; then ``n_atoms`` is no bound.
    sizes : callable, default=None
        From the number of members of each cluster, (n_clusters,), and the mean number
        of atoms to that of each cluster, or of all; None gives the mean to all.
    criterion : callable, default=None
        From atoms, as they are returned, and a number of epochs to a number, that after
        so much training; the lowest one chooses among several labellings. Where atoms
        are as many as features, any dictionary explains all samples and no criterion
        tells; then the least conductance of the labels in their graph chooses. None
        takes the first.
    choose_n_atoms : callable, default=None
        From a function of a mean number of atoms that gives the first atoms, as they
        are returned, and one that gives the conductance of labels of X in their graph,
        to the number. Called if there is such a graph; None takes ``n_atoms``.
    take_labelings : callable, default=None
        Gets, before ``sizes`` is called, the labels that ``init`` gives, with what it
        says of them.
    warn : bool, default=True
        Whether to warn of clusters with fewer members than atoms.

    Returns
    -------
    ndarray of shape (n_clusters, n_atoms, n_features)
        Neither centred nor scaled; NaN in idle places.

    Raises
    ------
    ValueError
        If ``init`` is none of these, needs more samples than there are, or gives labels
        or atoms of a wrong shape or type.

    Warns
    -----
    InitializationWarning
        If ``init`` gives more clusters than ``n_clusters`` (the largest are kept) or
        fewer (the largest are split in two until there are enough), a cluster has
        fewer members than atoms, or, with ``criterion``, a neighbour graph has no such
        clusters, or two labellings about equally good have little in common.
    """
    shape = (n_clusters, None if is_auto else n_atoms, X.shape[1])
    if has_one_start(init):
        return _checked_atoms(init, shape, group_size, may_be_idle)
    if not _needs_no_clusters(init) and len(X) < n_clusters:
        raise ValueError(
            f"init={reprlib.repr(init)} needs a sample for each of {n_clusters} "
            f"clusters or groups, got n_samples={len(X)}; use more samples (init_size, "
            "if there are more in X), fewer clusters, or init='noise'."
        )
    origin: float | np.ndarray = 0.0
    if isinstance(init, str) and center is not None:
        origin = center.cpu().numpy()
    others = None if others is None else functools.partial(_moved, others, origin)
    found = _found(init, X - origin, n_clusters, n_atoms, random_state, device, others)
    if not isinstance(found, Labelings) and _n_dimensions(found) > 1:
        return _checked_atoms(found, shape, group_size, may_be_idle) + origin
    if not isinstance(found, Labelings):
        found = Labelings([Labeling(found)])
    if take_labelings is not None:
        take_labelings(found)

    def atoms_of(labels, random_state, n_atoms=n_atoms, *, warn=False):
        counts = np.bincount(labels[labels >= 0], minlength=n_clusters)
        n_each = n_atoms if sizes is None else sizes(counts, n_atoms)
        return dictionaries_from_labels(
            X, labels, n_clusters, n_each, random_state, warn=warn
        )

    found = found.relabeled(
        lambda labels: with_n_clusters(labels, X, n_clusters, random_state)
    )
    labels = found[0].labels
    if criterion is not None and (len(found) > 1 or found.conductance is not None):
        # With a draw of their own, so that what is kept depends on no other.
        seed = drawn_seed(random_state)

        def after_training(labels, n_epochs):
            value = criterion(atoms_of(labels, np.random.RandomState(seed)), n_epochs)
            say(f"criterion {value:.6g}")
            return value

        explains_all = n_atoms >= X.shape[1]
        choice = found.least_cut() if explains_all else found.best(after_training)
        labels = choice.labels
        if choose_n_atoms is not None and found.conductance is not None:
            n_atoms = choose_n_atoms(
                lambda n: atoms_of(labels, np.random.RandomState(seed), n),
                found.conductance,
            )
        # Of fewer samples a graph tells little.
        if len(X) >= _N_TO_DOUBT * n_clusters and choice.is_doubtful():
            warn_user(
                "The first clusters are not to be trusted: they lie close to each "
                "other, or another partition explains the samples about as well. There "
                "may be fewer or more clusters, or none (cluster_stability in "
                "skmixmate.model_selection tells), or the samples need features in "
                "which they lie apart.",
                InitializationWarning,
            )
    return atoms_of(labels, random_state, n_atoms, warn=warn)


def _moved(blocks: Blocks, origin) -> Iterator[np.ndarray]:
    return (block - origin for block in blocks())


def _n_dimensions(found) -> int:
    try:
        return np.ndim(found)
    except ValueError:  # Rows of unequal length are no labels.
        return 2


def _needs_no_clusters(init) -> bool:
    return isinstance(init, str) and init in _NEED_NO_CLUSTERS


def _found(init, X, n_clusters, n_atoms, random_state, device, others):
    """What ``init`` gives, labels or atoms."""
    if isinstance(init, str) and init in INITIALIZERS:
        return INITIALIZERS[init](X, n_clusters, n_atoms, random_state, device, others)
    if not isinstance(init, str | type):
        if hasattr(init, "fit_predict"):
            return seeded_clone(init, random_state).fit_predict(X)
        if callable(init):
            options = {"device": device} if _takes_device(init) else {}
            return init(X, n_clusters, random_state, **options)
    names = ", ".join(map(repr, INITIALIZERS))
    raise ValueError(
        f"init must be one of {names}, an object with fit_predict, a callable (X, "
        "n_clusters, random_state) that gives labels or atoms, or an array of atoms, "
        f"got {reprlib.repr(init)}."
    )


def _takes_device(function) -> bool:
    try:
        return "device" in inspect.signature(function).parameters
    except ValueError:  # Of some that are written in C nothing is known.
        return False


def _checked_atoms(atoms, shape, group_size: int, may_be_idle: bool) -> np.ndarray:
    """First atoms that the user gave, (n_clusters, n_atoms, n_features).

    ``shape`` is what they must have; None stands for any number of atoms.
    """
    n_clusters, n_atoms, n_features = shape
    if isinstance(atoms, Tensor):
        atoms = atoms.detach().cpu()
    try:
        atoms = np.asarray(with_nan(atoms), dtype=np.float64)
        given = f"shape {atoms.shape}"
    except (TypeError, ValueError):  # Not numbers, or rows of unequal length.
        given, atoms = reprlib.repr(atoms), np.empty(0)
    if atoms.ndim == 2 and len(atoms) % n_clusters == 0:
        atoms = atoms.reshape(n_clusters, -1, atoms.shape[1])
    is_idle = np.zeros(atoms.shape[:2], dtype=bool)
    if may_be_idle and atoms.ndim == 3:
        is_idle = _idle_places(atoms, group_size)
    if not np.isfinite(atoms).all():
        given += " with NaN or infinity"
    elif (
        atoms.ndim == 3
        and atoms.size > 0
        and atoms.shape[::2] == (n_clusters, n_features)
        # With idle places the largest of several numbers, and no mean.
        and (n_atoms is None or atoms.shape[1] == n_atoms or is_idle.any())
        and atoms.shape[1] % group_size == 0
    ):
        return np.where(is_idle[..., None], np.nan, atoms)
    raise ValueError(
        "init must be a finite array of atoms of each cluster or group, (clusters, "
        f"atoms, n_features) = ({n_clusters}, {n_atoms or 'any number'}, "
        f"{n_features}), or of as many rows; the number of atoms must be a multiple of "
        f"the penalty's group_size={group_size}. Got {given}."
    )


def _idle_places(atoms: np.ndarray, group_size: int) -> np.ndarray:
    """Which atoms (K, P, M) at the end of a cluster are zero, in whole groups, (K, P).

    None of a cluster without other atoms.
    """
    is_atom = atoms.any(axis=2)
    n_places = atoms.shape[1]
    place = np.arange(1, n_places + 1)
    last = (place * is_atom).max(axis=1, initial=0)
    last[last == 0] = n_places
    return place > (-(-last // group_size) * group_size)[:, None]
