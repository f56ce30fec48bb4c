"""Samples on their way to a network, and a network over all of them."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..distributed import Processes
from ..initializers import InitializationWarning
from ..modules import UnfoldedEncoder
from ..training import Samples
from ..utils.callers import warn_user
from ..utils.outputs import Output
from ..utils.progress import in_batches
from ..utils.validation import Array, Input
from .parameters import NetworkParameters

__all__ = [
    "batched_outputs",
    "bounded_samples",
    "compute_in_batches",
    "initialization_subset",
    "like_input",
    "mean_score",
    "raw_blocks",
    "scaled_points",
    "scaled_samples",
]

# Norm of the mean over root mean squared distance from it. Beyond, what samples have in
# common drowns what tells them apart; images are below (digits 1.5, MNIST 0.8).
_LARGEST_OFFSET = 3.0
# Extreme samples are shrunk to this many times the largest norm of the others, so that
# new ordinary ones, a little larger than all before, are not.
_SLACK = 2.0
# How many samples a start may look at for each that it labels, and how many there have
# to be for it to look at more than these.
_MOST_SEEN, _LEAST_SEEN = 20, 3
# Codes of one inference batch, K * B * P numbers: large enough for efficient matrix
# products, small enough to stay near the processor.
_CODES_PER_BATCH = 2**19
# Numbers of its samples, which few codes may have many of.
_ENTRIES_PER_BATCH = 2**22
# Of complete samples on a GPU, where what counts is how few kernels are started: codes,
# and the numbers that they decode to for all clusters. Samples that are not complete
# have as many residuals, several times over.
_CODES_PER_GPU_BATCH, _DECODED_PER_GPU_BATCH = 2**24, 2**28


def scaled_samples(
    data: Input,
    parameters: NetworkParameters,
    squared_norm: float,
    *,
    has_intercept: bool = False,
) -> Samples:
    """Training samples with the centre, the scale and the intercept of a new model.

    Parameters
    ----------
    data : Input
    parameters : NetworkParameters
    squared_norm : float
        What ``scale="auto"`` makes the mean squared norm of a sample, so that ``alpha``
        does not depend on the unit of X.
    has_intercept : bool, default=False
        Whether a constant feature is appended; only then may samples be centred.

    Returns
    -------
    Samples

    Raises
    ------
    ValueError
        If the samples are too large or too small to square.

    Warns
    -----
    UserWarning
        If few samples are so large that they would decide scale and loss alone.
    """
    raw = Samples(
        data.X,
        data.mask,
        dtype=data.dtype,
        device=parameters.device,
        has_missing=data.has_missing,
        left_out=data.empty_columns,
    )
    ordinary = raw.ordinary_rows()
    center, size = _center_and_size(raw, has_intercept, ordinary)
    _check_size(raw.replaced(center=center), size)
    scale = parameters.scale
    if scale is None:
        # Data that are the same throughout have no scale.
        scale = (size / squared_norm) ** 0.5 or 1.0
    intercept = (size**0.5 / scale) or squared_norm**0.5
    samples = raw.replaced(
        center=center,
        scale=scale,
        intercept_scaling=intercept if has_intercept else None,
    )
    return _bounded(samples, ordinary)


def bounded_samples(samples: Samples) -> Samples:
    """Samples of a later call with a bound, if a few are far beyond the others.

    Warns
    -----
    UserWarning
        Naming them.
    """
    if samples.largest_norm is not None:
        return samples
    return _bounded(samples, samples.ordinary_rows())


def _bounded(samples: Samples, ordinary: Tensor | None) -> Samples:
    if ordinary is None:
        return samples
    largest_norm = _SLACK * float(samples.norms()[ordinary].max())
    rows = (~ordinary).nonzero().flatten().tolist()
    first = ", ".join(map(str, rows[:5])) + (", ..." if len(rows) > 5 else "")
    warn_user(
        f"{len(rows)} of {len(samples)} samples are so much larger than the others "
        f"that they would decide the scale and the loss alone (rows {first}); they "
        f"count as if their norm were {largest_norm:.3g}, {_SLACK:g} times that of the "
        "largest other one. Leave them out, or mask what is wrong in them, if they are "
        "faults.",
        UserWarning,
    )
    return samples.replaced(largest_norm=largest_norm)


def _center_and_size(
    raw: Samples, may_center: bool, rows: Tensor | None
) -> tuple[Tensor | None, float]:
    """What to subtract from the samples, if anything, and what size that leaves.

    Both from the samples where ``rows`` is True, or all.
    """
    size = raw.mean_squared_norm(rows)
    if not may_center:
        return None, size
    center = raw.mean(rows)
    squared_offset = float(center.square().sum())
    if squared_offset < 0.8 * size:  # Not far, and no need for another pass to tell.
        return None, size
    centered = raw.replaced(center=center, dtype=torch.float64)
    spread = centered.mean_squared_norm(rows)
    is_far = squared_offset > _LARGEST_OFFSET**2 * spread
    return (center, spread) if is_far and spread > 0.0 else (None, size)


def _check_size(raw: Samples, mean_squared_norm: float) -> None:
    """Refuse samples that are too large or too small to square."""
    if not np.isfinite(mean_squared_norm) or (
        mean_squared_norm == 0.0
        and raw.center is None
        and any(bool(raw.raw(part).X.any()) for part in raw.slices(4096))
    ):
        raise ValueError(
            f"The mean squared norm of the samples in X is {mean_squared_norm} in "
            "double precision; choose a unit in which X is not so large or so small."
        )


def scaled_points(points: np.ndarray, samples: Samples, random_state) -> Tensor:
    """Points in the space of X, (K, P, M), as atoms in the space of the network.

    NaN in the places of idle atoms becomes zero.

    Warns
    -----
    InitializationWarning
        If atoms are zero; they become noise.
    """
    is_idle = np.isnan(points[..., 0])
    if samples.center is not None:
        points = points - samples.center.cpu().numpy()
    atoms = points / samples.scale
    if samples.left_out is not None:
        atoms = np.where(samples.left_out.cpu().numpy(), 0.0, atoms)
    if samples.intercept_scaling is not None:
        constant = np.full((*atoms.shape[:2], 1), samples.intercept_scaling)
        atoms = np.concatenate([atoms, constant], axis=2)
    atoms = _without_zero_atoms(atoms, random_state)
    atoms[is_idle] = 0.0
    return torch.from_numpy(atoms).to(samples.dtype)


def _without_zero_atoms(atoms: np.ndarray, random_state) -> np.ndarray:
    """Replace zero atoms (..., M), which have no direction, by noise of norm one.

    Warns
    -----
    InitializationWarning
        If there are any.
    """
    zero = np.linalg.norm(atoms, axis=-1) == 0
    if zero.any():
        warn_user(
            f"{zero.sum()} initial atoms are zero and have no direction; they start as "
            "random ones.",
            InitializationWarning,
        )
        noise = random_state.standard_normal((zero.sum(), atoms.shape[-1]))
        atoms = atoms.copy()
        atoms[zero] = noise / np.sqrt(atoms.shape[-1])
    return atoms


class Subset(NamedTuple):
    """Raw samples for a start, and where there are more.

    ``rows`` is (n_subset,), which samples they are; ``X`` is (n_subset, n_features),
    finite; ``rest`` is (n_rest,), complete ones among the others, in order, if there
    are twice as many or more.
    """

    rows: np.ndarray
    X: np.ndarray
    rest: np.ndarray


def initialization_subset(samples: Samples, size: int, random_state) -> Subset:
    """At most ``size`` random raw samples, complete ones if there are enough.

    Enough is half of what is asked for; otherwise missing entries are filled with the
    mean of their feature.

    Parameters
    ----------
    samples : Samples
    size : int
    random_state : RandomState

    Returns
    -------
    Subset
        With at most 19 times as many in ``rest``, and none if entries were filled.
    """
    # Half as large as the default integers, and shuffled in place.
    dtype = np.int32 if len(samples) <= np.iinfo(np.int32).max else np.int64
    order = np.arange(len(samples), dtype=dtype)
    random_state.shuffle(order)
    growth = samples.growth()
    if growth is not None:  # Rows that are far beyond all others are no example.
        order = order[(growth == 1.0).cpu().numpy()[order]]
    size = min(size, len(order))
    most_seen = _MOST_SEEN * size
    if samples.has_missing:
        complete, empty = _complete_and_empty_rows(samples)
        if complete.sum() >= size / 2:
            order = order[complete[order]]
        else:
            order = order[~empty[order]]
            most_seen = size
    rows = order[:size]
    X, observed = samples.raw(torch.from_numpy(rows).long())
    if observed is not None:
        means = X.sum(0) / observed.sum(0).clamp(min=1.0)
        X = torch.where(observed > 0, X, means)
    rest = order[size:most_seen]
    if size + len(rest) < _LEAST_SEEN * size:
        rest = rest[:0]
    return Subset(rows, X.cpu().numpy(), np.sort(rest))


def raw_blocks(
    samples: Samples, rows: np.ndarray, block_size: int = 4096
) -> Iterator[np.ndarray]:
    """Yield raw samples, (n_block, n_features), zero where entries are missing."""
    for some in torch.from_numpy(rows).long().split(block_size):
        yield samples.raw(some).X.cpu().numpy()


def _complete_and_empty_rows(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Which samples miss nothing, and which miss everything."""
    complete = np.ones(len(samples), dtype=bool)
    empty = np.zeros(len(samples), dtype=bool)
    for index in samples.slices(4096):
        observed = samples.raw(index).observed
        if observed is not None:
            complete[index] = (observed > 0).all(dim=1).cpu().numpy()
            if samples.left_out is not None:
                observed = observed.masked_fill(samples.left_out, 0.0)
            empty[index] = (observed == 0).all(dim=1).cpu().numpy()
    return complete, empty


def batched_outputs(
    module: UnfoldedEncoder,
    samples: Samples,
    processes: Processes | None = None,
    **options,
) -> Iterator[tuple[slice, Any]]:
    """Yield the slice and the forward pass of all samples, in order.

    The batches depend on the shape of the model alone, on a GPU also on whether entries
    are missing, so that the same samples give the same numbers whoever asks. Of several
    processes each takes some of them. Options are those of the forward pass.
    """
    n_dictionaries, n_atoms, n_features = module.dictionaries.shape
    n_codes = n_dictionaries * n_atoms
    batch_size = min(_CODES_PER_BATCH // n_codes, _ENTRIES_PER_BATCH // n_features)
    if samples.device.type == "cuda" and not samples.has_missing:
        batch_size = min(
            _CODES_PER_GPU_BATCH // n_codes,
            _DECODED_PER_GPU_BATCH // (n_dictionaries * n_features),
        )
    with torch.no_grad():
        batches = in_batches("encoding", len(samples), max(16, batch_size))
        for i, index in enumerate(batches):
            if processes is not None and not processes.takes(i):
                continue
            yield index, module(*samples.batch(index), **options)


def compute_in_batches(
    module: Any,
    samples: Samples,
    function: Callable,
    output_rows: Output,
    **options,
) -> None:
    """Apply ``function`` to the output of each batch; write all to ``output_rows``.

    The function gets the slice of the samples too. Options are those of the forward
    pass.

    Raises
    ------
    ValueError
        If an output is not finite.
    """
    # Looked at once in the end, for a GPU would have to wait.
    is_finite = torch.ones((), dtype=torch.bool, device=samples.device)
    for index, output in batched_outputs(module, samples, **options):
        output_rows.write(index, function(output, index))
        is_finite &= torch.isfinite(module.loss(output))
    if not is_finite:
        raise ValueError(
            "X has samples that are too large for the fitted model, which divides X "
            f"by scale_={samples.scale:.3g}: their energies are not finite in "
            f"{str(samples.dtype).removeprefix('torch.')}."
        )


def like_input(data: Input, values: Any) -> Array:
    """Return a tensor to whoever passed one, else an array."""
    is_array = data.is_tensor or isinstance(values, np.ndarray)
    return values if is_array else values.numpy()


def mean_score(scores, sample_weight=None) -> float:
    """Weighted mean of the scores of samples, an array or a tensor.

    Raises
    ------
    ValueError
        If ``sample_weight`` does not have one number a sample.
    """
    scores = np.asarray(torch.as_tensor(scores).cpu())
    if sample_weight is not None and np.shape(sample_weight) != scores.shape:
        raise ValueError(
            f"sample_weight must have shape ({len(scores)},), one number a sample, got "
            f"{np.shape(sample_weight)}."
        )
    return float(np.average(scores, weights=sample_weight))
