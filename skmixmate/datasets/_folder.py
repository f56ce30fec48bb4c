"""A folder of image files as one array."""

import os
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

import numpy as np
from sklearn.utils import Bunch

from ..utils.parameter_checks import (
    check_bool,
    check_choice,
    check_integer,
    check_or_auto,
)
from ._checks import private_random_state
from ._image_files import OTHER_READERS, joined, read_all, warn_of_types

# Of formats that Pillow reads and that hold pictures.
_SUFFIXES = (
    *(".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".pnm"),
    *(".ppm", ".tif", ".tiff", ".webp"),
)


def load_images(
    folder: str | os.PathLike[str],
    *,
    pattern: str | None = None,
    recursive: bool = False,
    size: tuple[int, int] | None = None,
    color: bool | Literal["auto"] = "auto",
    max_images: int | None = None,
    errors: Literal["raise", "skip"] = "raise",
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    """Load the image files of a folder as one array, as `ImageClustering` takes it.

    Parameters
    ----------
    folder : str or path-like
        Existing folder. Hidden files, and files in hidden folders, are left out.
    pattern : str, default=None
        What the names of files must match, such as ``"*.tif"`` or ``"*_DAPI.*"``, with
        ``*``, ``?`` and ``[...]`` as in a shell. None takes all files that end in .bmp,
        .gif, .jpeg, .jpg, .pgm, .png, .pnm, .ppm, .tif, .tiff or .webp, in capitals
        too.
    recursive : bool, default=False
        Whether to search the sub-folders as well, at any depth.
    size : tuple (height, width), default=None
        What all images are stretched to, by linear interpolation, with pixels averaged
        first where an image shrinks. None keeps the size that all have, or takes the
        medians of heights and of widths where sizes differ, with a warning.
    color : bool or "auto", default="auto"
        Whether to return colour, as red, green and blue. "auto" does unless all images
        are grey, in files of colour too. False turns colour into brightness.
    max_images : int, default=None
        Number of files to draw at random where there are more; None loads all.
    errors : {"raise", "skip"}, default="raise"
        What to do with a file that cannot be read: raise an error that names it, or
        leave it out, with one warning for all.
    random_state : int, RandomState instance or None, default=None
        Seeds the draw of `max_images`.

    Returns
    -------
    Bunch
        - images : ndarray of shape (n_images, height, width) or, in colour, \
(n_images, height, width, 3)
        - paths : ndarray of shape (n_images,) of str, the file of each, sorted by
          name with numbers as numbers: ``img2.png`` before ``img10.png``
        - folder_names : ndarray of shape (n_images,) of str, where in `folder` each
          file lies, "." for `folder` itself: classes, where sub-folders hold one each

    Raises
    ------
    ImportError
        If Pillow is missing.
    TypeError, ValueError
        If a parameter is out of range, or there is no image.
    OSError
        If the folder does not exist, or a file cannot be read.

    Warns
    -----
    UserWarning
        If sizes differ and `size` is None, files were skipped, or files hold numbers
        of several types, such as uint8 and uint16.

    Notes
    -----
    Values are those of the files: of type uint8 as a rule, uint16 of grey images of 16
    bits, as microscopes save them, and int32 or float32 of grey TIFF files that hold
    such numbers. Files of several types are joined in the type that holds all, and not
    scaled to each other: white may be 255 in one and 65535 in another. A warning counts
    them, and `pattern` may choose those of one type. `ImageClustering` takes each image
    in a unit of its own; most other estimators do not, and tell the types apart.
    Pillow reads colour with 8 bits a channel, also from files that have 16. Of an
    animation or a file of several pages the first is taken. Images are turned as their
    EXIF orientation says, and what is transparent is put on white.

    Until all are read, images are held at their own size; give `size` if they are
    large.

    Examples
    --------
    >>> from pathlib import Path
    >>> import sklearn.datasets
    >>> from skmixmate.datasets import load_images
    >>> folder = Path(sklearn.datasets.__file__).parent / "images"
    >>> data = load_images(folder, size=(64, 96))
    >>> data.images.shape, data.images.dtype
    ((2, 64, 96, 3), dtype('uint8'))
    >>> [Path(path).name for path in data.paths]
    ['china.jpg', 'flower.jpg']
    """
    root = _check_folder(folder)
    if pattern is not None and not isinstance(pattern, str):
        raise TypeError(f"pattern must be a string or None, got {pattern!r}.")
    check_bool(recursive, "recursive")
    size = _check_size(size)
    in_color = check_or_auto(color, "color", check_bool, "True or False")
    check_choice(errors, "errors", ("raise", "skip"))
    rng = private_random_state(random_state)

    files = _sorted_files(root, pattern, recursive)
    if not files:
        raise ValueError(_why_none(root, pattern, recursive))
    if max_images is not None:
        n_drawn = min(check_integer(max_images, "max_images", min_val=1), len(files))
        drawn = rng.choice(len(files), n_drawn, replace=False)
        files = [files[i] for i in np.sort(drawn)]

    pixels, files = read_all(files, size, in_color, errors)
    warn_of_types(pixels, files)
    return Bunch(
        images=joined(pixels, size, in_color),
        paths=np.array([str(file) for file in files]),
        folder_names=np.array([f.parent.relative_to(root).as_posix() for f in files]),
    )


def _check_folder(folder) -> Path:
    if not isinstance(folder, str | os.PathLike):
        raise TypeError(f"folder must be a folder's path, got {folder!r}.")
    path = Path(folder).expanduser()
    if not (os.fspath(folder) and path.is_dir()):  # Empty is the current folder.
        raise FileNotFoundError(
            f"folder must be an existing folder, got {os.fspath(folder)!r}, which is "
            + ("a file." if path.is_file() else "none.")
        )
    return path


def _check_size(size) -> tuple[int, int] | None:
    if size is None:
        return None
    if not np.iterable(size) or isinstance(size, str) or len(sides := tuple(size)) != 2:
        raise TypeError(f"size must be (height, width) or None, got {size!r}.")
    height, width = (
        check_integer(side, name, min_val=1)
        for side, name in zip(sides, ("height of size", "width of size"), strict=True)
    )
    return height, width


def _sorted_files(root: Path, pattern: str | None, recursive: bool) -> list[Path]:
    """Files of images by the names of their folders, then theirs."""

    def is_taken(file: Path) -> bool:
        if any(part.startswith(".") for part in file.relative_to(root).parts):
            return False
        if pattern is None:
            is_named = file.suffix.lower() in _SUFFIXES
        else:
            is_named = fnmatch(file.name, pattern)
        return is_named and file.is_file()

    def order(file: Path) -> tuple:
        folders = file.relative_to(root).parts[:-1]
        # Without the suffix: "img.png" before "img1.png".
        return [_natural(part) for part in folders], _natural(file.stem), file

    files = root.rglob("*") if recursive else root.iterdir()
    return sorted(filter(is_taken, files), key=order)


def _natural(name: str) -> list:
    """A key by which numbers within names are sorted as numbers."""
    # Text and numbers take turns, so that like is compared with like.
    parts = re.split(r"([0-9]+)", name.casefold())
    return [int(part) if i % 2 else part for i, part in enumerate(parts)]


def _why_none(root: Path, pattern: str | None, recursive: bool) -> str:
    wanted = (
        f"whose name matches pattern={pattern!r}"
        if pattern is not None
        else f"that ends in {', '.join(_SUFFIXES)}"
    )
    others = sorted(file.name for file in root.iterdir() if file.is_file())
    found = f" It has {len(others)} others, such as {others[0]}." if others else ""
    if not recursive and (below := _sorted_files(root, pattern, True)):
        found += f" Its sub-folders have {len(below)}: pass recursive=True."
    elif pattern is None and others:
        found += f" Pass pattern= for other names. {OTHER_READERS}."
    return f"folder={os.fspath(root)!r} has no file {wanted}.{found}"
