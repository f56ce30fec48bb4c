"""The wavelet scattering transform of signals, by fast Fourier transforms.

``S x = [x * phi, |x * psi| * phi, ||x * psi| * psi'| * phi]``: averages of a signal, of
the moduli of its wavelet coefficients, and of the moduli of theirs (Andén and Mallat,
"Deep scattering spectrum", 2014). Filters, padding and sampling are those of kymatio,
so that the numbers are too.

A modulus is sampled as coarsely as its wavelet allows, so all wavelets of one level are
one batch of Fourier transforms.
"""

import torch
from torch import Tensor

from .scattering_1d_filters import Scattering1D, wavelet_family


def scattering_1d_paths(J: int, Q: int, max_order: int = 2) -> list[tuple]:
    """Paths in the order of the coefficients.

    Returns
    -------
    list of tuple
        ``()`` of order zero, ``(n,)`` of order one and ``(n, n2)`` of order two, with
        the numbers of wavelets in their families, that of the highest frequency is 0.

    Examples
    --------
    >>> from skmixmate.functional import scattering_1d_paths
    >>> scattering_1d_paths(J=3, Q=1)
    [(), (0,), (1,), (2,), (3,), (0, 3), (1, 3), (2, 3)]
    """
    first, second = wavelet_family(J, Q).levels, wavelet_family(J, 1).levels
    paths: list[tuple] = [(), *((n,) for n in range(len(first)))]
    if max_order == 2:
        paths += [
            (n, n2)
            for n, level in enumerate(first)
            for n2, level2 in enumerate(second)
            if level2 > level
        ]
    return paths


def scattering_1d_frequencies(J: int, Q: int, max_order: int = 2) -> list[tuple]:
    """Centre frequencies of the wavelets of each path, in cycles per sample.

    Returns
    -------
    list of tuple
        In the order of `scattering_1d_paths`.

    Examples
    --------
    >>> from skmixmate.functional import scattering_1d_frequencies
    >>> scattering_1d_frequencies(J=3, Q=1, max_order=1)
    [(), (0.35,), (0.175,), (0.0875,), (0.04375,)]
    """
    families = wavelet_family(J, Q).frequencies, wavelet_family(J, 1).frequencies
    return [
        # A path of order one has no wavelet of the second family.
        tuple(family[n] for family, n in zip(families, path, strict=False))
        for path in scattering_1d_paths(J, Q, max_order)
    ]


def scattering_1d(X: Tensor, operators: Scattering1D, max_order: int = 2) -> Tensor:
    """Scattering coefficients of signals; differentiable.

    Parameters
    ----------
    X : Tensor of shape (B, n_times)
        In the dtype and on the device of the operators.
    operators : Scattering1D
    max_order : {1, 2}, default=2

    Returns
    -------
    Tensor of shape (B, n_paths, times)
        Paths as in `scattering_1d_paths`. There is an average for every ``2^J``
        samples, about.

    Examples
    --------
    >>> import torch
    >>> from skmixmate import functional
    >>> times = torch.arange(64)
    >>> X = torch.stack([torch.cos(2 * torch.pi * f * times) for f in (0.1, 0.35)])
    >>> operators = functional.scattering_1d_operators(64, J=3, Q=1)
    >>> S = functional.scattering_1d(X, operators)
    >>> S.shape
    torch.Size([2, 8, 8])
    >>> frequencies = functional.scattering_1d_frequencies(J=3, Q=1)
    >>> [frequencies[i] for i in S.mean(2).argmax(1)]
    [(0.0875,), (0.35,)]
    """
    unit = _unit(X.detach())
    F = torch.fft.fft((X / unit)[:, operators.padding])
    zero = _averaged(F, operators)[:, None]
    first, second = [], []
    for i, wavelets in operators.first.items():
        F_i = torch.fft.fft(_wavelet_modulus(F, wavelets))
        first.append(_averaged(F_i, operators))
        if max_order == 1:
            continue
        averages = [
            _averaged(torch.fft.rfft(_wavelet_modulus(F_i, W)), operators)
            for (level, _), W in operators.second.items()
            if level == i
        ]
        if averages:
            # First wavelets, then second ones.
            second.append(torch.cat(averages, dim=2).flatten(1, 2))
    return torch.cat([zero, *first, *second], dim=1) * unit[:, :, None]


def _unit(X: Tensor) -> Tensor:
    """Power of two next to the largest magnitude of each signal, (B, 1).

    In this unit no number that matters is too small, and powers of two leave the digits
    as they are.
    """
    largest = X.abs().amax(dim=1, keepdim=True)
    largest = largest.masked_fill(largest == 0.0, 1.0)
    mantissa, _ = torch.frexp(largest)
    # Twice the mantissa: the next power of two may be too large to be a number.
    return (largest / (2.0 * mantissa)).clamp(min=torch.finfo(X.dtype).tiny)


def _wavelet_modulus(F: Tensor, wavelets: Tensor) -> Tensor:
    """Moduli of wavelet coefficients, each wavelet of each signal.

    Parameters
    ----------
    F : Tensor of shape (..., n)
        Fourier transforms.
    wavelets : Tensor of shape (1 or 2, g, n_sampled)
        On the lowest and the highest ``n_sampled`` of the n frequencies.

    Returns
    -------
    Tensor of shape (..., g, n_sampled)
    """
    n = wavelets.shape[-1]
    F = F[..., None, :]
    W = F[..., :n] * wavelets[0]
    if len(wavelets) == 2:
        # Frequencies that sampling makes one are added up.
        W = W + F[..., -n:] * wavelets[1]
    return _Modulus.apply(torch.fft.ifft(W))


class _Modulus(torch.autograd.Function):
    """Modulus of complex numbers, whose gradient at zero is zero."""

    @staticmethod
    def forward(ctx, W):
        # Several times as fast as abs(), which minds numbers without a square.
        U = W.real.square().addcmul_(W.imag, W.imag).sqrt_()
        ctx.save_for_backward(W, U)
        return U

    @staticmethod
    def backward(ctx, grad):
        W, U = ctx.saved_tensors
        return W / U.clamp(min=torch.finfo(U.dtype).tiny) * grad


def _averaged(F: Tensor, operators: Scattering1D) -> Tensor:
    """Local averages of real signals of any level, from their Fourier transforms.

    Parameters
    ----------
    F : Tensor of shape (..., n)
        Frequencies that are not negative are enough.

    Returns
    -------
    Tensor of shape (..., times)
    """
    n_averages = len(operators.lowpass) - 1
    F = F[..., : n_averages + 1] * operators.lowpass
    n_kept = n_averages // 2 + 1
    # Sampling makes frequencies one; the others are too high for an average.
    F = F[..., :n_kept] + F.flip(-1)[..., :n_kept].conj()
    return torch.fft.irfft(F, n_averages)[..., operators.start : operators.stop]
