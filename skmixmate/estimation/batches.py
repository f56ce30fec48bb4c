"""A network over all samples, batch by batch."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from ..modules import UnfoldedEncoder
from ..training import Samples
from ..utils.validation import Input

__all__ = ["batched_outputs", "compute_in_batches", "like_input", "mean_score"]

# Codes of one inference batch, K * B * P numbers: large enough for efficient matrix
# products, small enough to stay near the processor.
_CODES_PER_BATCH = 2**19


def batched_outputs(
    module: UnfoldedEncoder, samples: Samples
) -> Iterator[tuple[slice, tuple]]:
    """Yield the slice and the forward pass of all samples, in order.

    The batches depend on the shape of the model alone, so that the same samples give
    the same numbers whoever asks.
    """
    n_dictionaries, n_atoms, _ = module.dictionaries.shape
    batch_size = max(16, _CODES_PER_BATCH // (n_dictionaries * n_atoms))
    with torch.no_grad():
        for index in samples.slices(batch_size):
            yield index, module(*samples.batch(index))


def compute_in_batches(
    module: UnfoldedEncoder,
    samples: Samples,
    function: Callable,
    device: torch.device,
) -> Tensor:
    """Apply ``function`` to the output of each batch; return all on ``device``.

    Raises
    ------
    ValueError
        If an output is not finite.
    """
    result = None
    # Looked at once in the end, for a GPU would have to wait.
    is_finite = torch.ones((), dtype=torch.bool, device=samples.device)
    for index, output in batched_outputs(module, samples):
        values = function(output)
        if result is None:
            shape = (len(samples), *values.shape[1:])
            result = torch.empty(shape, dtype=values.dtype, device=device)
        result[index] = values
        is_finite &= torch.isfinite(module.loss(output))
    if not is_finite:
        raise ValueError(
            "X has samples that are too large for the fitted model, which divides X "
            f"by scale_={samples.scale:.3g}: their energies are not finite in "
            f"{str(samples.dtype).removeprefix('torch.')}."
        )
    return result


def like_input(data: Input, values: Tensor):
    """Return a tensor to whoever passed one, else an array."""
    return values if data.is_tensor else values.numpy()


def mean_score(scores, sample_weight=None) -> float:
    """Weighted mean of the scores of samples, an array or a tensor.

    Raises
    ------
    ValueError
        If ``sample_weight`` does not have one number a sample.
    """
    scores = np.asarray(torch.as_tensor(scores).cpu())
    if sample_weight is not None and np.shape(sample_weight) != scores.shape:
        raise ValueError(
            f"sample_weight must have shape ({len(scores)},), one number a sample, got "
            f"{np.shape(sample_weight)}."
        )
    return float(np.average(scores, weights=sample_weight))
