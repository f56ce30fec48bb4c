"""A unit of the data in which clusters can be told apart."""

import warnings

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning

from ..base.samples import initialization_subset
from ..training import Samples
from ..utils.device import one_openmp_thread

__all__ = ["resolved_samples"]

# Probabilities are softmax(-E), which differences of energy far below one do not move.
# So the squared width of clusters has to be that.
_SMALLEST_SCATTER = 1.0
# No sample may get a norm whose rounding in single precision is as large as clusters.
_LARGEST_MAGNIFICATION = 100.0
# Samples that the scatter is measured on.
_N_SAMPLES = 2000


def resolved_samples(samples: Samples, n_clusters: int) -> Samples:
    """Samples in a smaller unit if clusters lie so far apart that they are points.

    The mean squared distance to the nearest of ``n_clusters`` centres that k-means
    finds becomes one at least, of samples with a norm a hundred times as large at most.
    Without it, two clusters that are close to each other for the size of all data, and
    far apart for their own, share their samples.

    Parameters
    ----------
    samples : Samples
        Scaled, complete or not, with an intercept.
    n_clusters : int

    Returns
    -------
    Samples
        The same ones if clusters are wider than that, as those of images are.
    """
    # A draw of its own: that of the start is what it would be without.
    random_state = np.random.RandomState(0)
    rows = initialization_subset(samples, _N_SAMPLES, random_state).X
    if len(rows) <= n_clusters:
        return samples
    plain = samples.of(torch.from_numpy(rows)).replaced(
        intercept_scaling=None, dtype=torch.float64
    )
    X = plain.batch(slice(None)).X.cpu().numpy()
    k_means = KMeans(n_clusters, n_init=3, random_state=random_state)
    with warnings.catch_warnings(), one_openmp_thread():
        # Fewer different samples than clusters.
        warnings.simplefilter("ignore", ConvergenceWarning)
        scatter = k_means.fit(X).inertia_ / len(X)
    # Samples that are all the same have no unit.
    if scatter >= _SMALLEST_SCATTER or not np.ptp(X, axis=0).any():
        return samples
    smallest = _SMALLEST_SCATTER / _LARGEST_MAGNIFICATION**2
    factor = (_SMALLEST_SCATTER / max(scatter, smallest)) ** 0.5
    return samples.replaced(
        scale=samples.scale / factor,
        intercept_scaling=samples.intercept_scaling * factor,
    )
