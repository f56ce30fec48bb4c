"""`fused_encode`: its kernels against `gram_encode` in double precision.

On a CPU, Triton interprets them; on a GPU, they are compiled.
"""

import dataclasses
import itertools
import subprocess

import pytest
import torch

from skmixmate.functional import (
    NormPenalty,
    Tile,
    fused_check,
    fused_encode,
    fused_errors,
    fused_fista,
    fused_lipschitz,
    fused_loss,
    fused_tile,
    fused_usage,
    lipschitz_constant,
    why_not_fused,
)
from skmixmate.modules import DictionaryMixture, encoder
from skmixmate.penalties import L1, GroupL2
from skmixmate.training import DeadAtomReseeding, Samples, Trainer

pytest.importorskip("triton")

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
TILE = Tile(16, 4)
ALPHA = 0.2


def problem(n_samples=10, n_atoms=5, n_clusters=2, seed=0):
    """Samples, dictionaries, Gram matrices and steps in single precision."""
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(n_samples, n_atoms + 3, generator=generator).to(DEVICE)
    D = torch.randn(n_clusters, n_atoms, n_atoms + 3, generator=generator).to(DEVICE)
    D = torch.nn.functional.normalize(D, dim=-1)
    gram = D @ D.mT
    step = lipschitz_constant(gram).reciprocal()[:, None, None]
    return X, D.requires_grad_(), gram, step


def encode(X, D, gram, step, penalty=None, n_iter=3, **options):
    penalty = penalty or NormPenalty(ALPHA)
    return fused_encode(X, D, gram, step, penalty, n_iter, TILE, **options)


@pytest.mark.parametrize(
    ("group_size", "nonnegative", "n_atoms", "n_iter"),
    [
        (1, False, 1, 1),
        (1, False, 5, 2),
        (1, False, 50, 15),
        (1, False, 100, 2),
        (1, True, 5, 15),
        (2, False, 10, 15),
        (3, False, 6, 2),
        (2, True, 6, 3),
        (5, True, 50, 2),
        (4, True, 4, 1),
        (2, True, 4, 70),
    ],
)
def test_values_and_gradients(group_size, nonnegative, n_atoms, n_iter):
    """Of dictionaries of unequal size, with samples that fill no tile.

    The last by three kernels each way.
    """
    penalty = NormPenalty(ALPHA, group_size, nonnegative)
    errors = fused_errors(DEVICE, n_atoms, penalty, n_iter, TILE, n_samples=21)
    assert errors["values"] < 3e-6
    assert errors["gradient"] < 3e-6


@pytest.mark.parametrize("n_samples", [1, 16, 33])
def test_any_number_of_samples(n_samples):
    X, D, *rest = problem(40)
    whole, part = encode(X, D, *rest), encode(X[:n_samples], D, *rest)
    for one, other in zip(whole, part, strict=True):
        torch.testing.assert_close(one[:, :n_samples], other)
    assert part.codes.shape == (2, n_samples, 5)


@pytest.mark.parametrize("at_once", [2, 3, 14])
def test_it_makes_no_difference_how_many_layers_a_kernel_has(monkeypatch, at_once):
    """Whether there are gradients, or codes, or not."""
    X, D, *rest = problem()

    def results():
        encoded = encode(X, D, *rest, n_iter=9)
        total = sum((place + 1.0) * one.sum() for place, one in enumerate(encoded))
        with torch.no_grad():
            alone = encode(X, D, *rest, n_iter=9, with_codes=False)
        return *encoded, *torch.autograd.grad(total, D), *alone[1:]

    expected = results()
    monkeypatch.setattr(fused_fista, "_LAYERS_AT_ONCE", at_once)
    for one, other in zip(results(), expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("penalty", [L1(), GroupL2(2), GroupL2(2, nonnegative=True)])
def test_idle_atoms_have_no_codes_and_no_gradient(penalty):
    X, D, *_ = problem(n_atoms=6)
    D = D.detach().clone()
    D[1, 2:] = 0.0
    D.requires_grad_()
    gram = (D @ D.mT).detach()
    step = lipschitz_constant(gram).reciprocal()[:, None, None]
    kind = NormPenalty(ALPHA, penalty.group_size, penalty.nonnegative)
    codes, squares, penalties = encode(X, D, gram, step, kind)
    (gradient,) = torch.autograd.grad((squares + 2.0 * penalties).sum(), D)
    assert not codes[1, :, 2:].any()
    assert not gradient[1, 2:].any()
    assert gradient[0].all()


def test_without_codes_values_are_the_same_bits():
    X, D, *rest = problem()
    with torch.no_grad():
        one, other = encode(X, D, *rest), encode(X, D, *rest, with_codes=False)
    assert other.codes is None
    assert torch.equal(one.squared_residuals, other.squared_residuals)
    assert torch.equal(one.penalties, other.penalties)


def test_outputs_that_nothing_depends_on():
    X, D, *rest = problem()
    together = encode(X, D, *rest)
    (both,) = torch.autograd.grad(sum(one.sum() for one in together[1:]), D)
    alone = [
        torch.autograd.grad(encode(X, D, *rest)[place].sum(), D)[0] for place in (1, 2)
    ]
    torch.testing.assert_close(both, sum(alone), rtol=1e-4, atol=1e-5)


def test_no_second_derivatives():
    X, D, *rest = problem()
    total = encode(X, D, *rest).squared_residuals.square().sum()
    (gradient,) = torch.autograd.grad(total, D, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


@pytest.mark.filterwarnings("ignore:(overflow|invalid value):RuntimeWarning")
@pytest.mark.parametrize("group_size", [1, 5])
@pytest.mark.parametrize("nonnegative", [False, True])
def test_a_diverged_encoder_shows(group_size, nonnegative):
    X, D, gram, step = problem()
    penalty = NormPenalty(ALPHA, group_size, nonnegative)
    _, squares, _ = encode(X, D, gram, 1e12 * step, penalty, n_iter=6)
    assert not squares.isfinite().all()


def test_what_speaks_against_it():
    X, D, *_ = problem()
    penalty = NormPenalty(ALPHA)
    assert why_not_fused(X, D, penalty, 15) is None
    assert "single precision" in why_not_fused(X.double(), D.double(), penalty, 15)
    assert "no such penalty" in why_not_fused(X, D, None, 15)
    assert "no such penalty" in why_not_fused(X, D, NormPenalty(ALPHA, 2), 15)
    assert why_not_fused(X, D, penalty, 1000) is None
    assert "128 atoms" in why_not_fused(X, D.repeat(1, 26, 1), penalty, 15)
    assert "samples" in why_not_fused(X[:0], D, penalty, 15)
    with torch.autocast(DEVICE.type, torch.bfloat16):
        assert "autocast" in why_not_fused(X, D, penalty, 15)


@pytest.mark.parametrize("n_atoms", [1, 5, 50])
def test_lipschitz_constants(n_atoms):
    assert fused_lipschitz.lipschitz_error(n_atoms, DEVICE) < 1e-5
    _, D, *_ = problem(n_atoms=n_atoms)
    gram = (D @ D.mT).detach()
    bounds = fused_lipschitz.lipschitz_by_kernel(gram)
    assert (bounds >= torch.linalg.eigvalsh(gram.double())[:, -1]).all()


@pytest.mark.parametrize("n_clusters", [1, 3, 40])
@pytest.mark.parametrize("n_samples", [37, 48])
def test_losses(n_clusters, n_samples):
    assert fused_loss.loss_error(n_clusters, DEVICE, n_samples) < 1e-5


@pytest.mark.filterwarnings("ignore:(overflow|invalid value):RuntimeWarning")
@pytest.mark.parametrize("value", [torch.inf, torch.nan])
def test_losses_show_what_is_not_finite(value):
    energies = torch.ones(3, 4, device=DEVICE)
    energies[1, 2] = value
    loss = fused_loss._ExpectedEnergy.apply(energies)
    assert loss.isfinite().tolist() == [True, False, True]


@pytest.mark.parametrize("n_clusters", [1, 17])
def test_usages(n_clusters):
    """With samples and atoms that fill no program."""
    assert fused_usage.usage_error(n_clusters, DEVICE) < 5e-6


class TestFirstUse:
    """A kernel is tried once, and not used if it is wrong."""

    @pytest.fixture(autouse=True)
    def _nothing_known(self, monkeypatch):
        monkeypatch.setattr(fused_check, "_FOUND", {})
        monkeypatch.setattr(fused_check, "_TESTED", {})
        monkeypatch.setattr(fused_check, "_WARNED", set())

    @staticmethod
    def tile(n_atoms=5):
        penalty = NormPenalty(ALPHA)
        return fused_tile(DEVICE, n_atoms, penalty, 2, keeps_layers=False)

    def of_three(self, test):
        """What is found out about two encoders, and another kernel by its test."""
        is_right = fused_check.is_right(("one",), "numbers", DEVICE, test)
        return [self.tile(), self.tile(n_atoms=50), is_right]

    def test_a_right_kernel_is_tried_once(self, monkeypatch):
        assert self.tile() == fused_fista.tiles(5, keeps_layers=False)[0]
        monkeypatch.setattr(fused_check, "fused_encode", None)
        assert self.tile() is not None
        assert self.tile(n_atoms=16) is not None  # the same kernel

    def test_a_wrong_kernel_is_not_used(self, monkeypatch):
        def wrong(*arguments):
            encoded = fused_encode(*arguments)
            return encoded._replace(penalties=1.01 * encoded.penalties)

        monkeypatch.setattr(fused_check, "fused_encode", wrong)
        with pytest.warns(RuntimeWarning, match=r"of no use .*errors of .*plain form"):
            assert self.tile() is None
        assert self.tile() is None  # without another warning

    def test_a_kernel_that_does_not_compile_is_not_used(self, monkeypatch):
        def fails(*arguments):
            raise OSError("no compiler")

        monkeypatch.setattr(fused_check, "fused_encode", fails)
        with pytest.warns(RuntimeWarning, match="OSError: no compiler"):
            assert self.tile() is None

    @pytest.mark.parametrize(
        "failure",
        [
            RuntimeError("Failed to find C compiler. Please specify via CC."),
            subprocess.CalledProcessError(1, ["gcc", "another_each_time/main.c"]),
            FileNotFoundError(2, "No such file or directory", "cc"),
        ],
        ids=["none", "no_headers", "no_such_file"],
    )
    def test_one_warning_says_that_there_is_no_compiler(self, monkeypatch, failure):
        def fails(*arguments):
            raise failure

        monkeypatch.setattr(fused_check, "fused_encode", fails)
        with pytest.warns(RuntimeWarning, match="Install gcc .*CC") as warned:
            assert self.of_three(fails) == [None, None, False]
        assert len(warned) == 1

    @pytest.mark.parametrize(
        "failure",
        [
            lambda _: NotImplementedError("this GPU is too old"),
            lambda place: PermissionError(13, "denied", f"too old/{place}"),
        ],
        ids=["gpu", "directory"],
    )
    def test_one_warning_of_one_reason(self, monkeypatch, failure):
        places = itertools.count()

        def fails(*arguments):
            raise failure(next(places))

        monkeypatch.setattr(fused_check, "fused_encode", fails)
        with pytest.warns(RuntimeWarning, match="too old") as warned:
            assert self.of_three(fails) == [None, None, False]
        assert len(warned) == 1

    @pytest.mark.parametrize("place", [0, 1, 2])
    def test_no_number_is_an_error(self, monkeypatch, place):
        def wrong(*arguments):
            encoded = list(fused_encode(*arguments))
            encoded[place] = torch.full_like(encoded[place], torch.nan)
            return fused_fista.FusedEncoded(*encoded)

        monkeypatch.setattr(fused_check, "fused_encode", wrong)
        with pytest.warns(RuntimeWarning, match="errors of"):
            assert self.tile() is None

    def test_modes_of_the_caller_do_not_matter(self):
        def is_right():
            return not torch.is_autocast_enabled(DEVICE.type) and (
                torch.randn(3, generator=torch.Generator()).device.type == "cpu"
            )

        with torch.autocast(DEVICE.type, torch.bfloat16), torch.device("meta"):
            assert fused_check.is_right(("one",), "numbers", DEVICE, is_right)
            assert self.tile() is not None

    def test_another_kernel_is_tried_once(self):
        def is_right(name, *answers):
            answers = list(answers)
            return fused_check.is_right((name,), "numbers", DEVICE, answers.pop)

        assert is_right("right", True)
        assert is_right("right")
        with pytest.warns(RuntimeWarning, match=r"numbers are of no use .*too large"):
            assert not is_right("wrong", False)
        with pytest.warns(RuntimeWarning, match="IndexError: pop from empty list"):
            assert not is_right("failing")
        assert not is_right("wrong")

    def test_another_tile_is_tried(self, monkeypatch):
        first, second = fused_fista.tiles(5, keeps_layers=False)

        def fails(*arguments):
            if arguments[-1] == first:
                raise RuntimeError("out of resource: shared memory")
            return fused_encode(*arguments)

        monkeypatch.setattr(fused_check, "fused_encode", fails)
        assert self.tile() == second


@pytest.fixture
def _everywhere(monkeypatch):
    """Let the encoder take the kernels on a CPU too."""
    fused = encoder.FORMS["fused"]._replace(device=None)
    monkeypatch.setitem(encoder.FORMS, "fused", fused)
    monkeypatch.setattr(encoder, "fused_tile", lambda *_, **__: TILE)


@dataclasses.dataclass(frozen=True)
class Doubled(L1):
    """Not the prox that its parent has."""

    def prox(self, codes, threshold):
        return super().prox(codes, 2.0 * threshold)


@pytest.mark.usefixtures("_everywhere")
class TestMixture:
    """What `DictionaryMixture` does with it."""

    def test_it_is_the_first_choice(self, monkeypatch):
        X, D, *_ = problem()
        called = []

        def spy(*arguments, **options):
            called.append(options)
            return fused_encode(*arguments, **options)

        monkeypatch.setattr(encoder, "fused_encode", spy)
        DictionaryMixture(D)(X)
        with torch.no_grad():
            assert DictionaryMixture(D)(X, with_codes=False).codes is None
        assert called == [{"with_codes": True}, {"with_codes": False}]
        for penalty in (Doubled(), GroupL2(5)):
            DictionaryMixture(D, penalty=penalty)(X)
        DictionaryMixture(D)(
            X, torch.ones_like(X).index_fill(1, X.new_zeros(1).long(), 0)
        )
        DictionaryMixture(D.double())(X.double())
        assert len(called) == 3

    def test_it_is_an_error_to_ask_for_it_in_vain(self):
        X, D, *_ = problem()
        with pytest.raises(ValueError, match="'fused' is for single precision"):
            DictionaryMixture(D.double(), form="fused")(X.double())

    def test_complete_samples_among_others(self):
        X, D, *_ = problem()
        observed = torch.ones_like(X)
        observed[::3, 1] = 0.0
        module = DictionaryMixture(D)
        plain = DictionaryMixture(D, form="residual")
        with torch.no_grad():
            torch.testing.assert_close(
                module(X, observed), plain(X, observed), rtol=1e-4, atol=1e-4
            )
            mixed = module(X, observed, with_codes=False)
        assert mixed.energies.shape == (10, 2)

    def test_training_is_the_same(self):
        X, D, *_ = problem(20)

        def trained(form):
            module = DictionaryMixture(D, form=form, n_fista_iter=3)
            return Trainer(
                module,
                torch.optim.Adam([module.dictionaries], lr=0.01),
                Samples(X, device=DEVICE),
                max_iter=2,
                batch_size=16,
                generator=torch.Generator().manual_seed(0),
                callbacks=[DeadAtomReseeding()],
            ).run()

        fused, plain = trained("fused"), trained("gram")
        torch.testing.assert_close(
            fused.module.dictionaries, plain.module.dictionaries, rtol=1e-3, atol=1e-3
        )
        assert fused.history["loss"] == pytest.approx(plain.history["loss"], rel=1e-5)
