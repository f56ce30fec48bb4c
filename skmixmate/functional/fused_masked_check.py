"""Whether the kernels of incomplete samples are right on a device, at first use."""

import torch
from torch import Tensor

from .fista import lipschitz_constant
from .fused_check import (
    TOLERANCES,
    gradients_of_both,
    is_right,
    largest_error,
    plain_prox,
    random_problem,
)
from .fused_fista import NormPenalty, compiled_for
from .fused_masked import fused_masked_encode
from .prox import group_norms
from .tiled_fista import tiled_encode

__all__ = ["fused_masked_errors", "fused_masked_is_right"]


def fused_masked_is_right(
    device: torch.device,
    n_atoms: int,
    penalty: NormPenalty,
    n_iter: int,
    *,
    keeps_layers: bool,
) -> bool:
    """Whether `fused_masked_encode` is right on a device, found out once.

    Parameters
    ----------
    device : torch.device
    n_atoms : int
    penalty : NormPenalty
    n_iter : int
    keeps_layers : bool
        Whether there are gradients.

    Returns
    -------
    bool
        False as well while a CUDA graph is recorded, if nothing is known yet.

    Warns
    -----
    RuntimeWarning
        Once for what kernels are compiled for, if they are not.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import NormPenalty, fused_masked_is_right
    >>> if torch.cuda.is_available():
    ...     arguments = torch.device("cuda"), 16, NormPenalty(0.1), 15
    ...     answer = fused_masked_is_right(*arguments, keeps_layers=True)
    ...     assert answer == fused_masked_is_right(*arguments, keeps_layers=True)
    """

    def test() -> bool:
        errors = fused_masked_errors(
            device, n_atoms, penalty, n_iter, with_gradient=keeps_layers
        )
        # Not so if an error is not a number.
        return all(error <= TOLERANCES[name] for name, error in errors.items())

    kind = penalty._replace(alpha=0.0)
    return is_right(
        ("masked", compiled_for(n_atoms), kind, n_iter, keeps_layers),
        f"kernels of incomplete samples for {n_atoms} atoms and {n_iter} iterations",
        device,
        test,
    )


def fused_masked_errors(
    device: torch.device,
    n_atoms: int,
    penalty: NormPenalty,
    n_iter: int,
    *,
    with_gradient: bool = True,
    n_samples: int = 21,
) -> dict[str, float]:
    """Compare `fused_masked_encode` with `tiled_encode` in double precision.

    On random numbers, with a sample that is complete, one of which nothing is observed,
    and no number where an entry is missing.

    Parameters
    ----------
    device, n_atoms, penalty, n_iter
        See `fused_masked_is_right`; ``alpha`` of the penalty does not count.
    with_gradient : bool, default=True
    n_samples : int, default=21

    Returns
    -------
    dict
        As `fused_errors`.

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import NormPenalty, fused_masked_errors
    >>> if torch.cuda.is_available():
    ...     device, penalty = torch.device("cuda"), NormPenalty(0.1)
    ...     errors = fused_masked_errors(device, 16, penalty, n_iter=15)
    ...     assert errors["values"] < 1e-4 and errors["gradient"] < 1e-2
    """
    penalty = penalty._replace(alpha=0.3)
    with torch.enable_grad():
        X, D, weights = random_problem(n_atoms, penalty.group_size, n_samples, device)
        D = _with_fewer_digits(D)
        observed = _random_mask(X)
        exact_D = D.clone().requires_grad_(with_gradient)
        step = lipschitz_constant(D @ D.mT).reciprocal()[:, None, None]
        codes, squares = tiled_encode(
            X, observed, exact_D, step, plain_prox(penalty), n_iter
        )
        norms = group_norms(codes, penalty.group_size).sum(-1)
        exact = codes, squares, penalty.alpha * norms
        fused_D = D.float().requires_grad_(with_gradient)
        hidden = X.float().masked_fill(observed == 0.0, torch.nan)
        fused = fused_masked_encode(
            *(hidden, observed.float(), fused_D, step.float(), penalty, n_iter)
        )
        errors = {"values": largest_error(zip(fused, exact, strict=True))}
        if with_gradient:
            one, other = gradients_of_both(fused, fused_D, exact, exact_D, weights)
            errors["gradient"] = float((one - other).norm() / other.norm())
    return errors


def _with_fewer_digits(D: Tensor) -> Tensor:
    """Dictionaries the products of whose entries are the same under TF32.

    Five binary digits each; see `random_problem`.
    """
    unit = 2.0 ** (-4.0 + D.abs().amax().log2().floor())
    return (D / unit).round() * unit


def _random_mask(X: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    observed = torch.rand(*X.shape, dtype=X.dtype, generator=generator) < 0.6
    observed[0], observed[1:2] = True, False
    return observed.to(X)
