"""
How many clusters
=================

Clusters that are there are found again in other samples, and lie apart. Both can be
asked of samples without labels, for one number after another.

First vectors with five clusters of unequal size, which are made up; then digits; then a
cloud without clusters.
"""

from sklearn.datasets import make_blobs

from skmixmate import EmbeddingClustering

sizes = [100, 80, 60, 40, 30]
blobs, _ = make_blobs(sizes, 20, center_box=(-4, 4), random_state=0)
clusterer = EmbeddingClustering(n_clusters="auto", random_state=0)
clusterer.fit(blobs)

choice = clusterer.n_clusters_choice_
print(clusterer.n_clusters_, "clusters")
print(choice.reason)

# %%
# The rule
# --------
#
# The samples are partitioned into each number of clusters, and so are random halves of
# them. The choice is the largest number of which even the weakest cluster has nearly
# the same members in the halves.

import matplotlib.pyplot as plt

from skmixmate.plotting import StabilityDisplay

StabilityDisplay.from_estimator(clusterer)
plt.show()

# %%
# Digits
# ------
#
# The same for any clusterer and numbers, without fitting it; without a picture it is
# `skmixmate.model_selection.choose_n_clusters`. Of the digits, no number has only
# clusters that are found again. Then the choice is the number that is best on average,
# or a larger one that is about as good, and the reason says so.

from sklearn.datasets import load_digits

from skmixmate import ImageClustering

images = load_digits().images
display = StabilityDisplay.from_estimator(
    ImageClustering(), images, candidates=range(8, 13), random_state=0
)
print(display.choice.reason)
plt.show()

# %%
# The silhouette of k-means, for comparison, in pixels, for the same numbers:

from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

rows = images.reshape(len(images), -1)
silhouettes = {}
for n in range(8, 13):
    labels = KMeans(n, n_init=4, random_state=0).fit_predict(rows)
    silhouettes[n] = silhouette_score(rows, labels)
n = max(silhouettes, key=silhouettes.get)
print(n, "clusters have the largest silhouette")

# %%
# No clusters
# -----------
#
# Any method cuts a cloud that is longer than wide across its length, and does so in all
# halves alike. But such clusters do not lie apart: ``relative_cuts`` are the edges of
# the neighbour graph that leave clusters, as part of those in a Gaussian cloud of the
# same covariance. Then the answer is one, with a warning.

import warnings

import numpy as np

cloud = np.random.default_rng(0).standard_normal((200, 20))
cloud *= np.linspace(3, 0.5, 20)
with warnings.catch_warnings(record=True) as caught:
    clusterer.fit(cloud)
print(clusterer.n_clusters_, "cluster")
print(caught[0].message)

# %%

none = clusterer.n_clusters_choice_
_, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
for one, name in (choice, "five clusters"), (none, "a cloud"):
    ax.plot(one.candidates, one.relative_cuts, marker="o", label=name)
ax.axhline(0.5, color="0.6", linestyle=":")
ax.set(xlabel="Number of clusters", ylabel="relative_cuts")
ax.legend(frameon=False)
plt.show()

# %%
# What is found is a number of clusters in the features of the clusterer. Classes that
# blend into each other are not clusters, and a class of a few dozen samples is hardly
# found again in halves of them.
