"""The loss of a batch and its gradients: step by step, or as one CUDA graph."""

import copy
import functools
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .samples import Batch

__all__ = [
    "GraphedLossGradient",
    "LossGradient",
    "captured",
    "loss_gradient",
    "reads_no_numbers",
]

# Full batches that are taken step by step before one is recorded, which takes longer
# than a step. Short runs do without.
_N_WARM_UP = 20
# A process records one graph at a time.
_RECORDING = threading.Lock()


class LossGradient:
    """Compute the loss of batches and leave its gradients in the parameters.

    Parameters
    ----------
    module : nn.Module
        With ``forward(X, observed)``, which returns a named tuple of tensors, and
        ``loss(output)``.
    """

    def __init__(self, module: nn.Module):
        self.module: Any = module
        self.parameters = [p for p in module.parameters() if p.requires_grad]

    def __call__(self, batch: Batch) -> tuple[Any, Tensor]:
        """Compute the loss of a batch, and its gradients into ``parameter.grad``.

        Parameters
        ----------
        batch : Batch
            ``X`` and, if incomplete, ``observed``, (B, M).

        Returns
        -------
        output : named tuple of Tensor
            Of ``module(*batch)``. Neither to be changed, nor used after the next call.
        loss : Tensor of shape ()
            Without gradient; the same holds for it.
        """
        self.module.zero_grad(set_to_none=True)
        output = self.module(*batch)
        loss = self.module.loss(output)
        loss.backward()
        return output, loss.detach()


class _Recording(NamedTuple):
    """A recorded batch: where its samples go, how it is run, where its results are."""

    batch: Batch
    replay: Callable[[], None]
    output: Any
    loss: Tensor
    gradients: list[Tensor | None]


class GraphedLossGradient(LossGradient):
    """`LossGradient` of batches of one size, recorded as a CUDA graph.

    A step is some two hundred kernels of a few microseconds each, as
    ``benchmarks/speed/gpu_counts.py`` counts. To start them one by one takes longer
    than to run them; a graph is started at once. Other batches, the first ones, and
    modules that cannot be recorded, as with a penalty that looks at numbers on the
    host, are taken step by step. So are incomplete batches if the network looks
    which of their samples are complete.

    Parameters
    ----------
    module : nn.Module
        On a CUDA device. Its parameters may be changed in place only, and numbers that
        it has on the host, as the strength of a penalty, not at all: they are read when
        a batch is recorded.
    batch_size : int
        Number of samples of a batch that is recorded.

    References
    ----------
    "CUDA graphs" in the documentation of PyTorch, for warming up and recording on a
    stream other than the default one.
    """

    def __init__(self, module: nn.Module, batch_size: int):
        super().__init__(module)
        self.batch_size = batch_size
        self.n_warm_up = _N_WARM_UP
        self.can_record = True
        self.recording: _Recording | None = None
        self.device = self.parameters[0].device
        self.stream = _stream(self.device)

    def __call__(self, batch: Batch) -> tuple[Any, Tensor]:
        """See `LossGradient`."""
        # All on one stream: nodes of autograd that outlive a batch remember theirs.
        current = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(current)
        try:
            with torch.cuda.stream(self.stream):
                return self._on_stream(batch)
        finally:
            current.wait_stream(self.stream)

    def _on_stream(self, batch: Batch) -> tuple[Any, Tensor]:
        if len(batch.X) != self.batch_size or not self.can_record:
            return super().__call__(batch)
        if self.n_warm_up > 0:
            self.n_warm_up -= 1
            return super().__call__(batch)
        if self.recording is None:
            try:
                self.can_record = reads_no_numbers(self.module, batch)
                if self.can_record:
                    self.recording = self._record(_copied(batch))
            except RuntimeError:
                # What is wrong, as too little memory, shows below.
                self.can_record = False
            if self.recording is None:
                return super().__call__(batch)
        place, replay, output, loss, gradients = self.recording
        if (batch.observed is None) != (place.observed is None):
            return super().__call__(batch)
        place.X.copy_(batch.X)
        if place.observed is not None:
            place.observed.copy_(batch.observed)  # type: ignore[arg-type]
        replay()
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        return output, loss

    def _record(self, batch: Batch) -> _Recording:
        # Samples are read where these are, and results written where they come to lie.
        replay, (output, loss) = captured(
            lambda: super(GraphedLossGradient, self).__call__(batch), self.stream
        )
        # Without the nodes of autograd.
        output = output._make(tensor.detach() for tensor in output)
        gradients = [parameter.grad for parameter in self.parameters]
        return _Recording(batch, replay, output, loss, gradients)


def _copied(batch: Batch) -> Batch:
    return Batch(*(None if one is None else one.clone() for one in batch))  # type: ignore[arg-type]


def captured(function: Callable, stream) -> tuple[Callable[[], None], Any]:
    """Record the kernels of a call; return what runs them, and the call's result."""
    graph = torch.cuda.CUDAGraph()
    # What other threads do on the GPU is no concern of the recording.
    mode = "thread_local"
    with _RECORDING, torch.cuda.graph(graph, None, stream, capture_error_mode=mode):
        result = function()
    return graph.replay, result


@functools.cache
def _stream(device: torch.device):
    """The one stream of a device: libraries keep memory for each that they were on."""
    return torch.cuda.Stream(device)


def reads_no_numbers(module: nn.Module, batch: Batch) -> bool:
    """Whether a batch can be computed without its numbers, as recording it has to.

    Found out without a GPU, for which a recording that fails has consequences.
    """
    try:
        replica = copy.deepcopy(module).to("meta")
        without = (None if one is None else one.to("meta") for one in batch)
        LossGradient(replica)(Batch(*without))  # type: ignore[arg-type]
    except Exception:  # Whatever a module of the user's does.
        return False
    return True


def loss_gradient(
    module: nn.Module, device: torch.device, batch_size: int
) -> LossGradient:
    """Return the `LossGradient` that suits a device.

    Parameters
    ----------
    module : nn.Module
        See `LossGradient`.
    device : torch.device
        Where module and batches are.
    batch_size : int
        Number of samples of all batches but the last of an epoch.

    Returns
    -------
    LossGradient
        A `GraphedLossGradient` on a CUDA GPU.
    """
    if device.type == "cuda":
        return GraphedLossGradient(module, batch_size)
    return LossGradient(module)
