"""``latentgrid``: one command with the others as sub-commands."""

import os
import subprocess
import sys

import pytest

from bench import cli
from tests.conftest import ROOT


def run(capsys, *words):
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    shown = capsys.readouterr()
    return end.value.code, shown.out, shown.err


def test_help_lists_every_command_and_imports_none_of_them(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    for name, (_, summary) in cli.COMMANDS.items():
        assert f" {name} " in out
        assert summary.split(",")[0] in out
    code = "import sys\ntry:\n    from bench.cli import main; main(['--help'])\n"
    code += "finally:\n    print(*sys.modules, file=sys.stderr)"
    before = os.times().children_user
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert os.times().children_user - before < 0.5  # of the processor, whatever else is at work
    loaded = set(found.stderr.split())
    assert "bench.cli" in loaded
    assert not loaded & {"torch", "numpy", "pydantic", "bench.grid", "bench.planning"}


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_is_called_and_described(capsys, name):
    code, out, _ = run(capsys, name, "--help")
    assert code == 0
    assert f"latentgrid {name}" in out


def test_list_prints_what_grid_does_with_that_option(capsys):
    code, out, _ = run(capsys, "list")
    assert (code, out) == run(capsys, "grid", "--list")[:2]
    assert "contrastive-hand-crafted" in out


@pytest.mark.parametrize("words", [["--seeds", "2"], []])
def test_without_a_command_it_is_a_grid_for_one_release(capsys, monkeypatch, words):
    called = []
    monkeypatch.setattr(cli, "_run", called.append)
    cli.main(words)
    assert called == [["grid", *words]]
    assert capsys.readouterr().err == (
        "warning: latentgrid without a command means latentgrid grid, in this release only\n"
    )


def test_an_unknown_command_gets_a_suggestion(capsys):
    code, out, err = run(capsys, "chek")
    assert (code, out) == (2, "")
    assert err.startswith("error: unknown command 'chek': did you mean 'check'? known are grid, ")
    assert err.count("\n") == 1


def test_exit_codes_are_those_of_the_commands(capsys, tmp_path):
    assert run(capsys, "check", str(tmp_path / "none.csv"))[0] == 2
    assert run(capsys, "worked", "--check", str(ROOT / "docs" / "worked.md"))[0] == 0


@pytest.mark.parametrize(
    ("words", "offered"), [("latentgrid ex", ["export"]), ("latentgrid grid --see", ["--seeds"])]
)
def test_a_shell_completes_commands_and_options(words, offered):
    env = {
        "_LATENTGRID_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
        "PATH": "",
    }
    found = subprocess.run(
        [sys.executable, "-c", "from bench.cli import main; main()"],
        cwd=ROOT, env=env, capture_output=True, text=True,
    )  # fmt: skip
    assert set(offered) <= set(found.stdout.split()), found.stderr


def test_the_former_name_of_select_still_works():
    found = subprocess.run(
        [sys.executable, "-m", "bench.trust", "none.csv"], cwd=ROOT, capture_output=True, text=True
    )
    assert found.returncode == 2
    warning, error = found.stderr.splitlines()
    assert warning == "warning: python -m bench.trust is now python -m bench.select"
    assert error.startswith("error: ")
