"""Files of JSON and arrays, written whole or not at all."""

import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

__all__ = ["read_archive", "write_archive"]

_TREE = "tree.json"
# Of a zip file; what is newer than its format allows would be refused.
_EPOCH = (1980, 1, 1, 0, 0, 0)


def write_archive(
    path: str | os.PathLike[str], tree: Any, arrays: list[np.ndarray]
) -> None:
    """Write a tree of JSON and arrays into one file.

    The file is written beside its place, flushed to the disk and renamed: whatever
    happens, there is the old file or the new one, whole.

    Parameters
    ----------
    path : str or path-like
    tree : object
        What `json` takes.
    arrays : list of ndarray
        Of any dtype but objects.

    Raises
    ------
    OSError
        If the file cannot be written, as on a disk that is full; what was there before
        stands.
    """
    target = Path(path)
    with _written_whole(target) as file, zipfile.ZipFile(file, "w") as archive:
        # Not compressed: numbers with noise in them hardly get smaller.
        archive.writestr(zipfile.ZipInfo(_TREE, _EPOCH), json.dumps(tree))
        for i, array in enumerate(arrays):
            info = zipfile.ZipInfo(_member(i), _EPOCH)
            with archive.open(info, "w", force_zip64=True) as member:
                npy.write_array(member, np.asarray(array), allow_pickle=False)


def read_archive(path: str | os.PathLike[str]) -> tuple[Any, list[np.ndarray]]:
    """Read what `write_archive` wrote.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    tree : object
    arrays : list of ndarray

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If the file is damaged, or of another kind.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            tree = json.loads(archive.read(_TREE))
            arrays = []
            for i in range(len(names) - 1):
                with archive.open(_member(i)) as member:
                    arrays.append(npy.read_array(member, allow_pickle=False))
                    # The checksum is compared at the end of a member.
                    member.read(1)
    except (zipfile.BadZipFile, EOFError, KeyError, ValueError) as error:
        raise ValueError(
            f"{os.fspath(path)!r} is no file that this package saved, or it is "
            f"truncated or damaged: {error}"
        ) from error
    return tree, arrays


def _member(i: int) -> str:
    return f"arrays/{i}.npy"


@contextmanager
def _written_whole(target: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of ``target`` once it is written."""
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        try:
            with draft.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, target)
        except OSError as error:
            kept = "the file that was there stands" if target.exists() else "no file"
            raise OSError(
                error.errno,
                f"{os.fspath(target)!r} could not be written ({kept}): "
                f"{error.strerror or error}",
            ) from error
        _flush_folder(target.parent)
    finally:
        draft.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Let a new name reach the disk, where the system knows how."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
