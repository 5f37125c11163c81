"""The README says what is so; test_docs.py holds its links and commands."""

import re
import shutil
import subprocess
import tomllib

import pytest
from PIL import Image

from bench.planning.presets import PRESETS
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()


@pytest.fixture
def committed():
    """Skip where results/ is not what was committed: a run of one's own has other numbers."""
    if shutil.which("git") is None:
        pytest.skip("without git it cannot be told whether results/ is the committed run")
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", "results"], cwd=ROOT)
    if changed.returncode:
        pytest.skip("results/ holds another run than the committed one")


def tables(text):
    """Return each Markdown table of a text as rows of cells, headings first."""
    blocks = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    rows = [
        [[cell.strip() for cell in line[1:-1].split(" | ")] for line in block.splitlines()]
        for block in blocks
    ]
    return [[first, *others] for first, _, *others in rows]


def in_order(part, whole):
    """Say whether all of a list stands in another one, in the same order."""
    rest = iter(whole)
    return all(any(item == other for other in rest) for item in part)


def is_part(table, whole):
    """Say whether a table consists of some columns and rows of another one, in their order."""
    places, start = [], 0
    for heading in table[0]:
        if heading not in whole[0][start:]:
            return False
        start = whole[0].index(heading, start) + 1
        places.append(start - 1)
    return in_order(table, [[row[place] for place in places] for row in whole])


@pytest.mark.usefixtures("committed")
@pytest.mark.parametrize("file", ["results/results.md", "docs/peers.md"])
def test_its_tables_are_parts_of_those_they_are_taken_from(file):
    """`python docs/front.py` writes them again."""
    (text,) = re.findall(rf"<!-- table: {file} -->\n(.*?)<!-- end of table -->", README, re.DOTALL)
    (table,) = tables(text)
    assert len(table) > 5
    assert any(is_part(table, whole) for whole in tables((ROOT / file).read_text()))


def test_another_number_or_order_is_no_part():
    whole = [["a", "n", "b", "n"], ["1", "2", "3", "4"], ["5", "6", "7", "8"]]
    assert is_part([["n", "n"], ["6", "8"]], whole)
    assert is_part([["a", "b"], ["1", "3"], ["5", "7"]], whole)
    assert not is_part([["a", "b"], ["5", "7"], ["1", "3"]], whole)
    assert not is_part([["a", "b"], ["1", "2"]], whole)
    assert not is_part([["b", "a"], ["3", "1"]], whole)


def test_it_is_short_and_its_picture_is_small():
    assert len(README.splitlines()) <= 130
    picture = ROOT / "docs" / "images" / "page.png"
    assert "docs/images/page.png" in README
    assert picture.stat().st_size <= 200_000
    with Image.open(picture) as image:
        assert image.width == 1280


@pytest.mark.usefixtures("committed")
def test_the_committed_results_are_of_the_default_preset():
    config = tomllib.loads((ROOT / "results" / "grid.toml").read_text())
    expected = PRESETS["quick"].settings
    assert {name: config[name] for name in expected} == expected
