"""Sparsity penalties on codes: a prox and a value each.

To add one, subclass `Penalty`, write `prox` and `value`, and pass an instance as
``penalty=`` to an estimator. A line in `PENALTIES` gives it a name.
"""

import inspect

from .elastic_net import ElasticNet
from .norms import L1, GroupL2
from .penalty import Penalty

__all__ = ["L1", "PENALTIES", "ElasticNet", "GroupL2", "Penalty", "resolve_penalty"]

PENALTIES: dict[str, type[Penalty]] = {
    "l1": L1,
    "group-l2": GroupL2,
    "elastic-net": ElasticNet,
}


def resolve_penalty(penalty: str | Penalty, **options: object) -> Penalty:
    """Return the `Penalty` that ``penalty`` names, or ``penalty`` itself.

    Parameters
    ----------
    penalty : str or Penalty
        A name is one of `PENALTIES`.
    **options
        For a penalty by name: those that its class takes.

    Returns
    -------
    Penalty

    Raises
    ------
    ValueError
        If ``penalty`` is neither.
    """
    if isinstance(penalty, Penalty):
        return penalty
    if not isinstance(penalty, str) or penalty not in PENALTIES:
        names = ", ".join(map(repr, PENALTIES))
        raise ValueError(
            f"penalty must be one of {names}, or an instance of "
            "skmixmate.penalties.Penalty such as L1(nonnegative=True) or "
            f"GroupL2(group_size=5), got {penalty!r}."
        )
    accepted = inspect.signature(PENALTIES[penalty]).parameters
    return PENALTIES[penalty](**{k: v for k, v in options.items() if k in accepted})
