"""The recipe of the MixMate paper with its choices for each data set."""

import numpy as np

from skmixmate.ready import make_paper_clusterer

# The paper's choices for each data set (section 4).
PARAMETERS = {
    "mnist": {"image_shape": (28, 28), "n_atoms": 50, "alpha": 0.75},
    "fashion_mnist": {
        "image_shape": (28, 28),
        "n_atoms": 50,
        "alpha": 0.75,
        # As in the authors' code; without, the step of 0.04 is far too large.
        "center_atoms": True,
    },
    "usps": {"image_shape": (16, 16), "n_atoms": 30, "alpha": 0.25},
}
# Few epochs: a larger learning rate that falls to zero.
QUICK = {"learning_rate": 4e-3, "learning_rate_schedule": "linear"}


def make_mixmate(dataset: str, seed: int, epochs: int, training=None, **changes):
    """The recipe for a data set; ``training`` are changes of the estimator itself."""
    parameters = PARAMETERS[dataset] | changes
    mixmate = make_paper_clusterer(10, random_state=seed, **parameters)
    return mixmate.set_params(max_iter=epochs, **(training or {}))


def observed_pixels(shape: tuple[int, int], seed: int) -> np.ndarray:
    """Mask of the paper's incomplete data: True where observed."""
    random_state = np.random.RandomState(seed)
    observed = np.ones(shape, dtype=bool)
    n_samples, n_features = shape
    incomplete = random_state.permutation(n_samples)[: round(0.9 * n_samples)]
    for row in incomplete:
        missing = random_state.permutation(n_features)[: round(0.25 * n_features)]
        observed[row, missing] = False
    return observed
