"""Table 1 and Figs. 4 and 5 of the group-sparse paper."""

import time
from functools import partial

import numpy as np
from sklearn.cluster import KMeans, SpectralClustering
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler, normalize

from skmixmate import (
    GroupSparseAutoencoder,
    SparseAutoencoder,
    SparseSubspaceClustering,
)
from skmixmate.initializers import dictionaries_from_labels
from skmixmate.metrics import clustering_accuracy
from skmixmate.ready import make_image_features

from ..common import load, machine, peak_memory_mib, read, store

# MNIST's own split: the test images come last.
N_TRAINING = 60_000
IMAGE_SHAPE = (28, 28)


def atoms_of_clusters(X, n_groups, random_state, *, images, pixels, clusterer):
    """First atoms, members of clusters of images that are found before ``pixels``.

    An ``init`` of `GroupSparseAutoencoder`; ``X`` is not looked at, since the features
    that ``clusterer`` begins with are those of images as they are.
    """
    chosen = random_state.permutation(len(images))[:5000]
    labels = clusterer.fit_predict(images[chosen])
    members = pixels.fit_transform(images)[chosen]
    atoms = dictionaries_from_labels(members, labels, n_groups, 16, random_state)
    return atoms.reshape(-1, members.shape[1])


def models(X: np.ndarray, epochs: int, seed: int) -> dict:
    """What encodes: the paper's two networks, ours, and ours on features of images.

    ``epochs`` is for the former; ours have defaults, early stopping included.
    ``X`` are the training images, of which one takes its start.
    """
    paper = {"n_groups": 10, "group_size": 16, "alpha": 0.2}
    of_paper = {
        "init": "noise",
        "epsilon": 1e-8,
        "learning_rate": 1e-3,
        "max_iter": epochs,
        "tol": 0.0,
        "random_state": seed,
    }
    features = make_image_features(IMAGE_SHAPE, random_state=seed)
    start = SparseSubspaceClustering(10, random_state=seed)
    centred = (StandardScaler(with_std=False), Normalizer())
    return {
        "sparse": (
            Normalizer(),
            SparseAutoencoder(n_atoms=160, alpha=0.03, **of_paper),
        ),
        # As many times the paper's as the ``alpha`` 0.6 of centred pixels.
        "sparse_alpha_times_3": (
            Normalizer(),
            SparseAutoencoder(n_atoms=160, alpha=0.09, **of_paper),
        ),
        "group_sparse_reconstruction": (
            Normalizer(),
            GroupSparseAutoencoder(**paper, **of_paper, loss="reconstruction"),
        ),
        "group_sparse": (
            Normalizer(),
            GroupSparseAutoencoder(**paper, **of_paper),
        ),
        "group_sparse_centred": (
            *centred,
            GroupSparseAutoencoder(alpha=0.6, loss="reconstruction", random_state=seed),
        ),
        "group_sparse_centred_restarts": (
            *centred,
            GroupSparseAutoencoder(
                alpha=0.6, loss="reconstruction", n_init=5, random_state=seed
            ),
        ),
        "group_sparse_centred_start": (
            *centred,
            GroupSparseAutoencoder(
                alpha=0.6,
                loss="reconstruction",
                init=partial(
                    atoms_of_clusters,
                    images=X,
                    pixels=make_pipeline(*centred),
                    clusterer=make_pipeline(
                        *(step for _, step in features.steps), start
                    ),
                ),
                random_state=seed,
            ),
        ),
        "group_sparse_defaults": (
            Normalizer(),
            GroupSparseAutoencoder(random_state=seed),
        ),
        "group_sparse_start": (
            Normalizer(),
            GroupSparseAutoencoder(
                init=make_pipeline(*(step for _, step in features.steps), start),
                random_state=seed,
            ),
        ),
        "group_sparse_features": (
            *(step for _, step in features.steps),
            GroupSparseAutoencoder(init=start, random_state=seed),
        ),
    }


def representations(codes: np.ndarray) -> dict[str, np.ndarray]:
    """Codes as they are, of unit norm, and nonnegative with rows that sum to one."""
    return {
        "codes": codes,
        "codes_unit_norm": normalize(codes),
        "codes_nonnegative": normalize(np.abs(codes), norm="l1"),
    }


def table_1_scores(Z: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Accuracy of k-means and of spectral clustering with 1,000 neighbours."""
    k_means = KMeans(10, n_init=10, random_state=0)
    spectral = SpectralClustering(
        10,
        affinity="nearest_neighbors",
        n_neighbors=1000,
        assign_labels="cluster_qr",
        random_state=0,
    )
    return {
        name: round(float(clustering_accuracy(y, clusterer.fit_predict(Z))), 4)
        for name, clusterer in (("k_means", k_means), ("spectral", spectral))
    }


def run(epochs: int, threads: int, seeds: int, only: list[str] | None):
    """Train on 60,000 images, cluster the codes of the other 10,000."""
    X, y = load("mnist")
    X = X.astype(np.float32)
    X_test, y_test = X[N_TRAINING:], y[N_TRAINING:]
    # Models that are not run stay as they were stored.
    result = (only and read("group_sparse/mnist")) or {"models": {}}
    for name in only or ():
        result["models"].pop(name, None)
    command = "python -m benchmarks.group_sparse mnist"
    result["command"] = (
        f"{command} --epochs {epochs} --seeds {seeds} --threads {threads}"
    )
    if "raw" not in result:
        result["raw"] = table_1_scores(X_test, y_test)
    print("raw", result["raw"], flush=True)
    for seed in range(seeds):
        for name, steps in models(X[:N_TRAINING], epochs, seed).items():
            if only and name not in only:
                continue
            trial = _trial(steps, X[:N_TRAINING], X_test, y_test)
            print(name, trial, flush=True)
            result["models"].setdefault(name, []).append({"seed": seed, **trial})
            result |= {
                "machine": machine(),
                "peak_memory_mib": round(peak_memory_mib()),
            }
            store("group_sparse/mnist", result)


def time_epochs(threads: int):
    """Seconds of an epoch on the 60,000 images, from any start."""
    X = load("mnist")[0][:N_TRAINING].astype(np.float32)
    autoencoder = GroupSparseAutoencoder(
        init="data", max_iter=5, tol=0.0, random_state=0, verbose=1
    ).fit(Normalizer().transform(X))
    seconds = autoencoder.history_["seconds"]
    result = {
        "command": f"python -m benchmarks.group_sparse epoch --threads {threads}",
        "seconds": [round(value, 2) for value in seconds.tolist()],
        "median_seconds": round(float(np.median(seconds)), 2),
        "machine": machine(),
    }
    print(result["median_seconds"])
    store("group_sparse/epoch", result)


def _trial(steps, X, X_test, y_test) -> dict:
    *features, autoencoder = steps
    started = time.perf_counter()
    pipeline = make_pipeline(*features, autoencoder).fit(X)
    seconds = time.perf_counter() - started
    autoencoder = pipeline[-1]
    codes = pipeline.transform(X_test)
    return {
        **{key: table_1_scores(Z, y_test) for key, Z in representations(codes).items()},
        "strongest_group": round(
            float(clustering_accuracy(y_test, pipeline.predict(X_test))), 4
        ),
        "nonzero_codes": round(float((codes != 0).mean()), 4),
        "loss": round(autoencoder.loss_, 5),
        "epochs": autoencoder.n_iter_,
        "fit_seconds": round(seconds, 1),
        "seconds_an_epoch": round(float(np.median(autoencoder.history_["seconds"])), 2),
        "n_parameters": autoencoder.n_parameters_,
    }
