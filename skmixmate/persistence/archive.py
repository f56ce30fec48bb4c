"""Files of JSON and arrays, written whole or not at all."""

import json
import math
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from ..utils.whole_files import written_whole

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
    target = Path(path).resolve()  # Of a link, what it leads to.
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"There is no folder {os.fspath(target.parent)!r} to write "
            f"{target.name!r} into; make it first."
        )
    with written_whole(target) as file, zipfile.ZipFile(file, "w") as archive:
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
            tree = json.loads(_content(archive, _TREE))
            n_arrays = len(archive.namelist()) - 1
            return tree, [_array(archive, _member(i)) for i in range(n_arrays)]
    except OSError:
        raise
    except Exception as error:  # Of a dozen kinds, by what is damaged.
        raise ValueError(
            f"{os.fspath(path)!r} is no file that this package saved, or it is "
            f"truncated or damaged: {error}"
        ) from error


def _info(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED:
        # A small file could fill the memory.
        raise ValueError(f"{name} is compressed.")
    return info


def _content(archive: zipfile.ZipFile, name: str) -> bytes:
    return archive.read(_info(archive, name))


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    info = _info(archive, name)
    with archive.open(info) as member:
        version = npy.read_magic(member)
        read_header = {
            (1, 0): npy.read_array_header_1_0,
            (2, 0): npy.read_array_header_2_0,
        }[version]
        shape, _, dtype = read_header(member)
        size = math.prod(shape) * dtype.itemsize
        if dtype.hasobject or member.tell() + size != info.file_size:
            raise ValueError(f"{name} has another size than its header says.")
    with archive.open(info) as member:
        array = npy.read_array(member, allow_pickle=False)
        # The checksum is compared where a member ends.
        member.read(1)
    return array


def _member(i: int) -> str:
    return f"arrays/{i}.npy"
