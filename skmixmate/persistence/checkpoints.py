"""Checkpoints: the state of a computation in a file, and of which computation it is."""

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.estimator import package_version
from ..utils.whole_files import remove_drafts
from .archive import read_archive, write_archive
from .encoding import Decoder, Encoder

__all__ = ["CHECKPOINT", "Checkpoints", "digest", "fingerprint", "without_address"]

# To be raised when files change so that earlier versions cannot read them.
_FORMAT = 1
# Characters of a value that an error shows.
_LONGEST = 60
CHECKPOINT = "skmixmate checkpoint"


class Checkpoints:
    """The checkpoints of a fit, one for each of its runs.

    Parameters
    ----------
    folder : str or path-like
        Made if there is none.
    identity : dict of str to str
        What makes this fit another than others: words for errors, " #" and a digest, as
        `fingerprint` gives them.
    seed : int
        What stands for ``random_state=None``.

    Raises
    ------
    OSError
        If the folder cannot be made.
    """

    def __init__(
        self, folder: str | os.PathLike[str], identity: dict[str, str], seed: int
    ):
        self.folder = Path(folder).resolve()
        self.identity = identity
        self.seed = seed
        self.folder.mkdir(parents=True, exist_ok=True)
        remove_drafts(self.folder)

    def path(self, run: int) -> Path:
        """The file of a run, counted from zero."""
        return self.folder / f"run-{run + 1}.checkpoint"

    def check(self, n_runs: int) -> None:
        """Refuse files of other fits, and take the seed of those that there are over.

        Raises
        ------
        ValueError
            If a file is damaged, or of another fit, version or number of runs; the
            message says what differs.
        """
        for run in range(n_runs):
            self.read(run)

    def read(self, run: int) -> Any:
        """The state of a run that was written last; None if there is none.

        Raises
        ------
        ValueError
            See `check`.
        """
        path = self.path(run)
        if not path.exists():
            return None
        try:
            tree, arrays = read_archive(path)
        except ValueError as error:
            raise ValueError(f"{error} {_way_out(path)}") from error
        if not (isinstance(tree, dict) and tree.get("kind") == CHECKPOINT):
            raise ValueError(f"{str(path)!r} holds no checkpoint. {_way_out(path)}")
        there, here = tree.get("version"), package_version()
        if tree.get("format") != _FORMAT or there != here:
            raise ValueError(
                f"{str(path)!r} is a checkpoint of skmixmate {there}, and this is "
                f"{here}. Go on with that version. {_way_out(path)}"
            )
        self._compare(path, tree["identity"])
        self.seed = tree["seed"]
        return Decoder(arrays, tree["objects"]).decode(tree["state"])

    def write(self, run: int, state: Any) -> None:
        """Put a state in the place of the one before.

        Raises
        ------
        OSError
            If it cannot be written; the one before stands.
        """
        encoder = Encoder()
        node = encoder.encode(state, "state")
        tree = {
            "kind": CHECKPOINT,
            "format": _FORMAT,
            "version": package_version(),
            "identity": self.identity,
            "seed": self.seed,
            "state": node,
            "objects": encoder.objects,
        }
        write_archive(self.path(run), tree, encoder.arrays)

    def _compare(self, path: Path, there: dict[str, str]) -> None:
        differences = [
            _difference(name, _shown(there.get(name)), _shown(self.identity.get(name)))
            for name in sorted(there.keys() | self.identity.keys())
            if _digest_of(there.get(name)) != _digest_of(self.identity.get(name))
        ]
        if differences:
            raise ValueError(
                f"{str(path)!r} is a checkpoint of another fit: "
                f"{'; '.join(differences)}. {_way_out(path)}"
            )


def fingerprint(value: Any, name: str) -> str:
    """A value in short, and a digest of all of it.

    Parameters
    ----------
    value : object
    name : str
        What an error calls it.

    Returns
    -------
    str

    Raises
    ------
    TypeError
        If it is of a kind that no file could hold, so that nothing tells whether
        another one is the same.
    """
    if isinstance(value, np.generic):
        value = value.item()
    encoder = Encoder()
    try:
        node = encoder.encode(value, name)
    except TypeError as error:
        raise TypeError(
            f"With checkpoint_dir, parameters have to be such as can be saved: {error}"
        ) from error
    content = json.dumps([node, encoder.objects]).encode()
    shown = " ".join(without_address(value).split())
    if len(shown) > _LONGEST:
        shown = f"{shown[:_LONGEST]}..."
    return f"{shown} #{digest(content, *encoder.arrays)}"


def without_address(value: Any) -> str:
    """The repr of a value less where in memory it is, which tells nothing."""
    return re.sub(r" at 0x[0-9A-Fa-f]+", "", repr(value))


def digest(*parts: bytes | np.ndarray) -> str:
    """A digest of bytes and arrays, in order."""
    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            found.update(f"{part.dtype.str} {part.shape}".encode())
            part = np.ascontiguousarray(part).tobytes()
        found.update(part)
    return found.hexdigest()


def _digest_of(fingerprint: str | None) -> str:
    return "" if fingerprint is None else fingerprint.rpartition(" #")[2]


def _shown(fingerprint: str | None) -> str:
    return "nothing" if fingerprint is None else fingerprint.rpartition(" #")[0]


def _difference(name: str, there: str, here: str) -> str:
    if there == here:
        return f"{name} is {here} in both, but not the same"
    return f"{name} is {there} there and {here} here"


def _way_out(path: Path) -> str:
    return (
        "Choose another checkpoint_dir, or delete the file to begin anew "
        f"({path.name} in {str(path.parent)!r})."
    )
