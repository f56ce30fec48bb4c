"""Who may import whom (docs/developers/design.rst), read from the source with ast."""

import ast
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import skmixmate
from skmixmate.training import gradients

ROOT = Path(skmixmate.__file__).parent

# What each part of the package may import of the package, itself always included.
# functional <- penalties <- modules <- training <- estimators.
ALLOWED = {
    "functional": set(),
    "distributed": set(),
    "penalties": {"functional"},
    "modules": {"functional", "penalties"},
    "training": {
        *("functional", "penalties", "modules", "distributed"),
        *("utils.device", "utils.callers", "utils.progress"),
    },
    "utils": set(),
    "initializers": {"functional", "utils"},
    "features": {"functional", "utils"},
    "metrics": set(),
    # No torch: not all of utils.
    "datasets": {
        *("utils.callers", "utils.median_size", "utils.parameter_checks"),
        "utils.whole_files",
    },
    "inspection": {"utils"},
    "plotting": {"inspection", "model_selection", "utils"},
    "base": {
        *("functional", "penalties", "modules", "training", "distributed"),
        *("initializers", "persistence", "utils"),
    },
    "imputation": {"functional", "training", "base", "utils"},
    "mixmate": {
        *("functional", "penalties", "modules", "training", "distributed"),
        *("imputation", "initializers", "base", "utils"),
    },
    "group_sparse": {
        *("functional", "penalties", "modules", "training"),
        *("initializers", "base", "utils"),
    },
    "model_selection": {"initializers", "utils"},
    "persistence": {"utils"},
    "recovery": set(),
    "ready": {
        *("base", "features", "functional", "imputation"),
        *("initializers", "mixmate", "model_selection", "utils"),
    },
}
LEAVES = {
    *("metrics", "datasets", "inspection", "plotting"),
    "recovery",
}
WITHOUT_SKLEARN = {
    *("functional", "penalties", "modules", "training", "distributed"),
    *("utils.device", "utils.callers", "utils.progress", "utils.progress_displays"),
}
FILES = sorted(ROOT.rglob("*.py"))


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imported_modules(file: Path) -> set[str]:
    """Absolute names of all that a file imports, also inside functions."""
    package = module_name(file).split(".")
    if file.name != "__init__.py":
        package = package[:-1]
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            base += node.module.split(".") if node.module else []
            # The names too: `from .. import modules` imports a module.
            found |= {".".join(base)}
            found |= {".".join([*base, alias.name]) for alias in node.names}
    return found


def is_within(name: str, parents) -> bool:
    return any(name == p or name.startswith(p + ".") for p in parents)


def part_of(file: Path) -> str:
    """The entry of ALLOWED that a file belongs to; "" for the package's __init__."""
    return ".".join(module_name(file).split(".")[1:2])


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_imports_follow_the_arrows(file):
    part = part_of(file)
    if part == "":
        return  # The package's own __init__ may import anything.
    assert part in ALLOWED, f"say in ALLOWED what {part} may import"
    allowed = {f"skmixmate.{name}" for name in ALLOWED[part] | {part}}
    ours = {n for n in imported_modules(file) if n.startswith("skmixmate.")}
    assert {n for n in ours if not is_within(n, allowed)} == set()


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_only_plotting_imports_matplotlib_and_nothing_pandas(file):
    heavy = {"pandas"} if part_of(file) == "plotting" else {"pandas", "matplotlib"}
    assert {n for n in imported_modules(file) if is_within(n, heavy)} == set()


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_no_estimator_imports_a_leaf(file):
    if part_of(file) in LEAVES | {""}:
        return  # The package's own __init__ makes leaves reachable as attributes.
    leaves = {f"skmixmate.{name}" for name in LEAVES}
    assert {n for n in imported_modules(file) if is_within(n, leaves)} == set()


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_the_core_does_without_scikit_learn(file):
    core = {f"skmixmate.{name}" for name in WITHOUT_SKLEARN}
    if is_within(module_name(file), core):
        assert {n for n in imported_modules(file) if is_within(n, {"sklearn"})} == set()


def test_the_reader_of_imports_reads():
    names = imported_modules(ROOT / "mixmate" / "fit.py")
    assert {"skmixmate.modules", "skmixmate.utils.callers", "torch"} <= names
    assert "skmixmate.mixmate.network" in names


def run_python(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        cwd=ROOT.parent,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_fits_load_no_compiler():
    """It would take time and memory of every process, for nothing."""
    run_python(
        """
        import sys
        import numpy as np
        from skmixmate import GroupSparseAutoencoder, ImageClustering

        # Two plain kinds, and too few for doubts that warn.
        X = np.random.RandomState(0).uniform(size=(40, 64))
        X[::2, :32] = 0.0
        ImageClustering(2, image_shape=(8, 8), random_state=0).fit(X)
        GroupSparseAutoencoder(2, 2, max_iter=1, random_state=0).fit(X)
        assert "torch._dynamo" not in sys.modules
        """
    )


def test_importing_has_no_side_effects():
    run_python(
        """
        import random, warnings
        import numpy as np
        import torch
        import sklearn.cluster

        def states():
            return (
                random.getstate(),
                np.random.get_state()[1].tolist(),
                np.random.get_state()[2:],
                torch.get_rng_state().tolist(),
                torch.get_num_threads(),
                torch.get_default_dtype(),
                list(warnings.filters),
                np.geterr(),
            )

        before = states()
        import skmixmate
        assert states() == before
        """
    )


def test_importing_needs_neither_matplotlib_nor_pandas_nor_pillow():
    # scikit-learn imports pandas where there is one, so blocking it is the test.
    run_python(
        """
        import sys
        sys.modules["pandas"] = None
        sys.modules["matplotlib"] = None
        sys.modules["PIL"] = None
        import skmixmate
        import skmixmate.datasets, skmixmate.metrics, skmixmate.plotting
        """
    )


def test_public_names_exist():
    assert all(hasattr(skmixmate, name) for name in skmixmate.__all__)
    assert set(skmixmate.__all__) >= {"MixMateClustering", "__version__"}


def test_a_fit_enters_few_files_and_few_calls_lie_between_it_and_a_gradient(
    monkeypatch,
):
    """What one has to read to follow a fit; raise the numbers for a reason only."""
    files, depths = set(), []

    def ours(frame):
        return frame.f_code.co_filename.startswith(str(ROOT))

    def profile(frame, event, argument):
        if event == "call" and ours(frame):
            files.add(frame.f_code.co_filename)

    class Counting(gradients.LossGradient):
        def __call__(self, batch):
            frame, names = sys._getframe(1), []
            while frame is not None:
                names += [frame.f_code.co_name] if ours(frame) else []
                frame = frame.f_back
            depths.append(len(names) - 1)
            return super().__call__(batch)

    monkeypatch.setattr(gradients, "LossGradient", Counting)
    model = skmixmate.MixMateClustering(3, max_iter=1, random_state=0)
    X = np.random.RandomState(0).normal(size=(60, 4))
    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        model.fit(X)
    finally:
        sys.setprofile(before)
    # Among them the runs of a fit, the order of samples if there are many, and where it
    # asks for other processes.
    assert len(files) <= 34
    # Before come the epochs on which starts are compared.
    assert 0 < depths[-1] <= 8
    assert max(depths) <= 15
