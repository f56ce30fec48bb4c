"""What `skmixmate.ImageClustering` could do otherwise.

``python -m benchmarks.images.choices DATASET`` clusters a data set with 4, 6 and 8
angles of wavelets, and with one run and two, by seeds; then lets more and fewer voters
vote, found in more and fewer components, on the mixture of the first seed. Stored as
``benchmarks/results/images/choices_DATASET.json``. Labels are used for scoring alone.
"""

import time
import warnings
from unittest import mock

from skmixmate import ImageClustering, NeighborVoting
from skmixmate.metrics import clustering_scores
from skmixmate.ready import images

from ..common import (
    DATASETS,
    load,
    machine,
    make_parser,
    mean_and_std,
    parse,
    square,
    store,
)

SETTINGS = {
    "4 angles": (4, 1),
    "6 angles": (6, 1),
    "8 angles": (8, 1),
    "6 angles, two runs": (6, 2),
}
N_COMPONENTS = (None, 200, 120)
N_VOTERS = (5000, 20_000)


def clustered(X, y, angles: int, n_init: int, seed: int) -> dict:
    with mock.patch.object(images, "_N_ANGLES", angles):
        clusterer = ImageClustering(
            10, image_shape=square(X), n_init=n_init, random_state=seed
        )
        started = time.process_time()
        labels = clusterer.fit_predict(X)
    return clustering_scores(y, labels) | {"seconds": time.process_time() - started}


def voted(X, y) -> list[dict]:
    """Scores by how many vote, and in how many components they are found."""
    clusterer = ImageClustering(10, image_shape=square(X), random_state=0).fit(X)
    Z = clusterer.compute_features(X)
    mixmate = clusterer.mixmate_
    rows = [{"voters": 0, **clustering_scores(y, mixmate.predict(Z))}]
    for n_voters in (*(n for n in N_VOTERS if n < len(X)), len(X)):
        for n_components in N_COMPONENTS if n_voters == len(X) else (200,):
            voting = NeighborVoting(
                mixmate,
                n_search_features=n_components,
                subsample=n_voters,
                random_state=0,
            )
            started = time.process_time()
            # Of the mixture that there is, whose training is the same again.
            with (
                mock.patch("skmixmate.mixmate.voting.seeded_clone", _as_it_is),
                mock.patch.object(type(mixmate), "fit", _as_it_is),
            ):
                labels = voting.fit(Z).labels_
            rows.append(
                {
                    "voters": n_voters,
                    "components": n_components or Z.shape[1],
                    **clustering_scores(y, labels),
                    "seconds": time.process_time() - started,
                }
            )
            print(rows[-1], flush=True)
    return rows


def _as_it_is(mixmate, _):
    return mixmate


def rounded(scores: dict) -> dict:
    return {name: round(float(value), 4) for name, value in scores.items()}


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("dataset", choices=DATASETS)
    parser.add_argument("--seeds", type=int, default=5)
    arguments = parse(parser)
    X, y = load(arguments.dataset)
    settings = {}
    for name, (angles, n_init) in SETTINGS.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trials = [
                rounded(clustered(X, y, angles, n_init, seed))
                for seed in range(arguments.seeds)
            ]
        settings[name] = mean_and_std(trials) | {"trials": trials}
        print(name, settings[name]["mean"], flush=True)
    result = {
        "command": f"python -m benchmarks.images.choices {arguments.dataset} "
        f"--seeds {arguments.seeds} --threads {arguments.threads}",
        "settings": settings,
        "votes": [rounded(row) for row in voted(X, y)],
        "machine": machine(),
    }
    store(f"images/choices_{arguments.dataset}", result)


if __name__ == "__main__":
    main()
