"""Each sample as a sparse combination of other samples, by two methods."""

import warnings

import numpy as np
import torch
from scipy import sparse
from sklearn import config_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import lasso_path

from ..functional import orthogonal_matching_pursuit
from ..utils.callers import warn_user
from ..utils.device import CPU, is_accelerator
from ..utils.progress import in_batches

__all__ = ["lasso_representation", "omp_representation"]

# Samples coded at a time, on a GPU too, and atoms with a Gram matrix, which bound the
# memory.
_BLOCK_SIZE, _GPU_BLOCK_SIZE, _LARGEST_GRAM = 512, 8192, 5000
# Atoms that may join a working set in a pass; 100 are as fast, 200 slower.
_N_NEW_ATOMS = 60
# About ten suffice, however the data and alpha were chosen.
_MAX_PASSES = 100
# scikit-learn draws a seed even where nothing is random, and from NumPy's global
# generator unless it gets another.
_UNUSED_RANDOM_STATE = np.random.RandomState(0)


def omp_representation(
    X, kept, n_nonzero_coefs: int, device: torch.device = CPU
) -> sparse.csr_array:
    """Code each sample with a few others by orthogonal matching pursuit.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows of unit norm, or zero.
    kept : ndarray of shape (n_kept,), int
        Rows that may represent others, sorted.
    n_nonzero_coefs : int
        At most ``min(n_kept - 1, n_features)``.
    device : torch.device, default=CPU

    Returns
    -------
    sparse array of shape (n_samples, n_samples)
        At most ``n_nonzero_coefs`` entries a row, none on the diagonal.

    References
    ----------
    You, Robinson and Vidal, "Scalable sparse subspace clustering by orthogonal matching
    pursuit" (2016).
    """
    samples, atoms, own = (
        torch.from_numpy(array).to(device)
        for array in (X, X[kept], _position_among(kept, len(X)))
    )
    uses_gram = n_nonzero_coefs > 1 and len(kept) <= _LARGEST_GRAM
    gram = atoms @ atoms.T if uses_gram else None
    supports, coefs = [], []
    block_size = _GPU_BLOCK_SIZE if is_accelerator(device) else _BLOCK_SIZE
    for rows in in_batches("matching pursuit", len(X), block_size):
        support, coef = orthogonal_matching_pursuit(
            samples[rows], atoms, n_nonzero_coefs, own[rows], gram
        )
        supports.append(kept[support.cpu().numpy()])
        coefs.append(coef.cpu().numpy())
    data, indices = np.concatenate(coefs).ravel(), np.concatenate(supports).ravel()
    indptr = np.arange(len(X) + 1) * n_nonzero_coefs
    representation = sparse.csr_array((data, indices, indptr), shape=(len(X), len(X)))
    representation.eliminate_zeros()
    return representation


def lasso_representation(X, kept, alpha: float) -> sparse.csr_array:
    """Code each sample with others under an l1 penalty.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows of unit norm, or zero.
    kept : ndarray of shape (n_kept,), int
        Rows that may represent others, sorted.
    alpha : float, above one
        Weight of the data term, as a multiple of the one that makes a code zero.

    Returns
    -------
    sparse array of shape (n_samples, n_samples)
        No entries on the diagonal. In double precision, whatever X is.

    Warns
    -----
    ConvergenceWarning
        If some code does not meet the optimality conditions.

    Notes
    -----
    Row i minimises ``0.5 * ||x_i - c X||^2 + mu / alpha * ||c||_1`` over the c that are
    zero at i and outside ``kept``, with ``mu = min_i max_{j != i} |<x_i, x_j>|``, j in
    ``kept``. A code is zero unless the largest correlation of its sample exceeds
    ``mu / alpha``, so with alpha above one none is. Samples orthogonal to all others
    are left out of mu: their codes are zero in any case, and mu would be zero.

    References
    ----------
    Elhamifar and Vidal, "Sparse subspace clustering: algorithm, theory, and
    applications" (2013), proposition 1 for mu.
    """
    # Correlations below this are rounding errors of X.
    negligible = 100.0 * np.finfo(X.dtype).eps
    X = X.astype(np.float64, copy=False)
    atoms, own = X[kept], _position_among(kept, len(X))
    largest = np.concatenate(
        [
            np.abs(_correlations(X[rows], atoms, own[rows])).max(axis=1)
            for rows in in_batches("correlations", len(X), _BLOCK_SIZE)
        ]
    )
    largest = largest[largest > negligible]
    if len(largest) == 0:
        return sparse.csr_array((len(X), len(X)), dtype=np.float64)
    threshold = largest.min() / alpha
    codes = []
    for rows in in_batches("lasso", len(X), _BLOCK_SIZE):
        block = _lasso_codes(X[rows], atoms, own[rows], threshold)
        codes.append(sparse.csr_array(block))
    codes = sparse.vstack(codes, format="csr")
    return sparse.csr_array(
        (codes.data, kept[codes.indices], codes.indptr), shape=(len(X), len(X))
    )


def _lasso_codes(samples, atoms, own, threshold) -> np.ndarray:
    """Minimise ``0.5 * ||x - c A||^2 + threshold * ||c||_1`` for each sample x.

    A code has few entries, so it is sought in a small working set of atoms, to which
    the atoms that violate the optimality conditions are added until none is left. With
    all atoms at once, coordinate descent takes ten times as long, and FISTA more.
    """
    # Rounding keeps the solver from promising less than 1e-7.
    tolerance = max(1e-4 * threshold, 1e-7)
    codes = np.zeros((len(samples), len(atoms)))
    pending = np.arange(len(samples))
    for _ in range(_MAX_PASSES):
        violations = _violations(
            codes[pending], samples[pending], atoms, own[pending], threshold
        )
        unsolved = violations.max(axis=1) > tolerance
        pending, violations = pending[unsolved], violations[unsolved]
        if len(pending) == 0:
            return codes
        for row, violation in zip(pending, violations, strict=True):
            working = _working_set(codes[row], violation)
            # No need to solve a set much better than it was chosen.
            accuracy = max(0.5 * violation.max(), tolerance)
            codes[row, working] = _solve(
                samples[row], atoms[working], codes[row, working], threshold, accuracy
            )
    warn_user(
        f"the lasso codes of {len(pending)} samples violate the optimality conditions "
        f"by more than {tolerance:.1e}; a smaller alpha makes them easier to find.",
        ConvergenceWarning,
    )
    return codes


def _violations(codes, samples, atoms, own, threshold) -> np.ndarray:
    """How far each entry is from optimal, (B, N); negative where it may stay zero.

    The correlation with the residual is ``threshold * sign(c)`` where c is not zero,
    and at most ``threshold`` in magnitude elsewhere.
    """
    correlations = _correlations(samples - codes @ atoms, atoms, own)
    return np.where(
        codes != 0.0,
        np.abs(correlations - threshold * np.sign(codes)),
        np.abs(correlations) - threshold,
    )


def _working_set(code, violation) -> np.ndarray:
    """Indices of the atoms in use and of the worst violators."""
    priority = np.where(code != 0.0, np.inf, violation)
    candidates = np.flatnonzero(priority > 0.0)
    size = np.count_nonzero(code) + _N_NEW_ATOMS
    if len(candidates) <= size:
        return candidates
    return candidates[np.argpartition(-priority[candidates], size)[:size]]


def _solve(sample, atoms, start, threshold, accuracy) -> np.ndarray:
    """Improve the code of one sample with few atoms.

    scikit-learn's coordinate descent finds the atoms to use; Newton steps find their
    coefficients, to which coordinate descent only crawls where the atoms are alike. It
    stops at a duality gap: as the data term is strongly convex in the residual, a gap
    of ``accuracy^2 / 2`` bounds all violations by ``accuracy``.
    """
    gram, correlations = atoms @ atoms.T, atoms @ sample
    # Checks of parameters would take longer than many a solution.
    with config_context(skip_parameter_validation=True), warnings.catch_warnings():
        # A sample that is not solved comes again, and is reported if it stays so.
        warnings.simplefilter("ignore", ConvergenceWarning)
        _, codes, _ = lasso_path(
            atoms.T,
            sample,
            # scikit-learn divides the data term by the number of features.
            alphas=[threshold / len(sample)],
            precompute=gram,
            Xy=correlations,
            coef_init=start,
            tol=0.5 * accuracy**2,
            max_iter=100,
            check_input=False,
            random_state=_UNUSED_RANDOM_STATE,
        )
    code, n_used = codes[:, 0], 0
    # A step that stops where a sign changes makes that entry zero.
    while n_used != np.count_nonzero(code):
        used = np.flatnonzero(code)
        n_used = len(used)
        code[used] = _newton_step(
            code[used], gram[np.ix_(used, used)], correlations[used], threshold
        )
        # Rounding errors, as equal atoms leave, whose sign may be wrong.
        code[np.abs(code) < 1e-12] = 0.0
    return code


def _newton_step(code, gram, correlations, threshold) -> np.ndarray:
    """Move the entries in use to where they are optimal if they keep their signs.

    With the signs fixed the objective is quadratic, and its optimum the solution of a
    linear system. If signs change on the way there, the best of these points, of the
    goal and of the start is taken, so the objective never rises.
    """
    gradient = gram @ code - correlations + threshold * np.sign(code)
    # Linearly dependent atoms have no finite goal, but the way to one with a tiny ridge
    # leads through the points where one of them becomes superfluous.
    ridge = 1e-10 * np.eye(len(code))
    goal = code - np.linalg.solve(gram + ridge, gradient)
    crossing = np.flatnonzero(code * goal < 0.0)
    crossing_times = code[crossing] / (code[crossing] - goal[crossing])
    points = code + crossing_times[:, None] * (goal - code)
    points[np.arange(len(crossing)), crossing] = 0.0
    points = np.vstack([goal, points, code])
    objectives = (points * (0.5 * points @ gram - correlations)).sum(axis=1)
    objectives += threshold * np.abs(points).sum(axis=1)
    return points[objectives.argmin()]


def _correlations(samples, atoms, own) -> np.ndarray:
    """Inner products of samples and atoms, zero with a sample's own atom."""
    correlations = samples @ atoms.T
    rows = np.flatnonzero(own >= 0)
    correlations[rows, own[rows]] = 0.0
    return correlations


def _position_among(kept, n_samples: int) -> np.ndarray:
    """Where in ``kept`` each sample is, -1 where it is not."""
    position = np.full(n_samples, -1)
    position[kept] = np.arange(len(kept))
    return position
