import inspect
import math
import os
import platform
import subprocess
import sys
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.base import keys
from bench.base.registry import load_plugin
from bench.base.seeds import derive
from models import autoencoders
from models.cnn import CNN
from tests.conftest import ROOT


def test_seeds_are_fixed_for_ever():
    """A change here would change every result that anybody has published."""
    assert derive(0, 0, "weights", "cnn") == 880_616_996


@given(st.integers(0, 2**60), st.integers(0, 999), st.lists(st.text(max_size=9), max_size=3))
def test_seeds_are_in_range_and_repeat(base, index, names):
    seed = derive(base, index, *names)
    assert 0 <= seed < 2**32
    assert seed == derive(base, index, *names)


def test_seeds_differ_by_each_part():
    seeds = {derive(0, 0, "a", "b"), derive(1, 0, "a", "b"), derive(0, 1, "a", "b")}
    seeds |= {derive(0, 0, "ab"), derive(0, 0, "b", "a"), derive(0, 0)}
    assert len(seeds) == 6


def test_keys_depend_on_content_and_not_on_order():
    assert keys.key({"a": 1, "b": [1, 2]}) == keys.key({"b": [1, 2], "a": 1})
    assert keys.key({"a": 1}) != keys.key({"a": 2})
    assert len(keys.key({})) == 40
    with pytest.raises(ValueError, match="JSON"):
        keys.key({"a": math.nan})


ENTRIES = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9), max_size=3)


@given(ENTRIES, st.lists(st.text(max_size=9)), ENTRIES)
def test_a_frame_makes_the_same_keys(fixed, parents, settings):
    whole = {"fixed": fixed, "parents": parents, "settings": settings}
    frame = keys.Frame({"fixed": fixed}, "parents", "settings")
    assert frame.key(keys.text(parents), keys.text(settings)) == keys.key(whole)


def test_source_of_a_class_covers_what_it_derives_from():
    assert keys.source(CNN) != keys.source(autoencoders["untrained-cnn"])
    files = keys._class_texts(autoencoders["untrained-cnn"])
    assert any("class CNN" in text for text in files)
    assert any("class Autoencoder" in text for text in files)
    assert not any("class Module" in text for text in files)  # torch's version stands for it


@pytest.fixture
def written(tmp_path):
    """Write a model into a file of a folder's own, load it, and return its untrained variant."""

    def write(folder, width):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "mine.py"
        path.write_text(
            "from models import autoencoders\nfrom models.dnn import DNN\n"
            "@autoencoders.register('mine', 'x')\n"
            f"class Mine(DNN):\n    width = {width}\n    original = 'of mine'\n"
        )
        load_plugin(path)
        variant = autoencoders["untrained-mine"]
        autoencoders.unregister("mine")
        return variant

    return write


def test_source_of_a_variant_is_the_text_of_its_original_wherever_that_lies(written):
    one, same, other = written("a", 1), written("b", 1), written("c", 2)
    assert keys.source(one) == keys.source(same) != keys.source(other)
    for text in ("class Mine(DNN)", "class DNN", "class Untrained"):
        assert any(text in file for file in keys._class_texts(one)), text


def test_source_of_a_variant_of_a_notebooks_model(monkeypatch):
    """There the class itself has no file; its cell is asked for, and the variant has none."""
    texts = {"Mine": "class Mine: its cell"}
    monkeypatch.setattr(keys, "_cell_text", lambda c: texts.get(c.__name__, f"file of {c}"))
    cell = type("Mine", (CNN,), {"__module__": "__main__"})
    autoencoders.register("mine", "x")(cell)
    try:
        variant = autoencoders["untrained-mine"]
        monkeypatch.setattr(keys.inspect, "getfile", raising_for(cell))
        assert texts["Mine"] in keys._class_texts(variant)
        assert not any("UntrainedMine" in text for text in keys._class_texts(variant))
    finally:
        autoencoders.unregister("mine")


def raising_for(item):
    getfile = inspect.getfile

    def found(c):
        if c is item:
            raise OSError("source code not available")
        return getfile(c)

    return found


def test_source_changes_with_the_text(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))

    def item(body):
        (tmp_path / "written.py").write_text(f"def f():\n    return {body}\n")
        sys.modules.pop("written", None)
        import linecache

        linecache.clearcache()
        module = types.ModuleType("written")
        code = (tmp_path / "written.py").read_text()
        exec(compile(code, str(tmp_path / "written.py"), "exec"), module.__dict__)
        return keys.source(module.f)

    assert item("1") != item("2")
    assert item("1") == item("1")


def test_what_tools_put_among_sources_does_not_count(tmp_path):
    (tmp_path / "page").mkdir()
    (tmp_path / "page" / "main.ts").write_text("1")
    before = keys.sources(tmp_path)
    for name in keys.NOT_WRITTEN:
        (tmp_path / "page" / name / "deep").mkdir(parents=True)
        (tmp_path / "page" / name / "deep" / "more.py").write_text("2")
    assert keys.sources(tmp_path) == before
    (tmp_path / "page" / "main.ts").write_text("3")
    assert keys.sources(tmp_path) != before


def test_the_processors_kernels_are_named():
    import torch

    named = keys.processor()
    assert torch.backends.cpu.get_cpu_capability() in named
    if (
        "openblas" in named and platform.machine() == "x86_64"
    ):  # its kernels are a matter of the machine, or of a variable
        script = "from bench.base import keys; print(keys.processor())"
        env = os.environ | {"OPENBLAS_CORETYPE": "Nehalem", "PYTHONPATH": str(ROOT)}
        other = subprocess.run(
            [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
        )
        assert "Nehalem" in other.stdout
        assert ("Nehalem" in named) == (other.stdout.strip() == named)


def test_versions_without_local_suffix():
    assert keys.installed("torch").count("+") == 0
    assert keys.installed("no-such-distribution") == "not installed"
