"""Sphinx configuration: MyST pages, the API from the docstrings."""

import sys
from pathlib import Path

from sphinx.application import Sphinx

import xloss

project = "xloss"
author = "xloss contributors"
copyright = "2026, xloss contributors"
version = release = xloss.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx-mathjax-offline",  # ships MathJax with the pages: they need no network
    "sphinx_copybutton",
]
exclude_patterns = ["_build"]
root_doc = "index"

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3

# The docstrings state types together with shapes, which annotations cannot.
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = f"xloss {release}"
html_static_path = ["_static"]
html_css_files = ["xloss.css"]
html_copy_source = False


def setup(app: Sphinx) -> None:
    """Draw the figures before the pages are read."""
    app.connect("builder-inited", draw_figures)


def draw_figures(_app: Sphinx) -> None:
    sys.path.insert(0, str(Path(__file__).parent))
    import figures

    figures.draw()
