"""What samples are divided by, so that ``alpha`` does not depend on their unit."""

import numpy as np

from ..training import Samples

__all__ = ["check_size", "resolve_scale"]


def check_size(raw: Samples, mean_squared_norm: float) -> None:
    """Refuse samples that are too large or too small to square.

    Raises
    ------
    ValueError
        If the mean squared norm is infinite, or zero although X is not.
    """
    if not np.isfinite(mean_squared_norm) or (
        mean_squared_norm == 0.0
        and raw.center is None
        and bool(raw.X.nan_to_num().any())
    ):
        raise ValueError(
            f"The mean squared norm of the samples in X is {mean_squared_norm} in "
            "double precision; choose a unit in which X is not so large or so small."
        )


def resolve_scale(
    scale: float | None, mean_squared_norm: float, scaled_squared_norm: float
) -> float:
    """Return ``scale``, or for None what gives samples the wanted mean squared norm."""
    if scale is not None:
        return scale
    # Data that are the same throughout have no scale.
    return (mean_squared_norm / scaled_squared_norm) ** 0.5 or 1.0
