"""Nearest neighbours among the samples of a few groups."""

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["nearest_in_groups"]

# Numbers of one block of products between queries and references.
_BLOCK_SIZE = 2**23


def nearest_in_groups(
    queries: Tensor,
    candidates: Tensor,
    references: Tensor,
    origins: Tensor,
    offsets: Sequence[int],
    n_neighbors: int,
) -> Tensor:
    """Find the references of each query's own groups that are nearest to it.

    Exact among those groups, but for rounding, by blocks of matrix products.

    Parameters
    ----------
    queries : Tensor of shape (n_queries, n_features)
    candidates : Tensor of shape (n_queries, n_candidates), int
        The groups that are searched for each query, all different.
    references : Tensor of shape (n_references, n_features)
        Sorted by group, each minus the origin of its group.
    origins : Tensor of shape (n_groups, n_features)
        A point amid each group: squared distances are differences, in which large
        numbers would be lost.
    offsets : sequence of n_groups + 1 int
        Where each group begins, and the number of references at the end.
    n_neighbors : int
        Number of neighbours of each query, at least one.

    Returns
    -------
    Tensor of shape (n_queries, n_neighbors), int
        Indices of references by Euclidean distance, nearest first; -1 where the groups
        hold fewer.
    """
    distances = queries.new_full((len(queries), n_neighbors), torch.inf)
    neighbors = torch.full_like(distances, -1, dtype=torch.long)
    for group in range(len(offsets) - 1):
        members = references[offsets[group] : offsets[group + 1]]
        if len(members) == 0:
            continue
        squared_norms = members.square().sum(1)
        rows = (candidates == group).any(1).nonzero().squeeze(1)
        for block in rows.split(max(16, _BLOCK_SIZE // len(members))):
            X = queries[block] - origins[group]
            # |x - r|^2 without |x|^2, which does not change their order.
            partial = torch.addmm(squared_norms, X, members.T, alpha=-2)
            found = partial.topk(min(n_neighbors, len(members)), largest=False)
            found_distances = found.values + X.square().sum(1, keepdim=True)
            nearest = torch.cat([distances[block], found_distances], dim=1)
            indices = torch.cat([neighbors[block], found.indices + offsets[group]], 1)
            best = nearest.topk(n_neighbors, largest=False)
            distances[block] = best.values
            neighbors[block] = indices.gather(1, best.indices)
    return neighbors
