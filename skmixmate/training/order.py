"""The order in which an epoch takes its samples."""

from collections.abc import Iterator

import torch
from torch import Tensor

from ..utils.device import to_device
from .samples import Samples

__all__ = ["shuffled_batches"]

# What is shuffled as a whole: what memory holds, with a place for each sample.
_LARGEST_BYTES, _MOST_SAMPLES = 2**30, 2**22
# Of the rest, what a disk reads in one go, and how many of these are shuffled at once:
# 64 MiB, enough that what lies side by side on disk is a small share of them.
_BYTES_OF_BLOCK, _N_BLOCKS = 2**16, 1024
_BYTES_OF_PAGE = 4096


def shuffled_batches(
    samples: Samples, batch_size: int, generator: torch.Generator
) -> Iterator[Tensor]:
    """Yield the indices of all samples once, in random order, in batches.

    Samples of more than 1 GiB, or more than 4 million, are not drawn one by one, which
    would read a page of a disk for each: blocks of consecutive ones are drawn, and
    those of 1024 blocks are shuffled together. It does not matter whether they are in
    a file or in memory, so that both give the same numbers.

    Parameters
    ----------
    samples : Samples
    batch_size : int
        Of all batches but the last.
    generator : torch.Generator
        On the CPU.

    Yields
    ------
    Tensor of shape (B,), int
        On the device of ``samples.X``.
    """
    rest: Tensor | None = None
    for part in _shuffled_parts(samples, generator):
        rows = to_device(part, samples.X.device)
        if rest is not None and len(rest):
            rows = torch.cat([rest, rows])
        n_taken = len(rows) // batch_size * batch_size
        if n_taken:
            yield from rows[:n_taken].split(batch_size)
        rest = rows[n_taken:]
    if rest is not None and len(rest):
        yield rest


def _shuffled_parts(samples: Samples, generator: torch.Generator) -> Iterator[Tensor]:
    n_samples, X = len(samples), samples.X
    if n_samples <= _MOST_SAMPLES and X.nbytes <= _LARGEST_BYTES:
        yield _permutation(n_samples, generator)
        return
    size = max(1, _BYTES_OF_BLOCK // (X.shape[1] * X.element_size()))
    blocks = _permutation(-(-n_samples // size), generator)
    for some in blocks.split(_N_BLOCKS):
        firsts = some.sort().values * size
        if X.device.type == "cpu":
            _read(samples, firsts.tolist(), size)
        rows = (firsts[:, None] + torch.arange(size)).flatten()
        rows = rows[rows < n_samples]
        yield rows[_permutation(len(rows), generator)]


def _permutation(n: int, generator: torch.Generator) -> Tensor:
    return torch.randperm(n, generator=generator, device="cpu")


def _read(samples: Samples, firsts: list[int], size: int) -> None:
    """Touch the pages of blocks in the order of the disk, so that memory has them."""
    for array in (samples.X, samples.mask):
        if array is None:
            continue
        step = max(1, _BYTES_OF_PAGE // array.element_size())
        for first in firsts:
            array[first : first + size].flatten()[::step].any()
