"""Plugins run where somebody named them now, and not because a file names them."""

import io

import pytest

from bench import export_bundle, run_grid
from bench.base import command as commands
from bench.base.errors import UsageError
from bench.planning.settings import resolve
from tests.conftest import SMALL
from tests.inside import restored, run

PLUGIN = """
from pathlib import Path
import numpy as np
from bench.datasets import datasets
from bench.datasets.source import in_memory
from models import autoencoders
from models.pixels import Pixels

Path("ran").touch()

@autoencoders.register("mine", "the pixels under another name")
class Mine(Pixels):
    \"\"\"The pixels.\"\"\"
"""
GRID = ["--models", "mine", *SMALL[2:], "--limit", "60"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the results of a grid that needed a plugin, mine.py."""
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "mine.py").write_text(PLUGIN)
    done = run("bench.grid", "--plugin", "mine.py", *GRID, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def ran(place):
    """Whether the plugin ran since the test began."""
    (place / "ran").unlink(missing_ok=True)
    return (place / "ran").exists


def test_the_report_is_written_without_the_plugin(place, ran):
    before = (place / "results" / "results.md").read_text()
    (place / "results" / "results.md").unlink()
    done = run("bench.report", cwd=place)
    assert (done.returncode, done.stderr) == (0, "")
    assert not ran()
    assert (place / "results" / "results.md").read_text() == before
    assert "mine" in before


@pytest.mark.parametrize("module", ["bench.check", "bench.select", "bench.compare"])
def test_what_reads_records_runs_nothing(place, ran, module):
    files = ["results/results.csv"] * (2 if module == "bench.compare" else 1)
    run(module, *files, cwd=place)
    assert not ran()


def test_export_needs_the_plugin_typed(place, ran):
    done = run("bench.export", "--best", "--to", "m.latentgrid", cwd=place)
    assert done.returncode == 2
    assert "unknown model 'mine'" in done.stderr
    assert "needs --plugin FILE" in done.stderr
    assert not ran()
    done = run("bench.export", "--best", "--to", "m.latentgrid", "--plugin", "mine.py", cwd=place)
    assert done.returncode == 0, done.stderr
    assert ran()


def test_export_from_python_takes_plugins(place, ran, monkeypatch):
    monkeypatch.chdir(place)
    with pytest.raises(UsageError, match=r"unknown model 'mine'.*--plugin"):
        export_bundle("n.latentgrid")
    assert not ran()
    with restored():
        assert export_bundle("n.latentgrid", plugins=["mine.py"]).manifest.model.text == "mine"


def test_a_configuration_file_with_plugins_is_refused_where_nobody_can_be_asked(place, ran):
    done = run("bench.grid", "--config", "results/grid.toml", cwd=place)
    assert done.returncode == 2
    assert "results/grid.toml names plugins" in done.stderr
    assert "mine.py" in done.stderr
    assert "--trust-plugins" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not ran()


@pytest.mark.parametrize("how", [["--trust-plugins"], ["--plugin", "mine.py"]])
def test_it_runs_where_plugins_are_trusted_or_typed(place, ran, how):
    done = run("bench.grid", "--config", "results/grid.toml", *how, "--dry-run", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "0 of" in done.stdout
    assert ran()


@pytest.mark.parametrize(("answer", "code"), [(True, 0), (False, 2)])
def test_it_is_asked_once_and_the_answer_counts(place, ran, monkeypatch, answer, code):
    asked = []
    monkeypatch.setattr("bench.grid.confirm", lambda text: asked.append(text) or answer)
    done = run("bench.grid", "--config", "results/grid.toml", "--dry-run", cwd=place)
    assert done.returncode == code
    (question,) = asked
    assert question.startswith("results/grid.toml names plugins")
    assert question.endswith("mine.py")
    assert ran() == (code == 0)


class Stream(io.StringIO):
    """Standard input or error, on a terminal or not."""

    def __init__(self, text, terminal):
        super().__init__(text)
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@pytest.mark.parametrize(
    ("text", "terminal", "answer"),
    [("y\n", True, True), ("n\n", True, False), ("", True, False), ("y\n", False, False)],
)
def test_a_question_is_put_to_a_terminal_only(monkeypatch, text, terminal, answer):
    shown = Stream("", terminal)
    monkeypatch.setattr("sys.stdin", Stream(text, terminal))
    monkeypatch.setattr("sys.stderr", shown)
    assert commands.confirm("a\x1b[2Jb\nc") is answer
    assert ("Go on?" in shown.getvalue()) == terminal
    assert "\x1b" not in shown.getvalue()


def test_python_has_an_argument_for_it(place, ran, monkeypatch):
    monkeypatch.chdir(place)
    with pytest.raises(UsageError, match=r"names plugins.*mine\.py.*trust_plugins=True"):
        run_grid(config="results/grid.toml")
    assert not ran()
    with restored():
        found = run_grid(config="results/grid.toml", trust_plugins=True)
    assert list(found["model"]) == ["mine"]


@pytest.mark.parametrize("value", ['"mine.py"', '["mine.py", "other.py"]', "7", "{a = 1}"])
def test_every_form_of_the_setting_is_refused(place, ran, tmp_path, monkeypatch, value):
    monkeypatch.chdir(place)
    (tmp_path / "grid.toml").write_text(f"plugins = {value}\n")
    with pytest.raises(UsageError, match="names plugins") as error:
        resolve({}, tmp_path / "grid.toml")
    assert ("mine.py" in str(error.value)) == ("mine.py" in value)
    assert not ran()


def test_no_plugins_typed_are_no_plugins(place, ran, monkeypatch):
    monkeypatch.chdir(place)
    with pytest.raises(UsageError, match="unknown model 'mine'"):
        resolve({"plugins": []}, place / "results" / "grid.toml")
    assert not ran()


def test_a_data_set_of_a_plugin_must_be_typed_for_the_report(place, ran):
    out = place / "own"
    (place / "data.py").write_text(
        PLUGIN.split("@autoencoders")[0]
        + '@datasets.register("own", "the digits under another name")\n'
        "def load(argument, progress):\n    from bench.datasets.digits import load\n"
        "    return load(argument, progress)\n"
    )
    given = ["--plugin", "data.py", "--dataset", "own", "--out", "own", "--limit", "60"]
    done = run("bench.grid", *SMALL, *given, cwd=place)
    assert done.returncode == 0, done.stderr
    (place / "ran").unlink()
    done = run("bench.report", "own", cwd=place)
    assert done.returncode == 2
    assert "unknown data set 'own'" in done.stderr
    assert "needs --plugin FILE" in done.stderr
    assert not ran()
    done = run("bench.report", "own", "--plugin", "data.py", cwd=place)
    assert done.returncode == 0, done.stderr
    assert (out / "results.md").exists()
