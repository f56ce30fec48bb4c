"""What the displays share: matplotlib where it is, one small bare axis."""


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
