"""Names of classes that a picture, a terminal or a file cannot take as they are."""

import io
import os
import tomllib
import warnings

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import font_manager
from PIL import Image

from bench.bundle.sheets import paint
from bench.report.paint import canvas, fonts
from bench.report.paint.embeddings import LEGEND, Embedding, panel, written_otherwise
from tests.conftest import SMALL, run_module, without_progress

NAMES = (
    "$5 and $6", "$\\frac$", "cost $a_{ b$", "_background_", "a_b^{c", "a|b<b>&\"'`*x*", "x" * 120,
    "日本語 🐈", "\u202e\x1b[31m", "a\nb", "é̄", "", "_",
)  # fmt: skip


def drawn(names):
    """Draw an embedding of two points a name; return the texts of names, and of the legend."""
    points = np.random.default_rng(0).normal(size=(2 * len(names), 2))
    groups = np.arange(2 * len(names)) // 2
    one = Embedding(("m", "c", "kmeans"), points, groups, names, "label", "")
    with canvas.style(), warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = panel([one])
        figure.savefig(io.BytesIO(), bbox_inches="tight")
        shown = [text.get_text() for text in figure.axes[0].texts]
        (legend,) = figure.legends
        return shown, [text.get_text() for text in legend.get_texts()]


def test_any_name_is_literal_text_in_a_picture(capfd):
    shown, listed = drawn(NAMES)
    assert listed[:6] == list(NAMES[:6])  # one that begins with _ as well
    assert listed[6] == "[7] " + "x" * 18 + "…" + "x" * 9
    assert listed[7] == "[8] \ufffd\ufffd\ufffd \ufffd"
    assert listed[8] == "[9] \ufffd\ufffd[31m"
    assert listed[9] == "[10] a b"
    assert "$\\frac$" in shown
    assert "[8]" in shown  # what it would say is nothing
    assert without_progress(capfd.readouterr().err) == ""


def test_the_caption_has_in_full_what_the_legend_has_not():
    found = written_otherwise(NAMES)
    assert list(found) == ["[7]", "[8]", "[9]", "[10]"]
    assert found["[7]"] == "x" * 120
    assert found["[8]"] == "日本語 🐈"


@given(st.lists(st.text(max_size=200), min_size=1, max_size=4))
def test_every_name_is_in_the_legend_or_in_the_caption(names):
    in_full = written_otherwise(tuple(names))
    for number, name in enumerate(names, start=1):
        assert in_full.get(f"[{number}]", name) == name
        short = canvas.short(name, LEGEND)
        assert fonts.width(short) <= LEGEND
        assert all(map(fonts.font_of, short))


@pytest.fixture
def another_font(tmp_path, monkeypatch):
    """A typeface that has one character which DejaVu Sans lacks, drawn as a large square."""
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "sun"])
    builder.setupCharacterMap({ord("日"): "sun"})
    from fontTools.pens.ttGlyphPen import TTGlyphPen

    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 900), (900, 900), (900, 0)):
        pen.lineTo(corner)
    pen.closePath()
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "sun": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (500, 0), "sun": (1000, 0)})
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": "One Sun", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(tmp_path / "sun.ttf")
    listed = list(font_manager.fontManager.ttflist)
    font_manager.fontManager.addfont(tmp_path / "sun.ttf")
    monkeypatch.setattr(fonts, "OTHERS", ("One Sun",))
    fonts.files.cache_clear()
    yield
    font_manager.fontManager.ttflist = listed
    fonts.files.cache_clear()
    fonts._characters.cache_clear()


def test_what_one_typeface_lacks_another_that_is_there_has(another_font, capfd):
    shown, listed = drawn(("日", "日本", "plain"))
    assert listed == ["日", "[2] 日\ufffd", "plain"]
    assert "日" in shown
    assert without_progress(capfd.readouterr().err) == ""
    sheet = np.asarray(paint("日", [], []))
    assert (sheet < 128).sum() > 500  # a filled square of 18 by 18 pixels, of three channels


def test_a_title_of_a_contact_sheet_is_not_cut():
    sheet = np.asarray(paint("x" * 300, [], []))
    assert (sheet[:, -20:] == 255).all()


@pytest.mark.skipif(os.name == "nt", reason="names of files are text there")
@pytest.mark.slow
def test_folders_of_undecodable_names_are_grouped_and_reported(tmp_path):
    data, out = (os.fsdecode(name) for name in (b"caf\xe9", b"out\xff"))
    for kind, label in enumerate((b"pl\xff", b"_$x_$y", b"x" * 120)):
        folder = tmp_path / data / os.fsdecode(label)
        folder.mkdir(parents=True)
        for number in range(6):
            Image.new("RGB", (8, 8), (120 * kind, 9 * number, 0)).save(folder / f"{number}.png")
    settings = [*SMALL[:-1], f"folder:{data}", "--out", out, "--clusters", "2"]
    settings[settings.index("pca5")] = "pca2"
    found = run_module("bench.grid", *settings, cwd=tmp_path)
    assert (found.returncode, found.stderr) == (0, "")
    (results,) = (path for path in tmp_path.iterdir() if os.fsencode(path.name) == b"out\xff")
    said = tomllib.loads((results / "grid.toml").read_text())
    assert (said["dataset"], said["out"]) == ("folder:caf\\xe9", "out\\xff")
    assert r"pl\xff" in (results / "assignments.csv").read_text()
    assert f"Names in full: \\[3\\] {'x' * 120}." in (results / "results.md").read_text()
    again = run_module("bench.grid", "--config", results / "grid.toml", cwd=tmp_path)
    assert "0 tasks done, 8 were in .store" in again.stdout
    assert run_module("bench.report", results, cwd=tmp_path).returncode == 0
