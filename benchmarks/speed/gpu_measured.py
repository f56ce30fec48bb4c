"""Rows of the docs: what a GPU took, and one thread of a processor."""

import statistics

from ..common import read
from . import roofline
from .gpu_counts import BYTES, OPERATIONS
from .roofline import N_SAMPLES, Work

# Of the one GPU that there is a result of.
DEVICE = "nvidia_h200"
N_IMAGES, BATCH_SIZE = 70_000, 256
N_PREDICTED, N_SCATTERED = 1_000_000, 1024


def floor_ms(work: Work) -> float:
    """Milliseconds of the products, or of moving the bytes, whichever takes longer."""
    return 1e3 * max(work.operations / OPERATIONS, work.bytes / BYTES)


def floors(speed: dict, n_steps: int) -> dict[str, float]:
    """Milliseconds that no form takes less than, by the rates that are assumed."""
    step = floor_ms(roofline.training_step(1.0))
    of_one = roofline.inference()
    inference = floor_ms(of_one.times(N_PREDICTED / N_SAMPLES))
    # As its products are done, of which fewer might do.
    (counted,) = (
        row["giga_operations"]
        for row in speed["rows"]
        if row["work"].startswith("scattering")
    )
    return {
        "training step": step,
        "masked step, 25% missing": floor_ms(roofline.masked_step(1.0)),
        "50 epochs of the paper, start included": 50 * n_steps * step,
        "energies of 1,000,000 images": inference,
        "predict, 1,000,000 images": inference,
        "scattering of 70,000 images": floor_ms(
            Work(wide=1e9 * counted * N_IMAGES / N_SCATTERED)
        ),
    }


def rows() -> list[list[str]]:
    """Work, a CPU's time, the GPU's, its floor, the goal, and whether it is met."""
    gpu = read(f"gpu/{DEVICE}")["rows"]
    speed = read("speed/threads_1")
    cpu = {row["work"]: row["ms"] for row in speed["rows"]}
    step, masked_step = cpu["training step"], cpu["masked step, 25% missing"]
    textbook = step * speed["comparisons"]["textbook_over_step"]
    paper = read("paper/mnist")["trials"]
    n_steps = -(-N_IMAGES // BATCH_SIZE)
    masked = gpu["masked"]
    energies, update = gpu["energies"], gpu.get("update", {})
    measured = [
        ("training step", step, gpu["step_fused"]["step_ms"], 0.2),
        ("its optimiser: Adam and unit norms", None, update.get("fused_ms"), None),
        ("the same by PyTorch", None, update.get("plain_ms"), None),
        ("step in the plain Gram form", None, gpu["step_gram"]["step_ms"], None),
        ("step by the textbook", textbook, gpu["step_residual"]["step_ms"], None),
        ("step with 100 atoms", None, gpu["step_100_atoms_fused"]["step_ms"], None),
        (
            "the same in the plain Gram form",
            *(None, gpu["step_100_atoms_plain"]["step_ms"], None),
        ),
        (
            "masked step, 25% missing",
            *(masked_step, masked["masked_epoch_ms"] / n_steps, None),
        ),
        (
            "50 epochs of the paper, start included",
            1e3 * statistics.mean(trial["fit_seconds"] for trial in paper),
            *(1e3 * gpu["paper"]["fit_s"], 4000.0),
        ),
        ("energies of 1,000,000 images", None, energies["network_ms"], 60.0),
        ("their floor, the product X D^T", None, energies["product_ms"], None),
        ("predict, 1,000,000 images", None, energies["predict_ms"], 60.0),
        ("scattering of 70,000 images", None, gpu["scattering"]["ms"], 80.0),
        (
            "pixels of 70,000 images to labels",
            *(None, 1e3 * gpu["clusterer"]["again_s"], 4000.0),
        ),
    ]
    # Of a run after it was divided into steps.
    parts = gpu["clusterer"].get("steps", {}).get("parts_s", {})
    measured += [
        (f"of these: {part}", None, 1e3 * s, None) for part, s in parts.items()
    ]
    floor = floors(speed, n_steps)
    table = [_row(*one, floor.get(one[0])) for one in measured if one[2] is not None]
    ratio = masked["ratio"]
    met = "met" if ratio <= 4 else "missed"
    cpu_ratio = speed["comparisons"]["masked_step_over_step"]
    table.append(
        [
            "masked step / training step",
            *(f"{cpu_ratio:.1f}", f"{ratio:.1f}"),
            f"{floor['masked step, 25% missing'] / gpu['step_fused']['step_ms']:.1f}",
            *("at most 4", met),
        ]
    )
    return table


def _row(
    work: str,
    cpu: float | None,
    gpu: float,
    goal: float | None,
    floor: float | None,
) -> list[str]:
    met = "" if goal is None else "met" if gpu <= goal else "missed"
    return [work, _time(cpu), _time(gpu), _time(floor), _time(goal), met]


def _time(milliseconds: float | None) -> str:
    if milliseconds is None:
        return ""
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:,.1f} s"
    return f"{milliseconds:.{3 if milliseconds < 1 else 1}f} ms"
