"""Whether samples that are shuffled in blocks cluster as well.

``python -m benchmarks.scale.order DATASET`` fits pixels that are shuffled as a whole
and in blocks, as they are stored and sorted by class, the hard case. The blocks are
scaled down with the data and fewer: 16 images each, 64 at a time.
"""

import warnings
from contextlib import nullcontext
from unittest import mock

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skmixmate import MixMateClustering
from skmixmate.initializers import InitializationWarning
from skmixmate.metrics import clustering_accuracy
from skmixmate.training import order

from ..common import DATASETS, load, machine, make_parser, parse, store

_ROWS_OF_BLOCK, _N_BLOCKS = 16, 64


def one_fit(X, y, seed: int, *, in_blocks: bool) -> dict:
    """Accuracy and loss of a fit with the defaults."""
    scaled_down = {
        "_LARGEST_BYTES": 0,
        "_BYTES_OF_BLOCK": _ROWS_OF_BLOCK * X[0].nbytes,
        "_N_BLOCKS": _N_BLOCKS,
    }
    with mock.patch.multiple(order, **scaled_down) if in_blocks else nullcontext():
        mixture = MixMateClustering(10, random_state=seed, device="cpu").fit(X)
    return {
        "acc": round(float(clustering_accuracy(y, mixture.labels_)), 4),
        "loss": round(float(mixture.loss_), 4),
        "n_epochs": mixture.n_iter_,
    }


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("dataset", choices=list(DATASETS))
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parse(parser)
    warnings.simplefilter("ignore", InitializationWarning)
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y = load(arguments.dataset)
    X = X.astype(np.float32)
    by_class = np.argsort(y, kind="stable")
    rows = []
    for seed in range(arguments.seeds):
        for stored, places in (("as stored", slice(None)), ("by class", by_class)):
            for in_blocks in (False, True):
                found = one_fit(X[places], y[places], seed, in_blocks=in_blocks)
                row = {"seed": seed, "stored": stored, "in_blocks": in_blocks, **found}
                print(row, flush=True)
                rows.append(row)
    store(
        f"scale/order_{arguments.dataset}",
        {
            "command": f"python -m benchmarks.scale.order {arguments.dataset} "
            f"--seeds {arguments.seeds} --threads {arguments.threads}",
            "machine": machine(),
            "rows": rows,
        },
    )


if __name__ == "__main__":
    main()
