"""Sphinx configuration."""

import re

import skmixmate

project = "skmixmate"
author = "The skmixmate developers"
copyright = "2026, The skmixmate developers"
version = release = skmixmate.__version__

# No intersphinx: the docs build without a network.
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]
# `Name` links where the name is known and is plain emphasis elsewhere.
default_role = "autolink"

autosummary_generate = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc's Parameters sections carry types and shapes
numpydoc_show_class_members = False  # the class template lists them

html_theme = "alabaster"
html_theme_options = {
    "description": "Model-based deep clustering, the scikit-learn way",
    "fixed_sidebar": True,
    "page_width": "1080px",
}
html_sidebars = {
    "**": ["about.html", "searchfield.html", "navigation.html", "relations.html"]
}
html_show_sourcelink = False

OF_SCIKIT_LEARN = r"set_\w+_request|set_output|get_metadata_routing"


def skip_member(app, what, name, obj, skip, options):
    """Leave out the methods for itself that scikit-learn adds to every estimator."""
    return skip or bool(re.fullmatch(OF_SCIKIT_LEARN, name))


def setup(app):
    app.connect("autodoc-skip-member", skip_member)
