"""Data as the networks see them: scaled, with an intercept, in batches."""

import copy
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from ..utils.device import fits_in_memory, to_device

__all__ = ["Batch", "Samples"]

# What makes a sample extreme: this many times the median norm, or more by that power of
# the ratio of the ninth decile to it, for at most this share of the samples, or one: a
# small cluster may lie far away as well. Of few samples none can be told.
_FARTHEST, _TAIL_POWER, _LARGEST_SHARE, _N_TO_TELL = 50.0, 7, 0.01, 20
# Samples that the median is taken of, and norms that quantiles are taken of.
_N_FOR_MEDIAN, _N_FOR_QUANTILES = 5000, 2**20


class Batch(NamedTuple):
    """A batch ready for a network.

    ``X`` is (B, M), finite everywhere; ``observed`` is (B, M), 1 where observed and 0
    where missing, or None if the batch is complete, and is known to be.
    """

    X: Tensor
    observed: Tensor | None


class Samples:
    """Raw samples, converted batch by batch so that no second copy of X is made.

    Parameters
    ----------
    X : Tensor of shape (n_samples, n_features)
        Any real dtype (8-bit images stay 8-bit in memory); NaN marks a missing entry.
    mask : Tensor of shape (n_samples, n_features), bool, default=None
        True where observed. An entry is observed if it is neither NaN nor masked out.
    center : Tensor of shape (n_features,), default=None
        What is subtracted from a sample first.
    scale : float, default=1.0
        What it is divided by then.
    intercept_scaling : float, default=None
        Value of a constant feature that is appended after scaling; None for no feature.
    dtype : torch.dtype, default=torch.float32
        Dtype of the batches.
    device : torch.device, default="cpu"
        Device of the batches. X is moved there once if it fits.
    has_missing : bool, default=None
        Whether any entry is missing, if known; None means that X is looked through.
    left_out : Tensor of shape (n_features,), bool, default=None
        Features that count as observed and zero, after centring too: they take no part
        if the atoms are zero there, and samples without others missing are complete.
    largest_norm : float, default=None
        Samples whose norm after centring is larger are shrunk to it; None shrinks none.
    """

    def __init__(
        self,
        X: Tensor,
        mask: Tensor | None = None,
        *,
        center: Tensor | None = None,
        scale: float = 1.0,
        intercept_scaling: float | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        has_missing: bool | None = None,
        left_out: Tensor | None = None,
        largest_norm: float | None = None,
    ):
        self.device = torch.device(device)
        if X.device != self.device and fits_in_memory(X.nbytes, self.device):
            X = X.to(self.device)
            mask = None if mask is None else mask.to(self.device)
        self.X = X
        self.mask = mask
        self.center = None if center is None else center.to(self.device)
        self.scale = scale
        self.intercept_scaling = intercept_scaling
        self.dtype = dtype
        if has_missing is None:
            has_missing = mask is not None or (
                X.is_floating_point() and bool(torch.isnan(X.sum()))
            )
        self.has_missing = has_missing
        self.left_out = None if left_out is None else left_out.to(self.device)
        self.largest_norm = largest_norm

    def __len__(self) -> int:
        """Return the number of samples."""
        return self.X.shape[0]

    def replaced(self, **changes) -> "Samples":
        """Return the same samples, sharing memory, with some parameters changed."""
        names = (
            *("center", "scale", "intercept_scaling", "dtype", "device"),
            *("has_missing", "left_out", "largest_norm"),
        )
        kept = {name: getattr(self, name) for name in names}
        return Samples(self.X, self.mask, **(kept | changes))

    def of(self, X: Tensor) -> "Samples":
        """Return other samples, (n_others, n_features) and complete, taken alike."""
        names = ("center", "scale", "intercept_scaling", "dtype", "device")
        kept = {name: getattr(self, name) for name in (*names, "left_out")}
        return Samples(X, **kept, has_missing=False, largest_norm=self.largest_norm)

    def over(self, X: Tensor | None, mask: Tensor | None) -> "Samples":
        """Return the same over other memory, or over none for a while."""
        other = copy.copy(self)
        other.X, other.mask = X, mask  # type: ignore[assignment]
        return other

    def raw(self, index) -> Batch:
        """Return the samples of a slice or an index tensor as they are.

        Missing entries are zero. Floating point X keeps the higher of its precision and
        that of the batches, so that scaling comes before rounding.
        """
        if isinstance(index, Tensor):
            index = index.to(self.X.device)
        dtype = torch.promote_types(self.X.dtype, self.dtype)
        # Travels in its own dtype, which may be 8 bits.
        X = to_device(self.X[index], self.device).to(dtype)
        if self.left_out is not None:
            X = X.masked_fill(self.left_out, 0.0)
        if not self.has_missing:
            return Batch(X, None)
        observed = ~torch.isnan(X)
        if self.mask is not None:
            observed &= to_device(self.mask[index], self.device)
        if self.left_out is not None:
            observed |= self.left_out
        # Of a GPU it is not asked, since the host would have to wait.
        if self.device.type == "cpu" and observed.all():
            return Batch(X, None)
        return Batch(torch.where(observed, X, 0.0), observed.to(self.dtype))

    def batch(self, index) -> Batch:
        """Return the samples of a slice or an index tensor as a network takes them."""
        X, observed = self.raw(index)
        X = self._bounded(self._centered(X), observed)
        X = (X / self.scale).to(self.dtype)
        if self.intercept_scaling is None:
            return Batch(X, observed)
        X = torch.cat([X, X.new_full((len(X), 1), self.intercept_scaling)], dim=1)
        if observed is not None:
            # A sample of which nothing is observed has no constant feature either.
            seen = observed
            if self.left_out is not None:
                seen = observed.masked_fill(self.left_out, 0.0)
            observed = torch.cat([observed, seen.amax(1, keepdim=True)], dim=1)
        return Batch(X, observed)

    def _centered(self, X: Tensor) -> Tensor:
        if self.center is None:
            return X
        center = self.center.to(X.dtype)
        if self.left_out is not None:
            center = center.masked_fill(self.left_out, 0.0)
        return X - center

    def _bounded(self, X: Tensor, observed: Tensor | None) -> Tensor:
        if self.largest_norm is None:
            return X
        # Not by zero.
        norms = _norms(X, observed).clamp(min=self.largest_norm)
        return X * (self.largest_norm / norms).to(X.dtype).unsqueeze(1)

    def growth(self) -> Tensor | None:
        """What undoes the shrinking of each sample, (n_samples,), at least one.

        None if nothing is shrunk.
        """
        if self.largest_norm is None:
            return None
        return (self.norms() / self.largest_norm).clamp(min=1.0)

    def norms(self, batch_size: int = 4096) -> Tensor:
        """Norm of each centred sample where it is observed, (n_samples,), float64."""
        return self._norms_of(slice(0, len(self)), batch_size)

    def _norms_of(self, rows: slice, batch_size: int = 4096) -> Tensor:
        """`norms` of evenly spaced samples."""
        places = range(len(self))[rows]
        norms = torch.empty(len(places), dtype=torch.float64, device=self.device)
        for start in range(0, len(places), batch_size):
            some = places[start : start + batch_size]
            X, observed = self.raw(slice(some.start, some.stop, some.step))
            norms[start : start + batch_size] = _norms(self._centered(X), observed)
        return norms

    def slices(self, batch_size: int) -> Iterator[slice]:
        """Yield consecutive slices of at most ``batch_size`` samples, in order."""
        for start in range(0, len(self), batch_size):
            yield slice(start, min(start + batch_size, len(self)))

    def _batches_of(self, rows: Tensor | None, batch_size: int) -> Iterator:
        """Yield what `raw` takes for the samples where ``rows`` is True, or all."""
        if rows is None:
            return self.slices(batch_size)
        return iter(rows.nonzero().flatten().split(batch_size))

    def mean(self, rows: Tensor | None = None, batch_size: int = 4096) -> Tensor:
        """Mean of the observed raw entries of each feature, (M,), float64.

        Over the samples where ``rows`` (n_samples,) is True, or all.
        """
        total = torch.zeros(self.X.shape[1], dtype=torch.float64, device=self.device)
        n_observed = torch.zeros_like(total)
        for index in self._batches_of(rows, batch_size):
            X, observed = self.raw(index)
            total += X.sum(0, dtype=torch.float64)
            n_observed += len(X) if observed is None else observed.sum(0)
        return total / n_observed.clamp(min=1.0)

    def mean_squared_norm(
        self, rows: Tensor | None = None, batch_size: int = 4096
    ) -> float:
        """Mean squared norm of the centred samples where ``rows`` is True, or all.

        From observed entries alone: the mean squared entry times the number of
        features.
        """
        total, n_observed = 0.0, 0
        for index in self._batches_of(rows, batch_size):
            X, observed = self.raw(index)
            squares = self._centered(X).double().square()
            total += float((squares if observed is None else squares * observed).sum())
            n_observed += X.numel() if observed is None else int(observed.sum())
        return total / max(n_observed, 1) * self.X.shape[1]

    def ordinary_rows(self) -> Tensor | None:
        """All samples but those far beyond them, (n_samples,), bool; None for all.

        Norms are those of samples about their median. What counts as far is many times
        the median norm, and the more the heavier the tail of the others is.
        """
        # None can be far among bytes.
        if len(self) < _N_TO_TELL or self.X.dtype in (torch.uint8, torch.int8):
            return None
        n_places = min(len(self), _N_FOR_MEDIAN)
        X, observed = self.raw(torch.arange(n_places) * len(self) // n_places)
        if observed is not None:
            X = X.masked_fill(observed == 0, torch.nan)
        about = self.replaced(center=X.nanmedian(dim=0).values.nan_to_num())
        norms = about._norms_of(slice(0, len(self), -(-len(self) // _N_FOR_QUANTILES)))
        ordered = norms[norms > 0.0].sort().values
        if len(ordered) == 0:
            return None
        median, high = (float(ordered[int(q * (len(ordered) - 1))]) for q in (0.5, 0.9))
        farthest = median * max(_FARTHEST, (high / median) ** _TAIL_POWER)
        if len(norms) == len(self):
            ordinary = norms <= farthest
        else:
            # All norms, at eight bytes each, are not held.
            ordinary = torch.ones(len(self), dtype=torch.bool, device=self.device)
            for part in self.slices(_N_FOR_QUANTILES):
                ordinary[part] = about._norms_of(part) <= farthest
        n_extreme = int((~ordinary).sum())
        return ordinary if 0 < n_extreme <= max(1, _LARGEST_SHARE * len(self)) else None


def _norms(X: Tensor, observed: Tensor | None) -> Tensor:
    """Norm of each sample over what is observed, (B,), float64."""
    is_double = X.dtype == torch.float64
    X = X.double() if observed is None else X.double() * observed
    if not is_double:
        return torch.linalg.vector_norm(X, dim=1)
    # Squares of the largest and the smallest of them are none.
    largest = X.abs().amax(1, keepdim=True).clamp(min=torch.finfo(X.dtype).tiny)
    return largest[:, 0] * torch.linalg.vector_norm(X / largest, dim=1)
