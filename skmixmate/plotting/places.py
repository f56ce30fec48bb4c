"""Places of samples in two dimensions."""

import inspect
from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from ..inspection import as_seen_by, fitted_mixture
from ..utils.random import drawn_seed
from .members import array_of
from .samples import predicted, rows


def embedded(estimator, X, mask, embedding, random_state) -> tuple[np.ndarray, Any]:
    """Places of samples, and names of the two dimensions."""
    if embedding == "energies":
        fitted_mixture(estimator, "estimator")
        energies = predicted(estimator, "transform", X, mask)
        # Of two, nothing but one number would be left.
        if energies.shape[1] > 2:
            energies = energies - energies.mean(axis=1, keepdims=True)
        return components(energies, " of energies")
    X, mask, mixture = _as_mixture_takes_it(estimator, X, mask)
    if embedding == "codes":
        codes = array_of(mixture.encode(X, clusters="all", mask=mask))
        return components(codes.reshape(len(codes), -1), " of codes")
    features = rows(X, mask=mask)
    if np.isnan(features).any():
        features = rows(mixture.impute(X, mask=mask))
    if embedding == "features":
        return components(features, " of features")
    seed = drawn_seed(random_state)
    # With a seed it warns of more than one process.
    umap = _import_umap().UMAP(random_state=seed, n_jobs=1)
    return np.asarray(umap.fit_transform(features)), ("UMAP 1", "UMAP 2")


def _import_umap():
    try:
        import umap
    except ImportError as error:
        raise ImportError(
            "embedding='umap' requires umap-learn. Install it with `pip install "
            "skmixmate[umap]`, or pass embedding='energies' or 'features'."
        ) from error
    return umap


def _as_mixture_takes_it(estimator, X, mask) -> tuple:
    """Features, their mask if there still is one, and the mixture of them."""
    steps, last, mixture = fitted_mixture(estimator, "estimator")
    for step in steps:
        if mask is not None and "mask" not in inspect.signature(step).parameters:
            raise ValueError(
                f"{type(estimator).__name__} takes no mask for features; put NaN into "
                "X where entries are missing, or pass embedding='energies'."
            )
        X = step(X) if mask is None else step(X, mask=mask)
        mask = None
    return as_seen_by(mixture, last, X), mask, mixture


def components(values: np.ndarray, of_what: str) -> tuple[np.ndarray, tuple[str, str]]:
    """First two principal components, zero where there are fewer, and their names."""
    n_components = min(2, *values.shape)
    # Of very many features it draws random numbers.
    pca = PCA(n_components, random_state=0)
    places = np.zeros((len(values), 2))
    with np.errstate(invalid="ignore"):  # Shares of no variance.
        places[:, :n_components] = pca.fit_transform(values)
    shares = np.append(pca.explained_variance_ratio_, [0.0, 0.0])
    names = [
        f"component {k + 1}{of_what} ({100 * np.nan_to_num(shares[k]):.0f} % of the "
        "variance)"
        for k in range(2)
    ]
    return places, (names[0], names[1])
