"""docs/homework.md says what the committed data of its runs say."""

import importlib.util
import re

import numpy as np
import pandas as pd
import pytest

from bench.planning.presets import PRESETS
from bench.planning.settings import resolve
from bench.report.tables import HW5
from tests.conftest import ROOT

FOLDER = ROOT / "docs" / "homework"
PAGE = (ROOT / "docs" / "homework.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def analyze():
    """The script that makes the page's tables."""
    spec = importlib.util.spec_from_file_location("analyze_homework", FOLDER / "analyze.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def records():
    return pd.read_csv(FOLDER / "records.csv")


@pytest.mark.parametrize("table", ["report_table", "chains_table", "changes_table"])
def test_tables_are_those_of_the_data(analyze, records, table):
    made = getattr(analyze, table)(records)
    assert made.count("\n") > 5
    assert made in PAGE


def test_the_table_of_components_is_that_of_the_data(analyze):
    assert analyze.components_table(pd.read_csv(FOLDER / "components.csv")) in PAGE


def test_numbers_of_seeds_are_those_of_the_rule(analyze, records):
    same, other = (analyze.seeds_needed(records, over) for over in (False, True))
    assert f"about {same} seeds are needed" in PAGE.replace("\n", " ")
    assert f"about {other} for images like these" in PAGE.replace("\n", " ")
    # The textbook's number for two means: 2.8 standard errors, a little more with Student's t.
    plain = (1.96 + 0.84) ** 2 * analyze.variances(records).sum() / 0.015**2
    assert plain < same < plain + 3
    assert f"in {100 * analyze.by_chance(records):.0f} of 100 cases" in PAGE.replace("\n", " ")


def test_losses_are_those_of_the_plain_loop(analyze):
    """To the spread over seeds: that loop has another seed."""
    losses = pd.read_csv(FOLDER / "losses.csv")
    dnn = losses[losses["model"] == "dnn"].groupby("epoch")["loss"].mean()
    for epoch, loss in analyze.PLAIN_LOOP.items():
        assert dnn[epoch] == pytest.approx(loss, rel=0.012)
    for epoch in (1, 10, 100):
        assert f"{dnn[epoch]:.2f}" in PAGE
    assert losses.groupby(["model", "seed"]).size().unique().tolist() == [100]


def test_the_data_are_of_the_committed_configuration(analyze, records):
    found = resolve({"device": "cpu"}, FOLDER / "report.toml", lambda question: True)
    recipe = PRESETS["homework"].settings
    assert (found.lr, found.epochs, found.batch_size) == (1e-5, 100, 64)
    assert all(getattr(found, name) == recipe[name] for name in ("lr", "epochs", "schedule"))
    some = analyze.of_recipe(records)
    assert analyze.seeds(records) == found.seeds
    assert {*some["chain"]} == {*found.reducers}
    assert {*found.models} == {*some["model"]}


def test_the_reports_figures_are_whole_numbers_of_its_images(analyze):
    for _, _, accuracy in HW5:
        count = accuracy * analyze.HW5_IMAGES
        assert count == pytest.approx(round(count), abs=0.05)


def test_figures_are_there_and_small():
    shown = re.findall(r"!\[[^\]]+\]\((homework/\w+\.png)\)", PAGE)
    assert len(shown) == 3
    for name in shown:
        assert (ROOT / "docs" / name).stat().st_size < 150_000


def test_the_first_component_is_found(analyze):
    """Of codes that follow brightness, with a little of everything else."""

    class Artifact:
        def require(self, name):
            return codes

    class Grid:
        pass

    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (60, 4, 4, 3)).astype(np.uint8)
    bright = images.mean(axis=(1, 2, 3))
    codes = np.outer(bright, np.ones(5)) + 0.01 * generator.normal(size=(60, 5))
    grid = Grid()
    grid.dataset = type("Set", (), {"images": images, "labels": (bright > 127).astype(int)})()
    grid.dataset.__class__.__len__ = lambda self: 60
    grid.store = type("Store", (), {"load": lambda *_: Artifact()})()
    grid.records = pd.DataFrame(
        {"model": ["dnn", "cnn"], "seed_index": [0, 0], "encode_artifacts": ["a", "b"]}
    )
    pixels, row = analyze.first_components(grid).itertuples()
    assert (pixels.model, row.model) == ("pixels", "dnn")
    assert pixels.share < 0.5
    assert row.share > 0.99
    assert row.brightness > 0.99
    assert row.label == pytest.approx(np.corrcoef(bright, bright > 127)[0, 1], abs=0.01)


def test_runs_with_the_same_images_and_settings_stay_apart(analyze, tmp_path):
    """As those of a small set are: changes.toml limits nothing there."""

    def grid(name):
        columns = {column: [1.0] for column in analyze.COLUMNS if column != "run"}
        found = type("Grid", (), {"out": tmp_path / name})()
        found.records = pd.DataFrame(columns | {"model": "dnn", "status": "ok"})
        return found

    found = analyze.collect([grid("report"), grid("changes"), grid("lr-1e-3"), grid("trains")])
    assert found["run"].tolist() == ["report", "changes", "trains"]  # two changes are one run
    assert len(analyze.of_recipe(found)) == 1
