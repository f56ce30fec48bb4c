"""Saving and loading estimators."""

import os
from typing import Any

import sklearn
from sklearn.base import BaseEstimator

from ..utils.estimator import package_version
from .archive import read_archive, write_archive
from .checkpoints import CHECKPOINT
from .encoding import Decoder, Encoder

__all__ = ["load", "save"]

# To be raised when files change so that earlier versions cannot read them.
_FORMAT = 1
_KIND = "skmixmate estimator"


def save(estimator: BaseEstimator, path: str | os.PathLike[str]) -> None:
    """Save an estimator of this package, or a Pipeline with one, fitted or not.

    Parameters
    ----------
    estimator : estimator
        With parameters that are names, numbers, arrays, estimators of this package or
        of scikit-learn, or functions of this package.
    path : str or path-like
        The file, of any name. It holds arrays and JSON in a zip file, and is replaced
        as a whole or not at all.

    Raises
    ------
    TypeError
        If ``estimator`` is none, or has something in it that would not be safe to load,
        as a penalty or an ``init`` of your own.
    OSError
        If the file cannot be written; one that was there stands.

    See Also
    --------
    load : The way back.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import skmixmate
    >>> X = np.random.default_rng(0).normal(size=(60, 8))
    >>> mixmate = skmixmate.MixMateClustering(2, random_state=0).fit(X)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mixture.skmixmate"
    ...     skmixmate.save(mixmate, path)
    ...     loaded = skmixmate.load(path)
    >>> bool((loaded.predict(X) == mixmate.labels_).all())
    True
    """
    if not isinstance(estimator, BaseEstimator):
        raise TypeError(
            f"estimator must be an estimator, got {type(estimator).__name__}."
        )
    encoder = Encoder()
    node = encoder.encode(estimator, type(estimator).__name__)
    tree = {
        "kind": _KIND,
        "format": _FORMAT,
        "versions": _versions(),
        "estimator": node,
        "objects": encoder.objects,
    }
    write_archive(path, tree, encoder.arrays)


def load(path: str | os.PathLike[str]) -> Any:
    """Load an estimator that `save` wrote.

    It builds estimators of this package and of scikit-learn and sets their attributes,
    but none that would stand in for a method; a pickle could run anything.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    estimator : estimator

    Raises
    ------
    OSError
        If there is no such file.
    ValueError
        If it is no such file, damaged, or of a version that this one cannot read.

    Warns
    -----
    UserWarning
        If it is of another version.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import skmixmate
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "mixture.skmixmate"
    ...     skmixmate.save(skmixmate.MixMateClustering(7), path)
    ...     skmixmate.load(path)
    MixMateClustering(n_clusters=7)
    """
    tree, arrays = read_archive(path)
    name = os.fspath(path)
    if isinstance(tree, dict) and tree.get("kind") == CHECKPOINT:
        raise ValueError(
            f"{name!r} is a checkpoint: a fit with the same parameters and samples and "
            "its folder as checkpoint_dir goes on from it."
        )
    if not (isinstance(tree, dict) and tree.get("kind") == _KIND):
        raise ValueError(f"{name!r} holds no estimator that skmixmate.save wrote.")
    saved_by = tree.get("versions", {}).get("skmixmate", "unknown")
    here = _versions()["skmixmate"]
    if tree.get("format") != _FORMAT:
        raise ValueError(
            f"{name!r} was saved by skmixmate {saved_by} in format "
            f"{tree.get('format')}; skmixmate {here} reads format {_FORMAT}. Load it "
            f"with skmixmate {saved_by}, or fit again."
        )
    try:
        estimator = Decoder(arrays, tree["objects"]).decode(tree["estimator"])
        if not isinstance(estimator, BaseEstimator):
            raise ValueError(f"It holds {estimator!r}.")
    except Exception as error:  # Of a dozen kinds, by what differs.
        raise ValueError(
            f"{name!r} was saved by skmixmate {saved_by} and cannot be loaded by "
            f"skmixmate {here}: {error}"
        ) from error
    return estimator


def _versions() -> dict[str, str]:
    return {"skmixmate": package_version(), "scikit-learn": sklearn.__version__}
