"""What an epoch costs, by the shape of the model: ``python -m benchmarks.scale.cost``.

Epochs and labels of `skmixmate.MixMateClustering` on generated samples of several
shapes, in batches of 256, on one thread. A formula is fitted to their times, factors of
each kind of work that are not negative, by least squares of relative errors; and it is
held against shapes that it was not fitted to, and against MNIST. Stored as
``benchmarks/results/scale/cost.json``.
"""

import time
import warnings
from unittest import mock

import numpy as np
from scipy.optimize import nnls

from skmixmate import MixMateClustering
from skmixmate.datasets import make_dictionary_mixture

from ..common import clock, load, machine, make_parser, parse, store

# Features, clusters, atoms, iterations.
FITTED = [
    *((16, 3, 8, 15), (32, 10, 16, 15), (64, 5, 32, 15), (64, 50, 16, 15)),
    *((200, 10, 20, 15), (200, 20, 40, 15), (500, 10, 50, 15), (500, 10, 50, 30)),
    *((784, 10, 50, 15), (784, 5, 80, 15), (1500, 10, 30, 15), (128, 100, 10, 15)),
]
HELD_OUT = [
    *((48, 8, 12, 15), (100, 30, 20, 15), (300, 15, 40, 15), (500, 20, 50, 15)),
    *((1000, 10, 60, 15), (256, 10, 30, 25)),
]
BATCH_SIZE, N_STEPS, N_EPOCHS = 256, 30, 4
PARTS = ("features", "products", "entries", "samples")


def work(n_features: int, n_clusters: int, n_atoms: int, n_iter: int) -> np.ndarray:
    """Numbers that each kind of work has to do with, a sample."""
    n_codes = n_clusters * n_atoms
    return np.array(
        [n_codes * n_features, n_codes * n_atoms * n_iter, n_codes * n_iter, 1.0]
    )


def measure(X: np.ndarray, n_clusters: int, n_atoms: int, n_iter: int) -> dict:
    """Microseconds a sample of an epoch and of labels: the least of several."""
    mixture = MixMateClustering(
        n_clusters,
        n_atoms=n_atoms,
        adapt_n_atoms=False,
        init="data",
        n_fista_iter=n_iter,
        max_iter=N_EPOCHS,
        n_iter_no_change=N_EPOCHS,
        batch_size=BATCH_SIZE,
        random_state=0,
        device="cpu",
    )
    # Of epochs too, time that others took does not count.
    with mock.patch.object(time, "perf_counter", clock), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mixture.fit(X)
        seconds_to_predict = []
        for _ in range(2):
            started = clock()
            mixture.predict(X)
            seconds_to_predict.append(clock() - started)
    per_sample = 1e6 / len(X)
    return {
        "epoch": round(per_sample * float(min(mixture.history_["seconds"])), 2),
        "predict": round(per_sample * min(seconds_to_predict), 2),
    }


def generated(shape: tuple) -> dict:
    n_features, n_clusters, n_atoms, n_iter = shape
    X = make_dictionary_mixture(
        BATCH_SIZE * N_STEPS,
        n_clusters=n_clusters,
        n_atoms=n_atoms,
        n_features=n_features,
        random_state=0,
    ).data.astype(np.float32)
    return {"shape": shape, **measure(X, n_clusters, n_atoms, n_iter)}


def fitted_nanoseconds(rows: list[dict], kind: str) -> np.ndarray:
    measured = np.array([row[kind] for row in rows])
    relative = np.array([work(*row["shape"]) for row in rows]) / measured[:, None]
    return 1e3 * nnls(relative, np.ones(len(rows)))[0]


def main():
    arguments = parse(make_parser(__spec__.name, __doc__))
    rows = {"fitted": [], "held_out": []}
    for name, shapes in (("fitted", FITTED), ("held_out", HELD_OUT)):
        for shape in shapes:
            rows[name].append(generated(shape))
            print(rows[name][-1], flush=True)
    images = load("mnist")[0][: BATCH_SIZE * N_STEPS]
    of_images = (images.shape[1], 10, 50, 15)
    rows["held_out"].append({"shape": of_images, **measure(images, *of_images[1:])})
    nanoseconds = {}
    for kind in ("epoch", "predict"):
        factors = fitted_nanoseconds(rows["fitted"], kind)
        nanoseconds[kind] = dict(zip(PARTS, factors.round(5).tolist(), strict=True))
        for row in (*rows["fitted"], *rows["held_out"]):
            foretold = 1e-3 * float(factors @ work(*row["shape"]))
            row[f"{kind}_foretold"] = round(foretold, 2)
    for row in rows["held_out"]:
        print(row)
    print(nanoseconds)
    result = {
        "command": f"python -m benchmarks.scale.cost --threads {arguments.threads}",
        "nanoseconds": nanoseconds,
        **rows,
        "machine": machine(),
    }
    store("scale/cost", result)


if __name__ == "__main__":
    main()
