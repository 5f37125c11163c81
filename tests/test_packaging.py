"""What is installed is what is there."""

import importlib
import tomllib
from fnmatch import fnmatch

from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_package_is_installed():
    patterns = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    found = {
        ".".join(init.parent.relative_to(ROOT).parts)
        for top in ("bench", "models", "reducers")
        for init in (ROOT / top).rglob("__init__.py")
    }
    assert {"bench.report.page", "models", "reducers"} <= found
    assert all(any(fnmatch(name, pattern) for pattern in patterns) for name in found)
    folders = {
        path.parent
        for top in ("bench", "models", "reducers")
        for path in (ROOT / top).rglob("*.py")
    }
    assert {".".join(folder.relative_to(ROOT).parts) for folder in folders} == found


def test_its_script_is_there():
    module, name = PROJECT["project"]["scripts"]["latentgrid"].split(":")
    assert callable(getattr(importlib.import_module(module), name))
