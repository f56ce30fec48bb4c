"""What a CPU could label images in: ``python -m benchmarks.speed.predict``.

The encoder of today, the same operations into arrays that are allocated once, the loop
compiled by torch's inductor, and C++ that has thresholds and extrapolation within the
products (``fused_cpu.cpp``, which needs g++), all of which give the same energies but
for rounding; and the one product ``X D^T``. First a batch of MNIST as `predict` takes
it, then `MixMateClustering.predict` of all images with the form in place of today's.
They alternate; times are those in which the process ran, the smallest and the median,
and ratios are medians over neighbouring measurements. ``--inductor`` compiles for
minutes. Stores ``benchmarks/results/speed/predict.json``.
"""

import tempfile
import time
from unittest import mock

import numpy as np
import torch

from skmixmate import MixMateClustering
from skmixmate.base.samples import _CODES_PER_BATCH
from skmixmate.modules import encoder

from ..common import clock, load, machine, make_parser, parse, random_rows, store
from . import fused_cpu
from .roofline import N_ATOMS, N_CLUSTERS, N_FISTA_ITER

ALPHA = 0.75
TODAY, PRODUCT = "today", "X D^T"
FLAGS = {
    "C++, AVX-512": ["-mavx512f", "-mavx2", "-mfma"],
    "C++, AVX2": ["-mavx2", "-mfma"],
}


def fitted(images) -> MixMateClustering:
    """A mixture of the sizes that `benchmarks.speed` has."""
    return MixMateClustering(
        N_CLUSTERS,
        n_atoms=N_ATOMS,
        adapt_n_atoms=False,
        alpha=ALPHA,
        n_fista_iter=N_FISTA_ITER,
        init="k-means",
        fit_intercept=False,
        max_iter=2,
        n_iter_no_change=2,
        random_state=0,
        device="cpu",
    ).fit(images)


def tried_forms(folder: str, with_inductor: bool) -> dict:
    """Names and functions that encode; those that can be had here."""
    forms = {TODAY: encoder.FORMS["gram"].encode}
    forms["arrays allocated once"] = fused_cpu.allocated_once
    if with_inductor:
        forms["inductor"] = fused_cpu.inductor
    capability = torch.backends.cpu.get_cpu_capability()
    for name, flags in FLAGS.items():
        if "512" in name and capability != "AVX512":
            continue
        if (form := fused_cpu.compiled(flags, folder)) is not None:
            forms[name] = form
    return forms


def problem_of(mixture, X):
    """What the forms take of samples (B, M)."""
    module = mixture._network()
    return encoder._Problem(
        *(X / mixture.scale_, None, module.dictionaries.detach()),
        *(*module.gram_and_steps(), module.penalty, ALPHA, N_FISTA_ITER),
        few_matter=False,
        with_codes=False,
    )


def in_turn(works: dict, n_rounds: int) -> dict[str, dict]:
    """Seconds of each work, and how many times as long as the product and today."""
    times = {name: [] for name in works}
    for _ in range(n_rounds):
        for name, work in works.items():
            started = clock()
            work()
            times[name].append(clock() - started)
    product, today = np.array(times[PRODUCT]), np.array(times[TODAY])
    rows = {}
    for name, found in times.items():
        rows[name] = {
            "seconds": round(min(found), 5),
            "median_seconds": round(float(np.median(found)), 5),
            "over_product": round(float(np.median(found / product)), 2),
            "today_over": round(float(np.median(today / found)), 2),
        }
        print(name, rows[name], flush=True)
    return rows


@torch.no_grad()
def of_a_batch(forms: dict, mixture, X, n_rounds: int) -> dict:
    """A batch, with errors of the energies against double precision."""
    problem = problem_of(mixture, X)
    doubled = {
        name: getattr(problem, name).double() for name in ("X", "D", "gram", "step")
    }
    exact = sum(encoder.FORMS["residual"].encode(problem._replace(**doubled))[1:])
    errors, first_calls = {}, {}
    for name, encode in forms.items():
        started = time.perf_counter()
        found = sum(encode(problem)[1:])
        first_calls[name] = time.perf_counter() - started
        errors[name] = float((found - exact).abs().max() / exact.max())
    W = problem.D.flatten(0, 1).T.contiguous()
    works = {name: lambda f=f: f(problem) for name, f in forms.items()}
    rows = in_turn(works | {PRODUCT: lambda: problem.X @ W}, n_rounds)
    for name, error in errors.items():
        rows[name]["error"] = float(f"{error:.1e}")
        rows[name]["first_call_seconds"] = round(first_calls[name], 1)
    return rows


def of_predict(forms: dict, mixture, images, batch_size: int, n_rounds: int) -> dict:
    """All images by `predict`, with how many labels differ from today's."""
    W = torch.from_numpy(mixture.dictionaries_).flatten(0, 1).T.contiguous()
    labels = {}

    def predict(name):
        form = encoder.FORMS["gram"]._replace(encode=forms[name])
        with mock.patch.dict(encoder.FORMS, gram=form):
            labels[name] = mixture.predict(images)

    def product():
        for batch in torch.from_numpy(images).split(batch_size):
            batch @ W

    works = {name: lambda name=name: predict(name) for name in forms}
    rows = in_turn(works | {PRODUCT: product}, n_rounds)
    for name, found in labels.items():
        rows[name]["other_labels"] = int((found != labels[TODAY]).sum())
    return rows


def main():
    parser = make_parser(__spec__.name, __doc__)
    parser.add_argument("--rounds", type=int, default=30, help="of a batch")
    parser.add_argument("--inductor", action="store_true", help="compile by torch too")
    arguments = parse(parser)
    images = load("mnist")[0].astype(np.float32)
    images = images[random_rows(len(images), len(images))]
    mixture = fitted(images[:10_000])
    batch_size = _CODES_PER_BATCH // (N_CLUSTERS * N_ATOMS)
    with tempfile.TemporaryDirectory() as folder:
        forms = tried_forms(folder, arguments.inductor)
        batch = torch.from_numpy(images[:batch_size])
        of_batch = of_a_batch(forms, mixture, batch, arguments.rounds)
        # It would be compiled again for the last batch, which is smaller.
        forms.pop("inductor", None)
        of_all = of_predict(forms, mixture, images, batch_size, n_rounds=5)
    inductor = " --inductor" if arguments.inductor else ""
    store(
        "speed/predict",
        {
            "command": f"python -m {__spec__.name} --rounds {arguments.rounds} "
            f"--threads {arguments.threads}{inductor}",
            "batch": {"n_images": batch_size, "forms": of_batch},
            "predict": {"n_images": len(images), "forms": of_all},
            "machine": machine() | {"simd": torch.backends.cpu.get_cpu_capability()},
        },
    )


if __name__ == "__main__":
    main()
