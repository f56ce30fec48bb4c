"""Sparse subspace clustering."""

import functools
import math
from collections.abc import Callable
from typing import Literal, Self

import numpy as np
import torch
from scipy import sparse
from sklearn.base import ClusterMixin

from ..functional import separation_criterion
from ..utils.device import is_accelerator, plain_arithmetic, resolve_device
from ..utils.estimator import VersionedEstimator
from ..utils.parameter_checks import (
    check_bool,
    check_integer,
    check_number,
    check_or_auto,
)
from ..utils.progress import each, step
from ..utils.random import RandomState, private_random_state
from ..utils.validation import ArrayLike, validate_samples
from .copies import distinct_rows
from .merging import Choice, Labelings
from .self_representation import lasso_representation, omp_representation
from .spectral import spectral_clustering_labels, spectral_partitions

__all__ = ["SparseSubspaceClustering"]

# What n_rounds="auto" stands for.
_AUTO_N_ROUNDS = {"omp": 10, "lasso": 1}
# By which clusters of the graph are merged; see `merged_clusters`.
_EXPONENT = 0.75


class SparseSubspaceClustering(ClusterMixin, VersionedEstimator):
    """Cluster samples that lie near a union of low-dimensional subspaces.

    Each sample, unit to unit norm, is written as a combination of a few others; who
    uses whom makes a graph, which is clustered spectrally.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters.
    method : {"omp", "lasso"}, default="omp"
        How samples are represented: by orthogonal matching pursuit, which is fast, or
        under an l1 penalty, as in the original method of Elhamifar and Vidal.
    n_nonzero_coefs : int, default=5
        For ``method="omp"``: number of other samples that represent a sample in each
        round, about the dimension of a subspace. At most ``n_features``, and the size
        of a round's subset, are used.
    alpha : float, default=20
        For ``method="lasso"``: the weight lambda of the data term is ``alpha / mu``, as
        in the paper, where it is alpha_z; see Notes. Larger means more exact and less
        sparse representations, and takes longer. Must be above one, where some
        representations become zero.
    n_rounds : int or "auto", default="auto"
        Number of rounds, whose representations are averaged; each does without a random
        part of the samples. "auto" is 10 for "omp" and 1 for "lasso".
    dropout : float in [0, 1) or "auto", default="auto"
        Fraction of the samples that represent none in a round. "auto" is, for "omp",
        what leaves 500 samples, at least 0.5 and at most 0.8, and for "lasso", whose
        representations are dense enough without, 0. "omp" with
        ``n_rounds=1, dropout=0`` is the plain method of You, Robinson and Vidal, and of
        the MixMate paper; its graphs are so sparse that clusters often fall apart.
    merge : bool, default=True
        Whether the graph is also cut into more clusters, which are merged, and the
        labels are those under which samples are represented best by their own cluster
        and least by others. A large cluster among small ones is not cut up then. False
        is the plain method.
    random_state : int, RandomState instance or None, default=None
        Seeds the subsets, the eigensolver and k-means.
    device : str or torch.device, default="auto"
        "auto" is a CUDA GPU where there is one, else the CPU. The lasso is always
        computed on the CPU.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cluster of each sample.
    affinity_matrix_ : sparse array of shape (n_samples, n_samples)
        ``|C| + |C|^T``, each row of the representation C divided by its largest
        magnitude first.
    representation_ : sparse array of shape (n_samples, n_samples)
        C, the coefficients of each sample in terms of the others, the mean of the
        rounds. Copies represent no sample, and have the coefficients of the one that
        they copy, times -1 if they are its opposite.
    sizes_left_open_ : bool
        Whether the labels are of a partition that leaves the sizes of clusters open, of
        more clusters that were merged or by as many eigenvectors as clusters, and not
        of one that suits clusters of about one size. Always False with ``merge=False``.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had string names.

    Notes
    -----
    The lasso minimises ``||c||_1 + (lambda / 2) ||x_i - c X||^2``, ``c_i = 0``, with
    ``lambda = alpha / mu`` and ``mu = min_i max_{j != i} |<x_i, x_j>|``, in each round
    over its subset. Samples without any correlation, as zero rows, have no
    representation and do not count in mu. One sample with only small correlations
    makes mu small, and all representations dense. Each solution meets the optimality
    conditions to ``1e-4 / lambda``, or 1e-7 if that is more.

    A sample and its multiples, negative ones too, are copies of one direction, as are
    many near copies: the representation would choose these alone. So only the first of
    them takes part, and the others get its label. This holds for groups of at most half
    the mean size of a cluster; larger ones may be a subspace of dimension one.

    With ``merge=True``, the labels are one of the partitions of `spectral_partitions`,
    with ``exponent=0.75``, which was chosen by looking at digits. The energy of a
    sample under a cluster is what its coefficients of that cluster's samples alone
    leave of it, as in classification by sparse representation, and the partition is
    chosen by `skmixmate.functional.separation_criterion`.

    Samples are coded in blocks, whose size bounds the memory. A round of "omp" takes
    time O((1 - dropout) n_samples^2 (n_features + n_nonzero_coefs^2)), with up to 5,000
    samples to code with, n_features n_nonzero_coefs in the last factor with more, and
    leaves n_samples n_nonzero_coefs coefficients. A round of "lasso" may take
    thirty times as long and leave ten times as many, depending on the data and alpha;
    ``benchmarks/starts/ssc.py`` measures both.

    References
    ----------
    Elhamifar and Vidal, "Sparse subspace clustering" (2013); You, Robinson and Vidal,
    "Scalable sparse subspace clustering by orthogonal matching pursuit" (2016); Chen,
    Li and You, "Stochastic sparse subspace clustering" (2020), for rounds and dropout;
    Wright et al., "Robust face recognition via sparse representation" (2009), for the
    energies.

    Examples
    --------
    >>> from skmixmate import SparseSubspaceClustering
    >>> from skmixmate.datasets import make_dictionary_mixture
    >>> data = make_dictionary_mixture(
    ...     200, n_clusters=2, n_atoms=3, n_features=20, random_state=0
    ... )
    >>> ssc = SparseSubspaceClustering(n_clusters=2, random_state=0).fit(data.data)
    >>> ssc.labels_.shape
    (200,)
    """

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        method: Literal["omp", "lasso"] = "omp",
        n_nonzero_coefs: int = 5,
        alpha: float = 20.0,
        n_rounds: int | Literal["auto"] = "auto",
        dropout: float | Literal["auto"] = "auto",
        merge: bool = True,
        random_state: RandomState = None,
        device: str | torch.device = "auto",
    ) -> None:
        self.n_clusters = n_clusters
        self.method = method
        self.n_nonzero_coefs = n_nonzero_coefs
        self.alpha = alpha
        self.n_rounds = n_rounds
        self.dropout = dropout
        self.merge = merge
        self.random_state = random_state
        self.device = device

    @plain_arithmetic
    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Cluster X.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Finite and dense.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        SparseSubspaceClustering
            Itself.

        Raises
        ------
        TypeError, ValueError
            If a parameter or X is out of range, or there are fewer samples than
            clusters.

        Warns
        -----
        ConvergenceWarning
            If the lasso of some samples could not be solved.
        InitializationWarning
            If one in twenty samples or more is a near copy of another.
        """
        n_rounds, dropout = self._check_parameters()
        device = resolve_device(self.device)
        random_state = private_random_state(self.random_state)
        X = validate_samples(self, X, reset=True, allow_missing=False).array
        if len(X) == 1:
            raise ValueError("X has n_samples=1, while a minimum of 2 is required.")
        if len(X) < self.n_clusters:
            raise ValueError(
                f"n_samples={len(X)} must be at least n_clusters={self.n_clusters}."
            )
        # By powers of two, which leave the digits, so that squares do not overflow.
        _, exponents = np.frexp(np.abs(X).max(axis=1, keepdims=True))
        unit: np.ndarray = np.ldexp(X, -exponents)
        norms = np.linalg.norm(unit, axis=1, keepdims=True)
        unit /= np.maximum(norms, np.finfo(unit.dtype).tiny)
        signs = _signs(unit)
        # Rounded, as multiples differ in their last digits.
        rows, copy_of = distinct_rows(
            np.round(signs * unit, 9), self.n_clusters, device
        )
        with step("sparse representations"):
            codes = self._mean_codes(
                unit[rows], n_rounds, dropout, random_state, device
            )
        self.representation_ = _of_all_samples(codes, rows, copy_of, signs)
        self.affinity_matrix_ = _affinity(self.representation_)
        affinity = self.affinity_matrix_[rows][:, rows]
        self.sizes_left_open_ = False
        if self.merge and 1 < self.n_clusters < len(rows):
            found = spectral_partitions(
                *(affinity, self.n_clusters, random_state),
                exponent=_EXPONENT,
                device=device,
            )
            with step("representation by clusters"):
                choice = _best_represented(unit[rows], codes, found, device)
            labels = choice.labels
            self.sizes_left_open_ = choice.leaves_sizes_open
        else:
            labels = spectral_clustering_labels(
                affinity, self.n_clusters, random_state, device=device
            )
        self.labels_ = labels[copy_of]
        return self

    def _mean_codes(
        self, X, n_rounds, dropout, random_state, device
    ) -> sparse.csr_array:
        """Codes of samples of unit norm in terms of each other, the mean of rounds."""
        if dropout is None:
            share_kept = float(np.clip(500 / len(X), 0.2, 0.5))
            dropout = 1.0 - share_kept if self.method == "omp" else 0.0
        n_kept = max(2, math.ceil((1.0 - dropout) * len(X)))
        total = sparse.csr_array((len(X), len(X)), dtype=np.float64)
        for _ in each("round", range(n_rounds)):
            kept = np.sort(random_state.permutation(len(X))[:n_kept])
            if self.method == "omp":
                n_nonzero_coefs = min(self.n_nonzero_coefs, n_kept - 1, X.shape[1])
                total = total + omp_representation(X, kept, n_nonzero_coefs, device)
            else:
                total = total + lasso_representation(X, kept, self.alpha)
        return total / n_rounds

    def _check_parameters(self):
        """Check all parameters but the seed; return ``n_rounds`` and ``dropout``.

        The latter is None for "auto", which depends on the number of samples.
        """
        check_integer(self.n_clusters, "n_clusters", min_val=1)
        if not (isinstance(self.method, str) and self.method in _AUTO_N_ROUNDS):
            names = " or ".join(repr(name) for name in _AUTO_N_ROUNDS)
            raise ValueError(f"method must be {names}, got {self.method!r}.")
        check_integer(self.n_nonzero_coefs, "n_nonzero_coefs", min_val=1)
        check_bool(self.merge, "merge")
        check_number(self.alpha, "alpha", min_val=1.0)
        n_rounds = check_or_auto(
            self.n_rounds,
            "n_rounds",
            functools.partial(check_integer, min_val=1),
            "an integer >= 1",
        )
        dropout = check_or_auto(
            self.dropout, "dropout", _check_fraction, "a number in [0, 1)"
        )
        if n_rounds is None:
            n_rounds = _AUTO_N_ROUNDS[self.method]
        return n_rounds, dropout


def _check_fraction(value, name: str) -> float:
    fraction = check_number(value, name, include_boundaries="left")
    if fraction >= 1.0:
        raise ValueError(f"{name} must be in [0, 1), got {value!r}.")
    return fraction


def _signs(X) -> np.ndarray:
    """One or -1 for each row, the opposite for the opposite row, (n_samples, 1)."""
    # A direction to which no data are orthogonal by design.
    products = X @ np.cos(np.arange(1, X.shape[1] + 1))
    return np.where(products < 0.0, -1.0, 1.0).astype(X.dtype)[:, None]


def _of_all_samples(codes, rows, copy_of, signs) -> sparse.csr_array:
    """Codes of distinct samples as those of all, copies included."""
    codes = codes[copy_of]
    sign_of_copies = (signs * signs[rows[copy_of]]).ravel()
    data = codes.data * np.repeat(sign_of_copies, np.diff(codes.indptr))
    shape = (len(copy_of), len(copy_of))
    return sparse.csr_array((data, rows[codes.indices], codes.indptr), shape=shape)


def _best_represented(X, codes, found: Labelings, device: torch.device) -> Choice:
    """The labels under which samples of unit norm are told apart best by their codes.

    ``codes`` are (n_samples, n_samples), of each sample in terms of the others.
    """
    energies_under: Callable[[np.ndarray], np.ndarray]
    if is_accelerator(device):
        from .on_device import ClusterEnergies

        energies_under = ClusterEnergies(X, codes, device)
    else:
        energies_under = _energies_on_cpu(X, codes)

    @functools.cache  # More effort would make no difference.
    def criterion_of(cluster_of: bytes) -> float:
        labels = np.frombuffer(cluster_of, dtype=np.intp)
        energies = energies_under(labels)
        lowest, second = np.sort(energies, axis=0)[:2].mean(axis=1)
        return separation_criterion(float(lowest), float(second))

    return found.best(
        lambda labels, effort: criterion_of(labels.astype(np.intp).tobytes())
    )


def _energies_on_cpu(X, codes) -> Callable[[np.ndarray], np.ndarray]:
    """What gives the energies (n_clusters, n_samples) of X under labels."""
    codes = codes.tocsc()

    def energies_under(labels: np.ndarray) -> np.ndarray:
        return np.array(
            [
                np.square(X - codes[:, members] @ X[members]).sum(axis=1)
                for members in (
                    np.flatnonzero(labels == cluster) for cluster in np.unique(labels)
                )
            ]
        )

    return energies_under


def _affinity(representation) -> sparse.csr_array:
    magnitudes = abs(representation)
    largest = magnitudes.max(axis=1).toarray().ravel()
    scale = np.divide(1.0, largest, out=np.zeros_like(largest), where=largest > 0)
    magnitudes = sparse.diags_array(scale) @ magnitudes
    return sparse.csr_array(magnitudes + magnitudes.T)
