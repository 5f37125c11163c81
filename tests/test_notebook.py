"""The notebook runs as it is, from an empty folder."""

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from tests.conftest import HANGING, ROOT

PAGE = ROOT / "docs" / "sorting_images.ipynb"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The notebook after its run, and the folder that it ran in."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.read(PAGE, as_version=4)
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
    return notebook, folder


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
