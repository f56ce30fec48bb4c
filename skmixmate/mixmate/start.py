"""Where a run of training starts: scaled samples and first dictionaries."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..estimation.scaling import check_size, resolve_scale
from ..estimation.subset import initialization_subset, is_array, without_zero_atoms
from ..initializers import dictionaries_from_labels, initial_labels
from ..training import Samples
from ..utils.validation import Input
from .fitted import fitted_network, fitted_samples
from .parameters import (
    SCALED_SQUARED_NORM,
    MixtureParameters,
    auto_n_atoms,
)

__all__ = ["MixtureStart", "draw_start", "prepare_samples"]

# Norm of the mean over root mean squared distance from it. Beyond, what samples have in
# common drowns what tells them apart; images are below (digits 1.5, MNIST 0.8).
_LARGEST_OFFSET = 3.0


@dataclass(frozen=True)
class MixtureStart:
    """Samples, scaled and with an intercept, and the first parameters.

    ``dictionaries`` is (K, P, M), or (K, P, M + 1) with an intercept; ``weights`` is
    (K,) or None for equal ones.
    """

    samples: Samples
    dictionaries: Tensor
    weights: Tensor | None = None


def prepare_samples(
    estimator, parameters: MixtureParameters, data: Input, continued: bool
) -> Samples:
    """Return the samples as the model takes them, the same for all runs.

    Parameters
    ----------
    estimator : MixMateClustering
    parameters : MixtureParameters
    data : Input
    continued : bool
        Whether training goes on from the fitted attributes.

    Returns
    -------
    Samples

    Raises
    ------
    ValueError
        If there are fewer samples than clusters, the samples are too large or too small
        to square, or the fitted attributes do not fit the parameters.
    """
    if continued:
        _check_same_model(estimator, parameters)
        return fitted_samples(estimator, data, parameters.device)
    n_samples = len(data.X)
    if n_samples < estimator.n_clusters:
        raise ValueError(
            f"n_samples={n_samples} must be at least n_clusters={estimator.n_clusters}."
        )
    return _scaled_samples(estimator, parameters, data)


def draw_start(
    estimator,
    parameters: MixtureParameters,
    samples: Samples,
    random_state,
    continued: bool,
) -> MixtureStart:
    """Return the start of one run.

    Parameters
    ----------
    estimator : MixMateClustering
    parameters : MixtureParameters
    samples : Samples
        From `prepare_samples`.
    random_state : RandomState
    continued : bool
        Whether to start from the fitted attributes instead of ``init``.

    Returns
    -------
    MixtureStart

    Raises
    ------
    ValueError
        If an array ``init`` does not fit the parameters.
    """
    if continued:
        module = fitted_network(estimator, estimator, torch.device("cpu"))
        weights = torch.tensor(estimator.weights_, device="cpu")
        return MixtureStart(samples, module.dictionaries.detach(), weights)
    if is_array(estimator.init):
        points = _check_points(estimator.init, estimator, parameters, samples)
    else:
        points = _points_from_labels(estimator, parameters, samples, random_state)
    return MixtureStart(samples, _atoms(points, samples, random_state))


def _check_same_model(estimator, parameters: MixtureParameters) -> None:
    n_clusters, n_atoms, _ = estimator.dictionaries_.shape
    for name, fitted, wanted in (
        ("n_clusters", n_clusters, estimator.n_clusters),
        ("n_atoms", n_atoms, parameters.n_atoms or n_atoms),
        ("scale", estimator.scale_, parameters.scale or estimator.scale_),
        (
            "fit_intercept",
            estimator.intercepts_ is not None,
            bool(estimator.fit_intercept),
        ),
    ):
        if fitted != wanted:
            raise ValueError(
                f"An estimator fitted with {name}={fitted} cannot go on with "
                f"{name}={wanted}; fit a clone of it instead."
            )
    if n_atoms % parameters.penalty.group_size:
        raise ValueError(
            f"An estimator fitted with {n_atoms} atoms a cluster cannot go on with "
            f"penalty={parameters.penalty!r}, whose group_size does not divide them."
        )


def _scaled_samples(estimator, parameters, data: Input) -> Samples:
    """Samples with the centre, the scale and the intercept of the model."""
    raw = Samples(data.X, data.mask, dtype=data.dtype, device=parameters.device)
    center, mean_squared_norm = _center_and_size(raw, bool(estimator.fit_intercept))
    check_size(raw.replaced(center=center), mean_squared_norm)
    scale = resolve_scale(parameters.scale, mean_squared_norm, SCALED_SQUARED_NORM)
    intercept = (mean_squared_norm**0.5 / scale) or SCALED_SQUARED_NORM**0.5
    return raw.replaced(
        center=center,
        scale=scale,
        intercept_scaling=intercept if estimator.fit_intercept else None,
    )


def _center_and_size(raw: Samples, may_center: bool) -> tuple[Tensor | None, float]:
    """What to subtract from the samples, if anything, and what size that leaves."""
    size = raw.mean_squared_norm()
    if not may_center:
        return None, size
    center = raw.mean()
    squared_offset = float(center.square().sum())
    if squared_offset < 0.8 * size:  # Not far, and no need for another pass to tell.
        return None, size
    spread = raw.replaced(center=center, dtype=torch.float64).mean_squared_norm()
    is_far = squared_offset > _LARGEST_OFFSET**2 * spread
    return (center, spread) if is_far and spread > 0.0 else (None, size)


def _check_points(points, estimator, parameters, samples: Samples) -> np.ndarray:
    """First atoms that the user gave, in the space of X."""
    if isinstance(points, Tensor):
        points = points.detach().cpu()
    points = np.asarray(points, dtype=np.float64)
    group_size = parameters.penalty.group_size
    n_atoms = parameters.n_atoms
    expected = (estimator.n_clusters, n_atoms or "n_atoms", samples.X.shape[1])
    if (
        points.ndim != 3
        or points.shape[0] != expected[0]
        or points.shape[2] != expected[2]
        or (n_atoms is not None and points.shape[1] != n_atoms)
        or points.shape[1] == 0
        or points.shape[1] % group_size
        or not np.isfinite(points).all()
    ):
        raise ValueError(
            f"init must be a finite array of shape (n_clusters, n_atoms, n_features) = "
            f"{expected}, n_atoms a multiple of the penalty's group_size={group_size}, "
            f"got shape {points.shape}"
            f"{'' if np.isfinite(points).all() else ' with NaN or infinity'}."
        )
    return points


def _points_from_labels(estimator, parameters, samples, random_state) -> np.ndarray:
    """Members of first clusters, (n_clusters, n_atoms, n_features)."""
    X = initialization_subset(samples, estimator.init_size, random_state)
    if len(X) < estimator.n_clusters:
        raise ValueError(
            f"init_size={estimator.init_size} must be at least n_clusters="
            f"{estimator.n_clusters}."
        )
    init = estimator.init
    if callable(init) and not isinstance(init, type) and not hasattr(init, "fit"):
        found = init(X, estimator.n_clusters, random_state)
        if getattr(found, "ndim", 1) == 3:
            return _check_points(found, estimator, parameters, samples)
        labels = initial_labels(lambda *_: found, X, estimator.n_clusters, random_state)
    else:
        labels = initial_labels(init, X, estimator.n_clusters, random_state)
    n_atoms = parameters.n_atoms
    if n_atoms is None:
        n_atoms = auto_n_atoms(
            len(samples), estimator.n_clusters, parameters.penalty.group_size
        )
    return dictionaries_from_labels(
        X,
        labels,
        estimator.n_clusters,
        n_atoms,
        random_state,
        # Under "auto" the number is a rule's, not the user's: nothing to tell.
        warn=parameters.n_atoms is not None,
    )


def _atoms(points: np.ndarray, samples: Samples, random_state) -> Tensor:
    """Points in the space of X to atoms in the space of the network."""
    if samples.center is not None:
        points = points - samples.center.cpu().numpy()
    atoms = points / samples.scale
    if samples.intercept_scaling is not None:
        constant = np.full((*atoms.shape[:2], 1), samples.intercept_scaling)
        atoms = np.concatenate([atoms, constant], axis=2)
    atoms = without_zero_atoms(atoms, random_state)
    return torch.from_numpy(atoms).to(samples.dtype)
