"""How well clusters are found again against their number."""

from typing import TYPE_CHECKING, Any, Self

from sklearn.utils.validation import check_is_fitted

from ..model_selection import NumberOfClusters, choose_n_clusters
from ..utils.random import RandomState
from ..utils.validation import ArrayLike
from .panels import import_pyplot
from .samples import final_estimator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHOSEN_COLOR = "0.6"


class StabilityDisplay:
    """Stability of clusters against their number, and which number is chosen.

    A line with error bars for the mean over clusters, one for the cluster that is
    found again worst, and a grey line at the number chosen. It is recommended to use
    :meth:`from_estimator` to create one. All parameters are stored as attributes.

    Parameters
    ----------
    choice : NumberOfClusters
        What `skmixmate.model_selection.choose_n_clusters` found, or
        ``n_clusters_choice_`` of a ready-made clusterer.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import make_blobs
    >>> from skmixmate.model_selection import choose_n_clusters
    >>> from skmixmate.plotting import StabilityDisplay
    >>> X, _ = make_blobs(300, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    >>> choice = choose_n_clusters(KMeans(), X, range(2, 7), random_state=0)
    >>> display = StabilityDisplay(choice)  # then display.plot()
    """

    def __init__(self, choice: NumberOfClusters) -> None:
        self.choice = choice

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike | None = None,
        *,
        random_state: RandomState = None,
        ax: "Axes | None" = None,
        **options: Any,
    ) -> Self:
        """Draw why a number of clusters is chosen.

        Parameters
        ----------
        estimator : clusterer
            A ready-made clusterer that was fitted with ``n_clusters="auto"``, a
            Pipeline that ends in one or a search; or, with X, what
            `skmixmate.model_selection.choose_n_clusters` takes.
        X : array-like of shape (n_samples, n_features), default=None
            Samples to choose a number for. None takes the choice that the fit of
            `estimator` has made.
        random_state : int, RandomState instance or None, default=None
            As that function takes it.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **options
            Others of that function.

        Returns
        -------
        display : StabilityDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If X is None and `estimator` is not fitted.
        ImportError
            If matplotlib is missing.
        TypeError, ValueError
            As that function, or if X is None and `estimator` has made no choice.
        """
        import_pyplot(f"{cls.__name__}.from_estimator")
        if X is not None:
            choice = choose_n_clusters(
                estimator, X, random_state=random_state, **options
            )
        else:
            choice = _choice_of(estimator)
        return cls(choice).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> Self:
        """Draw the scores.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : StabilityDisplay
            The display itself, with `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        plt = import_pyplot(f"{type(self).__name__}.plot")
        if ax is None:
            _, ax = plt.subplots(figsize=(5.0, 3.2), layout="constrained")
        choice = self.choice
        ax.axvline(
            choice.n_clusters,
            color=CHOSEN_COLOR,
            linewidth=1.0,
            label=f"chosen: {choice.n_clusters}",
        )
        ax.errorbar(
            choice.candidates,
            choice.scores,
            choice.errors,
            marker="o",
            markersize=4,
            capsize=2,
            label="mean of the clusters",
        )
        ax.plot(
            choice.candidates,
            choice.weakest,
            marker="o",
            markersize=4,
            linestyle=":",
            label="weakest cluster",
        )
        ax.set(
            xlabel="Number of clusters",
            ylabel="Stability: found again in halves",
            ylim=(0.0, 1.05),
        )
        # Above: nothing is free of lines for all choices.
        ax.legend(
            frameon=False,
            ncols=3,
            fontsize="small",
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
        )
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _choice_of(estimator) -> NumberOfClusters:
    """The choice that a fit has made."""
    last = final_estimator(estimator)
    choice = getattr(last, "n_clusters_choice_", None)
    if choice is not None:
        return choice
    if hasattr(last, "fit"):
        check_is_fitted(last)
    raise ValueError(
        f"{type(last).__name__} has chosen no number of clusters; pass X to choose "
        "one, or a ready-made clusterer that was fitted with n_clusters='auto'."
    )
