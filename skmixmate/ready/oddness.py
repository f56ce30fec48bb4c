"""How far a sample is from what is usual in its cluster."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.stats import median_abs_deviation

__all__ = ["Oddness"]

# No cluster is narrower than this share of the width of all, nor, where that is zero,
# than rounding errors.
_NARROWEST, _ROUNDING = 0.1, 1e-5


@dataclass(frozen=True)
class Oddness:
    """What is usual in each cluster, of two numbers: energy, and logarithm of norm.

    Features of unit norm tell nothing of how large they were, and an object of another
    world may be small or large in all of them. ``centers`` and ``widths`` are (K, 2).
    """

    centers: np.ndarray
    widths: np.ndarray

    @classmethod
    def from_samples(cls, energies: np.ndarray, norms: np.ndarray) -> Self:
        """See what is usual, by medians.

        Parameters
        ----------
        energies : ndarray of shape (n_samples, n_clusters)
        norms : ndarray of shape (n_samples,)
            Of features before they were brought to unit norm.

        References
        ----------
        Rousseeuw and Croux, "Alternatives to the median absolute deviation" (1993), for
        medians, which outliers among the samples hardly move.
        """
        clusters, values = _values(energies, norms)
        n_clusters = energies.shape[1]
        center, width = _center_and_width(values)
        centers, widths = (
            np.tile(center, (n_clusters, 1)),
            np.tile(width, (n_clusters, 1)),
        )
        for cluster in np.unique(clusters):
            members = values[clusters == cluster]
            centers[cluster], widths[cluster] = _center_and_width(members)
        rounding_errors = _ROUNDING * np.maximum(np.abs(center), 1.0)
        return cls(
            centers, np.maximum(widths, np.maximum(_NARROWEST * width, rounding_errors))
        )

    def scores(self, energies: np.ndarray, norms: np.ndarray) -> np.ndarray:
        """Robust standard deviations beyond the usual, of the odder of the two numbers.

        A low energy is not odd; a norm may be so either way.
        """
        clusters, values = _values(energies, norms)
        deviations = (values - self.centers[clusters]) / self.widths[clusters]
        return np.maximum(deviations[:, 0], np.abs(deviations[:, 1]))


def _values(energies, norms) -> tuple[np.ndarray, np.ndarray]:
    """Cluster of each sample, and its two numbers, (n_samples, 2)."""
    clusters = energies.argmin(axis=1)
    lowest = np.take_along_axis(energies, clusters[:, None], axis=1)[:, 0]
    logarithms = np.log(np.maximum(norms, np.finfo(np.float32).tiny))
    return clusters, np.stack([lowest, logarithms], axis=1).astype(np.float64)


def _center_and_width(values) -> tuple[np.ndarray, np.ndarray]:
    width = median_abs_deviation(values, axis=0, scale="normal")
    return np.median(values, axis=0), width
