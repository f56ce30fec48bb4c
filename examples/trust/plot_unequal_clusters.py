"""
Clusters of unequal size
========================

Data without labels are hardly ever balanced. Methods that like clusters of one size cut
up a large one and join small ones.

Of the digits that come with scikit-learn, 170 zeros, 40 ones, 20 twos, 100 threes and
60 fours.
"""

import numpy as np
from sklearn.datasets import load_digits

X, y = load_digits(return_X_y=True)
sizes = [170, 40, 20, 100, 60]


def draw(seed):
    rng = np.random.default_rng(seed)
    rows = [
        rng.choice(np.flatnonzero(y == digit), size, replace=False)
        for digit, size in enumerate(sizes)
    ]
    rows = rng.permutation(np.concatenate(rows))
    return X[rows].reshape(-1, 8, 8), y[rows]


images, digits = draw(0)

# %%
# Nothing has to be said about sizes:

import matplotlib.pyplot as plt

from skmixmate import ImageClustering
from skmixmate.plotting import ConfusionDisplay

clusterer = ImageClustering(n_clusters=5, random_state=0)
labels = clusterer.fit_predict(images)
ConfusionDisplay.from_predictions(digits, labels)
plt.show()

# %%
# If sizes are known
# ------------------
#
# ``similar_sizes=True`` says that classes are of about one size, which helps where that
# is so. Here it is not. This is what comes of it, beside two methods of scikit-learn in
# pixels:

from sklearn.cluster import KMeans, SpectralClustering

similar = ImageClustering(
    n_clusters=5,
    similar_sizes=True,
    random_state=0,
)
kmeans = KMeans(5, n_init=10, random_state=0)
spectral = SpectralClustering(
    5,
    affinity="nearest_neighbors",
    random_state=0,
)


def found(images):
    rows = images.reshape(len(images), -1)
    return {
        "similar_sizes=True": similar.fit_predict(images),
        "KMeans": kmeans.fit_predict(rows),
        "SpectralClustering": spectral.fit_predict(rows),
    }


others = found(images)
_, axes = plt.subplots(1, 3, figsize=(11, 4.2), layout="constrained")
for ax, (name, of_other) in zip(axes, others.items(), strict=True):
    ConfusionDisplay.from_predictions(digits, of_other, ax=ax)
    ax.set_title(f"{name}\n{ax.get_title()}")
plt.show()

# %%
# Numbers
# -------
#
# Accuracy is about the large classes. Balanced, it is the mean share of each class that
# is found. One draw says little where a class has twenty images, so here are three of
# them.

from skmixmate import metrics

results = [(digits, {"ImageClustering": labels, **others})]
for seed in (1, 2):
    images, digits = draw(seed)
    labels = clusterer.fit_predict(images)
    results.append((digits, {"ImageClustering": labels, **found(images)}))

print(f"{'':20}accuracy              balanced")
for name in results[0][1]:
    line = f"{name:20}"
    for score in (
        metrics.clustering_accuracy,
        metrics.balanced_clustering_accuracy,
    ):
        scores = [score(true, of_draw[name]) for true, of_draw in results]
        line += " ".join(f"{one:.3f}" for one in scores) + " " * 5
    print(line.rstrip())

# %%
# What the dictionaries are like
# ------------------------------
#
# A cluster has atoms by the root of its size, so that a large one gains less by being
# cut in two:

mixmate = clusterer.mixmate_
for cluster, n_atoms in enumerate(mixmate.dictionary_sizes_):
    size = np.sum(mixmate.labels_ == cluster)
    print(f"{size} images, {n_atoms} atoms")

# %%
# :doc:`/benchmarks/unequal` has more sets and methods, and those that are better at
# some of them.
