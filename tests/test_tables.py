"""CSV files: text that a spreadsheet would take for a formula is text, and comes back as it was."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from bench.base.progress import silent
from bench.base.tables import read_csv, row_writer, shield, to_csv, unshield
from bench.datasets import folder, labels
from tests.conftest import SMALL
from tests.inside import run

EVIL = ["=1+1", "+x", "-x", "@SUM(A1)", "\tx", "\rx", " =1", "'=1", "''=1", "-1+2", "=", "＝1"]
PLAIN = ["cat", "'cat", "''", "", "a=b", "–", "1-2", "x\ty", "'1", "it's", "cat's=paw"]
TEXTS = st.text(
    st.sampled_from("'=+-@ \t\r\n,;\"a1.e＝") | st.characters(codec="utf-8"), max_size=8
)


@pytest.mark.parametrize("text", EVIL)
def test_a_formula_gets_an_apostrophe(text):
    assert shield(text) == f"'{text}"
    assert unshield(shield(text)) == text


@pytest.mark.parametrize("text", PLAIN)
def test_other_text_stays(text):
    assert shield(text) == unshield(text) == text


@pytest.mark.parametrize("number", ["-1", "+1", "-0.5", "-.5", "-1e-05", "-1.5E+3", -1, -0.5, None])
def test_numbers_stay_numbers(number):
    assert shield(number) == number


@given(TEXTS)
@example("'-1")
@example("''-1")
def test_every_text_comes_back_and_none_is_a_formula(text):
    written = shield(text)
    assert unshield(written) == text
    if written[:1] in set("=@\t\r\n"):
        raise AssertionError(written)
    if written[:1] in set("+-"):
        float(written)


@given(TEXTS, TEXTS)
def test_different_texts_are_written_differently(one, other):
    assert (shield(one) == shield(other)) == (one == other)


@given(st.lists(st.tuples(TEXTS, st.floats(allow_nan=False)), min_size=1, max_size=4), TEXTS)
def test_a_table_comes_back(tmp_path_factory, rows, title):
    frame = pd.DataFrame(rows, columns=[f"{title}name", "value"])
    path = tmp_path_factory.getbasetemp() / "table.csv"
    path.write_bytes(to_csv(frame).encode())
    found = read_csv(path, keep_default_na=False, dtype={0: str})
    assert found.iloc[:, 0].astype(str).tolist() == frame.iloc[:, 0].tolist()
    np.testing.assert_array_equal(found["value"].astype(float), frame["value"])


def test_it_is_written_as_before_where_nothing_is_a_formula(tmp_path):
    frame = pd.DataFrame(
        {"name": ["a", "b,c", 'd"e', None], "count": [1, -2, 3, 4], "x": [0.1, -1e-9, np.nan, 2]}
    ).assign(mixed=[1, None, True, "t"], whole=[True, False, True, True])
    assert to_csv(frame) == frame.to_csv(index=False)


def test_rows_are_written_the_same_way():
    sink = io.StringIO(newline="")
    row_writer(sink)(["=a", -1, "-1", "b"])
    assert list(csv.reader([sink.getvalue()])) == [["'=a", "-1", "-1", "b"]]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A grid on images whose names and labels are formulas."""
    place = tmp_path_factory.mktemp("formulas")
    draw = np.random.default_rng(0)
    for label, name in (("=cmd", "=a"), ("-x", "+b"), ("'@y", "'=c")):
        (place / "data" / label).mkdir(parents=True)
        for number in range(12):
            image = draw.integers(0, 255, (12, 12, 3), dtype=np.uint8)
            Image.fromarray(image).save(place / "data" / label / f"{name}{number}.png")
    done = run("bench.grid", *SMALL[2:], "--models", "histogram", "--dataset", "folder:data",
               cwd=place)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return place


def cells(path):
    with open(path, newline="", encoding="utf-8") as file:
        return [cell for row in csv.reader(file) for cell in row]


def test_no_file_of_a_grid_holds_a_formula(place):
    files = list((place / "results").rglob("*.csv"))
    assert {path.name for path in files} == {"results.csv", "assignments.csv"}
    for path in files:
        for cell in cells(path):
            assert not cell.lstrip().startswith(("=", "@")), cell
            if cell.startswith(("+", "-")):
                float(cell)


def test_assignments_have_the_names_that_files_and_labels_have(place):
    found = read_csv(place / "results" / "assignments.csv")
    assert set(found["true_label"]) == {"=cmd", "-x", "'@y"}
    assert set(found["image"]) == {
        str(path.relative_to(place / "data")) for path in (place / "data").rglob("*.png")
    }


def test_assigned_images_too_and_their_table_is_read_as_labels(place):
    for name, arguments in (
        ("bench.export", ["--best", "--to", "m.latentgrid"]),
        ("bench.assign", ["m.latentgrid", "data", "--out", "clusters"]),
    ):
        done = run(name, *arguments, cwd=place)
        assert done.returncode == 0, done.stderr
    table = place / "clusters" / "assignments.csv"
    assert not any(cell.startswith(("=", "@")) for cell in cells(table))
    files = read_csv(table)["file"]
    assert set(files) == {
        str(path.relative_to(place / "data")) for path in (place / "data").rglob("*.png")
    }
    for label in (place / "data").iterdir():
        for file in label.iterdir():  # in one folder, where names begin as formulas do
            (place / "flat").mkdir(exist_ok=True)
            (place / "flat" / file.name).write_bytes(file.read_bytes())
    rows = [(file.rpartition("/")[2], file.partition("/")[0]) for file in files]
    ours = pd.DataFrame(rows, columns=["file", "label"]).assign(cluster=0)
    (place / "labels.csv").write_text(to_csv(ours))
    done = run(
        "bench.grid", *SMALL[2:], "--models", "histogram", "--dataset", "folder:flat",
        "--labels", "labels.csv", "--out", "labeled", cwd=place,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    labeled = read_csv(place / "labeled" / "assignments.csv")
    assert dict(zip(labeled["image"], labeled["true_label"], strict=True)) == dict(rows)


def test_a_table_of_somebody_elses_is_taken_as_it_stands(tmp_path):
    for name in ("=a.png", "'=b.png", "c.png"):
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / name)
    text = "file,label\n'=a.png,'=x\n'=b.png,=y\nc.png,'z\n"
    (tmp_path / "labels.csv").write_text(text)
    source = labels.apply(folder.load(str(tmp_path), silent), str(tmp_path / "labels.csv"))
    assert dict(zip(source.files, source.labels.tolist(), strict=True)) == {
        "=a.png": "'=x", "'=b.png": "=y", "c.png": "'z",
    }  # fmt: skip
