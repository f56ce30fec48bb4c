"""Nearest neighbours among the samples of a few groups."""

import torch
from torch import Tensor

__all__ = ["nearest_in_groups"]

# Numbers of one block of products between queries and references.
_BLOCK_SIZE = 2**23


def nearest_in_groups(
    queries: Tensor,
    candidates: Tensor,
    references: Tensor,
    offsets: list[int],
    n_neighbors: int,
) -> Tensor:
    """Find the references of each query's own groups that are nearest to it.

    Exact among those groups: one block of matrix products at a time.

    Parameters
    ----------
    queries : Tensor of shape (n_queries, n_features)
    candidates : Tensor of shape (n_queries, n_candidates), int
        The groups that are searched for each query, all different.
    references : Tensor of shape (n_references, n_features)
        Sorted by group. Near the origin, or differences of large numbers are lost.
    offsets : list of int
        Where each group begins, and the number of references at the end.
    n_neighbors : int

    Returns
    -------
    Tensor of shape (n_queries, n_neighbors), int
        Indices of references, nearest first; -1 where the groups hold fewer.
    """
    nearness = queries.new_full((len(queries), n_neighbors), -torch.inf)
    neighbors = torch.full_like(nearness, -1, dtype=torch.long)
    # |q - r|^2 is smallest where q r - |r|^2 / 2 is largest.
    half_norms = 0.5 * references.square().sum(1)
    for group in range(len(offsets) - 1):
        first, last = offsets[group], offsets[group + 1]
        if first == last:
            continue
        members = references[first:last]
        rows = (candidates == group).any(1).nonzero().squeeze(1)
        for block in rows.split(max(16, _BLOCK_SIZE // len(members))):
            products = torch.addmm(
                half_norms[first:last], queries[block], members.T, beta=-1
            )
            found = products.topk(min(n_neighbors, len(members)), dim=1)
            nearness[block], neighbors[block] = _nearer(
                (nearness[block], neighbors[block]),
                (found.values, found.indices + first),
            )
    return neighbors


def _nearer(known: tuple, found: tuple) -> tuple:
    """The best of two lists of nearness and index, as many as the first has."""
    nearness = torch.cat([known[0], found[0]], dim=1)
    indices = torch.cat([known[1], found[1]], dim=1)
    best = nearness.topk(known[0].shape[1], dim=1)
    return best.values, indices.gather(1, best.indices)
