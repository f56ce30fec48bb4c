"""More clusters than wanted, then merged: ``python -m benchmarks.images.merging``.

Features of the image clusterer of at most 10,000 images of each data set, single starts
of as many clusters as are wanted, or of 1.5 or 2 times as many. The latter are merged,
two at a time, where that gains most modularity in the graph of nearest neighbours, and
then trained again. Labels are used for scoring alone. About 20 minutes on one thread;
stores ``benchmarks/results/images/merging.json``.
"""

import numpy as np
from sklearn.neighbors import kneighbors_graph

from skmixmate.metrics import clustering_scores

from ..common import DATASETS, machine, make_parser, parse, store
from .features import some_features

N_IMAGES, N_EPOCHS, N_CLUSTERS = 10_000, 3, 10
MORE = (15, 20)


def merged(labels, graph, n_clusters: int) -> np.ndarray:
    """Merge clusters greedily by modularity until ``n_clusters`` are left."""
    members = np.eye(labels.max() + 1)[labels]
    links = members.T @ (graph @ members)
    groups = np.arange(len(links))
    while len(links) > n_clusters:
        degrees = links.sum(1)
        gains = links - np.outer(degrees, degrees) / degrees.sum()
        gains[np.tril_indices(len(links))] = -np.inf
        kept, gone = np.unravel_index(gains.argmax(), gains.shape)
        for axis in (0, 1):
            links = np.moveaxis(links, axis, 0)
            links[kept] += links[gone]
            links = np.moveaxis(np.delete(links, gone, axis=0), 0, axis)
        groups = np.where(groups == gone, kept, groups)
        groups -= groups > gone
    return groups[labels]


def fit(mixmate, F, init, n_clusters: int, seed: int):
    mixmate.set_params(n_clusters=n_clusters, init=init, random_state=seed)
    # "ssc" on as many images as in the image clusterer, given labels on all.
    return mixmate.set_params(init_size=5000 if init == "ssc" else len(F)).fit(F)


def trial(F, y, mixmate, graph, seed: int) -> dict:
    """Scores, and losses where there are any, by the kind of start."""
    direct = fit(mixmate, F, "ssc", N_CLUSTERS, seed)
    rows = {"direct": (direct.loss_, clustering_scores(y, direct.labels_))}
    for n_more in MORE:
        labels = merged(fit(mixmate, F, "ssc", n_more, seed).labels_, graph, N_CLUSTERS)
        rows[f"{n_more}, merged"] = (None, clustering_scores(y, labels))
        by_image = {row.tobytes(): label for row, label in zip(F, labels, strict=True)}

        def given(X, n_clusters, random_state, by_image=by_image):
            """The samples come in another order."""
            return np.array([by_image[np.asarray(x).tobytes()] for x in X])

        again = fit(mixmate, F, given, N_CLUSTERS, seed)
        rows[f"{n_more}, merged, trained"] = (
            again.loss_,
            clustering_scores(y, again.labels_),
        )
    return {
        name: {"loss": None if loss is None else round(loss, 3), "scores": scores}
        for name, (loss, scores) in rows.items()
    }


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("--seeds", type=int, default=8, help="number of seeds, from 0")
    arguments = parse(parser)
    results = {}
    for dataset in DATASETS:
        F, y, mixmate = some_features(dataset, N_IMAGES)
        mixmate.set_params(max_iter=N_EPOCHS)
        graph = kneighbors_graph(F, 10)
        graph = graph.maximum(graph.T)
        results[dataset] = []
        for seed in range(arguments.seeds):
            results[dataset].append(trial(F, y, mixmate, graph, seed))
            print(dataset, seed, results[dataset][-1], flush=True)
    store(
        "images/merging",
        {
            "command": f"python -m benchmarks.images.merging --seeds {arguments.seeds} "
            f"--threads {arguments.threads}",
            "n_images": N_IMAGES,
            "n_epochs": N_EPOCHS,
            "results": results,
            "machine": machine(),
        },
    )


if __name__ == "__main__":
    main()
