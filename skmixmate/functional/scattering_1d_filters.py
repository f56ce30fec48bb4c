"""The operators of the scattering transform of signals: wavelets, averages, padding.

The Morlet wavelets are those of kymatio, computed in double precision. Frequencies are
in cycles per sample; the width of a filter is the standard deviation of the Gaussian
that its Fourier transform is.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

# Width of the lowpass filter and of the narrowest wavelets, times 2^J.
_LOWPASS_WIDTH = 0.1
# A wavelet ends that many widths from its centre: where sampling may fold it.
_N_WIDTHS = 5.0
# Share of the magnitude of a lowpass filter that may lie beyond the padding.
_TAIL = 1e-3


class Scattering1D(NamedTuple):
    """The linear operators of a scattering transform of signals.

    Level j is the grid that is sampled every ``2^j`` times, with ``n_j`` frequencies.
    ``padding`` (n_0,) holds the times that a padded signal is copied from.
    ``first[j]`` (1 or 2, g, n_j) are the Fourier transforms of the first-order wavelets
    whose moduli live at level j, on the ``n_j`` lowest and the ``n_j`` highest
    frequencies of level 0; elsewhere they are zero. ``second[i, j]`` are those of the
    second-order wavelets from level i to j, likewise. ``lowpass`` (n_J + 1,) is the
    filter of the averages on the frequencies from zero, the same at all levels.
    Averages of a signal are those from ``start`` to ``stop`` of a padded signal's.

    Examples
    --------
    >>> from skmixmate.functional import scattering_1d_operators
    >>> operators = scattering_1d_operators(64, J=3, Q=1)
    >>> list(operators.first), list(operators.second)
    ([0, 1], [(0, 1)])
    >>> operators.stop - operators.start
    8
    """

    padding: Tensor
    first: dict[int, Tensor]
    second: dict[tuple[int, int], Tensor]
    lowpass: Tensor
    start: int
    stop: int


class Wavelets(NamedTuple):
    """Centre, width and level of each wavelet of a family, high frequencies first."""

    frequencies: list[float]
    widths: list[float]
    levels: list[int]


def wavelet_family(J: int, Q: int) -> Wavelets:
    """Choose the wavelets that cover the frequencies above those of the averages.

    Widths are proportional to frequencies, Q an octave, until they would be smaller
    than that of the averages. The frequencies below are spaced evenly.

    Parameters
    ----------
    J : int
        Averages are over about ``2^J`` samples.
    Q : int
        Number of wavelets per octave.

    Returns
    -------
    Wavelets
        A wavelet of level j may be sampled every ``2^j`` times; levels do not fall.
    """
    ratio = 2.0 ** (1.0 / Q)
    smallest = _LOWPASS_WIDTH / 2**J
    frequency, width = _highest(Q)
    frequencies, widths = [], []
    if width > smallest:
        frequencies, widths = [frequency], [width]
        while widths[-1] > smallest * ratio:
            frequencies.append(frequencies[-1] / ratio)
            widths.append(widths[-1] / ratio)
    # kymatio begins at the largest width where there is no wavelet.
    lowest = frequencies[-1] if frequencies else width
    frequencies += [lowest * (1 - q / Q) for q in range(1, Q)]
    widths += [smallest] * (Q - 1)
    levels = [
        math.floor(-math.log2(min(f + _N_WIDTHS * w, 0.5))) - 1
        for f, w in zip(frequencies, widths, strict=True)
    ]
    return Wavelets(frequencies, widths, levels)


def smallest_scale(Q: int) -> int:
    """Smallest J >= 1 at which wavelets, Q an octave, reach the high frequencies."""
    _, width = _highest(Q)
    return max(1, math.floor(math.log2(_LOWPASS_WIDTH / width)) + 1)


def kept_averages(n_times: int, J: int) -> tuple[int, int]:
    """First and end of the averages whose centres are within the signal.

    A padded signal has one for every ``2^J`` samples, from its first sample.
    """
    left = (_padded_length(n_times, J) - n_times) // 2
    return math.ceil(left / 2**J), math.ceil((left + n_times) / 2**J)


def _padded_length(n_times: int, J: int) -> int:
    """Power of two that a signal is padded to: three averages are added at each end.

    No more than one reflection fits at each end; ``2^J`` always do.
    """
    h = torch.fft.ifft(_gaussian(n_times, _LOWPASS_WIDTH / 2**J)).abs()
    half = n_times // 2
    beyond = h[:half].flip(0).cumsum(0).flip(0)
    is_small = beyond <= _TAIL * h.sum()
    width = int(is_small.int().argmax()) + 1 if is_small.any() else half
    wanted = math.ceil(math.log2(n_times + 6 * width))
    most = math.floor(math.log2(3 * n_times - 2))
    return 2 ** max(min(wanted, most), J)


def scattering_1d_operators(
    n_times: int,
    J: int,
    Q: int,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Scattering1D:
    """Compute the operators of a scattering transform of signals.

    Parameters
    ----------
    n_times : int
        Number of samples of a signal, at least ``2^J`` or one.
    J : int
        Averages are over about ``2^J`` samples, at least one.
    Q : int
        Number of first-order wavelets per octave, at least one. Those of second order
        are one an octave.
    dtype : torch.dtype, default=torch.float32
    device : torch.device or str, default="cpu"

    Returns
    -------
    Scattering1D

    Examples
    --------
    >>> import torch
    >>> from skmixmate.functional import scattering_1d, scattering_1d_operators
    >>> operators = scattering_1d_operators(256, J=4, Q=2)
    >>> scattering_1d(torch.zeros(5, 256), operators, max_order=1).shape
    torch.Size([5, 10, 16])
    """
    size = _padded_length(n_times, J)
    start, stop = kept_averages(n_times, J)
    first, second = wavelet_family(J, Q), wavelet_family(J, 1)
    lowpass = _normalized(_gaussian(size, _LOWPASS_WIDTH / 2**J))

    def moved(hat: Tensor) -> Tensor:
        return hat.to(device, dtype)

    return Scattering1D(
        padding=_reflection(n_times, size).to(device),
        first={
            j: moved(_outer(_morlet_filters(size, first, j), j))
            for j in sorted(set(first.levels))
        },
        second={
            (i, j): moved(_outer(_sampled(_morlet_filters(size, second, j), i), j - i))
            for i in sorted(set(first.levels))
            for j in sorted(set(second.levels))
            if j > i
        },
        lowpass=moved(lowpass[: size // 2**J + 1] / 2**J),
        start=start,
        stop=stop,
    )


def _highest(Q: int) -> tuple[float, float]:
    """Centre and width of the wavelet of the highest frequencies."""
    ratio = 2.0 ** (1.0 / Q)
    frequency = max(1.0 / (1.0 + 2.0 ** (3.0 / Q)), 0.35)
    # Neighbouring wavelets meet where the squares of both are a half.
    factor = 1.0 / ratio
    width = (1 - factor) / (1 + factor) * (1 / math.sqrt(2 * math.log(math.sqrt(2.0))))
    return frequency, frequency * width


def _reflection(n_times: int, size: int) -> Tensor:
    """Times that mirror a signal at its ends until it is ``size`` long."""
    position = torch.arange(size) - (size - n_times) // 2
    period = max(2 * (n_times - 1), 1)
    return (n_times - 1) - (position.remainder(period) - (n_times - 1)).abs()


def _gaussian(size: int, width: float, frequency: float = 0.0) -> Tensor:
    """A Gaussian about a frequency, on frequencies that go round, (size,)."""
    turns = torch.tensor([[-1.0], [0.0], [1.0]], dtype=torch.float64)
    f = torch.arange(size, dtype=torch.float64) / size - frequency + turns
    return torch.exp(-(f**2) / (2 * width**2)).sum(dim=0)


def _normalized(hat: Tensor) -> Tensor:
    """Filters, the absolute values of which sum to one over time."""
    return hat / torch.fft.ifft(hat).abs().sum(dim=-1, keepdim=True)


def _morlet_filters(size: int, family: Wavelets, level: int) -> Tensor:
    """Fourier transforms of the wavelets of a level, (g, size).

    They are real. Each is a Gaussian about the wavelet's frequency, minus as much of
    one about zero as leaves nothing there.
    """
    filters = []
    for frequency, width, j in zip(*family, strict=True):
        if j == level:
            wave, envelope = _gaussian(size, width, frequency), _gaussian(size, width)
            filters.append(wave - wave[0] / envelope[0] * envelope)
    return _normalized(torch.stack(filters))


def _sampled(hat: Tensor, level: int) -> Tensor:
    """Filters on the frequencies of a level, (..., size) to (..., size / 2^level)."""
    return hat.unflatten(-1, (2**level, -1)).mean(dim=-2)


def _outer(hat: Tensor, log_stride: int) -> Tensor:
    """Filters where they are not zero, (g, n) to (1 or 2, g, n / 2^log_stride).

    A wavelet that may be sampled ends within one turn of the frequencies that are left,
    on either side of zero, up to rounding in double precision: it is sampled at least
    twice in `_N_WIDTHS` widths, and nothing is left of it in 8.6. The mean over the
    frequencies that become one is included.
    """
    if log_stride == 0:
        return hat[None]
    n = hat.shape[-1] >> log_stride
    return torch.stack([hat[:, :n], hat[:, -n:]]) / 2**log_stride
