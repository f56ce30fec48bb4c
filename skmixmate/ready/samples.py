"""Samples on their way to features: masks, what is missing, what is found."""

from typing import NamedTuple

import numpy as np
import torch
from sklearn.pipeline import Pipeline
from torch import Tensor

from ..imputation import LocalGaussianImputer
from ..utils.device import is_accelerator
from ..utils.validation import Array, Input, mask_array, missing_entries

__all__ = ["Found", "completed", "flat_mask", "normalized", "taken", "to_numpy"]

# Share that counts as observed of a sample of which anything is.
_LEAST_TRUST = 0.01


class Found(NamedTuple):
    """Features, their norms before they had unit norm, and how much was observed."""

    Z: np.ndarray
    norms: np.ndarray
    trust: Tensor | None


def flat_mask(mask, shape: tuple[int, ...] | None):
    """A mask with one sample a row, of samples of a shape whose last are channels.

    One for all channels will do.

    Raises
    ------
    ValueError
        If its samples have another shape.
    """
    mask = mask_array(mask) if isinstance(mask, list | tuple) else mask
    told = tuple(getattr(mask, "shape", ()))
    if shape is not None and shape[-1] > 1 and told[1:] == shape[:-1]:
        mask = mask if isinstance(mask, Tensor) else mask_array(mask)
        expand = torch.broadcast_to if isinstance(mask, Tensor) else np.broadcast_to
        mask = expand(mask[..., None], (told[0], *shape))
    # Of one channel it may be anything with a sample a row, as a data frame.
    elif len(told) < 3:
        return mask
    elif shape is None or told[1:] not in (shape, shape[:-1]):
        raise ValueError(
            "mask must have the shape of X, or that of one channel for all of them, "
            f"got {told}."
        )
    return mask.reshape(told[0], -1)


def completed(
    imputer: LocalGaussianImputer | None, data: Input
) -> tuple[Input, Tensor | None]:
    """Samples filled in, the mean where nothing is observed, and how much was seen.

    That is zero where nothing was, and nowhere else.
    """
    if imputer is None:
        return data, None
    missing = missing_entries(data.X, data.mask)
    if missing is None:
        return data, None
    X, _ = imputer._filled(data)
    trust = imputer._observed_shares(missing).clamp(min=_LEAST_TRUST)
    trust[missing.all(dim=1)] = 0.0
    return Input(X, None, data.is_tensor), trust


def to_numpy(tensor: Tensor) -> np.ndarray:
    """An array of it, wherever it is."""
    return tensor.cpu().numpy()


def normalized(features: Pipeline, raw: Array) -> tuple[np.ndarray, np.ndarray]:
    """Features by the last step, and the norms that they had before it."""
    Z = features[-1].transform(raw)
    if isinstance(raw, Tensor):
        return to_numpy(Z), to_numpy(torch.linalg.vector_norm(raw, dim=1))
    return Z, np.linalg.norm(raw, axis=1)


def taken(data: Input, device: torch.device) -> Array:
    """Samples as features take them: tensors on a GPU, else arrays.

    In single precision, or double if X is in that or in wide integers.
    """
    if is_accelerator(device):
        # They travel in their own dtype, which may be 8 bits.
        return data.X.to(device).to(data.dtype)
    X: Tensor = data.X.cpu().to(data.dtype)
    return X.numpy()
