"""Data sets with classes of unequal size: draws of images, and blobs."""

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import pdist

from ..common import load

__all__ = ["SETS", "Draw"]


class Draw(NamedTuple):
    """Samples in random order, their classes from 0, and whether they are images."""

    X: np.ndarray
    y: np.ndarray
    are_images: bool


def long_tail(largest: int, ratio: float, n_classes: int = 10) -> list[int]:
    """Sizes that fall geometrically to the largest divided by ``ratio``."""
    steps = np.arange(n_classes) / (n_classes - 1)
    return np.round(largest * ratio**-steps).astype(int).tolist()


def images(name: str, sizes, classes=None):
    """Return a function that draws images of a data set, (seed) -> Draw.

    ``sizes`` are those of ``classes``, or of classes that the seed chooses.
    """

    def draw(seed: int) -> Draw:
        X, y = load(name)
        random_state = np.random.RandomState(seed)
        of_classes = classes or random_state.permutation(10)[: len(sizes)]
        rows = [
            random_state.permutation(np.flatnonzero(y == c))[:size]
            for c, size in zip(of_classes, sizes, strict=True)
        ]
        targets = np.repeat(np.arange(len(rows)), [len(r) for r in rows])
        order = random_state.permutation(len(targets))
        return Draw(X[np.concatenate(rows)][order], targets[order], True)

    return draw


def blobs(n_features: int, sizes, distance: float):
    """Return a function that draws Gaussian blobs, (seed) -> Draw.

    ``distance`` is the smallest one between two centres, in standard deviations.
    """

    def draw(seed: int) -> Draw:
        random_state = np.random.RandomState(seed)
        centers = random_state.normal(size=(len(sizes), n_features))
        centers *= distance / pdist(centers).min()
        y = random_state.permutation(np.repeat(np.arange(len(sizes)), sizes))
        X = centers[y] + random_state.normal(size=(len(y), n_features))
        return Draw(X, y, False)

    return draw


_NAMES = {"mnist": 700, "usps": 700, "fashion_mnist": 700, "digits": 170}
SETS = {
    **{
        f"{name}_{kind}": images(name, sizes)
        for name, largest in _NAMES.items()
        for kind, sizes in {
            "balanced": [min(300, largest)] * 10,
            "10_to_1": long_tail(largest, 10),
            "50_to_1": long_tail(largest, 50),
            "one_large": [largest, largest // 10, largest // 10],
        }.items()
    },
    "mnist_0_1_4": images("mnist", [3000, 300, 300], [0, 1, 4]),
    "mnist_five": images("mnist", [2500, 400, 300, 200, 200]),
    "mnist_20_to_1": images("mnist", long_tail(1500, 20)),
    **{
        f"blobs_{n_features}_{kind}_{sizes_name}": blobs(n_features, sizes, distance)
        for n_features in (2, 10, 50)
        for kind, distance in {"apart": 12.0, "overlapping": 4.0}.items()
        for sizes_name, sizes in {
            "balanced": [500, 500, 500, 500],
            "10_to_1": [1500, 300, 200, 150],
            "30_to_1": [2400, 400, 200, 80],
        }.items()
    },
}
