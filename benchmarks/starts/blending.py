"""How much clusters blend into each other: ``python -m benchmarks.starts.blending``.

`skmixmate.initializers.blending` of the features of images, of which
`skmixmate.ImageClustering` leaves sizes open up to a bound: draws of the image sets in
equal and unequal numbers, generated images, and Gaussian noise. Beyond it, sizes are
open unless clusters that were merged are about even, and even ones agree. The first
bound was made on seeds 100 to 111 of some of the former, the others on Fashion-MNIST,
seeds 21 to 45; seeds here begin at 10. Beside it the accuracy of the first labels that
the model chooses among, if sizes are open and if they are not: of the best of them, so
that the choice does not count. Stored as ``benchmarks/results/starts/blending.json``.
Labels are used for scoring alone.
"""

import warnings
from unittest import mock

import numpy as np

from skmixmate.initializers import spectral_labelings
from skmixmate.metrics import clustering_accuracy
from skmixmate.ready import make_image_features, starts
from skmixmate.utils.device import CPU

from ..common import load, machine, make_parser, parse, random_rows, square, store
from ..kinds.sets import SETS as KINDS
from ..unequal.sets import SETS as UNEQUAL

FIRST_SEED, N_SAMPLES = 10, 5000
WHOLE = ("digits", "usps", "mnist", "fashion_mnist")
DRAWS = [
    *(
        f"{name}_{kind}"
        for name in ("digits", "usps", "mnist", "fashion_mnist")
        for kind in ("10_to_1", "50_to_1")
    ),
    *("mnist_five", "mnist_20_to_1"),
]
GENERATED = ("colours", "turned", "large")


def draw(name: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of at most 5,000 images, and their classes."""
    rotation = "any" if name == "turned" else "upright"
    if name in WHOLE:
        X, y = load(name)
        shape = square(X)
    elif name in GENERATED:
        X, y, _ = KINDS[name](seed)
        shape = X.shape[1:]
        X = X.reshape(len(X), -1)
    else:
        X, y, _ = UNEQUAL[name](seed)
        shape = square(X)
    rows = random_rows(len(X), min(N_SAMPLES, len(X)), seed)
    features = make_image_features(shape, rotation=rotation, random_state=seed)
    return features.fit_transform(X[rows]), y[rows]


def best(y, labelings) -> float:
    return max(clustering_accuracy(y, one.labels) for one in labelings)


def measure(name: str, seed: int) -> dict:
    if name == "noise":
        Z, y = np.random.RandomState(seed).normal(size=(2000, 50)), None
    else:
        Z, y = draw(name, seed)
    n_clusters = 10 if y is None else int(y.max() + 1)
    labelings = spectral_labelings(Z, n_clusters, seed)
    blending = labelings.blending
    evenness = starts._evenness_left_open(labelings, n_clusters)
    found = {
        # Of few samples it is not known, and sizes are open.
        "blending": None if np.isnan(blending) else round(blending, 3),
        "evenness": round(evenness, 3),
    }
    if y is not None:
        with mock.patch.object(starts, "CONTINUUM", np.inf):
            sizes_open = starts.any_sizes(Z, n_clusters, np.random.RandomState(seed))
        even = starts._most_even(Z, n_clusters, np.random.RandomState(seed), CPU)
        found |= {
            "agreement": round(even.rand_index, 3),
            "acc_if_open": round(best(y, sizes_open), 3),
            "acc_if_similar": round(clustering_accuracy(y, even.labels), 3),
        }
    return {"set": name, "seed": seed, **found}


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parse(parser)
    rows = []
    for name in ("noise", *WHOLE, *DRAWS, *GENERATED):
        for seed in range(FIRST_SEED, FIRST_SEED + arguments.seeds):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                rows.append(measure(name, seed))
            print(rows[-1], flush=True)
    result = {
        "command": f"python -m benchmarks.starts.blending --seeds {arguments.seeds} "
        f"--threads {arguments.threads}",
        "bounds": {
            "blending": starts.CONTINUUM,
            "evenness": starts._LEAST_EVENNESS,
            "agreement": starts._LEAST_AGREEMENT,
        },
        "rows": rows,
        "machine": machine(),
    }
    store("starts/blending", result)


if __name__ == "__main__":
    main()
