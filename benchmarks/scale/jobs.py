"""Whether numbers of clusters, and starts, are worth a second process.

``python -m benchmarks.scale.jobs DATASET`` takes the features of
`skmixmate.ImageClustering` and tells the seconds of `choose_n_clusters` by one process
and by two, as ``n_jobs=2`` does; of the two partitions that a start chooses from, by
sparse subspaces and by neighbours; and of the three graphs of ``similar_sizes=True``
with the draws of k-means on each. The package does not share starts: what they would
take is measured by functions of this file. Seconds are those in which processes
computed, that of the slower one if there are two, as on idle cores; "begun" is without
what two processes take to begin. Stored as
``benchmarks/results/scale/jobs_DATASET.json``.
"""

import operator
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from joblib.externals.loky import reusable_executor

from skmixmate import ImageClustering, SparseSubspaceClustering
from skmixmate.initializers import spectral_labelings
from skmixmate.initializers.spectral import (
    clusters_of_eigenvectors,
    leading_eigenvectors,
)
from skmixmate.model_selection import choose_n_clusters
from skmixmate.utils.parallel import side_by_side

from ..common import (
    DATASETS,
    load,
    machine,
    make_parser,
    parse,
    random_rows,
    square,
    store,
)

N_CLUSTERS, N_OF_START = 10, 5000


def subspaces(Z) -> np.ndarray:
    return SparseSubspaceClustering(N_CLUSTERS, random_state=0).fit(Z).labels_


def neighbors(Z) -> list:
    return list(spectral_labelings(Z, N_CLUSTERS, 0))


def draws_of_graph(Z, seed: int) -> list:
    """A graph of `similar_sizes`, and k-means on its eigenvectors."""
    plain = SparseSubspaceClustering(N_CLUSTERS, merge=False, random_state=seed)
    random_state = np.random.RandomState(seed)
    numbers = [round(1.5 * N_CLUSTERS), 2 * N_CLUSTERS]
    eigenpairs = leading_eigenvectors(
        plain.fit(Z).affinity_matrix_, max(numbers), 0.01, random_state
    )
    return [
        clusters_of_eigenvectors(
            eigenpairs, N_CLUSTERS, number, 1.0, random_state, n_init=1
        )
        for number in numbers * 60
    ]


def seconds_of_workers() -> list[float]:
    ticks = os.sysconf("SC_CLK_TCK")
    found = []
    for process in reusable_executor._executor._processes:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        found.append(sum(map(int, fields[11:13])) / ticks)
    return found


def measure(call: Callable[[int], object]) -> dict:
    """Seconds of a call with ``n_jobs`` of one and of two, the latter twice."""
    if reusable_executor._executor is not None:
        reusable_executor._executor.shutdown(wait=True)
    seconds, earlier = {}, [0.0, 0.0]
    for name, n_jobs in (("one", 1), ("two", 2), ("two_begun", 2)):
        started = time.process_time()
        call(n_jobs)
        own = time.process_time() - started
        of_workers = earlier if n_jobs == 1 else seconds_of_workers()
        longest = max(np.subtract(of_workers, earlier))
        seconds[name] = round(own + float(longest), 1)
        earlier = of_workers
    return seconds


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("dataset", choices=list(DATASETS))
    arguments = parse(parser)
    warnings.simplefilter("ignore")
    X, _ = load(arguments.dataset)
    clusterer = ImageClustering(N_CLUSTERS, image_shape=square(X), random_state=0)
    Z = clusterer._fit_features(X[np.sort(random_rows(len(X), N_OF_START))])
    both, three = [(subspaces, Z), (neighbors, Z)], [(Z, seed) for seed in range(3)]
    calls = {
        "choose_n_clusters": lambda n: choose_n_clusters(
            None, Z, random_state=0, n_jobs=n
        ),
        "start": lambda n: list(side_by_side(operator.call, both, n)),
        "start_of_similar_sizes": lambda n: list(
            side_by_side(draws_of_graph, three, n)
        ),
    }
    seconds = {}
    for name, call in calls.items():
        seconds[name] = measure(call)
        print(name, seconds[name], flush=True)
    store(
        f"scale/jobs_{arguments.dataset}",
        {
            "command": f"python -m benchmarks.scale.jobs {arguments.dataset} "
            f"--threads {arguments.threads}",
            "n_images": len(Z),
            "seconds": seconds,
            "machine": machine(),
        },
    )


if __name__ == "__main__":
    main()
