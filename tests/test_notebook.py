"""The notebook runs as it is, from an empty folder; what any notebook shows of a grid."""

import builtins
import html
import re
import sys

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient
from PIL import Image
from rich.console import Console

from bench.base.console import LoadBar
from bench.execution.progress import Watch
from bench.session.notebook import MOST, show_pages
from bench.stages.stage import Task
from tests.browser import launched, opened
from tests.conftest import HANGING, ROOT

PAGE = ROOT / "docs" / "sorting_images.ipynb"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The notebook after its run, and the folder that it ran in."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(PAGE, as_version=4)
    execute(notebook, folder)
    return notebook, folder


def execute(notebook, folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.delenv("LATENTGRID_STORE", raising=False)
        client = NotebookClient(
            notebook,
            timeout=HANGING,
            kernel_name="python3",
            resources={"metadata": {"path": folder}},
        )
        client.execute()


def printed(notebook):
    return "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )


def test_it_has_ten_cells_and_is_kept_without_outputs():
    notebook = nbformat.read(PAGE, as_version=4)
    nbformat.validate(notebook)
    assert len(notebook.cells) == 10
    assert not any(cell.get("outputs") for cell in notebook.cells)


@pytest.mark.slow
def test_it_goes_from_a_folder_to_sorted_clusters(run):
    notebook, folder = run
    assert "350 images were sorted into 10 groups of" in printed(notebook)
    assert len(list((folder / "sorted-photos" / "sorted").rglob("*.png"))) == 350
    assert "150 images, 0 of them seen before" in printed(notebook)
    table = pd.read_csv(folder / "clusters" / "assignments.csv")
    assert len(table) == 150
    assert len(list((folder / "clusters" / "sorted").rglob("*.png"))) == 150
    assert len(list((folder / "photos").iterdir())) == 350


def test_it_makes_no_images_in_a_folder_of_the_users(tmp_path, monkeypatch):
    """The first code cell, where folders of these names are there already."""
    for name in ("photos", "new-photos"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.png").write_bytes(b"mine")
    monkeypatch.chdir(tmp_path)
    exec(nbformat.read(PAGE, as_version=4).cells[1].source, {})
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.png")} == {
        "photos/mine.png", "new-photos/mine.png"}  # fmt: skip


@pytest.mark.slow
def test_it_shows_a_table_and_a_contact_sheet(run):
    notebook, _ = run
    shown = [
        output.data
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "data" in output
    ]
    assert any("<table" in data.get("text/html", "") for data in shown)
    assert any("image/png" in data for data in shown)
    assert "error:" not in printed(notebook)


@pytest.mark.slow
def test_the_grid_shows_one_bar_and_the_page(run):
    notebook, _ = run
    (cell,) = (cell for cell in notebook.cells if "run_grid(" in cell.source)
    shown = [output.data for output in cell.outputs if "data" in output]
    assert sum("grid, " in each["text/plain"] for each in shown) == 1
    assert any(re.search(r"grid, (\d+) of \1 tasks .* 100%", each["text/plain"]) for each in shown)
    (page,) = (each["text/html"] for each in shown if "<iframe" in each.get("text/html", ""))
    assert "latentgrid: folder" in page
    assert not any("text" in output for output in cell.outputs)  # no lines


@pytest.mark.slow
def test_it_goes_the_same_way_with_images_of_any_kind_and_number(tmp_path):
    """JPEG files in sub-folders, fewer of them, and a number of groups that is suggested."""
    for name, numbers in (("photos", range(60)), ("new-photos", range(60, 68))):
        for number in numbers:
            path = tmp_path / name / f"of-{number % 2}" / f"{number}.JPG"
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng(number).integers(0, 60, (40, 50, 3))
            image = (noise + 90 * (number % 3)).astype(np.uint8)
            Image.fromarray(image).save(path)
    notebook = nbformat.read(PAGE, as_version=4)
    notebook.cells[1].source = notebook.cells[1].source.replace("CLUSTERS = 10", "CLUSTERS = None")
    execute(notebook, tmp_path)
    assert "60 images were sorted into" in printed(notebook)
    assert "8 images, 0 of them seen before" in printed(notebook)
    assert re.search(r"\(5, \d+\) \(5, \d+\)", printed(notebook))  # codes and embedding of five


class ZMQInteractiveShell:
    """What a notebook's kernel has, as far as rich looks at it."""


@pytest.fixture
def cell(monkeypatch):
    """What a cell shows, each output in its place, as if this process were a notebook's kernel."""
    outputs = []

    class Place:
        def __init__(self, number):
            self.number = number

        def update(self, data, raw):
            outputs[self.number] = data

    def display(data, raw, display_id=None):
        outputs.append(data)
        return Place(len(outputs) - 1)

    monkeypatch.setattr("IPython.display.display", display)
    monkeypatch.setattr(builtins, "get_ipython", ZMQInteractiveShell, raising=False)
    return outputs


def tasks(count):
    return [
        Task("score", str(number), (), {}, {}, f"dnn, seed {number}", 60, 64, 5)
        for number in range(count)
    ]


def test_progress_is_drawn_in_one_place(cell, capsys):
    seen = []
    todo = tasks(100)
    with Watch({task.key: 60.0 for task in todo}) as watch:
        for task in todo:
            steps = watch.begin(task)
            steps(1, 2)
            watch.progress.drawn = 0.0  # long ago
            watch.end(task)
            seen.append(cell[0]["text/plain"])
    assert len(cell) == 1
    assert "grid, 50 of 100 tasks" in seen[49]
    assert "50%" in seen[49]
    assert "left" in seen[49]
    assert re.fullmatch(r"\s*grid, 100 of 100 tasks ━+ 100%\s*", cell[0]["text/plain"])
    assert cell[0]["text/html"].startswith("<pre>")
    assert capsys.readouterr() == ("", "")


def test_what_is_done_already_needs_no_bar(cell):
    with Watch({}):
        pass
    assert cell == []


def test_it_is_drawn_at_most_twice_a_second(cell, monkeypatch):
    with Watch({task.key: 60.0 for task in tasks(100)}) as watch:
        first = cell[0]
        for task in tasks(50):
            watch.end(task)
        assert cell[0] is first
    assert "50 of 100" in cell[0]["text/plain"]  # when it stops, whatever it is


def test_loading_is_drawn_once_it_takes_long_and_cleared(cell):
    with LoadBar() as bar:
        bar("reading images", 1, 9)
    assert cell == []
    with LoadBar() as bar:
        bar.started -= 5
        bar("reading <b>images", 3, 9)
        assert "reading &lt;b&gt;images" in cell[0]["text/html"]
    assert cell == [{"text/plain": "", "text/html": ""}]


PARTS = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>A & "B"</title></head>
<body><a href="#part">to a part</a><p style="height: 3000px"></p><h2 id="part">Part</h2>
<script>window.ran = 1 < 2 && "&amp;".length === 5</script></body></html>"""


def page_at(folder, text=PARTS):
    folder.mkdir()
    (folder / "index.html").write_text(text, encoding="utf-8")
    return [folder / "results.md", folder / "index.html", folder / "results.csv"]


def test_the_page_is_shown_whole_and_linked(cell, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    show_pages(page_at(tmp_path / "50% <b>"))
    (shown,) = cell
    assert shown["text/plain"] == "open 50% <b>/index.html"
    link = '<a href="50%25%20%3Cb%3E/index.html" target="_blank">50% &lt;b&gt;/index.html</a>'
    assert link in shown["text/html"]
    (content,) = re.findall(r'srcdoc="([^"]*)"', shown["text/html"])
    assert html.unescape(content).replace('<base href="about:srcdoc">', "") == PARTS


def test_of_several_data_sets_the_first_page_is_shown_and_all_are_linked(cell, tmp_path):
    written = [path for name in ("all", "one", "two") for path in page_at(tmp_path / name)]
    show_pages(written)
    assert cell[0]["text/html"].count("<a ") == 3
    assert cell[0]["text/html"].count("<iframe ") == 1
    assert f'title="{tmp_path / "all" / "index.html"}"' in cell[0]["text/html"]


@pytest.mark.parametrize("has_files", [False, True])
def test_a_page_that_is_large_or_has_files_beside_it_is_only_linked(cell, tmp_path, has_files):
    written = page_at(tmp_path / "results", PARTS if has_files else PARTS + " " * MOST)
    if has_files:
        (tmp_path / "results" / "index_files").mkdir()
    show_pages(written)
    assert "<a " in cell[0]["text/html"]
    assert "<iframe" not in cell[0]["text/html"]


def test_elsewhere_nothing_is_shown_and_ipython_is_not_needed(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "IPython", None)
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    show_pages(page_at(tmp_path / "results"))
    with Watch({task.key: 60.0 for task in tasks(3)}, Console(force_terminal=False)) as watch:
        watch.end(tasks(3)[0])
    assert capsys.readouterr() == ("", "")


def test_the_frame_works_in_a_browser_and_cannot_reach_the_notebook(cell, tmp_path):
    show_pages(page_at(tmp_path / "results"))
    notebook = tmp_path / "notebook.html"
    head = '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><link rel="icon" href="data:,">'
    notebook.write_text(head + cell[0]["text/html"], encoding="utf-8")
    with launched() as browser, opened(browser, notebook) as page:
        (_, frame) = page.frames
        frame.wait_for_function("window.ran")
        assert frame.evaluate("window.origin") == "null"
        reach = "() => { try { return parent.document } catch (error) { return error.name } }"
        assert frame.evaluate(reach) == "SecurityError"
        frame.click("a")
        frame.wait_for_function("scrollY > 1000")
        assert frame.evaluate("location.href") == "about:srcdoc#part"
