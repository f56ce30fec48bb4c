"""
Signals and dead sensors
========================

Recordings of several sensors, (n, n_times, n_channels), some of which were dead and
some overloaded: put NaN where a number is not to be trusted, and cluster what is left.

.. code-block:: python

    labels = SignalClustering(n_clusters=4).fit_predict(signals)
"""

# %%
# The recordings are made up. Four sensors hear a tone, a rising chirp, a beat or two
# bursts, each at its gain, one a little after the other. Pitch, phase, start and
# loudness vary.

import numpy as np

rng = np.random.default_rng(0)
n, n_times, n_channels = 400, 256, 4
y = rng.integers(4, size=n)

t = np.arange(n_times)[:, None] / n_times
t = t - 0.005 * np.arange(n_channels) - rng.uniform(0, 0.1, size=(n, 1, 1))
turns = 2 * np.pi * rng.uniform(18, 22, size=(n, 1, 1))
phase = rng.uniform(0, 2 * np.pi, size=(n, 1, 1))
carrier = np.sin(turns * t + phase)
chirp = np.sin(turns * (0.5 + 0.5 * t) * t + phase)
beat = 1.4 * carrier * np.sin(10 * np.pi * t + phase)
first, second = (np.exp(-(((t - at) / 0.06) ** 2)) for at in (0.25, 0.65))
bursts = 2 * carrier * (first + second)

gains = np.array([0.7, 0.9, 1.1, 1.3])
loudness = rng.uniform(0.5, 1.5, size=(n, 1, 1))
complete = np.choose(y[:, None, None], [carrier, chirp, beat, bursts])
complete *= loudness * gains
complete += 0.4 * rng.standard_normal(complete.shape)

# %%
# In six recordings of ten a sensor is dead, and numbers beyond 1.7 are cut off:

signals = complete.copy()
signals[np.abs(complete) > 1.7] = np.nan
is_dead = rng.uniform(size=n) < 0.6
which = rng.integers(n_channels, size=is_dead.sum())
signals[is_dead, :, which] = np.nan

missing = np.isnan(signals)
print(f"{missing.mean():.0%} of the numbers are missing, ", end="")
print(f"in {missing.any((1, 2)).mean():.0%} of the recordings some")

# %%
# Four clusters
# -------------

from skmixmate import SignalClustering
from skmixmate.metrics import clustering_accuracy

clusterer = SignalClustering(n_clusters=4, random_state=0)
labels = clusterer.fit_predict(signals)

print(f"{clustering_accuracy(y, labels):.3f} of the labels are right")

# %%
# Two recordings of each cluster, the sensors one above the other. Lines end where
# numbers are missing, grey is what a sensor would have said.

import matplotlib.pyplot as plt

_, axes = plt.subplots(4, 2, figsize=(10, 7), layout="constrained")
for cluster, axes_of_cluster in enumerate(axes):
    members = np.flatnonzero((labels == cluster) & is_dead)
    for ax, member in zip(axes_of_cluster, members[:2], strict=True):
        levels = -5 * np.arange(n_channels)
        ax.plot(complete[member] + levels, color="0.8", linewidth=0.8)
        ax.plot(signals[member] + levels, linewidth=0.8)
        ax.set(yticks=[])
    axes_of_cluster[0].set_ylabel(f"cluster {cluster}")
for ax in axes[-1]:
    ax.set_xlabel("time")
plt.show()

# %%
# What it costs, and what else there is
# -------------------------------------
#
# The same from complete recordings; and k-means, of samples and of magnitudes of
# frequencies, with the mean of a time and sensor in place of what is missing.

from sklearn.cluster import KMeans
from sklearn.impute import SimpleImputer


def of_kmeans(signals, features):
    filled = SimpleImputer().fit_transform(signals.reshape(n, -1))
    X = features(filled.reshape(signals.shape)).reshape(n, -1)
    return KMeans(4, n_init=4, random_state=0).fit_predict(X)


def frequencies(signals):
    return np.abs(np.fft.rfft(signals, axis=1))


both = complete, signals
other = SignalClustering(n_clusters=4, random_state=0)
results = {
    "SignalClustering": [other.fit_predict(complete), labels],
    "k-means of frequencies": [of_kmeans(X, frequencies) for X in both],
    "k-means of samples": [of_kmeans(X, np.asarray) for X in both],
}
print(f"{'':24}complete  with NaN")
for name, of_both in results.items():
    accuracies = [clustering_accuracy(y, found) for found in of_both]
    print(f"{name:24}" + "".join(f"{one:8.3f}  " for one in accuracies))

# %%
# What is missing is filled in from the other sensors and from similar recordings. So it
# helps that sensors hear the same thing at gains that stay. With a gain of its own for
# each sensor in each recording, there would be little to guess a dead one from.
#
# New recordings may miss other sensors:

print(clusterer.predict(signals[:10]))
