"""Clusters of a graph that are merged, and labellings that differ."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Self

import numpy as np
from scipy import sparse
from scipy.optimize import linear_sum_assignment
from scipy.stats import entropy
from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.cluster import contingency_matrix

from ..utils.progress import each

__all__ = [
    "CONTINUUM",
    "LEAST_OF_PART",
    "Labeling",
    "Labelings",
    "blending",
    "evenness",
    "evenness_of_joined",
    "mean_conductance",
    "merged_clusters",
    "sizes_differ",
]

# Two labellings are one if each cluster has this share of its samples in common with
# its counterpart: a tenth of a cluster on either side may be drawn otherwise.
_THE_SAME = 0.8
# How many of each handicap are compared once more, and with which effort; see
# `Labelings.best`.
_N_FINALISTS, _EFFORT = 2, 4
# Finalists whose criterion is no more than so many times the lowest may be right too,
# and are another partition if their adjusted Rand index is no more than this.
_CLOSE, _ALIKE = 1.04, 0.6
# Mean `evenness` of partitions that leave sizes open, up to which sizes differ. Merging
# joins some of ten equal classes of images and leaves others in parts, with 0.89 and
# more; of classes with ten times as many samples as others most have less. Of few
# clusters one such error weighs more: two are allowed for.
_UNEVEN, _N_ERRORS = 0.88, 2
# Parts of fewer samples on average are tied to all others by some of their neighbours,
# so that their merges tell nothing.
LEAST_OF_PART = 50
# Mean conductance of clusters in a neighbour graph that are none: between that of
# clusters of images and of those that were found in noise of many features, as the
# tests do. In few features noise has less.
_LARGEST_CONDUCTANCE = 0.3
# `blending` of the parts of a graph from which on there is no gap between clusters, and
# the sizes of merged ones say nothing: above that of digits in any numbers, below that
# of most draws of Fashion-MNIST. (Of graphs of centres, in scratch runs of three
# seeds in pixels, MNIST has 0.36 to 0.42 and Fashion-MNIST 0.59 to 0.65.)
CONTINUUM = 0.5
# Merges that are compared, in shares of a number of clusters: the last ones down to it,
# and those well below it, since small classes may have no part of their own, and as
# many large ones are in two parts then.
_LAST_FROM, _BELOW_FROM, _BELOW_TO = 1.4, 0.8, 0.6


class Labeling(NamedTuple):
    """Labels (n_samples,), and how a choice is to take them.

    ``handicap`` is what their criterion is multiplied by, more than one of labels that
    leave the sizes of clusters open, ``conductance`` their `mean_conductance` in the
    graph that they come from, NaN if unknown.
    """

    labels: np.ndarray
    handicap: float = 1.0
    conductance: float = math.nan


class Choice(NamedTuple):
    """Labels that were chosen, their conductance, and those that were about as good.

    ``leaves_sizes_open`` tells whether they had a handicap, if it counted or not.
    """

    labels: np.ndarray
    conductance: float
    leaves_sizes_open: bool = False
    rivals: Sequence[np.ndarray] = ()

    def is_doubtful(self) -> bool:
        """Whether the graph has no such clusters, or a rival other ones than these."""
        return self.conductance > _LARGEST_CONDUCTANCE or any(
            adjusted_rand_score(self.labels, other) <= _ALIKE for other in self.rivals
        )


class Labelings(list[Labeling]):
    """Several labellings of the same samples, among which a model chooses.

    An initialiser gives them instead of labels. What has no model to choose with takes
    the first.

    ``conductance`` gives that of any labels in the graph of neighbours that these come
    from, if there is one; a cluster without samples counts as one all of whose edges
    leave it. ``blending`` is the `blending` of parts of that graph, NaN where too few
    samples tell it. ``are_of_one_size`` says that clusters are to be of about one size,
    so that a model of them need not be larger where there are more samples, and
    ``sizes_differ`` that they seem not to be, so that no handicap counts.
    ``agreement`` is the share of the samples that two draws of such labels have in
    common (`share_in_common`), None if unknown: no labels are surer than that.
    """

    conductance: Callable[[np.ndarray], float] | None = None
    blending: float = math.nan
    are_of_one_size = False
    sizes_differ = False
    agreement: float | None = None

    def add(
        self, labels: np.ndarray, handicap: float = 1.0, conductance: float = math.nan
    ) -> None:
        """Append labels unless they are next to the same as earlier ones."""
        if all(_smallest_overlap(labels, one.labels) <= _THE_SAME for one in self):
            self.append(Labeling(labels, handicap, conductance))

    def relabeled(self, function: Callable[[np.ndarray], np.ndarray]) -> Self:
        """The same with a function of the labels in their place."""
        result = type(self)(one._replace(labels=function(one.labels)) for one in self)
        vars(result).update(vars(self))
        return result

    def best(self, criterion: Callable[[np.ndarray, int], float]) -> Choice:
        """Choose the labels with the lowest criterion, a function of labels and effort.

        All are compared with an effort of one, an epoch of training perhaps, and the
        two best of each handicap with one of four: a criterion is blurred at first, and
        a handicap asks for a difference, unless ``sizes_differ``.
        """
        if len(self) == 1:
            return self._choice(0)
        of_handicap: dict[float, list[tuple[float, int]]] = {}
        for i, one in enumerate(each("partition", self)):
            found = criterion(one.labels, 1), i
            of_handicap.setdefault(one.handicap, []).append(found)
        groups = [
            [i for _, i in sorted(found)[:_N_FINALISTS]]
            for found in of_handicap.values()
        ]
        values = {
            i: criterion(self[i].labels, _EFFORT)
            for i in each("finalist", [i for group in groups for i in group])
        }
        # What is of one kind is no rival: it may differ by chance.
        best = [min(group, key=values.__getitem__) for group in groups]
        handicaps = [1.0 if self.sizes_differ else one.handicap for one in self]
        chosen = min(best, key=lambda i: handicaps[i] * values[i])
        close = _CLOSE * min(values.values())
        rivals = [self[i].labels for i in best if values[i] <= close]
        return self._choice(chosen, rivals)

    def least_cut(self) -> Choice:
        """Choose the labels with the lowest conductance, if any are known.

        For samples that a model explains alike whatever their labels. No handicap
        counts: it is one of the model's criterion.
        """
        # The first of equals, as where all clusters are components of the graph.
        cuts = [np.nan_to_num(one.conductance, nan=math.inf) for one in self]
        return self._choice(int(np.argmin(cuts)))

    def _choice(self, i: int, rivals: Sequence[np.ndarray] = ()) -> Choice:
        labels, handicap, conductance = self[i]
        return Choice(labels, conductance, handicap > 1.0, rivals)


def _smallest_overlap(labels, others) -> float:
    """Smallest Jaccard index of a cluster and its counterpart in another labelling.

    Every cluster counts alike, small ones too, to which the adjusted Rand index of many
    samples is blind. Zero if a cluster has no counterpart.
    """
    counts = contingency_matrix(labels, others).astype(float)
    unions = counts.sum(axis=1, keepdims=True) + counts.sum(axis=0) - counts
    overlaps = counts / unions
    if len(overlaps) != len(overlaps.T):
        return 0.0
    return overlaps[linear_sum_assignment(overlaps, maximize=True)].min()


def share_in_common(labels, others) -> float:
    """Share of the samples in corresponding clusters of two labellings.

    Parameters
    ----------
    labels, others : ndarray of shape (n_samples,), int

    Returns
    -------
    float
        The largest by one-to-one correspondences; one if they differ in names alone.
    """
    counts = contingency_matrix(labels, others)
    matched = linear_sum_assignment(counts, maximize=True)
    return float(counts[matched].sum()) / len(labels)


def evenness(labels: np.ndarray, n_clusters: int) -> float:
    """Entropy of the sizes of clusters, as a share of that of equal ones.

    Parameters
    ----------
    labels : ndarray of shape (n_samples,), int
        From 0.
    n_clusters : int
        More than one.

    Returns
    -------
    float
        One if ``n_clusters`` clusters have as many samples each.
    """
    return float(entropy(np.bincount(labels))) / math.log(n_clusters)


def evenness_of_joined(n_clusters: int, n_errors: int = 1) -> float:
    """`evenness` of equal clusters, two of which are joined and a third is halved.

    So many times, if ``n_errors`` is more than one.
    """
    return 1.0 - n_errors * math.log(2.0) / (n_clusters * math.log(n_clusters))


def sizes_differ(
    partitions: Sequence[np.ndarray], n_clusters: int, bound: float | None = None
) -> bool:
    """Whether partitions that leave the sizes of clusters open say that these differ.

    Parameters
    ----------
    partitions : sequence of ndarray of shape (n_samples,), int
        Labels from 0, all that there are: those that are the same count, too.
    n_clusters : int
        More than one.
    bound : float, default=None
        On their mean `evenness`. None is 0.88, or that of equal clusters in which two
        were joined and a third was halved, twice, if that is less.

    Returns
    -------
    bool
        False for less than 100 samples for each cluster.
    """
    if not partitions or len(partitions[0]) < 2 * n_clusters * LEAST_OF_PART:
        return False
    if bound is None:
        bound = min(_UNEVEN, evenness_of_joined(n_clusters, _N_ERRORS))
    found = np.mean([evenness(labels, n_clusters) for labels in partitions])
    return bool(found <= bound)


def mean_conductance(affinity, labels) -> float:
    """Mean over the clusters of a graph of the share of their edges that leave them.

    The normalised cut divided by the number of clusters.

    Parameters
    ----------
    affinity : sparse matrix or ndarray of shape (n_samples, n_samples)
        Symmetric and nonnegative.
    labels : ndarray of shape (n_samples,), int

    Returns
    -------
    float
        In [0, 1].

    References
    ----------
    Shi and Malik, "Normalized cuts and image segmentation" (2000).
    """
    cuts = _cuts(affinity, np.unique(labels, return_inverse=True)[1])
    volumes = np.maximum(cuts.sum(axis=1), 1e-100)
    return float(np.mean(1.0 - np.diag(cuts) / volumes))


def _cuts(affinity, labels) -> np.ndarray:
    """Weight of the edges between clusters, numbered from 0, and within them."""
    members = sparse.csr_array((np.ones(len(labels)), (np.arange(len(labels)), labels)))
    return (members.T @ (sparse.csr_array(affinity) @ members)).toarray()


def merged_clusters(
    affinity, labels, n_clusters: int, exponent: float = 0.5
) -> np.ndarray:
    """Merge the best connected clusters of a graph until ``n_clusters`` are left.

    Parameters
    ----------
    affinity : sparse matrix or ndarray of shape (n_samples, n_samples)
        Symmetric and nonnegative.
    labels : ndarray of shape (n_samples,), int
        From 0; a number without samples is no cluster.
    n_clusters : int
    exponent : float, default=0.5
        The pair with the largest ``cut / (vol_i * vol_j) ** exponent`` is merged, cut
        being the weight of the edges between the two and vol that of all edges of one.
        With 0 the largest clusters are merged first, with 1, the average weight of an
        edge, the smallest.

    Returns
    -------
    ndarray of shape (n_samples,)
        Labels 0 to ``n_clusters - 1``, or less if there were fewer clusters.

    References
    ----------
    Karypis, Han and Kumar, "Chameleon" (1999), for clusters that are found by cutting a
    neighbour graph into too many parts, and merging them by how well they are
    connected for their size.
    """
    _, labels = np.unique(labels, return_inverse=True)
    cuts = _cuts(affinity, labels)
    groups = np.arange(len(cuts))
    for i, j, _ in _merges(cuts, n_clusters, exponent):
        groups[groups == j] = i
        groups[groups > j] -= 1
    return groups[labels]


def blending(affinity, labels, n_clusters: int) -> float:
    """How much clusters that would be left blend into each other, beside parts of one.

    Parameters
    ----------
    affinity : sparse matrix or ndarray of shape (n_samples, n_samples)
        Symmetric and nonnegative.
    labels : ndarray of shape (n_samples,), int
        More clusters than ``n_clusters``, to be merged as `merged_clusters` does.
    n_clusters : int

    Returns
    -------
    float
        The mean strength of the merges by which from 0.8 to 0.6 times ``n_clusters``
        clusters become one less, divided by that of those that begin at 1.4 times
        ``n_clusters`` and leave ``n_clusters``. Near one there are no clusters, only a
        continuum of many dimensions; of a surface or a curve it is less, as edges
        between large parts of it are few. NaN of three clusters or less, of too few
        parts, and of parts without edges between them.
    """
    cuts = _cuts(affinity, np.unique(labels, return_inverse=True)[1])
    most, high, low = (
        round(share * n_clusters) for share in (_LAST_FROM, _BELOW_FROM, _BELOW_TO)
    )
    low = max(low, 3)  # Two clusters can only become one.
    if len(cuts) < most or high < low:
        return math.nan
    strengths = [strength for *_, strength in _merges(cuts, low - 1, 0.5)]
    # By the number of clusters that each begins with.
    of_number = dict(zip(range(len(cuts), low - 1, -1), strengths, strict=True))
    last = np.mean([of_number[n] for n in range(n_clusters + 1, most + 1)])
    below = np.mean([of_number[n] for n in range(low, high + 1)])
    return float(below / last) if last > 0.0 else math.nan


def _merges(
    cuts: np.ndarray, n_clusters: int, exponent: float
) -> Iterator[tuple[int, int, float]]:
    """Merge cluster j into i < j until ``n_clusters`` are left; yield i, j, strength.

    Clusters beyond j are numbered anew after each.
    """
    cuts = cuts.copy()
    while len(cuts) > n_clusters:
        volumes = np.maximum(cuts.sum(axis=1), 1e-100)
        strength = cuts / np.outer(volumes, volumes) ** exponent
        np.fill_diagonal(strength, -1.0)
        i, j = sorted(np.unravel_index(strength.argmax(), strength.shape))
        yield int(i), int(j), float(strength[i, j])
        cuts[i] += cuts[j]
        cuts[:, i] += cuts[:, j]
        cuts = np.delete(np.delete(cuts, j, axis=0), j, axis=1)
