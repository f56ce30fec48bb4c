"""What the encoders take and give."""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

__all__ = ["Encoded", "Prox"]


class Encoded(NamedTuple):
    """Codes (K, B, P) and squared residuals (K, B) over what is observed."""

    codes: Tensor
    squared_residuals: Tensor


class Prox(NamedTuple):
    """The proximal step of codes (k, b, P) in units of the step size, and its gradient.

    ``forward(V, step)`` are the codes after it, ``step`` (k, 1, 1) being the step sizes
    of their dictionaries; ``backward(grad, V, step)`` is the gradient of ``V`` if
    ``grad`` is that of what ``forward`` returns. No gradient flows to what else they
    depend on.
    """

    forward: Callable[[Tensor, Tensor], Tensor]
    backward: Callable[[Tensor, Tensor, Tensor], Tensor]
