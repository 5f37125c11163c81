import json
import multiprocessing
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from bench.base.errors import UsageError
from bench.store import ARRAYS, MANIFEST, SUMS, DamagedError, Store, StoreError, upkeep
from tests.conftest import ROOT, run_module


def save(store, key="k", value=1.0, array=None):
    arrays = {"x": np.arange(6.0).reshape(2, 3) if array is None else array}
    store.save("train", key, arrays, {"loss": value}, {"seed": 1}, 1.5, 0.25, None)


def test_what_is_saved_is_read(tmp_path):
    store = Store(tmp_path / "store")
    assert ("train", "k") not in store
    save(store)
    assert ("train", "k") in store
    artifact = store.load("train", "k")
    np.testing.assert_array_equal(artifact.require("x"), [[0, 1, 2], [3, 4, 5]])
    assert artifact.array("y") is None
    assert artifact.values == {"loss": 1.0}
    assert (artifact.seconds, artifact.warm_up_seconds, artifact.peak_memory_mb) == (
        1.5,
        0.25,
        None,
    )
    with pytest.raises(DamagedError, match="has no array y"):
        artifact.require("y")


def test_types_and_layouts_survive(tmp_path):
    store = Store(tmp_path)
    for i, array in enumerate(
        (
            np.arange(4, dtype=np.int64),
            np.ones((2, 2), np.uint8),
            np.asfortranarray(np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)),
            np.empty((0, 3), np.float32),
            np.float32(7.0).reshape(()),
        )
    ):
        save(store, str(i), array=array)
        found = store.load("train", str(i)).require("x")
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)


def test_an_artifact_without_arrays(tmp_path):
    store = Store(tmp_path)
    store.save("score", "k", {}, {"accuracy": 1}, {}, 0, 0, None)
    assert store.load("score", "k").arrays() == {}


def test_the_same_content_is_the_same_bytes(tmp_path):
    one, other = Store(tmp_path / "a"), Store(tmp_path / "b")
    save(one)
    save(other)
    paths = [store.path("train", "k") / ARRAYS for store in (one, other)]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_the_first_of_two_stays(tmp_path):
    store = Store(tmp_path)
    save(store, value=1.0)
    save(store, value=2.0)
    assert store.load("train", "k").values == {"loss": 1.0}
    assert [p.name for p in (tmp_path / "train").iterdir()] == ["k"]


def test_a_write_that_fails_leaves_nothing(tmp_path, monkeypatch):
    store = Store(tmp_path)

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bench.store.artifact.flush", full)
    with pytest.raises(StoreError, match=r"No space left on device.*free some disk"):
        save(store)
    assert ("train", "k") not in store
    assert not list(tmp_path.rglob(ARRAYS))


def _save_many(root):
    store = Store(root)
    for i in range(20):
        with store.lock(str(i)):
            save(store, str(i))


def test_two_processes_may_write_the_same(tmp_path):
    workers = [multiprocessing.Process(target=_save_many, args=(tmp_path,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    store = Store(tmp_path)
    for i in range(20):
        assert store.load("train", str(i)).values == {"loss": 1.0}
    assert len(list((tmp_path / "train").iterdir())) == 20


def test_the_manifest_says_what_went_in(tmp_path):
    store = Store(tmp_path)
    save(store)
    manifest = json.loads((store.path("train", "k") / MANIFEST).read_text())
    assert manifest["inputs"] == {"seed": 1}
    assert manifest["stage"] == "train"


def test_git_ignores_a_store(tmp_path):
    Store(tmp_path / "store").prepare()
    assert (tmp_path / "store" / ".gitignore").read_text() == "*\n"


def test_a_store_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        Store(tmp_path / "file").prepare()


def whole_store(tmp_path):
    store = Store(tmp_path / "store")
    store.prepare()
    save(store)
    return store, store.path("train", "k")


def test_sums_are_those_that_sha256sum_checks(tmp_path):
    _, path = whole_store(tmp_path)
    found = subprocess.run(["sha256sum", "--check", SUMS], cwd=path, capture_output=True)
    assert found.returncode == 0, found.stderr


@pytest.mark.parametrize("name", [ARRAYS, MANIFEST, SUMS])
@pytest.mark.parametrize("harm", ["flip", "cut", "empty", "gone"])
def test_what_is_altered_is_noticed_on_reading_and_set_aside(tmp_path, name, harm):
    store, path = whole_store(tmp_path)
    data = bytearray((path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (path / name).write_bytes({"flip": data, "cut": data[:-7], "empty": b"", "gone": b""}[harm])
    if harm == "gone":
        (path / name).unlink()
    with pytest.raises(DamagedError) as damage:
        store.load("train", "k").arrays()
    assert (damage.value.stage, damage.value.key) == ("train", "k")
    aside = store.set_aside("train", "k")
    assert aside is not None
    assert aside.is_dir()
    assert ("train", "k") not in store
    save(store)
    assert store.load("train", "k").require("x").shape == (2, 3)


def test_a_changed_number_is_noticed(tmp_path):
    store, path = whole_store(tmp_path)
    text = (path / MANIFEST).read_text()
    (path / MANIFEST).write_text(text.replace('"loss": 1.0', '"loss": 0.5'))
    with pytest.raises(DamagedError, match=r"manifest\.json does not have its checksum"):
        store.load("train", "k")


def test_replacing_replaces(tmp_path):
    store, _ = whole_store(tmp_path)
    store.save("train", "k", {"x": np.zeros(2)}, {"loss": 2.0}, {}, replace=True)
    assert store.load("train", "k").values == {"loss": 2.0}
    assert list((store.root / "drafts").iterdir()) == []


def test_what_a_killed_process_left_is_swept_by_the_next(tmp_path):
    store, _ = whole_store(tmp_path)
    draft = store.root / "drafts" / "train-other"
    draft.mkdir()
    (draft / "half").write_text("half")
    save(store, "other")
    assert list((store.root / "drafts").iterdir()) == []


def test_too_little_disk_is_said_before_the_work(tmp_path):
    with pytest.raises(UsageError, match="MB of free disk space, and this grid needs about"):
        Store(tmp_path / "store").prepare(megabytes=1e12)


def test_a_lock_keeps_others_out_until_its_holder_dies(tmp_path):
    store, _ = whole_store(tmp_path)
    holder = subprocess.Popen(
        [
            sys.executable, "-c",
            "import sys, time; from pathlib import Path; from bench.store import Store\n"
            f"with Store(Path({str(store.root)!r})).lock('k'): print('held', flush=True); "
            "time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )  # fmt: skip
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    waited = []
    threading.Timer(0.5, holder.kill).start()
    with store.lock("k", lambda: waited.append(1)):
        assert holder.wait() < 0
    assert waited == [1]


def test_upkeep_counts_verifies_and_prunes(tmp_path):
    store, path = whole_store(tmp_path)
    save(store, "used")
    save(store, "unused")
    store.save("checkpoint", "used.000000000003", {}, {}, {})
    out = tmp_path / "out"
    out.mkdir()
    upkeep.record_grid(store, out, [("train", "used"), ("train", "k")], "")
    silent = lambda *_: None  # noqa: E731
    assert {stage: count for stage, count, _ in upkeep.sizes(store)} == {
        "checkpoint": 1, "damaged": 0, "train": 3,
    }  # fmt: skip
    assert upkeep.verify(store, silent) == []
    (path / ARRAYS).write_bytes(b"nonsense")
    ((damage, aside),) = upkeep.verify(store, silent)
    assert damage.key == "k"
    assert aside.is_dir()
    assert upkeep.prune(store, True, silent)[0] == 1
    assert ("train", "unused") in store
    assert upkeep.prune(store, False, silent)[0] == 1
    assert list(upkeep.places(store)) == [("checkpoint", "used.000000000003"), ("train", "used")]
    assert not aside.exists()
    # A grid whose results are gone does not count any more.
    out.rmdir()
    assert upkeep.prune(store, False, silent)[0] == 2
    assert upkeep.recorded(store) == {}


def test_nothing_is_pruned_when_a_record_cannot_be_read(tmp_path):
    store, _ = whole_store(tmp_path)
    (store.root / "grids" / "broken.json").write_text("{")
    with pytest.raises(StoreError, match=r"broken\.json, cannot be read"):
        upkeep.prune(store, False, lambda *_: None)
    assert ("train", "k") in store


def test_its_command(tmp_path):
    store, path = whole_store(tmp_path)
    sizes = run_module("bench.store", "--store", store.root, cwd=tmp_path)
    assert sizes.returncode == 0, sizes.stderr
    assert "train" in sizes.stdout
    whole = run_module("bench.store", "verify", "--store", store.root, cwd=tmp_path)
    assert "1 artifacts are intact" in whole.stdout
    (path / ARRAYS).write_bytes(b"")
    broken = run_module("bench.store", "verify", "--store", store.root, cwd=tmp_path)
    assert broken.returncode == 1
    assert "damaged: train k" in broken.stdout
    pruned = run_module("bench.store", "prune", "--store", store.root, cwd=tmp_path)
    assert "0 artifacts removed" in pruned.stdout
    missing = run_module("bench.store", "verify", cwd=tmp_path)
    assert missing.returncode == 2
    assert missing.stderr == "error: no store at .store: --store DIR names another folder\n"


def test_a_folder_of_something_else_is_never_pruned(tmp_path):
    for name in ("photos/holiday/a.jpg", "drafts/novel.txt", "damaged/car.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("mine")
        os.utime(tmp_path / name, (0, 0))
    found = run_module("bench.store", "prune", "--store", tmp_path, cwd=tmp_path)
    assert found.returncode == 2
    assert found.stderr == (
        f"error: no grid is recorded in {tmp_path}: it is no store, nothing is removed\n"
    )
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 3


def test_a_folder_of_a_user_in_a_store_is_no_artifact(tmp_path):
    store = Store(tmp_path / "store")
    store.save("train", "a" * 40, {"x": np.zeros(2)}, {}, {})
    upkeep.record_grid(store, tmp_path, [], "")
    (store.root / "photos" / "holiday").mkdir(parents=True)
    assert upkeep.prune(store, False, lambda *_: None)[0] == 1
    assert (store.root / "photos" / "holiday").is_dir()
