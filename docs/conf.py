"""Settings of Sphinx for the documentation site (`make site`): the pages of docs/, and the public API."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from bleuberi import __version__  # noqa: E402 - found by the line above, so that the site needs no installed package

project = "bleuberi"
copyright = "the bleuberi maintainers"
release = version = __version__

extensions = ["myst_nb", "sphinx.ext.autodoc"]
root_doc = "index"
exclude_patterns = ["README.md"]  # index.md includes it
html_theme = "furo"
html_title = f"bleuberi {version}"

myst_heading_anchors = 4

# Notebooks are committed without outputs, and run here; a cell that fails is an error.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 120
nb_merge_streams = True

default_role = "code"  # docstrings write code between single backticks, as the pages do
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True

TRAINING = "../training/README.md"
"""The one page outside docs/. `training.md` includes it; its links are those of its own folder."""


def link_to_training(app: Sphinx, page: str, source: list[str]) -> None:
    """Replace links to the page outside docs/ by links to the page of the site that includes it."""
    if page != "training":
        source[0] = source[0].replace(f"]({TRAINING}", "](training.md")


def included_links(app: Sphinx, path: Path, page: str, source: list[str]) -> None:
    """Make the links of an included file true in docs/."""
    link_to_training(app, page, source)
    if page == "training":
        inside = re.sub(r"\]\((?!https?:|#|\.\./)", "](../training/", source[0])
        source[0] = inside.replace("](../docs/", "](")


def setup(app: Sphinx) -> None:
    """Connect the two; Sphinx calls this with its application."""
    app.connect("source-read", link_to_training)
    app.connect("include-read", included_links)
