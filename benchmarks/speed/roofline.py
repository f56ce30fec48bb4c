"""What a machine can do, and what the work needs: for `benchmarks.speed`.

Operations are those of the products that the work cannot do without, a multiplication
and an addition each; everything between them counts as nothing. Bytes are the arrays
that must be read or written once. A floor is the larger of the two times.
"""

from typing import NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from ..common import clock

N_SAMPLES, N_CLUSTERS, N_ATOMS, N_FEATURES, N_FISTA_ITER = 256, 10, 50, 784, 15
_COPIED_NUMBERS = 2**24


class Work(NamedTuple):
    """Operations by the shape of their products, and bytes.

    ``wide`` products are as large as ``X D^T``, all clusters in one; ``narrow`` ones
    decode the samples for one cluster, or correlate their residuals with its atoms;
    ``small`` ones are an iteration in the Gram form.
    """

    wide: float = 0.0
    narrow: float = 0.0
    small: float = 0.0
    bytes: float = 0.0

    @property
    def operations(self) -> float:
        return self.wide + self.narrow + self.small

    def times(self, factor: float) -> "Work":
        return Work(*(factor * count for count in self))


class Rates(NamedTuple):
    """Operations a second by the shape of the product, and bytes copied a second."""

    wide: float
    narrow: float
    small: float
    bytes: float

    def floor_seconds(self, work: Work) -> float:
        products = zip(work[:3], self[:3], strict=True)
        computing = sum(count / rate for count, rate in products)
        return max(computing, work.bytes / self.bytes)


def seconds(function, repeats: int = 1) -> float:
    """Mean of some calls."""
    started = clock()
    for _ in range(repeats):
        function()
    return (clock() - started) / repeats


def fastest(function, repeats: int) -> float:
    """Seconds of the fastest of some calls, which other work disturbed least."""
    return min(seconds(function) for _ in range(repeats))


def make_rates():
    """Return a function that measures `Rates`, in about a tenth of a second."""
    generator = torch.Generator().manual_seed(0)

    def rand(*shape):
        return torch.rand(shape, generator=generator)

    X, D = rand(N_SAMPLES, N_FEATURES), rand(N_CLUSTERS, N_ATOMS, N_FEATURES)
    flat, first, decoder = D.flatten(0, 1).T, D[0], D[0].T.contiguous()
    codes, gram = rand(N_CLUSTERS, N_SAMPLES, N_ATOMS), D @ D.mT
    code, fit = codes[0].T.contiguous(), rand(N_FEATURES, N_SAMPLES)
    numbers, copy = torch.zeros(_COPIED_NUMBERS), torch.zeros(_COPIED_NUMBERS)
    wide = torch.empty(N_SAMPLES, N_CLUSTERS * N_ATOMS)
    small = torch.empty_like(codes)

    def narrow():
        torch.mm(decoder, code, out=fit)
        torch.mm(first, fit)

    one_product = 2 * N_SAMPLES * N_ATOMS * N_FEATURES

    def measure() -> Rates:
        wide_seconds = fastest(lambda: torch.mm(X, flat, out=wide), 10)
        narrow_seconds = fastest(narrow, 20)
        small_seconds = fastest(
            lambda: torch.baddbmm(codes, codes, gram, out=small), 20
        )
        return Rates(
            wide=N_CLUSTERS * one_product / wide_seconds,
            narrow=2 * one_product / narrow_seconds,
            small=2 * codes.numel() * N_ATOMS / small_seconds,
            bytes=2 * numbers.nbytes / fastest(lambda: copy.copy_(numbers), 3),
        )

    measure()
    return measure


def counted(function) -> float:
    """Operations of all matrix products in a call, as torch counts them."""
    with FlopCounterMode(display=False) as counter:
        function()
    return float(counter.get_total_flops())


def inference(n_samples: int = N_SAMPLES) -> Work:
    """``X D^T``, the Gram matrices, and a small product an iteration and for values."""
    n_codes = n_samples * N_CLUSTERS * N_ATOMS
    D = N_CLUSTERS * N_ATOMS * N_FEATURES
    return Work(
        wide=2 * n_codes * N_FEATURES,
        small=2 * n_codes * N_ATOMS * N_FISTA_ITER + 2 * D * N_ATOMS,
        bytes=4 * (n_samples * N_FEATURES + D + n_samples * N_CLUSTERS),
    )


# Dictionaries read in both passes and by the optimiser, the gradient written and read,
# two moments read and written, the new dictionaries written and scaled.
_PASSES_OVER_D = 11


def _optimizer_bytes() -> int:
    return 4 * _PASSES_OVER_D * N_CLUSTERS * N_ATOMS * N_FEATURES


def training_step(share: float) -> Work:
    """All samples forward, and a ``share`` of samples times clusters back.

    Back through ``X D^T`` is one wide product, through an iteration two small ones,
    through the Gram matrices another.
    """
    forward = inference()
    n_codes = share * N_SAMPLES * N_CLUSTERS * N_ATOMS
    D = N_CLUSTERS * N_ATOMS * N_FEATURES
    return Work(
        wide=forward.wide + 2 * n_codes * N_FEATURES,
        small=forward.small + 4 * n_codes * N_ATOMS * N_FISTA_ITER + 2 * D * N_ATOMS,
        bytes=4 * N_SAMPLES * N_FEATURES + _optimizer_bytes(),
    )


def masked_step(share: float) -> Work:
    """The same through residuals: two narrow products an iteration, and four back."""
    product = 2 * N_SAMPLES * N_CLUSTERS * N_ATOMS * N_FEATURES
    return Work(
        narrow=(2 + 4 * share) * N_FISTA_ITER * product,
        bytes=8 * N_SAMPLES * N_FEATURES + _optimizer_bytes(),
    )
