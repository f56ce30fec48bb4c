"""
Colour counts
=============

Images in colour, (n, height, width, 3), are clustered as they are:

.. code-block:: python

    labels = ImageClustering(n_clusters=9).fit_predict(images)

What the same images in grey, or their colours alone, would have told is shown below.
"""

# %%
# The images are made up: discs, rings and crescents in three colours, of any size and
# place, in more or less light and on more or less dark ground.

import numpy as np

rng = np.random.default_rng(0)
n, side = 450, 20
shape, colour = rng.integers(3, size=(2, n))
y = 3 * shape + colour

rows, columns = np.indices((side, side))[:, None]
i, j = rng.uniform(8, 12, size=(2, n, 1, 1))
radius = rng.uniform(4.5, 7, size=(n, 1, 1))


def disc(i, j, radius):
    """A disc with soft edges: one inside, zero outside."""
    beyond = np.hypot(rows - i, columns - j) - radius
    return 1 / (1 + np.exp(2 * beyond))


whole = disc(i, j, radius)
ring = whole * (1 - disc(i, j, 0.6 * radius))
crescent = whole * (1 - disc(i, j + 0.8 * radius, radius))
form = np.choose(shape[:, None, None], [whole, ring, crescent])
form = form[..., None]

paints = np.array([[1.0, 0.2, 0.2], [0.2, 1.0, 0.2], [0.2, 0.2, 1.0]])
light = rng.uniform(0.5, 1, size=(n, 1, 1, 1))
ground = rng.uniform(0, 0.3, size=(n, 1, 1, 1))
images = form * light * paints[colour][:, None, None] + (1 - form) * ground
images += 0.03 * rng.standard_normal(images.shape)
images = images.clip(0, 1)
print(images.shape)

# %%
# Nine clusters
# -------------

from skmixmate import ImageClustering
from skmixmate.metrics import clustering_accuracy

clusterer = ImageClustering(n_clusters=9, random_state=0)
labels = clusterer.fit_predict(images)

print(f"{clustering_accuracy(y, labels):.3f} of the labels are right")

# %%
# A row is a cluster: its surest members, and beyond the gap those that it is least sure
# of.

import matplotlib.pyplot as plt

from skmixmate.plotting import ClusterDisplay

ClusterDisplay.from_estimator(clusterer, images)
plt.show()

# %%
# Grey is not enough
# ------------------
#
# The three paints are equally bright, so that in grey there are three kinds of images
# left.

grey = images.mean(axis=-1)
clusterer = ImageClustering(n_clusters=3, random_state=0)
of_grey = clusterer.fit_predict(grey)
print(f"shapes, from grey: {clustering_accuracy(shape, of_grey):.3f}")
print(f"shapes and colours: {clustering_accuracy(y, of_grey):.3f}")

# %%
# Nor are colours
# ---------------
#
# k-means of the mean colour of an image, of its mean colour without its brightness, and
# of all pixels:

from sklearn.cluster import KMeans
from sklearn.preprocessing import normalize

means = images.mean(axis=(1, 2))
kmeans = KMeans(9, n_init=4, random_state=0)
for name, X in {
    "mean colour": means,
    "hue": normalize(means),
    "pixels": images.reshape(n, -1),
}.items():
    accuracy = clustering_accuracy(y, kmeans.fit_predict(X))
    print(f"k-means, {name}: {accuracy:.3f}")

# %%
# What the confusion is about, with the shapes and colours by their names:

from skmixmate.plotting import ConfusionDisplay

names = [
    f"{colour} {shape}"
    for shape in ("disc", "ring", "crescent")
    for colour in ("red", "green", "blue")
]
_, axes = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
for ax, name, found in (
    (axes[0], "ImageClustering", labels),
    (axes[1], "k-means of pixels", kmeans.labels_),
):
    ConfusionDisplay.from_predictions(
        y,
        found,
        class_names=names,
        ax=ax,
    )
    ax.set_title(f"{name}: {ax.get_title()}")
plt.show()

# %%
# Each channel has features of its own, of one unit for all three, so that colours keep
# their proportions and an image in less light is the same as before. Other numbers of
# channels are taken as well: near infrared, stains, elevation.
#
# Tiles of a photograph are another matter. Sky, foliage and walls are told apart by
# their mean colour, of which k-means makes cleaner segments; this clusterer is for
# images of one object each.
