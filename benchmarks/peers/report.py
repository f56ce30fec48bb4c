"""Tables and picture of the comparison: ``python -m benchmarks.peers.report``.

Reads ``benchmarks/results/peers/*.json``, and for `skmixmate.ImageClustering` what
``benchmarks.images`` has stored; writes docs/tables/peers_DATASET.csv for each and
docs/_static/peers.png, accuracy against seconds.
"""

from ..common import (
    DATASETS,
    SCORES,
    make_axes,
    make_parser,
    read,
    save_picture,
    with_spread,
    write_table,
)


def tabulate(dataset: str, methods: dict) -> None:
    """One row a method; a reason where there are no scores."""
    header = ["method", *SCORES.values(), "seeds", "seconds"]
    header += ["peak memory (MiB)", "parameters"]
    rows = []
    for name, result in methods.items():
        if "reason" in result:
            rows.append([name, result["reason"], *[""] * 6])
            continue
        mean = result["scores"]["mean"]
        n_seeds = sum("scores" in trial for trial in result["trials"])
        scores = [f"{mean[key]:.3f}" for key in SCORES]
        if n_seeds > 1:
            scores = with_spread(result["scores"])
        n_parameters = result["n_parameters"]
        rows.append(
            [
                name,
                *scores,
                n_seeds,
                result["mean_seconds"],
                result["peak_memory_mib"],
                "" if n_parameters is None else f"{n_parameters:,}",
            ]
        )
    write_table(f"peers_{dataset}", header, rows)


def with_images(dataset: str) -> dict:
    """The row of `skmixmate.ImageClustering`."""
    result = read(f"images/{dataset}")
    n_parameters = result["trials"][0]["n_parameters"]
    return {"ImageClustering": result | {"n_parameters": n_parameters}}


def draw(results: dict) -> None:
    """Accuracy against seconds, a panel a data set, two side by side."""
    n_rows = -(-len(results) // 2)
    figure, axes = make_axes(
        n_rows, 2, (12.0, 5.6 * n_rows), squeeze=False, sharex=True, sharey=True
    )
    for ax in axes.flat[len(results) :]:
        ax.remove()
    for ax, (dataset, methods) in zip(axes.flat, results.items(), strict=False):
        measured = [(n, r) for n, r in methods.items() if "reason" not in r]
        measured.sort(key=lambda pair: pair[1]["scores"]["mean"]["acc"])
        lower = -1.0
        for name, result in measured:
            is_ours = "MixMate" in name or name == "ImageClustering"
            point = (result["mean_seconds"], result["scores"]["mean"]["acc"])
            ax.semilogx(*point, "o", color="C3" if is_ours else "0.5")
            # Ours to the left, peers to the right, and above a name that is close, so
            # that fewer overlap.
            is_close = point[1] - lower < 0.02
            lower = point[1]
            ax.annotate(
                name,
                point,
                xytext=(-4 if is_ours else 4, 7 if is_close else -4),
                textcoords="offset points",
                ha="right" if is_ours else "left",
                fontsize="small",
            )
        ax.set(title=dataset, xlabel="seconds", ylabel="ACC")
        ax.margins(x=0.25, y=0.1)
    figure.tight_layout()
    save_picture("peers", figure)


def main():
    make_parser(__spec__.name, __doc__).parse_args()
    results = {}
    for dataset in DATASETS:
        if stored := read(f"peers/{dataset}"):
            results[dataset] = stored["methods"] | with_images(dataset)
            tabulate(dataset, results[dataset])
    draw(results)


if __name__ == "__main__":
    main()
