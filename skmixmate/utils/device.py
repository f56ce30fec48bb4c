"""Where tensors live."""

import functools
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import ParamSpec, TypeVar

import torch
from threadpoolctl import ThreadpoolController

__all__ = [
    "CPU",
    "fits_in_memory",
    "is_accelerator",
    "one_openmp_thread",
    "plain_arithmetic",
    "resolve_device",
    "to_device",
    "use_one_thread_in_a_fork",
]

CPU = torch.device("cpu")

_IMPORTED_IN = os.getpid()

P = ParamSpec("P")
R = TypeVar("R")


def resolve_device(device: str | torch.device) -> torch.device:
    """Return the torch device that a ``device`` parameter asks for.

    Parameters
    ----------
    device : "auto", str or torch.device
        "auto" is a CUDA GPU where there is one, else the CPU. The device must have
        double precision, in which sums over all samples are taken.

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        If ``device`` is no device, or one that this machine does not have.
    """
    if isinstance(device, str) and device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        resolved = torch.device(device)
        # "meta" exists but holds no numbers; "mps" has no double precision.
        probe = torch.empty(0, dtype=torch.float64, device=resolved)
        probe.cpu()
    except (RuntimeError, TypeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"device must be 'auto', 'cpu', or the name of a device that this machine "
            f"has, such as 'cuda' or 'cuda:1', got {device!r}: {error}"
        ) from error
    return probe.device  # With its index: "cuda" is another device than "cuda:0".


def use_one_thread_in_a_fork() -> None:
    """Set PyTorch's threads to one in a fork of the process that imported the package.

    A computation by several threads waits there for ever for those of OpenMP, which a
    fork does not copy.
    """
    if os.getpid() != _IMPORTED_IN:
        torch.set_num_threads(1)


def one_openmp_thread() -> AbstractContextManager:
    """Keep OpenMP to one thread, for scikit-learn's k-means on a start's samples.

    scikit-learn and PyTorch bring a runtime each, and threads of one that wait spin
    while those of the other work: two threads take longer than one.
    """
    return _openmp().limit(limits=1, user_api="openmp")


@functools.cache
def _openmp() -> ThreadpoolController:
    """Of the libraries that are loaded by then, scikit-learn's among them."""
    return ThreadpoolController()


def plain_arithmetic(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function that computes the same whatever modes its caller has set.

    Within a call, and in its thread only, autocast and inference mode are off and new
    tensors are on the CPU by default. Whether gradients are recorded stays as it is. In
    a fork, PyTorch has one thread from then on.
    """

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        use_one_thread_in_a_fork()
        records_gradients = torch.is_grad_enabled()
        with (
            torch.inference_mode(False),
            # Leaving inference mode has turned them on.
            torch.set_grad_enabled(records_gradients),
            torch.autocast("cpu", enabled=False),
            torch.autocast("cuda", enabled=False),
            ExitStack() as stack,
        ):
            # It slows every operation down a little.
            if torch.get_default_device().type != "cpu":
                stack.enter_context(torch.device("cpu"))
            return function(*args, **kwargs)

    return wrapper


def is_accelerator(device: torch.device) -> bool:
    """Whether it has forms of its own of what NumPy and SciPy do on a CPU."""
    return device.type != "cpu"


def fits_in_memory(n_bytes: int, device: torch.device) -> bool:
    """Whether ``n_bytes`` take at most half of what is free on a GPU."""
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return n_bytes <= free // 2


def to_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Copy to a device, for a GPU without waiting until it is there.

    Parameters
    ----------
    tensor : Tensor of any shape
    device : torch.device

    Returns
    -------
    Tensor of the shape of ``tensor``
        ``tensor`` itself if it is there already.
    """
    if device.type == "cuda" and tensor.device.type == "cpu":
        # Memory is pinned with its gaps.
        return tensor.contiguous().pin_memory().to(device, non_blocking=True)
    return tensor.to(device)
