"""Scattering coefficients averaged over angles, for objects that are turned.

Turning an image by a multiple of ``pi / L`` turns the coefficients of each path into
those of a path whose angles are that much larger, both in order two. The mean over all
angles of a scale, and over all pairs of angles of one difference, does not change: less
is left of what tells objects apart, and nothing of how they are turned, where there are
no rows and columns that turn with the image.
"""

import torch
from torch import Tensor

__all__ = ["averaged_over_angles", "paths_over_angles"]


def paths_over_angles(J: int, L: int, max_order: int = 2) -> list[tuple]:
    """Paths that are left of those of `scattering_paths`, in their order.

    Returns
    -------
    list of tuple
        ``()`` of order zero, ``((j, None),)`` of order one, the mean over all angles,
        and ``((j, None), (j2, turn))`` of order two, ``j2 > j``: the mean over all
        paths whose second angle is the first one plus ``turn``, modulo L.
    """
    paths: list[tuple] = [(), *(((j, None),) for j in range(J))]
    if max_order == 2:
        paths += [
            ((j, None), (j2, turn))
            for j in range(J)
            for j2 in range(j + 1, J)
            for turn in range(L)
        ]
    return paths


def averaged_over_angles(S: Tensor, J: int, L: int, max_order: int = 2) -> Tensor:
    """Means of scattering coefficients over angles; differentiable.

    Parameters
    ----------
    S : Tensor of shape (B, n_paths, rows, columns)
        Paths as in `scattering_paths`.
    J, L : int
        Number of scales and of angles.
    max_order : {1, 2}, default=2

    Returns
    -------
    Tensor of shape (B, n_paths_out, rows, columns)
        Paths as in `paths_over_angles`.

    References
    ----------
    Sifre and Mallat, "Rotation, scaling and deformation invariant scattering for
    texture discrimination", 2013, average over rotations too, but of the first angle
    by another scattering.
    """
    zero, first, second = S.split([1, J * L, S.shape[1] - 1 - J * L], dim=1)
    means = [zero, first.unflatten(1, (J, L)).mean(dim=2)]
    if max_order == 2:
        lengths = [(J - 1 - j) * L**2 for j in range(J)]
        for j, paths in enumerate(second.split(lengths, dim=1)):
            # (B, first angles, scales, second angles, rows, columns)
            paths = paths.unflatten(1, (L, J - 1 - j, L))
            turned = [paths[:, angle].roll(-angle, dims=2) for angle in range(L)]
            means.append(torch.stack(turned).mean(dim=0).flatten(1, 2))
    return torch.cat(means, dim=1)
