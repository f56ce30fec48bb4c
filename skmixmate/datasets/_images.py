"""Loaders of MNIST, Fashion-MNIST and USPS."""

import os
import zlib
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
import sklearn.datasets
from sklearn.utils import Bunch

from ._image_sets import FASHION_MNIST, MNIST, USPS

_SUBSETS = ("train", "test", "all")


def fetch_mnist(
    *,
    data_home: str | os.PathLike[str] | None = None,
    subset: Literal["train", "test", "all"] = "all",
    return_X_y: bool = False,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Load MNIST: 70,000 images of handwritten digits, 28 x 28 pixels.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Existing folder that holds ``mnist.npz``, with arrays ``X`` (n_samples, 784),
        either integers in [0, 255] or floats in [0, 1], and ``y`` (n_samples,),
        integers, the training rows first. None means the folder in the environment
        variable ``SKMIXMATE_DATA``. Where there is no such file,
        :func:`sklearn.datasets.fetch_openml` downloads the data, with `data_home`
        as its cache.
    subset : {"train", "test", "all"}, default="all"
        The first 60,000 rows, the remaining 10,000, or both.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    Bunch or tuple (data, target)
        - data : ndarray of shape (n_samples, 784), float32 in [0, 1]
        - target : ndarray of shape (n_samples,), int64, the digit
        - images : ndarray of shape (n_samples, 28, 28), a view of `data`
        - image_shape : tuple (28, 28)
        - target_names : ndarray of shape (10,) of str
        - DESCR : str

    Raises
    ------
    TypeError, ValueError
        If `data_home` is no path, `subset` is unknown or has no rows, or the file is
        malformed.
    OSError
        If the folder does not exist, or there is no file in it and no download.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE, 1998.

    Examples
    --------
    >>> from skmixmate.datasets import fetch_mnist
    >>> X, y = fetch_mnist(subset="test", return_X_y=True)  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (10000, 784)
    """
    return _fetch_images(MNIST, data_home, subset, return_X_y)


def fetch_fashion_mnist(
    *,
    data_home: str | os.PathLike[str] | None = None,
    subset: Literal["train", "test", "all"] = "all",
    return_X_y: bool = False,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Load Fashion-MNIST: 70,000 images of garments, 28 x 28 pixels.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Existing folder that holds ``fashion_mnist.npz``, in the format of
        :func:`fetch_mnist`, which also says where the data come from otherwise.
    subset : {"train", "test", "all"}, default="all"
        The first 60,000 rows, the remaining 10,000, or both.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    Bunch or tuple (data, target)
        - data : ndarray of shape (n_samples, 784), float32 in [0, 1]
        - target : ndarray of shape (n_samples,), int64, an index of `target_names`
        - images : ndarray of shape (n_samples, 28, 28), a view of `data`
        - image_shape : tuple (28, 28)
        - target_names : ndarray of shape (10,) of str
        - DESCR : str

    Raises
    ------
    TypeError, ValueError
        If `data_home` is no path, `subset` is unknown or has no rows, or the file is
        malformed.
    OSError
        If the folder does not exist, or there is no file in it and no download.

    References
    ----------
    Xiao, Rasul and Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms", arXiv:1708.07747, 2017.

    Examples
    --------
    >>> from skmixmate.datasets import fetch_fashion_mnist
    >>> garments = fetch_fashion_mnist(subset="test")  # doctest: +SKIP
    >>> str(garments.target_names[garments.target[0]])  # doctest: +SKIP
    'Ankle boot'
    """
    return _fetch_images(FASHION_MNIST, data_home, subset, return_X_y)


def fetch_usps(
    *,
    data_home: str | os.PathLike[str] | None = None,
    subset: Literal["train", "test", "all"] = "all",
    return_X_y: bool = False,
) -> Bunch | tuple[np.ndarray, np.ndarray]:
    """Load USPS: 9,298 images of handwritten digits, 16 x 16 pixels.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Existing folder that holds ``usps.npz``, in the format of :func:`fetch_mnist`
        (with 256 columns), which also says where the data come from otherwise.
    subset : {"train", "test", "all"}, default="all"
        The first 7,291 rows, the remaining 2,007, or both.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    Bunch or tuple (data, target)
        - data : ndarray of shape (n_samples, 256), float32 in [0, 1]
        - target : ndarray of shape (n_samples,), int64, the digit
        - images : ndarray of shape (n_samples, 16, 16), a view of `data`
        - image_shape : tuple (16, 16)
        - target_names : ndarray of shape (10,) of str
        - DESCR : str

    Raises
    ------
    TypeError, ValueError
        If `data_home` is no path, `subset` is unknown or has no rows, or the file is
        malformed.
    OSError
        If the folder does not exist, or there is no file in it and no download.

    References
    ----------
    Hull, "A database for handwritten text recognition research", IEEE Transactions
    on Pattern Analysis and Machine Intelligence, 1994.

    Examples
    --------
    >>> from skmixmate.datasets import fetch_usps
    >>> digits = fetch_usps(subset="train")  # doctest: +SKIP
    >>> digits.images.shape  # doctest: +SKIP
    (7291, 16, 16)
    """
    return _fetch_images(USPS, data_home, subset, return_X_y)


def _fetch_images(image_set, data_home, subset, return_X_y):
    if subset not in _SUBSETS:
        raise ValueError(f"subset must be one of {_SUBSETS}, got {subset!r}.")
    path = _find_file(image_set, data_home)
    if path is None:
        source = f"OpenML's {image_set.openml_name}"
        X, y, pixel_range = _load_openml(image_set, data_home)
    else:
        source = str(path)
        X, y, pixel_range = _load_npz(path)
    _check_arrays(X, y, image_set, source)

    n_train = image_set.n_train
    stop = n_train if subset == "train" else None
    start = n_train if subset == "test" else 0
    data, target = X[start:stop].astype(np.float32), y[start:stop].astype(np.int64)
    if data.shape[0] == 0:
        raise ValueError(
            f"subset={subset!r} has no rows: {source} holds {X.shape[0]} rows, of "
            f"which the first {n_train} are the training set."
        )
    low, high = pixel_range
    data -= low
    data /= high - low
    # Written so that NaN fails too.
    if not (data.min() >= 0.0 and data.max() <= 1.0):
        raise ValueError(
            f"The pixels X of {source} must lie in [{low:g}, {high:g}] for dtype "
            f"{X.dtype}, without missing ones."
        )
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        images=data.reshape(-1, *image_set.image_shape),
        image_shape=image_set.image_shape,
        target_names=np.array(image_set.target_names),
        DESCR=image_set.description,
    )


def _find_file(image_set, data_home):
    """Return the path of the set's file, or None where there is none."""
    name, folder = "data_home", data_home
    if folder is None:
        name, folder = "SKMIXMATE_DATA", os.environ.get("SKMIXMATE_DATA")
        if not folder:
            return None
    if not isinstance(folder, str | os.PathLike):
        raise TypeError(f"data_home must be a folder's path or None, got {folder!r}.")
    path = Path(folder).expanduser()
    if not (folder and path.is_dir()):  # An empty path would be the current folder.
        raise FileNotFoundError(
            f"{name} must be an existing folder, got {os.fspath(folder)!r}. "
            f"{_where_to_put(image_set)}"
        )
    path /= image_set.file_name
    return path if path.exists() else None


def _where_to_put(image_set):
    return (
        f"The file looked for is {image_set.file_name}, with the arrays X and y; put "
        "it into a folder, and pass that as data_home or in the environment variable "
        "SKMIXMATE_DATA."
    )


def _load_npz(path):
    """Read the arrays of a file, with the range of its pixels."""
    try:
        # np.load leaves a broken file open where it opened it itself.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            X, y = archive["X"], archive["y"]
    except Exception as error:  # Of a dozen kinds, by what is broken.
        raise ValueError(
            f"{path} must be an .npz archive that holds the arrays X and y; replace "
            f"it, or remove it to download the data: {error}"
        ) from error
    return X, y, (0.0, 255.0 if X.dtype.kind in "iu" else 1.0)


def _load_openml(image_set, data_home):
    """Download the arrays, or read them from scikit-learn's cache."""
    try:
        downloaded = sklearn.datasets.fetch_openml(
            image_set.openml_name,
            version=image_set.openml_version,
            data_home=data_home,
            as_frame=False,
            # "auto" means pandas, which is faster but optional.
            parser="auto" if find_spec("pandas") else "liac-arff",
        )
    except (OSError, HTTPException, EOFError, ValueError, zlib.error) as error:
        raise OSError(
            f"{image_set.openml_name} could not be downloaded from OpenML: {error}. "
            f"{_where_to_put(image_set)} Now data_home={data_home!r} and "
            f"SKMIXMATE_DATA={os.environ.get('SKMIXMATE_DATA')!r}."
        ) from error
    # Labels are strings or numbers, depending on the parser.
    y = np.asarray(downloaded.target).astype(np.float64).astype(np.int64)
    X = np.asarray(downloaded.data)
    return X, y - image_set.openml_first_label, image_set.openml_range


def _check_arrays(X, y, image_set, source):
    n_features, n_classes = image_set.n_features, len(image_set.target_names)
    if X.ndim != 2 or X.shape[1] != n_features or X.dtype.kind not in "iuf":
        raise ValueError(
            f"X of {source} must be numeric of shape (n_samples, {n_features}), "
            f"got dtype {X.dtype} and shape {X.shape}."
        )
    if y.shape != X.shape[:1] or y.dtype.kind not in "iu":
        raise ValueError(
            f"y of {source} must be integers of shape ({X.shape[0]},), one for each "
            f"row of X, got dtype {y.dtype} and shape {y.shape}."
        )
    if y.size and not (y.min() >= 0 and y.max() < n_classes):
        raise ValueError(
            f"y of {source} must lie in [0, {n_classes - 1}], "
            f"got values in [{y.min()}, {y.max()}]."
        )
