"""Samples as points of a plane, coloured by cluster."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from ..utils.parameter_checks import check_choice, check_integer
from ..utils.random import RandomState, private_random_state
from ..utils.validation import ArrayLike
from .members import (
    array_of,
    check_has_predict,
    check_labels,
    chosen_names,
    known_clusters,
    labels_and_probabilities,
    own_probabilities,
)
from .panels import import_pyplot
from .places import components, embedded
from .samples import rows, shape_of, taken

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_EMBEDDINGS = ("energies", "features", "codes", "umap")
NOISE_COLOR = "0.6"
_IN_PLACE_OF_GREY = "navy"
# Opacity of a sample without any probability, and pixels between two texts.
_FAINTEST, _AROUND_TEXT = 0.12, 5.0


class EmbeddingDisplay:
    """A map of samples in two dimensions, coloured by cluster.

    Doubtful samples, whose own cluster has a low probability, are fainter. Numbers of
    clusters are written about the medians of their samples. Samples of no cluster are
    small grey crosses. A map in two dimensions cannot show all distances: clusters that
    touch in it may lie apart.

    It is recommended to use :meth:`from_estimator` or :meth:`from_predictions` to
    create one. All parameters are stored as attributes.

    Parameters
    ----------
    embedding : ndarray of shape (n_drawn, 2)
        Places of the samples.
    labels : ndarray of shape (n_drawn,)
        Their clusters.
    clusters : ndarray of shape (n_clusters,)
        All clusters, which have colours in this order; those of other labels are none.
    proba : ndarray of shape (n_drawn,), default=None
        Probability of the own cluster of each. None draws all alike.
    indices : ndarray of shape (n_drawn,), int, default=None
        Where they are in X.
    names : ndarray of str of shape (n_clusters,), default=None
        Names of the clusters. None writes their numbers.
    axis_names : tuple of two str, default=None
        What the two dimensions are.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    ClusterDisplay : What the samples of each cluster look like.

    Examples
    --------
    >>> from sklearn.cluster import KMeans
    >>> from sklearn.datasets import load_digits
    >>> from skmixmate.plotting import EmbeddingDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> labels = KMeans(10, random_state=0).fit_predict(X)
    >>> display = EmbeddingDisplay.from_predictions(
    ...     X, labels, max_samples=1000, random_state=0
    ... )
    >>> display.embedding.shape  # principal components
    (1000, 2)
    """

    def __init__(
        self,
        *,
        embedding: np.ndarray,
        labels: np.ndarray,
        clusters: np.ndarray,
        proba: np.ndarray | None = None,
        indices: np.ndarray | None = None,
        names: np.ndarray | None = None,
        axis_names: tuple[str, str] | None = None,
    ) -> None:
        self.embedding = embedding
        self.labels = labels
        self.clusters = clusters
        self.proba = proba
        self.indices = indices
        self.names = names
        self.axis_names = axis_names

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: Any,
        *,
        embedding: str | ArrayLike = "energies",
        mask: ArrayLike | None = None,
        names: ArrayLike | None = None,
        max_samples: int = 5000,
        random_state: RandomState = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw samples by what a fitted clusterer says of them.

        Parameters
        ----------
        estimator : estimator
            Fitted: a clusterer of this package, a Pipeline that ends in one, or a
            search. With an array as `embedding`, any other with `predict`.
        X : array-like, data frame or Tensor of shape (n_samples, ...)
            What the clusterer takes; the training samples or others.
        embedding : {"energies", "features", "codes", "umap"} or array-like of shape \
(n_samples, 2), default="energies"
            Where samples are drawn:

            - "energies": the first two principal components of the energies under all
              clusters, each less the mean of its sample, which tells how well a sample
              is explained at all;
            - "features": those of what the mixture takes;
            - "codes": those of the codes under all clusters, side by side;
            - "umap": what UMAP makes of the features. It needs umap-learn;
            - an array: where you say.
        mask : array-like of bool of the shape of X, default=None
            True where an entry is observed, for clusterers that take it.
        names : array-like of str of shape (n_clusters,), default=None
            Names of all clusters, in place of their numbers.
        max_samples : int, default=5000
            Number of samples that are drawn at most, a random part of all. Components
            are of these.
        random_state : int, RandomState instance or None, default=None
            Seeds the choice of samples, and UMAP.
        ax : matplotlib Axes, default=None
            See :meth:`plot`.

        Returns
        -------
        display : EmbeddingDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If `estimator` is not fitted.
        TypeError, ValueError
            If a parameter does not fit, or X is not what the clusterer takes.
        ImportError
            If matplotlib is missing, or umap-learn for "umap".
        """
        import_pyplot(f"{cls.__name__}.from_estimator")
        check_has_predict(estimator, cls.__name__)
        if isinstance(embedding, str):
            check_choice(embedding, "embedding", _EMBEDDINGS)
        n_samples = shape_of(X)[0]
        random_state = private_random_state(random_state)
        indices = _drawn(n_samples, max_samples, random_state)
        X, mask = taken(X, indices), None if mask is None else taken(mask, indices)
        axis_names = None
        if isinstance(embedding, str):
            places, axis_names = embedded(estimator, X, mask, embedding, random_state)
        else:
            places = array_of(embedding)
            if places.shape != (n_samples, 2):
                raise ValueError(
                    f"embedding must be one of {_EMBEDDINGS} or an array of shape "
                    f"({n_samples}, 2), a row for each sample of X, got shape "
                    f"{places.shape}."
                )
            places = places[indices]
        labels, proba = labels_and_probabilities(estimator, X, mask)
        clusters = known_clusters(labels, proba, of_estimator=True)
        names = chosen_names(names, clusters, clusters)
        return cls(
            embedding=places,
            labels=labels,
            clusters=clusters,
            proba=own_probabilities(labels, proba, clusters),
            indices=indices,
            names=names,
            axis_names=axis_names,
        ).plot(ax=ax)

    @classmethod
    def from_predictions(
        cls,
        X: ArrayLike,
        labels: ArrayLike,
        *,
        proba: ArrayLike | None = None,
        names: ArrayLike | None = None,
        max_samples: int = 5000,
        random_state: RandomState = None,
        ax: "Axes | None" = None,
    ) -> Self:
        """Draw samples with the labels of any clusterer.

        Parameters
        ----------
        X : array-like or Tensor of shape (n_samples, n_features)
            Finite. Two features are drawn as they are; of more, the first two principal
            components.
        labels : array-like of shape (n_samples,)
            Cluster of each sample, integers or strings. Negative integers, such as -1
            of HDBSCAN, are of no cluster: small grey crosses.
        proba : array-like of shape (n_samples,) or (n_samples, n_clusters), \
default=None
            Probability of the own cluster of each sample, or of all clusters: columns
            are of clusters 0, 1 and so on if labels are integers below their number,
            else of the sorted labels.
        names, max_samples, random_state
            As in :meth:`from_estimator`.
        ax : matplotlib Axes, default=None
            See :meth:`plot`.

        Returns
        -------
        display : EmbeddingDisplay
            The display, drawn.

        Raises
        ------
        TypeError, ValueError
            If a parameter does not fit.
        ImportError
            If matplotlib is missing.
        """
        import_pyplot(f"{cls.__name__}.from_predictions")
        labels = array_of(labels)
        n_samples = shape_of(X)[0]
        check_labels(labels, n_samples)
        proba = None if proba is None else array_of(proba)
        clusters = known_clusters(labels, proba, of_estimator=False)
        own = own_probabilities(labels, proba, clusters)
        random_state = private_random_state(random_state)
        indices = _drawn(n_samples, max_samples, random_state)
        places, axis_names = rows(X, indices), None
        if places.shape[1] != 2:
            places, axis_names = components(places, "")
        return cls(
            embedding=places,
            labels=labels[indices],
            clusters=clusters,
            proba=None if own is None else own[indices],
            indices=indices,
            names=chosen_names(names, clusters, clusters),
            axis_names=axis_names,
        ).plot(ax=ax)

    def plot(self, *, ax: "Axes | None" = None) -> Self:
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None makes a figure.

        Returns
        -------
        display : EmbeddingDisplay
            The display itself, with `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is missing.
        """
        plt = import_pyplot(f"{type(self).__name__}.plot")
        if ax is None:
            _, ax = plt.subplots(figsize=(5.5, 5.0), layout="constrained")
        n_drawn = len(self.embedding)
        colors = self._colors(plt)
        # The surest last, on top.
        order = np.argsort(colors[:, 3], kind="stable")
        is_noise = ~np.isin(self.labels[order], self.clusters)
        size = np.clip(6000 / max(n_drawn, 1), 4.0, 25.0)
        # Crosses as small as points would look like points.
        for drawn, marker, area, width in (
            (order[is_noise], "x", 2.5 * size, 0.7),
            (order[~is_noise], "o", size, 0.0),
        ):
            if drawn.size:
                x, y = self.embedding[drawn].T
                ax.scatter(
                    x, y, c=colors[drawn], s=area, marker=marker, linewidths=width
                )
        # Distances are the same in both directions.
        ax.set_aspect("equal", adjustable="datalim")
        ax.set(xticks=[], yticks=[])
        if self.axis_names is not None:
            ax.set(xlabel=self.axis_names[0], ylabel=self.axis_names[1])
        self._write_names(ax)
        self.ax_ = ax
        self.figure_ = ax.figure
        return self

    def _colors(self, plt) -> np.ndarray:
        """Colours of the samples with their opacity, (n_drawn, 4)."""
        from matplotlib.colors import to_rgba

        n_clusters = len(self.clusters)
        of_clusters = plt.get_cmap("tab10")(np.arange(10))
        # Grey is of noise, and a paler shade of one colour is of doubt.
        of_clusters[7] = to_rgba(_IN_PLACE_OF_GREY)
        if n_clusters > 10:
            of_clusters = plt.get_cmap("turbo")(np.linspace(0.05, 1.0, n_clusters))
        colors = np.full((len(self.labels), 4), to_rgba(NOISE_COLOR))
        for cluster, color in zip(self.clusters, of_clusters[:n_clusters], strict=True):
            colors[self.labels == cluster] = color
        if self.proba is not None:
            colors[:, 3] = _FAINTEST + (1.0 - _FAINTEST) * self.proba**2
        return colors

    def _write_names(self, ax) -> None:
        from matplotlib.patheffects import withStroke

        texts = []
        names = self.clusters if self.names is None else self.names
        for cluster, name in zip(self.clusters, names, strict=True):
            members = self.embedding[self.labels == cluster]
            if len(members):
                place = np.median(members, axis=0)
                outline = [withStroke(linewidth=2.5, foreground="white")]
                options = {"weight": "bold", "ha": "center", "va": "center"}
                texts.append(ax.text(*place, str(name), **options))
                texts[-1].set_path_effects(outline)
        _move_apart(ax, texts)


def _drawn(n_samples, max_samples, random_state) -> np.ndarray:
    """Which samples are drawn, in their order."""
    max_samples = check_integer(max_samples, "max_samples", min_val=1)
    if n_samples <= max_samples:
        return np.arange(n_samples)
    return np.sort(random_state.permutation(n_samples)[:max_samples])


def _move_apart(ax, texts) -> None:
    """Move texts by as little as it takes until none is on another."""
    if not texts:
        return
    # Where texts are is known when axes have their places.
    ax.figure.canvas.figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in texts]
    places = np.array([[(b.x0 + b.x1) / 2, (b.y0 + b.y1) / 2] for b in boxes])
    sizes = np.array([[b.width, b.height] for b in boxes]) + _AROUND_TEXT
    wanted = (sizes[:, None] + sizes) / 2
    for _ in range(100):
        offsets = places[:, None] - places
        overlaps = np.maximum(wanted - np.abs(offsets), 0.0)
        overlaps *= (overlaps > 0.0).all(axis=2, keepdims=True)
        np.einsum("iij->ij", overlaps)[:] = 0.0
        if not overlaps.any():
            break
        # Each pair along the direction in which it overlaps less.
        along = overlaps == overlaps.min(axis=2, keepdims=True)
        # Of two in one place, the later one goes up or right.
        ranks = np.arange(len(texts))
        signs = np.where(offsets == 0.0, np.sign(ranks[:, None] - ranks)[..., None], 0)
        signs = signs + np.sign(offsets)
        places += 0.5 * (overlaps * along * signs).sum(axis=1)
    for text, place in zip(texts, places, strict=True):
        text.set_position(ax.transData.inverted().transform(place))
