"""Names of scattering coefficients."""

__all__ = ["coefficient_names"]


def coefficient_names(paths: list[tuple], output_shape: tuple[int, ...]) -> list[str]:
    """Names of the coefficients of an image, channel by channel, path by path.

    Parameters
    ----------
    paths : list of tuple
        As `ScatteringTransform.paths_`.
    output_shape : tuple (n_paths, rows, columns) or (channels, n_paths, rows, columns)
        Only if there are channels do names tell which.

    Returns
    -------
    list of str
        Such as "channel1_order1_scale0_angle3_row1_column2".
    """
    *channels, _, rows, columns = output_shape
    prefixes = (
        [f"channel{channel}_" for channel in range(*channels)] if channels else [""]
    )
    return [
        f"{prefix}{_path_name(path)}_row{row}_column{column}"
        for prefix in prefixes
        for path in paths
        for row in range(rows)
        for column in range(columns)
    ]


def _path_name(path: tuple) -> str:
    steps = [f"_scale{scale}_angle{angle}" for scale, angle in path]
    return f"order{len(path)}" + "".join(steps)
