"""The README says what is so."""

import re
import shutil
import subprocess
import tomllib

import pandas as pd
import pytest

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


@pytest.mark.usefixtures("committed")
def test_its_table_is_that_of_the_committed_results():
    results = (ROOT / "results" / "results.md").read_text()
    (table,) = re.findall(r"<!-- table:.*?-->\n(.*?)\n<!-- end", README, re.DOTALL)
    assert table in results


def test_its_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) >= 3
    for link in links:
        assert (ROOT / link).is_file(), link


@pytest.mark.usefixtures("committed")
def test_the_committed_results_are_of_the_default_preset():
    config = tomllib.loads((ROOT / "results" / "grid.toml").read_text())
    expected = PRESETS["quick"].settings
    assert {name: config[name] for name in expected} == expected


def test_its_plugin_runs_as_printed(command, tmp_path):
    (plugin,) = [
        block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL)
        if "autoencoders.register" in block
    ]  # fmt: skip
    assert len(plugin.splitlines()) <= 30
    (tmp_path / "mine.py").write_text(plugin)
    found = command(
        "--plugin", "mine.py", "--models", "small", "--reducers", "pca9", "--limit", "100",
        "--seeds", "1", "--epochs", "1",
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    records = pd.read_csv(tmp_path / "results" / "results.csv")
    rows = [f"{record.model} {record.chain}" for record in records.itertuples()]
    assert rows == [
        "pixels none", "pixels pca9", "untrained-small none", "untrained-small pca9",
        "small none", "small pca9",
    ]  # fmt: skip
    assert (records["status"] == "ok").all()
    trained = records.set_index(["model", "chain"])["summed_batch_mse"].notna()
    assert trained[trained].index.get_level_values("model").unique().tolist() == ["small"]


def test_its_python_runs_as_printed(tmp_path, monkeypatch):
    (code,) = [
        block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL)
        if "run_grid" in block
    ]  # fmt: skip
    monkeypatch.chdir(tmp_path)
    smaller = code.replace("seeds=5", "seeds=1, epochs=1, limit=150")
    assert smaller != code
    exec(compile(smaller, "README", "exec"), {})
    assert (tmp_path / "results" / "results.md").is_file()


@pytest.mark.parametrize("line", re.findall(r"^python -m bench\.grid (.*)$", README, re.MULTILINE))
def test_its_commands_are_understood(line, npy_folder, image_folder):
    """Each command line's settings are valid; the data it names are stood in for."""
    import shlex

    from bench.grid import main

    typer = pytest.importorskip("typer")
    words = shlex.split(line, comments=True)
    command = typer.main.get_command(main.app)
    with command.make_context("grid", words) as context:
        given = {name: value for name, value in context.params.items() if value}
    from bench.planning.settings import resolve

    for name in ("dry_run", "list_items", "config"):
        given.pop(name, None)
    spec = resolve(given)
    assert spec.models
