"""Whether the fused kernels are right on a device, found out at first use.

A compiler may fail, or go wrong: Triton 3.6 did with a loop of ours, its interpreter
did not. So each kernel encodes a few samples before it encodes any other, and
is held to `gram_encode` in double precision, gradients included.
"""

import subprocess
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from .fista import Prox, lipschitz_constant
from .fused_fista import NormPenalty, Tile, compiled_for, fused_encode, tiles
from .gram_fista import gram_encode
from .prox import (
    block_soft_threshold,
    group_norms,
    nonnegative_block_soft_threshold,
)

__all__ = [
    "TOLERANCES",
    "fused_errors",
    "fused_tile",
    "gradients_of_both",
    "is_right",
    "largest_error",
    "plain_prox",
    "random_problem",
]

# Errors of products in single precision are far below, those of wrong kernels far
# above. A gradient may lack an entry where a code is at the threshold.
TOLERANCES = {"values": 1e-4, "gradient": 1e-2}
# What is known: the tile of each encoder, and whether other kernels are right.
_FOUND: dict[tuple, Tile | None] = {}
_TESTED: dict[tuple, bool] = {}
# Failures that there was a warning of: on one GPU, kernels often fail for one reason.
_WARNED: set[tuple] = set()
# Of Triton: where there is none, no kernel starts.
_NO_COMPILER = "no C compiler"
# Its directory, as one that cannot be written to; messages name a file of the kernel.
_NOT_OF_KERNELS = ("OSError", "PermissionError")


def fused_tile(
    device: torch.device,
    n_atoms: int,
    penalty: NormPenalty,
    n_iter: int,
    *,
    keeps_layers: bool,
) -> Tile | None:
    """Return the tile with which `fused_encode` is right, None if there is none.

    Parameters
    ----------
    device : torch.device
    n_atoms : int
    penalty : NormPenalty
    n_iter : int
    keeps_layers : bool
        Whether there are gradients.

    Returns
    -------
    Tile or None
        None as well while a CUDA graph is recorded, if nothing is known yet.

    Warns
    -----
    RuntimeWarning
        Once for what kernels are compiled for, if none is right.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import NormPenalty, fused_tile
    >>> if torch.cuda.is_available():
    ...     device, penalty = torch.device("cuda"), NormPenalty(0.1)
    ...     tile = fused_tile(device, 16, penalty, n_iter=15, keeps_layers=True)
    ...     assert tile is None or tile.n_samples >= 16
    """
    kind = penalty._replace(alpha=0.0)
    key = device, compiled_for(n_atoms), kind, n_iter, keeps_layers
    if key not in _FOUND:
        if _is_recording(device):
            return None
        _FOUND[key] = None  # Also if a warning is an error.
        _FOUND[key] = _first_right_tile(device, n_atoms, kind, n_iter, keeps_layers)
    return _FOUND[key]


def _is_recording(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.is_current_stream_capturing()


def _first_right_tile(device, n_atoms, penalty, n_iter, keeps_layers) -> Tile | None:
    failures = []
    for tile in tiles(n_atoms, keeps_layers=keeps_layers):
        try:
            errors = fused_errors(
                device, n_atoms, penalty, n_iter, tile, with_gradient=keeps_layers
            )
        except Exception as failure:  # Whatever a compiler does.
            failures.append(_described(failure))
            continue
        # Not so if an error is not a number.
        if all(error <= TOLERANCES[name] for name, error in errors.items()):
            return tile
        failures.append(f"errors of {_listed(errors)}")
    _warn(f"kernels for {n_atoms} atoms and {n_iter} iterations", device, failures[-1])
    return None


def is_right(
    key: tuple, name: str, device: torch.device, test: Callable[[], bool]
) -> bool:
    """Whether another kernel is right on a device, tested once.

    Parameters
    ----------
    key : tuple
        What the kernel is compiled for.
    name : str
        For the warning if it is not.
    device : torch.device
    test : callable
        Whether it is, or an exception.

    Returns
    -------
    bool
        False as well while a CUDA graph is recorded, if nothing is known yet.
    """
    key = device, *key
    if key not in _TESTED:
        if _is_recording(device):
            return False
        failure = "errors are too large"
        try:
            with _plain_arithmetic(device):
                _TESTED[key] = test()
        except Exception as error:  # Whatever a compiler does.
            _TESTED[key], failure = False, _described(error)
        if not _TESTED[key]:
            _warn(name, device, failure)
    return _TESTED[key]


def _listed(errors: dict[str, float]) -> str:
    return ", ".join(f"{error:.1e} of the {name}" for name, error in errors.items())


@contextmanager
def _plain_arithmetic(device: torch.device) -> Iterator[None]:
    """Compute the same whatever modes a caller has set."""
    with (
        torch.inference_mode(False),
        torch.autocast(device.type, enabled=False),
        torch.device("cpu"),
    ):
        yield


def _described(failure: Exception) -> str:
    """What failed, and whether for want of a compiler."""
    lacks_compiler = isinstance(
        failure, subprocess.CalledProcessError | FileNotFoundError
    ) or "C compiler" in str(failure)
    return f"{_NO_COMPILER if lacks_compiler else type(failure).__name__}: {failure}"


def _warn(name: str, device: torch.device, failure: str) -> None:
    """Warn of what fails, once if it is the same of many kernels."""
    reason, _, details = failure.partition(": ")
    if reason == _NO_COMPILER:
        key: tuple = (reason,)
    elif reason in _NOT_OF_KERNELS:
        key = (reason, device)
    else:
        # Of wrong numbers, each kernel has its own.
        key = (failure, device) if details else (name, device)
    if key in _WARNED:
        return
    _WARNED.add(key)
    if reason == _NO_COMPILER:
        message = (
            "Triton found no C compiler that works, which the fused kernels need to "
            f"start on a GPU ({details[:300]}); slower plain forms are used. Results "
            "are the same. Install gcc and the headers of Python (on Debian and "
            "Ubuntu, gcc and python3-dev), or set the environment variable CC to a "
            "compiler."
        )
    else:
        message = (
            f"The fused {name} are of no use on {device} ({failure[:300]}); the slower "
            "plain form is used. Results are the same. Please report this with your "
            "versions of torch and triton."
        )
    warnings.warn(message, RuntimeWarning, stacklevel=3)


def fused_errors(
    device: torch.device,
    n_atoms: int,
    penalty: NormPenalty,
    n_iter: int,
    tile: Tile,
    *,
    with_gradient: bool = True,
    n_samples: int | None = None,
) -> dict[str, float]:
    """Compare `fused_encode` with `gram_encode` in double precision on random numbers.

    Parameters
    ----------
    device, n_atoms, penalty, n_iter
        See `fused_tile`; ``alpha`` of the penalty does not count.
    tile : Tile
    with_gradient : bool, default=True
    n_samples : int, default=None
        Some more than two tiles by default.

    Returns
    -------
    dict
        Largest error of "values", codes included, over the largest value, and, unless
        ``with_gradient`` is False, norm of the error of the "gradient" over its own.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import NormPenalty, Tile, fused_errors
    >>> if torch.cuda.is_available():
    ...     device, penalty = torch.device("cuda"), NormPenalty(0.1)
    ...     errors = fused_errors(device, 16, penalty, n_iter=15, tile=Tile(16, 4))
    ...     assert errors["values"] < 1e-4 and errors["gradient"] < 1e-2
    """
    penalty = penalty._replace(alpha=0.3)
    n_samples = n_samples or 2 * tile.n_samples + 5
    # Whatever mode the caller is in.
    with _plain_arithmetic(device), torch.enable_grad():
        X, D, weights = random_problem(n_atoms, penalty.group_size, n_samples, device)
        exact_D = D.clone().requires_grad_(with_gradient)
        gram = (exact_D @ exact_D.mT).detach()
        step = lipschitz_constant(gram).reciprocal()[:, None, None]
        codes, squares = gram_encode(
            X, exact_D, gram, step, plain_prox(penalty), n_iter
        )
        norms = group_norms(codes, penalty.group_size).sum(-1)
        exact = codes, squares, penalty.alpha * norms
        fused_D = D.float().requires_grad_(with_gradient)
        fused = fused_encode(
            *(X.float(), fused_D, gram.float(), step.float(), penalty, n_iter, tile)
        )
        errors = {"values": largest_error(zip(fused, exact, strict=True))}
        if with_gradient:
            one, other = gradients_of_both(fused, fused_D, exact, exact_D, weights)
            errors["gradient"] = float((one - other).norm() / other.norm())
    return errors


def gradients_of_both(fused, fused_D, exact, exact_D, weights) -> tuple[Tensor, Tensor]:
    """Gradients of the dictionaries from the same weighted sum of all outputs."""
    of_squares, of_penalties, of_codes = weights[0], weights[1], weights[2, ..., None]

    def gradient(outputs, D):
        codes, squares, penalties = (one.to(weights.dtype) for one in outputs)
        total = (of_squares * squares + of_penalties * penalties).sum()
        return torch.autograd.grad(total + (of_codes * codes).sum(), D)[0]

    return gradient(fused, fused_D), gradient(exact, exact_D)


def largest_error(pairs: Iterable[tuple[Tensor, Tensor]]) -> float:
    """Largest difference within each pair over the largest number of its second.

    Parameters
    ----------
    pairs : iterable of (Tensor, Tensor)
        What is computed, and what it should be.

    Returns
    -------
    float
        Of all pairs the largest; not a number if one of them has none.
    """
    errors = [
        (one.detach() - other.detach()).abs().max() / other.detach().abs().max()
        for one, other in pairs
    ]
    # Of Python's numbers, the largest is any where one is none.
    return float(torch.stack([error.double() for error in errors]).max())


def random_problem(n_atoms, group_size, n_samples, device) -> tuple[Tensor, ...]:
    """Samples, two dictionaries of unequal size, weights of outputs; float64.

    Samples and dictionaries have few digits: their products are the same under TF32,
    which is the caller's choice and says nothing of a kernel.
    """
    generator = torch.Generator().manual_seed(0)

    def randn(*shape):
        values = torch.randn(*shape, dtype=torch.float64, generator=generator)
        return values.to(device)

    D = torch.nn.functional.normalize(randn(2, n_atoms, n_atoms + 9), dim=-1)
    n_groups = n_atoms // group_size
    D[1, (n_groups + 1) // 2 * group_size :] = 0.0
    X = 2.0 * randn(n_samples, n_atoms + 9)
    return X.bfloat16().double(), D.bfloat16().double(), randn(3, 2, n_samples)


def plain_prox(penalty: NormPenalty) -> Prox:
    """The plain one, with its gradient by autograd."""
    alpha, group_size, nonnegative = penalty
    threshold = (
        nonnegative_block_soft_threshold if nonnegative else (block_soft_threshold)
    )

    def forward(V: Tensor, step: Tensor) -> Tensor:
        return threshold(V, alpha, group_size)

    def backward(grad: Tensor, V: Tensor, step: Tensor) -> Tensor:
        with torch.enable_grad():
            V = V.detach().requires_grad_()
            return torch.autograd.grad(forward(V, step), V, grad)[0]

    return Prox(forward, backward)
