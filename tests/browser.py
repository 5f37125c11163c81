"""A real browser for tests of pages: the Chromium that is installed, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import HANGING

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PHONE, DESK = {"width": 390, "height": 800}, {"width": 1280, "height": 900}


def find() -> str:
    """Return where a browser is; skip the test where there is none and none has to be."""
    path = os.environ.get("LATENTGRID_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), "")
    if not path:
        missing = f"no browser: none of {', '.join(NAMES)} is installed (Debian: chromium)"
        if os.environ.get("LATENTGRID_NEEDS_BROWSER"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path


@contextmanager
def launched() -> Iterator[Any]:
    """Run a browser."""
    from playwright.sync_api import sync_playwright

    path = find()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, path: Path, **settings: Any) -> Iterator[Any]:
    """Open a page; assert that nothing goes wrong in it, and that no network is asked."""
    context = browser.new_context(**({"viewport": DESK} | settings))
    context.set_default_timeout(HANGING * 1000)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("console", lambda said: said.type in ("error", "warning") and wrong.append(said.text))
    page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda asked: _outside(asked.url, path) and wrong.append(asked.url))
    page.goto(path.as_uri())
    page.wait_for_function(
        "window.latentgrid ? window.latentgrid.ready : true", timeout=HANGING * 1000
    )
    yield page
    page.wait_for_timeout(50)
    context.close()
    assert wrong == []


def _outside(url: str, path: Path) -> bool:
    return not url.startswith(("data:", "blob:")) and url.partition("#")[0] != path.as_uri()
