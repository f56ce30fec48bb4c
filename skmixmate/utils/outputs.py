"""Where results go: into an array that the user gave, or a new one."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from .validation import shared_tensor

__all__ = ["Output"]


class Output:
    """Rows of results, written batch by batch.

    Parameters
    ----------
    out : ndarray of shape (n_samples, ...) or None
        What is filled, such as a memory map, of the size of the result, in any floating
        dtype, or for labels any signed or unsigned integers that hold them. None makes
        a tensor.
    n_samples : int
    device : torch.device
        Of that tensor.

    Raises
    ------
    TypeError
        If ``out`` is no array, or of numbers of another kind.
    ValueError
        If it cannot be written to, or has another shape.
    """

    def __init__(self, out: Any, n_samples: int, device: torch.device):
        self.out = out
        self.n_samples = n_samples
        self.device = device
        self.tensor: Tensor | None = None
        if out is not None:
            _check_array(out)

    def write(self, index: Any, values: Tensor) -> None:
        """Write the rows of a slice or an index.

        Raises
        ------
        TypeError, ValueError
            If ``out`` does not fit, or its dtype does not hold the values.
        """
        if self.tensor is None:
            self.tensor = self._first(values)
        self.tensor[index] = values.to(self.tensor.device)
        if self.out is not None and self.tensor.dtype != values.dtype:
            self._check_held(values, self.tensor[index].to(values))

    def result(self) -> Any:
        """``out`` if there is one, else the tensor."""
        return self.tensor if self.out is None else self.out

    def _first(self, values: Tensor) -> Tensor:
        shape = (self.n_samples, *values.shape[1:])
        if self.out is None:
            return torch.empty(shape, dtype=values.dtype, device=self.device)
        if self.out.shape != shape:
            raise ValueError(
                f"out must have the shape of the result, {shape}, got {self.out.shape}."
            )
        is_floating = values.is_floating_point()
        if self.out.dtype.kind not in ("f" if is_floating else "iu"):
            kind = "a floating dtype" if is_floating else "an integer dtype"
            raise TypeError(f"out must have {kind}, got {self.out.dtype}.")
        return shared_tensor(self.out)

    def _check_held(self, values: Tensor, held: Tensor) -> None:
        if values.is_floating_point():
            is_held = held.isfinite() | ~values.isfinite()
        else:
            is_held = held == values
        if not is_held.all():
            raise ValueError(
                f"out has dtype {self.out.dtype}, which does not hold all results, "
                f"such as {values[~is_held][0].item()}; use a wider one."
            )


def _check_array(out: Any) -> None:
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise TypeError(
            "out must be a NumPy array, such as "
            "np.lib.format.open_memmap(path, 'w+', dtype, shape), got "
            f"{type(out).__name__}."
        )
    try:
        shared_tensor(out)
    except (TypeError, ValueError) as error:
        raise TypeError(
            "out must have a floating or an integer dtype that PyTorch has, in the "
            f"byte order of the machine, and no negative strides: {error}"
        ) from error
    if not out.flags.writeable:
        raise ValueError(
            "out must be writable; open a memory map with mode 'r+' or 'w+'."
        )
