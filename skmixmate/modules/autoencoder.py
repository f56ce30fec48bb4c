"""The sparse autoencoder: one dictionary that encodes and decodes."""

from typing import Literal, NamedTuple

from torch import Tensor

from ..penalties import Penalty
from .encoder import UnfoldedEncoder, encode_by_completeness

__all__ = ["LOSSES", "AutoencoderOutput", "DictionaryAutoencoder"]

LOSSES = ("penalized", "reconstruction")


class AutoencoderOutput(NamedTuple):
    """What one forward pass of `DictionaryAutoencoder` gives for B samples.

    ``codes`` is (B, P), ``squared_residuals`` and ``penalties`` are (B,).

    Examples
    --------
    >>> import torch
    >>> from skmixmate.modules import AutoencoderOutput
    >>> output = AutoencoderOutput(
    ...     codes=torch.tensor([[1.0, 0.0]]),
    ...     squared_residuals=torch.tensor([4.0]),
    ...     penalties=torch.tensor([1.0]),
    ... )
    >>> output.losses(is_penalized=True), output.losses(is_penalized=False)
    (tensor([3.]), tensor([2.]))
    >>> output.energies
    tensor([[5.]])
    """

    codes: Tensor
    squared_residuals: Tensor
    penalties: Tensor

    @property
    def energies(self) -> Tensor:
        """Squared residuals plus penalties, (B, 1), as of a mixture of one."""
        return (self.squared_residuals + self.penalties).unsqueeze(1)

    def losses(self, is_penalized: bool) -> Tensor:
        """Half the squared residuals, (B,), and the penalties (eqs. 8 and 13)."""
        half = 0.5 * self.squared_residuals
        return half + self.penalties if is_penalized else half


class DictionaryAutoencoder(UnfoldedEncoder):
    """An unfolded sparse encoder with a tied linear decoder, ``x ~ z D``.

    Parameters
    ----------
    dictionary : Tensor of shape (n_atoms, n_features)
        First atoms.
    loss_name : {"penalized", "reconstruction"}, default="penalized"
        What training lowers: ``0.5 * ||x - z D||^2 + alpha * Omega(z)`` (eq. 8), which
        is what the encoder minimises too, or its first term alone (eq. 13).
    penalty, alpha, form, normalize_atoms
        See `UnfoldedEncoder`.
    n_fista_iter, step_size
        See `UnfoldedEncoder`. The shallow network ``prox_alpha(x D^T)`` of eq. 11 has
        one iteration and a step of 1; another step scales its codes.

    Raises
    ------
    ValueError
        If ``loss_name`` is neither of the two, or ``n_fista_iter`` less than one.

    References
    ----------
    Group-sparse autoencoders (arXiv:2102.07003), section 3.1.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.modules import DictionaryAutoencoder
    >>> autoencoder = DictionaryAutoencoder(torch.eye(3), alpha=0.5)
    >>> with torch.no_grad():
    ...     codes = autoencoder(torch.tensor([[2.0, 0.25, -1.5]])).codes
    >>> codes.round(decimals=2)
    tensor([[ 1.5000,  0.0000, -1.0000]])
    >>> (codes @ autoencoder.dictionary).shape
    torch.Size([1, 3])
    """

    def __init__(
        self,
        dictionary: Tensor,
        *,
        loss_name: Literal["penalized", "reconstruction"] = "penalized",
        penalty: Penalty | None = None,
        alpha: float = 0.2,
        n_fista_iter: int = 15,
        step_size: float | Literal["auto"] = "auto",
        form: str = "auto",
        normalize_atoms: bool = True,
    ) -> None:
        super().__init__(
            dictionary.unsqueeze(0),
            penalty=penalty,
            alpha=alpha,
            n_fista_iter=n_fista_iter,
            step_size=step_size,
            form=form,
            normalize_atoms=normalize_atoms,
        )
        if loss_name not in LOSSES:
            accepted = " or ".join(map(repr, LOSSES))
            raise ValueError(f"loss must be {accepted}, got {loss_name!r}.")
        self.loss_name = loss_name

    @property
    def dictionary(self) -> Tensor:
        """The atoms, (n_atoms, n_features)."""
        return self.dictionaries[0]

    def forward(self, X: Tensor, observed: Tensor | None = None) -> AutoencoderOutput:
        """Encode a batch and compare it with what its codes decode to.

        Parameters
        ----------
        X : Tensor of shape (n_samples, n_features)
            Finite everywhere, also where an entry is missing.
        observed : Tensor of shape (n_samples, n_features), default=None
            1 where observed, 0 where missing, in the dtype of ``X``; None if complete.

        Returns
        -------
        AutoencoderOutput

        References
        ----------
        Group-sparse autoencoders (arXiv:2102.07003), eqs. 11 and 12.
        """
        codes, squared_residuals, penalties = encode_by_completeness(
            *(self.encode, X, observed, *self.gram_and_steps()),
            are_sorted=self.sorts(X),
        )
        return AutoencoderOutput(codes[0], squared_residuals[0], penalties[0])

    def loss(self, output: AutoencoderOutput) -> Tensor:
        """Mean loss of a batch, the training loss, a scalar."""
        return output.losses(self.loss_name == "penalized").mean()
