"""A stage is one file, and its key takes the source of everything in it."""

import ast
import importlib.util
import sys
from itertools import count
from pathlib import Path

import pytest

import bench.stages
from bench.datasets.dataset import load
from bench.planning.plan import plan, plan_scan
from bench.planning.settings import resolve
from bench.stages import stage_of, stages, stages_of_runs
from bench.stages.metrics.table import METRICS
from bench.stages.stage import Stage
from bench.stages.train import BASE

FOLDER = Path(bench.stages.__path__[0])
COMMON = {"__init__", "stage", "cost", "fitted"}  # what stages share
COPIES = count()


@pytest.fixture(scope="module")
def tasks():
    """A task of each stage."""
    data = load("digits", limit=60)
    flags = {"models": "dnn", "reducers": "pca5+umap2", "limit": 60, "seeds": 1, "null": True}
    settings = resolve(flags | {"dataset": "digits", "resamples": 1, "device": "cpu", "threads": 1})
    planned = plan(settings, data).tasks | plan_scan(settings, data).tasks
    return {task.stage: task for task in planned.values()}


def edited(text: str) -> list[str]:
    """Return a file's text with each of its definitions edited, one at a time."""
    lines = text.splitlines(keepends=True)
    found = []
    for node in ast.parse(text).body:
        if isinstance(node, ast.Assign):
            at, line = node.end_lineno, f"{ast.unparse(node.targets[0])} = 7, 8\n"
        elif isinstance(node, ast.FunctionDef):
            at, line = node.end_lineno, "    pass  # edited\n"
        elif isinstance(node, ast.ClassDef):
            at, line = node.end_lineno, "\n    edited = True\n"
        else:
            continue
        found.append("".join([*lines[:at], line, *lines[at:]]))
    return found


def source_of_copy(folder: Path, stage: Stage, text: str) -> str:
    """Return the source's hash of a stage whose file has another text."""
    name = f"copied_stage_{next(COPIES)}"
    path = folder / f"{name}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(name, path)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        return getattr(module, type(stage).__name__)(**stage.settings).source()
    finally:
        del sys.modules[name]


def test_each_stage_is_a_file_of_its_name():
    files = {path.stem for path in FOLDER.glob("*.py")} - COMMON
    assert files == set(stages())
    assert all(stage.__module__ == f"bench.stages.{name}" for name, stage in stages().items())


def test_each_stage_comes_after_those_that_it_reads():
    names = list(stages())
    for name, stage in stages().items():
        reads = [parent for parent in stage.reads if parent != BASE]
        assert all(names.index(parent) < names.index(name) for parent in reads)
    assert stages_of_runs()[-1] == "score"


@pytest.mark.parametrize("name", sorted(stages()))
def test_an_edit_of_anything_in_a_stages_file_changes_its_key(name, tasks, tmp_path):
    stage = stage_of(tasks[name])
    text = (FOLDER / f"{name}.py").read_text()
    assert source_of_copy(tmp_path, stage, text) == stage.source()
    versions = edited(text)
    assert len(versions) >= 2  # the class, and what does the work
    sources = {source_of_copy(tmp_path, stage, version) for version in versions}
    assert len(sources) == len(versions)
    assert stage.source() not in sources


@pytest.mark.parametrize("name", ["reduce", "cluster"])
def test_how_a_fit_is_kept_is_in_the_key(name, tasks, monkeypatch):
    """What both share stands in a file of its own, which shaped artifacts and was in no key."""
    from bench.stages import fitted

    stage = stage_of(tasks[name])
    assert fitted in stage.sources()


def test_estimates_are_for_every_stage(tasks):
    for task in tasks.values():
        stage = stage_of(task)
        assert 0 < stage.seconds(task, (3, 32, 32)) < 3600
        assert 0 < stage.megabytes(task, (3, 32, 32)) < 100


@pytest.mark.parametrize("name", ["measure", "score", "stability"])
def test_the_files_of_its_metrics_are_in_a_stages_key(name, tasks):
    computed = [m.formula for m in METRICS.values() if m.stage == name and m.formula]
    assert computed
    files = {sys.modules[formula.__module__] for formula in computed}
    assert files <= set(stage_of(tasks[name]).sources())
