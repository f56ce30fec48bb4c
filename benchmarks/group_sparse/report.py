"""Tables and pictures of the group-sparse paper for the docs.

``python -m benchmarks.group_sparse.report`` reads
``benchmarks/results/group_sparse/*.json`` and writes ``docs/tables/group_sparse_*.csv``
and ``docs/_static/group_sparse_*.png``. What has not been measured is left out.
``--train`` also trains on 20,000 images of MNIST for the pictures of Figs. 4 and 5.
"""

import numpy as np

from ..common import (
    DATASETS,
    SCORES,
    make_parser,
    parse,
    read,
    with_spread,
    write_table,
)
from .pictures import SETTINGS, draw_codes, draw_distances, draw_mnist

# Table 1 of the paper: k-means and spectral clustering, in per cent there.
PUBLISHED = {
    "raw": ((0.5446, 0.6304), None),
    "sparse": ((0.5414, 0.5549), (0.6094, 0.5698)),
    "group_sparse": ((0.745, 0.794), (0.8009, 0.8027)),
}
MODELS = {
    "sparse": "sparse autoencoder",
    "sparse_alpha_times_3": "sparse autoencoder, alpha 0.09",
    "group_sparse_reconstruction": "group-sparse, reconstruction loss",
    "group_sparse": "group-sparse, penalised loss",
    "group_sparse_defaults": "group-sparse, our defaults",
    "group_sparse_centred": "group-sparse, centred pixels",
    "group_sparse_centred_restarts": "group-sparse, centred pixels, best of five",
    "group_sparse_centred_start": "group-sparse, centred pixels, start from features",
    "group_sparse_start": "group-sparse, start from features",
    "group_sparse_features": "group-sparse, on scattering features",
}
REPRESENTATIONS = {
    "codes": "",
    "codes_unit_norm": ", unit norm",
    "codes_nonnegative": ", nonnegative",
}


def table_1(result: dict) -> None:
    """Accuracies of clusters of codes, ours as means over seeds."""

    def of_paper(name, key):
        is_nonnegative = key == "codes_nonnegative"
        values = PUBLISHED.get(name, (None, None))[is_nonnegative]
        if key == "codes_unit_norm":
            values = None
        return ["", ""] if values is None else [f"{value:.3f}" for value in values]

    of_pixels = [f"{value:.3f}" for value in result["raw"].values()]
    rows = [["pixels", *of_pixels, "", *of_paper("raw", "codes")]]
    for name, title in MODELS.items():
        trials = result["models"].get(name)
        if not trials:
            continue
        strongest = np.mean([trial["strongest_group"] for trial in trials])
        for key, suffix in REPRESENTATIONS.items():
            # Unit norm came later; not every model was run again.
            if not all(key in trial for trial in trials):
                continue
            means = [
                np.mean([trial[key][clusterer] for trial in trials])
                for clusterer in ("k_means", "spectral")
            ]
            has_groups = key == "codes" and not name.startswith("sparse")
            rows.append(
                [
                    title + suffix,
                    *(f"{mean:.3f}" for mean in means),
                    f"{strongest:.3f}" if has_groups else "",
                    *of_paper(name, key),
                ]
            )
    header = ["representation", "k-means", "spectral", "strongest group"]
    write_table(
        "group_sparse_table_1", [*header, "paper k-means", "paper spectral"], rows
    )


def simulation_table(result: dict) -> None:
    """Distance at start and end, and support, of each run."""
    rows = []
    for setting, by_snr in result["runs"].items():
        for snr, runs in sorted(by_snr.items(), key=lambda item: float(item[0])):
            for name in ("group_sparse", "sparse"):
                if name not in runs:
                    continue
                run = runs[name]
                support = run["support"]
                rows.append(
                    [
                        SETTINGS[setting],
                        snr,
                        name.replace("_", "-"),
                        f"{run['alpha']:.2f}",
                        f"{run['distances'][0]:.0f}",
                        f"{run['distances'][-1]:.0f}",
                        f"{support['recovered_by_the_strongest']:.3f}",
                        f"{support['recovered']:.3f}",
                        f"{support['used_groups_a_sample']:.1f}",
                    ]
                )
    header = ["setting", "dB", "network", "alpha", "distance, start", "end"]
    header += ["active among three strongest", "active in use", "groups in use"]
    write_table("group_sparse_simulation", header, rows)


def mixmate_table(result: dict) -> None:
    """Scores of MixMate under each penalty."""
    rows = []
    for dataset, by_size in result["rows"].items():
        for size, row in by_size.items():
            penalty = "l1" if size == "1" else f"GroupL2({size})"
            scores = with_spread(row)
            if len(row["trials"]) == 1:  # It has no deviation.
                scores = [f"{row['mean'][score]:.3f}" for score in SCORES]
            rows.append([DATASETS[dataset], penalty, f"{row['alpha']:.2f}", *scores])
    header = ["data", "penalty", "alpha", *SCORES.values()]
    write_table("group_sparse_mixmate", header, rows)


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("--train", action="store_true", help="also draw Figs. 4 and 5")
    arguments = parse(parser)
    if simulation := read("group_sparse/simulation"):
        simulation_table(simulation)
        draw_distances(simulation)
        draw_codes(simulation)
    if mnist := read("group_sparse/mnist"):
        table_1(mnist)
    if mixmate := read("group_sparse/mixmate"):
        mixmate_table(mixmate)
    if arguments.train:
        draw_mnist()


if __name__ == "__main__":
    main()
