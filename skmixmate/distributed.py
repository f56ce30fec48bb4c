"""One fit by many processes: a context that they enter, and what they exchange."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

__all__ = ["process_group"]

T = TypeVar("T")
# Of the parameters of `process_group`.
_BACKENDS = ("auto", "gloo", "nccl")
_LABELS = ("gathered", "sharded")


class Processes:
    """The processes of a `process_group`, as one of them sees them.

    Attributes
    ----------
    rank : int
        Of this process, from zero.
    size : int
        Number of processes.
    labels : {"gathered", "sharded"}
        See `process_group`.
    timeout : float
        Seconds that a process waits for the others.
    """

    def __init__(self, *, labels: str, timeout: float):
        self.rank = dist.get_rank()
        self.size = dist.get_world_size()
        self.labels = labels
        self.timeout = timeout

    @property
    def is_first(self) -> bool:
        """Whether this is the process that starts, writes and reports for all."""
        return self.rank == 0

    def share(self, indices: Tensor) -> Tensor:
        """What this process takes of a batch, (B,): at most one more than any other."""
        return indices[self.rank :: self.size]

    def size_of_share(self, n: int) -> int:
        """Length of the `share` of a batch of ``n``."""
        return len(range(self.rank, n, self.size))

    def takes(self, i: int) -> bool:
        """Whether batch ``i`` of a pass is one of this process."""
        return i % self.size == self.rank

    def sum_(self, tensors: Iterable[Tensor]) -> None:
        """Put the sum over all processes in the place of each tensor.

        They have the same shapes everywhere. Sums are the same bits everywhere.
        """
        by_kind: dict[tuple, list[Tensor]] = {}
        for tensor in tensors:
            by_kind.setdefault((tensor.dtype, tensor.device), []).append(tensor)
        for alike in by_kind.values():
            # One message, since each of them takes a while however short it is.
            flat = torch.cat([tensor.detach().flatten() for tensor in alike])
            with self._waiting():
                dist.all_reduce(flat)
            parts = flat.split([tensor.numel() for tensor in alike])
            for tensor, part in zip(alike, parts, strict=True):
                tensor.detach().copy_(part.view(tensor.shape))

    def gather_labels_(self, labels: Tensor) -> None:
        """Fill in what others found, where -1 is; unless labels stay sharded."""
        if self.labels == "gathered":
            with self._waiting():
                dist.all_reduce(labels, op=dist.ReduceOp.MAX)

    def copy_first_(self, tensors: Iterable[Tensor]) -> None:
        """Put what the first process has in the place of each tensor."""
        for tensor in tensors:
            with self._waiting():
                dist.broadcast(tensor.detach(), src=0)

    def from_first(self, function: Callable[[], T]) -> T:
        """Call a function in the first process and return there and elsewhere.

        Raises
        ------
        RuntimeError
            If it raised an error there; the first process raises that itself.
        """
        sent: list[Any] = [None, None]
        error: Exception | None = None
        if self.is_first:
            try:
                sent[0] = function()
            except Exception as raised:
                error = raised
                sent[1] = f"{type(raised).__name__}: {raised}"
        with self._waiting():
            dist.broadcast_object_list(sent, src=0, device=torch.device("cpu"))
        if error is not None:
            raise error
        if sent[1] is not None:
            raise RuntimeError(f"Process 0 failed, and all others with it: {sent[1]}")
        return sent[0]

    def check_same(self, values: dict[str, str]) -> None:
        """Refuse to go on if a process has other values than the first one.

        Raises
        ------
        ValueError
            In all processes; where values differ it says which.
        """
        first = self.from_first(lambda: values)
        names = values.keys() | first.keys()
        differing = sorted(n for n in names if values.get(n) != first.get(n))
        n_that_differ = torch.tensor([int(bool(differing))])
        self.sum_([n_that_differ])
        if differing:
            raise ValueError(
                f"Process {self.rank} of {self.size} has other values than process 0 "
                f"of {', '.join(differing)}; all processes have to call fit with the "
                "same samples and parameters."
            )
        if n_that_differ:
            raise ValueError(
                f"{int(n_that_differ)} of {self.size} processes have other samples or "
                "parameters than process 0; their errors say which."
            )

    def wait_for_all(self) -> None:
        """Return when all processes have come here."""
        with self._waiting():
            dist.barrier()

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise RuntimeError(
                f"Process {self.rank} of {self.size} waited for the others in vain: "
                f"one of them has ended, or did not answer within timeout="
                f"{self.timeout:g} seconds. Look at the output of the others for the "
                "cause, and start all of them again; with checkpoint_dir, fit goes on "
                "from its last checkpoint, with any number of processes."
            ) from error


_active: Processes | None = None


def active_processes() -> Processes | None:
    """The processes that this one is in a `process_group` with; None without one."""
    return _active


@contextmanager
def process_group(
    backend: str = "auto",
    *,
    timeout: float = 1800.0,
    labels: str = "gathered",
    init_method: str = "env://",
    rank: int | None = None,
    world_size: int | None = None,
) -> Iterator[Processes]:
    """Fit with many processes, on one machine or several, as if they were one.

    Within the context, ``fit`` of `MixMateClustering` and the autoencoders is one
    computation of all processes. Each of them calls it with the same parameters and
    the same samples, of which it takes a share of each batch; a memory map is in
    memory once, whatever the number of processes, and of several machines on a file
    system that they share. All end with the same dictionaries.

    Parameters
    ----------
    backend : {"auto", "gloo", "nccl"}, default="auto"
        How processes exchange tensors on GPUs. "auto" is "nccl" if each process of
        this machine has a GPU of its own, else "gloo". What is in main memory goes by
        gloo.
    timeout : float, default=1800
        Seconds after which a process that waits for the others fails. Longer than the
        start of a fit takes, which the first process finds for all.
    labels : {"gathered", "sharded"}, default="gathered"
        Whether each process ends with the ``labels_`` of all samples, or of those that
        it labelled, and -1 for the others.
    init_method : str, default="env://"
        How processes find each other, see ``torch.distributed.init_process_group``. The
        default reads the environment variables that ``torchrun`` sets.
    rank, world_size : int, default=None
        Which process this is, and how many there are; None reads that from the
        environment too.

    Yields
    ------
    Processes
        With ``rank``, of this process from zero, ``size``, the number of processes,
        and ``is_first``.

    Raises
    ------
    RuntimeError
        If there is a process group already, or the others cannot be reached; from
        ``fit``, if another process ends.
    ValueError
        If a parameter is out of range, or the environment says nothing of others.

    Notes
    -----
    Gradients are sums over the samples of a batch, and so is what callbacks keep of
    an epoch. Processes add them up, one message a batch, so that all take the step
    that one process would take, but for rounding. Batches do not depend on the number
    of processes.

    At the end of the context the processes wait for each other; if one leaves by an
    error, it does not, and the others fail.

    Examples
    --------
    A process can be alone, which ``torchrun`` would start more of:

    >>> import tempfile
    >>> from sklearn.datasets import make_blobs
    >>> from skmixmate import MixMateClustering
    >>> from skmixmate.distributed import process_group
    >>> X, _ = make_blobs(300, n_features=8, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     where = f"file://{folder}/processes"
    ...     with process_group(init_method=where, rank=0, world_size=1) as processes:
    ...         model = MixMateClustering(3, random_state=0).fit(X)
    >>> processes.size
    1
    >>> len(model.labels_)
    300
    """
    global _active
    if backend not in _BACKENDS or labels not in _LABELS:
        raise ValueError(
            f"backend must be one of {_BACKENDS} and labels one of {_LABELS}, got "
            f"{backend!r} and {labels!r}."
        )
    if not timeout > 0:
        raise ValueError(f"timeout must be a number above zero, got {timeout!r}.")
    if dist.is_initialized():
        raise RuntimeError(
            "torch.distributed has a process group already; leave it to process_group "
            "to begin and to end one, and enter it once."
        )
    uses_gpus = backend == "nccl" or (backend == "auto" and _has_gpu_for_each())
    with ExitStack() as stack:
        if uses_gpus:
            # That of device="auto".
            gpu = int(os.environ.get("LOCAL_RANK", 0 if rank is None else rank))
            stack.enter_context(torch.cuda.device(gpu))
        _begin(
            "cpu:gloo,cuda:nccl" if uses_gpus else "gloo",
            init_method,
            timeout=timedelta(seconds=timeout),
            rank=-1 if rank is None else rank,
            world_size=-1 if world_size is None else world_size,
        )
        _active = processes = Processes(labels=labels, timeout=timeout)
        try:
            yield processes
            # Not after an error: the others may never come.
            processes.wait_for_all()
        finally:
            _active = None
            dist.destroy_process_group()


def _begin(
    backend: str, init_method: str, *, timeout: timedelta, rank: int, world_size: int
) -> None:
    try:
        found = dist.rendezvous(init_method, rank, world_size, timeout=timeout)
        store, rank, world_size = next(found)
        store.set_timeout(timeout)
        # Addresses of their own for each context, in a store that outlives it, as that
        # of torchrun does: else a process could go to one that another has left.
        n_contexts = store.add(f"contexts_of_{rank}", 1)
        dist.init_process_group(
            backend,
            store=dist.PrefixStore(f"process_group_{n_contexts}", store),
            timeout=timeout,
            rank=rank,
            world_size=world_size,
        )
    except (RuntimeError, ValueError) as error:
        raise type(error)(
            "The processes do not find each other. Start the script by torchrun "
            "--nproc-per-node=N, or say init_method, rank and world_size, the same "
            f"file or address for all. PyTorch says: {error}"
        ) from error


def _has_gpu_for_each() -> bool:
    n_processes = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    return torch.cuda.device_count() >= n_processes and dist.is_nccl_available()
