"""The unfolded FISTA encoder that the networks share."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from ..functional import (
    DataTerm,
    Encoded,
    Prox,
    fista,
    gram_encode,
    lipschitz_constant,
    masked_encode,
    masked_term,
    residual_term,
)
from ..penalties import L1, Penalty, prox_in_steps

__all__ = ["EncoderOutput", "UnfoldedEncoder", "encode_by_completeness"]


class EncoderOutput(NamedTuple):
    """Codes of B samples for K dictionaries, and what they cost.

    ``codes`` is (K, B, P), ``squared_residuals`` ``||x - z D||^2`` and ``penalties``
    ``alpha * Omega(z)`` are (K, B).
    """

    codes: Tensor
    squared_residuals: Tensor
    penalties: Tensor


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
    form : {"gram", "residual"}, default="gram"
        How complete samples are encoded: through Gram matrices, by
        `skmixmate.functional.gram_encode`, or through residuals, the plain reference
        that gives the same numbers. With "gram", incomplete samples are encoded by
        `skmixmate.functional.masked_encode` on a CPU. Gradients of the samples come
        from the plain reference whatever the form; second derivatives, autocast and the
        transforms of ``torch.func`` need "residual".
    normalize_atoms : bool, default=True
        Whether atoms have unit norm, from the start and after each optimiser step.

    Raises
    ------
    ValueError
        If ``n_fista_iter`` is less than one.
    """

    def __init__(
        self,
        dictionaries: Tensor,
        *,
        penalty: Penalty | None = None,
        alpha: float = 0.75,
        n_fista_iter: int = 15,
        step_size: float | Literal["auto"] = "auto",
        form: Literal["gram", "residual"] = "gram",
        normalize_atoms: bool = True,
    ):
        super().__init__()
        if n_fista_iter < 1:
            raise ValueError(f"n_fista_iter must be at least 1, got {n_fista_iter!r}.")
        self.penalty = L1() if penalty is None else penalty
        self.alpha = alpha
        self.n_fista_iter = n_fista_iter
        self.step_size = step_size
        self.form = form
        self.normalize_atoms = normalize_atoms
        self.dictionaries = nn.Parameter(dictionaries.detach().clone())
        self.normalize_()

    @torch.no_grad()
    def normalize_(self) -> None:
        """Scale every atom to unit norm in place, as after each optimiser step.

        Not in the papers; in the MixMate authors' code. Nothing is done under
        ``normalize_atoms=False``.
        """
        if self.normalize_atoms:
            norms = torch.linalg.vector_norm(self.dictionaries, dim=-1, keepdim=True)
            self.dictionaries /= norms.clamp(min=torch.finfo(norms.dtype).tiny)

    def gram_and_steps(self) -> tuple[Tensor, Tensor]:
        """Gram matrices (K, P, P) and the step size of each encoder, (K, 1, 1).

        They depend on the dictionaries alone and serve all samples. No gradient flows
        through them: `gram_encode` has that of the Gram matrices in its own.
        """
        D = self.dictionaries.detach()
        gram = D @ D.mT
        if self.step_size == "auto":
            step = lipschitz_constant(gram).reciprocal()[:, None, None]
        else:
            step = gram.new_full((len(gram), 1, 1), self.step_size)
        return gram, step

    def encode(
        self,
        X: Tensor,
        observed: Tensor | None,
        gram: Tensor,
        step: Tensor,
        *,
        few_matter: bool = False,
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

        Returns
        -------
        EncoderOutput

        References
        ----------
        MixMate (ICASSP 2022), eq. 4.
        """
        D = self.dictionaries
        prox = prox_in_steps(self.penalty, self.alpha)
        options = step, prox, self.n_fista_iter
        # The fast forms have gradients of the dictionaries alone.
        is_plain = self.form == "residual" or X.requires_grad
        if observed is None and not is_plain:
            encoded = gram_encode(X, D, gram, *options, few_matter=few_matter)
        # Its tiles suit the cache of a CPU.
        elif observed is not None and not is_plain and X.device.type == "cpu":
            encoded = masked_encode(X, observed, D, *options)
        elif observed is None:
            encoded = _plain_encode(residual_term(X, D, step), *options)
        else:
            encoded = _plain_encode(masked_term(X, D, step, observed), *options)
        return EncoderOutput(*encoded, self.alpha * self.penalty.value(encoded.codes))


def _plain_encode(term: DataTerm, step: Tensor, prox: Prox, n_iter: int) -> Encoded:
    """Encode samples by the plain loop, which autograd differentiates."""
    # FISTA runs on codes in units of the step size; see `DataTerm`.
    codes = step * fista(
        term.gradient_step, lambda V: prox.forward(V, step), None, n_iter
    )
    return Encoded(codes, term.value(codes))


def encode_by_completeness(
    encode: Callable[..., EncoderOutput],
    X: Tensor,
    observed: Tensor | None,
    gram: Tensor,
    step: Tensor,
) -> EncoderOutput:
    """Encode samples (B, M), each in the way that suits it, whatever the others.

    Parameters
    ----------
    encode : callable
        `UnfoldedEncoder.encode` or the like, which gets complete samples without a
        mask and the others with theirs.
    X, observed, gram, step
        See `UnfoldedEncoder.encode`.

    Returns
    -------
    EncoderOutput
        In the order of the samples.
    """
    if observed is None:
        return encode(X, None, gram, step)
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
        *(torch.cat(pair, dim=1)[:, order] for pair in zip(*parts, strict=True))
    )
