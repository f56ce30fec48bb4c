"""
Sure or not
===========

Which labels to keep, which clusters to believe, and which clusters are alike: asked of
digits, with their names for checking alone.
"""

import numpy as np
from sklearn.datasets import load_digits

from skmixmate import ImageClustering

images, y = load_digits(return_X_y=True)
images = images.reshape(-1, 8, 8)
train, test = images[:900], images[900:]
y_train, y_test = y[:900], y[900:]

clusterer = ImageClustering(n_clusters=10, random_state=0)
clusterer.fit(train)
probabilities = clusterer.predict_proba(test)
labels = probabilities.argmax(axis=1)
sure = probabilities.max(axis=1)

# %%
# Keep the surest
# ---------------
#
# Each cluster is named after the digit that most of its *training* images are of. Then
# a label of a new image is right or wrong.

digits_of = [y_train[clusterer.labels_ == k] for k in range(10)]
names = np.array([np.bincount(digits).argmax() for digits in digits_of])
right = names[labels] == y_test
print(f"all: {right.mean():.3f} are right")

kept = sure >= np.quantile(sure, 0.1)
print(f"the surest {kept.mean():.0%}: {right[kept].mean():.3f}")
print(f"the others: {right[~kept].mean():.3f}")

# %%
# Do probabilities mean what they say?
# ------------------------------------
#
# Of labels with a probability of 0.7, seven in ten should be right. Each point is a
# tenth of the new images; above the dotted line, labels are right more often than their
# probabilities say. The mixture alone, before neighbours vote, takes features for
# independent witnesses, and is nearly always certain.

import matplotlib.pyplot as plt
from sklearn.calibration import calibration_curve

features = clusterer.compute_features(test)
of_mixture = clusterer.mixmate_.predict_proba(features)
right_of_mixture = names[of_mixture.argmax(axis=1)] == y_test

_, ax = plt.subplots(figsize=(4.5, 4.5), layout="constrained")
for name, is_right, p in (
    ("ImageClustering", right, sure),
    ("its mixture alone", right_of_mixture, of_mixture.max(axis=1)),
):
    share, said = calibration_curve(
        is_right,
        p,
        n_bins=10,
        strategy="quantile",
    )
    ax.plot(said, share, marker="o", label=name)
    print(f"{name}: {p.mean():.3f} said, {is_right.mean():.3f} are right")
ax.plot([0, 1], [0, 1], color="0.6", linestyle=":")
ax.set(xlabel="probability", ylabel="share that is right")
ax.set(xlim=(0.3, 1.02), ylim=(0.3, 1.02))
ax.legend(frameon=False, loc="lower right")
plt.show()

# %%
# Those that it is least sure of, and what it takes them for:

doubtful = np.argsort(sure)[:20]
_, axes = plt.subplots(2, 10, figsize=(10, 2.8), layout="constrained")
for ax, i in zip(axes.flat, doubtful, strict=True):
    ax.imshow(test[i], cmap="gray_r")
    ax.set(xticks=[], yticks=[])
    ax.set_title(f"{names[labels[i]]}, {sure[i]:.2f}", fontsize=8)
plt.show()

# %%
# Which clusters are there
# ------------------------
#
# A cluster that is there has the same members in random halves of the images. That can
# be told without names, which are printed for the reader:

from skmixmate.model_selection import clusters_found_again

again = clusters_found_again(clusterer, train, random_state=0)
for k in np.argsort(-again):
    share = np.mean(digits_of[k] == names[k])
    print(f"found again to {again[k]:.2f}; {share:.0%} are a {names[k]}")

# %%
# Which clusters are alike
# ------------------------
#
# Two clusters are near each other if the dictionary of one explains the images of the
# other nearly as well as their own. The axis does not begin at zero.

from scipy.cluster.hierarchy import dendrogram

from skmixmate.inspection import merge_tree

tree = merge_tree(clusterer, train)
_, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
leaves = [f"mostly {name}" for name in names]
dendrogram(tree, labels=leaves, leaf_rotation=90, ax=ax)
ax.set(ylabel="excess energy", ylim=(0.9 * tree[0, 2], None))
plt.show()
