"""The mixture of dictionaries: energies of all clusters and the training loss."""

import functools
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from ..functional import (
    energies,
    expected_energy,
    fused_expected_energy,
    responsibilities,
)
from ..penalties import Penalty
from .encoder import EncoderOutput, UnfoldedEncoder, encode_by_completeness

__all__ = ["DictionaryMixture", "MixtureOutput"]


class MixtureOutput(NamedTuple):
    """What one forward pass of `DictionaryMixture` gives.

    ``energies`` is (B, K); ``codes`` is (K, B, P), of every sample for every cluster,
    or None, which type checkers need not see, where they were not asked for.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import responsibilities
    >>> from skmixmate.modules import DictionaryMixture
    >>> mixture = DictionaryMixture(torch.eye(4).reshape(2, 2, 4), alpha=0.1)
    >>> output = mixture(torch.tensor([[9.0, 5.0, 0.0, 0.0]]))
    >>> responsibilities(output.energies).round(decimals=3)
    tensor([[1., 0.]], grad_fn=<RoundBackward1>)
    >>> output.codes.shape
    torch.Size([2, 1, 2])
    """

    energies: Tensor
    codes: Tensor


class DictionaryMixture(UnfoldedEncoder):
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
    form : {"auto", "fused", "fused_masked", "gram", "tiled", "residual"}, \
            default="auto"
        See `UnfoldedEncoder`.
    min_responsibility : float, default=0.0
        For training by `loss`: where the responsibility of a cluster for a sample is
        below this, the gradient may be left out; that is nearly everywhere, and the
        backward pass is shorter without. Energies are exact all the same, and codes
        carry no gradient. Each term that the gradient of the loss then lacks has at
        most the weight ``p (1 - log p)``, p being this number; 1e-5 changed the
        gradient by 2e-5 to 4e-5 of its size on images (``benchmarks/paper/start.py``),
        in one later batch by 2e-4. Zero leaves out nothing. On a CPU only, since a GPU
        would have to wait for the number of samples.

    Raises
    ------
    ValueError
        If ``n_fista_iter`` is less than one.

    References
    ----------
    MixMate (ICASSP 2022), section 3.1 and Fig. 1.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.modules import DictionaryMixture
    >>> mixture = DictionaryMixture(torch.eye(4).reshape(2, 2, 4), alpha=0.1)
    >>> X = torch.tensor([[3.0, 1.0, 0.0, 0.0], [0.0, 0.0, 2.0, 2.0]])
    >>> output = mixture(X)
    >>> output.energies.argmin(1)
    tensor([0, 1])
    >>> mixture.loss(output).backward()
    >>> mixture.dictionaries.grad.shape
    torch.Size([2, 2, 4])
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
        form: str = "auto",
        min_responsibility: float = 0.0,
    ) -> None:
        super().__init__(
            dictionaries,
            penalty=penalty,
            alpha=alpha,
            n_fista_iter=n_fista_iter,
            step_size=step_size,
            form=form,
        )
        self.min_responsibility = min_responsibility
        #: Whether few samples matter to each cluster; see `gram_encode`. Results are
        #: the same either way, but for rounding.
        self.few_matter = False
        n_clusters = dictionaries.shape[0]
        if weights is None:
            weights = dictionaries.new_full((n_clusters,), 1.0 / n_clusters)
        # A parameter, so that a trainer keeps and restores it with the others.
        self.log_weights = nn.Parameter(_log_shares(weights), requires_grad=False)

    @torch.no_grad()
    def set_weights_(self, weights: Tensor) -> None:
        """Set the mixture weights, (n_clusters,), in place, whatever their sum."""
        self.log_weights.copy_(_log_shares(weights))

    def forward(
        self, X: Tensor, observed: Tensor | None = None, *, with_codes: bool = True
    ) -> MixtureOutput:
        """Encode a batch against every dictionary and compute its energies.

        Parameters
        ----------
        X : Tensor of shape (n_samples, n_features)
            Finite everywhere, also where an entry is missing.
        observed : Tensor of shape (n_samples, n_features), default=None
            1 where observed, 0 where missing, in the dtype of ``X``; None if complete.
        with_codes : bool, default=True
            Whether codes are asked for beside energies; see `UnfoldedEncoder.encode`.

        Returns
        -------
        MixtureOutput

        References
        ----------
        MixMate (ICASSP 2022), eqs. 4 and 5.
        """
        gram, step = self.gram_and_steps()
        may_leave_out = self.min_responsibility > 0.0 and torch.is_grad_enabled()
        leaves_out = may_leave_out and X.device.type == "cpu"
        encode: Callable[..., EncoderOutput]
        if leaves_out:
            encode = self._encode_what_matters
        else:
            encode = functools.partial(self.encode, with_codes=with_codes)
        terms = encode_by_completeness(
            encode, X, observed, gram, step, are_sorted=self.sorts(X)
        )
        return MixtureOutput(
            energies(terms.squared_residuals, terms.penalties, self.log_weights),
            terms.codes,
        )

    def _encode_what_matters(
        self, X: Tensor, observed: Tensor | None, gram: Tensor, step: Tensor
    ) -> EncoderOutput:
        """`encode`, with gradients where ``min_responsibility`` is reached."""
        terms = self.encode(X, observed, gram, step, few_matter=self.few_matter)
        with torch.no_grad():
            p = responsibilities(
                energies(terms.squared_residuals, terms.penalties, self.log_weights)
            ).T
            matters = p >= self.min_responsibility
        return EncoderOutput(
            terms.codes.detach(),
            *(term.where(matters, term.detach()) for term in terms[1:]),
        )

    def loss(self, output: MixtureOutput) -> Tensor:
        """Mean expected energy of a batch, the training loss (eq. 8), a scalar."""
        on_cuda = output.energies.device.type == "cuda"
        expected = fused_expected_energy if on_cuda else expected_energy
        return expected(output.energies).mean()


def _log_shares(weights: Tensor) -> Tensor:
    """Logarithms of weights after they are made to sum to one."""
    weights = weights.detach().clamp(min=torch.finfo(weights.dtype).tiny)
    return torch.log_softmax(weights.log(), dim=0)
