"""A bounded, uniform sample of all samples that a stream has brought."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from ..utils.validation import Input, missing_entries

__all__ = ["Reservoir", "input_of", "joined_inputs"]


@dataclass(frozen=True)
class Reservoir:
    """Samples of a stream, each of all so far with the same probability.

    Every sample draws a number, and those with the lowest numbers are kept, in the
    order in which they came.

    Attributes
    ----------
    size : int
        Largest number of samples.
    X : ndarray of shape (n_samples, n_features) or None
        As they were given, in their dtype; None before there are any.
    mask : ndarray of shape (n_samples, n_features), bool, or None
        True where observed.
    keys : ndarray of shape (n_samples,)
        What the samples drew.
    n_seen : int
        Number of samples that the stream has brought.

    References
    ----------
    Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (Information
    Processing Letters 97, 2006), with equal weights.
    """

    size: int
    X: np.ndarray | None = None
    mask: np.ndarray | None = None
    keys: np.ndarray | None = None
    n_seen: int = 0

    def __len__(self) -> int:
        """Return the number of samples."""
        return 0 if self.X is None else len(self.X)

    @property
    def has_all(self) -> bool:
        """Whether it still holds every sample of the stream."""
        return len(self) == self.n_seen

    def of_size(self, size: int) -> "Reservoir":
        """The reservoir with another size, if it can have that.

        It cannot grow once it has let samples go, or later ones would be too many.
        """
        if size > self.size:
            return replace(self, size=size) if self.has_all else self
        if self.keys is None or len(self.keys) <= size:
            return replace(self, size=size)
        kept = np.sort(np.argpartition(self.keys, size - 1)[:size])
        mask = None if self.mask is None else self.mask[kept]
        X: np.ndarray = self.X[kept]  # type: ignore[index]
        return replace(self, size=size, X=X, mask=mask, keys=self.keys[kept])

    def added(self, data: Input, random_state: np.random.RandomState) -> "Reservoir":
        """The reservoir after a batch; this one stays as it is.

        Rows of which nothing is observed are left out.
        """
        n_seen, n_old = self.n_seen + len(data.X), len(self)
        rows = np.arange(len(data.X))
        new_keys = random_state.random_sample(len(rows))
        if data.empty_rows is not None:
            is_empty = data.empty_rows.cpu().numpy()
            rows, new_keys = rows[~is_empty], new_keys[~is_empty]
            n_seen -= int(is_empty.sum())
        keys = new_keys if self.keys is None else np.concatenate([self.keys, new_keys])
        kept = np.arange(len(keys))
        if len(keys) > self.size:
            kept = np.sort(np.argpartition(keys, self.size - 1)[: self.size])
        old, new = kept[kept < n_old], rows[kept[kept >= n_old] - n_old]
        if n_old and not len(new):
            return replace(self, n_seen=n_seen)
        # Only what is kept leaves the device.
        index = torch.from_numpy(new).to(data.X.device)
        X = _to_numpy(data.X[index])
        mask = None if data.mask is None else data.mask[index].cpu().numpy()
        if self.X is not None:
            mask = _joined_masks(
                None if self.mask is None else self.mask[old], len(old), mask, X.shape
            )
            X = np.concatenate([self.X[old], X])
        return replace(self, X=X, mask=mask, keys=keys[kept], n_seen=n_seen)

    def drawn(self, n_samples: int, random_state: np.random.RandomState) -> Input:
        """At most so many of the samples, at random."""
        rows = random_state.permutation(len(self))[:n_samples]
        X: np.ndarray = self.X[np.sort(rows)]  # type: ignore[index]
        mask = None if self.mask is None else self.mask[np.sort(rows)]
        return input_of(
            torch.from_numpy(X), None if mask is None else torch.from_numpy(mask)
        )

    def all_samples(self) -> Input:
        """All of the samples, in the order in which they came."""
        # Copies: what was loaded may be read-only, which torch warns of.
        mask = None if self.mask is None else torch.tensor(self.mask)
        return input_of(torch.tensor(self.X), mask)


def input_of(X: Tensor, mask: Tensor | None) -> Input:
    """Samples without empty rows as validated input."""
    missing = missing_entries(X, mask)
    empty_columns = None
    if missing is not None and missing.all(dim=0).any():
        empty_columns = missing.all(dim=0)
    return Input(
        X,
        mask,
        is_tensor=False,
        empty_columns=empty_columns,
        has_missing=missing is not None,
    )


def joined_inputs(first: Input, second: Input) -> Input:
    """Samples of one input, and after them those of another, on the first's device."""
    device = first.X.device
    mask = first.mask
    if first.mask is not None or second.mask is not None:
        mask = torch.cat(
            [
                torch.ones(data.X.shape, dtype=torch.bool, device=device)
                if data.mask is None
                else data.mask.to(device)
                for data in (first, second)
            ]
        )
    joined = input_of(torch.cat([first.X, second.X.to(device)]), mask)
    empty_rows = first.empty_rows
    if empty_rows is not None:
        empty_rows = torch.cat([empty_rows, empty_rows.new_zeros(len(second.X))])
    return joined._replace(empty_rows=empty_rows)


def _joined_masks(old, n_old: int, new, new_shape: tuple[int, ...]):
    if old is None and new is None:
        return None
    if old is None:
        old = np.ones((n_old, new_shape[1]), dtype=bool)
    return np.concatenate([old, np.ones(new_shape, dtype=bool) if new is None else new])


def _to_numpy(X: Tensor) -> np.ndarray:
    # NumPy has no such numbers.
    return (X.float() if X.dtype == torch.bfloat16 else X).cpu().numpy()
