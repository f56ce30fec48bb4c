"""Fit a mixture of dictionaries: restarts, training, and the last pass."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from ..estimation.fit_warnings import (
    warn_of_empty_clusters,
    warn_of_unstable_encoder,
)
from ..estimation.fitted import FittedAttributes
from ..estimation.restarts import best_of_runs, count_runs
from ..estimation.training import (
    history_arrays,
    joined_histories,
    train,
    train_one_epoch,
    trained_parameters,
)
from ..modules import DictionaryMixture
from ..training import Trainer
from ..utils.device import plain_arithmetic
from ..utils.random import private_random_state
from .fitted import build_network, fitted_network
from .last_pass import LastPass, last_pass
from .parameters import MixtureParameters
from .start import MixtureStart, draw_start, prepare_samples

__all__ = ["FittedMixture", "fit_mixture", "partial_fit_mixture"]

# Below it, a cluster does not learn from a sample; see `DictionaryMixture`.
_MIN_RESPONSIBILITY = 1e-5


@dataclass(frozen=True)
class FittedMixture(FittedAttributes):
    """Fitted attributes of `MixMateClustering`: the parameters and their training.

    ``last`` is None if the last pass was interrupted.
    """

    last_pass_type = LastPass

    dictionaries_: np.ndarray
    intercepts_: np.ndarray | None
    weights_: np.ndarray
    center_: np.ndarray | None
    scale_: float
    intercept_scaling_: float | None
    n_parameters_: int
    history_: dict[str, np.ndarray]
    n_iter_: int
    converged_: bool
    _optimizer_state: list | None = None
    last: LastPass | None = None


# Whatever mode the caller has set, training needs gradients.
@plain_arithmetic
@torch.enable_grad()
def fit_mixture(estimator, parameters: MixtureParameters, data, *, continued, context):
    """Fit mixtures from one start or several; return the one with the lowest loss.

    Parameters
    ----------
    estimator : MixMateClustering
        Read for its parameters and, if ``continued``, its fitted attributes.
    parameters : MixtureParameters
    data : Input
    continued : bool
        Whether to go on from the fitted attributes.
    context : callback context of scikit-learn

    Returns
    -------
    FittedMixture
    """
    random_state = private_random_state(estimator.random_state)
    samples = prepare_samples(estimator, parameters, data, continued)

    def run(prefix: str) -> tuple[FittedMixture, bool]:
        start = draw_start(estimator, parameters, samples, random_state, continued)
        return _run(estimator, parameters, start, random_state, context, prefix)

    best = best_of_runs(run, count_runs(estimator, continued))
    warn_of_empty_clusters(best)
    if continued:
        best = replace(
            best, history_=joined_histories(estimator.history_, best.history_)
        )
    return best


def _run(estimator, parameters, start, random_state, context, prefix):
    """Train from one start; return the result and whether it was interrupted."""
    module = _network(estimator, parameters, start)
    warn_of_unstable_encoder(module)
    trainer, converged = train(
        estimator,
        module,
        start.samples,
        random_state,
        context=context,
        attributes=lambda t: _fitted(start, t, converged=False).attributes(),
        prefix=prefix,
    )
    fitted = _fitted(start, trainer, converged)
    try:
        return _with_last_pass(estimator, fitted, start), trainer.interrupted
    except KeyboardInterrupt:
        return fitted, True


@plain_arithmetic
@torch.enable_grad()
def partial_fit_mixture(estimator, parameters: MixtureParameters, data):
    """Take one epoch over a batch of samples, going on from earlier batches.

    Returns
    -------
    fitted : FittedMixture
        Its labels are those of the batch.
    interrupted : bool
        Whether a KeyboardInterrupt cut the epoch short.
    """
    random_state = private_random_state(estimator.random_state)
    continued = hasattr(estimator, "dictionaries_")
    samples = prepare_samples(estimator, parameters, data, continued)
    start = draw_start(estimator, parameters, samples, random_state, continued)
    module = _network(estimator, parameters, start)
    if not continued:
        warn_of_unstable_encoder(module)
    trainer, of_all_epochs = train_one_epoch(
        estimator, module, samples, random_state, continued=continued
    )
    fitted = replace(_fitted(start, trainer, converged=False), **of_all_epochs)
    if continued:
        fitted = replace(
            fitted, history_=joined_histories(estimator.history_, fitted.history_)
        )
    try:
        fitted = _with_last_pass(estimator, fitted, start)
    except KeyboardInterrupt:
        return fitted, True
    if continued and hasattr(estimator, "cluster_sizes_"):
        fitted = replace(fitted, last=fitted.last.joined(estimator))
    return fitted, trainer.interrupted


def _network(estimator, parameters, start: MixtureStart) -> DictionaryMixture:
    """The network to train, in single precision."""
    D, weights = (
        None if values is None else values.to(parameters.device, torch.float32)
        for values in (start.dictionaries, start.weights)
    )
    return build_network(
        estimator,
        D,
        weights,
        fit_weights=bool(estimator.fit_weights),
        min_responsibility=_MIN_RESPONSIBILITY,
    )


def _fitted(start: MixtureStart, trainer: Trainer, converged) -> FittedMixture:
    """The attributes that training determines, in the dtype of the data."""
    module, dtype = trainer.module, start.samples.dtype
    # Normalised in that dtype, so that the attributes are the model exactly.
    D = module.dictionaries.detach().to("cpu", dtype, copy=True)
    D = torch.nn.functional.normalize(D, dim=-1, eps=torch.finfo(dtype).tiny).numpy()
    logits = module.weight_logits.detach().to("cpu", dtype)
    has_intercept = start.samples.intercept_scaling is not None
    center = start.samples.center
    return FittedMixture(
        dictionaries_=np.ascontiguousarray(D[:, :, :-1]) if has_intercept else D,
        intercepts_=np.ascontiguousarray(D[:, :, -1]) if has_intercept else None,
        weights_=torch.softmax(logits, dim=0).numpy(),
        center_=None if center is None else center.to("cpu", dtype).numpy(),
        scale_=start.samples.scale,
        intercept_scaling_=start.samples.intercept_scaling,
        n_parameters_=sum(p.numel() for p in trained_parameters(module)),
        history_=history_arrays(trainer),
        n_iter_=trainer.epoch,
        converged_=bool(converged),
    )


def _with_last_pass(estimator, fitted: FittedMixture, start) -> FittedMixture:
    module = fitted_network(fitted, estimator, start.samples.device)
    return replace(fitted, last=last_pass(module, start.samples))
