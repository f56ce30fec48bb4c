"""
What clusters are made of
=========================

A cluster is a dictionary: pictures of parts, its atoms, that its members are put
together from. In pixels they can be looked at. `skmixmate.ImageClustering` has
dictionaries of features, which cannot; there, averages of the images that use an atom
take its place.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from skmixmate import ImageClustering, MixMateClustering
from skmixmate.inspection import atom_averages
from skmixmate.plotting import DictionaryDisplay

X, _ = load_digits(return_X_y=True)
X = X[:800]

# %%
# In pixels
# ---------
#
# Dictionaries grow with the root of the size of their clusters; ``n_atoms`` is the
# mean. A row is a cluster, the most used atoms first; blue is negative.

mixmate = MixMateClustering(10, n_atoms=20, max_iter=10, random_state=0).fit(X)
print("atoms of each cluster:", mixmate.dictionary_sizes_)
DictionaryDisplay.from_estimator(mixmate, image_shape=(8, 8))
plt.show()

# %%
# One digit, atom by atom: what the largest entries of its code add to it, and the sum
# so far.

sample = 10
code = mixmate.encode(X[[sample]])[0]
parts = mixmate.scale_ * code[:, None] * mixmate.dictionaries_[mixmate.labels_[sample]]
order = np.argsort(-np.abs(code))
sums = np.cumsum(parts[order], axis=0)
print(f"{np.count_nonzero(code)} atoms are used")

figure, axes = plt.subplots(2, 8, figsize=(10, 2.9), layout="constrained")
for i, (above, below) in enumerate(axes[:, :-1].T):
    above.imshow(parts[order[i]].reshape(8, 8), cmap="RdBu_r", vmin=-6, vmax=6)
    above.set_title(f"{code[order[i]]:+.1f} x atom {order[i]}", fontsize="small")
    below.imshow(sums[i].reshape(8, 8), cmap="RdBu_r", vmin=-16, vmax=16)
last = {"all atoms": sums[-1], "the digit": X[sample]}
for ax, (title, picture) in zip(axes[:, -1], last.items(), strict=True):
    ax.imshow(picture.reshape(8, 8), cmap="RdBu_r", vmin=-16, vmax=16)
    ax.set_title(title, fontsize="small")
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
plt.show()

# %%
# In features
# -----------
#
# `skmixmate.inspection.atom_averages` averages the images of each cluster, and for each
# atom the images that use it most.

clusterer = ImageClustering(10, image_shape=(8, 8), random_state=0).fit(X)
averages = atom_averages(clusterer, X)

figure, axes = plt.subplots(1, 10, figsize=(10, 1.4), layout="constrained")
for cluster, (ax, mean) in enumerate(zip(axes, averages.cluster_means, strict=True)):
    ax.imshow(mean.reshape(8, 8), cmap="gray_r")
    n_members = np.count_nonzero(clusterer.labels_ == cluster)
    ax.set_title(f"{cluster}: {n_members}", fontsize="small")
    ax.set(xticks=[], yticks=[])
figure.suptitle("mean of each cluster, and number of its images")
plt.show()

# %%
# The display of dictionaries draws such averages as well. A row has the ways in which a
# digit is written.

DictionaryDisplay.from_estimator(
    clusterer, dictionaries=averages.atom_means, image_shape=(8, 8)
)
plt.show()
