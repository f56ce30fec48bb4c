"""The loss and its gradients: a recorded batch gives what a plain one does."""

import contextlib

import pytest
import torch

from skmixmate.functional import fused_fista
from skmixmate.modules import DictionaryAutoencoder, DictionaryMixture
from skmixmate.penalties import L1, GroupL2, Penalty
from skmixmate.training import (
    Callback,
    DeadAtomReseeding,
    LinearDecay,
    MixtureWeights,
    Samples,
    Trainer,
    gradients,
)
from skmixmate.training.gradients import (
    GraphedLossGradient,
    LossGradient,
    loss_gradient,
)
from skmixmate.training.samples import Batch

needs_triton = pytest.mark.skipif(not fused_fista.has_triton(), reason="no Triton")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")


class Squared(Penalty):
    """One that no kernel knows."""

    def prox(self, codes, threshold):
        return codes / (1.0 + threshold)

    def value(self, codes):
        return 0.5 * codes.square().sum(-1)


def pretended_graph(module, replays):
    """Return a `captured` without a GPU.

    As with a graph, its replays read and write where tensors were when it was recorded,
    and recording computes nothing.
    """

    trained = [p for p in module.parameters() if p.requires_grad]

    def results(function):
        output, loss = function()
        return [*output, loss, *(p.grad for p in trained)], (output, loss)

    def captured(function, stream):
        places, result = results(function)

        @torch.no_grad()
        def replay():
            replays.append(1)
            gradients_now = [p.grad for p in trained]
            with torch.enable_grad():
                values, _ = results(function)
            for place, value in zip(places, values, strict=True):
                place.copy_(value)
            # Attributes are Python's, of which a graph knows nothing.
            for parameter, gradient in zip(trained, gradients_now, strict=True):
                parameter.grad = gradient

        with torch.no_grad():
            for place in places:
                place.fill_(torch.nan)
        return replay, result

    return captured


class PretendedStream:
    """Write down who waits for whom, and what runs on it."""

    def __init__(self, name, calls):
        self.name, self.calls = name, calls

    def wait_stream(self, other):
        self.calls.append(f"{self.name} waits for {other.name}")


@pytest.fixture
def stream_calls(monkeypatch):
    """Replace CUDA's streams, and return what happens to them."""
    calls = []
    current = PretendedStream("current", calls)

    @contextlib.contextmanager
    def on(stream):
        calls.append(f"begin on {stream.name}")
        yield
        calls.append(f"end on {stream.name}")

    own = PretendedStream("own", calls)
    monkeypatch.setattr(gradients, "_stream", lambda device: own)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _: current)
    monkeypatch.setattr(torch.cuda, "stream", on)
    return calls


@pytest.fixture
def pretend(monkeypatch, stream_calls):
    """Return a function that makes trainers record batches, as on a GPU."""

    def use(trainer: Trainer, captured=None, n_warm_up=2):
        replays = []
        captured = captured or pretended_graph(trainer.module, replays)
        monkeypatch.setattr(gradients, "captured", captured)
        monkeypatch.setattr(gradients, "_N_WARM_UP", n_warm_up)
        trainer.loss_gradient = GraphedLossGradient(trainer.module, trainer.batch_size)
        return replays

    return use


@pytest.mark.parametrize("weights", [[], [MixtureWeights()]], ids=["fixed", "learned"])
def test_recorded_batches_train_the_same(make_module, make_trainer, pretend, weights):
    """200 samples are three full batches an epoch, and one of eight."""
    plain, recorded = (
        make_trainer(
            make_module(),
            callbacks=[DeadAtomReseeding(), LinearDecay(), *weights],
        )
        for _ in range(2)
    )
    replays = pretend(recorded)
    plain.run()
    recorded.run()
    assert len(replays) == 4 * 3 - 2
    assert recorded.history["loss"] == plain.history["loss"]
    for one, other in zip(
        recorded.module.parameters(), plain.module.parameters(), strict=True
    ):
        assert torch.equal(one, other)


def test_recorded_outputs_keep_no_nodes_of_autograd(make_trainer, pretend):
    """They would hold on to the stream of their batch."""
    seen = []

    class Look(Callback):
        def on_batch_end(self, trainer, indices, output):
            seen.append(output.energies.requires_grad)

    trainer = make_trainer(callbacks=[Look()], batch_size=100)
    pretend(trainer)
    trainer.run()
    assert seen == [True, True, *6 * [False]]


def test_a_batch_waits_for_its_samples_and_is_waited_for(
    make_trainer, pretend, stream_calls
):
    trainer = make_trainer(max_iter=1)
    pretend(trainer)
    trainer.run()
    assert stream_calls == 4 * [
        "own waits for current",
        "begin on own",
        "end on own",
        "current waits for own",
    ]


def test_samples_of_a_recorded_batch_stay_as_they_are(make_trainer, pretend):
    trainer = make_trainer()
    pretend(trainer, n_warm_up=0)
    X = trainer.samples.X[:64].float()
    first, second = X.clone(), X.flip(0)
    trainer.loss_gradient(Batch(first, None))
    trainer.loss_gradient(Batch(second, None))
    assert torch.equal(first, X)


@needs_triton
def test_incomplete_batches_are_recorded(make_trainer, pretend):
    X = make_trainer().samples.X.clone()
    X[::2, 3] = torch.nan
    plain, recorded = make_trainer(X=X), make_trainer(X=X)
    replays = pretend(recorded)
    plain.run()
    recorded.run()
    assert len(replays) == 4 * 3 - 2
    assert recorded.history["loss"] == plain.history["loss"]


@needs_triton
def test_batches_of_the_other_kind_are_taken_step_by_step(make_module, pretend):
    """On a CPU, that a batch is complete may be known."""
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(8, 20, generator=generator)
    observed = (torch.rand(8, 20, generator=generator) < 0.7).float()
    batches = [Batch(X, observed), Batch(X, None), Batch(2.0 * X, observed)]
    trainer = Trainer(
        module := make_module(),
        torch.optim.SGD([module.dictionaries]),
        Samples(X),
        max_iter=1,
        batch_size=8,
        generator=generator,
    )
    replays = pretend(trainer, n_warm_up=0)
    losses = [trainer.loss_gradient(batch)[1].item() for batch in batches]
    assert len(replays) == 2
    assert losses == [LossGradient(module)(batch)[1].item() for batch in batches]


@pytest.mark.parametrize("penalty", [Squared(), L1()])
def test_incomplete_batches_that_are_sorted_are_not_recorded(
    make_module, make_trainer, pretend, monkeypatch, penalty
):
    """As those with a penalty, or on a machine, of which there is no kernel."""
    monkeypatch.setattr(fused_fista, "has_triton", lambda: type(penalty) is Squared)
    X = make_trainer().samples.X.clone()
    X[::2, 3] = torch.nan
    plain, recorded = (
        make_trainer(make_module(penalty=penalty), X=X) for _ in range(2)
    )
    replays = pretend(recorded)
    plain.run()
    recorded.run()
    assert replays == []
    assert recorded.history["loss"] == plain.history["loss"]


def test_what_cannot_be_recorded_is_tried_once(make_trainer, pretend):
    tried = []

    def captured(function, stream):
        tried.append(1)
        function()
        raise RuntimeError("operation not permitted when stream is capturing")

    plain, recorded = make_trainer(), make_trainer()
    pretend(recorded, captured)
    plain.run()
    recorded.run()
    assert tried == [1]
    assert recorded.history["loss"] == plain.history["loss"]


class Impatient(L1):
    """A penalty that looks at a number on the host."""

    def value(self, codes):
        assert float(codes.detach().abs().max()) >= 0.0
        return super().value(codes)


def test_what_reads_numbers_is_not_recorded(make_module, make_trainer, pretend):
    """Not even tried: a GPU may not recover from it."""
    tried = []
    plain, recorded = (make_trainer(make_module(penalty=Impatient())) for _ in "12")
    pretend(recorded, lambda function, stream: tried.append(1))
    plain.run()
    recorded.run()
    assert tried == []
    assert recorded.history["loss"] == plain.history["loss"]


def test_streams_wait_after_an_error_too(make_trainer, pretend, stream_calls):
    """What the batch was made of may be freed then."""
    trainer = make_trainer()
    pretend(trainer)
    trainer.module.loss = lambda output: output.no_such_thing
    with pytest.raises(AttributeError):
        trainer.run()
    assert stream_calls[-1] == "current waits for own"


def test_parameters_that_join_later_have_the_gradient_of_one_batch(make_module):
    module = make_module()
    X = torch.randn(8, 20, generator=torch.Generator().manual_seed(0))
    gradient = LossGradient(module)
    module.log_weights.requires_grad_(True)
    gradient(Batch(X, None))
    once = module.log_weights.grad
    gradient(Batch(X, None))
    assert torch.equal(module.log_weights.grad, once)


def test_other_errors_are_not_hidden(make_module, pretend, make_trainer):
    """They come again where the batch is taken step by step."""
    module = make_module()
    trainer = make_trainer(module)
    pretend(trainer, n_warm_up=0)

    def loss(output):
        raise RuntimeError("out of memory")

    module.loss = loss
    with pytest.raises(RuntimeError, match="out of memory"):
        trainer.run()


def test_short_runs_are_not_recorded(make_trainer, pretend):
    trainer = make_trainer(max_iter=6)
    replays = pretend(trainer, n_warm_up=gradients._N_WARM_UP)
    trainer.run()
    assert replays == []


@pytest.mark.parametrize(
    "penalty",
    [
        L1(),
        L1(nonnegative=True),
        GroupL2(5),
        GroupL2(5, nonnegative=True),
    ],
)
@pytest.mark.parametrize(
    ("form", "is_masked"),
    [
        ("gram", False),
        ("residual", False),
        pytest.param("auto", True, marks=needs_triton),
    ],
)
def test_no_step_waits_for_the_device(penalty, form, is_masked):
    """Tensors without numbers: an operation that reads one on the host is an error."""
    D = torch.empty(3, 10, 20, device="meta")
    options = {"penalty": penalty, "form": form}
    observed = torch.empty(16, 20, device="meta") if is_masked else None
    modules = [
        DictionaryMixture(D, min_responsibility=1e-5, **options),
        DictionaryAutoencoder(D[0], **options),
        DictionaryAutoencoder(D[0], loss_name="reconstruction", **options),
    ]
    for module in modules:
        gradient = LossGradient(module)
        gradient(Batch(torch.empty(16, 20, device="meta"), observed))
        module.normalize_()
        assert all(p.grad.shape == p.shape for p in gradient.parameters)


@pytest.mark.parametrize("is_masked", [False, pytest.param(True, marks=needs_triton)])
def test_no_batch_of_an_epoch_waits_for_the_device(is_masked):
    """From samples to usage, as far as tensors without numbers go."""
    X = torch.empty(40, 19, dtype=torch.uint8, device="meta")
    mask = torch.empty(40, 19, dtype=torch.bool, device="meta") if is_masked else None
    samples = Samples(
        *(X, mask),
        device="meta",
        scale=9.0,
        intercept_scaling=1.0,
        has_missing=is_masked,
        largest_norm=7.0 if is_masked else None,
    )
    module = DictionaryMixture(torch.empty(3, 10, 20, device="meta"))
    trainer = Trainer(
        module,
        # Adam reads its number of steps unless it is fused, as it is in estimators.
        torch.optim.SGD([module.dictionaries]),
        samples,
        max_iter=1,
        batch_size=16,
        generator=torch.Generator().manual_seed(0),
        callbacks=[DeadAtomReseeding(), LinearDecay()],
    )
    for callback in trainer.callbacks:
        callback.on_train_begin(trainer)
    with torch.enable_grad():
        assert trainer._pass_over_samples().shape == ()


def test_a_gpu_has_a_graph(make_module, stream_calls):
    gradient = loss_gradient(make_module(), torch.device("cuda"), 64)
    assert type(gradient) is GraphedLossGradient
    assert gradient.batch_size == 64


def test_cpu_takes_batches_step_by_step(make_module):
    gradient = loss_gradient(make_module(), torch.device("cpu"), 64)
    assert type(gradient) is LossGradient


def test_gradients_are_of_the_last_batch_alone(make_module):
    module = make_module()
    X = torch.randn(8, 20, generator=torch.Generator().manual_seed(0))
    gradient = LossGradient(module)
    gradient(Batch(X, None))
    gradient(Batch(2.0 * X, None))
    expected = torch.autograd.grad(module.loss(module(2.0 * X)), module.dictionaries)
    assert torch.equal(module.dictionaries.grad, expected[0])


@needs_cuda
@pytest.mark.parametrize("weights", [[], [MixtureWeights()]], ids=["fixed", "learned"])
def test_cuda_graph_trains_the_same(make_module, make_trainer, monkeypatch, weights):
    monkeypatch.setattr(gradients, "_N_WARM_UP", 2)
    X = make_trainer().samples.X.cuda()
    histories = []
    for is_plain in (True, False):
        module = make_module().cuda()
        callbacks = [DeadAtomReseeding(), *weights]
        trainer = make_trainer(module, X, callbacks=callbacks, max_iter=9)
        if is_plain:
            trainer.loss_gradient = LossGradient(module)
        trainer.run()
        histories.append(trainer.history["loss"])
    assert trainer.loss_gradient.recording is not None
    assert histories[1] == pytest.approx(histories[0], rel=1e-4)


@needs_cuda
def test_cuda_penalties_that_wait_are_taken_step_by_step(
    make_module, make_trainer, monkeypatch
):
    monkeypatch.setattr(gradients, "_N_WARM_UP", 2)
    X = make_trainer().samples.X.cuda()
    module = make_module(penalty=Impatient()).cuda()
    trainer = make_trainer(module, X, max_iter=20).run()
    assert trainer.loss_gradient.recording is None
    assert trainer.history["loss"][-1] < trainer.history["loss"][0]
