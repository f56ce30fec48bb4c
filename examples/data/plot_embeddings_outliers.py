"""
Embeddings, and what does not belong
====================================

Vectors of a network, clustered, and those found that are in no cluster:

.. code-block:: python

    clusterer = EmbeddingClustering(n_clusters=8).fit(embeddings)
    clusterer.labels_
    clusterer.outlier_scores_  # the higher, the odder
"""

# %%
# The vectors are made up: eight clusters of directions in 64 dimensions, from 300 to 40
# vectors large, and one vector in fifty that points anywhere. As in embeddings of
# texts, all of them also vary along a few directions that have nothing to do with
# clusters.

import numpy as np
from sklearn.preprocessing import normalize

rng = np.random.default_rng(0)
y = np.repeat(np.arange(8), np.geomspace(300, 40, 8).astype(int))
n_odd = len(y) // 50
is_odd = np.arange(len(y) + n_odd) >= len(y)

centers, anywhere, common = (
    normalize(rng.standard_normal((n, 64))) for n in (8, n_odd, 3)
)
embeddings = np.concatenate([centers[y], anywhere])
embeddings += 0.12 * rng.standard_normal(embeddings.shape)
embeddings += 0.35 * rng.standard_normal((len(embeddings), 3)) @ common
embeddings = normalize(embeddings)
print(embeddings.shape)

# %%
# Labels, and for each vector how odd it is:

from skmixmate import EmbeddingClustering

clusterer = EmbeddingClustering(n_clusters=8, random_state=0)
clusterer.fit(embeddings)
print(clusterer.labels_[:5], clusterer.outlier_scores_[:5].round(2))

# %%
# Clusters
# --------
#
# Of the vectors that are in a cluster, accuracy, and the mean share of each cluster
# that is found, in which the small ones count as much:

from sklearn.cluster import KMeans

from skmixmate import metrics

kmeans = KMeans(8, n_init=10, random_state=0).fit(embeddings)
for name, labels in {
    "EmbeddingClustering": clusterer.labels_,
    "k-means": kmeans.labels_,
}.items():
    accuracy = metrics.clustering_accuracy(y, labels[~is_odd])
    balanced = metrics.balanced_clustering_accuracy(y, labels[~is_odd])
    print(f"{name}: {accuracy:.3f}, balanced {balanced:.3f}")

# %%
# A map of the vectors, coloured by cluster; circles are around those that point
# anywhere:

import matplotlib.pyplot as plt

from skmixmate.plotting import EmbeddingDisplay

display = EmbeddingDisplay.from_estimator(clusterer, embeddings)
places = display.embedding[is_odd[display.indices]]
display.ax_.scatter(*places.T, s=40, facecolors="none", edgecolors="k")
plt.show()

# %%
# What does not belong
# --------------------
#
# Scores are in robust standard deviations of the vectors of the same cluster.

scores = clusterer.outlier_scores_
_, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
bins = np.linspace(scores.min(), scores.max(), 50)
ax.hist(scores[~is_odd], bins, label="of a cluster", color="0.7")
ax.hist(scores[is_odd], bins, label="of none", color="tab:red")
ax.set(xlabel="outlier_scores_", ylabel="vectors", yscale="log")
ax.legend(frameon=False)
plt.show()

# %%
# If a share of odd ones is to be expected, the quantile is a threshold:

found = scores > np.quantile(scores, 0.98)
print(f"{is_odd[found].mean():.0%} of the highest 2 % are odd,")
print(f"{found[is_odd].mean():.0%} of the odd ones are among them")

# %%
# Other ways to find them
# -----------------------
#
# Areas under the ROC curve, one where each odd vector has a higher score than all
# others, 0.5 by chance.

from sklearn.ensemble import IsolationForest
from sklearn.metrics import RocCurveDisplay, roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

forest = IsolationForest(random_state=0).fit(embeddings)
local = LocalOutlierFactor().fit(embeddings)
all_scores = {
    "outlier_scores_": scores,
    "LocalOutlierFactor": -local.negative_outlier_factor_,
    "distance of k-means": kmeans.transform(embeddings).min(axis=1),
    "IsolationForest": -forest.score_samples(embeddings),
}
_, ax = plt.subplots(figsize=(5, 4.5), layout="constrained")
for name, one in all_scores.items():
    print(f"{name}: {roc_auc_score(is_odd, one):.3f}")
    RocCurveDisplay.from_predictions(is_odd, one, name=name, ax=ax)
ax.set(xlabel="share of the others", ylabel="share of the odd ones")
plt.show()

# %%
# Vectors that point anywhere are far from all others, which is what distances are for:
# `sklearn.neighbors.LocalOutlierFactor` finds them at least as well.
# ``outlier_scores_`` come with the labels, and have a method for new vectors;
# :doc:`/benchmarks/trust` has cases of another kind.
