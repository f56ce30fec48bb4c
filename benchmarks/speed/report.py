"""Tables of speed for the docs: ``python -m benchmarks.speed.report``.

Writes docs/tables/speed*.csv from ``threads_1.json`` and ``online_em_DATASET.json`` of
``benchmarks/results/speed``, and from what `benchmarks.gpu` stored of a GPU.
"""

from ..common import DATASETS, SCORES, make_parser, mean_and_std, read, write_table
from . import gpu_counts, gpu_measured

# What was aimed at: name, key of the measured ratio, bound, whether it is a least one.
GOALS = (
    ("textbook step / training step", "textbook_over_step", 30, True),
    ("masked step / training step", "masked_step_over_step", 3, False),
    ("predict, 70,000 images / X D^T", "predict_over_product", 2, False),
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


def goal_rows(comparisons: dict) -> list[list]:
    rows = []
    for name, key, bound, is_least in GOALS:
        ratio = comparisons[key]
        is_met = ratio >= bound if is_least else ratio <= bound
        wanted = f"at {'least' if is_least else 'most'} {bound}"
        measured = f"{ratio:.1f}" if ratio > 0.1 else f"{ratio:.0e}"
        rows.append([name, measured, wanted, "met" if is_met else "missed"])
    return rows + [[name, f"{comparisons[key]:.1f}", "", ""] for name, key in OTHERS]


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
    comparisons = result["comparisons"]
    write_table(
        "speed_goals", ["ratio", "measured", "wanted", ""], goal_rows(comparisons)
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
        ["work", "one thread of a CPU", "H200", "goal on a GPU", ""],
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
