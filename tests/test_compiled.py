"""What numba compiles is kept: beside the packages, or in the store, or among temporary files."""

import os
import stat
import sys

import pytest

from bench.base import compiled
from bench.base.compiled import FOLDER, VARIABLE, find_place
from bench.base.progress import silent
from bench.execution.worker.messages import Ready
from bench.execution.worker.serve import Here
from bench.planning.settings import resolve
from bench.session.session import Session
from bench.store import Store
from bench.store.upkeep import places, prune, record_grid, sizes


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """A machine on which nobody may write beside the packages; its folder of temporary files."""
    monkeypatch.setenv(VARIABLE, "")  # so that it is put back
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr(compiled, "_beside_packages", lambda: tmp_path / "none" / "__pycache__")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    if "numba" in sys.modules:
        config = sys.modules["numba"].config
        monkeypatch.setattr(config, "CACHE_DIR", config.CACHE_DIR)
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_compiled_code_stays_beside_the_packages_or_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, "/mine")
    find_place(tmp_path)
    assert os.environ[VARIABLE] == "/mine"
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr(compiled, "_beside_packages", lambda: tmp_path / "beside")
    find_place(tmp_path)
    assert VARIABLE not in os.environ


def test_it_is_in_the_store_where_nobody_can_write_there(elsewhere):
    store = Store(elsewhere / "store")
    store.prepare()
    store.root.chmod(0o755)
    find_place(store.root)
    folder = store.root / FOLDER
    assert os.environ[VARIABLE] == str(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (folder / "umap_1").mkdir()
    (folder / "umap_1" / "layouts.nbc").write_bytes(b"code")
    record_grid(store, elsewhere, [], "")
    prune(store, False, silent)
    assert [*places(store)] == []
    assert FOLDER not in {name for name, *_ in sizes(store)}
    assert (folder / "umap_1" / "layouts.nbc").exists()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has no such modes")
def test_a_store_that_others_may_write_to_holds_no_code_that_is_run(elsewhere):
    store = elsewhere / "store"
    store.mkdir()
    store.chmod(0o777)
    find_place(store)
    assert os.environ[VARIABLE] == str(elsewhere / f"latentgrid-{FOLDER}-{os.getuid()}")
    assert not (store / FOLDER).exists()


def test_a_link_in_the_store_is_not_followed(elsewhere):
    (elsewhere / "other").mkdir()
    store = elsewhere / "store"
    store.mkdir(mode=0o755)
    (store / FOLDER).symlink_to(elsewhere / "other")
    find_place(store)
    assert os.environ[VARIABLE].startswith(str(elsewhere / "latentgrid"))


def test_there_may_be_no_place_at_all(elsewhere, monkeypatch):
    def none():
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setattr("tempfile.gettempdir", none)
    find_place()
    assert VARIABLE not in os.environ


def test_a_worker_finds_the_place_before_it_does_anything(elsewhere):
    given = {"dataset": "digits", "limit": 60, "models": "pixels", "reducers": "pca5"}
    where = {"out": elsewhere / "results", "store": elsewhere / "store", "engine": "inline"}
    session = Session(resolve(given | where | {"seeds": 1, "baselines": False, "null": False}))
    session.prepare()
    (elsewhere / "store").chmod(0o755)
    (grid,) = session.grids
    grid._save_data()
    assert isinstance(Here().set_up(grid._setup()), Ready)
    assert os.environ[VARIABLE] == str(elsewhere / "store" / FOLDER)


def test_umap_keeps_all_that_it_compiles():
    """Of its own functions few would be kept, and every process would compile the rest again."""
    from numba.core.caching import NullCache

    umap = compiled.load("umap", "pynndescent")
    epoch = umap.layouts._nb_optimize_layout_euclidean_single_epoch
    assert not isinstance(epoch._cache, NullCache)
    assert not isinstance(umap.distances.euclidean._cache, NullCache)
