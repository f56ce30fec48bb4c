"""Figures that are seen by nobody, and closed."""

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402


@pytest.fixture(autouse=True)
def close_figures():
    """Close what a test has opened."""
    yield
    plt.close("all")


THRESHOLD = 0.5


class StubMixture:
    """Two orthonormal dictionaries of unit vectors: codes are thresholded entries.

    Cluster 0 holds features 0 and 1, cluster 1 holds features 2 and 3, the first
    of them negated.
    """

    def __init__(self):
        atoms = np.eye(4)
        atoms[2] *= -1
        self.dictionaries_ = atoms.reshape(2, 2, 4)
        self.atom_usage_ = np.array([[0.1, 0.3], [0.2, 0.0]])
        self.weights_ = np.array([0.5, 0.5])
        self.labels_ = np.array([0, 0, 0, 1])

    def _observed(self, X, mask):
        return ~np.isnan(X) if mask is None else ~np.isnan(X) & mask

    def encode(self, X, clusters="assigned", mask=None):
        X = np.where(self._observed(X, mask), X, 0)
        codes = np.einsum("bm,kpm->bkp", X, self.dictionaries_)
        codes = np.sign(codes) * np.maximum(np.abs(codes) - THRESHOLD, 0)
        if clusters == "all":
            return codes
        return codes[np.arange(len(X)), self.predict(X, mask=mask)]

    def reconstruct(self, X, clusters="all", mask=None):
        codes = self.encode(X, clusters=clusters, mask=mask)
        return np.einsum("bkp,kpm->bkm", codes, self.dictionaries_)

    def predict(self, X, mask=None):
        missing = ~self._observed(X, mask)[:, None]
        errors = np.where(missing, 0, X[:, None] - self.reconstruct(X, mask=mask))
        return (errors**2).sum(axis=-1).argmin(axis=1)


@pytest.fixture
def stub():
    """A mixture of which everything is known."""
    return StubMixture()
