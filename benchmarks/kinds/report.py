"""Table of every kind of data: ``python -m benchmarks.kinds.report``."""

import numpy as np

from ..common import make_parser, parse, read, write_table
from .__main__ import OF_FEATURES, PEERS
from .sets import SETS

# Columns that a page has room for.
_SHORT = {
    "spherical KMeans": "spherical",
    "GaussianMixture": "GMM",
    "SpectralClustering": "spectral",
    "UMAP + GaussianMixture": "UMAP",
    "KMeans of features": "KMeans*",
    "UMAP + GaussianMixture of features": "UMAP*",
}


def main():
    parse(make_parser(__spec__.name, __doc__))
    methods = ["ours", *PEERS, *(f"{name} of features" for name in OF_FEATURES)]
    rows = []
    for name in SETS:
        result = read(f"kinds/{name}")
        if result is None:
            continue
        trials = result["trials"]
        row = [name.replace("_", " "), len(trials)]
        for method in methods:
            scores = [trial[method]["acc"] for trial in trials if method in trial]
            row.append(f"{np.mean(scores):.3f}" if scores else "")
        seconds = np.mean([trial["ours"]["seconds"] for trial in trials])
        rows.append([*row, f"{seconds:.0f}"])
    write_table(
        "kinds",
        ["data", "seeds", *(_SHORT.get(name, name) for name in methods), "s"],
        rows,
    )


if __name__ == "__main__":
    main()
