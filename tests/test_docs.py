"""Pages of docs/ say what is so: they are listed, lead somewhere, and their code runs.

None of this needs Sphinx, which makes a site of them (``make docs``).
"""

import importlib
import re
import shlex
from string import Template

import pandas as pd
import pytest

from bench.cli import COMMANDS
from bench.planning.settings import resolve
from tests.conftest import ROOT

DOCS = ROOT / "docs"
README = ROOT / "README.md"
PAGES = {path.name: path.read_text(encoding="utf-8") for path in [README, *DOCS.glob("*.md")]}
COMMAND = re.compile(r"^(?:latentgrid |python -m bench\.)(\w+) ?(.*)$", re.MULTILINE)


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGES[page], re.DOTALL | re.MULTILINE)


def prose(text):
    """Return a page without its blocks of code and its code in backticks."""
    return re.sub(r"`[^`\n]+`", "code", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.M))


def anchors(text):
    """Return what GitHub and the site call a page's headings in links."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


def test_every_page_is_in_the_index_once():
    listed = re.findall(r"^- \[.*?\]\((\w+\.md)\)", PAGES["index.md"], re.MULTILINE)
    assert sorted(listed) == sorted({*PAGES} - {"README.md", "index.md"})


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files_and_headings(page):
    folder = ROOT if page == "README.md" else DOCS
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(PAGES[page])):
        if re.match(r"https?:", link):
            continue
        file, _, anchor = link.partition("#")
        path = (folder / file) if file else folder / page
        assert path.is_file(), link
        assert path.resolve().is_relative_to(ROOT), link
        assert not anchor or anchor in anchors(path.read_text(encoding="utf-8")), link


@pytest.mark.parametrize("page", PAGES)
def test_python_is_python(page):
    for code in blocks(page, "python"):
        compile(code, page, "exec")


def lines():
    """Return each command of latentgrid in a block for the shell: page, command and arguments."""
    commands = []
    for page in PAGES:
        for block in blocks(page, "sh"):
            whole = block.replace("\\\n", " ")
            variables = dict(re.findall(r"^(\w+)='(.*)'$", whole, re.MULTILINE))
            whole = Template(whole).safe_substitute(variables)
            commands += [(page, *found) for found in COMMAND.findall(whole)]
    return commands


def test_commands_are_found():
    assert len(lines()) > 40
    assert {name for _, name, _ in lines()} >= {"grid", "sort", "export", "assign", "check"}


@pytest.mark.parametrize(("page", "name", "rest"), lines())
def test_commands_are_understood(page, name, rest, monkeypatch):
    """Options exist, and the settings of a grid are valid; data sets need not be there."""
    typer = pytest.importorskip("typer")
    monkeypatch.setattr("bench.planning.settings.find_device", lambda: "cuda")
    program = typer.main.get_command(importlib.import_module(COMMANDS[name][0]).main.app)
    with program.make_context(name, shlex.split(rest, comments=True)) as context:
        given = {key: value for key, value in context.params.items() if value}
    if name == "grid":
        for other in ("dry_run", "list_items", "config"):
            given.pop(other, None)
        assert resolve(given).models


def test_the_plugin_runs_as_printed(command, tmp_path):
    (plugin,) = [code for code in blocks("growing.md", "python") if "autoencoders.reg" in code]
    (tmp_path / "mine.py").write_text(plugin)
    found = command(
        "--plugin", "mine.py", "--models", "small", "--reducers", "pca9", "--limit", "100",
        "--seeds", "1", "--epochs", "1", "--no-null",
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


@pytest.mark.slow
def test_the_python_of_run_grid_runs_as_printed(tmp_path, monkeypatch):
    (code,) = [code for code in blocks("python.md", "python") if "run_grid" in code]
    monkeypatch.chdir(tmp_path)
    smaller = code.replace("seeds=5", "seeds=1, epochs=1, limit=150, null=False, engine='inline'")
    assert smaller != code
    exec(compile(smaller, "python.md", "exec"), {})
    assert (tmp_path / "results" / "results.md").is_file()
