"""How far everything is from the machine's limits: ``python -m benchmarks.speed``.

Measures, in one run, the rates of matrix products and of copying, what the work takes,
and the ratio to the floor that `benchmarks.speed.roofline` derives. Compared things are
measured in turn, and a ratio is the median of the ratios of neighbours. With one
thread, times are those in which the process ran, whatever else the machine does. The
dictionaries are those of two epochs on 10,000 images of MNIST, since responsibilities
decide how long a backward pass is. Then growth, by `benchmarks.speed.growth`. Takes
five to eight minutes. Stores ``benchmarks/results/speed/threads_N.json``.
"""

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from skmixmate import MixMateClustering, ScatteringTransform, SparseSubspaceClustering
from skmixmate.functional import responsibilities
from skmixmate.modules import DictionaryMixture

from ..common import load, machine, make_parser, parse, random_rows, store
from . import growth, roofline
from .roofline import N_ATOMS, N_CLUSTERS, N_FISTA_ITER, N_SAMPLES, Work, seconds

ALPHA = 0.75
MISSING = 0.25
# What `MixMateClustering` trains with.
MIN_RESPONSIBILITY = 1e-5
N_IMAGES, N_SCATTERED = 70_000, 1024
SSC_SHAPE = (5000, 500)


def make_step(D, X, observed=None, **options):
    """Return a function that takes one training step, and its network."""
    module = DictionaryMixture(D, alpha=ALPHA, n_fista_iter=N_FISTA_ITER, **options)
    # So small a rate that all steps are the same work.
    optimizer = torch.optim.Adam([module.dictionaries], lr=1e-6, fused=True)

    def step():
        loss = module.loss(module(X, observed))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        module.normalize_()

    return step, module


@torch.no_grad()
def share_that_matters(module, X, observed=None) -> float:
    """Share of samples times clusters that have a gradient."""
    p = responsibilities(module(X, observed).energies)
    return float((p >= MIN_RESPONSIBILITY).float().mean())


def gradient_error(D, X, observed=None) -> float:
    """Relative difference of the gradients of our step and of the textbook's."""
    gradients = []
    for options in ({"form": "residual"}, {"min_responsibility": MIN_RESPONSIBILITY}):
        module = DictionaryMixture(D, alpha=ALPHA, n_fista_iter=N_FISTA_ITER, **options)
        module.loss(module(X, observed)).backward()
        gradients.append(module.dictionaries.grad)
    exact, ours = gradients
    return float((ours - exact).norm() / exact.norm())


def row(name: str, work: Work, function, rates, repeats: int, each: int = 1) -> dict:
    """Measure rates and work in turn."""
    function()
    rounds = [(rates(), seconds(function, each)) for _ in range(repeats)]
    floors, taken = np.transpose(
        [(measured.floor_seconds(work), time) for measured, time in rounds]
    )
    result = {
        "work": name,
        "giga_operations": round(work.operations / 1e9, 3),
        "mebibytes": round(work.bytes / 2**20, 2),
        "floor_ms": round(1e3 * float(np.median(floors)), 2),
        "ms": round(1e3 * float(np.median(taken)), 2),
        "ratio": round(float(np.median(taken / floors)), 2),
    }
    print(result, flush=True)
    return result


def ratio(slow, fast, pairs: int, each: int = 1) -> float:
    """Median of the ratios of neighbouring measurements."""
    slow(), fast()
    measured = [seconds(slow) / seconds(fast, each) for _ in range(pairs)]
    return round(float(np.median(measured)), 2)


def scattering_row(rates) -> dict:
    rng = np.random.default_rng(0)
    X = rng.random((N_SCATTERED, 784), dtype=np.float32)
    model = ScatteringTransform(image_shape=(28, 28), device="cpu").fit(X)
    work = Work(
        wide=roofline.counted(lambda: model.transform(X)),
        bytes=X.nbytes + model.transform(X).nbytes,
    )
    name = f"scattering of {N_SCATTERED:,} images of 28 x 28"
    return row(name, work, lambda: model.transform(X), rates, 5)


def ssc_row(rates) -> dict:
    rng = np.random.default_rng(0)
    X = rng.standard_normal(SSC_SHAPE, dtype=np.float32)
    # Ten clusters about subspaces of ten dimensions.
    bases = rng.standard_normal((10, 10, SSC_SHAPE[1]), dtype=np.float32)
    for cluster, basis in enumerate(bases):
        codes = rng.standard_normal((len(X[cluster::10]), 10), dtype=np.float32)
        X[cluster::10] = codes @ basis + X[cluster::10]

    def fit():
        with threadpool_limits(torch.get_num_threads()):
            SparseSubspaceClustering(N_CLUSTERS, random_state=0).fit(X)

    work = Work(wide=roofline.counted(fit), bytes=X.nbytes)
    return row(f"SSC start, {SSC_SHAPE[0]:,} x {SSC_SHAPE[1]}", work, fit, rates, 2)


def model_rows(images, mixture, rates) -> tuple[list[dict], dict]:
    """Rows of training and inference, and how they compare with each other."""
    D = torch.from_numpy(mixture.dictionaries_)
    X = torch.from_numpy(images[:N_SAMPLES]) / mixture.scale_
    generator = torch.Generator().manual_seed(0)
    observed = (torch.rand(X.shape, generator=generator) >= MISSING).to(X.dtype)
    shorter = {"min_responsibility": MIN_RESPONSIBILITY}
    step, module = make_step(D, X, **shorter)
    masked_step, _ = make_step(D, X, observed, **shorter)
    textbook, _ = make_step(D, X, form="residual")
    textbook_masked, _ = make_step(D, X, observed, form="residual")
    share = share_that_matters(module, X)
    masked_share = share_that_matters(module, X, observed)
    flat = D.flatten(0, 1).T.contiguous()

    @torch.no_grad()
    def inference():
        module(X)

    def predict():
        mixture.predict(images)

    def products():
        # In batches as large as those of `predict`.
        for batch in torch.from_numpy(images).split(2**19 // (N_CLUSTERS * N_ATOMS)):
            batch @ flat

    rows = [
        row("training step", roofline.training_step(share), step, rates, 15, 5),
        row(
            f"masked step, {MISSING:.0%} missing",
            roofline.masked_step(masked_share),
            masked_step,
            rates,
            10,
        ),
        row("inference, 256 images", roofline.inference(), inference, rates, 15, 5),
        row(
            f"predict, {N_IMAGES:,} images",
            roofline.inference().times(N_IMAGES / N_SAMPLES),
            predict,
            rates,
            3,
        ),
    ]
    comparisons = {
        "share_with_gradient": round(share, 3),
        "masked_share_with_gradient": round(masked_share, 3),
        "gradient_error": gradient_error(D, X),
        "masked_gradient_error": gradient_error(D, X, observed),
        "textbook_over_step": ratio(textbook, step, 9, 5),
        "textbook_masked_over_masked_step": ratio(textbook_masked, masked_step, 7),
        "masked_step_over_step": ratio(masked_step, step, 9, 5),
        "inference_over_product": ratio(inference, lambda: X @ flat, 15, 5),
        "predict_over_product": ratio(predict, products, 3),
    }
    print(comparisons, flush=True)
    return rows, comparisons


def main():
    parser = make_parser(__spec__.name, __doc__)
    arguments = parse(parser)
    images = load("mnist")[0].astype(np.float32)
    images = images[random_rows(len(images), N_IMAGES)]
    mixture = MixMateClustering(
        N_CLUSTERS,
        n_atoms=N_ATOMS,
        alpha=ALPHA,
        n_fista_iter=N_FISTA_ITER,
        init="k-means",
        fit_intercept=False,
        max_iter=2,
        n_iter_no_change=2,
        random_state=0,
        device="cpu",
    ).fit(images[:10_000])
    rates = roofline.make_rates()
    rows, comparisons = model_rows(images, mixture, rates)
    rows += [scattering_row(rates), ssc_row(rates)]
    measured = dict(
        zip(
            roofline.Rates._fields,
            np.median([rates() for _ in range(20)], axis=0),
            strict=True,
        )
    )
    store(
        f"speed/threads_{arguments.threads}",
        {
            "command": f"python -m benchmarks.speed --threads {arguments.threads}",
            "giga_a_second": {
                name: round(rate / 1e9, 1) for name, rate in measured.items()
            },
            "rows": rows,
            "comparisons": comparisons,
            "growth": {
                "base": growth.BASE,
                "n_epochs": growth.N_EPOCHS,
                "rows": growth.measure(),
            },
            "machine": machine(),
        },
    )


if __name__ == "__main__":
    main()
