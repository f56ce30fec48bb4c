"""What every cluster makes of a sample, and which one is chosen."""

from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.base import BaseEstimator

from ..inspection import as_seen_by, fitted_mixture
from ..utils.validation import ArrayLike, mask_array, with_nan
from .panels import (
    import_pyplot,
    panel_size,
    resolve_image_shape,
    strip_axis,
)

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure, SubFigure

MAX_SAMPLES = 10
CHOSEN_COLOR = "red"
CODE_COLOR = "tab:green"
MISSING_COLOR = "#f7b9b4"


class ReconstructionDisplay:
    """Samples, their reconstruction by every cluster, and the sparse codes.

    Each sample takes two rows: the input and its `n_clusters` reconstructions,
    titled (MSE, L0), and below each reconstruction the code that made it. The
    cluster that the estimator chooses is framed in red. Missing entries of the
    input are light red.

    It is recommended to use :meth:`from_estimator` to create one. All parameters
    are stored as attributes.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The samples; entries that are not observed are never read.
    observed : ndarray of shape (n_samples, n_features), dtype=bool
        True where an entry of `X` is observed.
    reconstructions : ndarray of shape (n_samples, n_clusters, n_features)
        Each sample as each cluster reconstructs it, in the unit of `X`.
    codes : ndarray of shape (n_samples, n_clusters, n_atoms)
        The codes of those reconstructions.
    labels : ndarray of shape (n_samples,)
        The cluster chosen for each sample.
    image_shape : tuple of int, default=None
        ``(height, width)`` of a sample drawn as an image, ``(n_features,)`` for
        samples drawn as lines. None guesses a square image where `n_features` is
        a perfect square, with a warning, and lines otherwise.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure with the reconstructions.
    axes_ : ndarray of matplotlib Axes of shape (2 * n_samples, 1 + n_clusters)
        ``axes_[2 * i, 0]`` shows sample ``i``, ``axes_[2 * i, 1 + k]`` its
        reconstruction by cluster ``k`` and ``axes_[2 * i + 1, 1 + k]`` the code.

    See Also
    --------
    DictionaryDisplay : The atoms of each cluster.

    References
    ----------
    A. Lin, A. H. Song and D. Ba, "Mixture Model Auto-Encoders: Deep Clustering
    through Dictionary Learning", ICASSP 2022, Fig. 2.
    """

    def __init__(
        self,
        *,
        X: np.ndarray,
        observed: np.ndarray,
        reconstructions: np.ndarray,
        codes: np.ndarray,
        labels: np.ndarray,
        image_shape: tuple[int, ...] | None = None,
    ) -> None:
        self.X = X
        self.observed = observed
        self.reconstructions = reconstructions
        self.codes = codes
        self.labels = labels
        self.image_shape = image_shape

    @property
    def mse(self) -> np.ndarray:
        """Mean squared error over the observed entries, (n_samples, n_clusters)."""
        observed = self.observed[:, None, :]
        errors = np.where(observed, self.X[:, None, :] - self.reconstructions, 0)
        return (errors**2).sum(axis=-1) / observed.sum(axis=-1)

    @property
    def n_nonzero(self) -> np.ndarray:
        """Number of nonzero code entries, (n_samples, n_clusters)."""
        return np.count_nonzero(self.codes, axis=-1)

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        *,
        mask: ArrayLike | None = None,
        image_shape: tuple[int, ...] | None = None,
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
        X : array-like of shape (n_features,) or (n_samples, n_features)
            The sample, or up to 10 samples. NaN marks missing entries.
        mask : array-like of bool of the shape of X, default=None
            True where an entry is observed. None takes all that are not NaN.
        image_shape : tuple of int, default=None
            ``(height, width)`` of a sample drawn as an image, ``(n_features,)``
            for samples drawn as lines. None guesses a square image where
            `n_features` is a perfect square, with a warning, and lines otherwise.
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
            X; if the shape of `X` or `mask`, or `image_shape`, does not fit; or if a
            sample has no observed entry, or a missing one where none is taken.
        ImportError
            If matplotlib is missing.
        """
        import_pyplot(f"{cls.__name__}.from_estimator")
        steps, last, mixture = fitted_mixture(estimator, "estimator")
        if steps:
            raise ValueError(
                "estimator must reconstruct X itself, and the mixture in this "
                f"{type(estimator).__name__} reconstructs features of X. Draw those "
                "with what has them, pipeline[-1] and pipeline[:-1].transform(X), or "
                "mixmate_ and compute_features(X), or images of its clusters by "
                "skmixmate.inspection.atom_averages."
            )
        n_features = mixture.dictionaries_.shape[-1]
        shape = resolve_image_shape(image_shape, n_features)
        X, values, mask, observed = _check_samples(X, mask, n_features)
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
        display = cls(
            X=values,
            observed=observed,
            reconstructions=mixture.reconstruct(X, clusters="all", mask=mask),
            codes=mixture.encode(X, clusters="all", mask=mask),
            labels=labels,
            image_shape=shape,
        )
        return display.plot(cmap=cmap, fig=fig)

    def plot(
        self,
        *,
        cmap: "str | Colormap | None" = "gray_r",
        fig: "Figure | SubFigure | None" = None,
    ) -> Self:
        """Draw the samples, reconstructions and codes.

        Images of a sample and its reconstructions share one colour scale, which
        spans the observed entries of the sample; lines share the scale that holds
        them all; so do the codes.

        Parameters
        ----------
        cmap : str or matplotlib Colormap, default="gray_r"
            Colours of images, from low to high.
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
        n_samples, n_clusters, n_features = self.reconstructions.shape
        shape = resolve_image_shape(self.image_shape, n_features)
        width, height = panel_size(shape)
        code_height = 0.4
        if fig is None:
            fig = plt.figure(
                figsize=(
                    width * (1 + n_clusters),
                    (height + code_height + 0.45) * n_samples,
                ),
                layout="constrained",
            )
        axes = fig.subplots(
            2 * n_samples,
            1 + n_clusters,
            squeeze=False,
            height_ratios=[height, code_height] * n_samples,
        )
        for i in range(n_samples):
            self._plot_sample(i, axes[2 * i], axes[2 * i + 1], shape, cmap)
        self.figure_ = fig
        self.axes_ = axes
        return self

    def _plot_sample(self, i, top, bottom, shape, cmap):
        observed = self.observed[i]
        sample = np.where(observed, self.X[i], np.nan)
        shown = sample[observed]
        if len(shape) == 1:
            shown = np.append(shown, self.reconstructions[i])
        scale = {"vmin": shown.min(), "vmax": shown.max()}
        _draw_sample(top[0], sample, shape, cmap, scale)
        top[0].set_title("input\n(MSE, L0):", fontsize="small")
        if not observed.all():
            n_missing = f"{1 - observed.mean():.0%} missing"
            top[0].set_xlabel(n_missing, fontsize="small", labelpad=2)
        bottom[0].axis("off")
        bottom[0].text(
            1, 0.5, "code:", color=CODE_COLOR, fontsize="small", ha="right", va="center"
        )

        # Zero is always in view, and codes of zeros still need a scale.
        code_limits = min(self.codes[i].min(), 0), max(self.codes[i].max(), 0) or 1.0
        mse, n_nonzero = self.mse[i], self.n_nonzero[i]
        for k, (ax, code_ax) in enumerate(zip(top[1:], bottom[1:], strict=True)):
            _draw_sample(
                ax, self.reconstructions[i, k], shape, cmap, scale, behind=sample
            )
            title = f"cluster {k}\n({mse[k]:.2g}, {n_nonzero[k]})"
            if k == self.labels[i]:
                ax.set_title(title, fontsize="small", color=CHOSEN_COLOR, weight="bold")
                for spine in ax.spines.values():
                    spine.set(color=CHOSEN_COLOR, linewidth=2.5)
            else:
                ax.set_title(title, fontsize="small")
            _draw_code(code_ax, self.codes[i, k], code_limits)


def _check_samples(X, mask, n_features):
    """X and mask in two dimensions, values of X, and where both say observed."""
    values = np.asarray(with_nan(X))
    given_shape = values.shape
    if values.dtype.kind != "f":
        values = values.astype(np.float64)
    if values.ndim == 1:
        X = values = values[np.newaxis]
    if values.ndim != 2 or values.shape[1] != n_features:
        raise ValueError(
            f"X has shape {given_shape}, but must be one sample of shape "
            f"({n_features},) or samples of shape (n_samples, {n_features})."
        )
    if not 1 <= values.shape[0] <= MAX_SAMPLES:
        raise ValueError(
            f"X has {values.shape[0]} samples, but 1 to {MAX_SAMPLES} can be drawn. "
            f"Pass some of them, as in X[:{MAX_SAMPLES}]."
        )
    observed = ~np.isnan(values)
    if mask is not None:
        is_open = np.atleast_2d(mask_array(mask))
        if is_open.dtype != bool or is_open.shape != values.shape:
            raise ValueError(
                f"mask has shape {is_open.shape} and dtype {is_open.dtype}, but must "
                f"be boolean and of the shape of X, {values.shape}."
            )
        observed &= is_open
        # A data frame stays one: the estimator compares its columns with its own.
        mask = mask if np.ndim(mask) == 2 else is_open
    return X, values, mask, observed


def _draw_sample(ax, sample, shape, cmap, scale, behind=None):
    strip_axis(ax, frame=True)
    if len(shape) == 2:
        image = ax.imshow(sample.reshape(shape), cmap=cmap, **scale)
        image.set_cmap(image.get_cmap().with_extremes(bad=MISSING_COLOR))
        return
    if behind is not None:
        ax.plot(behind, color="0.75", linewidth=2)
    # A marker shows an observed entry between two missing ones.
    marker = "." if np.isnan(sample).any() else None
    ax.plot(sample, color="black", linewidth=1, marker=marker, markersize=2)
    for j in np.flatnonzero(np.isnan(sample)):
        ax.axvspan(j - 0.5, j + 0.5, color=MISSING_COLOR, linewidth=0)
    margin = 0.1 * (scale["vmax"] - scale["vmin"]) or 1.0
    ax.set_ylim(scale["vmin"] - margin, scale["vmax"] + margin)


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
