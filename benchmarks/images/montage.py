"""The picture of the front page: ``python -m benchmarks.images.montage``.

Clusters 20,000 images of MNIST with the defaults, labels all 70,000, and draws typical
and doubtful members of each cluster as docs/_static/montage.png. Accuracy, of all and
of those that were not in ``fit``, seconds and peak memory go to
benchmarks/results/images/montage.json. Labels are used for scoring alone.
"""

import numpy as np

from skmixmate import ImageClustering
from skmixmate.metrics import clustering_accuracy, clustering_scores
from skmixmate.plotting import ClusterDisplay

from ..common import (
    clock,
    load,
    machine,
    make_parser,
    parse,
    peak_memory_mib,
    random_rows,
    save_picture,
    square,
    store,
)

N_FITTED, N_TYPICAL, N_DOUBTFUL = 20_000, 8, 2


def draw(clusterer, images) -> None:
    """Half of the clusters beside the other half, so that the picture is flat."""
    from matplotlib.figure import Figure

    drawn = ClusterDisplay.from_estimator(
        clusterer, images, n_typical=N_TYPICAL, n_doubtful=N_DOUBTFUL
    )
    figure = Figure(figsize=(9.5, 3.1), layout="constrained")
    halves = np.array_split(np.arange(len(drawn.clusters)), 2)
    for rows, part in zip(halves, figure.subfigures(1, 2), strict=True):
        half = ClusterDisplay(
            samples=drawn.samples[rows],
            indices=drawn.indices[rows],
            clusters=drawn.clusters[rows],
            counts=drawn.counts[rows],
            shares=drawn.shares[rows],
            n_doubtful=drawn.n_doubtful,
            proba=drawn.proba[rows],
            image_shape=drawn.image_shape,
        ).plot(fig=part)
        # Of the labels, what there is room for.
        for ax, share in zip(half.axes_[:, 0], half.shares, strict=True):
            ax.yaxis.label.set_text(f"{100 * share:.1f} %")
    save_picture("montage", figure, dpi=150)


def main():
    arguments = parse(make_parser(__spec__.name, __doc__))
    X, y = load("mnist")
    order = random_rows(len(X), len(X))
    images, y = X[order].astype(np.float32).reshape(-1, *square(X)), y[order]

    clusterer = ImageClustering(10, random_state=0, verbose=1)
    started = clock()
    clusterer.fit(images[:N_FITTED])
    fitted = clock()
    new = clusterer.predict(images[N_FITTED:])
    predicted = clock()
    labels = np.concatenate([clusterer.labels_, new])
    store(
        "images/montage",
        {
            "command": f"python -m benchmarks.images.montage "
            f"--threads {arguments.threads}",
            "n_fitted": N_FITTED,
            "n_samples": len(X),
            "scores": clustering_scores(y, labels),
            "accuracy_of_new_images": clustering_accuracy(y[N_FITTED:], new),
            "seconds": round(fitted - started, 1),
            "predict_seconds": round(predicted - fitted, 1),
            "peak_memory_mib": round(peak_memory_mib()),
            "machine": machine(),
        },
    )
    draw(clusterer, images[:N_FITTED])


if __name__ == "__main__":
    main()
