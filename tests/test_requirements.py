"""pyproject.toml requires what is imported, from the versions that CI tests with."""

import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version
from test_imports import FILES, imported_modules

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]
EXTRAS = PROJECT["optional-dependencies"]


def names(lines):
    imported_as = {"scikit-learn": "sklearn", "pillow": "PIL", "umap-learn": "umap"}
    required = {Requirement(line).name for line in lines}
    return {imported_as.get(name, name) for name in required}


def test_what_is_imported_is_required():
    imported = {name.split(".")[0] for file in FILES for name in imported_modules(file)}
    imported -= {*sys.stdlib_module_names, "skmixmate", ""}
    required = names(PROJECT["dependencies"])
    # Comes with PyTorch where there is a GPU, and is done without elsewhere.
    required.add("triton")
    optional = EXTRAS["plot"] + EXTRAS["images"] + EXTRAS["umap"]
    assert imported == required | names(optional)


def test_lower_bounds_are_tested():
    lines = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8").splitlines()
    pins = {}
    for line in lines:
        if not line.startswith("#"):
            name, pin = line.split("==")
            pins[name] = Version(pin)
    for line in (
        PROJECT["dependencies"] + EXTRAS["plot"] + EXTRAS["images"] + EXTRAS["test"]
    ):
        requirement = Requirement(line)
        # Its older CPU builds are in no package index: see constraints-lowest.txt.
        if requirement.name == "torch":
            continue
        for specifier in requirement.specifier:
            assert Version(specifier.version) == pins[requirement.name], line
