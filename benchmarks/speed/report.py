"""Tables of speed for the docs: ``python -m benchmarks.speed.report``.

Writes docs/tables/speed*.csv from ``threads_1.json``, ``clusterer.json``,
``predict.json`` and ``online_em_DATASET.json`` of ``benchmarks/results/speed``, and
from what `benchmarks.gpu` stored of a GPU.
"""

from ..common import DATASETS, SCORES, make_parser, mean_and_std, read, write_table
from . import gpu_counts, gpu_measured
from .roofline import N_ATOMS, N_FEATURES, N_FISTA_ITER

# What was aimed at: name, key of the measured ratio, bound, whether it is a least one.
# No bound where no form can meet what was: there the limit stands alone.
GOALS = (
    ("textbook step / training step", "textbook_over_step", 30, True),
    ("masked step / training step", "masked_step_over_step", None, False),
    ("predict, 70,000 images / X D^T", "predict_over_product", None, False),
    ("error of the gradient / gradient", "gradient_error", 1e-4, False),
    ("the same of a masked step", "masked_gradient_error", 1e-4, False),
)
OTHERS = (
    ("textbook masked step / masked step", "textbook_masked_over_masked_step"),
    ("inference, 256 images / X D^T", "inference_over_product"),
)
SYMBOLS = {
    "n_samples": "N",
    "n_features": "M",
    "n_clusters": "K",
    "n_atoms": "P",
    "n_fista_iter": "L",
}


def roofline_rows(result: dict) -> list[list]:
    return [
        [
            row["work"],
            f"{row['giga_operations']:,.2f}",
            f"{row['mebibytes']:,.1f}",
            f"{row['floor_ms']:,.1f}",
            f"{row['ms']:,.1f}",
            f"{row['ratio']:.1f}",
        ]
        for row in result["rows"]
    ]


def limits(result: dict) -> dict[str, float]:
    """What the ratios of `GOALS` would be if one side took no longer than its floor.

    Of ``predict``, if all of its products were as fast as the one that it is compared
    with, whose rate narrower ones do not reach.
    """
    rows = {row["work"]: row for row in result["rows"]}
    step, masked = rows["training step"], rows["masked step, 25% missing"]
    return {
        "textbook_over_step": result["comparisons"]["textbook_over_step"]
        * step["ratio"],
        "masked_step_over_step": masked["floor_ms"] / step["ms"],
        "predict_over_product": 1.0 + N_FISTA_ITER * N_ATOMS / N_FEATURES,
    }


def goal_rows(result: dict) -> list[list]:
    rows, limit_of = [], limits(result)
    for name, key, bound, is_least in GOALS:
        ratio, limit = result["comparisons"][key], limit_of.get(key)
        measured = f"{ratio:.1f}" if ratio > 0.1 else f"{ratio:.0e}"
        limited = "" if limit is None else f"{limit:.1f}"
        if bound is None:
            rows.append([name, measured, limited, "", f"{ratio / limit:.1f} floors"])
            continue
        is_met = ratio >= bound if is_least else ratio <= bound
        wanted = f"at {'least' if is_least else 'most'} {bound}"
        rows.append([name, measured, limited, wanted, "met" if is_met else "missed"])
    others = ((name, f"{result['comparisons'][key]:.1f}") for name, key in OTHERS)
    return rows + [[*row, "", "", ""] for row in others]


def clusterer_rows(result: dict) -> list[list]:
    """Seconds of the parts of a fit, the longest first."""
    parts = sorted(result["seconds"].items(), key=lambda part: -part[1])
    total = result["fit_seconds"]
    peaks = result["peak_memory_mib"]
    rows = [
        [name, f"{taken:.1f}", f"{taken / total:.0%}", f"{peaks[name]:,}"]
        for name, taken in parts
    ]
    return [*rows, ["all", f"{total:.1f}", "", f"{max(peaks.values()):,}"]]


def predict_rows(result: dict) -> list[list]:
    """How many times as long as the product each form takes, and today against it."""
    batch, whole = result["batch"]["forms"], result["predict"]["forms"]
    rows = []
    for name, row in batch.items():
        cells = [f"{1e3 * row['seconds']:.1f}", f"{row['over_product']:.1f}"]
        if (all_images := whole.get(name)) is None:
            cells += ["", ""]
        else:
            cells.append(f"{all_images['seconds']:.2f}")
            cells.append(f"{all_images['over_product']:.1f}")
        rows.append([name, *cells])
    return rows


def growth_rows(growth: dict) -> list[list]:
    def listed(values, form):
        return " / ".join(format(value, form) for value in values)

    return [
        [
            SYMBOLS[row["size"]],
            listed(row["values"], ","),
            listed(row["seconds"], ".1f"),
            f"{row['exponent_of_seconds']:.2f}",
            listed(row["memory_mib"], ".0f"),
            f"{row['exponent_of_memory']:.2f}",
        ]
        for row in growth["rows"]
    ]


def em_rows() -> list[list]:
    """Where each method ends, means of the seeds."""
    rows = []
    for dataset in DATASETS:
        stored = read(f"speed/online_em_{dataset}") or {"runs": []}
        for curves in zip(*(run["curves"] for run in stored["runs"]), strict=True):
            ends = mean_and_std([curve["epochs"][-1] for curve in curves])["mean"]
            rows.append(
                [
                    dataset,
                    curves[0]["name"],
                    f"{ends['seconds']:.1f}",
                    *(f"{ends[name]:.3f}" for name in SCORES),
                    f"{ends['loss']:.2f}",
                ]
            )
    return rows


def main():
    make_parser(__spec__.name, __doc__).parse_args()
    result = read("speed/threads_1")
    write_table(
        "speed",
        ["work", "10⁹ operations", "MiB", "floor (ms)", "taken (ms)", "taken / floor"],
        roofline_rows(result),
    )
    write_table(
        "speed_goals",
        ["ratio", "measured", "limit", "wanted", ""],
        goal_rows(result),
    )
    write_table(
        "speed_clusterer",
        ["part of the fit", "seconds", "share", "peak memory (MiB)"],
        clusterer_rows(read("speed/clusterer")),
    )
    write_table(
        "speed_predict",
        ["form", "ms of a batch", "over X D^T", "s of all images", "over X D^T"],
        predict_rows(read("speed/predict")),
    )
    write_table(
        "speed_growth",
        ["size", "values", "seconds", "exponent", "memory (MiB)", "exponent of memory"],
        growth_rows(result["growth"]),
    )
    write_table(
        "speed_gpu",
        [
            "work",
            "10¹² operations",
            "GB",
            "kernels in graphs",
            "other kernels",
            "seconds of products",
            "of memory",
            "of starting kernels",
        ],
        gpu_counts.rows(),
    )
    write_table(
        "speed_gpu_measured",
        ["work", "one thread of a CPU", "H200", "counted floor", "goal on a GPU", ""],
        gpu_measured.rows(),
    )
    write_table(
        "speed_em",
        ["data", "method", "seconds", *SCORES.values(), "loss"],
        em_rows(),
    )
    rates = result["giga_a_second"]
    products = ("products as large as X D^T", "of one cluster", "of an iteration")
    write_table(
        "speed_rates",
        ["rate", ""],
        [
            [f"{name} (10⁹ operations a second)", f"{rates[key]:.0f}"]
            for name, key in zip(products, ("wide", "narrow", "small"), strict=True)
        ]
        + [["copying (GB a second)", f"{rates['bytes']:.1f}"]],
    )


if __name__ == "__main__":
    main()
