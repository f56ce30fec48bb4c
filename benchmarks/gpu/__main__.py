"""What a GPU takes: ``python -m benchmarks.gpu``.

Rows, each the median of repeats on the device to its end: a training step by the
trainer and by its graph alone, fused, plain and by the textbook; Adam's share of it;
the paper's 50 epochs; energies of a million generated images beside the one product
with all atoms; an epoch with missing pixels and a complete one, their ratio, and
whether they are recorded; pixels to labels, and each step on the way; scattering; and
k-means by flash-kmeans, cuML and scikit-learn, as far as they are installed. On MNIST
if the folder SKMIXMATE_DATA has it, else on generated images of its size. Errors are
those against the textbook in double precision. A row that fails leaves the others.
Stores ``benchmarks/results/gpu/DEVICE.json``; ``--only ROW ...`` measures some rows
again and leaves the others there.

``--check`` holds the fused kernels to the plain form instead, for all penalties and
many sizes, by several processes that compile; it leaves them compiled for later calls.
``--tiles`` measures the fused step with other tiles, ``--profile`` prints the kernels
of a step and what each takes. ``--small`` is a rehearsal in small sizes, without a GPU
too, that stores nothing.
"""

import functools
import os
import re
import time
import traceback

import torch

from ..common import machine, make_parser, parse, read, store
from . import check, peers, rows, steps


def table(n_images: int, device: str, repeats: int, is_small: bool) -> dict:
    """Name and function of each row."""
    images, classes, source = rows.images_and_classes(n_images)
    print(f"{len(images):,} images: {source}", flush=True)
    on_device = torch.from_numpy(images).to(device)
    forms = ("auto", "gram", "residual")
    on_gpu = torch.device(device).type == "cuda"
    return {
        **{
            f"step_{'fused' if form == 'auto' and on_gpu else form}": functools.partial(
                steps.step_row, on_device, form, repeats
            )
            for form in forms
        },
        "update": lambda: steps.update_row(on_device, repeats),
        "energies": lambda: rows.inference_row(
            images, device, 20_000 if is_small else 1_000_000, repeats
        ),
        "scattering": lambda: rows.scattering_row(images, device, repeats),
        "step_100_atoms_fused": lambda: steps.step_row(on_device, "auto", repeats, 100),
        "step_100_atoms_plain": lambda: steps.step_row(on_device, "gram", repeats, 100),
        "masked": lambda: steps.masked_row(on_device, repeats),
        "paper": lambda: rows.paper_row(images, classes, device, 2 if is_small else 50),
        "clusterer": lambda: rows.clusterer_row(images, classes, device),
        "k_means": lambda: peers.k_means_row(images, classes, device),
    }


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("--only", nargs="+", metavar="ROW", help="some of the rows")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--tiles", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--small", action="store_true")
    arguments = parse(parser)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and not arguments.small:
        parser.error("there is no CUDA GPU; --small is a rehearsal without")
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    name = re.sub("[^a-z0-9]+", "_", name.lower())
    if arguments.check:
        n_processes = min(12, os.cpu_count() or 1)
        checked = check.check(device, n_processes, arguments.small)
        _store(f"gpu/{name}_check", {"check": checked}, arguments, " --check")
        return
    n_images = 1500 if arguments.small else 70_000
    if arguments.tiles:
        images, _, _ = rows.images_and_classes(n_images)
        measured = steps.tile_rows(torch.from_numpy(images).to(device), 3)
        _store(f"gpu/{name}_tiles", {"tiles": measured}, arguments, " --tiles")
        return
    if arguments.profile:
        images, _, _ = rows.images_and_classes(n_images)
        steps.print_profile(torch.from_numpy(images).to(device), "auto")
        return
    measured = {}
    all_rows = table(n_images, device, arguments.repeats, arguments.small)
    for row, function in all_rows.items():
        if arguments.only and row not in arguments.only:
            continue
        started = time.perf_counter()
        try:
            measured[row] = function()
        except Exception:  # The others are worth having.
            traceback.print_exc()
            measured[row] = {"failure": traceback.format_exc()[-400:]}
        took = time.perf_counter() - started
        print(f"{row:22s} ({took:5.1f} s) {measured[row]}", flush=True)
    if arguments.only:
        stored = read(f"gpu/{name}") or {"rows": {}}
        measured = {
            row: (stored["rows"] | measured)[row]
            for row in all_rows
            if row in stored["rows"] or row in measured
        }
    _store(f"gpu/{name}", {"rows": measured}, arguments)


def _store(name: str, result: dict, arguments, options: str = "") -> None:
    if arguments.small:
        return
    command = f"python -m benchmarks.gpu{options}"
    store(name, {"command": command, **result, "machine": machine()})


if __name__ == "__main__":
    main()
