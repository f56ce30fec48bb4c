"""Tables and pictures of the documentation: ``python -m benchmarks.paper.report``.

Reads ``benchmarks/results/paper/*.json`` and writes ``docs/tables/paper_*.csv`` and
``docs/_static/paper_*.png``. What has not been measured is left out.
"""

import numpy as np

from ..common import (
    DATASETS,
    RESULTS,
    SCORES,
    make_axes,
    make_parser,
    read,
    save_picture,
    with_spread,
    write_table,
)
from .recipe import PARAMETERS

# Table 1 of the paper, means over five trials (ACC, NMI, ARI, parameters).
PUBLISHED = {
    "DEC": {
        "mnist": (0.84, 0.80, 0.75, "2.1 M"),
        "fashion_mnist": (0.51, 0.54, 0.40, ""),
        "usps": (0.76, 0.77, None, ""),
    },
    "DCN": {
        "mnist": (0.83, 0.81, 0.75, "2.1 M"),
        "fashion_mnist": (0.50, 0.55, 0.42, ""),
        "usps": (0.69, 0.68, None, ""),
    },
    "DAMIC": {
        "mnist": (0.88, 0.86, 0.82, "22.1 M"),
        "fashion_mnist": (0.60, 0.65, 0.48, ""),
        "usps": (0.75, 0.78, 0.70, ""),
    },
    "K-DAE": {
        "mnist": (0.88, 0.86, 0.82, "21.4 M"),
        "fashion_mnist": (0.60, 0.65, 0.48, ""),
        "usps": (0.77, 0.80, 0.71, ""),
    },
    "MixMate INIT": {
        "mnist": (0.84, 0.75, 0.72, "0.4 M"),
        "fashion_mnist": (0.57, 0.60, 0.44, "0.4 M"),
        "usps": (0.79, 0.79, 0.73, "0.08 M"),
    },
    "MixMate TRAIN": {
        "mnist": (0.92, 0.86, 0.85, "0.4 M"),
        "fashion_mnist": (0.63, 0.68, 0.52, "0.4 M"),
        "usps": (0.81, 0.82, 0.76, "0.08 M"),
    },
}
# Standard deviations of the last of them.
PUBLISHED_STD = {
    "mnist": (0.04, 0.03, 0.04),
    "fashion_mnist": (0.01, 0.02, 0.01),
    "usps": (0.03, 0.01, 0.02),
}
# Section 4, with missing pixels.
PUBLISHED_MISSING = ("0.92 ± 0.04", "0.86 ± 0.04", "0.85 ± 0.06")


def table_1_rows():
    """Rows of Table 1, published and ours."""
    for dataset in PARAMETERS:
        title = DATASETS[dataset]
        for method, scores in PUBLISHED.items():
            *values, n_parameters = scores[dataset]
            cells = ["n/a" if value is None else f"{value:.2f}" for value in values]
            epochs = ""
            if method == "MixMate TRAIN":
                epochs = "50"
                stds = PUBLISHED_STD[dataset]
                cells = [f"{c} ± {std:.2f}" for c, std in zip(cells, stds, strict=True)]
            yield [title, f"{method}, published", *cells, n_parameters, "5", epochs, ""]
        for variant, name in (
            ("", ""),
            ("_quick", ", falling rate"),
            ("_stable", ", stable step"),
            ("_consensus", ", consensus SSC"),
            ("_consensus_quick", ", consensus SSC, falling rate"),
        ):
            measured = read(f"paper/{dataset}{variant}")
            if measured is None:
                continue
            for column in ("init", "train"):
                is_trained = column == "train"
                yield [
                    title,
                    f"here, {column.upper()}{name}",
                    *with_spread(measured[column]),
                    f"{measured['n_parameters'] / 1e6:.2f} M",
                    len(measured["trials"]),
                    measured["epochs"] if is_trained else "",
                    _seconds(measured) if is_trained else "",
                ]


def write_table_1():
    header = ["data", "method", *SCORES.values(), "parameters", "trials", "epochs"]
    write_table("paper_table_1", [*header, "seconds a fit"], table_1_rows())


def write_missing():
    """The experiment with incomplete data."""
    measured = read("paper/mnist_missing")
    if measured is None:
        return
    rows = [["TRAIN, published", *PUBLISHED_MISSING, "5", "50"]]
    for column, epochs in (("init", ""), ("train", measured["epochs"])):
        n_trials = len(measured["trials"])
        scores = with_spread(measured[column])
        rows.append([f"here, {column.upper()}", *scores, n_trials, epochs])
    header = ["MNIST with missing pixels", *SCORES.values(), "trials", "epochs"]
    write_table("paper_missing", header, rows)


def write_trials():
    """Every trial of every experiment."""
    rows = []
    for path in sorted(RESULTS.glob("paper/*.json")):
        measured = read(f"paper/{path.stem}")
        if "train" not in measured:
            continue
        rows += [
            [
                f"``{measured['command']}``",
                trial["seed"],
                *(f"{trial['init'][score]:.3f}" for score in SCORES),
                *(f"{trial['train'][score]:.3f}" for score in SCORES),
                f"{trial['loss']:.2f}",
                trial["n_reseeded_atoms"],
                f"{trial['fit_seconds']:.0f}",
            ]
            for trial in measured["trials"]
        ]
    header = ["command", "seed"]
    header += [f"{s} {c}" for c in ("INIT", "TRAIN") for s in SCORES.values()]
    write_table("paper_trials", [*header, "loss", "re-seeded", "seconds"], rows)


def draw_init_and_train():
    measured = {dataset: read(f"paper/{dataset}") for dataset in PARAMETERS}
    measured = {d: r for d, r in measured.items() if r is not None}
    if not measured:
        return
    fig, axes = make_axes(
        1, len(measured), (3.2 * len(measured), 2.8), sharey=True, squeeze=False
    )
    positions = np.arange(len(SCORES))
    for ax, (dataset, values) in zip(axes[0], measured.items(), strict=True):
        for offset, column, color in (
            (-0.2, "init", "0.7"),
            (0.2, "train", "tab:blue"),
        ):
            ax.bar(
                positions + offset,
                [values[column]["mean"][score] for score in SCORES],
                width=0.4,
                yerr=[values[column]["std"][score] for score in SCORES],
                color=color,
                label=column.upper(),
            )
        paper = PUBLISHED["MixMate TRAIN"][dataset]
        ax.plot(positions + 0.2, paper[:3], "k_", ms=16, label="published TRAIN")
        ax.set(title=DATASETS[dataset], ylim=(0.4, 1.0))
        ax.set_xticks(positions, SCORES.values())
    axes[0, 0].legend(loc="lower left", fontsize=8)
    _save(fig, "paper_init_train")


def draw_alpha():
    measured = read("paper/alpha_mnist")
    if measured is None:
        return
    alphas = [row["alpha"] for row in measured["rows"]]
    fig, axes = make_axes(1, 2, (8.0, 3.0))
    for score, title in SCORES.items():
        means = np.array([row["mean"][score] for row in measured["rows"]])
        stds = np.array([row["std"][score] for row in measured["rows"]])
        axes[0].plot(alphas, means, marker="o", ms=4, label=title)
        axes[0].fill_between(alphas, means - stds, means + stds, alpha=0.15)
    axes[0].set(xlabel="alpha", ylabel="score", xscale="log")
    axes[0].legend()
    axes[1].plot(
        alphas,
        [row["mean"]["largest_probability"] for row in measured["rows"]],
        marker="o",
        ms=4,
        color="tab:red",
    )
    axes[1].set(xlabel="alpha", ylabel="mean largest probability", xscale="log")
    codes = axes[1].twinx()
    codes.plot(
        alphas,
        [row["mean"]["n_nonzero"] for row in measured["rows"]],
        marker="s",
        ms=4,
        color="tab:gray",
    )
    codes.set_ylabel("nonzero entries of a code (gray)")
    _save(fig, "paper_alpha")


def draw_weights():
    measured = read("paper/weights")
    if measured is None:
        return
    rows = [
        [
            row["part"],
            "learned" if row["fit_weights"] else "equal",
            *with_spread(row),
        ]
        for row in measured["rows"]
    ]
    write_table("paper_weights", ["classes", "weights", *SCORES.values()], rows)
    learned = [row for row in measured["rows"] if row["fit_weights"]]
    fig, axes = make_axes(1, len(learned), (7.0, 2.8), sharey=True)
    for ax, row in zip(axes, learned, strict=True):
        shares = np.mean([trial["class_shares"] for trial in row["trials"]], axis=0)
        weights = np.array([trial["weights"] for trial in row["trials"]])
        ax.bar(np.arange(10), shares, color="0.8", label="share of the class")
        ax.plot(weights.T, "_", color="tab:blue", ms=10)
        ax.plot(
            [], [], "_", color="tab:blue", ms=10, label="learned weight, each trial"
        )
        ax.set(title=f"{row['part']} classes", xlabel="classes by size")
    axes[0].legend(fontsize=8)
    _save(fig, "paper_weights")


def _seconds(measured: dict) -> str:
    return f"{np.mean([trial['fit_seconds'] for trial in measured['trials']]):.0f}"


def _save(fig, name: str) -> None:
    fig.tight_layout()
    save_picture(name, fig, dpi=100)


def main():
    make_parser(__spec__.name, __doc__).parse_args()
    write_table_1()
    write_missing()
    write_trials()
    draw_init_and_train()
    draw_alpha()
    draw_weights()


if __name__ == "__main__":
    main()
