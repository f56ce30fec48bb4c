"""In what precision features of very many images may be kept.

``python -m benchmarks.scale.precision DATASET`` fits `skmixmate.ImageClustering` to
images whose features are kept in single precision in memory, as those of few images
are, and in half precision in a temporary file, as those of very many are. Of MNIST and
Fashion-MNIST 10,000 images are drawn. Stored as
``benchmarks/results/scale/precision_DATASET.json``.
"""

import warnings
from contextlib import ExitStack
from unittest import mock

import numpy as np

from skmixmate import ImageClustering
from skmixmate.initializers import InitializationWarning
from skmixmate.metrics import clustering_accuracy
from skmixmate.mixmate import NeighborVoting
from skmixmate.ready import features

from ..common import (
    DATASETS,
    clock,
    load,
    machine,
    make_parser,
    parse,
    random_rows,
    square,
    store,
)

_MOST_IMAGES = 10_000


def one_fit(X, y, seed: int, *, in_file: bool) -> dict:
    """How features were kept, accuracy and seconds."""
    fit_mixture, seen = NeighborVoting._fit, {}

    def timed(self, Z, trust):
        started = clock()
        found = fit_mixture(self, Z, trust)
        seen.update(Z=Z, seconds=clock() - started)
        return found

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(NeighborVoting, "_fit", timed))
        if in_file:
            stack.enter_context(mock.patch.object(features, "_LARGEST_BYTES", 0))
        started = clock()
        clusterer = ImageClustering(
            10, image_shape=square(X), random_state=seed, device="cpu"
        ).fit(X)
        seconds = clock() - started
    return {
        "seed": seed,
        "kept_in": "file" if isinstance(seen["Z"], np.memmap) else "memory",
        "dtype": seen["Z"].dtype.name,
        "bytes_of_features": seen["Z"].nbytes,
        "acc": round(float(clustering_accuracy(y, clusterer.labels_)), 4),
        "seconds": round(seconds, 1),
        "seconds_of_mixture_and_vote": round(seen["seconds"], 1),
    }


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("dataset", choices=list(DATASETS))
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parse(parser)
    warnings.simplefilter("ignore", InitializationWarning)
    X, y = load(arguments.dataset)
    chosen = np.sort(random_rows(len(X), _MOST_IMAGES))
    X, y = X[chosen].astype(np.float32), y[chosen]
    rows = []
    for seed in range(arguments.seeds):
        for in_file in (False, True):
            rows.append(one_fit(X, y, seed, in_file=in_file))
            print(rows[-1], flush=True)
    store(
        f"scale/precision_{arguments.dataset}",
        {
            "command": f"python -m benchmarks.scale.precision {arguments.dataset} "
            f"--seeds {arguments.seeds} --threads {arguments.threads}",
            "n_images": len(X),
            "machine": machine(),
            "rows": rows,
        },
    )


if __name__ == "__main__":
    main()
