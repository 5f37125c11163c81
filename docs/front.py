"""Puts into README.md what it shows of the results: ``python docs/front.py``.

Two tables, between the marks ``<!-- table: FILE -->`` and ``<!-- end of table -->``, and
docs/images/page.png, for which it needs Chromium and the extra ``[test]``. To be run when results/
or docs/peers.md has changed; tests/test_readme.py holds the tables.
"""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "page.png"
SIZE = {"width": 1280, "height": 900}
SHOWN = 3  # rows of the table in the picture
COLUMNS = ["model", "chain", "accuracy", "against the best"]
ROWS = 5

Table = list[list[str]]


def tables(text: str) -> list[Table]:
    """Return the cells of each Markdown table, headings first, without the line below them."""
    blocks = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    found = [
        [[cell.strip() for cell in line.strip("|").split(" | ")] for line in block.splitlines()]
        for block in blocks
    ]
    return [[rows[0], *rows[2:]] for rows in found]


def best_of_each_model(text: str) -> Table:
    """Return the first row of each model in the table of pipelines, of five models at most."""
    headings, *rows = next(
        table for table in tables(text) if {"model", "chain", "accuracy"} <= {*table[0]}
    )
    missing = [name for name in COLUMNS if name not in headings]
    if missing:
        raise SystemExit(f"error: results.md has no column {missing[0]!r}; see COLUMNS")
    places = [headings.index(name) for name in COLUMNS]
    first: dict[str, list[str]] = {}
    for row in rows:
        if row[headings.index("chain")] != "–":
            first.setdefault(row[headings.index("model")], [row[place] for place in places])
    return [COLUMNS, *list(first.values())[:ROWS]]


def written(table: Table) -> str:
    """Return a table as Markdown."""
    rule = ["--:" if re.match(r"[\d*]", cell) else ":--" for cell in table[1]]
    return "".join(f"| {' | '.join(row)} |\n" for row in [table[0], rule, *table[1:]])


def photograph(page: Path, to: Path) -> None:
    """Save two parts of a page, in one picture of 256 colors: its top, and its embeddings."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        view = browser.new_page(viewport=SIZE)
        view.goto(page.as_uri())
        view.wait_for_timeout(1500)  # until the plots are drawn
        row, title, plot = (
            view.locator(each).bounding_box() or {}
            for each in (f"#pipelines tbody tr >> nth={SHOWN - 1}", "#look-title", "#keys-a")
        )
        parts = [(0, row["y"] + row["height"]), (title["y"] - 25, plot["y"] + plot["height"])]
        shots = [
            view.screenshot(
                full_page=True,
                clip={"x": 0, "y": top, "width": SIZE["width"], "height": bottom - top},
            )
            for top, bottom in parts
        ]
        browser.close()
    images = [Image.open(io.BytesIO(shot)) for shot in shots]
    whole = Image.new("RGB", (SIZE["width"], sum(image.height for image in images)), "white")
    whole.paste(images[0], (0, 0))
    whole.paste(images[1], (0, images[0].height))
    to.parent.mkdir(exist_ok=True)
    whole.quantize(256, Image.Quantize.MAXCOVERAGE).save(to, optimize=True)  # below 200 kB


def main() -> None:
    """Write both tables and the picture."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    results = (ROOT / "results" / "results.md").read_text(encoding="utf-8")
    peers = (ROOT / "docs" / "peers.md").read_text(encoding="utf-8")
    made = {"results/results.md": best_of_each_model(results), "docs/peers.md": tables(peers)[0]}
    for name, table in made.items():
        mark = f"<!-- table: {name} -->\n"
        before, _, after = readme.partition(mark)
        _, end, after = after.partition("<!-- end of table -->")
        readme = f"{before}{mark}{written(table)}{end}{after}"
    (ROOT / "README.md").write_text(readme, encoding="utf-8")
    photograph(ROOT / "results" / "index.html", PICTURE)


if __name__ == "__main__":
    main()
