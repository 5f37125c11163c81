"""Settings of Sphinx, which makes a site of this folder: ``make docs``."""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

HERE = Path(__file__).parent
sys.path.append(str(HERE))

import reference  # noqa: E402

project = "latentgrid"
release = metadata.version("latentgrid")
extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc"]
include_patterns = ["*.md", "reference/*"]
highlight_language = "none"
smartquotes = False  # options begin with two hyphens

myst_enable_extensions = ["dollarmath"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 4  # `page.md#a-heading`, as on GitHub

# A name in single backticks is a link where it is documented, and code where it is not.
default_role = "py:obj"
autodoc_typehints = "none"  # docstrings say more: shapes, units
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

html_theme = "furo"
html_title = "latentgrid"
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_show_copyright = False


def outside(app: Any, page: str, source: list[str]) -> None:
    """Have Markdown files outside of this folder downloaded; they are no pages of the site."""
    source[0] = re.sub(r"\]\((\.\./[^)]*\.md)\)", r"](path:\1)", source[0])


def contents(app: Any, page: str, source: list[str]) -> None:
    """Add the tables of contents to the first page: its lists, and the pages made from the code."""
    if page != "index":
        return
    groups = {
        title: re.findall(r"^- \[.*?\]\((\w+)\.md\)", text, re.MULTILINE)
        for title, text in re.findall(r"^## (.*)\n((?:(?!## ).*\n?)*)", source[0], re.MULTILINE)
    }
    groups["Made from the code"] = [f"reference/{Path(name).stem}" for name in reference.PAGES]
    for title, pages in groups.items():
        names = "\n".join(pages)
        source[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{names}\n```\n"


def plain(app: Any, env: Any, node: Any, content: Any) -> Any:
    """Show a name in single backticks that is documented nowhere as code."""
    return content if node.get("reftype") == "obj" else None


def formula(writer: Any, node: nodes.Element) -> None:
    """Write a formula as MathML, which browsers show by themselves and without a network."""
    block = isinstance(node, nodes.math_block)
    try:
        writer.body.append(tex2mathml(node.astext(), as_block=block))
    except MathError as error:
        logging.getLogger(__name__).warning("formula: %s", error, location=node)
    raise nodes.SkipNode


def setup(app: Any) -> None:
    """Write the pages that are made from the code, and take part in reading the others."""
    reference.write(HERE / "reference")
    app.add_html_math_renderer("mathml", (formula, None), (formula, None))
    app.connect("source-read", outside)
    app.connect("source-read", contents)
    app.connect("missing-reference", plain)
