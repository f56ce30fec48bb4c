"""The most used atoms of every cluster, or averages of the samples that use them."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from torch import Tensor

from ..inspection import atom_averages, fitted_mixture
from ..utils.parameter_checks import check_integer
from ..utils.validation import ArrayLike
from .members import chosen_clusters
from .panels import import_pyplot
from .samples import (
    SampleForm,
    color_limits,
    draw_sample,
    final_estimator,
    is_colored,
    panel_size,
    rows,
    sample_form,
    shape_of,
)

if TYPE_CHECKING:
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure, SubFigure


class DictionaryDisplay:
    """The dictionaries of a mixture, one row a cluster, most used atoms first.

    Of a mixture of features, such as a ready-made clusterer has, averages of the
    samples that use each atom most take the place of atoms. It is recommended to use
    :meth:`from_estimator` to create one. All parameters are stored as attributes.

    Parameters
    ----------
    atoms : ndarray of shape (n_rows, n_shown, n_features)
        The atoms to draw, as the estimator holds them, most used first, or averages;
        NaN where a cluster has fewer.
    atom_usage : ndarray of shape (n_rows, n_shown)
        Mean absolute code of each atom over the samples of its cluster, in the
        unit of the codes.
    atom_indices : ndarray of shape (n_rows, n_shown)
        Place of each atom in its dictionary.
    clusters : ndarray of shape (n_rows,)
        Cluster shown in each row.
    shares : ndarray of shape (n_rows,)
        Share of the samples that each of those clusters holds, in [0, 1].
    are_averages : bool, default=False
        Whether `atoms` are averages of samples, which are not negated and have the
        scale of samples.
    image_shape : tuple of int, default=None
        ``(height, width)`` or ``(height, width, channels)`` of an atom drawn as an
        image, None or ``(n_features,)`` for lines.
    n_channels : int, default=None
        Lines an atom, of signals of several channels; None is one.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Figure with the atoms.
    axes_ : ndarray of matplotlib Axes of shape (n_rows, n_shown)
        One axis an atom.

    See Also
    --------
    ReconstructionDisplay : What each dictionary makes of a sample.
    ClusterDisplay : Samples of each cluster.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skmixmate import MixMateClustering
    >>> from skmixmate.plotting import DictionaryDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> mixmate = MixMateClustering(10, init="k-means", max_iter=5, random_state=0)
    >>> display = DictionaryDisplay.from_estimator(
    ...     mixmate.fit(X), image_shape=(8, 8), n_atoms=5
    ... )
    >>> display.atoms.shape
    (10, 5, 64)
    """

    def __init__(
        self,
        *,
        atoms: np.ndarray,
        atom_usage: np.ndarray,
        atom_indices: np.ndarray,
        clusters: np.ndarray,
        shares: np.ndarray,
        are_averages: bool = False,
        image_shape: tuple[int, ...] | None = None,
        n_channels: int | None = None,
    ) -> None:
        self.atoms = atoms
        self.atom_usage = atom_usage
        self.atom_indices = atom_indices
        self.clusters = clusters
        self.shares = shares
        self.are_averages = are_averages
        self.image_shape = image_shape
        self.n_channels = n_channels

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Any = None,
        *,
        dictionaries: ArrayLike | None = None,
        image_shape: tuple[int, ...] | None = None,
        n_channels: int | None = None,
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
            shape (n_samples,) or `weights_` of shape (n_clusters,); or a ready-made
            clusterer, a NeighborVoting, a Pipeline or a search with such a mixture
            inside.
        X : array-like, data frame or Tensor of shape (n_samples, ...), default=None
            Samples whose averages are drawn in place of the atoms, by
            `skmixmate.inspection.atom_averages`: of those that use each atom most.
            Ready-made clusterers need them, for their atoms are of features. None draws
            the atoms.
        dictionaries : array-like of shape (n_clusters, n_atoms, ...), default=None
            What to draw in place of the atoms, such as averages that you have. None
            draws `dictionaries_`, or averages of X.
        image_shape : tuple of int, default=None
            ``(height, width)`` or ``(height, width, channels)`` to draw atoms as
            images, ``(n_features,)`` to draw lines. None draws what the estimator was
            fitted to, where it knows; images where X or `dictionaries` have height and
            width; and lines otherwise, as for the features that a Pipeline computes.
        n_channels : int, default=None
            Number of channels of signals, drawn as lines, where the estimator does not
            know it.
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
            If `estimator` has no dictionaries of clusters, or `n_atoms` is no integer.
        ValueError
            If `estimator` is a ready-made clusterer and there are neither `X` nor
            `dictionaries`, or both; or if `dictionaries` does not fit the estimator, or
            `image_shape`, `n_atoms` or `clusters` do not fit the dictionaries.
        ImportError
            If matplotlib is missing.
        """
        import_pyplot(f"{cls.__name__}.from_estimator")
        steps, last, mixture = fitted_mixture(estimator, "estimator")
        n_atoms = check_integer(n_atoms, "n_atoms", min_val=1)
        if X is not None and dictionaries is not None:
            raise ValueError("Pass X or dictionaries, not both.")
        own = np.asarray(mixture.dictionaries_)
        are_averages = X is not None
        if X is not None:
            drawn, shape = _averages(estimator, X)
        elif dictionaries is not None:
            drawn = np.asarray(dictionaries)
            shape = drawn.shape[1:]
        elif hasattr(final_estimator(estimator), "voting_"):
            raise ValueError(
                f"The atoms of {type(final_estimator(estimator)).__name__} are of "
                "features that cannot be looked at. Pass X, as the estimator takes it, "
                "to draw averages of the samples that use each atom most, or "
                "dictionaries to draw something else."
            )
        else:
            drawn, shape = own, ()
        if drawn.ndim < 3 or drawn.shape[:2] != own.shape[:2]:
            raise ValueError(
                "dictionaries must have shape (n_clusters, n_atoms, n_features) = "
                f"{(*own.shape[:2], 'n_features')}, got {drawn.shape}."
            )
        drawn = drawn.reshape(*own.shape[:2], -1)
        form = sample_form(
            image_shape,
            n_channels,
            drawn.shape[2],
            # Features are no pixels, even if there are as many.
            estimator=None if drawn is own and steps else estimator,
            shape=shape,
        )
        chosen = chosen_clusters(clusters, np.arange(len(own)))

        # Smaller clusters have fewer atoms, and zeros in the last places.
        if hasattr(mixture, "dictionary_sizes_"):
            is_idle = np.arange(own.shape[1]) >= mixture.dictionary_sizes_[:, None]
            drawn = np.where(is_idle[..., None], np.nan, drawn)
        usage = np.asarray(mixture.atom_usage_)[chosen]
        order = np.argsort(-usage, axis=1, kind="stable")[:, :n_atoms]
        display = cls(
            atoms=drawn[chosen[:, None], order],
            atom_usage=np.take_along_axis(usage, order, axis=1),
            atom_indices=order,
            clusters=chosen,
            shares=_cluster_shares(last, mixture, len(own))[chosen],
            are_averages=are_averages,
            image_shape=form.image_shape,
            n_channels=form.n_channels,
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
        strong one; that of an image is symmetric around zero. Averages of grey images
        and of signals have a scale of their own as well, and those of images in colour
        share one. Atoms that no sample of their cluster uses are marked "unused".

        Parameters
        ----------
        flip_sign : bool, default=True
            Whether to draw an atom negated where its entry of largest magnitude
            is negative. With codes of either sign an atom and its negation are
            the same; pass False where codes are nonnegative. Averages are never
            negated.
        cmap : str or matplotlib Colormap, default=None
            Colours of grey images, from low to high. None draws zero in white, positive
            entries in black and negative ones in blue; averages in "gray_r".
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
        form = sample_form(self.image_shape, self.n_channels, n_features)
        if cmap is None:
            cmap = "gray_r" if self.are_averages else _ink_colormap()
        if fig is None:
            width, height = panel_size(form)
            fig = plt.figure(
                figsize=(width * n_shown + 1.2, height * n_rows + 0.5),
                layout="constrained",
            )
        axes = fig.subplots(n_rows, n_shown, squeeze=False)
        for place, ax in np.ndenumerate(axes):
            atom = self.atoms[place]
            if np.isnan(atom).all():
                ax.set_axis_off()
                continue
            if self.are_averages:
                limits = color_limits(self.atoms) if is_colored(form) else None
                draw_sample(ax, atom, form, cmap=cmap, limits=limits)
            else:
                _draw_atom(ax, _flipped(atom) if flip_sign else atom, form, cmap)
            if self.atom_usage[place] == 0 or not atom.any():
                ax.set_xlabel("unused", color="0.5", fontsize="small", labelpad=1)
        for row in range(n_rows):
            axes[row, 0].set_ylabel(
                f"cluster {self.clusters[row]}\n"
                f"{100 * self.shares[row]:.1f} % of samples",
                rotation=0,
                ha="right",
                va="center",
                fontsize="small",
            )
        title = "Atoms of each cluster, most used first"
        if self.are_averages:
            title = "Averages of samples that use each atom most, most used first"
        if n_shown <= 4:  # Of few narrow panels it takes two lines.
            title = title.replace(", ", ",\n")
        fig.suptitle(title, fontsize="medium")
        self.figure_ = fig
        self.axes_ = axes
        return self


def _averages(estimator, X) -> tuple[np.ndarray, tuple[int, ...]]:
    """Averages of samples by atom, and the shape of X."""
    shape = shape_of(X)
    # A data frame stays one: the estimator compares its columns with its own.
    if len(shape) != 2 or isinstance(X, list | Tensor):
        X = rows(X, estimator=estimator)
    return atom_averages(estimator, X).atom_means, shape


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


def _draw_atom(ax, atom, form: SampleForm, cmap) -> None:
    # An atom of zeros still needs a scale.
    limit = np.abs(atom).max() or 1.0
    if form.image_shape is None:
        limits = min(atom.min(), 0.0), max(atom.max(), 0.0)
        ax.axhline(0, color="0.8", linewidth=0.6)
    else:
        limits = -limit, limit
    draw_sample(ax, atom, form, cmap=cmap, limits=limits)
