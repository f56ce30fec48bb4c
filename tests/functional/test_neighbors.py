"""Nearest neighbours within groups, held to scikit-learn's search in each group."""

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from skmixmate.functional import nearest_in_groups

SIZES = [30, 0, 3, 40]  # One group is empty, one smaller than the number of neighbours.
OFFSETS = [0, 30, 30, 33, 73]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("searched", [[0], [1], [2], [3, 0], [0, 1, 2, 3], [1, 2]])
def test_equal_to_an_independent_search(searched, dtype):
    generator = torch.Generator().manual_seed(0)
    queries = torch.randn(17, 6, dtype=dtype, generator=generator)
    references = torch.randn(sum(SIZES), 6, dtype=dtype, generator=generator)
    candidates = torch.tensor(searched).repeat(17, 1)
    found = nearest_in_groups(queries, candidates, references, OFFSETS, 5).numpy()

    rows = np.concatenate([np.arange(OFFSETS[g], OFFSETS[g + 1]) for g in searched])
    n_found = min(5, len(rows))
    assert found.shape == (17, 5)
    assert (found[:, n_found:] == -1).all()
    if n_found:
        search = NearestNeighbors(n_neighbors=n_found).fit(references[rows].numpy())
        expected = rows[search.kneighbors(queries.numpy(), return_distance=False)]
        np.testing.assert_array_equal(found[:, :n_found], expected)


def test_each_query_has_groups_of_its_own():
    references = torch.tensor([[0.0], [1.0], [10.0], [11.0]])
    queries = torch.tensor([[0.9], [0.9], [10.4]])
    candidates = torch.tensor([[0], [1], [0]])
    found = nearest_in_groups(queries, candidates, references, [0, 2, 4], 2)
    assert found.tolist() == [[1, 0], [2, 3], [1, 0]]
