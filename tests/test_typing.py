"""What is public is annotated, and the package says so to type checkers."""

import importlib.resources
import inspect
import tomllib
from pathlib import Path

import pytest
from test_docs import API

import skmixmate

ROOT = Path(skmixmate.__file__).parents[1]


def resolve(name):
    found = skmixmate
    for part in name.split("."):
        found = getattr(found, part)
    return found


def functions_of(name):
    """A function, or of a class what itself or the package's bases of it define."""
    found = resolve(name)
    if not inspect.isclass(found):
        yield name, found
        return
    for attribute in dir(found):
        value = inspect.getattr_static(found, attribute)
        value = getattr(value, "fget", None) or getattr(value, "__func__", value)
        is_public = not attribute.startswith("_") or attribute == "__init__"
        if is_public and inspect.isfunction(value):
            module = inspect.unwrap(value).__module__
            if module.startswith("skmixmate"):
                yield f"{name}.{attribute}", value


PUBLIC = dict(item for name in sorted(API) for item in functions_of(name))


def missing_annotations(function):
    signature = inspect.signature(function)
    missing = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.annotation is parameter.empty
        and parameter.name not in ("self", "cls")
    ]
    if signature.return_annotation is signature.empty:
        missing.append("return")
    return missing


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_public_is_annotated(name):
    assert missing_annotations(PUBLIC[name]) == []


def test_methods_behind_decorators_and_of_bases_are_seen():
    assert PUBLIC.keys() >= {
        "MixMateClustering.__init__",
        "MixMateClustering.fit",
        "MixMateClustering.sample",
        "GroupSparseAutoencoder.fit_transform",
        "modules.DictionaryMixture.leave_out_",
        "plotting.DictionaryDisplay.from_estimator",
        "plotting.ReconstructionDisplay.mse",
        "metrics.clustering_scores",
    }


def test_missing_annotations_are_found():
    def function(self, X, y: object = None, *rest):
        pass

    assert missing_annotations(function) == ["X", "rest", "return"]


def test_type_checkers_are_told():
    assert importlib.resources.files("skmixmate").joinpath("py.typed").is_file()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    package_data = project["tool"]["setuptools"]["package-data"]
    assert "py.typed" in package_data["skmixmate"]
