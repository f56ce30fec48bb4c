"""The loss of every epoch of a fit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from .panels import import_pyplot
from .samples import final_estimator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OTHER_COLOR = "0.7"
# Runs that a legend has room for.
MOST_NAMED = 6


class LossDisplay:
    """The loss of every epoch of a fit, a line for each run.

    The run that was kept, the first with the lowest criterion, is in front and in
    colour. It is recommended to use :meth:`from_estimator` to create one. All
    parameters are stored as attributes.

    Parameters
    ----------
    losses : sequence of ndarray of shape (n_epochs,)
        Losses of each run.
    criteria : ndarray of shape (n_runs,)
        What runs are ranked by, the lower, the better.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmixmate import MixMateClustering
    >>> from skmixmate.plotting import LossDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> mixmate = MixMateClustering(
    ...     10, init="k-means", n_init=2, max_iter=5, random_state=0
    ... )
    >>> display = LossDisplay.from_estimator(mixmate.fit(X))
    >>> [len(losses) for losses in display.losses]
    [5, 5]
    """

    def __init__(self, *, losses: Sequence[np.ndarray], criteria: np.ndarray) -> None:
        self.losses = losses
        self.criteria = criteria

    @property
    def kept(self) -> int:
        """Which run was kept, from 0."""
        return min(range(len(self.losses)), key=lambda run: self.criteria[run])

    @classmethod
    def from_estimator(
        cls, estimator: BaseEstimator, *, ax: "Axes | None" = None
    ) -> Self:
        """Draw the losses of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted: a MixMateClustering, a sparse autoencoder, what has a mixture
            inside, as NeighborVoting and the ready-made clusterers do, a Pipeline that
            ends in one of these, or a search over them.
        ax : matplotlib Axes, default=None
            See :meth:`plot`.

        Returns
        -------
        display : LossDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If `estimator` is not fitted.
        TypeError
            If `estimator` has no runs.
        ImportError
            If matplotlib is missing.
        """
        import_pyplot(f"{cls.__name__}.from_estimator")
        last = final_estimator(estimator)
        last = getattr(last, "mixmate_", last)
        if not hasattr(last, "runs_"):
            if hasattr(last, "fit"):
                check_is_fitted(last)
            raise TypeError(
                "estimator must have runs_, as a MixMateClustering, a sparse "
                "autoencoder or a ready-made clusterer of this package has, got "
                f"{estimator!r}."
            )
        display = cls(
            losses=[run.history["loss"] for run in last.runs_],
            criteria=np.array([run.criterion for run in last.runs_]),
        )
        return display.plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> Self:
        """Draw the losses.

        The legend has the criterion of the run that was kept, and of a few others.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : LossDisplay
            The display itself, with `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        plt = import_pyplot(f"{type(self).__name__}.plot")
        from matplotlib.ticker import MaxNLocator

        if ax is None:
            _, ax = plt.subplots(figsize=(5.0, 3.2), layout="constrained")
        for run, losses in enumerate(self.losses):
            is_kept = run == self.kept
            label = f"criterion {self.criteria[run]:.4g}"
            if len(self.losses) > 1:
                label = f"run {run + 1}{', kept' * is_kept}: {label}"
            ax.plot(
                np.arange(1, len(losses) + 1),
                losses,
                color="C0" if is_kept else OTHER_COLOR,
                # Of few epochs, of one above all, a line is little to see.
                marker="o" if len(losses) <= 20 else None,
                markersize=3,
                zorder=3 if is_kept else 2,
                label=label,
            )
        ax.set(xlabel="Epoch", ylabel="Loss")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        handles, labels = ax.get_legend_handles_labels()
        order = sorted(range(len(handles)), key=lambda run: run != self.kept)
        order = order[:MOST_NAMED]
        ax.legend(
            [handles[run] for run in order],
            [labels[run] for run in order],
            frameon=False,
            fontsize="small",
        )
        self.ax_ = ax
        self.figure_ = ax.figure
        return self
