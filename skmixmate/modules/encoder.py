"""The unfolded FISTA encoder that the networks share."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from ..functional import (
    DataTerm,
    fista,
    gram_matrix,
    gram_term,
    lipschitz_constant,
    masked_encode,
    masked_term,
    residual_term,
)
from ..penalties import L1, Penalty

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
        How the data term of a complete sample is computed: through Gram matrices, or
        through residuals, the plain reference that gives the same numbers. On a CPU,
        incomplete samples are encoded by `skmixmate.functional.masked_encode` with
        "gram", and by the plain reference with "residual".
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

        They depend on the dictionaries alone and serve all samples.
        """
        gram = gram_matrix(self.dictionaries)
        return gram, self._steps(gram)

    def _steps(self, gram: Tensor) -> Tensor:
        if self.step_size == "auto":
            return lipschitz_constant(gram).reciprocal()[:, None, None]
        return gram.new_full((gram.shape[0], 1, 1), self.step_size)

    def _data_term(
        self, X: Tensor, observed: Tensor | None, gram: Tensor, step: Tensor
    ) -> DataTerm:
        """The data term of a batch in the form that suits it."""
        if observed is not None:
            return masked_term(X, self.dictionaries, step, observed)
        if self.form == "residual":
            return residual_term(X, self.dictionaries, step)
        return gram_term(X, self.dictionaries, gram, step)

    def _prox(self, V: Tensor, step: Tensor) -> Tensor:
        """Proximal step on codes in units of the step size."""
        if self.penalty.is_norm:
            return self.penalty.prox(V, self.alpha)
        return self.penalty.prox(step * V, step * self.alpha) / step

    def encode(
        self, X: Tensor, observed: Tensor | None, gram: Tensor, step: Tensor
    ) -> EncoderOutput:
        """Encode samples against every dictionary.

        Parameters
        ----------
        X : Tensor of shape (B, M) or (K, B, M)
            The same samples for all dictionaries, or others for each. Finite
            everywhere, also where an entry is missing.
        observed : Tensor of the shape of X, or None
            1 where observed, 0 where missing, in the dtype of ``X``; None if complete.
        gram, step : Tensor
            From `gram_and_steps`.

        Returns
        -------
        EncoderOutput

        References
        ----------
        MixMate (ICASSP 2022), eq. 4.
        """
        if self.has_own_backward(X, observed):
            codes, squared_residuals = masked_encode(
                X, observed, self.dictionaries, step, self._prox, self.n_fista_iter
            )
        else:
            term = self._data_term(X, observed, gram, step)
            # FISTA runs on codes in units of the step size; see `DataTerm`.
            codes = step * fista(
                term.gradient_step,
                lambda V: self._prox(V, step),
                None,
                self.n_fista_iter,
            )
            squared_residuals = term.value(codes)
        return EncoderOutput(
            codes, squared_residuals, self.alpha * self.penalty.value(codes)
        )

    def has_own_backward(self, X: Tensor, observed: Tensor | None) -> bool:
        """Whether `encode` uses `masked_encode`, whose tiles suit a CPU's cache."""
        return observed is not None and self.form == "gram" and X.device.type == "cpu"


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
