"""What `benchmarks.peers` compares, (X, n_clusters, seed) -> labels, n_parameters.

Every method with the settings that its authors recommend or that its documentation
shows for such images, the same for all data sets.
"""

import functools
import itertools
import math
import sys

import numpy as np
import torch
from sklearn.cluster import HDBSCAN, KMeans, SpectralClustering
from sklearn.decomposition import PCA
from sklearn.metrics import pairwise_distances_argmin
from sklearn.mixture import GaussianMixture

from skmixmate import MixMateClustering
from skmixmate.ready import make_paper_clusterer

__all__ = ["METHODS"]


def k_means(X, n_clusters, seed):
    model = KMeans(n_clusters, n_init=10, random_state=seed).fit(X)
    return model.labels_, model.cluster_centers_.size


def gaussian_mixture(X, n_clusters, seed):
    Z = PCA(min(50, X.shape[1]), random_state=seed).fit_transform(X)
    return _gaussian_labels(Z, n_clusters, seed)


def spectral(X, n_clusters, seed):
    model = SpectralClustering(
        n_clusters, affinity="nearest_neighbors", random_state=seed
    )
    return model.fit_predict(X), None


def umap_hdbscan(X, n_clusters, seed):
    # The recipe of UMAP's documentation for clustering.
    Z = _umap(X, seed, n_neighbors=30, n_components=2)
    return HDBSCAN(min_cluster_size=max(10, len(X) // 100)).fit_predict(Z), None


def umap_gaussian_mixture(X, n_clusters, seed):
    Z = _umap(X, seed, n_neighbors=30, n_components=10)
    return _gaussian_labels(Z, n_clusters, seed)


def evoc(X, n_clusters, seed):
    """EVoC with about the number of clusters, noise sent to the nearest one."""
    from evoc import EVoC

    X = np.asarray(X, dtype=np.float32)
    labels = EVoC(approx_n_clusters=n_clusters, random_state=seed).fit_predict(X)
    clusters = np.unique(labels[labels >= 0])
    if len(clusters) == 0:
        return labels, None
    centers = np.stack([X[labels == cluster].mean(axis=0) for cluster in clusters])
    noise = labels < 0
    if noise.any():
        nearest = pairwise_distances_argmin(X[noise], centers)
        labels = labels.copy()
        labels[noise] = clusters[nearest]
    return labels, None


def n2d(X, n_clusters, seed):
    """Autoencoder, UMAP of its codes, Gaussian mixture (McConville et al., 2021)."""
    Z, n_parameters = _autoencoder_codes(X, n_clusters, seed)
    Z = _umap(Z, seed, n_neighbors=20, n_components=n_clusters)
    labels, n_mixture = _gaussian_labels(Z, n_clusters, seed)
    return labels, n_parameters + n_mixture


def dec(X, n_clusters, seed):
    return _clustpy("DEC", X, n_clusters, seed)


def idec(X, n_clusters, seed):
    return _clustpy("IDEC", X, n_clusters, seed)


def dcn(X, n_clusters, seed):
    return _clustpy("DCN", X, n_clusters, seed)


def mixmate_defaults(X, n_clusters, seed):
    model = MixMateClustering(n_clusters, random_state=seed).fit(X)
    return model.labels_, model.n_parameters_


def mixmate_paper(X, n_clusters, seed):
    side = math.isqrt(X.shape[1])
    # Atoms and alpha of the paper: of its USPS, and of its larger images.
    n_atoms, alpha = (30, 0.25) if side < 24 else (50, 0.75)
    model = make_paper_clusterer(
        n_clusters, (side, side), n_atoms=n_atoms, alpha=alpha, random_state=seed
    )
    model.fit(X)
    return model.labels_, model.n_parameters_


METHODS = {
    "KMeans": k_means,
    "PCA + GaussianMixture": gaussian_mixture,
    "SpectralClustering": spectral,
    "UMAP + HDBSCAN": umap_hdbscan,
    "UMAP + GaussianMixture": umap_gaussian_mixture,
    "EVoC": evoc,
    "N2D": n2d,
    "DEC (ClustPy)": dec,
    "IDEC (ClustPy)": idec,
    "DCN (ClustPy)": dcn,
    "MixMate in pixels": mixmate_defaults,
    "MixMate as published": mixmate_paper,
}


def _gaussian_labels(Z, n_clusters, seed):
    model = GaussianMixture(n_clusters, n_init=5, reg_covar=1e-4, random_state=seed)
    labels = model.fit_predict(np.asarray(Z, dtype=np.float64))
    return labels, model.means_.size + model.covariances_.size


def _umap(X, seed, **parameters):
    import umap

    return umap.UMAP(
        min_dist=0.0, random_state=seed, n_jobs=1, **parameters
    ).fit_transform(X)


def _autoencoder_codes(X, n_codes, seed, n_epochs=50, batch_size=256):
    """Codes of the fully connected autoencoder of DEC and N2D."""
    sizes = [X.shape[1], 500, 500, 2000, n_codes]
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # noqa: TID251 (layers draw from no other)
        encoder, decoder = (_layers(s) for s in (sizes, sizes[::-1]))
        samples = torch.from_numpy(X)
        parameters = [*encoder.parameters(), *decoder.parameters()]
        optimizer = torch.optim.Adam(parameters)
        for _ in range(n_epochs):
            for rows in torch.randperm(len(X)).split(batch_size):
                batch = samples[rows]
                loss = torch.nn.functional.mse_loss(decoder(encoder(batch)), batch)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    with torch.no_grad():
        codes = encoder(samples).numpy()
    return codes, sum(p.numel() for p in parameters)


def _layers(sizes):
    layers = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(n_in, n_out), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def _clustpy(name, X, n_clusters, seed):
    _let_torchvision_load()
    from clustpy import deep

    model = getattr(deep, name)(n_clusters, random_state=seed).fit(X)
    network = getattr(model, "neural_network_trained_", None)
    if network is None:
        return model.labels_, None
    return model.labels_, sum(p.numel() for p in network.parameters())


def _let_torchvision_load():
    """Declare the operators that torchvision registers for, where it has none built.

    ClustPy imports torchvision, whose wheel does not load beside a CPU build of torch
    unless the operators exist by name. Nothing here calls them.
    """
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        _declared_operators()
        for name in [name for name in sys.modules if name.startswith("torchvision")]:
            del sys.modules[name]


@functools.cache  # Keeps the library: the names go with it.
def _declared_operators() -> torch.library.Library:
    library = torch.library.Library("torchvision", "DEF")
    for operator in (
        "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        "roi_align(Tensor input, Tensor rois, float spatial_scale, "
        "SymInt pooled_height, SymInt pooled_width, int sampling_ratio, "
        "bool aligned) -> Tensor",
    ):
        library.define(operator)
    return library
