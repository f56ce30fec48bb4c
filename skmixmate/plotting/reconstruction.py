"""What every cluster makes of a sample, and which one is chosen."""

from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.base import BaseEstimator

from ..inspection import as_seen_by, fitted_mixture
from ..utils.validation import ArrayLike, mask_array, with_nan
from .members import array_of, chosen_clusters
from .panels import import_pyplot, strip_axis
from .samples import (
    color_limits,
    draw_sample,
    is_colored,
    limits_of,
    panel_size,
    sample_form,
)

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure, SubFigure

MAX_SAMPLES = 10
CHOSEN_COLOR = "red"
CODE_COLOR = "tab:green"


class ReconstructionDisplay:
    """Samples, their reconstruction by every cluster, and the sparse codes.

    Each sample takes two rows: the input and its reconstructions by the clusters, and
    below each reconstruction the code that made it, how much of each atom. Above it are
    its error, the mean squared one over observed entries, and how many parts are used,
    nonzero entries of the code. The cluster that the estimator chooses, if it is among
    them, is framed in red. Missing entries of the input are light red.

    It is recommended to use :meth:`from_estimator` to create one. All parameters
    are stored as attributes.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The samples; entries that are not observed are never read.
    observed : ndarray of shape (n_samples, n_features), dtype=bool
        True where an entry of `X` is observed.
    reconstructions : ndarray of shape (n_samples, n_shown, n_features)
        Each sample as each cluster reconstructs it, in the unit of `X`.
    codes : ndarray of shape (n_samples, n_shown, n_atoms)
        The codes of those reconstructions.
    labels : ndarray of shape (n_samples,)
        The cluster chosen for each sample.
    clusters : ndarray of shape (n_shown,), default=None
        The clusters shown; None is 0, 1 and so on.
    image_shape : tuple of int, default=None
        ``(height, width)`` or ``(height, width, channels)`` of a sample drawn as an
        image, None or ``(n_features,)`` for lines.
    n_channels : int, default=None
        Lines a sample, of signals of several channels; None is one.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure with the reconstructions.
    axes_ : ndarray of matplotlib Axes of shape (2 * n_samples, 1 + n_shown)
        ``axes_[2 * i, 0]`` shows sample ``i``, ``axes_[2 * i, 1 + k]`` its
        reconstruction by the cluster in place ``k`` and ``axes_[2 * i + 1, 1 + k]`` the
        code.

    See Also
    --------
    DictionaryDisplay : The atoms of each cluster.

    References
    ----------
    A. Lin, A. H. Song and D. Ba, "Mixture Model Auto-Encoders: Deep Clustering
    through Dictionary Learning", ICASSP 2022, Fig. 2.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmixmate import MixMateClustering
    >>> from skmixmate.plotting import ReconstructionDisplay
    >>> digits = load_digits()
    >>> mixmate = MixMateClustering(10, init="k-means", max_iter=5, random_state=0)
    >>> display = ReconstructionDisplay.from_estimator(
    ...     mixmate.fit(digits.data), digits.images[:3]
    ... )
    >>> display.reconstructions.shape
    (3, 10, 64)
    """

    def __init__(
        self,
        *,
        X: np.ndarray,
        observed: np.ndarray,
        reconstructions: np.ndarray,
        codes: np.ndarray,
        labels: np.ndarray,
        clusters: np.ndarray | None = None,
        image_shape: tuple[int, ...] | None = None,
        n_channels: int | None = None,
    ) -> None:
        self.X = X
        self.observed = observed
        self.reconstructions = reconstructions
        self.codes = codes
        self.labels = labels
        self.clusters = clusters
        self.image_shape = image_shape
        self.n_channels = n_channels

    @property
    def mse(self) -> np.ndarray:
        """Mean squared error over the observed entries, (n_samples, n_shown)."""
        observed = self.observed[:, None, :]
        errors = np.where(observed, self.X[:, None, :] - self.reconstructions, 0)
        return (errors**2).sum(axis=-1) / observed.sum(axis=-1)

    @property
    def n_nonzero(self) -> np.ndarray:
        """Number of nonzero code entries, (n_samples, n_shown)."""
        return np.count_nonzero(self.codes, axis=-1)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        *,
        mask: ArrayLike | None = None,
        clusters: ArrayLike | None = None,
        image_shape: tuple[int, ...] | None = None,
        n_channels: int | None = None,
        cmap: "str | Colormap | None" = "gray_r",
        fig: "Figure | SubFigure | None" = None,
    ) -> Self:
        """Draw what a fitted estimator makes of one or a few samples.

        Parameters
        ----------
        estimator : estimator
            Fitted, with `dictionaries_` of shape (n_clusters, n_atoms, n_features)
            and the methods `predict`, `encode` and `reconstruct`, all of which
            take `mask`; or a NeighborVoting, or a search, with such a mixture inside.
        X : array-like of shape (n_features,) or (n_samples, n_features), or images, \
(n_samples, height, width) or (n_samples, height, width, channels)
            The sample, or up to 10 samples. NaN marks missing entries.
        mask : array-like of bool of the shape of X, default=None
            True where an entry is observed. None takes all that are not NaN.
        clusters : array-like of int of shape (n_shown,), default=None
            Clusters whose reconstructions are drawn, from left to right. None draws
            all.
        image_shape : tuple of int, default=None
            ``(height, width)`` or ``(height, width, channels)`` to draw rows as images,
            ``(n_features,)`` to draw lines. None draws images where X has their shape,
            and lines otherwise.
        n_channels : int, default=None
            Number of channels of signals, drawn as lines; None is one.
        cmap : str or matplotlib Colormap, default="gray_r"
            See :meth:`plot`.
        fig : matplotlib Figure or SubFigure, default=None
            See :meth:`plot`.

        Returns
        -------
        display : ReconstructionDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If `estimator` is not fitted.
        TypeError
            If `estimator` has no dictionaries of clusters.
        ValueError
            If `estimator` has a mixture that reconstructs features and not
            X; if the shape of `X` or `mask`, `image_shape`, or `clusters` do not fit;
            or if a sample has no observed entry, or a missing one where none is taken.
        ImportError
            If matplotlib is missing.
        """
        import_pyplot(f"{cls.__name__}.from_estimator")
        steps, last, mixture = fitted_mixture(estimator, "estimator")
        if steps:
            raise ValueError(
                "estimator must reconstruct X itself, and the mixture in this "
                f"{type(estimator).__name__} reconstructs features of X. "
                "ClusterDisplay.from_estimator draws samples of its clusters, and "
                "DictionaryDisplay.from_estimator(estimator, X) averages of those that "
                "use each atom. To draw features, pass what has them: pipeline[-1] and "
                "pipeline[:-1].transform(X), or mixmate_ and compute_features(X)."
            )
        n_clusters, _, n_features = mixture.dictionaries_.shape
        X, values, mask, observed, shape = _check_samples(X, mask, n_features)
        form = sample_form(
            image_shape, n_channels, n_features, estimator=last, shape=shape
        )
        chosen = chosen_clusters(clusters, np.arange(n_clusters))
        if not observed.any(axis=1).all():
            raise ValueError("Each sample of X must have an observed entry.")
        if last is mixture:
            labels = mixture.predict(X, mask=mask)
        elif observed.all():
            labels = last.predict(X)
        else:
            raise ValueError(
                f"{type(last).__name__} takes no missing entries in X or mask; draw "
                "its mixmate_."
            )
        X = as_seen_by(mixture, last, X)
        reconstructions, codes = (
            array_of(method(X, clusters="all", mask=mask))
            for method in (mixture.reconstruct, mixture.encode)
        )
        display = cls(
            X=values,
            observed=observed,
            reconstructions=reconstructions[:, chosen],
            codes=codes[:, chosen],
            labels=array_of(labels),
            clusters=chosen,
            image_shape=form.image_shape,
            n_channels=form.n_channels,
        )
        return display.plot(cmap=cmap, fig=fig)

    def plot(
        self,
        *,
        cmap: "str | Colormap | None" = "gray_r",
        fig: "Figure | SubFigure | None" = None,
    ) -> Self:
        """Draw the samples, reconstructions and codes.

        Images of a sample and its reconstructions share one scale, which spans the
        observed entries of the sample; in colour, 0 to 1 if they are within, or 0 to
        255 if they look like bytes. Lines share the scale that holds them all; so do
        the codes.

        Parameters
        ----------
        cmap : str or matplotlib Colormap, default="gray_r"
            Colours of grey images, from low to high.
        fig : matplotlib Figure or SubFigure, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : ReconstructionDisplay
            The display itself, with `figure_` and `axes_`.

        Raises
        ------
        ValueError
            If `image_shape` does not fit the samples.
        ImportError
            If matplotlib is missing.
        """
        plt = import_pyplot(f"{type(self).__name__}.plot")
        n_samples, n_shown, n_features = self.reconstructions.shape
        form = sample_form(self.image_shape, self.n_channels, n_features)
        width, height = panel_size(form)
        code_height = 0.4
        if fig is None:
            fig = plt.figure(
                figsize=(
                    width * (1 + n_shown),
                    (height + code_height + 0.6) * n_samples,
                ),
                layout="constrained",
            )
        axes = fig.subplots(
            2 * n_samples,
            1 + n_shown,
            squeeze=False,
            height_ratios=[height, code_height] * n_samples,
        )
        for i in range(n_samples):
            self._plot_sample(i, axes[2 * i], axes[2 * i + 1], form, cmap)
        self.figure_ = fig
        self.axes_ = axes
        return self

    def _plot_sample(self, i, top, bottom, form, cmap):
        observed = self.observed[i]
        sample = np.where(observed, self.X[i], np.nan)
        if form.image_shape is None:
            shown = np.append(sample, self.reconstructions[i])
            scale = limits_of(shown)
        else:
            scale = (color_limits if is_colored(form) else limits_of)(sample)
        draw_sample(top[0], sample, form, cmap=cmap, limits=scale)
        top[0].set_title(f"input,\nin cluster {self.labels[i]}", fontsize="small")
        if not observed.all():
            n_missing = f"{1 - observed.mean():.0%} missing"
            top[0].set_xlabel(n_missing, fontsize="small", labelpad=2)
        bottom[0].axis("off")
        label = {"color": CODE_COLOR, "fontsize": "small"}
        bottom[0].text(1, 0.5, "parts used:", ha="right", va="center", **label)

        # Zero is always in view, and codes of zeros still need a scale.
        code_limits = min(self.codes[i].min(), 0), max(self.codes[i].max(), 0) or 1.0
        clusters = range(len(top) - 1) if self.clusters is None else self.clusters
        for place, cluster in enumerate(clusters):
            ax, code_ax = top[1 + place], bottom[1 + place]
            draw_sample(
                ax,
                self.reconstructions[i, place],
                form,
                cmap=cmap,
                limits=scale,
                behind=sample,
            )
            n_parts = self.n_nonzero[i, place]
            noun = "part" if n_parts == 1 else "parts"
            error = f"{self.mse[i, place]:.2g}"
            title = f"cluster {cluster}\nerror {error}\n{n_parts} {noun}"
            if cluster == self.labels[i]:
                ax.set_title(title, fontsize="small", color=CHOSEN_COLOR, weight="bold")
                for spine in ax.spines.values():
                    spine.set(color=CHOSEN_COLOR, linewidth=2.5)
            else:
                ax.set_title(title, fontsize="small")
            _draw_code(code_ax, self.codes[i, place], code_limits)


def _check_samples(X, mask, n_features):
    """X and mask in two dimensions, values of X, where both say observed, its shape."""
    values = np.asarray(with_nan(X))
    given = values.shape
    if values.dtype.kind != "f":
        values = values.astype(np.float64)
    is_image = values.ndim == 2 and values.size == n_features and min(given) > 1
    shape = (1, *given) if values.ndim < 2 or is_image else given
    if len(shape) != 2 or given != shape:
        X = values = values.reshape(shape[0], -1)
    if values.shape[1] != n_features:
        raise ValueError(
            f"X has shape {given}, but must be one sample of shape ({n_features},), "
            f"samples of shape (n_samples, {n_features}), or images of as many pixels."
        )
    if not 1 <= values.shape[0] <= MAX_SAMPLES:
        raise ValueError(
            f"X has {values.shape[0]} samples, but 1 to {MAX_SAMPLES} can be drawn. "
            f"Pass some of them, as in X[:{MAX_SAMPLES}]."
        )
    observed = ~np.isnan(values)
    if mask is not None:
        is_open = mask_array(mask)
        if is_open.dtype != bool or is_open.shape not in (given, shape):
            raise ValueError(
                f"mask has shape {is_open.shape} and dtype {is_open.dtype}, but must "
                f"be boolean and of the shape of X, {given}."
            )
        is_row = is_open.shape == values.shape
        is_open = is_open.reshape(values.shape)
        observed &= is_open
        # A data frame stays one: the estimator compares its columns with its own.
        mask = mask if is_row else is_open
    return X, values, mask, observed, shape


def _draw_code(ax, code, limits):
    strip_axis(ax, frame=False)
    positions = np.arange(code.size)
    used = code != 0
    ax.axhline(0, color="0.8", linewidth=0.6)
    ax.vlines(positions[used], 0, code[used], color=CODE_COLOR, linewidth=1.2)
    ax.set_xlim(-0.5, code.size - 0.5)
    low, high = limits
    margin = 0.05 * (high - low)
    ax.set_ylim(low - margin, high + margin)
