"""All samples once an epoch, in an order that a disk can follow if they are many."""

import pytest
import torch

from skmixmate.training import Samples, order


def batches(X, batch_size=7, seed=0, mask=None):
    generator = torch.Generator().manual_seed(seed)
    return list(order.shuffled_batches(Samples(X, mask), batch_size, generator))


@pytest.fixture
def small_blocks(monkeypatch):
    """Blocks of four rows of two numbers, five of them at a time."""
    monkeypatch.setattr(order, "_LARGEST_BYTES", 0)
    monkeypatch.setattr(order, "_BYTES_OF_BLOCK", 32)
    monkeypatch.setattr(order, "_N_BLOCKS", 5)


@pytest.mark.parametrize("n_samples", [1, 6, 7, 14, 90, 101])
@pytest.mark.parametrize("batch_size", [7, 1000])
@pytest.mark.parametrize("is_large", [False, True])
def test_all_samples_once(n_samples, batch_size, is_large, request):
    if is_large:
        request.getfixturevalue("small_blocks")
    found = batches(torch.zeros(n_samples, 2), batch_size)
    *whole, last = map(len, found)
    assert whole == [batch_size] * len(whole)
    assert 0 < last <= batch_size
    assert torch.equal(torch.cat(found).sort().values, torch.arange(n_samples))


def test_few_samples_are_a_permutation():
    expected = torch.randperm(90, generator=torch.Generator().manual_seed(0))
    assert torch.equal(torch.cat(batches(torch.zeros(90, 2))), expected)


@pytest.mark.usefixtures("small_blocks")
def test_blocks_of_many_samples_are_shuffled_together():
    mask = torch.ones(400, 2, dtype=torch.bool)
    rows = torch.cat(batches(torch.zeros(400, 2), mask=mask))
    for part in rows.split(20):
        blocks, counts = (part // 4).unique(return_counts=True)
        assert len(blocks) == 5
        assert (counts == 4).all()
        # Neither in the order of the blocks nor in that of the rows.
        assert not torch.equal(part, part.sort().values)
    assert torch.equal(rows, torch.cat(batches(torch.zeros(400, 2))))
    assert not torch.equal(rows, torch.cat(batches(torch.zeros(400, 2), seed=1)))


def test_rows_as_large_as_a_block(small_blocks, monkeypatch):
    monkeypatch.setattr(order, "_BYTES_OF_BLOCK", 1)
    rows = torch.cat(batches(torch.zeros(50, 2)))
    assert torch.equal(rows.sort().values, torch.arange(50))
