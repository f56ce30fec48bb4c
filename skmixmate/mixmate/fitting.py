"""Fit a mixture of dictionaries: restarts, training, and the last pass."""

import warnings
from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from ..modules import DictionaryMixture
from ..training import (
    Callback,
    DeadAtomReseeding,
    EarlyStopping,
    PrintProgress,
    Samples,
    Trainer,
)
from ..training.optimizer_state import load_optimizer_state, optimizer_state
from ..utils.random import private_random_state, torch_generator
from .inference import assigned_codes, batched_outputs, fitted_network
from .parameters import MixtureParameters
from .start import MixtureStart, draw_start

__all__ = ["FittedMixture", "fit_mixture", "partial_fit_mixture"]


@dataclass(frozen=True)
class FittedMixture:
    """The fitted attributes of `MixMateClustering`, which documents them."""

    dictionaries_: np.ndarray
    intercepts_: np.ndarray | None
    weights_: np.ndarray
    scale_: float
    intercept_scaling_: float | None
    n_parameters_: int
    history_: dict[str, np.ndarray]
    n_iter_: int
    converged_: bool
    labels_: np.ndarray | None = None
    loss_: float = float("inf")
    atom_usage_: np.ndarray | None = None
    code_means_: np.ndarray | None = None
    code_covariances_: np.ndarray | None = None
    _optimizer_state: list | None = None

    def store(self, estimator) -> None:
        """Set every attribute on the estimator."""
        for name, value in vars(self).items():
            setattr(estimator, name, value)


def fit_mixture(estimator, parameters: MixtureParameters, data, *, continued, context):
    """Fit ``estimator.n_init`` mixtures and return the one with the lowest loss.

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
    has_one_start = continued or hasattr(estimator.init, "__array__")
    n_runs = 1 if has_one_start else estimator.n_init
    best, interrupted = None, False
    for run in range(n_runs):
        prefix = f"run {run + 1}/{n_runs}, " if n_runs > 1 else ""
        try:
            start = draw_start(estimator, parameters, data, random_state, continued)
            fitted, interrupted = _run(
                estimator, parameters, start, random_state, context, prefix
            )
        except KeyboardInterrupt:
            if best is None:
                raise
            interrupted = True
        else:
            if best is None or fitted.loss_ < best.loss_:
                best = fitted
        if interrupted:
            warnings.warn(
                f"Fitting was interrupted in run {run + 1} of {n_runs}; the estimator "
                f"keeps the best that it had learned, after {best.n_iter_} epochs.",
                RuntimeWarning,
                stacklevel=4,
            )
            break
    _warn_of_empty_clusters(best)
    if continued:
        best = replace(best, history_=_joined(estimator.history_, best.history_))
    return best


def _run(estimator, parameters, start, random_state, context, prefix):
    """Train from one start; return the result and whether it was interrupted."""
    module = _network(estimator, parameters, start)
    early_stopping = EarlyStopping(estimator.tol, estimator.n_iter_no_change)
    callbacks = [
        early_stopping,
        _ContextCallback(context, estimator, start),
        DeadAtomReseeding(),
    ]
    if estimator.verbose:
        callbacks.append(PrintProgress(prefix))
    trainer = _trainer(estimator, module, start.samples, random_state, callbacks)
    trainer.run()
    fitted = _fitted(module, start, trainer, early_stopping.converged)
    return _with_last_pass(estimator, fitted, start), trainer.interrupted


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
    start = draw_start(estimator, parameters, data, random_state, continued)
    module = _network(estimator, parameters, start)
    trainer = _trainer(estimator, module, start.samples, random_state, (), max_iter=1)
    if continued:
        load_optimizer_state(trainer.optimizer, estimator._optimizer_state)
    trainer.run()
    fitted = _fitted(module, start, trainer, converged=False)
    fitted = replace(fitted, _optimizer_state=optimizer_state(trainer.optimizer))
    if continued:
        fitted = replace(
            fitted,
            history_=_joined(estimator.history_, fitted.history_),
            n_iter_=estimator.n_iter_ + fitted.n_iter_,
        )
    return _with_last_pass(estimator, fitted, start), trainer.interrupted


def _network(estimator, parameters, start: MixtureStart) -> DictionaryMixture:
    """The network to train, in single precision."""
    return DictionaryMixture(
        start.dictionaries.to(parameters.device, torch.float32),
        weights=None
        if start.weights is None
        else (start.weights.to(parameters.device, torch.float32)),
        penalty=parameters.penalty,
        alpha=float(estimator.alpha),
        n_fista_iter=estimator.n_fista_iter,
        step_size=parameters.step_size,
        fit_weights=bool(estimator.fit_weights),
    )


def _trainer(
    estimator, module, samples: Samples, random_state, callbacks, max_iter=None
) -> Trainer:
    trained = [p for p in module.parameters() if p.requires_grad]
    return Trainer(
        module,
        torch.optim.Adam(
            trained,
            lr=float(estimator.learning_rate),
            eps=float(estimator.epsilon),
            fused=True,
        ),
        samples.with_dtype(torch.float32),
        max_iter=estimator.max_iter if max_iter is None else max_iter,
        batch_size=estimator.batch_size,
        generator=torch_generator(random_state),
        callbacks=callbacks,
    )


def _fitted(module, start: MixtureStart, trainer: Trainer, converged) -> FittedMixture:
    """The attributes that training determines, in the dtype of the data."""
    dtype = start.samples.dtype
    # Normalised in that dtype, so that the attributes are the model exactly.
    D = module.dictionaries.detach().to("cpu", dtype, copy=True)
    D = torch.nn.functional.normalize(D, dim=-1, eps=torch.finfo(dtype).tiny).numpy()
    logits = module.weight_logits.detach().to("cpu", dtype)
    has_intercept = start.samples.intercept_scaling is not None
    return FittedMixture(
        dictionaries_=np.ascontiguousarray(D[:, :, :-1]) if has_intercept else D,
        intercepts_=np.ascontiguousarray(D[:, :, -1]) if has_intercept else None,
        weights_=torch.softmax(logits, dim=0).numpy(),
        scale_=start.samples.scale,
        intercept_scaling_=start.samples.intercept_scaling,
        n_parameters_=sum(p.numel() for p in module.parameters() if p.requires_grad),
        history_={name: np.array(v) for name, v in trainer.history.items()},
        n_iter_=trainer.epoch,
        converged_=bool(converged),
    )


def _with_last_pass(estimator, fitted: FittedMixture, start) -> FittedMixture:
    """Add what a last pass over the training samples tells."""
    # From the stored attributes, as `predict` does: labels_ and predict agree bit by
    # bit.
    module = fitted_network(fitted, estimator, start.samples.device)
    n_clusters, n_atoms, _ = module.dictionaries.shape
    D = module.dictionaries
    loss = torch.zeros((), dtype=torch.float64, device=D.device)
    counts = D.new_zeros(n_clusters)
    usage, sums = D.new_zeros(n_clusters, n_atoms), D.new_zeros(n_clusters, n_atoms)
    products = D.new_zeros(n_clusters, n_atoms, n_atoms)
    labels = []
    for _, _, output in batched_outputs(module, start.samples):
        loss += module.loss(output).double() * len(output.energies)
        label = output.energies.argmin(dim=1)
        labels.append(label)
        codes = assigned_codes(output)
        one_hot = torch.nn.functional.one_hot(label, n_clusters).to(D.dtype)
        counts += one_hot.sum(0)
        usage += one_hot.T @ codes.abs()
        sums += one_hot.T @ codes
        for cluster in range(n_clusters):
            members = codes[label == cluster]
            products[cluster] += members.T @ members
    loss = float(loss) / len(start.samples)
    # Double precision may get through where single precision, in training, did not.
    if not loss <= torch.finfo(torch.float32).max:
        raise ValueError(
            f"The encoder diverges with step_size={estimator.step_size!r}; use "
            "step_size='auto' or a smaller number."
        )
    counts = counts.clamp(min=1.0)
    means = sums / counts[:, None]
    covariances = products / counts[:, None, None] - means[:, :, None] * means[:, None]
    return replace(
        fitted,
        labels_=torch.cat(labels).cpu().numpy(),
        loss_=loss,
        atom_usage_=(usage / counts[:, None]).cpu().numpy(),
        code_means_=means.cpu().numpy(),
        code_covariances_=covariances.cpu().numpy(),
    )


def _joined(first: dict, second: dict) -> dict[str, np.ndarray]:
    return {name: np.concatenate([first[name], second[name]]) for name in second}


def _warn_of_empty_clusters(fitted: FittedMixture) -> None:
    n_clusters = len(fitted.weights_)
    n_found = len(np.unique(fitted.labels_))
    if n_found < n_clusters:
        warnings.warn(
            f"{n_clusters - n_found} of {n_clusters} clusters are empty; the data may "
            "have fewer clusters than n_clusters, or many duplicates.",
            ConvergenceWarning,
            stacklevel=5,
        )


class _ContextCallback(Callback):
    """Tell scikit-learn's callbacks about epochs."""

    def __init__(self, context, estimator, start: MixtureStart):
        self.parent = context
        self.estimator = estimator
        self.start = start

    def on_train_begin(self, trainer) -> None:
        self.run = self.parent.subcontext(
            task_name="run", max_subtasks=trainer.max_iter
        ).call_on_fit_task_begin(estimator=self.estimator)

    def on_epoch_begin(self, trainer) -> None:
        self.epoch = self.run.subcontext(task_name="epoch").call_on_fit_task_begin(
            estimator=self.estimator
        )

    def on_epoch_end(self, trainer) -> bool:
        def attributes():
            return vars(_fitted(trainer.module, self.start, trainer, False))

        return self.epoch.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes=attributes
        )

    def on_train_end(self, trainer) -> None:
        if hasattr(self, "run"):  # An interrupt may come before `on_train_begin`.
            self.run.call_on_fit_task_end(estimator=self.estimator)
