"""Forms of the encoder on a CPU that were tried, for `benchmarks.speed.predict`.

Each takes what a form of `skmixmate.modules.encoder` takes, with ``L1`` and complete
samples, and gives no codes.
"""

import ctypes
import functools
import subprocess
from pathlib import Path

import torch
from torch.nn.functional import softshrink

from skmixmate.functional.fista import momenta
from skmixmate.modules.encoder import EncoderOutput

SOURCE = Path(__file__).with_name("fused_cpu.cpp")
# Those of `skmixmate.functional.gram_encode`.
TILE_NUMBERS = 2**17


def _prepared(problem):
    """Correlations (K, P, B), ``I - step * G``, and squared norms of the samples."""
    D = problem.D
    C = (D.flatten(0, 1) @ problem.X.T).unflatten(0, D.shape[:2])
    A = torch.eye(D.shape[1]) - problem.step * problem.gram
    return C, A, problem.X.square().sum(-1)


def _tiles(C) -> list:
    """Samples in tiles of one size, but for the last."""
    n_tiles = -(-C.numel() // TILE_NUMBERS)
    return C.split(-(-C.shape[-1] // n_tiles), dim=-1)


def compiled(flags: list[str], folder: str):
    """Encode by the C++ of this folder; None where it cannot be compiled."""
    path = Path(folder) / f"{'_'.join(flags).replace('-', '')}.so"
    command = ["g++", "-O3", "-std=c++17", "-shared", "-fPIC", *flags]
    try:
        subprocess.run([*command, SOURCE, "-o", path], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as failure:
        print(f"no C++: {failure}")
        return None
    function = ctypes.CDLL(str(path)).encode
    pointer, long = ctypes.c_void_p, ctypes.c_long
    function.argtypes = [
        *(pointer, pointer, pointer, pointer, pointer),
        *(ctypes.c_float, ctypes.c_int, long, long, long, pointer, pointer),
    ]
    function.restype = None

    def encode(problem):
        C, A, squared_norms = _prepared(problem)
        (K, P, B), n_iter = C.shape, problem.n_iter
        factors = torch.tensor(list(momenta(n_iter)))
        # The last layer has no next.
        factors = torch.cat([factors, torch.zeros(1)])
        found = torch.empty(2, K, B)
        inputs = (C, A, problem.gram, problem.step.contiguous(), factors)
        function(
            *(array.data_ptr() for array in inputs),
            *(problem.alpha, n_iter, K, B, P),
            *(array.data_ptr() for array in found),
        )
        residuals, norms = found
        return EncoderOutput(None, residuals + squared_norms, problem.alpha * norms)

    return encode


def allocated_once(problem):
    """The operations of today, each into an array that is there already."""
    C, A, squared_norms = _prepared(problem)
    alpha, n_iter = problem.alpha, problem.n_iter
    shrink = torch.ops.aten.softshrink.out
    residuals, norms = torch.empty(2, len(C), C.shape[-1]).unbind()
    arrays = torch.empty(0)
    done = 0
    for tile in _tiles(C):
        if arrays.shape[1:] != tile.shape:
            arrays = torch.empty(5, *tile.shape)
        c, V, U, previous, E = arrays
        c.copy_(tile)
        shrink(c, alpha, out=U)
        E.copy_(U)
        for momentum in [*list(momenta(n_iter - 1))[1:], 0.0]:
            torch.baddbmm(c, A, E, out=V)
            previous, U = U, previous
            shrink(V, alpha, out=U)
            torch.lerp(previous, U, 1.0 + momentum, out=E)
        Z = U.mul_(problem.step)
        products = torch.baddbmm(c, problem.gram, Z, beta=-2, out=V).mul_(Z)
        part = slice(done, done := done + tile.shape[-1])
        residuals[:, part] = products.sum(1)
        norms[:, part] = Z.abs_().sum(1)
    return EncoderOutput(None, residuals + squared_norms, alpha * norms)


def _tile(C, A, gram, step, alpha: float, n_iter: int):
    E = U = softshrink(C, alpha)
    for momentum in [*list(momenta(n_iter - 1))[1:], 0.0]:
        previous, U = U, softshrink(torch.baddbmm(C, A, E), alpha)
        E = U + momentum * (U - previous)
    Z = step * U
    return ((gram @ Z - 2.0 * C) * Z).sum(1), alpha * Z.abs().sum(1)


@functools.cache  # Not on import, for the compiler takes seconds to load.
def _compiled_tile():
    """`_tile` with its products left to libraries, as the default options do."""
    return torch.compile(_tile, dynamic=False)


def inductor(problem):
    """The loop over a tile, compiled by torch, which joins what is elementwise."""
    C, A, squared_norms = _prepared(problem)
    options = (A, problem.gram, problem.step, problem.alpha, problem.n_iter)
    found = [_compiled_tile()(tile.contiguous(), *options) for tile in _tiles(C)]
    residuals, penalties = (torch.cat(part, dim=1) for part in zip(*found, strict=True))
    return EncoderOutput(None, residuals + squared_norms, penalties)
