"""Training steps on a GPU: fused, plain and by the textbook; masked and complete."""

import functools
import statistics
import time

import torch

from skmixmate.functional import fused_check, fused_fista
from skmixmate.functional.fused_fista import Tile
from skmixmate.modules import DictionaryMixture
from skmixmate.training import DeadAtomReseeding, Samples, Trainer
from skmixmate.training.fused_update import fused_update
from skmixmate.training.gradients import captured

from ..paper.recipe import observed_pixels

ALPHA, BATCH_SIZE, N_CLUSTERS, N_FISTA_ITER = 0.75, 256, 10, 15
# What pixels in [0, 1] are divided by, about, as `MixMateClustering` does.
SCALE = 0.94


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def milliseconds(function, repeats: int, each: int = 1) -> float:
    """Median over repeats of the mean of ``each`` calls, on the device to their end."""
    function()
    times = []
    for _ in range(repeats):
        synchronize()
        started = time.perf_counter()
        for _ in range(each):
            function()
        synchronize()
        times.append((time.perf_counter() - started) / each)
    return round(1e3 * statistics.median(times), 4)


def first_atoms(images: torch.Tensor, n_atoms: int) -> torch.Tensor:
    """Members of ten clusters of images, (K, P, M)."""
    X = images.float() / images.max()
    generator = torch.Generator().manual_seed(0)
    # Neighbours of ten images: dictionaries that are not alike.
    centers = X[torch.randperm(len(X), generator=generator)[:N_CLUSTERS]]
    distances = torch.cdist(centers, X[:20_000])
    nearest = distances.topk(n_atoms, largest=False).indices
    return X[nearest]


def make_trainer(
    images, n_atoms: int, form: str, mask=None, n_epochs: int = 1
) -> Trainer:
    """A trainer as `MixMateClustering` makes it, all on the device."""
    device = images.device
    module = DictionaryMixture(
        first_atoms(images, n_atoms),
        alpha=ALPHA,
        n_fista_iter=N_FISTA_ITER,
        form=form,
        min_responsibility=1e-5,
    )
    return Trainer(
        module,
        torch.optim.Adam(
            [module.dictionaries],
            lr=torch.tensor(1e-3, device=device),
            fused=True,
            capturable=device.type == "cuda",
        ),
        Samples(images, mask, scale=255.0 * SCALE, device=device),
        max_iter=n_epochs,
        batch_size=BATCH_SIZE,
        generator=torch.Generator().manual_seed(0),
        callbacks=[DeadAtomReseeding()],
    )


def step_row(images, form: str, repeats: int, n_atoms: int = 50) -> dict:
    """A step of the trainer in a whole epoch, and that of its graph alone."""
    trainer = make_trainer(images, n_atoms, form).run()
    n_steps = -(-len(images) // BATCH_SIZE)
    with torch.enable_grad():
        epoch = milliseconds(trainer._pass_over_samples, repeats)
    row = {
        "form": form,
        "n_atoms": n_atoms,
        "step_ms": round(epoch / n_steps, 4),
        "epoch_ms": epoch,
    }
    recording = trainer.recorded_step and trainer.recorded_step.recording
    row["is_recorded"] = recording is not None
    if recording is not None:
        row["graph_ms"] = milliseconds(recording.replay, repeats, each=100)
    return row | errors_against_double_precision(images, n_atoms, form)


def update_row(images, repeats: int) -> dict:
    """What Adam and the scaling of atoms take of a step, by a kernel and without."""
    trainer = make_trainer(images, 50, "auto").run()
    on_gpu = images.device.type == "cuda"

    def plain():
        trainer.optimizer.step()
        trainer.module.normalize_()

    row = {}
    fused = fused_update(trainer.optimizer, trainer.module)
    for name, update in (("fused", fused), ("plain", plain)):
        if update is not None:
            if on_gpu:
                update, _ = captured(update, trainer.loss_gradient.stream)
            row[f"{name}_ms"] = milliseconds(update, repeats, each=100)
    return row


def errors_against_double_precision(images, n_atoms: int, form: str, mask=None) -> dict:
    """Of energies and gradient of one batch, against the textbook's."""
    X = images[:BATCH_SIZE].double() / (255.0 * SCALE)
    D = first_atoms(images, n_atoms).double()

    def energies_and_gradient(D, X, form):
        module = DictionaryMixture(D, alpha=ALPHA, n_fista_iter=N_FISTA_ITER, form=form)
        output = module(X, None if mask is None else mask[:BATCH_SIZE].to(X.dtype))
        module.loss(output).backward()
        return output.energies.detach(), module.dictionaries.grad

    exact = energies_and_gradient(D, X, "residual")
    ours = energies_and_gradient(D.float(), X.float(), form)
    return {
        "value_error": float(((ours[0] - exact[0]).abs() / exact[0].abs()).max()),
        "gradient_error": float((ours[1] - exact[1]).norm() / exact[1].norm()),
    }


def print_profile(images, form: str) -> None:
    """Which kernels a recorded step has, and how long each takes."""
    trainer = make_trainer(images, 50, form).run()
    replay = trainer.recorded_step.recording.replay
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        for _ in range(20):
            replay()
        synchronize()
    averages = profile.key_averages()
    print(
        averages.table(
            sort_by="device_time_total", row_limit=60, max_name_column_width=70
        )
    )


def tile_rows(images, repeats: int, tiles=None) -> list[dict]:
    """The fused step with other tiles than the package's."""
    tiles = tiles or [Tile(16, 4), Tile(32, 4), Tile(16, 8), Tile(32, 8), Tile(64, 4)]
    chosen, rows = fused_fista.tiles, []
    for tile in tiles:
        fused_check._FOUND.clear()
        fused_check.tiles = functools.partial(_only, tile)
        try:
            row = step_row(images, "fused", repeats)
        except ValueError as failure:
            row = {"failure": str(failure)[:200]}
        rows.append({"tile": tuple(tile), **row})
        print(rows[-1], flush=True)
        fused_check._FOUND.clear()
        fused_check.tiles = chosen
    return rows


def _only(tile: Tile, n_atoms: int, *, keeps_layers: bool) -> tuple[Tile, ...]:
    return (tile,)


def masked_row(images, repeats: int) -> dict:
    """Epochs with nothing missing, and with a quarter of nine in ten images."""
    mask = torch.from_numpy(observed_pixels(tuple(images.shape), 0)).to(images.device)
    row: dict = {}
    for name, its_mask in (("complete", None), ("masked", mask)):
        trainer = make_trainer(images, 50, "auto", its_mask).run()
        with torch.enable_grad():
            row[f"{name}_epoch_ms"] = milliseconds(
                trainer._pass_over_samples, max(1, repeats // 3)
            )
        recording = trainer.recorded_step and trainer.recorded_step.recording
        row[f"{name}_is_recorded"] = recording is not None
        if recording is not None:
            row[f"{name}_graph_ms"] = milliseconds(recording.replay, repeats, each=100)
    row["ratio"] = round(row["masked_epoch_ms"] / row["complete_epoch_ms"], 2)
    return row | errors_against_double_precision(images, 50, "auto", mask)
