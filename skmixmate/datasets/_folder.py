"""A folder of image files as one array."""

import os
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

import numpy as np
from sklearn.utils import Bunch

from ..utils.callers import warn_user
from ..utils.median_size import median_size
from ..utils.parameter_checks import (
    check_bool,
    check_choice,
    check_integer,
    check_or_auto,
)
from ._checks import private_random_state

# Of formats that Pillow reads and that hold pictures.
_SUFFIXES = (
    *(".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".pnm"),
    *(".ppm", ".tif", ".tiff", ".webp"),
)
_OTHER_READERS = (
    "What Pillow cannot read, another library may: ImageClustering takes arrays, or a "
    "list of arrays of unequal sizes"
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

    pixels, files = _read_all(files, size, in_color, errors)
    _warn_of_types(pixels, files)
    return Bunch(
        images=_stacked(pixels, size, in_color),
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
        found += f" Pass pattern= for other names. {_OTHER_READERS}."
    return f"folder={os.fspath(root)!r} has no file {wanted}.{found}"


def _read_all(
    files: list[Path], size: tuple[int, int] | None, in_color: bool | None, errors: str
) -> tuple[list[np.ndarray], list[Path]]:
    """Pixels of all files that can be read, and these files."""
    Image = _import_pillow()
    pixels, read, failures = [], [], []
    for file in files:
        try:
            with Image.open(file) as image:
                found = _pixels(image, in_color)
        # Of a dozen kinds, by what is broken.
        except Exception as error:
            if errors == "raise":
                raise OSError(
                    f"{file} could not be read as an image: {error}. Pass errors="
                    f"'skip' to leave such files out. {_OTHER_READERS}."
                ) from error
            failures.append((file, error))
            continue
        pixels.append(found if size is None else _stretched(found, size))
        read.append(file)
    if failures:
        first, cause = failures[0]
        told = (
            f"{len(failures)} of {len(files)} files could not be read as images, the "
            f"first {first}: {cause}."
        )
        if not read:
            raise OSError(f"{told} {_OTHER_READERS}.") from cause
        warn_user(f"{told} They are left out.", UserWarning)
    return pixels, read


def _warn_of_types(pixels: list[np.ndarray], files: list[Path]) -> None:
    """Warn of files whose numbers are of several types, and so perhaps of scales."""
    by_type: dict[str, list[int]] = {}
    for i, one in enumerate(pixels):
        by_type.setdefault(one.dtype.name, []).append(i)
    if len(by_type) == 1:
        return
    kinds = [
        f"{len(members)} of {name} with values from "
        f"{min(pixels[i].min() for i in members):.6g} to "
        f"{max(pixels[i].max() for i in members):.6g}, the first "
        f"{files[members[0]]}"
        for name, members in by_type.items()
    ]
    warn_user(
        f"The {len(pixels)} files hold numbers of {len(by_type)} types: "
        f"{'; '.join(kinds)}. They are joined as they are, not scaled to each other, "
        "which matters to what does not take each image in a unit of its own, as "
        "ImageClustering does. Pass pattern= to load the files of one type.",
        UserWarning,
    )


def _import_pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "load_images requires Pillow. Install it with "
            "`pip install skmixmate[images]`."
        ) from error
    return Image


def _pixels(image, in_color: bool | None) -> np.ndarray:
    """Pixels of an open file, (height, width) if grey, else (height, width, 3)."""
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        pixels = np.asarray(image)
        pixels = pixels.astype(pixels.dtype.newbyteorder("="))
        # Of PNG alone, with 16 bits; Pillow's own conversions would cut them to 8.
        if (transparent := image.info.get("transparency")) is not None:
            pixels[pixels == transparent] = 65535
        return pixels
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image.convert("RGBA"))
    if in_color is False or image.mode in ("1", "L"):
        return np.array(image.convert("L"))
    pixels = np.array(image.convert("RGB"))
    # At once, since most of what microscopes and scanners save as colour is grey.
    is_grey = in_color is None and (pixels == pixels[..., :1]).all()
    return pixels[..., 0].copy() if is_grey else pixels


def _stretched(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    from PIL import Image

    if pixels.shape[:2] == size:
        return pixels
    height, width = size
    image = Image.fromarray(pixels)
    return np.array(image.resize((width, height), Image.Resampling.BILINEAR))


def _stacked(
    pixels: list[np.ndarray], size: tuple[int, int] | None, in_color: bool | None
) -> np.ndarray:
    """One array of all images; the list is emptied, so that all fit in once."""
    sizes = np.array([one.shape[:2] for one in pixels])
    if size is None and (sizes != sizes[0]).any():
        size = median_size(sizes, "size")
    height, width = size or pixels[0].shape[:2]
    channels = (3,) if in_color or any(one.ndim == 3 for one in pixels) else ()
    dtype = np.result_type(*{one.dtype for one in pixels})
    images = np.empty((len(pixels), height, width, *channels), dtype)
    for i in reversed(range(len(pixels))):
        one = _stretched(pixels.pop(), (height, width))
        images[i] = one[..., None] if one.ndim < images.ndim - 1 else one
    return images
