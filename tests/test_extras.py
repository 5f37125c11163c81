"""What an installation may lack: listed with how to get it, refused in one line."""

import importlib.util
import sys

import pytest

from bench.base.errors import UsageError
from bench.base.extras import how_to_install, missing, require
from bench.planning.settings import resolve
from models import autoencoders
from reducers import reducers

PLUGIN = """
from reducers import reducers
from reducers.reducer import Reducer

@reducers.register("wanting", "wants what nobody has")
class Wanting(Reducer):
    requires = ("no_such_module",)
    extra = "gpu"
"""


class Wants:
    requires = ("no_such_module", "json", "nor_this")


@pytest.fixture
def without_extras(monkeypatch):
    """An installation without pacmap, torchdr and datasets."""
    find = importlib.util.find_spec
    absent = {"pacmap", "torchdr", "datasets"}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in absent else find(name)
    )


def test_what_is_missing_is_found_without_importing_it():
    assert missing(Wants) == ["no_such_module", "nor_this"]
    assert how_to_install(Wants) == "pip install no_such_module nor_this"
    assert "pacmap" not in sys.modules or missing(reducers["pacmap"]) == []


def test_a_folder_of_that_name_is_not_the_package(tmp_path, monkeypatch):
    class Wants:
        requires = ("photographs_of_mine",)

    (tmp_path / "photographs_of_mine").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert missing(Wants) == ["photographs_of_mine"]


def test_what_requires_nothing_is_there():
    assert how_to_install(reducers["pca"]) == ""
    for entry in autoencoders:
        if entry.name != "pretrained":
            require(autoencoders, entry.name)


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        (
            "pca5+pacmap2",
            "reducers: reducer pacmap needs the package pacmap, which is not installed: "
            "pip install pacmap (latentgrid's extra [reducers])",
        ),
        (
            "torchdr-umap2",
            "reducers: reducer torchdr-umap needs the package torchdr, which is not installed: "
            "pip install torchdr (latentgrid's extra [gpu])",
        ),
        ("torchdr-tsne2", "reducer torchdr-tsne needs the package torchdr"),
    ],
)
def test_a_reducer_that_is_not_installed_is_refused_in_one_line(without_extras, chain, message):
    with pytest.raises(UsageError) as error:
        resolve({"reducers": f"pca3,{chain}"})
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_several_packages_are_named_together(monkeypatch):
    monkeypatch.setattr(reducers["pca"], "requires", Wants.requires)
    with pytest.raises(ValueError, match="packages no_such_module and nor_this, which are not"):
        require(reducers, "pca")


def test_the_list_says_what_to_install(without_extras, capsys):
    from bench.list import print_items

    assert print_items([]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, package, extra in (
        ("pacmap", "pacmap", "reducers"),
        ("torchdr-umap", "torchdr", "gpu"),
        ("torchdr-tsne", "torchdr", "gpu"),
        ("hf", "datasets", "hub"),
    ):
        (line,) = (line for line in lines if line.split()[:1] == [name])
        assert line.endswith(f"needs pip install {package} (latentgrid's extra [{extra}])")
    assert all(len(line) < 120 for line in lines)
    assert not any("pip install" in line for line in lines if line.split()[:1] == ["umap"])


def test_the_command_ends_with_2_and_no_traceback(command, tmp_path):
    (tmp_path / "plugin.py").write_text(PLUGIN)
    found = command("--plugin", "plugin.py", "--reducers", "pca5+wanting")
    assert found.returncode == 2
    assert "Traceback" not in found.stderr
    assert "reducer wanting needs the package no_such_module" in found.stderr
    assert "pip install no_such_module (latentgrid's extra [gpu])" in found.stderr
    assert len(found.stderr.strip().splitlines()) == 1
