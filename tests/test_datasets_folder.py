"""Folders of image files, each written here."""

import sys
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from skmixmate import ImageClustering
from skmixmate.datasets import load_images
from skmixmate.features.image_sizes import resized

RNG = np.random.RandomState(0)
GREY = RNG.randint(0, 256, size=(9, 12)).astype(np.uint8)
COLOUR = RNG.randint(0, 256, size=(9, 12, 3)).astype(np.uint8)


def save(path, pixels, **options):
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.fromarray(np.asarray(pixels)).save(path, **options)


def names(data):
    return [path.replace("\\", "/").rpartition("/")[2] for path in data.paths]


@pytest.mark.parametrize(
    "suffix", [".png", ".bmp", ".tif", ".tiff", ".gif", ".pgm", ".PNG", ".Tif"]
)
def test_grey_files_are_read_as_they_are(tmp_path, suffix):
    save(tmp_path / f"a{suffix}", GREY)
    save(tmp_path / f"b{suffix}", 255 - GREY)
    data = load_images(str(tmp_path))
    assert data.images.dtype == np.uint8
    assert_array_equal(data.images, [GREY, 255 - GREY])
    assert data.paths.tolist() == [str(tmp_path / f"{c}{suffix}") for c in "ab"]
    assert data.folder_names.tolist() == [".", "."]


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".ppm", ".webp"])
def test_colour_files_are_read_as_they_are(tmp_path, suffix):
    options = {"lossless": True} if suffix == ".webp" else {}
    save(tmp_path / f"a{suffix}", COLOUR, **options)
    assert_array_equal(load_images(tmp_path).images, [COLOUR])


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg"])
def test_jpeg_is_read_as_it_is_but_for_its_losses(tmp_path, suffix):
    ramp = np.tile(np.arange(0, 240, 15, dtype=np.uint8), (16, 1))
    save(tmp_path / f"a{suffix}", ramp, quality=95)
    assert_allclose(load_images(tmp_path).images[0], ramp, atol=4)


def test_numbers_in_names_are_sorted_as_numbers(tmp_path):
    for name in ("img10", "img2", "Img1", "img2b", "img", "10", "9"):
        save(tmp_path / f"{name}.png", GREY)
    found = names(load_images(tmp_path))
    expected = ("9", "10", "img", "Img1", "img2", "img2b", "img10")
    assert found == [f"{name}.png" for name in expected]


def test_sub_folders_are_searched_on_request_and_named(tmp_path):
    save(tmp_path / "top.png", GREY)
    for name in ("kind10/a.png", "kind2/b.png", "kind2/deep/c.png"):
        save(tmp_path / name, GREY)
    assert names(load_images(tmp_path)) == ["top.png"]
    data = load_images(tmp_path, recursive=True)
    assert names(data) == ["top.png", "b.png", "c.png", "a.png"]
    assert data.folder_names.tolist() == [".", "kind2", "kind2/deep", "kind10"]


def test_hidden_files_and_other_files_are_left_out(tmp_path):
    save(tmp_path / "a.png", GREY)
    save(tmp_path / ".thumbnails" / "a.png", COLOUR)
    for name in ("._a.png", "notes.txt", "cells.czi"):
        (tmp_path / name).write_bytes(b"no image")
    (tmp_path / "folder.png").mkdir()
    assert names(load_images(tmp_path, recursive=True)) == ["a.png"]


def test_a_pattern_chooses_names_whatever_they_end_in(tmp_path):
    save(tmp_path / "1_DAPI.png", GREY)
    save(tmp_path / "1_GFP.png", COLOUR)
    save(tmp_path / "2_DAPI.dat", GREY, format="png")
    assert names(load_images(tmp_path, pattern="*_DAPI.*")) == [
        "1_DAPI.png",
        "2_DAPI.dat",
    ]


def test_all_are_stretched_to_the_median_as_image_clustering_does(tmp_path):
    images = [
        RNG.randint(0, 256, size=(8 + i, 20 - i)).astype(np.uint8) for i in range(5)
    ]
    for i, image in enumerate(images):
        save(tmp_path / f"{i}.png", image)
    with pytest.warns(
        UserWarning, match=r"5 sizes, heights 8 to 12 .*\(10, 18\)\. Pass size="
    ):
        found = load_images(tmp_path).images
    assert found.shape == (5, 10, 18)
    assert_allclose(found, resized(images, (10, 18)), atol=1.01)
    assert_array_equal(found[2], images[2])
    assert_array_equal(load_images(tmp_path, size=(10, 18)).images, found)


def test_the_warning_of_sizes_points_here(tmp_path):
    save(tmp_path / "a.png", GREY)
    save(tmp_path / "b.png", GREY.T)
    with pytest.warns(UserWarning, match="2 sizes") as caught:
        load_images(tmp_path)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("size", [(7, 5), [7, 5], np.array([7, 5])])
def test_a_size_is_kept_to_without_a_warning(tmp_path, size):
    save(tmp_path / "a.png", GREY)
    save(tmp_path / "b.png", COLOUR.swapaxes(0, 1))
    data = load_images(tmp_path, size=size)
    assert data.images.shape == (2, 7, 5, 3)
    assert_array_equal(data.images[0, ..., 0], data.images[0, ..., 2])


def test_colour_is_found_in_what_is_seen_and_not_in_the_file(tmp_path):
    save(tmp_path / "a.png", np.stack([GREY] * 3, axis=-1))
    assert_array_equal(load_images(tmp_path).images, [GREY])
    coloured = load_images(tmp_path, color=True).images
    assert_array_equal(coloured, np.stack([GREY] * 3, axis=-1)[None])
    save(tmp_path / "b.png", COLOUR)
    data = load_images(tmp_path)
    assert_array_equal(data.images, [np.stack([GREY] * 3, axis=-1), COLOUR])
    grey = load_images(tmp_path, color=False).images
    luma = COLOUR @ np.array([0.299, 0.587, 0.114])
    assert_allclose(grey, [GREY, luma], atol=1.0)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *(("a.tif", np.uint16), ("a.png", np.uint16), ("a.tif", np.dtype(">u2"))),
        *(("a.tif", np.int32), ("a.tif", np.float32)),
    ],
)
def test_values_of_more_than_eight_bits_are_kept(tmp_path, name, dtype):
    pixels = (GREY.astype(dtype) * 257).astype(dtype)
    save(tmp_path / name, pixels)
    found = load_images(tmp_path).images
    assert found.dtype == np.dtype(dtype).newbyteorder("=")
    assert_array_equal(found, [pixels])
    small = load_images(tmp_path, size=(4, 6)).images
    assert small.dtype == found.dtype
    assert_allclose(small, resized([pixels.astype(np.float32)], (4, 6)), atol=1.0)
    coloured = load_images(tmp_path, color=True).images
    assert_array_equal(coloured, np.stack([pixels] * 3, axis=-1)[None])
    save(tmp_path / "b.png", GREY)
    with pytest.warns(UserWarning, match="numbers of 2 types"):
        both = load_images(tmp_path).images
    assert both.dtype == found.dtype
    assert_array_equal(both, [pixels, GREY])


def test_files_of_several_types_are_counted(tmp_path):
    levels = np.linspace(0, 1, 16).reshape(4, 4)
    for name, pixels in {
        "a.png": (255 * levels).astype(np.uint8),
        "b.png": (65535 * levels).astype(np.uint16),
        "c.png": (100 * levels).astype(np.uint8),
        "d.tif": levels.astype(np.float32),
    }.items():
        save(tmp_path / name, pixels)
    with pytest.warns(UserWarning, match="numbers of 3 types") as caught:
        load_images(tmp_path)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    told = str(caught[0].message)
    for part in (
        *("The 4 files", "2 of uint8 with values from 0 to 255, the first "),
        "1 of float32 with values from 0 to 1, the first ",
        *(" to 65535, the first ", "a.png; 1 of ", "b.png; 1 of ", "d.tif. "),
        "Pass pattern= ",
    ):
        assert part in told
    # Without a warning, which would be an error.
    assert load_images(tmp_path, pattern="*.tif").images.dtype == np.float32


def test_masks_of_one_bit_are_black_and_white(tmp_path):
    save(tmp_path / "a.png", GREY > 127)
    assert_array_equal(load_images(tmp_path).images, [255 * (GREY > 127)])


def test_what_is_transparent_is_white(tmp_path):
    alpha = np.zeros((9, 12), np.uint8)
    alpha[:5] = 255
    save(tmp_path / "a.png", np.dstack([COLOUR, alpha]))
    found = load_images(tmp_path).images[0]
    assert_array_equal(found[:5], COLOUR[:5])
    assert_array_equal(found[5:], 255)
    Image.fromarray(np.dstack([GREY, alpha])).save(tmp_path / "a.png")
    found = load_images(tmp_path).images[0]
    assert_array_equal(found[:5], GREY[:5])
    assert_array_equal(found[5:], 255)


def test_a_transparent_grey_of_sixteen_bits_is_white(tmp_path):
    pixels = GREY.astype(np.uint16) * 200
    pixels[2, :5] = 777
    Image.fromarray(pixels).save(tmp_path / "a.png", transparency=777)
    found = load_images(tmp_path).images[0]
    assert_array_equal(found, np.where(pixels == 777, 65535, pixels))


def test_palettes_are_looked_up(tmp_path):
    few = (COLOUR > 127) * np.uint8(255)
    image = Image.fromarray(few).quantize(8)
    image.save(tmp_path / "a.png")
    assert image.mode == "P"
    assert_array_equal(load_images(tmp_path).images, [few])
    index = int(np.asarray(image)[0, 0])
    image.save(tmp_path / "a.png", transparency=index)
    found = load_images(tmp_path).images[0]
    hidden = np.asarray(image) == index
    assert_array_equal(found[hidden], 255)
    assert_array_equal(found[~hidden], few[~hidden])


@pytest.mark.parametrize("name", ["a.gif", "a.tif", "a.webp"])
def test_of_several_frames_the_first_is_taken(tmp_path, name):
    frames = [Image.fromarray(np.full((9, 12), v, np.uint8)) for v in (10, 200)]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    assert_allclose(load_images(tmp_path).images, np.full((1, 9, 12), 10), atol=2)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_images_are_turned_as_cameras_say(tmp_path, dtype):
    exif = Image.Exif()
    exif[0x0112] = 6  # Its rows are columns, from the right.
    pixels = GREY.astype(dtype)
    save(tmp_path / "a.png", pixels, exif=exif)
    assert_array_equal(load_images(tmp_path).images, [np.rot90(pixels, -1)])


def test_a_draw_is_seeded_and_in_order(tmp_path):
    for i in range(20):
        save(tmp_path / f"{i}.png", GREY)
    drawn = names(load_images(tmp_path, max_images=5, random_state=0))
    assert drawn == names(load_images(tmp_path, max_images=5, random_state=0))
    assert drawn != [f"{i}.png" for i in range(5)]
    assert drawn == sorted(drawn, key=lambda name: int(name.split(".")[0]))
    assert len(set(drawn)) == 5
    others = [names(load_images(tmp_path, max_images=5)) for _ in range(3)]
    assert len({*map(tuple, others)}) > 1
    assert len(load_images(tmp_path, max_images=50).images) == 20


def break_file(path, how):
    content = path.read_bytes()
    path.write_bytes({"text": b"text", "empty": b"", "cut": content[:200]}[how])


@pytest.mark.parametrize("how", ["text", "empty", "cut"])
def test_a_broken_file_is_named_or_left_out(tmp_path, how):
    noise = RNG.randint(0, 256, size=(30, 30)).astype(np.uint8)
    for name in ("a.png", "b.png", "c.png", "d.png"):
        save(tmp_path / name, noise)
    break_file(tmp_path / "b.png", how)
    break_file(tmp_path / "d.png", how)
    with pytest.raises(OSError, match=r"b\.png could not be read .*errors='skip'"):
        load_images(tmp_path)
    with pytest.warns(UserWarning, match=r"2 of 4 files .* first .*b\.png: "):
        data = load_images(tmp_path, errors="skip")
    assert names(data) == ["a.png", "c.png"]
    assert_array_equal(data.images, [noise, noise])
    for name in ("a.png", "c.png"):
        break_file(tmp_path / name, how)
    with pytest.raises(OSError, match=r"4 of 4 files .* first .*a\.png"):
        load_images(tmp_path, errors="skip")


def test_no_file_stays_open(tmp_path):
    save(tmp_path / "a.png", GREY)
    frames = [Image.fromarray(GREY)] * 2
    frames[0].save(tmp_path / "b.tif", save_all=True, append_images=frames[1:])
    (tmp_path / "c.png").write_bytes(b"")
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        with pytest.warns(UserWarning, match="1 of 3 files"):
            load_images(tmp_path, errors="skip")


def test_an_empty_folder_says_what_was_looked_for(tmp_path):
    with pytest.raises(ValueError, match=r"has no file that ends in \.bmp.*webp\.$"):
        load_images(tmp_path)
    (tmp_path / "a.czi").write_bytes(b"")
    with pytest.raises(ValueError, match=r"1 others, such as a\.czi\. Pass pattern="):
        load_images(tmp_path)
    with pytest.raises(ValueError, match=r"matches pattern='\*\.tif'\. It has 1"):
        load_images(tmp_path, pattern="*.tif")
    save(tmp_path / "kind" / "a.png", GREY)
    with pytest.raises(ValueError, match="sub-folders have 1: pass recursive=True"):
        load_images(tmp_path)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"folder": 3}, TypeError, "folder must be a folder's path, got 3"),
        ({"folder": ""}, FileNotFoundError, "must be an existing folder, got ''"),
        ({"folder": "nowhere"}, FileNotFoundError, "'nowhere', which is none"),
        ({"folder": __file__}, FileNotFoundError, "which is a file"),
        ({"pattern": 3}, TypeError, "pattern must be a string"),
        ({"recursive": 1}, TypeError, "recursive must be True or False"),
        ({"size": 8}, TypeError, r"size must be \(height, width\)"),
        ({"size": "88"}, TypeError, r"size must be \(height, width\)"),
        ({"size": (8, 8, 3)}, TypeError, r"size must be \(height, width\)"),
        ({"size": (8, 0)}, ValueError, "width of size == 0"),
        ({"size": (8.0, 8)}, TypeError, "height of size must be an integer"),
        ({"color": "grey"}, ValueError, "color must be 'auto' or True or False"),
        ({"color": 1}, TypeError, "color must be True or False"),
        ({"max_images": 0}, ValueError, "max_images == 0"),
        ({"errors": "ignore"}, ValueError, "errors must be 'raise' or 'skip'"),
        ({"random_state": "a"}, ValueError, "cannot be used to seed"),
    ],
)
def test_parameters_out_of_range(tmp_path, parameters, error, message):
    save(tmp_path / "a.png", GREY)
    with pytest.raises(error, match=message):
        load_images(**{"folder": tmp_path, **parameters})


def test_without_pillow_the_error_says_how_to_install_it(tmp_path, monkeypatch):
    save(tmp_path / "a.png", GREY)
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pip install skmixmate\[images\]"):
        load_images(tmp_path)


@pytest.mark.parametrize("shape", [(12, 10), (12, 10, 3)])
def test_image_clustering_takes_what_is_loaded(tmp_path, shape):
    kinds = RNG.randint(0, 256, size=(3, *shape))
    for i in range(30):
        noisy = kinds[i % 3] + RNG.normal(scale=10, size=shape)
        save(tmp_path / f"{i}.png", noisy.clip(0, 255).astype(np.uint8))
    data = load_images(tmp_path)
    labels = ImageClustering(3, n_init=1, random_state=0).fit_predict(data.images)
    assert_array_equal(labels, labels[np.arange(30) % 3])
    assert len(set(labels)) == 3
