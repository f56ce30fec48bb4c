r"""
A penalty of your own
=====================

The penalty says what a sparse code is. `skmixmate.penalties` has a few; here is another
one, the log-sum of Candès, Wakin and Boyd (2008),

.. math:: \Omega(z) = \sum_p \log(1 + |z_p| / w),

which hardly minds how large an entry is once it is there, where the l1 norm shrinks all
of them alike. It is written in a class, held to its definition by numbers, and used in
`skmixmate.MixMateClustering` on five digits, beside the l1 norm.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits

from skmixmate import MixMateClustering
from skmixmate.metrics import clustering_accuracy
from skmixmate.penalties import L1, Penalty
from skmixmate.plotting import DictionaryDisplay

# %%
# The class
# ---------
#
# A penalty has two methods in PyTorch: ``value``, and its proximal operator ``prox``,
# the minimiser of :math:`\frac12 (z - c)^2 + t\, \Omega(z)` for a code :math:`c` and a
# threshold :math:`t`. Of the log-sum it is a root of a quadratic equation, unless zero
# is better. The log-sum is no norm, and so it gets tensors as thresholds. Autograd
# would find the gradient; ``prox_backward`` makes training faster.


class LogSum(Penalty):
    """``sum_p log(1 + |z_p| / width)``."""

    def __init__(self, width=1.0):
        self.width = width

    def _root(self, sizes, threshold):
        squares = (sizes + self.width).square() - 4.0 * threshold
        return squares.clamp(min=1e-12).sqrt()

    def prox(self, codes, threshold):
        """See `Penalty.prox`."""
        sizes = codes.abs()
        z = torch.relu(sizes - self.width + self._root(sizes, threshold)) / 2
        cost = (z - sizes).square() / 2 + threshold * torch.log1p(z / self.width)
        return torch.where(cost < sizes.square() / 2, codes.sign() * z, 0.0)

    def prox_backward(self, grad, codes, threshold):
        """See `Penalty.prox_backward`."""
        sizes = codes.abs()
        slope = (1.0 + (sizes + self.width) / self._root(sizes, threshold)) / 2
        return torch.where(self.prox(codes, threshold) != 0.0, grad * slope, 0.0)

    def value(self, codes):
        """See `Penalty.value`."""
        return torch.log1p(codes.abs() / self.width).sum(-1)


# %%
# Held to its definition
# ----------------------
#
# For some codes and thresholds, what ``prox`` gives has the lowest cost of a fine grid,
# and ``prox_backward`` is the gradient that finite differences find.

penalty = LogSum(width=0.5)
codes = torch.from_numpy(np.random.RandomState(0).uniform(-4, 4, size=(1, 400, 1)))
grid = torch.linspace(-5, 5, 10_001, dtype=torch.float64)
for number in (0.05, 0.2, 1.0, 3.0):
    threshold = torch.full((1, 1, 1), number, dtype=torch.float64)

    def cost(z, threshold=threshold):
        return (z - codes).square() / 2 + threshold * penalty.value(z[..., None])

    reached = cost(penalty.prox(codes, threshold))
    lowest = cost(grid[None, None]).amin(-1, keepdim=True)
    slopes = penalty.prox_backward(torch.ones_like(codes), codes, threshold)
    ahead, behind = (penalty.prox(codes + s, threshold) for s in (1e-6, -1e-6))
    differences = (ahead - behind) / 2e-6
    print(
        f"threshold {number}: costs differ by {(reached - lowest).abs().max():.0e}, "
        f"slopes by {(slopes - differences).abs().max():.0e}"
    )
    np.testing.assert_allclose(reached, lowest, atol=1e-5)
    np.testing.assert_allclose(slopes, differences, atol=1e-4)

# %%
# What both make of a code at a threshold of one half: the log-sum leaves large entries
# almost as they are.

curve = torch.linspace(-3, 3, 601)[None, :, None]
threshold = torch.full((1, 1, 1), 0.5)
figure, ax = plt.subplots(figsize=(4.5, 3.5), layout="constrained")
ax.plot(curve.flatten(), curve.flatten(), color="0.8", label="code")
ax.plot(curve.flatten(), L1().prox(curve, 0.5).flatten(), label="l1")
ax.plot(curve.flatten(), penalty.prox(curve, threshold).flatten(), label="log-sum")
ax.set(xlabel="code", ylabel="prox")
ax.legend(frameon=False)
plt.show()

# %%
# In a mixture
# ------------
#
# An instance is passed as ``penalty``. The log-sum leaves less of a digit over, with
# fewer atoms.

X, y = load_digits(n_class=5, return_X_y=True)
settings = {
    "n_atoms": 20,
    "max_iter": 6,
    "learning_rate": 0.02,
    "learning_rate_schedule": "linear",
    "batch_size": "auto",
    "random_state": 0,
}
mixtures = {
    "l1": MixMateClustering(5, penalty="l1", alpha=1.5, **settings),
    "log-sum": MixMateClustering(5, penalty=LogSum(width=1.0), alpha=1.5, **settings),
}
sizes = {}
for name, mixture in mixtures.items():
    mixture.fit(X)
    sizes[name] = np.abs(mixture.encode(X))
    error = np.square(X - mixture.reconstruct(X)).sum() / np.square(X).sum()
    print(
        f"{name:8} {(sizes[name] > 0).sum(axis=1).mean():5.1f} atoms a digit, "
        f"{error:.1%} of its squares left over, "
        f"accuracy {clustering_accuracy(y, mixture.labels_):.3f}"
    )

# %%
# The entries of the codes: there are fewer small ones.

figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
bins = np.linspace(0, 8, 41)
for name, entries in sizes.items():
    ax.hist(entries[entries > 0], bins, histtype="step", lw=1.5, label=name)
ax.set(xlabel="magnitude of an entry that is not zero", ylabel="number of entries")
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# The most used atoms of each cluster, with the log-sum.

DictionaryDisplay.from_estimator(mixtures["log-sum"], image_shape=(8, 8))
plt.show()
