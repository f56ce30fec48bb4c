"""The unfolded FISTA encoder that the networks share."""

from collections.abc import Callable
from typing import Literal, NamedTuple, Self

import torch
from torch import Tensor, nn

from ..functional import (
    Encoded,
    NormPenalty,
    Prox,
    Tile,
    fista,
    fused_encode,
    fused_lipschitz_constant,
    fused_masked_encode,
    fused_masked_is_right,
    fused_tile,
    gram_encode,
    lipschitz_constant,
    masked_term,
    residual_term,
    tiled_encode,
    why_not_fused,
    why_not_fused_masked,
)
from ..penalties import L1, GroupL2, Penalty

__all__ = ["FORMS", "EncoderOutput", "UnfoldedEncoder", "encode_by_completeness"]


class EncoderOutput(NamedTuple):
    """Codes of B samples for K dictionaries, and what they cost.

    ``codes`` is (K, B, P); ``squared_residuals`` ``||x - z D||^2`` and ``penalties``
    ``alpha * Omega(z)`` are (K, B). Codes are None, which type checkers need not see,
    where they were not asked for and did not come about.
    """

    codes: Tensor
    squared_residuals: Tensor
    penalties: Tensor


class _Problem(NamedTuple):
    """What is to be encoded, and how; see `UnfoldedEncoder.encode`."""

    X: Tensor
    observed: Tensor | None
    D: Tensor
    gram: Tensor
    step: Tensor
    penalty: Penalty
    alpha: float
    n_iter: int
    few_matter: bool
    with_codes: bool

    @property
    def prox(self) -> Prox:
        return prox_in_steps(self.penalty, self.alpha)

    @property
    def norm_penalty(self) -> NormPenalty | None:
        """The penalty as the fused kernels have it, None if they have not."""
        return norm_penalty(self.penalty, self.alpha)

    @property
    def keeps_layers(self) -> bool:
        """Whether there will be a backward pass."""
        return torch.is_grad_enabled() and self.D.requires_grad

    @property
    def tile(self) -> Tile | None:
        """What the fused kernels are right with, None if they are not."""
        return fused_tile(
            *(self.X.device, self.D.shape[1], self.norm_penalty, self.n_iter),  # type: ignore[arg-type]
            keeps_layers=self.keeps_layers,
        )

    def with_penalties(self, encoded: Encoded) -> EncoderOutput:
        return EncoderOutput(*encoded, self.alpha * self.penalty.value(encoded.codes))


def _nothing(problem: _Problem) -> None:
    return None


class Form(NamedTuple):
    """A way to compute the encoder: all give the same numbers where they can be used.

    ``takes`` says what samples it encodes, ``gives_gradients_of_samples`` whether more
    than the dictionaries get gradients, ``device`` where alone it is of use, and
    ``also_lacks`` what else speaks against it.
    """

    encode: Callable[[_Problem], EncoderOutput]
    takes: Literal["complete samples", "incomplete samples", "all samples"]
    gives_gradients_of_samples: bool = False
    device: str | None = None
    also_lacks: Callable[[_Problem], str | None] = _nothing

    def lacks(self, problem: _Problem) -> str | None:
        """What speaks against encoding these samples like this, None if nothing."""
        is_complete = problem.observed is None
        if self.takes == ("incomplete samples" if is_complete else "complete samples"):
            return f"takes {self.takes} only"
        if problem.X.requires_grad and not self.gives_gradients_of_samples:
            return "gives no gradients of the samples"
        if self.device not in (None, problem.X.device.type):
            return f"is for device={self.device!r}"
        return self.also_lacks(problem)


def _encode_fused(problem: _Problem) -> EncoderOutput:
    return EncoderOutput(
        *fused_encode(
            *(problem.X, problem.D, problem.gram, problem.step),
            *(problem.norm_penalty, problem.n_iter, problem.tile),  # type: ignore[arg-type]
            with_codes=problem.with_codes,
        )
    )


def _fused_lacks(problem: _Problem) -> str | None:
    X, D = problem.X, problem.D
    lack = why_not_fused(X, D, problem.norm_penalty, problem.n_iter)
    if lack is None and problem.tile is None:
        lack = "is of no use on this GPU"
    return lack


def _encode_fused_masked(problem: _Problem) -> EncoderOutput:
    X, observed, D, step = problem.X, problem.observed, problem.D, problem.step
    return EncoderOutput(
        *fused_masked_encode(
            # Only incomplete samples get here.
            *(X, observed, D, step),  # type: ignore[arg-type]
            *(problem.norm_penalty, problem.n_iter),  # type: ignore[arg-type]
            with_codes=problem.with_codes,
        )
    )


def _fused_masked_lacks(problem: _Problem) -> str | None:
    X, D = problem.X, problem.D
    lack = why_not_fused_masked(X, D, problem.norm_penalty, problem.n_iter)
    if lack is None and not fused_masked_is_right(
        *(X.device, D.shape[1], problem.norm_penalty, problem.n_iter),  # type: ignore[arg-type]
        keeps_layers=problem.keeps_layers,
    ):
        lack = "is of no use on this GPU"
    return lack


def _encode_through_gram(problem: _Problem) -> EncoderOutput:
    return problem.with_penalties(
        gram_encode(
            *(problem.X, problem.D, problem.gram, problem.step),
            *(problem.prox, problem.n_iter),
            few_matter=problem.few_matter,
        )
    )


def _encode_in_tiles(problem: _Problem) -> EncoderOutput:
    X, observed, D, step = problem.X, problem.observed, problem.D, problem.step
    # Only incomplete samples get here.
    encoded = tiled_encode(X, observed, D, step, problem.prox, problem.n_iter)  # type: ignore[arg-type]
    return problem.with_penalties(encoded)


def _encode_through_residuals(problem: _Problem) -> EncoderOutput:
    """The plain loop, which autograd differentiates."""
    X, observed, D, step = problem.X, problem.observed, problem.D, problem.step
    if observed is None:
        term = residual_term(X, D, step)
    else:
        term = masked_term(X, D, step, observed)
    prox = problem.prox
    # FISTA runs on codes in units of the step size; see `DataTerm`.
    codes = step * fista(
        term.gradient_step, lambda V: prox.forward(V, step), None, problem.n_iter
    )
    return problem.with_penalties(Encoded(codes, term.value(codes)))


# The first that lacks nothing is used. The tiles suit the cache of a CPU.
FORMS = {
    "fused": Form(
        _encode_fused, "complete samples", device="cuda", also_lacks=_fused_lacks
    ),
    "fused_masked": Form(
        _encode_fused_masked,
        "incomplete samples",
        device="cuda",
        also_lacks=_fused_masked_lacks,
    ),
    "gram": Form(_encode_through_gram, "complete samples"),
    "tiled": Form(_encode_in_tiles, "incomplete samples", device="cpu"),
    "residual": Form(
        _encode_through_residuals, "all samples", gives_gradients_of_samples=True
    ),
}


class UnfoldedEncoder(nn.Module):
    """Dictionaries as parameters, and FISTA against all of them at once.

    Parameters
    ----------
    dictionaries : Tensor of shape (n_dictionaries, n_atoms, n_features)
        First atoms.
    penalty : Penalty, default=L1()
        Sparsity penalty ``Omega``.
    alpha : float, default=0.75
        Strength of the penalty.
    n_fista_iter : int, default=15
        Number of layers L of the encoder, at least one.
    step_size : float or "auto", default="auto"
        FISTA's step; "auto" is the inverse of a bound on the Lipschitz constant of each
        dictionary's gradient, with which the encoder cannot diverge.
    form : {"auto", "fused", "fused_masked", "gram", "tiled", "residual"}, \
            default="auto"
        How samples are encoded; all give the same numbers. "fused" takes complete
        samples on a CUDA GPU in single precision and the norms of the package, by one
        kernel each way, `skmixmate.functional.fused_encode`, and needs Triton, as does
        "fused_masked", which takes incomplete ones there, by
        `skmixmate.functional.fused_masked_encode`. "gram" goes through Gram matrices
        and takes complete samples, by `skmixmate.functional.gram_encode`;
        "tiled" takes incomplete ones on a CPU, by
        `skmixmate.functional.tiled_encode`; "residual" is the plain reference. "auto"
        takes the first of these that can. Gradients of the samples come from the plain
        reference alone; second derivatives and the transforms of ``torch.func`` need
        "residual".
    normalize_atoms : bool, default=True
        Whether atoms have unit norm, from the start and after each optimiser step.

    Raises
    ------
    ValueError
        If ``n_fista_iter`` is less than one, or there is no such ``form``.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.modules import UnfoldedEncoder
    >>> encoder = UnfoldedEncoder(5.0 * torch.eye(6).reshape(2, 3, 6), alpha=0.1)
    >>> encoder.dictionaries.norm(dim=-1).detach()
    tensor([[1., 1., 1.],
            [1., 1., 1.]])
    >>> terms = encoder.encode(torch.ones(4, 6), None, *encoder.gram_and_steps())
    >>> terms.codes.shape, terms.squared_residuals.shape
    (torch.Size([2, 4, 3]), torch.Size([2, 4]))
    """

    def __init__(
        self,
        dictionaries: Tensor,
        *,
        penalty: Penalty | None = None,
        alpha: float = 0.75,
        n_fista_iter: int = 15,
        step_size: float | Literal["auto"] = "auto",
        form: str = "auto",
        normalize_atoms: bool = True,
    ) -> None:
        super().__init__()
        if n_fista_iter < 1:
            raise ValueError(f"n_fista_iter must be at least 1, got {n_fista_iter!r}.")
        if form != "auto" and form not in FORMS:
            names = ", ".join(map(repr, FORMS))
            raise ValueError(f"form must be 'auto' or one of {names}, got {form!r}.")
        self.penalty = L1() if penalty is None else penalty
        self.alpha = alpha
        self.n_fista_iter = n_fista_iter
        self.step_size = step_size
        self.form = form
        self.normalize_atoms = normalize_atoms
        self.dictionaries = nn.Parameter(dictionaries.detach().clone())
        self._steps: Tensor | None = None
        self.normalize_()

    @torch.no_grad()
    def normalize_(self) -> None:
        """Scale every atom to unit norm in place, as after each optimiser step.

        Not in the papers; in the MixMate authors' code. Nothing is done under
        ``normalize_atoms=False``.
        """
        if self.normalize_atoms:
            norms = torch.linalg.vector_norm(self.dictionaries, dim=-1, keepdim=True)
            self.dictionaries.div_(norms.clamp(min=torch.finfo(norms.dtype).tiny))

    @torch.no_grad()
    def leave_out_(self, features: Tensor | None) -> Self:
        """Make atoms zero in some features, (n_features,), bool, in place.

        They are not made to have unit norm again, and steps stay as they are, so that
        samples that are zero there are encoded as if these features were missing; see
        `Samples`. A constant feature stays.
        """
        if features is not None:
            _, self._steps = self.gram_and_steps()
            n_features = len(features)
            self.dictionaries[..., :n_features][..., features] = 0.0
        return self

    def gram_and_steps(self) -> tuple[Tensor, Tensor]:
        """Gram matrices (K, P, P) and the step size of each encoder, (K, 1, 1).

        They depend on the dictionaries alone and serve all samples. No gradient flows
        through them: `gram_encode` has that of the Gram matrices in its own.
        """
        D = self.dictionaries.detach()
        gram = D @ D.mT
        if self._steps is not None:
            step = self._steps
        elif self.step_size == "auto":
            on_cuda = gram.device.type == "cuda"
            bound = fused_lipschitz_constant if on_cuda else lipschitz_constant
            step = bound(gram).reciprocal()[:, None, None]
        else:
            step = gram.new_full((len(gram), 1, 1), self.step_size)
        return gram, step

    def sorts(self, X: Tensor) -> bool:
        """Whether complete samples are told from others, for `encode_by_completeness`.

        Not in training where one kernel has both: a GPU would have to wait for what the
        host makes of the mask, and a step could not be recorded.

        Parameters
        ----------
        X : Tensor of shape (B, M)

        Returns
        -------
        bool
        """
        # Without numbers, what a GPU does is found out before a step is recorded.
        if X.device.type not in ("cuda", "meta") or not torch.is_grad_enabled():
            return True
        if self.form not in ("auto", "fused_masked"):
            return True
        penalty = norm_penalty(self.penalty, self.alpha)
        lack = why_not_fused_masked(X, self.dictionaries, penalty, self.n_fista_iter)
        return lack is not None

    def encode(
        self,
        X: Tensor,
        observed: Tensor | None,
        gram: Tensor,
        step: Tensor,
        *,
        few_matter: bool = False,
        with_codes: bool = True,
    ) -> EncoderOutput:
        """Encode samples against every dictionary.

        Parameters
        ----------
        X : Tensor of shape (B, M)
            Finite everywhere, also where an entry is missing.
        observed : Tensor of shape (B, M) or None
            1 where observed, 0 where missing, in the dtype of ``X``; None if complete.
        gram, step : Tensor
            From `gram_and_steps`.
        few_matter : bool, default=False
            Whether most samples will have a gradient of zero for most dictionaries; see
            `gram_encode`.
        with_codes : bool, default=True
            Whether codes are asked for; on a GPU, they may stay on the chip if not.

        Returns
        -------
        EncoderOutput

        Raises
        ------
        ValueError
            If ``form`` cannot encode such samples.

        References
        ----------
        MixMate (ICASSP 2022), eq. 4.
        """
        problem = _Problem(
            *(X, observed, self.dictionaries, gram, step),
            *(self.penalty, self.alpha, self.n_fista_iter, few_matter, with_codes),
        )
        if self.form == "auto":
            form = next(f for f in FORMS.values() if f.lacks(problem) is None)
        else:
            form = FORMS[self.form]
            if lack := form.lacks(problem):
                raise ValueError(f"form={self.form!r} {lack}; use form='auto'.")
        return form.encode(problem)


def norm_penalty(penalty: Penalty, alpha: float) -> NormPenalty | None:
    """``alpha`` times a penalty as the fused kernels have it, None if they have not."""
    # A subclass may have another prox.
    if type(penalty) not in (L1, GroupL2):
        return None
    nonnegative = penalty.nonnegative  # type: ignore[attr-defined]
    return NormPenalty(float(alpha), penalty.group_size, nonnegative)


def prox_in_steps(penalty: Penalty, alpha: float) -> Prox:
    """The proximal step of ``alpha`` times a penalty on codes in units of the step.

    Parameters
    ----------
    penalty : Penalty
    alpha : float
        Strength of the penalty.

    Returns
    -------
    Prox

    References
    ----------
    MixMate (ICASSP 2022), the proximal step of eq. 4.
    """
    alpha = float(alpha)
    if penalty.is_norm:
        # Whatever the step, one number is the threshold.
        return Prox(
            lambda V, step: penalty.prox(V, alpha),
            lambda grad, V, step: penalty.prox_backward(grad, V, alpha),
        )
    # In the backward pass, the step into the prox and the one out of it cancel.
    return Prox(
        lambda V, step: penalty.prox(step * V, step * alpha) / step,
        lambda grad, V, step: penalty.prox_backward(grad, step * V, step * alpha),
    )


def encode_by_completeness(
    encode: Callable[..., EncoderOutput],
    X: Tensor,
    observed: Tensor | None,
    gram: Tensor,
    step: Tensor,
    *,
    are_sorted: bool = True,
) -> EncoderOutput:
    """Encode samples (B, M), each in the way that suits it, whatever the others.

    Parameters
    ----------
    encode : callable
        `UnfoldedEncoder.encode` or the like, which gets complete samples without a
        mask and the others with theirs.
    X, observed, gram, step
        See `UnfoldedEncoder.encode`.
    are_sorted : bool, default=True
        Whether it is looked which samples are complete; else all count as incomplete.

    Returns
    -------
    EncoderOutput
        In the order of the samples.
    """
    if observed is None or not are_sorted:
        return encode(X, observed, gram, step)
    is_complete = observed.all(dim=1)
    complete = is_complete.nonzero().flatten()
    if len(complete) == 0:
        return encode(X, observed, gram, step)
    if len(complete) == len(X):
        return encode(X, None, gram, step)
    incomplete = (~is_complete).nonzero().flatten()
    parts = (
        encode(X[complete], None, gram, step),
        encode(X[incomplete], observed[incomplete], gram, step),
    )
    order = torch.cat([complete, incomplete]).argsort()
    return EncoderOutput(
        *(
            None if pair[0] is None else torch.cat(pair, dim=1)[:, order]
            for pair in zip(*parts, strict=True)
        )
    )
