"""Typical and doubtful members of every cluster."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from ..utils.parameter_checks import check_bool, check_integer
from ..utils.validation import ArrayLike
from .members import (
    array_of,
    check_has_predict,
    check_labels,
    chosen_clusters,
    chosen_names,
    known_clusters,
    labels_and_probabilities,
    name_of,
    nearest_first,
    own_probabilities,
    ranks_of_ties,
)
from .panels import import_pyplot, strip_axis
from .samples import (
    color_limits,
    draw_sample,
    is_colored,
    limits_of,
    panel_size,
    rows,
    sample_form,
    shape_of,
)

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure, SubFigure

DOUBTFUL_COLOR = "tab:orange"
# Of a panel; and of the gap before the doubtful ones to its width.
_SCALE, _GAP = 0.75, 0.3
# In inches: between panels, around all, and of the line of a probability.
_BETWEEN, _AROUND, _LINE = 0.05, 0.06, 0.17


class ClusterDisplay:
    """A montage of clusters, one row each: typical members, then doubtful ones.

    The doubtful ones are framed, with their probabilities below. Positions in X are in
    ``indices``. It is recommended to use :meth:`from_estimator` or
    :meth:`from_predictions` to create one. All parameters are stored as attributes.

    Parameters
    ----------
    samples : ndarray of shape (n_rows, n_shown, n_features)
        The members to draw, typical ones first, then doubtful ones; NaN where entries
        are missing.
    indices : ndarray of shape (n_rows, n_shown), int
        Where each of them is in X; -1 where a cluster has no more.
    clusters : ndarray of shape (n_rows,)
        Cluster of each row.
    counts : ndarray of shape (n_rows,), int
        Number of samples of each.
    shares : ndarray of shape (n_rows,)
        Of all samples, in [0, 1].
    n_doubtful : int, default=0
        How many of the members in a row, the last ones, are the doubtful ones.
    proba : ndarray of shape (n_rows, n_shown), default=None
        Probability of each member's own cluster. None if there are none: then typical
        members are those nearest to the mean of their cluster, and doubtful ones those
        farthest from it.
    image_shape : tuple of int, default=None
        ``(height, width)`` or ``(height, width, channels)`` of samples drawn as images,
        None or ``(n_features,)`` for lines.
    n_channels : int, default=None
        Lines a sample, of signals of several channels; None is one.
    names : ndarray of str of shape (n_rows,), default=None
        What rows are called; None is "cluster 0" and so on.

    Attributes
    ----------
    figure_ : matplotlib Figure
    axes_ : ndarray of matplotlib Axes of shape (n_rows, n_shown)
        One axis a sample.

    See Also
    --------
    EmbeddingDisplay : All samples as points.
    DictionaryDisplay : What a mixture knows of each cluster.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import load_digits
    >>> from skmixmate.plotting import ClusterDisplay
    >>> digits = load_digits()
    >>> labels = KMeans(10, random_state=0).fit_predict(digits.data)
    >>> display = ClusterDisplay.from_predictions(digits.images, labels)
    >>> display.indices.shape  # of 8 typical and 3 doubtful members
    (10, 11)
    """

    def __init__(
        self,
        *,
        samples: np.ndarray,
        indices: np.ndarray,
        clusters: np.ndarray,
        counts: np.ndarray,
        shares: np.ndarray,
        n_doubtful: int = 0,
        proba: np.ndarray | None = None,
        image_shape: tuple[int, ...] | None = None,
        n_channels: int | None = None,
        names: np.ndarray | None = None,
    ) -> None:
        self.samples = samples
        self.indices = indices
        self.clusters = clusters
        self.counts = counts
        self.shares = shares
        self.n_doubtful = n_doubtful
        self.proba = proba
        self.image_shape = image_shape
        self.n_channels = n_channels
        self.names = names

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Any,
        *,
        image_shape: tuple[int, ...] | None = None,
        n_channels: int | None = None,
        n_typical: int = 8,
        n_doubtful: int = 3,
        clusters: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        names: ArrayLike | None = None,
        shared_scale: bool = False,
        cmap: "str | Colormap" = "gray_r",
        fig: "Figure | SubFigure | None" = None,
    ) -> Self:
        """Draw members of the clusters of a fitted clusterer.

        Typical members are those of the highest probability; ties go to those that the
        clusterer explains best, by `score_samples`. Doubtful ones are those whose own
        cluster has the lowest probability, the most doubtful first.

        Parameters
        ----------
        estimator : estimator
            Fitted: a clusterer of this package, a Pipeline that ends in one, a search,
            or any other with `predict_proba`, or with `predict` alone.
        X : array-like, data frame or Tensor of shape (n_samples, ...)
            What the clusterer takes; the training samples or others.
        image_shape : tuple of int, default=None
            ``(height, width)`` or ``(height, width, channels)`` to draw rows as images,
            ``(n_features,)`` to draw lines. None draws what the clusterer was fitted
            to, where it knows; images where X is (n_samples, height, width) or
            (n_samples, height, width, channels); and lines otherwise.
        n_channels : int, default=None
            Number of channels of signals, drawn as lines, where the clusterer does not
            know it.
        n_typical, n_doubtful : int, default=8, 3
            Members drawn of each cluster, at most as many as there are.
        clusters : array-like of int of shape (n_rows,), default=None
            Clusters drawn, from top to bottom. None draws all.
        mask : array-like of bool of the shape of X, default=None
            True where an entry is observed, for clusterers that take it.
        names : array-like of str of shape (n_clusters,), default=None
            Names of all clusters, once they are known.
        shared_scale : bool, default=False
            See :meth:`plot`.
        cmap : str or matplotlib Colormap, default="gray_r"
            See :meth:`plot`.
        fig : matplotlib Figure or SubFigure, default=None
            See :meth:`plot`.

        Returns
        -------
        display : ClusterDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If `estimator` is not fitted.
        TypeError, ValueError
            If a parameter does not fit, or X is not what the clusterer takes.
        ImportError
            If matplotlib is missing.
        """
        import_pyplot(f"{cls.__name__}.from_estimator")
        check_has_predict(estimator, cls.__name__)
        labels, proba = labels_and_probabilities(estimator, X, mask)
        display = cls._of(
            X,
            labels,
            proba,
            mask=mask,
            estimator=estimator,
            image_shape=image_shape,
            n_channels=n_channels,
            n_typical=n_typical,
            n_doubtful=n_doubtful,
            clusters=clusters,
            names=names,
        )
        return display.plot(shared_scale=shared_scale, cmap=cmap, fig=fig)

    @classmethod
    def from_predictions(
        cls,
        X: Any,
        labels: ArrayLike,
        *,
        proba: ArrayLike | None = None,
        image_shape: tuple[int, ...] | None = None,
        n_channels: int | None = None,
        n_typical: int = 8,
        n_doubtful: int = 3,
        clusters: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        names: ArrayLike | None = None,
        shared_scale: bool = False,
        cmap: "str | Colormap" = "gray_r",
        fig: "Figure | SubFigure | None" = None,
    ) -> Self:
        """Draw members of clusters that any clusterer has found.

        Without probabilities, typical members are those nearest to the mean of their
        cluster, and doubtful ones those farthest from it, over observed entries.

        Parameters
        ----------
        X : array-like, data frame or Tensor of shape (n_samples, ...)
            NaN marks a missing entry.
        labels : array-like of shape (n_samples,)
            Cluster of each sample, integers or strings. Negative integers, such as -1
            of HDBSCAN, are of no cluster: they are drawn only if `clusters` has them.
        proba : array-like of shape (n_samples,) or (n_samples, n_clusters), \
default=None
            Probability of the own cluster of each sample, or of all clusters: columns
            are of clusters 0, 1 and so on if labels are integers below their number,
            else of the sorted labels.
        image_shape, n_channels, n_typical, n_doubtful, clusters, mask, names
            As in :meth:`from_estimator`; what is said there of the clusterer does not
            count. `clusters` are any of the labels.
        shared_scale, cmap, fig
            See :meth:`plot`.

        Returns
        -------
        display : ClusterDisplay
            The display, drawn.

        Raises
        ------
        TypeError, ValueError
            If a parameter does not fit.
        ImportError
            If matplotlib is missing.
        """
        import_pyplot(f"{cls.__name__}.from_predictions")
        display = cls._of(
            X,
            array_of(labels),
            None if proba is None else array_of(proba),
            mask=mask,
            estimator=None,
            image_shape=image_shape,
            n_channels=n_channels,
            n_typical=n_typical,
            n_doubtful=n_doubtful,
            clusters=clusters,
            names=names,
        )
        return display.plot(shared_scale=shared_scale, cmap=cmap, fig=fig)

    @classmethod
    def _of(
        cls,
        X,
        labels,
        proba,
        *,
        mask,
        estimator,
        image_shape,
        n_channels,
        n_typical,
        n_doubtful,
        clusters,
        names,
    ) -> Self:
        n_typical = check_integer(n_typical, "n_typical", min_val=1)
        n_doubtful = check_integer(n_doubtful, "n_doubtful", min_val=0)
        shape = shape_of(X)
        check_labels(labels, shape[0])
        known = known_clusters(labels, proba, of_estimator=estimator is not None)
        own = own_probabilities(labels, proba, known)
        drawn = chosen_clusters(clusters, known, labels)
        if drawn.size == 0:
            raise ValueError(
                "All samples are in no cluster; pass clusters=[-1] to draw them."
            )
        names = chosen_names(names, known, drawn)
        members = [np.flatnonzero(labels == cluster) for cluster in drawn]
        if own is None:
            orders = [m[nearest_first(rows(X, m, mask, estimator))] for m in members]
        else:
            ranks = ranks_of_ties(estimator, X, mask, members, own, n_typical)
            orders = [m[np.lexsort((ranks[m], -own[m]))] for m in members]
        indices = np.full((len(drawn), n_typical + n_doubtful), -1)
        for row, order in zip(indices, orders, strict=True):
            typical = order[:n_typical]
            doubtful = order[n_typical:][::-1][:n_doubtful]
            row[: len(typical)] = typical
            row[n_typical : n_typical + len(doubtful)] = doubtful
        found = indices >= 0
        # One even if there are none, for the number of features.
        shown = rows(X, indices[found] if found.any() else [0], mask, estimator)
        form = sample_form(
            image_shape,
            n_channels,
            shown.shape[1],
            estimator=estimator,
            shape=shape,
        )
        samples = np.full((*indices.shape, shown.shape[1]), np.nan)
        samples[found] = shown[: found.sum()]
        counts = np.array([len(m) for m in members])
        return cls(
            samples=samples,
            indices=indices,
            clusters=drawn,
            counts=counts,
            shares=counts / len(labels),
            n_doubtful=n_doubtful,
            proba=None if own is None else np.where(found, own[indices], np.nan),
            image_shape=form.image_shape,
            n_channels=form.n_channels,
            names=names,
        )

    def plot(
        self,
        *,
        shared_scale: bool = False,
        cmap: "str | Colormap" = "gray_r",
        fig: "Figure | SubFigure | None" = None,
    ) -> Self:
        """Draw the montage.

        Images of three channels are drawn in colour, as are the first three of four;
        of other numbers of channels the mean is drawn in grey. Missing entries are
        light red.

        Parameters
        ----------
        shared_scale : bool, default=False
            Whether all samples share one scale. Otherwise each grey image and each
            signal has its own, from its lowest to its highest number. Images in colour
            always share one: from 0 to 1 if they are within (or beyond by 5 %), from 0
            to 255 if they look like bytes, else from 0, or the lowest number if there
            are negative ones, to the highest number of all.
        cmap : str or matplotlib Colormap, default="gray_r"
            Colours of grey images, from low to high; "gray" has high ones bright.
        fig : matplotlib Figure or SubFigure, default=None
            Where to draw. None makes a new figure of the size of the montage, which
            has no layout engine and no room for more.

        Returns
        -------
        display : ClusterDisplay
            The display itself, with `figure_` and `axes_`.

        Raises
        ------
        TypeError, ValueError
            If `shared_scale` is no bool, or `image_shape` does not fit the samples.
        ImportError
            If matplotlib is missing.
        """
        plt = import_pyplot(f"{type(self).__name__}.plot")
        check_bool(shared_scale, "shared_scale")
        n_rows, n_shown, n_features = self.samples.shape
        form = sample_form(self.image_shape, self.n_channels, n_features)
        n_typical = n_shown - self.n_doubtful
        gaps = [_GAP] if self.n_doubtful else []
        widths = [1.0] * n_typical + gaps + [1.0] * self.n_doubtful
        labels = [self._label(i) for i in range(n_rows)]
        is_own = fig is None
        if fig is None:
            fig = plt.figure(layout="none")
        grid = fig.add_gridspec(n_rows, len(widths), width_ratios=widths)
        places = [j for j, width in enumerate(widths) if width == 1.0]
        axes = np.array(
            [[fig.add_subplot(grid[i, j]) for j in places] for i in range(n_rows)]
        )
        limits = color_limits if is_colored(form) else limits_of
        shared = limits(self.samples) if shared_scale or is_colored(form) else None
        for i, j in np.ndindex(n_rows, n_shown):
            if self.indices[i, j] < 0:
                # Its frame alone goes: of an axis that is off, so would the label.
                strip_axis(axes[i, j], frame=False)
                continue
            sample = self.samples[i, j]
            draw_sample(axes[i, j], sample, form, cmap=cmap, limits=shared)
            if j >= n_typical:
                self._mark_as_doubtful(axes[i, j], i, j)
        titles = self._write(axes, labels, n_typical)
        if is_own:
            below = _LINE if self.n_doubtful and self.proba is not None else 0.0
            _place(fig, axes, titles, widths, panel_size(form), below)
        self.figure_ = fig
        self.axes_ = axes
        return self

    def _label(self, i) -> str:
        name = name_of(self.clusters[i]) if self.names is None else self.names[i]
        noun = "sample" if self.counts[i] == 1 else "samples"
        return f"{name}\n{self.counts[i]:,} {noun} ({100 * self.shares[i]:.1f} %)"

    def _mark_as_doubtful(self, ax, i, j) -> None:
        for spine in ax.spines.values():
            spine.set(color=DOUBTFUL_COLOR, linewidth=1.5)
        if self.proba is not None:
            ax.set_xlabel(f"p = {self.proba[i, j]:.2f}", fontsize="x-small", labelpad=1)

    def _write(self, axes, labels, n_typical) -> dict:
        """Labels of the rows; titles of columns, which are returned by their place."""
        for ax, label in zip(axes[:, 0], labels, strict=True):
            ax.set_ylabel(label, rotation=0, ha="right", va="center", fontsize="small")
        titles = "most typical", "most doubtful"
        if self.proba is None:
            titles = "nearest to the mean", "farthest"
        return {
            place: axes[0, place].set_title(title, loc="left", fontsize="small")
            for title, place in zip(titles, (0, n_typical), strict=True)
            if place < axes.shape[1]
        }


def _place(fig, axes, titles, widths, panel, below: float) -> None:
    """Give a figure its size, and its axes their places.

    Of hundreds of axes, a layout engine takes longer than all else.
    """
    width, height = (_SCALE * size for size in panel)
    sizes = [ax.yaxis.label.get_window_extent().size for ax in axes[:, 0]]
    label_width, label_height = np.max(sizes, axis=0) / fig.dpi
    pitch = max(height, label_height + _BETWEEN - below) + below
    starts = np.cumsum([0.0, *widths[:-1]])[np.array(widths) == 1.0]
    lefts = 2 * _AROUND + label_width + width * starts
    right, top = lefts[-1] + width, 0.0
    for place, title in titles.items():
        title_width, title_height = title.get_window_extent().size / fig.dpi
        right, top = max(right, lefts[place] + title_width), max(top, title_height)
    right, top = right + _AROUND, top + 3 * _AROUND
    total = top + pitch * len(axes) + _AROUND
    fig.set_size_inches(right, total)
    for (i, j), ax in np.ndenumerate(axes):
        bottom = total - top - pitch * (i + 1) + below
        bottom += (pitch - below - height) / 2
        size = (width - _BETWEEN) / right, (height - _BETWEEN) / total
        ax.set_position((lefts[j] / right, bottom / total, *size))
