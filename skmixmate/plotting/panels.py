"""What the displays share: matplotlib where it is, one small bare axis, clusters."""

import numpy as np


def import_pyplot(caller):
    """Return matplotlib.pyplot, or say how to install it.

    Raises
    ------
    ImportError
        If matplotlib is missing.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{caller} requires matplotlib. Install it with "
            "`pip install skmixmate[plot]`."
        ) from error
    return plt


def strip_axis(ax, *, frame):
    """Remove the ticks of `ax`, and its frame too unless `frame` is True."""
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(frame)
        spine.set(color="0.8", linewidth=0.6)


def check_clusters(clusters, n_clusters: int) -> np.ndarray:
    """Clusters of a mixture that a user chose, None for all.

    Raises
    ------
    ValueError
        If some of them are no clusters.
    """
    if clusters is None:
        return np.arange(n_clusters)
    checked = np.asarray(clusters)
    if (
        checked.ndim != 1
        or checked.size == 0
        or checked.dtype.kind not in "iu"
        or checked.min() < 0
        or checked.max() >= n_clusters
    ):
        raise ValueError(
            f"clusters={clusters!r} must be a list of integers from 0 to "
            f"{n_clusters - 1}, or None for all clusters."
        )
    return checked
