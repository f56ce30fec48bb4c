"""The networks: parameters and the forward pass over the functional core."""

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from .functional import (
    DataTerm,
    energies,
    expected_energy,
    fista,
    gram_matrix,
    gram_term,
    lipschitz_constant,
    masked_encode,
    masked_term,
    residual_term,
    responsibilities,
)
from .penalties import L1, Penalty

__all__ = ["DictionaryMixture", "MixtureOutput"]


class MixtureOutput(NamedTuple):
    """What one forward pass of `DictionaryMixture` gives.

    ``energies`` is (B, K); ``codes`` is (K, B, P), of every sample for every cluster.
    """

    energies: Tensor
    codes: Tensor


class _Terms(NamedTuple):
    """Codes (K, n, P) of n samples for each cluster, and their terms of the energy."""

    codes: Tensor
    squared_residuals: Tensor
    penalties: Tensor


# More than this share of the samples in a cluster's backward pass, and encoding them
# twice costs more than the shorter backward pass saves.
_LARGEST_SHARE = 0.6


class DictionaryMixture(nn.Module):
    """A mixture of sparse dictionaries with unfolded FISTA encoders.

    Parameters
    ----------
    dictionaries : Tensor of shape (n_clusters, n_atoms, n_features)
        First atoms; scaled to unit norm.
    weights : Tensor of shape (n_clusters,), default=None
        Mixture weights ``pi``; None means equal weights.
    penalty : Penalty, default=L1()
        Sparsity penalty ``Omega``.
    alpha : float, default=0.75
        Strength of the penalty.
    n_fista_iter : int, default=15
        Number of layers L of the encoder, at least one.
    step_size : float or "auto", default="auto"
        FISTA's step; "auto" is the inverse of a bound on the Lipschitz constant of each
        cluster's gradient, with which the encoder cannot diverge.
    fit_weights : bool, default=False
        Whether the mixture weights are learned.
    form : {"gram", "residual"}, default="gram"
        How the data term of a complete sample is computed: through Gram matrices, or
        through residuals, the plain reference that gives the same numbers. On a CPU,
        incomplete samples are encoded by `skmixmate.functional.masked_encode` with
        "gram", and by the plain reference with "residual".
    min_responsibility : float, default=0.0
        For training by `loss`: where the responsibility of a cluster for a sample is
        below this, the gradient may be left out; that is nearly everywhere, and the
        backward pass is shorter without. Energies are exact all the same, and codes
        carry no gradient. Each term that the gradient of the loss then lacks has at
        most the weight ``p (1 - log p)``, p being this number; 1e-5 changed the
        gradient by 2e-5 to 4e-5 of its size on images (``benchmarks/paper_start.py``),
        in one later batch by 2e-4. Zero leaves out nothing. On a CPU only, since a GPU
        would have to wait for the number of samples.

    Raises
    ------
    ValueError
        If ``n_fista_iter`` is less than one.

    References
    ----------
    MixMate (ICASSP 2022), section 3.1 and Fig. 1.
    """

    def __init__(
        self,
        dictionaries: Tensor,
        *,
        weights: Tensor | None = None,
        penalty: Penalty | None = None,
        alpha: float = 0.75,
        n_fista_iter: int = 15,
        step_size: float | Literal["auto"] = "auto",
        fit_weights: bool = False,
        form: Literal["gram", "residual"] = "gram",
        min_responsibility: float = 0.0,
    ):
        super().__init__()
        if n_fista_iter < 1:
            raise ValueError(f"n_fista_iter must be at least 1, got {n_fista_iter!r}.")
        self.penalty = L1() if penalty is None else penalty
        self.alpha = alpha
        self.n_fista_iter = n_fista_iter
        self.step_size = step_size
        self.form = form
        self.min_responsibility = min_responsibility
        # Share of the samples in the last backward pass of the busiest cluster, of
        # complete samples (False) and of masked ones (True).
        self._last_share = {False: 0.0, True: 0.0}
        self.dictionaries = nn.Parameter(dictionaries.detach().clone())
        n_clusters = dictionaries.shape[0]
        if weights is None:
            weights = dictionaries.new_full((n_clusters,), 1.0 / n_clusters)
        self.weight_logits = nn.Parameter(
            weights.detach().clamp(min=torch.finfo(weights.dtype).tiny).log(),
            requires_grad=fit_weights,
        )
        self.normalize_()

    @property
    def log_weights(self) -> Tensor:
        """``log pi``, (n_clusters,)."""
        return torch.log_softmax(self.weight_logits, dim=0)

    @torch.no_grad()
    def normalize_(self) -> None:
        """Scale every atom to unit norm in place, as after each optimiser step.

        Not in the MixMate paper; in its authors' code.
        """
        norms = torch.linalg.vector_norm(self.dictionaries, dim=-1, keepdim=True)
        self.dictionaries /= norms.clamp(min=torch.finfo(norms.dtype).tiny)

    def _steps(self, gram: Tensor) -> Tensor:
        """Step size of each cluster's encoder, (n_clusters, 1, 1)."""
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

    def forward(self, X: Tensor, observed: Tensor | None = None) -> MixtureOutput:
        """Encode a batch against every dictionary and compute its energies.

        Parameters
        ----------
        X : Tensor of shape (n_samples, n_features)
            Finite everywhere, also where an entry is missing.
        observed : Tensor of shape (n_samples, n_features), default=None
            1 where observed, 0 where missing, in the dtype of ``X``; None if complete.

        Returns
        -------
        MixtureOutput

        References
        ----------
        MixMate (ICASSP 2022), eqs. 4 and 5.
        """
        gram = gram_matrix(self.dictionaries)
        step = self._steps(gram)
        terms = self._mixed_terms(X, observed, gram, step)
        return MixtureOutput(
            energies(terms.squared_residuals, terms.penalties, self.log_weights),
            terms.codes,
        )

    def _mixed_terms(
        self, X: Tensor, observed: Tensor | None, gram: Tensor, step: Tensor
    ) -> _Terms:
        """Encode samples (B, M), each in the way that suits it, whatever the others."""
        may_leave_out = self.min_responsibility > 0.0 and torch.is_grad_enabled()
        encode = self._terms
        if may_leave_out and X.device.type == "cpu":
            encode = self._terms_that_matter
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
        return _Terms(
            *(torch.cat(pair, dim=1)[:, order] for pair in zip(*parts, strict=True))
        )

    def _terms(
        self, X: Tensor, observed: Tensor | None, gram: Tensor, step: Tensor
    ) -> _Terms:
        """Encode samples (B, M), or others (K, n, M) for each cluster."""
        if self._has_own_backward(X, observed):
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
        return _Terms(codes, squared_residuals, self.alpha * self.penalty.value(codes))

    def _has_own_backward(self, X: Tensor, observed: Tensor | None) -> bool:
        """Whether `masked_encode` is to be used, whose tiles suit a CPU's cache."""
        return observed is not None and self.form == "gram" and X.device.type == "cpu"

    def _terms_that_matter(
        self, X: Tensor, observed: Tensor | None, gram: Tensor, step: Tensor
    ) -> _Terms:
        """The same terms, with gradients where ``min_responsibility`` is reached."""
        finds_what_matters = self._has_own_backward(X, observed)
        is_masked = observed is not None
        encodes_twice = (
            not finds_what_matters and self._last_share[is_masked] <= _LARGEST_SHARE
        )
        with torch.set_grad_enabled(not encodes_twice):
            terms = self._terms(X, observed, gram, step)
        with torch.no_grad():
            p = responsibilities(
                energies(terms.squared_residuals, terms.penalties, self.log_weights)
            ).T
            matters = p >= self.min_responsibility
            n_most = int(matters.sum(1).max())
            self._last_share[is_masked] = n_most / max(len(X), 1)
        if finds_what_matters:
            # Its backward pass leaves out where the gradient is zero.
            return _Terms(
                terms.codes.detach(),
                *(term.where(matters, term.detach()) for term in terms[1:]),
            )
        if not encodes_twice:
            return terms._replace(codes=terms.codes.detach())
        # As many samples of each cluster, so that they are one array.
        index = p.topk(n_most, sorted=False).indices
        again = self._terms(
            X[index], observed[index] if is_masked else None, gram, step
        )
        return _Terms(
            terms.codes,
            terms.squared_residuals.scatter(1, index, again.squared_residuals),
            terms.penalties.scatter(1, index, again.penalties),
        )

    def loss(self, output: MixtureOutput) -> Tensor:
        """Mean expected energy of a batch, the training loss (eq. 8), a scalar."""
        return expected_energy(output.energies).mean()
