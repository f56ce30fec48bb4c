"""Python in the pages for users runs, top to bottom, on small data.

Blocks of a page share one namespace, which begins with what a reader is said to have:
``images``, ``signals``, ``embeddings`` and so on. A comment ``.. not run: REASON``
right before a block leaves it out; how many there are is written down here.
"""

import re
from pathlib import Path

import joblib
import numpy as np
import pytest
import sklearn
import torch
from PIL import Image
from sklearn.datasets import load_digits, make_blobs

from skmixmate import ImageClustering
from skmixmate.model_selection import choose_n_clusters
from skmixmate.ready import make_image_features

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = {
    path.relative_to(ROOT).as_posix(): path
    for path in [
        ROOT / "README.rst",
        *(DOCS / f"{name}.rst" for name in ("index", "getting_started", "faq")),
        *sorted(DOCS.glob("howto/*.rst")),
    ]
}
# Blocks that need what a test has not: a GPU, a download, minutes.
NOT_RUN = {
    "docs/howto/many_gpus.rst": 2,
    "docs/howto/multiprocessing.rst": 2,
    "docs/howto/progress.rst": 3,
}
N_SAMPLES = 60


def python_blocks(text):
    """Blocks of a page, with the line that each begins at and why it is not run."""
    lines, reason = text.splitlines(), None
    for i, line in enumerate(lines):
        if comment := re.fullmatch(r"\.\. not run: (\S.*)", line.strip()):
            reason = comment[1]
        elif directive := re.fullmatch(r"( *)\.\. code-block:: python", line):
            body = []
            for following in lines[i + 1 :]:
                indent = len(following) - len(following.lstrip())
                if following.strip() and indent <= len(directive[1]):
                    break
                body.append(following)
            options = [k for k, one in enumerate(body) if re.match(r" +:\w+:", one)]
            for k in options:
                body[k] = ""
            inside = min(len(one) - len(one.lstrip()) for one in body if one.strip())
            yield i + 2, "\n".join(one[inside:] for one in body), reason
            reason = None
        elif line.strip():
            assert reason is None, f"line {i + 1}: no block follows '.. not run:'"


def what_a_reader_has(page):
    """Names that pages begin with, of few and small samples."""
    rng = np.random.default_rng(0)
    digits = load_digits()
    # As large as those of MNIST, so that ``image_shape=(28, 28)`` fits.
    pictures = np.kron(digits.images[: 2 * N_SAMPLES], np.ones((3, 3)))
    pictures = np.pad(pictures, ((0, 0), (2, 2), (2, 2))).astype(np.float32)
    images, known = np.split(pictures, 2)
    y, y_known = np.split(digits.target[: 2 * N_SAMPLES], 2)
    X, X_known = images.reshape(N_SAMPLES, -1), known.reshape(N_SAMPLES, -1)
    frequencies = rng.choice([0.05, 0.1, 0.2], N_SAMPLES)
    signals = np.sin(2 * np.pi * np.outer(frequencies, np.arange(128)))
    signals = np.stack([signals, np.roll(signals, 5, axis=1)], axis=2)
    signals += 0.3 * rng.standard_normal(signals.shape)
    embeddings, _ = make_blobs(2 * N_SAMPLES, 32, centers=4, random_state=0)
    embeddings = embeddings.astype(np.float32)
    table, _ = make_blobs(N_SAMPLES, 6, centers=3, random_state=1)
    np.save("images.npy", images)
    write_folders(images[:24])
    names = {
        "np": np,
        "X": X,
        "y": y,
        "X_new": X[:20],
        "X_known": X_known,
        "y_known": y_known,
        "observed": rng.random(X.shape) > 0.1,
        "images": images,
        "new_images": images[:20],
        "signals": signals,
        "complete": signals.copy(),
        "dead": rng.random(signals.shape) < 0.1,
        "limit": 2.5,
        "recording": rng.standard_normal((5000, 2)),
        "embeddings": embeddings,
        "new_embeddings": embeddings[:20],
        "texts": [f"text {i}" for i in range(len(embeddings))],
        "table": table,
    }
    # The same names for other things.
    if page == "docs/howto/colour.rst":
        colored = np.stack([images, images.swapaxes(1, 2), images**2], axis=3)[:30]
        names["images"] = colored
        names["tensor"] = torch.from_numpy(np.moveaxis(colored, 3, 1).copy())
        names["rows"] = rng.random((30, 32 * 32 * 3))
    if page == "docs/howto/signals.rst":
        names["observed"] = rng.random(signals.shape[:2]) > 0.1
    return names


def write_folders(images):
    """Folders of image files, of the names that pages have."""
    for i, image in enumerate(images):
        picture = Image.fromarray((15 * image).astype(np.uint8))
        for name in (
            f"cells/{i}.png",
            f"new_cells/{i}.png",
            f"by_kind/{i % 3}/{i}.png",
            f"plate/{i}_DAPI.tif",
            f"plate/{i}_GFP.tif",
        ):
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            picture.save(name)


@pytest.fixture
def _small_world(tmp_path, monkeypatch):
    """A folder to write to, few digits, few repeats, threads in place of processes."""
    monkeypatch.chdir(tmp_path)
    few = load_digits()
    for key in ("data", "target", "images"):
        few[key] = few[key][:N_SAMPLES]
    monkeypatch.setattr(
        "sklearn.datasets.load_digits",
        lambda *, return_X_y=False: (few.data, few.target) if return_X_y else few,
    )
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setitem(ImageClustering.__init__.__kwdefaults__, "n_init", 1)
    monkeypatch.setitem(choose_n_clusters.__kwdefaults__, "n_repeats", 1)
    with sklearn.config_context(), joblib.parallel_config(backend="threading"):
        yield
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.close("all")


@pytest.mark.usefixtures("_small_world")
# So few samples have no clusters to trust, which estimators tell.
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs(page):
    text = PAGES[page].read_text(encoding="utf-8")
    names = what_a_reader_has(page)
    not_run = 0
    for line, block, reason in python_blocks(text):
        code = compile("\n" * (line - 1) + block, page, "exec")
        if reason is None:
            exec(code, names)
        not_run += reason is not None
    assert not_run == NOT_RUN.get(page, 0)


def test_what_is_not_run_is_of_pages_that_there_are():
    assert set(NOT_RUN) <= set(PAGES)


def test_numbers_of_features_are_those_of_the_table():
    text = (DOCS / "howto" / "a_million_images.rst").read_text(encoding="utf-8")
    rows = re.findall(r"\* - (\d+) by \d+.*\n +- ([\d,]+)\n", text)
    assert len(rows) >= 4
    for side, number in rows[:3]:  # Filters of larger ones take seconds.
        image = np.ones((1, int(side) ** 2), np.float32)
        features = make_image_features((int(side), int(side)))[:2].fit_transform(image)
        assert features.shape[1] == int(number.replace(",", ""))
