"""Fit a sparse autoencoder: training, and the last pass over the samples."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from ..estimation.batches import batched_outputs
from ..estimation.fit_warnings import warn_of_unstable_encoder
from ..estimation.fitted import FittedAttributes
from ..estimation.restarts import best_of_runs, count_runs
from ..estimation.training import (
    history_arrays,
    joined_histories,
    train,
    train_one_epoch,
)
from ..functional import group_norms
from ..modules import AutoencoderOutput, DictionaryAutoencoder
from ..penalties import L1, GroupL2
from ..training import Samples, Trainer
from ..utils.device import plain_arithmetic
from ..utils.random import private_random_state
from ..utils.user_warnings import warn_user
from .parameters import AutoencoderParameters
from .start import first_dictionary, fitted_samples, scaled_samples

__all__ = [
    "FittedAutoencoder",
    "LastPass",
    "build_network",
    "fit_autoencoder",
    "partial_fit_autoencoder",
    "strongest_groups",
]


@dataclass(frozen=True)
class LastPass:
    """Fitted attributes of an autoencoder that describe the training samples."""

    labels_: np.ndarray
    loss_: float
    group_usage_: np.ndarray


@dataclass(frozen=True)
class FittedAutoencoder(FittedAttributes):
    """Fitted attributes of an autoencoder: the dictionary and its training.

    ``last`` is None if the last pass was interrupted.
    """

    last_pass_type = LastPass

    dictionary_: np.ndarray
    group_size_: int
    scale_: float
    n_parameters_: int
    history_: dict[str, np.ndarray]
    n_iter_: int
    converged_: bool
    _optimizer_state: list | None = None
    last: LastPass | None = None


def build_network(
    estimator, dictionary: Tensor, group_size: int
) -> DictionaryAutoencoder:
    """Build the network that an estimator's parameters ask for."""
    nonnegative = bool(estimator.nonnegative)
    return DictionaryAutoencoder(
        dictionary,
        loss_name=estimator.loss,
        penalty=L1(nonnegative)
        if group_size == 1
        else GroupL2(group_size, nonnegative),
        alpha=float(estimator.alpha),
        n_fista_iter=estimator.n_fista_iter,
        step_size=estimator.step_size,
        normalize_atoms=bool(estimator.normalize_atoms),
    )


def strongest_groups(output: AutoencoderOutput, group_size: int) -> Tensor:
    """Group of the largest norm of each code, (B,); -1 for codes that are zero."""
    largest, labels = group_norms(output.codes, group_size).max(dim=1)
    return torch.where(largest > 0, labels, -1)


# Whatever mode the caller has set, training needs gradients.
@plain_arithmetic
@torch.enable_grad()
def fit_autoencoder(
    estimator, parameters: AutoencoderParameters, data, *, continued: bool, context
) -> FittedAutoencoder:
    """Train autoencoders from one start or several; return the one of lowest loss.

    If ``continued``, go on from the fitted attributes.
    """
    random_state = private_random_state(estimator.random_state)
    samples = _prepare_samples(estimator, parameters, data, continued)

    def run(prefix: str) -> tuple[FittedAutoencoder, bool]:
        module = _first_network(estimator, parameters, samples, random_state, continued)
        return _run(estimator, module, samples, random_state, context, prefix)

    best = best_of_runs(run, count_runs(estimator, continued))
    _warn_of_unused_groups(best)
    return _joined(estimator, best) if continued else best


def _run(
    estimator, module: DictionaryAutoencoder, samples, random_state, context, prefix
) -> tuple[FittedAutoencoder, bool]:
    """Train a network; return the result and whether training was interrupted."""
    trainer, converged = train(
        estimator,
        module,
        samples,
        random_state,
        context=context,
        attributes=lambda t: _fitted(t, samples, converged=False).attributes(),
        prefix=prefix,
    )
    fitted = _fitted(trainer, samples, converged)
    try:
        return _with_last_pass(estimator, fitted, samples), trainer.interrupted
    except KeyboardInterrupt:
        return fitted, True


@plain_arithmetic
@torch.enable_grad()
def partial_fit_autoencoder(
    estimator, parameters: AutoencoderParameters, data
) -> tuple[FittedAutoencoder, bool]:
    """Take one epoch over a batch of samples, going on from earlier batches.

    Returns
    -------
    fitted : FittedAutoencoder
        Its labels are those of the batch.
    interrupted : bool
        Whether a KeyboardInterrupt cut the epoch short.
    """
    random_state = private_random_state(estimator.random_state)
    continued = hasattr(estimator, "dictionary_")
    samples = _prepare_samples(estimator, parameters, data, continued)
    module = _first_network(estimator, parameters, samples, random_state, continued)
    trainer, of_all_epochs = train_one_epoch(
        estimator, module, samples, random_state, continued=continued
    )
    fitted = replace(_fitted(trainer, samples, converged=False), **of_all_epochs)
    if continued:
        fitted = _joined(estimator, fitted)
    try:
        return _with_last_pass(estimator, fitted, samples), trainer.interrupted
    except KeyboardInterrupt:
        return fitted, True


def _prepare_samples(estimator, parameters, data, continued: bool) -> Samples:
    """The samples as the network takes them."""
    if continued:
        _check_same_model(estimator, parameters)
        return fitted_samples(estimator, data, parameters.device)
    return scaled_samples(parameters, data)


def _first_network(
    estimator, parameters, samples: Samples, random_state, continued: bool
) -> DictionaryAutoencoder:
    """The network to train, in single precision."""
    if continued:
        D = torch.tensor(estimator.dictionary_)
    else:
        D = first_dictionary(estimator, parameters, samples, random_state)
    D = D.to(parameters.device, torch.float32)
    module = build_network(estimator, D, parameters.group_size)
    if not continued:
        warn_of_unstable_encoder(module)
    return module


def _check_same_model(estimator, parameters: AutoencoderParameters) -> None:
    for name, fitted, wanted in (
        ("group_size", estimator.group_size_, parameters.group_size),
        (
            estimator._size_names[0],
            len(estimator.dictionary_) // estimator.group_size_,
            parameters.n_groups,
        ),
        ("scale", estimator.scale_, parameters.scale or estimator.scale_),
    ):
        if fitted != wanted:
            raise ValueError(
                f"An estimator fitted with {name}={fitted} cannot go on with "
                f"{name}={wanted}; fit a clone of it instead."
            )


def _fitted(trainer: Trainer, samples: Samples, converged) -> FittedAutoencoder:
    """The attributes that training determines, in the dtype of the data."""
    module = trainer.module
    D = module.dictionary.detach().to("cpu", samples.dtype, copy=True)
    if module.normalize_atoms:
        # In that dtype, so that the attributes are the model exactly.
        D = torch.nn.functional.normalize(D, eps=torch.finfo(D.dtype).tiny)
    return FittedAutoencoder(
        dictionary_=D.numpy(),
        group_size_=module.penalty.group_size,
        scale_=samples.scale,
        n_parameters_=D.numel(),
        history_=history_arrays(trainer),
        n_iter_=trainer.epoch,
        converged_=bool(converged),
    )


def _with_last_pass(estimator, fitted: FittedAutoencoder, samples: Samples):
    """The same with what its network, built as `predict` builds it, says of samples."""
    D = torch.tensor(fitted.dictionary_, device=samples.device)
    module = build_network(estimator, D, fitted.group_size_)
    loss = torch.zeros((), dtype=torch.float64, device=samples.device)
    n_groups = len(D) // fitted.group_size_
    n_users = torch.zeros(n_groups, dtype=torch.long, device=samples.device)
    labels = []
    for _, output in batched_outputs(module, samples):
        loss += module.loss(output).double() * len(output.codes)
        labels.append(strongest_groups(output, fitted.group_size_))
        n_users += (group_norms(output.codes, fitted.group_size_) > 0).sum(0)
    loss = float(loss) / len(samples)
    # Double precision may get through where single precision, in training, did not.
    if not loss <= torch.finfo(torch.float32).max:
        raise ValueError(_not_finite(estimator, fitted))
    last = LastPass(
        labels_=torch.cat(labels).cpu().numpy(),
        loss_=loss,
        group_usage_=n_users.cpu().numpy() / len(samples),
    )
    return replace(fitted, last=last)


def _not_finite(estimator, fitted: FittedAutoencoder) -> str:
    if estimator.step_size != "auto":
        return (
            f"The encoder diverges with step_size={estimator.step_size!r}: the loss of "
            "the samples is not finite. Use step_size='auto', or a smaller number."
        )
    return (
        "The loss of the samples is not finite with "
        f"learning_rate={estimator.learning_rate!r}, "
        f"normalize_atoms={estimator.normalize_atoms!r} and scale_={fitted.scale_!r}. "
        "Use a smaller learning_rate, normalize_atoms=True or scale='auto'."
    )


def _warn_of_unused_groups(fitted: FittedAutoencoder) -> None:
    if fitted.last is None:
        return
    usage = fitted.last.group_usage_
    n_unused = int((usage == 0).sum())
    if n_unused:
        warn_user(
            f"{n_unused} of {len(usage)} groups are used by no training sample; "
            "a smaller alpha, fewer groups or init='cluster' may help.",
            ConvergenceWarning,
        )


def _joined(estimator, fitted: FittedAutoencoder) -> FittedAutoencoder:
    """The same with the history of earlier fits before its own."""
    return replace(
        fitted, history_=joined_histories(estimator.history_, fitted.history_)
    )
