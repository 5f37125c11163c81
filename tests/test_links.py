"""A symbolic link in a shared folder never decides where something is written or removed."""

import stat
import time

import numpy as np
import pytest

from bench.base.errors import RunError, UsageError
from bench.base.files import clear, make_folder, write_text, write_whole
from bench.base.progress import silent
from bench.bundle.groups import Clusters
from bench.bundle.sheets import Album
from bench.report.write import prepare, remove_stale_sets
from bench.store import Store, StoreError, upkeep
from bench.store.store import ROOMS
from tests.conftest import SMALL
from tests.inside import run

KEPT = {"kept.txt": "mine", "deep/file.txt": "mine too", "deep/under/file.txt": "and this"}


@pytest.fixture
def mine(tmp_path):
    """A folder of somebody's that nothing may change."""
    for name, text in KEPT.items():
        path = tmp_path / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    yield tmp_path / "mine"
    found = {
        str(path.relative_to(tmp_path / "mine")): path.read_text()
        for path in (tmp_path / "mine").rglob("*")
        if path.is_file()
    }
    assert found == KEPT


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path / "store")
    found.prepare()
    return found


def save(store, key="k", replace=False):
    store.save("train", key, {"x": np.arange(3.0)}, {}, {}, replace=replace)


def test_a_link_is_replaced_and_its_target_stays(mine, tmp_path):
    link = tmp_path / "results.md"
    link.symlink_to(mine / "kept.txt")
    write_text(link, "new")
    assert not link.is_symlink()
    assert link.read_text() == "new"


def test_a_draft_is_where_nobody_else_can_write(tmp_path):
    seen = []

    def write(draft):
        seen.append((draft.name, stat.S_IMODE(draft.parent.stat().st_mode)))
        draft.write_text("new")

    write_whole(tmp_path / "a.csv", write)
    assert seen == [("a.csv", 0o700)]
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    with pytest.raises(ZeroDivisionError):
        write_whole(tmp_path / "a.csv", lambda draft: 1 / 0)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    assert (tmp_path / "a.csv").read_text() == "new"


def test_a_file_has_the_permissions_that_others_have(tmp_path):
    (tmp_path / "other").write_text("")
    write_text(tmp_path / "a", "")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_what_a_link_leads_to_is_not_cleared(mine, tmp_path):
    for target in ("deep", "kept.txt", "gone"):
        link = tmp_path / "link"
        link.symlink_to(mine / target)
        with pytest.raises(OSError, match="link is a symbolic link"):
            make_folder(link)
        clear(link)
        assert not link.is_symlink()


def test_the_file_that_hides_a_store_from_git_is_written_once_and_through_no_link(mine, tmp_path):
    for name in ("linked", "own", "new"):
        (tmp_path / name).mkdir()
    (tmp_path / "linked" / ".gitignore").symlink_to(mine / "kept.txt")
    (tmp_path / "own" / ".gitignore").write_text("*.pyc\n")
    for name in ("linked", "own", "new"):
        Store(tmp_path / name).prepare()
    assert (tmp_path / "own" / ".gitignore").read_text() == "*.pyc\n"
    assert (tmp_path / "new" / ".gitignore").read_text() == "*\n"


def test_a_traceback_replaces_a_link(mine, store):
    (store.root / "errors" / "k.txt").symlink_to(mine / "kept.txt")
    path = store.write_error("k", "Traceback \udcff")
    assert path.read_text() == "Traceback \\udcff"
    assert not path.is_symlink()


@pytest.mark.parametrize("room", ROOMS)
def test_a_folder_of_the_store_that_is_a_link_is_refused(mine, store, room):
    save(store)
    clear(store.root / room)
    (store.root / room).symlink_to(mine)
    with pytest.raises(UsageError, match=f"cannot be written: {room} is a symbolic link"):
        store.prepare()
    uses = {
        "damaged": lambda: store.set_aside("train", "k"),
        "drafts": lambda: save(store, "other"),
        "errors": lambda: store.write_error("k", "text"),
        "grids": lambda: upkeep.record_grid(store, store.root, [], ""),
        "locks": lambda: store.lock("k").__enter__(),
    }
    with pytest.raises(StoreError, match=f"{room} is a symbolic link"):
        uses[room]()


def test_a_lock_that_is_a_link_is_refused(mine, store):
    (store.root / "locks" / "k.lock").symlink_to(mine / "kept.txt")
    with pytest.raises(StoreError, match="could not be locked"), store.lock("k"):
        pass
    store.remove_free_locks()


def test_artifacts_are_not_written_or_removed_behind_links(mine, store):
    (store.root / "train").symlink_to(mine)
    for use in (
        lambda: save(store),
        lambda: store.remove("train", "deep"),
        lambda: store.set_aside("train", "deep"),
    ):
        with pytest.raises(StoreError, match="train is a symbolic link"):
            use()


@pytest.mark.parametrize("target", ["deep", "gone"])
def test_an_artifact_or_draft_that_is_a_link_is_replaced(mine, store, target):
    (store.root / "train").mkdir()
    (store.root / "train" / "k").symlink_to(mine / target)
    (store.root / "drafts" / "train-k").symlink_to(mine / target)
    (store.root / "drafts" / "train-k-old").symlink_to(mine / target)
    save(store, replace=True)
    np.testing.assert_array_equal(store.load("train", "k").require("x"), [0, 1, 2])
    assert not (store.root / "train" / "k").is_symlink()
    mode = (store.root / "train").stat().st_mode
    assert (store.root / "train" / "k").stat().st_mode == mode
    assert list((store.root / "drafts").iterdir()) == []


def test_pruning_removes_links_and_nothing_behind_them(mine, store, monkeypatch):
    save(store)
    (store.root / "evil").symlink_to(mine)  # would be a stage, deep its artifact
    (store.root / "train" / "linked").symlink_to(mine / "deep")
    (store.root / "damaged" / "link").symlink_to(mine / "deep")
    (store.root / "errors" / "gone").symlink_to(mine / "gone")
    (store.root / "drafts" / "link").symlink_to(mine)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 2 * upkeep.DAY)
    count, _ = upkeep.prune(store, dry_run=False, progress=silent)
    assert count == 1
    for room in ("damaged", "errors", "drafts"):
        assert list((store.root / room).iterdir()) == []
    for room in ("damaged", "errors", "drafts", "locks"):
        clear(store.root / room)
        (store.root / room).symlink_to(mine)
    upkeep.prune(store, dry_run=False, progress=silent)


def test_nothing_is_pruned_where_records_of_grids_are_elsewhere(mine, store):
    save(store)
    clear(store.root / "grids")
    (store.root / "grids").symlink_to(mine)
    with pytest.raises(StoreError, match="grids is a symbolic link"):
        upkeep.prune(store, dry_run=False, progress=silent)
    assert ("train", "k") in store


@pytest.mark.parametrize("name", ["figures", "assignments"])
def test_a_folder_of_results_that_is_a_link_is_refused(mine, tmp_path, name):
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / name).symlink_to(mine)
    done = run("bench.grid", *SMALL, "--limit", "60", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.endswith(f"results cannot be written: {name} is a symbolic link\n")
    assert done.stderr.count("\n") == 1


def test_the_results_folder_itself_may_be_a_link_and_that_of_a_data_set_may_not(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    prepare(tmp_path / "link")
    with pytest.raises(UsageError, match="link is a symbolic link"):
        prepare(tmp_path / "link", own=False)


def test_old_results_behind_a_link_are_not_removed(tmp_path):
    from bench.base.naming import set_name

    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "grid.toml").write_text('dataset = "digits"\n')
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / set_name("digits")).symlink_to(tmp_path / "other")
    remove_stale_sets(tmp_path / "results", ())
    assert (tmp_path / "other" / "grid.toml").exists()


def test_contact_sheets_are_not_written_behind_a_link(mine, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sheets").symlink_to(mine)
    with pytest.raises((UsageError, RunError), match="sheets is a symbolic link"):
        Album(Clusters({})).write(tmp_path / "out")
