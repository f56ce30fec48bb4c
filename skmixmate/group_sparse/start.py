"""Where the training of a sparse autoencoder starts: scaled samples, first atoms."""

import reprlib
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ..estimation.scaling import check_size, resolve_scale
from ..estimation.subset import initialization_subset, is_array, without_zero_atoms
from ..initializers import dictionaries_from_labels, initial_labels
from ..training import Samples
from ..utils.validation import Input
from .parameters import AutoencoderParameters

__all__ = ["first_dictionary", "fitted_samples", "scaled_samples"]

# Mean squared norm of a sample after scaling: with unit-norm atoms, no code of an
# ordinary sample is much larger than one, and ``alpha`` is a fraction of that.
_SCALED_SQUARED_NORM = 1.0

# Names of ``init``, and those of `initial_labels` that they stand for.
_CLUSTERERS = {"cluster": "spectral", "ssc": "ssc", "k-means": "k-means"}


def scaled_samples(parameters: AutoencoderParameters, data: Input) -> Samples:
    """Training samples as the network takes them.

    Raises
    ------
    ValueError
        If the samples are too large or too small to square.
    """
    raw = Samples(data.X, data.mask, dtype=data.dtype, device=parameters.device)
    size = raw.mean_squared_norm()
    check_size(raw, size)
    scale = resolve_scale(parameters.scale, size, _SCALED_SQUARED_NORM)
    return raw.replaced(scale=scale)


def fitted_samples(fitted, data: Input, device: torch.device) -> Samples:
    """Samples as the network of a fitted autoencoder takes them."""
    is_double = fitted.dictionary_.dtype == np.float64
    return Samples(
        data.X,
        data.mask,
        scale=fitted.scale_,
        dtype=torch.float64 if is_double else torch.float32,
        device=device,
    )


def first_dictionary(
    estimator, parameters: AutoencoderParameters, samples: Samples, random_state
) -> Tensor:
    """The first atoms in the space of the network, (n_atoms, n_features).

    Raises
    ------
    ValueError
        If ``init`` is none of what is accepted, or needs more samples than there are.

    Warns
    -----
    InitializationWarning
        If atoms are zero, or first clusters had to be mended.
    """
    shape = (parameters.n_atoms, samples.X.shape[1])
    init = estimator.init
    if is_array(init):
        points = _check_points(init, shape) / samples.scale
    elif isinstance(init, str) and init == "random":
        # Unit norm on average.
        points = random_state.standard_normal(shape) / np.sqrt(shape[1])
    else:
        X = initialization_subset(samples, estimator.init_size, random_state)
        points = _points_from_samples(
            init, X, estimator.init_size, parameters, random_state
        )
        points = _check_points(points, shape) / samples.scale
    points = without_zero_atoms(points, random_state)
    return torch.from_numpy(points).to(samples.dtype)


def _points_from_samples(
    init, X: np.ndarray, init_size: int, parameters, random_state
) -> np.ndarray:
    """Samples, or what ``init`` makes of them, (n_atoms, n_features)."""
    if isinstance(init, str) and init == "data":
        labels = np.zeros(len(X), dtype=np.intp)
        shape = (1, parameters.n_atoms)
        return dictionaries_from_labels(X, labels, *shape, random_state, warn=False)[0]
    if callable(init) and not isinstance(init, type) and not hasattr(init, "fit"):
        found = init(X, parameters.n_groups, random_state)
        if getattr(found, "ndim", 1) == 2:
            return found
        init = partial(_given, found)
    elif isinstance(init, str) and init in _CLUSTERERS:
        init = _CLUSTERERS[init]
    elif not hasattr(init, "fit_predict") or isinstance(init, type):
        names = ", ".join(map(repr, (*_CLUSTERERS, "data", "random")))
        raise ValueError(
            f"init must be one of {names}, an object with fit_predict, a callable "
            "(X, n_groups, random_state) -> labels or atoms, or an array of shape "
            f"(n_atoms, n_features), got {reprlib.repr(init)}."
        )
    if len(X) < parameters.n_groups:
        raise ValueError(
            f"init needs a sample for each of {parameters.n_groups} groups, got "
            f"n_samples={len(X)} (at most init_size={init_size}); use more, fewer "
            "groups, or init='random'."
        )
    labels = initial_labels(init, X, parameters.n_groups, random_state)
    points = dictionaries_from_labels(
        X,
        labels,
        parameters.n_groups,
        parameters.group_size,
        random_state,
        # Groups larger than the data have to be filled somehow; nothing to tell.
        warn=len(X) >= parameters.n_atoms,
    )
    return points.reshape(parameters.n_atoms, X.shape[1])


def _given(labels, X, n_clusters, random_state):
    """Labels that are there already, as an initialiser."""
    return labels


def _check_points(points, shape: tuple[int, int]) -> np.ndarray:
    """First atoms that the user gave, in the space of X."""
    if isinstance(points, Tensor):
        points = points.detach().cpu().numpy()
    points = np.array(points, dtype=np.float64)
    if points.shape != shape or not np.isfinite(points).all():
        raise ValueError(
            f"init must be a finite array of shape (n_atoms, n_features) = {shape}, "
            f"got shape {points.shape}"
            f"{'' if np.isfinite(points).all() else ' with NaN or infinity'}."
        )
    return points
