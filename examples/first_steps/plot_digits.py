"""
Digits in five lines
====================

Half of the 1,797 handwritten digits that come with scikit-learn, clustered without a
label; the other half goes into the clusters that were found.
"""

from sklearn.datasets import load_digits

from skmixmate import ImageClustering

images, y = load_digits(return_X_y=True)
clusterer = ImageClustering(10, image_shape=(8, 8), random_state=0)
clusterer.fit(images[::2])
labels = clusterer.predict(images[1::2])

# %%
# Each row is a cluster of the new digits, with those that are the most typical, and in
# frames those that are the most doubtful, with their probabilities:

import matplotlib.pyplot as plt

from skmixmate.plotting import ClusterDisplay

ClusterDisplay.from_estimator(clusterer, images[1::2])
plt.show()

# %%
# What the digits are was not used so far. It tells how many labels are right, where a
# cluster is for the digit that matches it best:

from skmixmate.metrics import clustering_accuracy

print(f"{clustering_accuracy(y[1::2], labels):.3f}")

# %%
# What is wrong is off the diagonal:

from skmixmate.plotting import ConfusionDisplay

ConfusionDisplay.from_predictions(y[1::2], labels)
plt.show()
