import json
import multiprocessing

import numpy as np
import pytest

from bench.errors import UsageError
from bench.store import ARRAYS, MANIFEST, Store


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
    with pytest.raises(KeyError, match="no array 'y'"):
        artifact.require("y")


def test_types_and_layouts_survive(tmp_path):
    store = Store(tmp_path)
    for i, array in enumerate(
        (
            np.arange(4, dtype=np.int64),
            np.ones((2, 2), np.uint8),
            np.asfortranarray(np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)),
            np.empty((0, 3), np.float32),
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

    monkeypatch.setattr("bench.store._flush", full)
    with pytest.raises(OSError, match="No space"):
        save(store)
    assert ("train", "k") not in store
    assert list((tmp_path / "train").iterdir()) == []


def _save_many(root):
    store = Store(root)
    for i in range(20):
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
