"""Loaders of image sets, from files and from a fake OpenML: no download."""

import importlib
import zlib
from http.client import IncompleteRead
from urllib.error import URLError

import numpy as np
import pytest
import sklearn.datasets
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.utils import Bunch

from skmixmate.datasets import fetch_fashion_mnist, fetch_mnist, fetch_usps

# The fetcher, its file, its image shape and the size of its training set.
IMAGE_SETS = [
    pytest.param(fetch_mnist, "mnist.npz", (28, 28), 60000, id="mnist"),
    pytest.param(fetch_fashion_mnist, "fashion_mnist.npz", (28, 28), 60000, id="fash"),
    pytest.param(fetch_usps, "usps.npz", (16, 16), 7291, id="usps"),
]
each_image_set = pytest.mark.parametrize(
    ("fetch", "file_name", "image_shape", "n_train"), IMAGE_SETS
)


@pytest.fixture(autouse=True)
def no_download(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("a test tried to download data")

    monkeypatch.delenv("SKMIXMATE_DATA", raising=False)
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", refuse)


@pytest.fixture
def openml(monkeypatch):
    """Replace `fetch_openml` and return the recorder of its calls."""

    class Recorder:
        def answer(self, data, target):
            self.bunch = Bunch(data=data, target=target)

        def __call__(self, *args, **kwargs):
            self.args, self.kwargs = args, kwargs
            return self.bunch

    recorder = Recorder()
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", recorder)
    return recorder


def save_images(path, n_samples, n_features, dtype=np.uint8):
    """Save random images whose first row shows the range of the pixels."""
    random_state = np.random.RandomState(0)
    X = random_state.randint(0, 256, size=(n_samples, n_features)).astype(np.uint8)
    X[0, :2] = 0, 255
    y = np.arange(n_samples, dtype=np.uint8) % 10
    stored = X if dtype == np.uint8 else (X / 255).astype(dtype)
    np.savez(path, X=stored, y=y)
    return X, y


@each_image_set
def test_fetch_reads_the_file_of_data_home(
    tmp_path, fetch, file_name, image_shape, n_train
):
    n_features = image_shape[0] * image_shape[1]
    X, y = save_images(tmp_path / file_name, 12, n_features)
    bunch = fetch(data_home=tmp_path)
    assert bunch.data.dtype == np.float32
    assert bunch.target.dtype == np.int64
    assert_allclose(bunch.data, X / 255, rtol=1e-6)
    assert (bunch.data.min(), bunch.data.max()) == (0.0, 1.0)
    assert_array_equal(bunch.target, y)
    assert bunch.image_shape == image_shape
    assert bunch.images.shape == (12, *image_shape)
    assert np.shares_memory(bunch.images, bunch.data)
    assert bunch.target_names.shape == (10,)
    assert f"{image_shape[0]} x {image_shape[1]}" in bunch.DESCR
    data, target = fetch(data_home=str(tmp_path), subset="train", return_X_y=True)
    assert_array_equal(data, bunch.data)
    assert_array_equal(target, bunch.target)


@each_image_set
def test_subsets_split_after_the_training_set(
    tmp_path, fetch, file_name, image_shape, n_train
):
    n_features = image_shape[0] * image_shape[1]
    y = np.arange(n_train + 3) % 10
    X = np.zeros((n_train + 3, n_features), dtype=np.uint8)
    X[n_train:] = 255
    np.savez(tmp_path / file_name, X=X, y=y)
    train, y_train = fetch(data_home=tmp_path, subset="train", return_X_y=True)
    test, y_test = fetch(data_home=tmp_path, subset="test", return_X_y=True)
    assert train.shape == (n_train, n_features)
    assert not train.any()
    assert_array_equal(test, np.ones((3, n_features)))
    assert_array_equal(np.concatenate([y_train, y_test]), y)


@each_image_set
@pytest.mark.parametrize(
    "error",
    [
        *[URLError("no network"), TimeoutError("late"), IncompleteRead(b"")],
        *[EOFError(), ValueError("md5 checksum"), zlib.error("Error -3")],
    ],
)
def test_without_a_network_the_file_that_would_do_is_named(
    tmp_path, monkeypatch, fetch, file_name, image_shape, n_train, error
):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fail)
    for data_home in (None, tmp_path):
        with pytest.raises(OSError, match=f"{file_name}.*data_home.*SKMIXMATE_DATA"):
            fetch(data_home=data_home)


def test_a_mistyped_folder_is_told_and_not_made(tmp_path, monkeypatch):
    # No download either: that would be an AssertionError.
    nowhere, file = tmp_path / "nowhere", tmp_path / "file"
    file.touch()
    for data_home in (nowhere, str(nowhere), file, ""):
        message = "data_home must be an existing folder, got .*mnist.npz"
        with pytest.raises(FileNotFoundError, match=message):
            fetch_mnist(data_home=data_home)
    with pytest.raises(TypeError, match="data_home must be a folder's path or None"):
        fetch_mnist(data_home=28)
    monkeypatch.setenv("SKMIXMATE_DATA", str(nowhere))
    message = "SKMIXMATE_DATA must be an existing folder, got .*nowhere.*mnist.npz"
    with pytest.raises(FileNotFoundError, match=message):
        fetch_mnist()
    assert not nowhere.exists()


def test_float_pixels_are_kept(tmp_path):
    X, _ = save_images(tmp_path / "usps.npz", 5, 256, dtype=np.float32)
    data = fetch_usps(data_home=tmp_path).data
    assert_array_equal(data, (X / 255).astype(np.float32))


def test_environment_variable(tmp_path, monkeypatch, openml):
    save_images(tmp_path / "usps.npz", 5, 256)
    monkeypatch.setenv("SKMIXMATE_DATA", str(tmp_path))
    assert fetch_usps().data.shape == (5, 256)

    # A data_home, even without the file, goes before the variable.
    openml.answer(np.zeros((2, 256)), np.array(["1", "2"]))
    empty = tmp_path / "empty"
    empty.mkdir()
    assert fetch_usps(data_home=empty).data.shape == (2, 256)
    assert openml.kwargs["data_home"] == empty


@pytest.mark.parametrize(
    ("fetch", "name"),
    [(fetch_mnist, "mnist_784"), (fetch_fashion_mnist, "Fashion-MNIST")],
)
@pytest.mark.parametrize("pixel_type", [np.int64, np.float64])
def test_openml(openml, fetch, name, pixel_type):
    X = np.arange(3 * 784).reshape(3, 784) % 256
    openml.answer(X.astype(pixel_type), np.array(["5", "0", "9"], dtype=object))
    bunch = fetch()
    assert openml.args == (name,)
    assert openml.kwargs["version"] == 1
    assert openml.kwargs["data_home"] is None
    assert openml.kwargs["as_frame"] is False
    assert bunch.data.dtype == np.float32
    assert bunch.target.dtype == np.int64
    assert_allclose(bunch.data, X / 255, rtol=1e-6)
    assert_array_equal(bunch.target, [5, 0, 9])


def test_openml_usps_agrees_with_the_file(tmp_path, openml):
    X, y = save_images(tmp_path / "usps.npz", 20, 256, dtype=np.float32)
    openml.answer(2 * (X / 255) - 1, (y + 1).astype(str).astype(object))
    downloaded, stored = fetch_usps(), fetch_usps(data_home=tmp_path)
    assert openml.args == ("USPS",)
    assert openml.kwargs["version"] == 2
    assert_allclose(downloaded.data, stored.data, atol=1e-7)
    assert_array_equal(downloaded.target, stored.target)
    assert downloaded.DESCR == stored.DESCR


@pytest.mark.parametrize(("found", "parser"), [(None, "liac-arff"), (1, "auto")])
def test_openml_parser_does_not_need_pandas(openml, monkeypatch, found, parser):
    images = importlib.import_module("skmixmate.datasets._images")
    monkeypatch.setattr(images, "find_spec", lambda name: found)
    openml.answer(np.zeros((2, 784)), np.array(["1", "2"]))
    fetch_mnist()
    assert openml.kwargs["parser"] == parser


@pytest.mark.parametrize("subset", ["valid", None, ["train"], 1])
def test_unknown_subset(subset):
    message = r"subset must be one of \('train', 'test', 'all'\), got"
    with pytest.raises(ValueError, match=message):
        fetch_mnist(subset=subset)


def test_subset_without_rows(tmp_path):
    save_images(tmp_path / "usps.npz", 5, 256)
    with pytest.raises(ValueError, match=r"subset='test' has no rows.*holds 5 rows"):
        fetch_usps(data_home=tmp_path, subset="test")


GOOD_X, GOOD_Y = np.zeros((4, 256), dtype=np.uint8), np.zeros(4, dtype=np.uint8)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": GOOD_X}, r"arrays X and y"),
        ({"X": GOOD_X[:, :9], "y": GOOD_Y}, r"\(n_samples, 256\), got .*\(4, 9\)"),
        ({"X": GOOD_X[0], "y": GOOD_Y}, r"\(n_samples, 256\), got .*\(256,\)"),
        ({"X": GOOD_X.astype(str), "y": GOOD_Y}, r"X of .* must be numeric"),
        ({"X": GOOD_X.astype(object), "y": GOOD_Y}, r"arrays X and y"),
        ({"X": GOOD_X, "y": GOOD_Y[:3]}, r"of shape \(4,\), .* \(3,\)"),
        ({"X": GOOD_X, "y": GOOD_Y + 0.5}, r"y of .* must be integers.*float64"),
        ({"X": GOOD_X, "y": GOOD_Y + 10}, r"in \[0, 9\], got values in \[10, 10\]"),
        ({"X": GOOD_X + 1.5, "y": GOOD_Y}, r"\[0, 1\] for dtype float64"),
        ({"X": GOOD_X + np.nan, "y": GOOD_Y}, r"\[0, 1\] for dtype float64"),
        ({"X": GOOD_X - np.int16(1), "y": GOOD_Y}, r"\[0, 255\] for dtype int16"),
        ({"X": GOOD_X[:0], "y": GOOD_Y[:0]}, r"subset='all' has no rows"),
    ],
)
def test_malformed_arrays(tmp_path, arrays, message):
    np.savez(tmp_path / "usps.npz", **arrays)
    with pytest.raises(ValueError, match=message) as error:
        fetch_usps(data_home=tmp_path)
    assert "usps.npz" in str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        "nothing",
        "text",
        "array",
        "truncated",
        "folder",
        "method",
        "encrypted",
        "header",
    ],
)
def test_malformed_file(tmp_path, content):
    path = tmp_path / "usps.npz"
    if content == "array":
        with path.open("wb") as file:
            np.save(file, GOOD_X)
    elif content == "truncated":
        np.savez(path, X=GOOD_X, y=GOOD_Y)
        path.write_bytes(path.read_bytes()[:700])
    elif content == "folder":
        path.mkdir()
    elif content in ("method", "encrypted", "header"):
        np.savez(path, X=GOOD_X, y=GOOD_Y)
        stored = bytearray(path.read_bytes())
        # Of the central directory: flags and the method of compression.
        entry = stored.index(b"PK\1\2")
        place, value = {
            "method": (entry + 10, 99),
            "encrypted": (entry + 8, 1),
            "header": (stored.index(b"{'descr'"), ord("(")),
        }[content]
        stored[place] = value
        path.write_bytes(stored)
    else:
        path.write_text("" if content == "nothing" else "not an archive")
    with pytest.raises(ValueError, match=r"usps\.npz must be an \.npz archive"):
        fetch_usps(data_home=tmp_path)
