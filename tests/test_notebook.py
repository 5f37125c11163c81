"""The notebook runs as it is, from an empty folder."""

import re

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient
from PIL import Image

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
