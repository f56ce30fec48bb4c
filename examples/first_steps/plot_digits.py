"""
Digits in five lines
====================

The 1,797 handwritten digits that come with scikit-learn, clustered without a label.
"""

from sklearn.datasets import load_digits

from skmixmate import ImageClustering
from skmixmate.metrics import clustering_accuracy

images, y = load_digits(return_X_y=True)
clusterer = ImageClustering(n_clusters=10, image_shape=(8, 8), random_state=0)
labels = clusterer.fit_predict(images)

# %%
# The digits' names were not used so far. They tell how many labels are right:

print(f"{clustering_accuracy(y, labels):.3f}")
