"""The most used atoms of every cluster."""

import numbers
from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.base import BaseEstimator

from ..inspection import fitted_mixture
from ..utils.validation import ArrayLike
from .panels import (
    import_pyplot,
    panel_size,
    resolve_image_shape,
    strip_axis,
)

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure, SubFigure


class DictionaryDisplay:
    """The dictionaries of a mixture, one row a cluster, most used atoms first.

    It is recommended to use :meth:`from_estimator` to create one. All parameters
    are stored as attributes.

    Parameters
    ----------
    atoms : ndarray of shape (n_rows, n_shown, n_features)
        The atoms to draw, as the estimator holds them, most used first; NaN where a
        cluster has fewer.
    atom_usage : ndarray of shape (n_rows, n_shown)
        Mean absolute code of each atom over the samples of its cluster, in the
        unit of the codes.
    atom_indices : ndarray of shape (n_rows, n_shown)
        Place of each atom in its dictionary.
    clusters : ndarray of shape (n_rows,)
        Cluster shown in each row.
    shares : ndarray of shape (n_rows,)
        Share of the samples that each of those clusters holds, in [0, 1].
    image_shape : tuple of int, default=None
        ``(height, width)`` of an atom drawn as an image, ``(n_features,)`` for
        atoms drawn as lines. None guesses a square image where `n_features` is a
        perfect square, with a warning, and lines otherwise.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure with the atoms.
    axes_ : ndarray of matplotlib Axes of shape (n_rows, n_shown)
        One axis an atom.

    See Also
    --------
    ReconstructionDisplay : What each dictionary makes of a sample.
    """

    def __init__(
        self,
        *,
        atoms: np.ndarray,
        atom_usage: np.ndarray,
        atom_indices: np.ndarray,
        clusters: np.ndarray,
        shares: np.ndarray,
        image_shape: tuple[int, ...] | None = None,
    ) -> None:
        self.atoms = atoms
        self.atom_usage = atom_usage
        self.atom_indices = atom_indices
        self.clusters = clusters
        self.shares = shares
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        dictionaries: ArrayLike | None = None,
        image_shape: tuple[int, ...] | None = None,
        n_atoms: int = 10,
        clusters: ArrayLike | None = None,
        flip_sign: bool = True,
        cmap: "str | Colormap | None" = None,
        fig: "Figure | SubFigure | None" = None,
    ) -> Self:
        """Draw the dictionaries of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted, with `dictionaries_` of shape (n_clusters, n_atoms, n_features),
            `atom_usage_` of shape (n_clusters, n_atoms) and either `labels_` of
            shape (n_samples,) or `weights_` of shape (n_clusters,); or a
            NeighborVoting, a Pipeline or a search with such a mixture inside.
        dictionaries : array-like of shape (n_clusters, n_atoms, n_features), \
default=None
            What to draw in place of the atoms, such as their averages in pixels from
            `skmixmate.inspection.atom_averages`; None draws `dictionaries_`.
        image_shape : tuple of int, default=None
            ``(height, width)`` of an atom drawn as an image, ``(n_features,)`` for
            atoms drawn as lines. None guesses a square image where `n_features`
            is a perfect square, with a warning, and lines otherwise, as for the
            features that a Pipeline computes.
        n_atoms : int, default=10
            Atoms shown per cluster, at most as many as there are.
        clusters : array-like of int of shape (n_rows,), default=None
            Clusters shown, from top to bottom. None shows all.
        flip_sign : bool, default=True
            See :meth:`plot`.
        cmap : str or matplotlib Colormap, default=None
            See :meth:`plot`.
        fig : matplotlib Figure or SubFigure, default=None
            See :meth:`plot`.

        Returns
        -------
        display : DictionaryDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If `estimator` is not fitted.
        TypeError
            If `estimator` has no dictionaries of clusters.
        ValueError
            If `dictionaries` does not fit the estimator, or `image_shape`, `n_atoms`
            or `clusters` do not fit the dictionaries.
        ImportError
            If matplotlib is missing.
        """
        import_pyplot(f"{cls.__name__}.from_estimator")
        steps, last, mixture = fitted_mixture(estimator, "estimator")
        own = np.asarray(mixture.dictionaries_)
        if image_shape is None and steps and dictionaries is None:
            image_shape = own.shape[2:]  # Features are no pixels.
        dictionaries = own if dictionaries is None else np.asarray(dictionaries)
        if dictionaries.ndim != 3 or dictionaries.shape[:2] != own.shape[:2]:
            raise ValueError(
                "dictionaries must have shape (n_clusters, n_atoms, n_features) = "
                f"{(*own.shape[:2], 'n_features')}, got {dictionaries.shape}."
            )
        n_clusters, _, n_features = dictionaries.shape
        shape = resolve_image_shape(image_shape, n_features)
        if not isinstance(n_atoms, numbers.Integral) or n_atoms < 1:
            raise ValueError(f"n_atoms={n_atoms!r} must be an integer of at least 1.")
        clusters = _check_clusters(clusters, n_clusters)

        # Smaller clusters have fewer atoms, and zeros in the last places.
        if hasattr(mixture, "dictionary_sizes_"):
            is_idle = np.arange(own.shape[1]) >= mixture.dictionary_sizes_[:, None]
            dictionaries = np.where(is_idle[..., None], np.nan, dictionaries)
        usage = np.asarray(mixture.atom_usage_)[clusters]
        order = np.argsort(-usage, axis=1, kind="stable")[:, :n_atoms]
        display = cls(
            atoms=dictionaries[clusters[:, None], order],
            atom_usage=np.take_along_axis(usage, order, axis=1),
            atom_indices=order,
            clusters=clusters,
            shares=_cluster_shares(last, mixture, n_clusters)[clusters],
            image_shape=shape,
        )
        return display.plot(flip_sign=flip_sign, cmap=cmap, fig=fig)

    def plot(
        self,
        *,
        flip_sign: bool = True,
        cmap: "str | Colormap | None" = None,
        fig: "Figure | SubFigure | None" = None,
    ) -> Self:
        """Draw the atoms.

        Each atom has a scale of its own, so that a faint atom reads as well as a
        strong one; that of an image is symmetric around zero. Atoms that no sample
        of their cluster uses are marked "unused".

        Parameters
        ----------
        flip_sign : bool, default=True
            Whether to draw an atom negated where its entry of largest magnitude
            is negative. With codes of either sign an atom and its negation are
            the same; pass False where codes are nonnegative.
        cmap : str or matplotlib Colormap, default=None
            Colours of images, from negative through zero to positive. None draws
            zero in white, positive entries in black and negative ones in blue.
        fig : matplotlib Figure or SubFigure, default=None
            Where to draw. None makes a new figure.

        Returns
        -------
        display : DictionaryDisplay
            The display itself, with `figure_` and `axes_`.

        Raises
        ------
        ValueError
            If `image_shape` does not fit the atoms.
        ImportError
            If matplotlib is missing.
        """
        plt = import_pyplot(f"{type(self).__name__}.plot")
        n_rows, n_shown, n_features = self.atoms.shape
        shape = resolve_image_shape(self.image_shape, n_features)
        if cmap is None:
            cmap = _ink_colormap()
        if fig is None:
            width, height = panel_size(shape)
            fig = plt.figure(
                figsize=(width * n_shown + 1.2, height * n_rows + 0.5),
                layout="constrained",
            )
        axes = fig.subplots(n_rows, n_shown, squeeze=False)
        for row in range(n_rows):
            for ax, atom, usage in zip(
                axes[row], self.atoms[row], self.atom_usage[row], strict=True
            ):
                if np.isnan(atom).all():
                    ax.set_axis_off()
                    continue
                _draw_atom(ax, _flipped(atom) if flip_sign else atom, shape, cmap)
                if usage == 0:
                    ax.set_xlabel("unused", color="0.5", fontsize="small", labelpad=1)
            axes[row, 0].set_ylabel(
                f"cluster {self.clusters[row]}\n{self.shares[row]:.1%} of samples",
                rotation=0,
                ha="right",
                va="center",
            )
        fig.suptitle("Atoms of each cluster, most used first", fontsize="medium")
        self.figure_ = fig
        self.axes_ = axes
        return self


def _check_clusters(clusters, n_clusters):
    if clusters is None:
        return np.arange(n_clusters)
    checked = np.asarray(clusters)
    if (
        checked.ndim != 1
        or checked.size == 0
        or checked.dtype.kind not in "iu"
        or checked.min() < 0
        or checked.max() >= n_clusters
    ):
        raise ValueError(
            f"clusters={clusters!r} must be a list of integers from 0 to "
            f"{n_clusters - 1}, or None for all clusters."
        )
    return checked


def _cluster_shares(last, mixture, n_clusters):
    labels = getattr(last, "labels_", None)
    if labels is None:
        return np.asarray(mixture.weights_)
    labels = np.asarray(labels)
    return np.bincount(labels, minlength=n_clusters) / labels.size


def _flipped(atom):
    return -atom if atom[np.argmax(np.abs(atom))] < 0 else atom


def _ink_colormap():
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("ink", ["#1f5fbf", "white", "black"])


def _draw_atom(ax, atom, shape, cmap):
    # An atom of zeros still needs a scale.
    limit = np.abs(atom).max() or 1.0
    if len(shape) == 2:
        strip_axis(ax, frame=True)
        ax.imshow(atom.reshape(shape), cmap=cmap, vmin=-limit, vmax=limit)
    else:
        strip_axis(ax, frame=False)
        ax.axhline(0, color="0.8", linewidth=0.6)
        ax.plot(atom, color="black", linewidth=1)
        ax.set_ylim(min(atom.min(), 0) - 0.1 * limit, max(atom.max(), 0) + 0.1 * limit)
