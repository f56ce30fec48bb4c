"""Sphinx configuration."""

import os
import re
from pathlib import Path

from sphinx_gallery.sorting import ExplicitOrder

import skmixmate

project = "skmixmate"
author = "The skmixmate developers"
copyright = "2026, The skmixmate developers"
version = release = skmixmate.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx-mathjax-offline",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "inventories"]
# `Name` links where the name is known and is plain emphasis elsewhere.
default_role = "autolink"

autosummary_generate = True
autodoc_member_order = "bysource"
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # numpydoc's Parameters sections carry types and shapes
numpydoc_show_class_members = False  # the class template lists them

# Lists of the names that pages link to, so that the docs build without a network.
_INVENTORIES = Path(__file__).parent / "inventories"
_URLS = {
    "matplotlib": "https://matplotlib.org/stable",
    "numpy": "https://numpy.org/doc/stable",
    "scipy": "https://docs.scipy.org/doc/scipy",
    "sklearn": "https://scikit-learn.org/stable",
    "torch": "https://docs.pytorch.org/docs/stable",
}
intersphinx_mapping = {
    name: (url, str(_INVENTORIES / f"{name}.txt")) for name, url in _URLS.items()
}

# Prompts and results are not copied.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"^(?!plot_)",  # searched in names without their folders
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skmixmate",),
    "reference_url": {"skmixmate": None},
    "subsection_order": ExplicitOrder(
        [f"../examples/{s}" for s in ("first_steps", "data", "trust", "model")]
    ),
    # They are tests: one that fails fails the build.
    "abort_on_example_error": True,
    "parallel": int(os.environ.get("SKMIXMATE_GALLERY_JOBS", "2")),
    "show_memory": False,
    "write_computation_times": False,
    "download_all_examples": False,
}

html_theme = "pydata_sphinx_theme"
html_title = "skmixmate"
html_static_path = ["_static"]
html_css_files = ["css/skmixmate.css"]
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 5,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
    "icon_links": [
        {
            "name": "GitHub",
            "url": "https://github.com/skmixmate/skmixmate",
            "icon": "fa-brands fa-github",
        }
    ],
}
html_show_sourcelink = False
# Pages without others below them.
html_sidebars = {name: [] for name in ("changelog", "citation", "glossary")}

OF_SCIKIT_LEARN = r"set_\w+_request|set_output|get_metadata_routing"


def skip_member(app, what, name, obj, skip, options):
    """Leave out the methods for itself that scikit-learn adds to every estimator."""
    return skip or bool(re.fullmatch(OF_SCIKIT_LEARN, name))


def setup(app):
    app.connect("autodoc-skip-member", skip_member)
