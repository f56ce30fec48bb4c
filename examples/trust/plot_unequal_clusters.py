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

clusterer = ImageClustering(n_clusters=5, n_init=1, random_state=0)
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

from skmixmate.metrics import balanced_clustering_accuracy, clustering_accuracy


def found(images):
    rows = images.reshape(len(images), -1)
    similar = ImageClustering(
        n_clusters=5, similar_sizes=True, n_init=1, random_state=0
    )
    spectral = SpectralClustering(5, affinity="nearest_neighbors", random_state=0)
    return {
        "similar_sizes=True": similar.fit_predict(images),
        "KMeans": KMeans(5, n_init=10, random_state=0).fit_predict(rows),
        "SpectralClustering": spectral.fit_predict(rows),
    }


others = found(images)
_, axes = plt.subplots(1, 3, figsize=(11, 4.2), layout="constrained")
for ax, (name, labels_of_other) in zip(axes, others.items(), strict=True):
    ConfusionDisplay.from_predictions(digits, labels_of_other, ax=ax)
    ax.set_title(f"{name}\n{ax.get_title()}")
plt.show()

# %%
# Numbers
# -------
#
# Accuracy is about the large classes. Balanced, it is the mean share of each class that
# is found. One draw says little where a class has twenty images, so here are three of
# them.

results = [(digits, {"ImageClustering": labels, **others})]
for seed in (1, 2):
    images, digits = draw(seed)
    of_draw = {"ImageClustering": clusterer.fit_predict(images), **found(images)}
    results.append((digits, of_draw))

print(f"{'':20}accuracy              balanced")
for name in results[0][1]:
    line = f"{name:20}"
    for score in (clustering_accuracy, balanced_clustering_accuracy):
        scores = [score(true, by_name[name]) for true, by_name in results]
        line += " ".join(f"{one:.3f}" for one in scores) + " " * 5
    print(line.rstrip())

# %%
# What the dictionaries are like
# ------------------------------
#
# A cluster has atoms by the root of its size, so that a large one gains less by being
# cut in two:

counts = np.bincount(clusterer.mixmate_.labels_)
for size, n_atoms in zip(counts, clusterer.mixmate_.dictionary_sizes_, strict=True):
    print(f"{size} images, {n_atoms} atoms")

# %%
# :doc:`/benchmarks/unequal` has more sets and methods, and those that are better at
# some of them.
