"""Features of images, for what is tried on them alone."""

import numpy as np

from skmixmate.recipes import make_image_clusterer

from ..common import load, random_rows, square


def some_features(dataset: str, n_images: int):
    """Features of random images, their classes, and a mixture for them, not fitted."""
    X, y = load(dataset)
    chosen = random_rows(len(X), n_images)
    clusterer = make_image_clusterer(10, square(X), n_init=1, random_state=0)
    features = clusterer[:-1].fit_transform(X[chosen].astype(np.float32))
    return features, y[chosen], clusterer[-1].mixmate
