"""Memory of this process that no file stands behind."""

import threading
from pathlib import Path
from typing import Self

__all__ = ["OwnMemory", "own_memory_mib"]

# Seconds between two looks.
_PERIOD = 0.005


def own_memory_mib() -> float:
    """Resident memory without pages of files, which the system takes back at will."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [s for s in lines if s.startswith("RssAnon")]
    return int(line.split()[1]) / 2**10


class OwnMemory:
    """Watch it within a ``with``, by a thread.

    Attributes
    ----------
    before, peak : float
        MiB at the beginning and at most.
    """

    def __enter__(self) -> Self:
        self.before = self.peak = own_memory_mib()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_PERIOD):
            self.peak = max(self.peak, own_memory_mib())
