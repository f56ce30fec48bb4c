"""Image files, read and joined in one array."""

from pathlib import Path
from typing import Any

import numpy as np

from ..utils.callers import warn_user
from ..utils.median_size import median_size

OTHER_READERS = (
    "What Pillow cannot read, another library may: ImageClustering takes arrays, or a "
    "list of arrays of unequal sizes"
)


def read_all(
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
                    f"'skip' to leave such files out. {OTHER_READERS}."
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
            raise OSError(f"{told} {OTHER_READERS}.") from cause
        warn_user(f"{told} They are left out.", UserWarning)
    return pixels, read


def warn_of_types(pixels: list[np.ndarray], files: list[Path]) -> None:
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


def joined(
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
