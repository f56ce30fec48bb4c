"""Files that are written whole or not at all."""

import contextlib
import os
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

__all__ = ["remove_drafts", "written_whole"]

# After which a writer is not at it any more.
_SECONDS_OF_A_WRITER = 3600
# Of what is written and has no name yet.
_DRAFT = re.compile(r"\.[0-9a-f]{32}\.part")


@contextmanager
def written_whole(target: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of ``target`` once it is written."""
    # Short, and of one writer alone.
    draft = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        try:
            with draft.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                draft.chmod(target.stat().st_mode)
            os.replace(draft, target)
        except OSError as error:
            kept = "the file that was there stands" if target.exists() else "no file"
            raise OSError(
                error.errno,
                f"{os.fspath(target)!r} could not be written ({kept}): "
                f"{error.strerror or error}",
            ) from error
    finally:
        draft.unlink(missing_ok=True)
    _flush_folder(target.parent)


def _flush_folder(folder: Path) -> None:
    """Let a new name reach the disk, where the system knows how."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_drafts(folder: Path) -> None:
    """Remove what writers that were killed have left in a folder, if it is old.

    What is not may be of a writer that still goes on, as one whose successor has come.
    """
    for path in folder.iterdir():
        if _DRAFT.fullmatch(path.name):
            with contextlib.suppress(FileNotFoundError):  # Another one was sooner.
                if time.time() - path.stat().st_mtime > _SECONDS_OF_A_WRITER:
                    path.unlink()
