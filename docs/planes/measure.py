"""Measure what could draw the page's planes: ``python docs/planes/measure.py [ROUNDS]``.

It installs the packages and builds a page for each candidate in a temporary folder (npm and the
registry are needed), opens the pages from there in the browser that the tests use, in random order,
and prints a table: sizes, seconds to the first drawing, and milliseconds of a frame.
"""

from __future__ import annotations

import gzip
import random
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT))

DRAWING = ROOT / "bench" / "report" / "page" / "script" / "src" / "draw.ts"
PANNED, COLORED = 40, 10  # frames of a round; of slow candidates, as many as fit in the seconds
SECONDS = 4.0
PATIENCE = 15_000  # milliseconds until a candidate counts as drawing nothing
# By page, and the address within it.
CANDIDATES = {
    "own": "plane of our own",
    "bokeh": "Bokeh",
    "bokeh#tenth": "Bokeh, every tenth point while moved",
    "regl": "regl-scatterplot",
    "deck": "deck.gl, ScatterplotLayer",
    "deck-icons": "deck.gl, IconLayer",
    "atlas": "embedding-atlas",
}


def build(folder: Path) -> Path:
    """Build the pages in a folder; return where they are."""
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("*.py"), dirs_exist_ok=True)
    (folder / "src" / "page").mkdir(exist_ok=True)
    shutil.copy(DRAWING, folder / "src" / "page")
    # Without the tables of embedding-atlas, which its peers would bring.
    install = ["npm", "install", "--legacy-peer-deps", "--no-audit", "--no-fund"]
    for command in (install, ["npm", "run", "build"]):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "built"


def sizes(built: Path, page: str) -> tuple[float, float]:
    """Return the kilobytes of a page's scripts, minified, and compressed by gzip."""
    scripts = [built / f"{page}.js", *([built / "bokeh.min.js"] if page == "bokeh" else [])]
    texts = [path.read_bytes() for path in scripts]
    return sum(map(len, texts)) / 1e3, sum(len(gzip.compress(text)) for text in texts) / 1e3


def measure(address: str, browser: Any) -> dict[str, list[float]]:
    """Open a page; return the seconds to the first drawing, and milliseconds of frames."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    try:
        page.goto(address)
        try:
            page.wait_for_function("window.weigh", timeout=PATIENCE)
        except Exception:
            return {}
        found = {"first": [page.evaluate("weigh.first")]}
        for what, count in (("pan", PANNED), ("color", COLORED)):
            one = max(page.evaluate(f"weigh.{what}(2)")["times"])
            fit = int(max(2, min(count, SECONDS * 1000 / one)))
            found[what] = page.evaluate(f"weigh.{what}({fit + 1})")["times"][1:]
        return found
    finally:
        page.close()


def main(rounds: int) -> None:
    """Build, measure in random order, and print the table."""
    from playwright.sync_api import sync_playwright

    from bench.base.errors import count
    from tests.browser import FLAGS, find

    found: dict[str, list[dict[str, list[float]]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        built = build(Path(folder))
        for _ in range(rounds):
            for name in random.sample(list(CANDIDATES), len(CANDIDATES)):
                if found[name] == [{}]:
                    continue
                page, _, part = name.partition("#")
                address = (built / f"{page}.html").as_uri() + (f"#{part}" if part else "")
                # Its own browser each, so that none waits for what another left.
                browser = playwright.chromium.launch(executable_path=find(), args=FLAGS)
                print(name, file=sys.stderr)
                found[name].append(measure(address, browser))
                version = browser.version
                browser.close()
        print(f"Chromium {version}, {count(rounds, 'round')}\n")
        print("| candidate | KB | KB, gzip | first, s | pan, ms | 95th | color, ms | 95th |")
        print("|---|---|---|---|---|---|---|---|")
        for name, title in CANDIDATES.items():
            size = [f"{kilobytes:,.0f}" for kilobytes in sizes(built, name.partition("#")[0])]
            print("|", " | ".join([title, *size, *summary(found[name])]), "|")


def summary(each: list[dict[str, list[float]]]) -> list[str]:
    """Return the medians over rounds as text; dashes for one that draws nothing."""
    if not all(each):
        return ["—"] * 5
    first = f"{np.median([one['first'] for one in each]):.2f}"
    shares = [(what, share) for what in ("pan", "color") for share in (50, 95)]
    frames = (np.median([np.percentile(one[w], s) for one in each]) for w, s in shares)
    return [first, *(f"{milliseconds:,.0f}" for milliseconds in frames)]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
