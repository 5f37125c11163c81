"""The page in a cell of a notebook."""

from __future__ import annotations

import html
from pathlib import Path
from urllib.parse import quote

from rich.console import Console

from bench.base.files import read_text
from bench.report import page
from bench.session.grid import show

# The notebook keeps the page, and grows by as much; some servers pass on 3 MB at once by default.
MOST = 3_000_000  # characters

# What is shown has no origin of its own, as a file has none: names of images or labels could
# otherwise reach the notebook's kernel if the page had a mistake.
ALLOWED = "allow-scripts allow-downloads allow-modals allow-popups"


def show_pages(written: list[Path]) -> None:
    """Show the first page among files below the cell that runs, and links to all of them.

    Outside of notebooks nothing is done.
    """
    pages = [path for path in written if path.name == page.FILE]
    if not Console().is_jupyter or not pages:
        return
    from IPython.display import display

    names = [show(path) for path in pages]
    links = (f'<a href="{quote(name)}" target="_blank">{html.escape(name)}</a>' for name in names)
    shown = f"<p>{', '.join(links)}</p>{_frame(pages[0])}"
    display({"text/html": shown, "text/plain": f"open {', '.join(names)}"}, raw=True)


def _frame(path: Path) -> str:
    """Return a page within a frame; nothing if it is too large, or needs files beside it.

    The page is in the frame itself: which address its file has is known to no kernel, and some
    notebooks serve no files at all.
    """
    if (path.parent / page.FOLDER).exists():
        return ""
    # Else links to parts of the page would lead to the notebook.
    text = read_text(path).replace("<head>", '<head><base href="about:srcdoc">', 1)
    content = html.escape(text)
    if len(content) > MOST:
        return ""
    style = "width: 100%; height: 50em; border: 1px solid #8888"
    return (
        f'<iframe title="{html.escape(show(path))}" style="{style}" sandbox="{ALLOWED}" '
        f'allow="clipboard-write" srcdoc="{content}"></iframe>'
    )
