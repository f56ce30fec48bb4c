"""What holds for all tests: nothing about them differs from run to run."""

import os
import re

import pytest
import torch
from hypothesis import settings

# Before Triton is imported: without a GPU, its kernels run in Python.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")
# Else what it warns of shows in one test alone, whichever is the first to do it.
torch.set_warn_always(True)
# Before anything computes: the processes of pytest-xdist share the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples whenever and wherever, however long they take: if a test turns red,
# a change of the code did it.
settings.register_profile("skmixmate", deadline=None, derandomize=True)
settings.load_profile("skmixmate")


def pytest_collection_modifyitems(items):
    """Refuse names with an address: pytest-xdist must find them in each process."""
    for item in items:
        if re.search(r" at 0x[0-9a-f]+", item.nodeid):
            raise pytest.UsageError(
                f"{item.nodeid} is named after an address in memory; give the "
                "parameter a repr, or ids to parametrize."
            )
