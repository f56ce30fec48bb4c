"""How well clusters are found again against their number."""

from typing import TYPE_CHECKING, Any, Self

from ..model_selection import NumberOfClusters, choose_n_clusters
from ..utils.random import RandomState
from ..utils.validation import ArrayLike
from .panels import import_pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CHOSEN_COLOR = "0.6"


class NumberOfClustersDisplay:
    """Scores of numbers of clusters, and which one is chosen.

    A line with error bars for the mean over clusters, one for the cluster that is
    found again worst, and a grey line at the number chosen. It is recommended to use
    :meth:`from_estimator` to create one.

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
    >>> from skmixmate.plotting import NumberOfClustersDisplay
    >>> X, _ = make_blobs(300, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    >>> choice = choose_n_clusters(KMeans(), X, range(2, 7), random_state=0)
    >>> display = NumberOfClustersDisplay(choice)  # then display.plot()
    """

    def __init__(self, choice: NumberOfClusters) -> None:
        self.choice = choice

    @classmethod
    def from_estimator(
        cls,
        clusterer: Any,
        X: ArrayLike,
        *,
        random_state: RandomState = None,
        ax: "Axes | None" = None,
        **options: Any,
    ) -> Self:
        """Choose a number of clusters and draw why.

        Parameters
        ----------
        clusterer, X, random_state
            As `skmixmate.model_selection.choose_n_clusters` takes them.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.
        **options
            Others of that function.

        Returns
        -------
        NumberOfClustersDisplay

        Raises
        ------
        ImportError
            If matplotlib is missing.
        TypeError, ValueError
            As that function.
        """
        import_pyplot(cls.__name__)
        choice = choose_n_clusters(clusterer, X, random_state=random_state, **options)
        return cls(choice).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> Self:
        """Draw the scores.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        NumberOfClustersDisplay
            Itself.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        plt = import_pyplot(type(self).__name__)
        if ax is None:
            _, ax = plt.subplots(figsize=(5.0, 3.2), layout="constrained")
        choice = self.choice
        ax.axvline(choice.n_clusters, color=CHOSEN_COLOR, linewidth=1.0)
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
            ylabel="Found again in halves",
            ylim=(0.0, 1.05),
        )
        ax.legend(frameon=False, loc="lower left")
        self.ax_, self.figure_ = ax, ax.figure
        return self
