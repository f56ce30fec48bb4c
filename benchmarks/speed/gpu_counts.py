"""What the work would be on a GPU, counted on a CPU: for `benchmarks.speed.report`.

Counts, not measurements. On a GPU all samples have a backward pass.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from skmixmate.base.samples import _CODES_PER_BATCH
from skmixmate.modules import DictionaryMixture
from skmixmate.training import DeadAtomReseeding, Samples, Trainer

from . import roofline
from .roofline import N_ATOMS, N_CLUSTERS, N_FEATURES, N_FISTA_ITER, N_SAMPLES

# Assumed of one H100 in single precision without TF32: a rate that products reach, the
# memory's, and the seconds from one kernel to the next within a graph and without.
OPERATIONS, BYTES = 50e12, 3e12
SECONDS_IN_GRAPH, SECONDS_ALONE = 2e-6, 8e-6
# How often the kernels of an iteration read or write codes: a product, a threshold and
# an extrapolation forward; back, the threshold's gradient, two products and two sums.
INFERENCE_PASSES, TRAINING_PASSES = 8, 8 + 13
N_IMAGES, N_PREDICTED = 70_000, 1_000_000
# In a batch of `predict`, by the numbers of clusters and atoms.
N_SAMPLES_OF_INFERENCE = _CODES_PER_BATCH // (N_CLUSTERS * N_ATOMS)
# Parts of the names of operations without a kernel, beside views.
_NO_KERNEL = ("empty", "_unsafe_view", "promote_types", "profiler")


class KernelCounter(TorchDispatchMode):
    """Count the operations of torch that start a kernel."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.name()
        self.count += not (func.is_view or any(part in name for part in _NO_KERNEL))
        return func(*args, **(kwargs or {}))


def kernels(function) -> int:
    """Kernels of a call, about: a product may be two."""
    with KernelCounter() as counter:
        function()
    return counter.count


def kernels_of_a_step() -> tuple[int, int]:
    """Kernels in the graph of a step, and those that the host starts beside it."""
    generator = torch.Generator().manual_seed(0)
    X = torch.randint(256, (N_SAMPLES, N_FEATURES - 1), generator=generator)
    samples = Samples(X.to(torch.uint8), scale=9.0, intercept_scaling=1.0)
    D = torch.rand(N_CLUSTERS, N_ATOMS, N_FEATURES, generator=generator)
    module = DictionaryMixture(D, n_fista_iter=N_FISTA_ITER)
    trainer = Trainer(
        module,
        torch.optim.Adam([module.dictionaries], fused=True),
        samples,
        max_iter=1,
        batch_size=N_SAMPLES,
        generator=generator,
        callbacks=[DeadAtomReseeding()],
    ).run()
    batch = samples.batch(torch.arange(N_SAMPLES))
    in_graph = kernels(lambda: trainer.loss_gradient(batch))
    # An epoch of one step; what an epoch takes but once counts for each.
    return in_graph, kernels(trainer._pass_over_samples) - in_graph


def kernels_of_inference() -> int:
    """Kernels of the energies of one batch."""
    module = DictionaryMixture(
        torch.rand(N_CLUSTERS, N_ATOMS, N_FEATURES), n_fista_iter=N_FISTA_ITER
    )
    X = torch.rand(N_SAMPLES, N_FEATURES)
    with torch.no_grad():
        return kernels(lambda: module(X))


def rows() -> list[list]:
    """Operations, bytes, kernels, and the seconds that they would take."""
    codes = 4 * N_SAMPLES * N_CLUSTERS * N_ATOMS * N_FISTA_ITER
    step, inference = roofline.training_step(1.0), roofline.inference()
    step = step._replace(bytes=step.bytes + TRAINING_PASSES * codes)
    inference = inference._replace(bytes=inference.bytes + INFERENCE_PASSES * codes)
    of_step, of_inference = kernels_of_a_step(), (0, kernels_of_inference())
    n_steps, n_batches = N_IMAGES / N_SAMPLES, N_PREDICTED / N_SAMPLES_OF_INFERENCE
    predicting = inference.times(N_PREDICTED / N_SAMPLES)
    return [
        _row("one epoch, 70,000 images", step.times(n_steps), of_step, n_steps),
        _row("50 epochs", step.times(50 * n_steps), of_step, 50 * n_steps),
        _row("inference, 1,000,000 images", predicting, of_inference, n_batches),
    ]


def _row(name, total, n_kernels, n_batches) -> list:
    in_graphs, alone = (n_batches * count for count in n_kernels)
    return [
        name,
        f"{total.operations / 1e12:,.2f}",
        f"{total.bytes / 1e9:,.0f}",
        f"{in_graphs:,.0f}",
        f"{alone:,.0f}",
        f"{total.operations / OPERATIONS:.3f}",
        f"{total.bytes / BYTES:.3f}",
        f"{in_graphs * SECONDS_IN_GRAPH + alone * SECONDS_ALONE:.2f}",
    ]
