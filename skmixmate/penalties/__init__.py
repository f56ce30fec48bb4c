"""Sparsity penalties on codes: a prox and a value each.

To add one, subclass `Penalty`, write `prox` and `value`, and pass an instance as
``penalty=`` to an estimator. A line in `PENALTIES` gives it a name.
"""

from .elastic_net import ElasticNet
from .norms import L1, GroupL2
from .penalty import Penalty

__all__ = ["L1", "PENALTIES", "ElasticNet", "GroupL2", "Penalty"]

PENALTIES: dict[str, type[Penalty]] = {
    "l1": L1,
    "group-l2": GroupL2,
    "elastic-net": ElasticNet,
}
