"""In which form images are scattered, how many at a time, and what that takes."""

import functools
import math
from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from ..functional import (
    fft_is_faster,
    fft_scattering,
    fft_scattering_operators,
    scattering,
    scattering_operators,
)
from ..functional.scattering_filters import padded_size

__all__ = ["auto_batch_size", "check_cost", "scattered", "turned_copies"]

# Entries of the largest array of a batch: what a CPU's cache holds, what fills a GPU.
_CPU_ENTRIES, _GPU_ENTRIES = 2**20, 2**27
# Of the operators and the maps of one image together: 8 GB in double precision.
_MOST_ENTRIES = 2**30

# They take longer than a batch of images, and pipelines transform again and again.
_cached_operators = functools.lru_cache(maxsize=8)(scattering_operators)
_cached_fft_operators = functools.lru_cache(maxsize=8)(fft_scattering_operators)


def scattered(images: Tensor, J: int, L: int, max_order: int) -> Tensor:
    """Scattering coefficients of images (B, height, width), in the faster form."""
    shape = (images.shape[1], images.shape[2])
    kind = {"dtype": images.dtype, "device": images.device}
    if fft_is_faster(shape, J):
        operators = _cached_fft_operators(shape, J, L, **kind)
        return fft_scattering(images, operators, max_order)
    return scattering(images, _cached_operators(shape, J, L, **kind), max_order)


def turned_copies(images: Tensor, n_turns: int) -> Iterator[Tensor]:
    """Yield images (B, height, width) as they are, and turned by equal angles.

    About their middle; what is beyond the border is as the border is.
    """
    yield images
    height, width = images.shape[1:]
    for k in range(1, n_turns):
        angle = 2.0 * math.pi * k / n_turns
        cosine, sine = math.cos(angle), math.sin(angle)
        # In units of half the width and half the height.
        matrix = images.new_tensor(
            [
                [cosine, -sine * height / width, 0.0],
                [sine * width / height, cosine, 0.0],
            ]
        )
        size = [1, 1, height, width]
        grid = affine_grid(matrix[None], size, align_corners=False)
        yield grid_sample(
            images[None], grid, padding_mode="border", align_corners=False
        )[0]


def auto_batch_size(
    shape: tuple[int, int], J: int, L: int, max_order: int, device: torch.device
) -> int:
    """Number of grey images at a time, so that their maps have a bounded size."""
    height, width = (padded_size(size, J) for size in shape)
    # First-order maps at full resolution, or second-order ones at half of it; fast
    # Fourier transforms take the latter a few at a time.
    is_second_larger = max_order == 2 and not fft_is_faster(shape, J)
    n_maps = max(L, L**2 // 4 if is_second_larger else 0)
    n_entries = _CPU_ENTRIES if device.type == "cpu" else _GPU_ENTRIES
    return max(1, n_entries // (2 * n_maps * height * width))


def check_cost(shape: tuple[int, int], J: int, L: int, n_channels: int) -> None:
    """Refuse scales and angles that are too large, or too many, for images.

    Raises
    ------
    ValueError
        If scales would average reflections of the image, or operators and the maps of
        one image would take more than 8 GB.
    """
    height, width = shape
    # Larger scales average reflections of the image; three are the default.
    largest_J = max(3, (min(height, width) - 1).bit_length())
    if largest_J < J:
        raise ValueError(
            f"J={J} is too large for images of {height} by {width} pixels: "
            f"averages are over 2**J of them. J must be at most {largest_J}, or "
            "'auto'."
        )
    rows, columns = height + 2 ** (J + 1), width + 2 ** (J + 1)
    n_maps = max(4 * L, L**2) // 2 * n_channels
    if fft_is_faster(shape, J):
        # Of larger strides, few of the frequencies are kept.
        n_entries = (2 * min(J, 4) * L * 4 // 3 + n_maps) * rows * columns
    else:
        n_wavelets = J * L * rows * columns
        n_entries = (n_wavelets + 8 * (rows**2 + columns**2)) * 4 // 3
        n_entries += n_maps * rows * columns
    if n_entries > _MOST_ENTRIES:
        raise ValueError(
            f"J={J} and L={L} take {8e-9 * n_entries:.3g} GB for images of "
            f"{height} by {width} pixels; J, L or the images must be smaller."
        )
