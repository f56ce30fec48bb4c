"""Benchmarks: every command answers, and ``benchmarks/README.md`` lists them all."""

import importlib
import json
import re
import runpy
import sys
import time
from pathlib import Path

import pytest

from skmixmate.utils.progress import each, in_batches, step

ROOT = Path(__file__).parent.parent
BENCHMARKS, DOCS = ROOT / "benchmarks", ROOT / "docs"
# What some need for measuring or drawing, but none to be imported.
EXTRAS = ("clustpy", "kymatio", "matplotlib", "torchvision", "umap")
QUOTING = (
    "*.md",
    "*.rst",
    "benchmarks/**/*.json",
    "benchmarks/**/*.md",
    "benchmarks/**/*.py",
    "docs/**/*.rst",
    "docs/tables/*.csv",
    "examples/**/*.py",
    "skmixmate/**/*.py",
    "tests/test_real_data.py",
)


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part not in ("__init__", "__main__"))


def is_command(path):
    return 'if __name__ == "__main__":' in path.read_text()


SOURCES = sorted(BENCHMARKS.rglob("*.py"))
COMMANDS = [module_name(path) for path in SOURCES if is_command(path)]
OTHERS = [module_name(path) for path in SOURCES if not is_command(path)]
# Of each row: page, command, what, how long, results, tables and pictures.
TABLE = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (BENCHMARKS / "README.md").read_text().splitlines()
    if "`python -m" in line
]


@pytest.fixture
def _fresh_imports_without_extras(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "benchmarks"]:
        monkeypatch.delitem(sys.modules, name)
    for name in EXTRAS:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.mark.usefixtures("_fresh_imports_without_extras")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_answers_help(command, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["", "--help"])
    with pytest.raises(SystemExit, match=r"^0$"):
        runpy.run_module(command, run_name="__main__", alter_sys=True)
    assert capsys.readouterr().out.startswith(f"usage: python -m {command} ")


@pytest.mark.usefixtures("_fresh_imports_without_extras")
@pytest.mark.parametrize("module", OTHERS)
def test_another_module_is_imported(module):
    importlib.import_module(module)


def test_what_is_quoted_exists():
    missing = []
    for path in (path for pattern in QUOTING for path in ROOT.glob(pattern)):
        text = path.read_text()
        commands = re.findall(r"-m\s+(benchmarks(?:\.[a-z_]+)+)", text)
        # A name with capitals, as DATASET, stands for several.
        files = re.findall(r"benchmarks/[a-z_0-9/]+\.(?:json|md|py)\b", text)
        missing += [(path.name, name) for name in commands if name not in COMMANDS]
        missing += [(path.name, name) for name in files if not (ROOT / name).exists()]
    assert not missing


def test_the_table_lists_every_command():
    listed = {command.split("`")[1].split()[2] for _, command, *_ in TABLE}
    assert listed == set(COMMANDS)


def test_the_table_lists_every_stored_result():
    """With the command that wrote it, and without a pattern for nothing."""
    datasets, unlisted = "(digits|fashion_mnist|mnist|usps)", {}
    for path in sorted((BENCHMARKS / "results").rglob("*.json")):
        stored = json.loads(path.read_text())
        (command, *_) = stored.get("commands", {"": stored.get("command")}).values()
        unlisted[path.relative_to(BENCHMARKS / "results").as_posix()] = command
    for _, command, *_, results, _ in TABLE:
        prefix = command.strip("`").removesuffix(" DATASET").removesuffix(" SET")
        pattern = re.escape(results.strip("`")).replace("DATASET", datasets)
        pattern = pattern.replace("SET", "[a-z_0-9]+")
        pattern = pattern.replace(r"\*", "[a-z_0-9.]*")
        found = [
            name
            for name, its_command in unlisted.items()
            if re.fullmatch(pattern, name)
            and re.match(re.escape(prefix) + r"(\s|$)", its_command)
        ]
        assert found or not results, f"nothing is stored as {results}"
        for name in found:
            del unlisted[name]
    assert not unlisted


def test_the_table_lists_every_table_and_picture():
    listed = set(re.findall(r"\w+\.(?:csv|png)", str(TABLE)))
    tables = {path.name for path in DOCS.glob("tables/*.csv")}
    # Some pictures are of examples.
    assert tables <= listed <= tables | {path.name for path in DOCS.glob("_static/*")}


def test_a_result_that_no_report_reads_is_quoted_with_its_command():
    for page, command, *_, written in TABLE:
        if written.startswith("quoted"):
            (path,) = [p / page for p in (ROOT, DOCS) if (p / page).exists()]
            assert command.strip("`") in " ".join(path.read_text().split())


def test_seconds_of_the_steps_of_a_clusterer_are_counted_once():
    timeline = importlib.import_module("benchmarks.gpu.timeline")

    def fit():
        with step("features"):
            for _ in in_batches("samples", 2, 1):
                with step("projection"):
                    time.sleep(0.01)
            with step("second moments"):
                time.sleep(0.01)
        with step(""), step("start"):
            for _ in each("partition", [1, 2]):
                with step("epoch 1/2"):
                    time.sleep(0.01)

    found = timeline.seconds_of_steps(fit)
    parts, steps = found["parts_s"], found["steps_s"]
    assert set(parts) == {*timeline.PARTS, "rest"}
    assert sum(parts.values()) == pytest.approx(found["total_s"], abs=0.005)
    assert parts["components"] >= 0.03
    assert parts["starts"] == steps["start"] >= steps["start > partition > epoch"]
    assert steps["start > partition > epoch"] >= 0.02
    assert parts["training"] == parts["vote"] == 0.0
