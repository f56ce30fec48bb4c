"""Images, signals and vectors of every kind, most of them generated."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from sklearn import datasets
from sklearn.preprocessing import StandardScaler, normalize
from torch.nn.functional import interpolate

from skmixmate import EmbeddingClustering, ImageClustering, SignalClustering

from ..common import load, random_rows

__all__ = ["SETS", "Draw", "pairs_of_tones"]


class Draw(NamedTuple):
    """Samples, their classes from 0, and the clusterer for them, (K, random_state)."""

    X: np.ndarray
    y: np.ndarray
    clusterer: Callable


def colours(seed: int, n_samples: int = 1200, side: int = 32) -> Draw:
    """Discs and crosses, each in three colours."""
    rng = np.random.RandomState(seed)
    y = rng.randint(6, size=n_samples)
    shades = np.array([[1.0, 0.3, 0.2], [0.2, 1.0, 0.3], [0.3, 0.2, 1.0]])
    centers = rng.uniform(0.4 * side, 0.6 * side, size=(2, n_samples, 1, 1))
    rows, columns = np.mgrid[:side, :side]
    distances = rows - centers[0], columns - centers[1]
    disc = np.hypot(*distances) < 0.3 * side
    cross = np.minimum(*np.abs(distances)) < 0.1 * side
    grey = np.where(y[:, None, None] < 3, disc, cross)
    X = grey[..., None] * shades[y % 3][:, None, None]
    X += 0.1 * rng.standard_normal(X.shape)
    return Draw(X.astype(np.float32), y, ImageClustering)


def turned(seed: int, n_samples: int = 1200, side: int = 32) -> Draw:
    """Cells of six kinds at any angle."""
    rng = np.random.RandomState(seed)
    y = rng.randint(6, size=n_samples)
    angles = rng.uniform(2 * np.pi, size=(n_samples, 1, 1))
    rows, columns = np.mgrid[:side, :side] - (side - 1) / 2
    along = rows * np.cos(angles) + columns * np.sin(angles)
    across = columns * np.cos(angles) - rows * np.sin(angles)
    radius = np.hypot(along, across)
    inside = radius < 12
    kinds = [
        (np.abs(along) < 12) & (np.abs(across) < 3),
        inside & (np.cos(1.4 * along) > 0),
        inside & (np.cos(0.7 * along) > 0),
        inside & (radius > 8),
        inside & (np.minimum(np.abs(along), np.abs(across)) < 2),
        inside & ((np.abs(along + 5) < 2) | (np.abs(across + 5) < 2)),
    ]
    X = np.choose(y[:, None, None], kinds) + 0.1 * rng.standard_normal(along.shape)
    return Draw(X.astype(np.float32), y, partial(ImageClustering, rotation="any"))


def large(seed: int, n_samples: int = 5000, side: int = 128) -> Draw:
    """MNIST images enlarged to 128 pixels a side."""
    X, y = load("mnist")
    rows = random_rows(len(X), n_samples, seed)
    images = torch.from_numpy(X[rows].reshape(-1, 1, 28, 28)).float()
    X = interpolate(images, (side, side), mode="bicubic")[:, 0].numpy()
    return Draw(X, y[rows], ImageClustering)


def waves(
    seed: int, n_samples: int = 1200, n_times: int = 512, n_dead: int = 0
) -> Draw:
    """Tones, chirps, square waves and bursts at any phase, and ``n_dead`` missing."""
    rng = np.random.RandomState(seed)
    y = rng.randint(4, size=n_samples)
    t = np.arange(n_times)
    frequency = 0.05 * rng.uniform(0.9, 1.1, size=(n_samples, 1))
    phase = rng.uniform(2 * np.pi, size=(n_samples, 1))
    middle = rng.uniform(n_times, size=(n_samples, 1))
    tone = np.sin(2 * np.pi * frequency * t + phase)
    sweep = np.sin(2 * np.pi * frequency * (0.5 + t / n_times) * t + phase)
    distance = np.abs((t - middle + n_times / 2) % n_times - n_times / 2)
    burst = 2 * np.exp(-((distance / 60) ** 2)) * np.sin(4 * np.pi * frequency * t)
    X = np.choose(y[:, None], [tone, sweep, np.sign(tone), burst])
    X = X + 0.7 * rng.standard_normal(X.shape)
    if n_dead:
        _hide(X, n_dead, rng)
    return Draw(X.astype(np.float32), y, SignalClustering)


def tones(seed: int, n_samples: int = 1200, n_times: int = 512) -> Draw:
    """Pairs of tones at any phase in noise, of which a tenth is missing."""
    rng = np.random.RandomState(seed)
    X, y = pairs_of_tones(rng, n_samples, n_times)
    _hide(X, n_times // 10, rng)
    return Draw(X.astype(np.float32), y, SignalClustering)


def pairs_of_tones(rng, n_samples: int, n_times: int) -> tuple[np.ndarray, np.ndarray]:
    """Signals of two tones each at any phase, in noise, and which of four pairs."""
    y = rng.randint(4, size=n_samples)
    pairs = np.array([(0.03, 0.11), (0.05, 0.17), (0.08, 0.23), (0.04, 0.30)])
    X = 0.7 * rng.standard_normal((n_samples, n_times))
    for frequency in pairs[y].T:
        jitter = rng.uniform(0.95, 1.05, size=n_samples)
        phase = rng.uniform(2 * np.pi, size=(n_samples, 1))
        turns = (frequency * jitter)[:, None] * np.arange(n_times)
        X += np.sin(2 * np.pi * turns + phase)
    return X, y


def _hide(X, n_dead: int, rng) -> None:
    """Put NaN for so many samples in a row of each signal."""
    starts = rng.randint(X.shape[1] - n_dead, size=len(X))
    for row, start in zip(X, starts, strict=True):
        row[start : start + n_dead] = np.nan


def directions(seed: int, n_features: int = 256, noise: float = 1.6) -> Draw:
    """Ten clusters on a sphere, from 1,000 to 60 samples, as embeddings are."""
    rng = np.random.RandomState(seed)
    centers = normalize(rng.standard_normal((10, n_features)))
    sizes = np.geomspace(1000, 60, 10).astype(int)
    y = rng.permutation(np.repeat(np.arange(10), sizes))
    spread = noise / np.sqrt(n_features)
    X = centers[y] + spread * rng.standard_normal((len(y), n_features))
    return Draw(normalize(X).astype(np.float32), y, EmbeddingClustering)


def table(load: Callable, seed: int) -> Draw:
    """Columns of a table, standardised."""
    X, y = load(return_X_y=True)
    return Draw(StandardScaler().fit_transform(X), y, EmbeddingClustering)


def docstrings(seed: int) -> Draw:
    """Sentence embeddings of docstrings of eight packages."""
    from .docstrings import embedded_docstrings

    X, y = embedded_docstrings()
    return Draw(X, y, EmbeddingClustering)


def digits(seed: int) -> Draw:
    X, y = datasets.load_digits(return_X_y=True)
    return Draw(X.reshape(-1, 8, 8), y, ImageClustering)


SETS = {
    "colours": colours,
    "turned": turned,
    "digits": digits,
    "large": large,
    "waves": waves,
    "waves_with_dead_sensors": partial(waves, n_dead=51),
    "tones_with_dead_sensors": tones,
    "many_tones_with_dead_sensors": partial(tones, n_samples=20_000),
    "directions": directions,
    "directions_close": partial(directions, noise=2.2),
    "docstrings": docstrings,
    "wine": partial(table, datasets.load_wine),
    "breast_cancer": partial(table, datasets.load_breast_cancer),
    "iris": partial(table, datasets.load_iris),
}
