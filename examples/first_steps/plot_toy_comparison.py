"""
Clusterers on toy data sets, and on digits
==========================================

scikit-learn compares its clusterers on data of two features, which one can see. Here is
that comparison with `~skmixmate.MixMateClustering` added, and with a last row of what
it is made for: samples of many features, each a combination of a few patterns of its
cluster.
"""

import time
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import HDBSCAN, KMeans, SpectralClustering
from sklearn.datasets import load_digits, make_blobs, make_circles, make_moons
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

from skmixmate import MixMateClustering

n_samples = 500
skewed, skewed_y = make_blobs(n_samples, random_state=170)
digits, digits_y = load_digits(return_X_y=True)
data_sets = {
    "circles": make_circles(n_samples, factor=0.5, noise=0.05, random_state=30),
    "moons": make_moons(n_samples, noise=0.05, random_state=30),
    "varied": make_blobs(n_samples, cluster_std=[1.0, 2.5, 0.5], random_state=170),
    "aniso": (skewed @ [[0.6, -0.6], [-0.4, 0.8]], skewed_y),
    "blobs": make_blobs(n_samples, random_state=30),
    "no structure": (np.random.default_rng(30).uniform(size=(n_samples, 2)), None),
    # Every second one, for time.
    "digits": (digits[::2], digits_y[::2]),
}


def clusterers(n_clusters):
    """All with their defaults, but for what data of any kind need."""
    return {
        "KMeans": KMeans(n_clusters, random_state=0),
        "GaussianMixture": GaussianMixture(n_clusters, random_state=0),
        "Spectral-\nClustering": SpectralClustering(
            n_clusters,
            affinity="nearest_neighbors",
            assign_labels="cluster_qr",
            random_state=0,
        ),
        "HDBSCAN": HDBSCAN(min_samples=3, min_cluster_size=15, copy=True),
        "MixMate-\nClustering": MixMateClustering(n_clusters, random_state=0),
    }


# %%
# Each panel has the seconds that a fit took and, where there are classes, the adjusted
# Rand index: 1 where clusters are the classes, 0 where they are no better than chance.
# Digits have 64 features; they are drawn on their first two principal components, which
# the clusterers do not see. HDBSCAN is not told the number of clusters, and leaves out
# what it takes for noise, in black.

# The first fit of a process imports more of PyTorch, which is not to count.
MixMateClustering(2, max_iter=1, random_state=0).fit(data_sets["blobs"][0])
# Where clusters lie apart, a graph of neighbours is not connected.
warnings.filterwarnings("ignore", "Graph is not fully connected")

fig, axes = plt.subplots(
    len(data_sets), len(clusterers(2)), figsize=(9, 12.5), layout="constrained"
)
colors = np.array([*plt.colormaps["tab20"].colors, (0.0, 0.0, 0.0)])
for row, (name, (X, y)) in zip(axes, data_sets.items(), strict=True):
    if X.shape[1] == 2:
        X = points = StandardScaler().fit_transform(X)
    else:
        points = PCA(2).fit_transform(X)
    n_clusters = 3 if y is None else len(np.unique(y))
    row[0].set_ylabel(name)
    for ax, (method, model) in zip(row, clusterers(n_clusters).items(), strict=True):
        start = time.perf_counter()
        labels = model.fit_predict(X)
        seconds = time.perf_counter() - start
        color = np.where(labels < 0, 20, labels % 20)
        ax.scatter(*points.T, s=3, c=colors[color])
        told = "" if y is None else f"ARI {adjusted_rand_score(y, labels):z.2f}, "
        ax.set_xlabel(f"{told}{seconds:.2f} s", fontsize=8)
        ax.set(xticks=[], yticks=[])
        if name == "circles":
            ax.set_title(method, fontsize=10)
plt.show()

# %%
# What to take for which data:
#
# - Round clusters of about one size: `~sklearn.cluster.KMeans`. It is the fastest.
# - Ellipses of few features: `~sklearn.mixture.GaussianMixture`. With many features it
#   has more covariances to estimate than there are samples for.
# - Clusters of any form with gaps between them: `~sklearn.cluster.HDBSCAN`, which also
#   leaves noise out, or `~sklearn.cluster.SpectralClustering` where their number is
#   known. Neither predicts clusters of new samples.
# - Images, signals and other samples of many features that are combinations of
#   patterns: `~skmixmate.MixMateClustering`, or the ready-made clusterers around it,
#   such as `~skmixmate.ImageClustering`. They take the longest.
#
# Of two features, two atoms of any cluster can explain every sample, and clusters
# differ in no more than what that costs. So where `~skmixmate.MixMateClustering` ends
# depends on where it starts, which is a spectral clustering unless told otherwise. From
# k-means it does not part the circles:

X, y = data_sets["circles"]
from_k_means = MixMateClustering(2, init="k-means", random_state=0).fit_predict(X)
print(f"ARI {adjusted_rand_score(y, from_k_means):z.2f}")

# %%
# Data without structure are cut up by all of them, as they are told to, or in the case
# of HDBSCAN of its own accord. `~skmixmate.model_selection.choose_n_clusters` asks
# whether clusters are found again in halves of the data.
