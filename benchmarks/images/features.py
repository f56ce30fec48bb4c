"""Features of images, for what is tried on them alone."""

import numpy as np

from skmixmate import ImageClustering
from skmixmate.ready import make_image_features

from ..common import load, random_rows, square


def some_features(dataset: str, n_images: int):
    """Features of random images, their classes, and a mixture for them, not fitted."""
    X, y = load(dataset)
    chosen = random_rows(len(X), n_images)
    images = X[chosen].astype(np.float32)
    features = make_image_features(square(X), random_state=0).fit_transform(images)
    clusterer = ImageClustering(10, n_init=1, random_state=0)
    return features, y[chosen], clusterer._new_mixmate(0)
