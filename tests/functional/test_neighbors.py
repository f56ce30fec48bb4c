"""Nearest neighbours within groups, held to scikit-learn's search in each group."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from skmixmate.functional import nearest_in_groups

SIZES = [30, 0, 3, 40]  # One group is empty, one smaller than the number of neighbours.
OFFSETS = [0, 30, 30, 33, 73]


def centered(references, offsets):
    """References minus the mean of their group, and the means."""
    groups = [references[first:last] for first, last in pairwise(offsets)]
    origins = [g.mean(0) if len(g) else references.new_zeros(6) for g in groups]
    differences = [g - origin for g, origin in zip(groups, origins, strict=True)]
    return torch.cat(differences), torch.stack(origins)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("searched", [[0], [1], [2], [3, 0], [0, 1, 2, 3], [1, 2]])
@pytest.mark.parametrize("apart", [0.0, 3e3])
def test_equal_to_an_independent_search(searched, dtype, apart):
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(17, 6, dtype=dtype, generator=generator)
    references = torch.randn(sum(SIZES), 6, dtype=dtype, generator=generator)
    # Groups that are far from each other and from the origin, and queries in them.
    places = apart * torch.repeat_interleave(torch.arange(1, 5), torch.tensor(SIZES))
    references += places.to(dtype)[:, None]
    queries += apart * (1 + torch.arange(17) % 4).to(dtype)[:, None]
    candidates = torch.tensor(searched).repeat(17, 1)
    found = nearest_in_groups(
        queries, candidates, *centered(references, OFFSETS), OFFSETS, 5
    ).numpy()

    rows = np.concatenate([np.arange(OFFSETS[g], OFFSETS[g + 1]) for g in searched])
    n_found = min(5, len(rows))
    assert found.shape == (17, 5)
    assert (found[:, n_found:] == -1).all()
    if n_found:
        search = NearestNeighbors(n_neighbors=n_found, algorithm="kd_tree")
        search.fit(references[rows].double().numpy())
        distances, expected = search.kneighbors(queries.double().numpy())
        # Rounding may exchange two that are as far.
        gaps = np.diff(distances, prepend=-np.inf, append=np.inf)
        is_clear = np.minimum(gaps[:, :-1], gaps[:, 1:]) > 1e-5 * (1 + distances)
        assert is_clear.mean() > 0.4
        assert (found[:, :n_found] == rows[expected])[is_clear].all()


def test_each_query_has_groups_of_its_own():
    references = torch.tensor([[0.0], [1.0], [10.0], [11.0]])
    queries = torch.tensor([[0.9], [0.9], [10.4]])
    candidates = torch.tensor([[0], [1], [0]])
    origins = torch.zeros(2, 1)
    found = nearest_in_groups(queries, candidates, references, origins, [0, 2, 4], 2)
    assert found.tolist() == [[1, 0], [2, 3], [1, 0]]
