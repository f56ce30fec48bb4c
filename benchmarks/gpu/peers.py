"""k-means on a GPU by whoever is installed, beside this package's clusterer."""

import importlib.util
from functools import partial

import numpy as np
import torch
from sklearn.cluster import KMeans

from skmixmate.metrics import clustering_scores
from skmixmate.ready import make_image_features

from .rows import SIDE, seconds_of

_TOLERANCE = 1e-4


def flash_k_means(X: torch.Tensor, seed: int) -> np.ndarray:
    """Random centres, one start: https://pypi.org/project/flash-kmeans."""
    from flash_kmeans import batch_kmeans_Euclid

    first = np.random.RandomState(seed).permutation(len(X))[:10]
    labels, *_ = batch_kmeans_Euclid(
        X[None], 10, tol=_TOLERANCE, init_centroids=X[torch.from_numpy(first)][None]
    )
    return labels[0].cpu().numpy()


def cuml_k_means(X: torch.Tensor, seed: int) -> np.ndarray:
    """That of RAPIDS, with scikit-learn's interface; one start."""
    from cuml.cluster import KMeans as OnGPU

    model = OnGPU(n_clusters=10, n_init=1, tol=_TOLERANCE, random_state=seed)
    return np.asarray(model.fit_predict(X.cpu().numpy()))


def scikit_learn_k_means(X: torch.Tensor, seed: int) -> np.ndarray:
    """On the CPU of the machine, by all of its threads; one start."""
    return KMeans(10, n_init=1, random_state=seed).fit_predict(X.cpu().numpy())


METHODS = {
    "flash_kmeans": flash_k_means,
    "cuml": cuml_k_means,
    "sklearn": scikit_learn_k_means,
}


def k_means_row(images, classes, device, n_seeds: int = 3) -> dict:
    """Seconds and scores of k-means in the image clusterer's features.

    A method runs once before it is timed, which compiles what there is to compile.
    """
    features = make_image_features((SIDE, SIDE), random_state=0, device=device)
    X = torch.from_numpy(features.fit_transform(images)).to(device)
    row: dict = {"n_images": len(images), "n_features": X.shape[1]}
    for module, method in METHODS.items():
        if importlib.util.find_spec(module) is None:
            row[module] = "not installed"
            continue
        method(X, 0)
        found = [seconds_of(partial(method, X, seed)) for seed in range(n_seeds)]
        scores = [clustering_scores(classes, labels)["acc"] for _, labels in found]
        row[module] = {
            "seconds": [seconds for seconds, _ in found],
            "acc": [round(float(score), 4) for score in scores],
        }
    return row
