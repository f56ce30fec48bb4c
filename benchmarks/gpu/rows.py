"""Whole calls on a GPU: fits, energies of many images, features, pixels to labels."""

import time
import warnings

import numpy as np
import torch

from skmixmate import ImageClustering, MixMateClustering, ScatteringTransform
from skmixmate.base.samples import batched_outputs
from skmixmate.metrics import clustering_scores
from skmixmate.training import Samples

from ..common import load
from ..paper.recipe import make_mixmate
from .steps import SCALE, first_atoms, milliseconds, synchronize
from .timeline import seconds_of_steps

SIDE = 28


def images_and_classes(n_images: int) -> tuple[np.ndarray, np.ndarray | None, str]:
    """MNIST as bytes if it is there, else smooth images of ten kinds."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            X, y = load("mnist")
        X = np.round(255.0 * np.asarray(X)).astype(np.uint8)
        return X[:n_images], np.asarray(y)[:n_images], "mnist"
    except Exception as failure:  # No file, and no network.
        print(f"MNIST is not there ({type(failure).__name__}); generated images")
    generator = torch.Generator().manual_seed(0)
    kinds = torch.rand(10, 6, 7, 7, generator=generator)
    y = torch.randint(10, (n_images,), generator=generator)
    weights = torch.rand(n_images, 6, generator=generator) ** 3
    coarse = torch.einsum("np,npij->nij", weights, kinds[y])
    fine = torch.nn.functional.interpolate(coarse[:, None], (SIDE, SIDE))[:, 0]
    fine = (fine - 0.6).clamp(min=0.0).flatten(1)
    return (255 * fine / fine.max()).byte().numpy(), y.numpy(), "generated"


def seconds_of(function) -> tuple[float, object]:
    synchronize()
    started = time.perf_counter()
    result = function()
    synchronize()
    return round(time.perf_counter() - started, 3), result


def paper_row(images, classes, device, n_epochs: int) -> dict:
    """The paper's recipe, start included, in pixels from 0 to 1."""
    X = torch.from_numpy(images).to(device).float() / 255.0
    mixmate = make_mixmate("mnist", 0, n_epochs).set_params(device=device)
    with warnings.catch_warnings():
        # What is wrong with the kernels is a RuntimeWarning.
        warnings.simplefilter("ignore", UserWarning)
        # A short one first, which compiles what there is to compile.
        make_mixmate("mnist", 0, 1).set_params(device=device).fit(X[:4096])
        seconds, _ = seconds_of(lambda: mixmate.fit(X))
    training = float(mixmate.history_["seconds"].sum())
    n_steps = n_epochs * -(-len(X) // 256)
    return {
        "epochs": n_epochs,
        "fit_s": seconds,
        "training_s": round(training, 3),
        "training_step_ms": round(1e3 * training / n_steps, 4),
        "scores": clustering_scores(classes, mixmate.labels_),
    }


def inference_row(images, device, n_images: int, repeats: int) -> dict:
    """Energies of many images on the device, by network and by estimator."""
    some = torch.from_numpy(images[:20_000]).to(device)
    mixmate = MixMateClustering(
        10,
        n_atoms=50,
        adapt_n_atoms=False,
        alpha=0.75,
        fit_intercept=False,
        init="k-means",
        max_iter=1,
        random_state=0,
        device=device,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        mixmate.fit(some[:10_000].float() / 255.0)
    generator = torch.Generator(device).manual_seed(0)
    X = torch.rand(n_images, SIDE**2, device=device, generator=generator)
    module = mixmate._network()
    samples = Samples(X, scale=mixmate.scale_, device=device, has_missing=False)

    def energies():
        for _, output in batched_outputs(module, samples, with_codes=False):
            last = output.energies
        return last

    W = first_atoms(some, 50).flatten(0, 1).T.contiguous() / SCALE

    def product():
        # In parts: the whole would be as large as the images.
        for part in X.split(2**15):
            last = part @ W
        return last

    on_gpu = torch.device(device).type == "cuda"
    row = {"n_images": n_images}
    row["network_ms"] = milliseconds(energies, repeats)
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        energies()
        peak = torch.cuda.max_memory_allocated() - before
        row["memory_beside_the_images_mib"] = round(peak / 2**20)
    row["product_ms"] = milliseconds(product, repeats)
    row["predict_ms"] = milliseconds(lambda: mixmate.predict(X), repeats)
    row["score_samples_ms"] = milliseconds(lambda: mixmate.score_samples(X), repeats)
    some_energies = mixmate.transform(X[:2048])
    # Again in double precision by the textbook.
    exact = mixmate._network().double()
    exact.form = "residual"
    with torch.no_grad():
        output = exact(X[:2048].double() / mixmate.scale_)
    errors = (some_energies - output.energies).abs() / output.energies.abs()
    row["value_error"] = float(errors.max())
    return row


def clusterer_row(images, classes, device) -> dict:
    """Pixels to labels; a first time, again with what is compiled, and by steps."""
    row = {"n_images": len(images)}
    for name in ("first_s", "again_s"):
        clusterer = ImageClustering(
            10, image_shape=(SIDE, SIDE), random_state=0, device=device
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            row[name], labels = seconds_of(lambda c=clusterer: c.fit_predict(images))
        row["scores"] = clustering_scores(classes, labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        row["steps"] = seconds_of_steps(lambda: clusterer.fit(images))
    return row


def scattering_row(images, device, repeats: int) -> dict:
    """From tensors to tensors."""
    X = torch.from_numpy(images).to(device)
    model = ScatteringTransform(image_shape=(SIDE, SIDE), device=device).fit(X)
    return {
        "n_images": len(X),
        "ms": milliseconds(lambda: model.transform(X), repeats),
    }
