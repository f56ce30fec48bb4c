"""The documentation names what there is, and nothing else."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import skmixmate
from skmixmate import functional, modules, penalties

PACKAGE = Path(skmixmate.__file__).parent
DOCS = PACKAGE.parent / "docs"
DESIGN = (DOCS / "developers" / "design.rst").read_text(encoding="utf-8")
LAYOUT = DESIGN.split("Who may import")[0]
API = set(
    re.findall(r"^   ([\w.]+)$", (DOCS / "api.rst").read_text("utf-8"), flags=re.M)
)
FILES = sorted(
    str(path.relative_to(PACKAGE))
    for path in PACKAGE.rglob("*.py")
    if path.parent == PACKAGE or path.name != "__init__.py"
)
PACKAGES = sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
# Public packages whose names are given with theirs.
PREFIXES = {
    name: getattr(skmixmate, name, None)
    for name in skmixmate.__all__
    if hasattr(getattr(skmixmate, name), "__all__")
} | {"functional": functional, "modules": modules, "penalties": penalties}
# Tools of the package itself.
INTERNAL = {
    *("functional.nearest_in_groups", "modules.LOSSES", "penalties.PENALTIES"),
    "__version__",
}


@pytest.mark.parametrize("file", FILES)
def test_every_file_stands_in_the_layout(file):
    folder, _, name = file.rpartition("/")
    section = LAYOUT
    if folder:
        # What is said of its folder, up to the next one.
        start = LAYOUT.index(f"\n      {folder}/ ")
        section = re.split(r"\n      \w+(?:/|\.py) ", LAYOUT[start + 1 :])[0]
    assert re.search(rf"(?<![\w]){re.escape(name)}(?![\w])", section)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_stands_in_the_layout(package):
    assert f"\n      {package}/ " in LAYOUT


def test_the_layout_has_no_file_that_there_is_not():
    named = set(re.findall(r"(\w+\.py)\b", LAYOUT))
    assert named <= {Path(file).name for file in FILES}


def public_names():
    yield from (n for n in skmixmate.__all__ if n not in PREFIXES)
    for prefix, module in PREFIXES.items():
        yield from (f"{prefix}.{name}" for name in module.__all__)


@pytest.mark.parametrize("name", sorted(set(public_names()) - INTERNAL))
def test_every_public_name_stands_in_the_api_reference(name):
    assert name in API


@pytest.mark.parametrize("name", sorted(API))
def test_every_page_of_the_api_reference_has_an_example(name):
    named = skmixmate
    for part in name.split("."):
        named = getattr(named, part)
    assert "\nExamples\n---" in inspect.getdoc(named)


def test_the_api_reference_has_no_name_that_there_is_not():
    assert set(public_names()) >= API


@pytest.mark.parametrize("file", ["README.rst", "CONTRIBUTING.md"])
def test_python_in_documents_is_python(file):
    text = (PACKAGE.parent / file).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    for block in blocks:
        ast.parse(block)


def test_the_readme_renders_without_a_message():
    core = pytest.importorskip("docutils.core")
    text = (PACKAGE.parent / "README.rst").read_text(encoding="utf-8")
    core.publish_doctree(text, settings_overrides={"report_level": 1, "halt_level": 1})


def test_the_readme_links_to_files_that_there_are():
    text = (PACKAGE.parent / "README.rst").read_text(encoding="utf-8")
    linked = re.findall(r"<(?!https?:)([^>\s]+)>`__", text)
    linked += re.findall(r"\.\. image:: (docs/\S+)", text)
    assert linked
    assert not [path for path in linked if not (PACKAGE.parent / path).exists()]
