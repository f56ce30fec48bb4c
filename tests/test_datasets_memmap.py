"""Batches from anywhere become one memory map."""

import errno
import os

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from torch.utils.data import DataLoader, TensorDataset

from skmixmate.datasets import to_memmap


@pytest.mark.parametrize("dtype", ["uint8", "float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(), (5,), (4, 3), (4, 3, 2)])
def test_rows_of_all_batches_in_order(dtype, shape, tmp_path):
    X = np.random.RandomState(0).randint(200, size=(23, *shape)).astype(dtype)
    found = to_memmap((X[i : i + 5] for i in range(0, 23, 5)), tmp_path / "X.npy")
    assert isinstance(found, np.memmap)
    assert found.dtype == dtype
    assert not found.flags.writeable
    np.testing.assert_array_equal(found, X)
    np.testing.assert_array_equal(np.load(tmp_path / "X.npy"), X)


def test_a_loader_of_samples_and_labels(tmp_path):
    X, y = torch.arange(44.0).reshape(11, 4), torch.arange(11)
    loader = DataLoader(TensorDataset(X, y), batch_size=4)
    found = to_memmap(loader, tmp_path / "X.npy", dtype="float64")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, X)


def test_lists_of_numbers(tmp_path):
    found = to_memmap([[[1, 2], [3, 4]], [[5, 6]]], tmp_path / "X.npy")
    np.testing.assert_array_equal(found, [[1, 2], [3, 4], [5, 6]])


@pytest.mark.parametrize(
    ("batches", "error", "match"),
    [
        ([], ValueError, "no samples"),
        ([np.zeros((0, 3))], ValueError, "no samples"),
        ([np.zeros((2, 3)), np.zeros((2, 4))], ValueError, r"batch 1.*\(2, 4\)"),
        ([np.float64(1.0)], ValueError, "batch 0"),
        ([np.zeros((2, 3), int), np.zeros((2, 3))], TypeError, "batch 1.*float64"),
        ([np.array(["a"])], TypeError, "batch 0.*<U1"),
        ([np.zeros(2, complex)], TypeError, "batch 0.*complex"),
    ],
)
def test_a_failure_leaves_what_was_there(batches, error, match, tmp_path):
    path = tmp_path / "X.npy"
    path.write_text("before")
    with pytest.raises(error, match=match):
        to_memmap(batches, path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_numbers_that_a_dtype_does_not_hold_are_refused(tmp_path):
    for array, dtype in (([[300, -1]], np.int8), ([[1e300]], np.float32)):
        with pytest.raises(ValueError, match="does not hold all numbers of batch 0"):
            to_memmap([np.array(array)], tmp_path / "X.npy", dtype=dtype)
    kept = to_memmap([np.array([[1e300, np.inf]])], tmp_path / "X.npy")
    assert_array_equal(kept, [[1e300, np.inf]])


def test_masks_and_lists_of_rows_are_refused(tmp_path):
    masked = np.ma.masked_array(np.ones((2, 3)), mask=np.eye(2, 3))
    with pytest.raises(TypeError, match="without a mask"):
        to_memmap([masked], tmp_path / "X.npy")
    with pytest.raises(TypeError, match="Stack rows"):
        to_memmap([[np.ones(3), np.zeros(3)]], tmp_path / "X.npy")


def test_an_error_of_the_file_is_told_from_one_of_the_batches(tmp_path, monkeypatch):
    def broken():
        yield np.ones((2, 3))
        raise FileNotFoundError("part 2")

    with pytest.raises(FileNotFoundError, match=r"^part 2$"):
        to_memmap(broken(), tmp_path / "X.npy")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"X\.npy' could not be written"):
        to_memmap([np.ones((2, 3))], tmp_path / "X.npy")
    assert not list(tmp_path.iterdir())
