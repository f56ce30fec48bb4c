"""`fused_masked_encode`: its kernels against `tiled_encode` in double precision.

On a CPU, Triton interprets them; on a GPU, they are compiled.
"""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from skmixmate.functional import (
    NormPenalty,
    fused_check,
    fused_encode,
    fused_fista,
    fused_masked,
    fused_masked_check,
    fused_masked_encode,
    fused_masked_errors,
    fused_masked_is_right,
    lipschitz_constant,
    why_not_fused_masked,
)
from skmixmate.modules import DictionaryMixture, encoder
from skmixmate.penalties import L1, GroupL2
from skmixmate.training import DeadAtomReseeding, Samples, Trainer

pytest.importorskip("triton")

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
ALPHA = 0.2


def problem(n_samples=10, n_atoms=5, n_clusters=2, seed=0):
    """Samples, a mask, dictionaries and steps in single precision."""
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(n_samples, n_atoms + 3, generator=generator)
    observed = (torch.rand(X.shape, generator=generator) < 0.7).float()
    D = torch.randn(n_clusters, n_atoms, n_atoms + 3, generator=generator).to(DEVICE)
    D = torch.nn.functional.normalize(D, dim=-1)
    step = lipschitz_constant(D @ D.mT).reciprocal()[:, None, None]
    return X.to(DEVICE), observed.to(DEVICE), D.requires_grad_(), step


def encode(X, observed, D, step, penalty=None, n_iter=3, **options):
    penalty = penalty or NormPenalty(ALPHA)
    return fused_masked_encode(X, observed, D, step, penalty, n_iter, **options)


def values_and_gradient(X, observed, D, step, **options):
    encoded = encode(X, observed, D, step, **options)
    total = sum((place + 1.0) * one.sum() for place, one in enumerate(encoded))
    return *encoded, *torch.autograd.grad(total, D)


@pytest.mark.parametrize(
    ("group_size", "nonnegative", "n_atoms", "n_iter"),
    [
        (1, False, 1, 1),
        (1, False, 5, 2),
        (1, False, 17, 15),
        (1, False, 33, 2),
        (1, True, 5, 15),
        (2, False, 10, 15),
        (3, False, 6, 2),
        (2, True, 6, 3),
        (5, True, 35, 2),
        (4, True, 4, 1),
        (2, True, 4, 35),
    ],
)
def test_values_and_gradients(group_size, nonnegative, n_atoms, n_iter):
    """Of dictionaries of unequal size, with samples without missing entries or others.

    The last in two kernels each way, of which one takes up what the other has left.
    """
    penalty = NormPenalty(ALPHA, group_size, nonnegative)
    errors = fused_masked_errors(DEVICE, n_atoms, penalty, n_iter, n_samples=4)
    assert errors["values"] < 3e-6
    assert errors["gradient"] < 3e-6


@pytest.mark.parametrize("at_once", [2, 3, 14])
@pytest.mark.parametrize("needs_grad", [True, False])
def test_it_makes_no_difference_how_many_layers_a_kernel_has(
    monkeypatch, at_once, needs_grad
):
    arguments = problem()
    arguments[2].requires_grad_(needs_grad)
    options = {"n_iter": 9, "penalty": NormPenalty(ALPHA)}
    function = values_and_gradient if needs_grad else encode
    expected = function(*arguments, **options)
    monkeypatch.setattr(fused_fista, "_LAYERS_AT_ONCE", at_once)
    for one, other in zip(function(*arguments, **options), expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("most", [1, 200, 700])
def test_parts_of_dictionaries_and_samples(monkeypatch, most):
    arguments = problem(n_samples=7, n_clusters=3)
    expected = values_and_gradient(*arguments)
    monkeypatch.setattr(fused_masked, "_MAX_NUMBERS", most)
    monkeypatch.setattr(fused_masked, "_N_FEATURES", 4)
    for one, other in zip(values_and_gradient(*arguments), expected, strict=True):
        torch.testing.assert_close(one, other)


def test_complete_samples_are_those_of_the_other_kernel():
    X, observed, D, step = problem()
    gram = (D @ D.mT).detach()
    complete = fused_encode(
        X, D, gram, step, NormPenalty(ALPHA), 3, fused_check.Tile(16, 4)
    )
    masked = encode(X, torch.ones_like(observed), D, step)
    for one, other in zip(masked, complete, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_of_nothing_observed_there_is_nothing():
    X, observed, D, step = problem()
    observed[:] = 0.0
    *values, gradient = values_and_gradient(X, observed, D, step)
    assert not any(one.any() for one in (*values, gradient))


@pytest.mark.parametrize("hidden", [torch.nan, torch.inf, 1e30])
def test_what_is_missing_does_not_change_a_bit(hidden):
    X, observed, D, step = problem()
    filled = X.where(observed > 0, hidden)
    for one, other in zip(
        values_and_gradient(filled, observed, D, step),
        values_and_gradient(X, observed, D, step),
        strict=True,
    ):
        assert torch.equal(one, other)


@pytest.mark.parametrize("penalty", [L1(), GroupL2(2), GroupL2(2, nonnegative=True)])
def test_idle_atoms_have_no_codes_and_no_gradient(penalty):
    X, observed, D, step = problem(n_atoms=6)
    D = D.detach().clone()
    D[1, 2:] = 0.0
    D.requires_grad_()
    kind = NormPenalty(ALPHA, penalty.group_size, penalty.nonnegative)
    codes, squares, penalties = encode(X, observed, D, step, kind)
    (gradient,) = torch.autograd.grad((squares + 2.0 * penalties).sum(), D)
    assert not codes[1, :, 2:].any()
    assert not gradient[1, 2:].any()
    assert gradient[0].all()


@pytest.mark.parametrize("n_iter", [3, 40])
def test_without_codes_values_are_the_same_bits(n_iter):
    arguments = problem(n_samples=3)
    with torch.no_grad():
        one = encode(*arguments, n_iter=n_iter)
        other = encode(*arguments, n_iter=n_iter, with_codes=False)
    assert other.codes is None
    assert torch.equal(one.squared_residuals, other.squared_residuals)
    assert torch.equal(one.penalties, other.penalties)


def test_without_codes_the_gradient_is_the_same():
    arguments = problem(n_samples=3)
    one, other = (
        torch.autograd.grad(sum(encoded[1:]).sum(), arguments[2])[0]
        for encoded in (encode(*arguments), encode(*arguments, with_codes=False))
    )
    assert torch.equal(one, other)


class Largest(TorchDispatchMode):
    """The most numbers that an operation returns beside those of given sizes."""

    def __init__(self, *known):
        super().__init__()
        self.known, self.n_numbers = known, 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for one in tree_leaves(result):
            is_number = isinstance(one, torch.Tensor) and one.dtype == torch.float32
            if is_number and one.numel() not in self.known:
                self.n_numbers = max(self.n_numbers, one.numel())
        return result


@pytest.mark.parametrize("n_iter", [3, 6])
def test_energies_alone_need_no_memory_for_each_sample(monkeypatch, n_iter):
    """But for samples and energies."""
    monkeypatch.setattr(fused_masked, "_MAX_NUMBERS", 300)
    monkeypatch.setattr(fused_fista, "_LAYERS_AT_ONCE", 2)
    largest = []
    for n_samples in (10, 40):
        X, observed, D, step = problem(n_samples)
        # Samples, energies, and both kinds of them in one.
        known = X.numel(), len(D) * n_samples, 2 * len(D) * n_samples
        with torch.no_grad(), Largest(*known) as mode:
            encode(X, observed, D, step, n_iter=n_iter, with_codes=False)
        largest.append(mode.n_numbers)
    assert largest[0] == largest[1] <= 300


def test_no_second_derivatives():
    total = encode(*(arguments := problem())).squared_residuals.square().sum()
    (gradient,) = torch.autograd.grad(total, arguments[2], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


@pytest.mark.filterwarnings("ignore:(overflow|invalid value):RuntimeWarning")
@pytest.mark.parametrize("group_size", [1, 5])
@pytest.mark.parametrize("nonnegative", [False, True])
def test_a_diverged_encoder_shows(group_size, nonnegative):
    X, observed, D, step = problem()
    penalty = NormPenalty(ALPHA, group_size, nonnegative)
    _, squares, _ = encode(X, observed, D, 1e12 * step, penalty, n_iter=6)
    assert not squares.isfinite().all()


def test_what_speaks_against_it(monkeypatch):
    X, _, D, _ = problem()
    penalty = NormPenalty(ALPHA)
    assert why_not_fused_masked(X, D, penalty, 15) is None
    assert why_not_fused_masked(X, D, penalty, 1000) is None
    assert "single precision" in why_not_fused_masked(X.double(), D, penalty, 15)
    assert "no such penalty" in why_not_fused_masked(X, D, None, 15)
    assert "128 atoms" in why_not_fused_masked(X, D.repeat(1, 26, 1), penalty, 15)
    assert "samples" in why_not_fused_masked(X[:0], D, penalty, 15)
    monkeypatch.setattr(fused_masked, "_MAX_KEPT_NUMBERS", 1000)
    assert "smaller batches" in why_not_fused_masked(X, D, penalty, 15)
    with torch.no_grad():
        assert why_not_fused_masked(X, D, penalty, 15) is None
        monkeypatch.setattr(fused_masked, "_MAX_NUMBERS_OF_ONE", 100)
        assert "fewer atoms" in why_not_fused_masked(X, D, penalty, 15)


class TestFirstUse:
    """Kernels are tried once, and not used if they are wrong."""

    @pytest.fixture(autouse=True)
    def _nothing_known(self, monkeypatch):
        monkeypatch.setattr(fused_check, "_TESTED", {})
        monkeypatch.setattr(fused_check, "_WARNED", set())

    @staticmethod
    def is_right(n_atoms=5, alpha=ALPHA):
        penalty = NormPenalty(alpha)
        return fused_masked_is_right(DEVICE, n_atoms, penalty, 2, keeps_layers=True)

    def test_right_kernels_are_tried_once(self, monkeypatch):
        assert self.is_right()
        monkeypatch.setattr(fused_masked_check, "fused_masked_encode", None)
        assert self.is_right()
        assert self.is_right(n_atoms=16, alpha=1.0)  # the same kernels

    @pytest.mark.parametrize("place", [0, 1, 2])
    @pytest.mark.parametrize("factor", [1.01, torch.nan])
    def test_wrong_kernels_are_not_used(self, monkeypatch, place, factor):
        def wrong(*arguments):
            encoded = list(fused_masked_encode(*arguments))
            encoded[place] = factor * encoded[place]
            return encoded

        monkeypatch.setattr(fused_masked_check, "fused_masked_encode", wrong)
        with pytest.warns(RuntimeWarning, match=r"incomplete .*of no use .*plain form"):
            assert not self.is_right()
        assert not self.is_right()  # without another warning

    def test_kernels_that_do_not_compile_are_not_used(self, monkeypatch):
        def fails(*arguments):
            raise NotImplementedError("this GPU is too old")

        monkeypatch.setattr(fused_masked_check, "fused_masked_encode", fails)
        with pytest.warns(RuntimeWarning, match="too old"):
            assert not self.is_right()


@pytest.fixture
def _everywhere(monkeypatch):
    """Let the encoder take the kernels on a CPU too, as on a GPU."""
    form = encoder.FORMS["fused_masked"]._replace(device=None)
    monkeypatch.setitem(encoder.FORMS, "fused_masked", form)
    monkeypatch.setattr(encoder, "fused_masked_is_right", lambda *_, **__: True)


@pytest.mark.usefixtures("_everywhere")
class TestMixture:
    """What `DictionaryMixture` does with it."""

    def test_it_is_the_first_choice(self, monkeypatch):
        X, observed, D, _ = problem()
        called = []

        def spy(*arguments, **options):
            called.append(options)
            return fused_masked_encode(*arguments, **options)

        monkeypatch.setattr(encoder, "fused_masked_encode", spy)
        DictionaryMixture(D)(X, observed)
        with torch.no_grad():
            assert DictionaryMixture(D)(X, observed, with_codes=False).codes is None
        assert called == [{"with_codes": True}, {"with_codes": False}]
        DictionaryMixture(D, penalty=GroupL2(5))(X, observed)
        DictionaryMixture(D)(X)
        DictionaryMixture(D.double())(X.double(), observed.double())
        assert len(called) == 3

    def test_it_is_not_used_where_it_is_wrong(self, monkeypatch):
        X, observed, D, _ = problem()
        expected = DictionaryMixture(D, form="residual")(X, observed)
        monkeypatch.setattr(encoder, "fused_masked_is_right", lambda *_, **__: False)
        monkeypatch.setattr(encoder, "fused_masked_encode", None)
        for one, other in zip(DictionaryMixture(D)(X, observed), expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)

    def test_it_is_an_error_to_ask_for_it_in_vain(self):
        X, observed, D, _ = problem()
        module = DictionaryMixture(D, form="fused_masked")
        with pytest.raises(ValueError, match="'fused_masked' takes incomplete samples"):
            module(X)
        with pytest.raises(ValueError, match="'fused_masked' is for single precision"):
            module.double()(X.double(), observed.double())

    def test_in_training_samples_are_not_sorted(self, monkeypatch):
        X, observed, D, _ = problem()
        observed[::2] = 1.0
        module = DictionaryMixture(D)
        plain = DictionaryMixture(D, form="residual")
        monkeypatch.setattr(module, "sorts", lambda X: False)
        for one, other in zip(module(X, observed), plain(X, observed), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)

    def test_who_sorts(self):
        X, _, D, _ = problem()
        X, D = X.to("meta"), D.to("meta")
        assert not DictionaryMixture(D).sorts(X)
        assert DictionaryMixture(D).sorts(torch.zeros(X.shape))
        assert DictionaryMixture(D, form="residual").sorts(X)
        assert DictionaryMixture(D, penalty=GroupL2(2)).sorts(X)
        with torch.no_grad():
            assert DictionaryMixture(D).sorts(X)

    def test_training_is_the_same(self):
        X, observed, D, _ = problem(20)

        def trained(form):
            module = DictionaryMixture(D, form=form, n_fista_iter=3)
            return Trainer(
                module,
                torch.optim.Adam([module.dictionaries], lr=0.01),
                Samples(X, observed.bool(), device=DEVICE),
                max_iter=2,
                batch_size=16,
                generator=torch.Generator().manual_seed(0),
                callbacks=[DeadAtomReseeding()],
            ).run()

        fused, plain = trained("auto"), trained("residual")
        torch.testing.assert_close(
            fused.module.dictionaries, plain.module.dictionaries, rtol=1e-3, atol=1e-3
        )
        assert fused.history["loss"] == pytest.approx(plain.history["loss"], rel=1e-5)
