"""The page's script is the one that its sources make; no Node is needed to know."""

import hashlib
import json
import re
from pathlib import Path

from tests.conftest import ROOT

SOURCES = ROOT / "bench" / "report" / "page" / "script"
BUILT = ROOT / "bench" / "report" / "page" / "parts" / "page.js"


def digest(folder: Path) -> str:
    """Return what vite.config.ts computes."""
    found = hashlib.sha256((folder / "package-lock.json").read_bytes())
    for module in sorted(folder.glob("src/*.ts"), key=lambda path: path.name):
        if not module.name.endswith(".test.ts"):
            found.update(module.read_bytes())
    return found.hexdigest()


def test_it_was_built_from_these_sources():
    found = re.search(r"Sources ([0-9a-f]{64})", BUILT.read_text(encoding="utf-8")[:500])
    assert found, "run `make page`"
    assert found[1] == digest(SOURCES), "the sources have changed: run `make page`"


def test_it_can_stand_in_a_page():
    text = BUILT.read_text(encoding="utf-8")
    assert "</script" not in text.lower()
    assert len(text) < 600_000


def test_its_libraries_have_fixed_versions():
    asked = json.loads((SOURCES / "package.json").read_text(encoding="utf-8"))
    versions = {**asked["dependencies"], **asked["devDependencies"]}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in versions.values()), versions
