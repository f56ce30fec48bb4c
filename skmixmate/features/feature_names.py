"""Names of the features that transformers of images and signals give."""

from collections.abc import Collection

import numpy as np

__all__ = ["check_input_features", "names_by_channel", "scattering_names"]


def scattering_names(paths: list[tuple], rows: int, columns: int) -> list[str]:
    """Names of the scattering coefficients of a grey image, path by path.

    Parameters
    ----------
    paths : list of tuple
        As `ScatteringTransform.paths_`.
    rows, columns : int
        Averages of a path.

    Returns
    -------
    list of str
        Such as "order1_scale0_angle3_row1_column2".
    """
    return [
        "_".join(
            [
                f"order{len(path)}",
                *(f"scale{scale}_angle{angle}" for scale, angle in path),
                f"row{row}_column{column}",
            ]
        )
        for path in paths
        for row in range(rows)
        for column in range(columns)
    ]


def names_by_channel(n_channels: int, names: list[str]) -> np.ndarray:
    """Names of the features of all channels from those of one, dtype object."""
    if n_channels > 1:
        names = [f"channel{c}_{name}" for c in range(n_channels) for name in names]
    return np.array(names, dtype=object)


def check_input_features(estimator, input_features: Collection[str] | None) -> None:
    """Refuse names of features that are not those of ``fit``.

    Raises
    ------
    ValueError
        If there are others, or fewer or more.
    """
    if input_features is None:
        return
    if len(input_features) != estimator.n_features_in_:
        raise ValueError(
            "input_features should have length equal to number of features "
            f"({estimator.n_features_in_}), got {len(input_features)}"
        )
    names_in = getattr(estimator, "feature_names_in_", None)
    if names_in is not None and not np.array_equal(names_in, list(input_features)):
        raise ValueError("input_features is not equal to feature_names_in_")
