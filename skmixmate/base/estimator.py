"""Methods that the estimators over networks share."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ..distributed import Processes, active_processes
from ..persistence.checkpoints import Checkpoints
from ..utils.callers import is_called_by_user, warn_user
from ..utils.device import plain_arithmetic
from ..utils.outputs import Output
from ..utils.progress import reporting
from ..utils.validation import Array, ArrayLike, Input, validate_samples
from .checkpoints import checkpoints_of
from .fit import NetworkFit
from .parameters import NetworkParameters
from .processes import (
    CheckpointsOfFirst,
    check_alike,
    shared_parameters,
    with_shared_draws,
)
from .samples import compute_in_batches, like_input, mean_score
from .stream import learn_batch
from .training import (
    CallbackSupportMixin,
    ContextCallback,
    FittedAttributes,
    with_callbacks,
)

__all__ = ["NetworkEstimatorMixin"]


# A TransformerMixin itself: only in one does set_output wrap `fit_transform`.
class NetworkEstimatorMixin(
    ClassNamePrefixFeaturesOutMixin, CallbackSupportMixin, TransformerMixin
):
    """Fitting, and what follows from `predict`, `transform` and `score_samples`.

    Subclasses say what their parameters, their fitted attributes and the steps of their
    fit are, and name one of the attributes.
    """

    _fitted_name: str
    _parameters_type: type[NetworkParameters]
    _attributes_type: type[FittedAttributes]
    _fit_type: type[NetworkFit]

    @with_callbacks
    def fit(
        self, X: ArrayLike, y: object = None, mask: ArrayLike | None = None
    ) -> Self:
        """Fit to X.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry. 8-bit integers stay 8-bit in memory. A memory map
            in C order, of floating point numbers or 8-bit integers, is read in batches.
        y : Ignored
            Present for API consistency; scikit-learn's callbacks get it.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.

        Returns
        -------
        self : estimator
            Itself.

        Raises
        ------
        TypeError, ValueError
            If a parameter, X or mask is out of range; the message names it, what it
            got and what it accepts.
        KeyboardInterrupt
            If fitting is interrupted before there is anything to keep, or within the
            call of another function of a library, as a grid search; what was learned
            is kept all the same.

        Warns
        -----
        InitializationWarning
            If the first clusters or atoms had to be mended.
        ConvergenceWarning
            If clusters or groups are empty in the end, or ``step_size`` is too large.
        RuntimeWarning
            If fitting was interrupted, or ended because the loss was not finite.
        """
        parameters = self._parameters_type.from_estimator(self)
        processes = active_processes()
        has_callbacks = bool(getattr(self, "_skl_callbacks", None))
        if processes is not None:
            parameters = shared_parameters(
                parameters, processes, has_callbacks=has_callbacks
            )
        with reporting(type(self).__name__, parameters.verbose, "fitted"):
            continued = parameters.warm_start and self.__sklearn_is_fitted__()
            fit = self._new_fit(parameters, X, mask, continued, processes)
            context = self._init_callback_context(max_subtasks=fit.n_runs)
            training_set = {
                "X": X,
                "y": y,
                "metadata": None if mask is None else {"mask": mask},
            }
            context.call_on_fit_task_begin(estimator=self, **training_set)
            callbacks = []
            if has_callbacks:
                callbacks.append(ContextCallback(context, self, fit, training_set))
            fitted, interrupted_run = self._run(fit, callbacks)
            fitted.store(self)
            context.call_on_fit_task_end(estimator=self, **training_set)
            if interrupted_run is not None:
                # What calls this fit would go on as if nothing had been.
                if not is_called_by_user(self):
                    raise KeyboardInterrupt
                _warn_of_interrupt(fitted, interrupted_run, fit.n_runs)
            return self

    @plain_arithmetic
    def partial_fit(
        self, X: ArrayLike, y: object = None, mask: ArrayLike | None = None
    ) -> Self:
        """Learn from a batch of a stream.

        The first call is a fit to its batch. Later ones train for an epoch on their
        batch and samples of earlier ones, so that a batch of few samples or of one kind
        does not make the model forget the others. From time to time there is a new
        start, see Notes.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        y : Ignored
            Present for API consistency.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.

        Returns
        -------
        self : estimator
            Itself; what it says of training samples, as ``labels_``, is of the batch.

        Raises
        ------
        TypeError, ValueError
            As `fit`.
        KeyboardInterrupt
            If training is interrupted; what was learned is kept.

        Notes
        -----
        A reservoir keeps at most ``init_size`` samples, each of all that came with the
        same chance, as they were given; a pickled or saved estimator has it too, and
        goes on as it would have. Whenever about twice as many samples have come as at
        the last start, or fewer, down to 1.2 times as many, if their labels are others
        than before, there is a fit to the reservoir, as in the first call: scale,
        centre and atoms are found anew. It takes the place of the model that there is,
        with labels that most samples had before, if it is better: of an autoencoder, if
        its loss is lower; of a mixture, if its clusters cut clearly less of the
        reservoir's graph of neighbours, or about as much and ``criterion_`` is lower.
        The first atoms are the only start if ``init`` gives them, and so is `fit`,
        which forgets the reservoir.
        """
        if active_processes() is not None:
            raise ValueError(
                "partial_fit is not supported within process_group, whose processes "
                "share the batches of fit. Call it without, or call fit."
            )
        parameters = self._parameters_type.from_estimator(self)
        with reporting(type(self).__name__, parameters.verbose):
            data, earlier = self._checked(X, mask, self.__sklearn_is_fitted__())
            fitted, interrupted = learn_batch(self._fit_type, parameters, data, earlier)
        fitted.store(self)
        if interrupted:
            raise KeyboardInterrupt
        return self

    @plain_arithmetic
    def _new_fit(
        self, parameters, X, mask, continued: bool, processes: Processes | None = None
    ) -> NetworkFit:
        data, earlier = self._checked(X, mask, continued)
        if processes is not None:
            check_alike(self, data, processes)
        checkpoints: Checkpoints | CheckpointsOfFirst | None = None
        folder = parameters.checkpoint_dir
        if folder is not None:

            def found() -> Checkpoints:
                return checkpoints_of(self, folder, parameters.n_init, data, earlier)

            checkpoints = (
                found() if processes is None else CheckpointsOfFirst(processes, found)
            )
            if parameters.random_state is None:
                parameters = replace(parameters, random_state=checkpoints.seed)
        if processes is not None:
            parameters = with_shared_draws(parameters, processes)
        fit = self._fit_type(parameters, data, earlier)
        fit.checkpoints = checkpoints
        fit.processes = processes
        return fit

    def _checked(
        self, X, mask, continued: bool
    ) -> tuple[Input, FittedAttributes | None]:
        """The samples, and what was fitted if it is to be gone on from."""
        data = validate_samples(self, X, mask, reset=not continued)
        earlier = self._attributes_type.from_estimator(self) if continued else None
        return data, earlier

    @plain_arithmetic
    def _run(self, fit: NetworkFit, callbacks: list[ContextCallback]):
        return fit.run(callbacks)

    def fit_predict(
        self, X: ArrayLike, y: object = None, mask: ArrayLike | None = None
    ) -> Array:
        """Fit to X and return its labels.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        y : Ignored
            Present for API consistency; see `fit`.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.

        Returns
        -------
        ndarray of shape (n_samples,)
            See `predict`.

        Raises
        ------
        TypeError, ValueError
            As `fit`.
        """
        self.fit(X, y, mask=mask)
        # An interrupt may have come before there were labels.
        return self.labels_ if hasattr(self, "labels_") else self.predict(X, mask)

    def fit_transform(
        self, X: ArrayLike, y: object = None, mask: ArrayLike | None = None
    ) -> Array:
        """Fit to X and transform it.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        y : Ignored
            Present for API consistency; see `fit`.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.

        Returns
        -------
        ndarray or Tensor of shape (n_samples, n_features_out)
            See `transform`.

        Raises
        ------
        TypeError, ValueError
            As `fit`.
        """
        return self.fit(X, y, mask=mask).transform(X, mask=mask)

    def score(
        self,
        X: ArrayLike,
        y: object = None,
        sample_weight: ArrayLike | None = None,
        mask: ArrayLike | None = None,
    ) -> float:
        """Mean of `score_samples`: the higher, the better.

        Compare only models that `score_samples` says can be compared.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            NaN marks a missing entry.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the mean.
        mask : array-like or Tensor of shape (n_samples, n_features), bool, default=None
            True where observed.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If X, mask or ``sample_weight`` has a wrong shape or type.
        """
        return mean_score(self.score_samples(X, mask), sample_weight)

    def _fitted_state(self) -> tuple[Any, NetworkParameters]:
        """What was fitted, and the parameters as they are now."""
        check_is_fitted(self)
        fitted = self._attributes_type.from_estimator(self)
        fixed = fitted.fixed_parameters()
        return fitted, self._parameters_type.from_estimator(self, **fixed)

    def _validate(self, X, mask) -> Input:
        check_is_fitted(self)
        return validate_samples(self, X, mask, reset=False)

    @plain_arithmetic
    def _compute(
        self, data: Input, function: Callable, out: Any = None, **options
    ) -> Any:
        """Apply ``function`` to the outputs, batch by batch, on the device of X.

        The function gets an output, and the slice of its samples. What it gives is
        returned as a tensor, or fills the array ``out``. Options are those of the
        network's forward pass.
        """
        rows = Output(out, len(data.X), data.X.device)
        fitted, parameters = self._fitted_state()
        left_out = fitted.left_out(data)
        network = fitted.network(parameters, left_out)
        samples = fitted.samples(data, parameters.device, left_out)
        with reporting(type(self).__name__, parameters.verbose):
            compute_in_batches(network, samples, function, rows, **options)
        return rows.result()

    def _map(self, X, mask, function: Callable, out: Any = None, **options):
        """Validate, compute and return what the user gave: an array or a tensor."""
        data = self._validate(X, mask)
        found = self._compute(data, lambda output, _: function(output), out, **options)
        return like_input(data, found)

    def __sklearn_is_fitted__(self):
        """Whether there is a model; ``n_features_in_`` may be left of a failed fit."""
        return hasattr(self, self._fitted_name)

    def __sklearn_tags__(self):
        """Tell scikit-learn that NaN is welcome and what dtypes come back."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _warn_of_interrupt(fitted: FittedAttributes, run: int, n_runs: int) -> None:
    """Say what is kept of an interrupted fit."""
    where = f" in run {run + 1} of {n_runs}" if n_runs > 1 else ""
    message = (
        f"Fitting was interrupted{where}; the estimator keeps the best that it had "
        f"learned, after {fitted.n_iter_} epochs."
    )
    if fitted.last is None:
        message += " There are no labels_ of the training samples; use predict."
    warn_user(message, RuntimeWarning)
