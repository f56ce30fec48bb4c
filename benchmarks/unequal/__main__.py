"""Clusters of unequal size: ``python -m benchmarks.unequal SET``.

Draws classes of a data set in unequal numbers, clusters the draw with this package and
with its peers, and stores ACC, NMI, ARI and balanced accuracy as
``benchmarks/results/unequal/SET.json``. A seed is that of the draw and that of the
method. Peers cluster the features that the image clusterer computes. ``--kind`` takes
all sets whose name contains it; ``--only`` runs some methods, and leaves what is stored
of the others. Needs umap-learn and evoc beside the package. Labels are used for scoring
alone.
"""

import warnings
from functools import partial

import numpy as np

from skmixmate import ImageClustering, MixMateClustering
from skmixmate.metrics import balanced_clustering_accuracy, clustering_scores
from skmixmate.ready import make_image_features

from ..common import machine, make_parser, parse, read, square, store
from ..peers import methods
from .sets import SETS


def in_pixels(X, features, n_clusters, seed):
    return MixMateClustering(n_clusters, random_state=seed).fit(X).labels_


def image_clusterer(X, features, n_clusters, seed):
    model = ImageClustering(n_clusters, image_shape=square(X), random_state=seed)
    return model.fit_predict(X)


def peer(method, X, features, n_clusters, seed):
    return method(features, n_clusters, seed)[0]


METHODS = {
    "MixMate in pixels": in_pixels,
    "ImageClustering": image_clusterer,
    "KMeans": partial(peer, methods.k_means),
    "GaussianMixture": partial(peer, methods.gaussian_mixture),
    "SpectralClustering": partial(peer, methods.spectral),
    "UMAP + GaussianMixture": partial(peer, methods.umap_gaussian_mixture),
    "UMAP + HDBSCAN": partial(peer, methods.umap_hdbscan),
    "EVoC": partial(peer, methods.evoc),
}


# What computes its own features, if any.
OURS = {"MixMate in pixels", "ImageClustering"}


def run(name: str, n_seeds: int, chosen: list[str]) -> dict:
    """Scores of the chosen methods on every draw of a set."""
    trials: dict[str, list] = {}
    for seed in range(n_seeds):
        X, y, are_images = SETS[name](seed)
        n_clusters, features = int(y.max() + 1), X
        if are_images and not OURS.issuperset(chosen):
            model = make_image_features(square(X), random_state=seed)
            features = model.fit_transform(X)
        for method in chosen:
            if method == "ImageClustering" and not are_images:
                continue
            if method == "EVoC" and features.shape[1] < 10:
                continue  # It starts from more components than there are.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                labels = METHODS[method](X, features, n_clusters, seed)
            scores = clustering_scores(y, labels)
            scores["balanced"] = balanced_clustering_accuracy(y, labels)
            scores = {key: round(float(value), 4) for key, value in scores.items()}
            trials.setdefault(method, []).append({"seed": seed, **scores})
            print(name, seed, method, scores, flush=True)
    return trials


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(SETS))
    parser.add_argument("--kind", help="all sets with this in their name")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds, from 0")
    parser.add_argument("--skip", help="no methods with this in their name")
    parser.add_argument("--only", nargs="+", choices=METHODS, help="others are stored")
    arguments = parse(parser)
    names = arguments.sets or [n for n in SETS if (arguments.kind or "") in n]
    for name in names:
        skipped = arguments.skip
        chosen = [m for m in METHODS if not (skipped and skipped in m)]
        trials = run(name, arguments.seeds, arguments.only or chosen)
        if arguments.only:
            # In the order of the registry.
            found = read(f"unequal/{name}")["trials"] | trials
            trials = {method: found[method] for method in METHODS if method in found}
        store(
            f"unequal/{name}",
            {
                "command": f"python -m benchmarks.unequal {name} "
                f"--seeds {arguments.seeds} --threads {arguments.threads}"
                + (f" --skip {arguments.skip}" if arguments.skip else ""),
                "class_sizes": np.bincount(SETS[name](0).y).tolist(),
                "trials": trials,
                "machine": machine(),
            },
        )


if __name__ == "__main__":
    main()
