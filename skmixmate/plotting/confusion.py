"""Clusters against known classes."""

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.base import BaseEstimator
from sklearn.metrics.cluster import contingency_matrix

from ..utils.parameter_checks import check_choice
from ..utils.validation import ArrayLike
from .members import array_of, check_has_predict, check_no_nan, is_noise
from .panels import import_pyplot
from .samples import predicted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

# The axes of the counts that shares are of.
_AXES = {"true": 1, "pred": 0, "all": None}
# Of a cell and what is around all of them, in inches.
_CELL, _MARGIN = 0.42, 1.3


class ConfusionDisplay:
    """How many samples of each class are in each cluster.

    Classes are rows and clusters are columns. They are matched one to one in the way
    that gets most samples right, and are in the order of the match: the framed cells,
    on the diagonal, are right. Classes and clusters that are left over come last, and
    in a column of its own what is in no cluster, of negative labels. That counts as
    wrong here.

    It is recommended to use :meth:`from_estimator` or :meth:`from_predictions` to
    create one. All parameters are stored as attributes.

    Parameters
    ----------
    counts : ndarray of shape (n_classes, n_columns), int
        Number of samples of each class in each cluster, in the order of the match.
    classes : ndarray of shape (n_classes,)
        Class of each row.
    clusters : ndarray of shape (n_columns,)
        Cluster of each column; -1 is no cluster.
    n_matched : int
        Number of pairs, which are the first rows and columns.
    class_names : ndarray of str of shape (n_classes,), default=None
        What rows are called; None is the classes themselves.
    normalize : {"true", "pred", "all"}, default=None
        See :meth:`from_predictions`.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    skmixmate.metrics.clustering_accuracy : The same number where no label is negative.
        There -1 is a cluster like any other, which may be matched to a class.
    skmixmate.metrics.clustering_scores : Other numbers for the same.

    References
    ----------
    Kuhn, "The Hungarian method for the assignment problem" (1955).

    Examples
    --------
    >>> from skmixmate.plotting import ConfusionDisplay
    >>> y = ["cat", "cat", "dog", "dog", "dog"]
    >>> display = ConfusionDisplay.from_predictions(y, [1, 1, 0, 0, 1])
    >>> display.counts
    array([[2, 0],
           [1, 2]])
    >>> display.accuracy
    0.8
    """

    def __init__(
        self,
        *,
        counts: np.ndarray,
        classes: np.ndarray,
        clusters: np.ndarray,
        n_matched: int,
        class_names: np.ndarray | None = None,
        normalize: Literal["true", "pred", "all"] | None = None,
    ) -> None:
        self.counts = counts
        self.classes = classes
        self.clusters = clusters
        self.n_matched = n_matched
        self.class_names = class_names
        self.normalize = normalize

    @property
    def accuracy(self) -> float:
        """Share of the samples that are on the diagonal, in [0, 1]."""
        right = np.diagonal(self.counts)[: self.n_matched].sum()
        return float(right / self.counts.sum())

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Any,
        y: ArrayLike,
        *,
        mask: ArrayLike | None = None,
        class_names: ArrayLike | None = None,
        normalize: Literal["true", "pred", "all"] | None = None,
        cmap: "str | Colormap" = "Blues",
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw the clusters that a fitted clusterer predicts against known classes.

        Parameters
        ----------
        estimator : estimator
            Fitted, with `predict`.
        X : array-like, data frame or Tensor of shape (n_samples, ...)
            What the clusterer takes.
        y : array-like of shape (n_samples,)
            Class of each sample.
        mask : array-like of bool of the shape of X, default=None
            True where an entry is observed, for clusterers that take it.
        class_names, normalize
            As in :meth:`from_predictions`.
        cmap, ax
            See :meth:`plot`.

        Returns
        -------
        display : ConfusionDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If `estimator` is not fitted.
        TypeError, ValueError
            If `estimator` has no `predict`, or a parameter does not fit.
        ImportError
            If matplotlib is missing.
        """
        import_pyplot(f"{cls.__name__}.from_estimator")
        check_has_predict(estimator, cls.__name__)
        return cls.from_predictions(
            y,
            predicted(estimator, "predict", X, mask),
            class_names=class_names,
            normalize=normalize,
            cmap=cmap,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        labels: ArrayLike,
        *,
        class_names: ArrayLike | None = None,
        normalize: Literal["true", "pred", "all"] | None = None,
        cmap: "str | Colormap" = "Blues",
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw the clusters of any clusterer against known classes.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Class of each sample: integers, strings or any values that can be sorted.
        labels : array-like of shape (n_samples,)
            Cluster of each sample, of any such values too. Negative integers, such as
            -1 of HDBSCAN, are of no cluster.
        class_names : array-like of str of shape (n_classes,), default=None
            Names of the classes that are in `y_true`, in the order of their values.
        normalize : {"true", "pred", "all"}, default=None
            What numbers are shares of: "true" of their class, "pred" of their cluster,
            "all" of all samples. None draws counts.
        cmap, ax
            See :meth:`plot`.

        Returns
        -------
        display : ConfusionDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If `y_true` and `labels` are not of one length and dimension, `class_names`
            does not have one for each class, or `normalize` is none of these.
        ImportError
            If matplotlib is missing.
        """
        import_pyplot(f"{cls.__name__}.from_predictions")
        if normalize is not None:
            check_choice(normalize, "normalize", _AXES)
        y_true, labels = array_of(y_true), array_of(labels)
        if labels.ndim != 1 or labels.shape != y_true.shape or labels.size == 0:
            raise ValueError(
                "y_true and labels must both have the shape (n_samples,), got "
                f"{y_true.shape} and {labels.shape}."
            )
        check_no_nan(labels)
        if is_noise(labels).any():
            labels = np.maximum(labels, -1)
        classes, rows = np.unique(y_true, return_inverse=True)
        clusters, columns = np.unique(labels, return_inverse=True)
        names = _names_of(classes, class_names)
        counts = contingency_matrix(rows, columns)
        is_cluster = ~is_noise(clusters)
        matched = linear_sum_assignment(counts[:, is_cluster], maximize=True)
        row_order = _matched_first(matched[0], np.arange(len(classes)))
        places = np.flatnonzero(is_cluster)
        column_order = _matched_first(places[matched[1]], places)
        column_order = np.append(column_order, np.flatnonzero(~is_cluster))
        display = cls(
            counts=counts[row_order][:, column_order],
            classes=classes[row_order],
            clusters=clusters[column_order],
            n_matched=len(matched[0]),
            class_names=None if names is None else names[row_order],
            normalize=normalize,
        )
        return display.plot(cmap=cmap, ax=ax)

    def plot(
        self, *, cmap: "str | Colormap" = "Blues", ax: "Axes | None" = None
    ) -> Self:
        """Draw the matrix, with the accuracy above it.

        Parameters
        ----------
        cmap : str or matplotlib Colormap, default="Blues"
            Colours from none to most; with counts too, they are of the share of the
            class, so that small classes are seen.
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : ConfusionDisplay
            The display itself, with `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        plt = import_pyplot(f"{type(self).__name__}.plot")
        rows = self.classes if self.class_names is None else self.class_names
        noise = is_noise(self.clusters)
        columns = np.where(noise, "none", self.clusters.astype(str))
        if ax is None:
            height, width = self.counts.shape
            longest = 0.08 * max(len(str(name)) for name in rows)
            size = _CELL * width + _MARGIN + longest, _CELL * height + _MARGIN
            _, ax = plt.subplots(figsize=size, layout="constrained")
        colors = _shares(self.counts, self.normalize or "true")
        image = ax.imshow(colors, cmap=cmap, vmin=0.0, vmax=max(colors.max(), 1e-9))
        self._write_numbers(ax, image)
        for place in range(self.n_matched):
            corner = place - 0.5, place - 0.5
            ax.add_patch(plt.Rectangle(corner, 1, 1, fill=False, linewidth=1.2))
        if noise.any():
            ax.axvline(np.argmax(noise) - 0.5, color="black", linewidth=1.2)
        ax.set_xticks(range(len(columns)), columns)
        ax.set_yticks(range(len(rows)), [str(name) for name in rows])
        ax.tick_params(length=0)
        ax.set(xlabel="Cluster", ylabel="Class")
        ax.set_title(f"accuracy {self.accuracy:.3f}", fontsize="medium")
        self.ax_ = ax
        self.figure_ = ax.figure
        return self

    def _write_numbers(self, ax, image) -> None:
        """Counts or shares, in black or white, where there are samples."""
        numbers = self.counts.astype(str)
        if self.normalize is not None:
            numbers = np.char.mod("%.2f", _shares(self.counts, self.normalize))
        for i, j in zip(*np.nonzero(self.counts), strict=True):
            red, green, blue, _ = image.to_rgba(image.get_array()[i, j])
            # The luma of BT.601.
            is_dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            ax.text(
                j,
                i,
                numbers[i, j],
                color="white" if is_dark else "black",
                ha="center",
                va="center",
                fontsize=8,
            )


def _names_of(classes, class_names) -> np.ndarray | None:
    if class_names is None:
        return None
    names = np.asarray(class_names, dtype=object)
    if names.shape != classes.shape:
        raise ValueError(
            f"class_names must be {len(classes)}, one for each of the classes "
            f"{classes.tolist()}, got an array of shape {names.shape}."
        )
    return names


def _matched_first(matched, all_of_them) -> np.ndarray:
    return np.append(matched, np.setdiff1d(all_of_them, matched))


def _shares(counts, normalize) -> np.ndarray:
    total = counts.sum(axis=_AXES[normalize], keepdims=True)
    return counts / np.maximum(total, 1)
