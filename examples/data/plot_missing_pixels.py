"""
Dead pixels and clouds
======================

From NaN to labels, and to pictures of what was not seen:

.. code-block:: python

    # images: NaN where a pixel is missing
    clusterer = ImageClustering(n_clusters=10).fit(images)
    filled, std = clusterer.imputer_.impute(rows, return_std=True)
"""

# %%
# A camera took the first 800 digits that come with scikit-learn. One pixel in eight is
# dead, other ones in each tenth of the recording, and a cloud, a block of three by
# three pixels, hides a part of every second picture. No picture is complete.

import numpy as np
from sklearn.datasets import load_digits

truth, y = load_digits(return_X_y=True)
truth, y = truth[:800].reshape(-1, 8, 8), y[:800]

rng = np.random.default_rng(0)
missing = np.zeros(truth.shape, dtype=bool)
for pictures in np.array_split(missing, 10):
    pictures[:] = rng.uniform(size=(8, 8)) < 1 / 8
for picture in missing[::2]:
    i, j = rng.integers(6, size=2)
    picture[i : i + 3, j : j + 3] = True

images = np.where(missing, np.nan, truth)
print(f"{missing.mean():.0%} of the pixels are missing")

# %%
# Labels
# ------
#
# NaN needs no parameter. How many labels are right, and how many would be if nothing
# were missing:

from skmixmate import ImageClustering
from skmixmate.metrics import clustering_accuracy

clusterer = ImageClustering(n_clusters=10, random_state=0)
labels = clusterer.fit_predict(images)
print(f"{clustering_accuracy(y, labels):.3f}")

complete = ImageClustering(n_clusters=10, random_state=0)
of_truth = complete.fit_predict(truth)
print(f"{clustering_accuracy(y, of_truth):.3f} if nothing were missing")

# %%
# k-means of the pixels needs them filled in, here with the means of the pixels and with
# what the nearest neighbours have:

from sklearn.cluster import KMeans
from sklearn.impute import KNNImputer, SimpleImputer

rows = images.reshape(len(images), -1)
filled_in = {
    "mean": SimpleImputer().fit_transform(rows),
    "nearest neighbours": KNNImputer().fit_transform(rows),
}
kmeans = KMeans(10, n_init=4, random_state=0)
for name, filled in filled_in.items():
    accuracy = clustering_accuracy(y, kmeans.fit_predict(filled))
    print(f"k-means after {name}: {accuracy:.3f}")

# %%
# Pictures
# --------
#
# What has filled the pixels in is in ``imputer_``, a `~skmixmate.LocalGaussianImputer`.
# It also tells how far off it may be:

filled, std = clusterer.imputer_.impute(rows, return_std=True)

# %%
# Gold is what is missing, and the darker the red, the less sure is what was filled in.

import matplotlib.pyplot as plt

shown = {
    "truth": (truth, "gray_r", 16),
    "observed": (images, "gray_r", 16),
    "filled in": (filled.reshape(truth.shape), "gray_r", 16),
    "unsure": (std.reshape(truth.shape), "Reds", 8),
}
_, axes = plt.subplots(4, 10, figsize=(10, 4.2), layout="constrained")
for axes_of_row, (name, (pictures, colours, largest)) in zip(
    axes, shown.items(), strict=True
):
    for ax, picture in zip(axes_of_row, pictures[:10], strict=True):
        ax.set_facecolor("#e8b04b")
        ax.imshow(picture, cmap=colours, vmin=0, vmax=largest)
        ax.set(xticks=[], yticks=[])
    axes_of_row[0].set_ylabel(name)
plt.show()

# %%
# How far off
# -----------
#
# Root mean squared errors of missing pixels, which are from 0 to 16:

filled_in["LocalGaussianImputer"] = filled
of_missing = missing.reshape(rows.shape)
errors = {
    name: (result - truth.reshape(rows.shape))[of_missing]
    for name, result in filled_in.items()
}
for name, error in errors.items():
    print(f"{name}: {np.sqrt(np.square(error).mean()):.2f}")

# %%
# Nine in ten true numbers should be within 1.645 standard deviations:

error = np.abs(errors["LocalGaussianImputer"])
within = error <= 1.645 * std[of_missing]
print(f"{within.mean():.1%} are")
