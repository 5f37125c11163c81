"""Named pipes, terminals, devices and sockets where files are read: never waited for."""

import contextlib
import os
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.base import files
from bench.datasets.dataset import load
from bench.datasets.folder import decode, measure
from bench.store import MANIFEST, SUMS, DamagedError, Store
from tests.conftest import SMALL, run_grid, run_module

pytestmark = pytest.mark.skipif(os.name == "nt", reason="special files are POSIX")

SPECIAL = {
    "pipe": "a named pipe",
    "socket": "a socket",
    "device": "a terminal or another device",
    "link": "a terminal or another device",
}


def put(path, kind="pipe"):
    """Make a special file, or a link to one; return its path."""
    path.unlink(missing_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with contextlib.chdir(path.parent):  # a whole path may be too long for it
            socket.socket(socket.AF_UNIX).bind(path.name)
    else:
        path.symlink_to("/dev/zero")
    return Path("/dev/null") if kind == "device" else path


@pytest.mark.parametrize("kind", SPECIAL)
def test_what_is_no_file_on_a_disk_is_not_opened(tmp_path, kind):
    path = put(tmp_path / "x.png", kind)
    for read in (files.regular, files.is_file, files.read_text):
        with pytest.raises(OSError, match=f"it is {SPECIAL[kind]}, needed a file on a disk"):
            read(path)
    assert decode(path, 32) is None
    assert measure(path) is None


def test_folders_and_files_are_as_they_were(tmp_path):
    (tmp_path / "file").write_text("\ufefftext\r\n", encoding="utf-8")
    assert files.read_text(tmp_path / "file") == "text\n"
    assert files.is_file(tmp_path / "file")
    assert not files.is_file(tmp_path)
    assert not files.is_file(tmp_path / "none")
    assert not files.is_file(tmp_path / "file" / "below")


def test_a_grid_of_a_folder_leaves_them_out(tmp_path, image_folder):
    put(image_folder / "dark" / "pipe.png")
    put(image_folder / "dark" / "pipe")
    put(image_folder / "dark" / "link.jpg", "link")
    data = load(f"folder:{image_folder}")
    assert len(data) == 20
    notes = " ".join(data.notes)
    assert "dark/link.jpg" in notes
    assert "dark/pipe.png" in notes
    assert "Skipped 1 file that Pillow does not know as images: dark/pipe." in notes


@pytest.mark.parametrize("name", ["trainX", "trainY", "valX", "valY"])
def test_arrays(npy_folder, name):
    put(npy_folder / f"{name}.npy")
    with pytest.raises(OSError, match="it is a named pipe"):
        load(f"npy:{npy_folder}")


GRID = [*SMALL, "--limit", "30"]
COMMANDS = [
    ("bench.grid", *GRID, "--config", "pipe"),
    ("bench.grid", *GRID, "--labels", "pipe"),
    ("bench.grid", *GRID, "--plugin", "pipe"),
    ("bench.check", "pipe"),
    ("bench.compare", "pipe", "pipe"),
    ("bench.select", "pipe"),
    ("bench.speed", "pipe"),
    ("bench.try", "pipe"),
    ("bench.assign", "pipe", "."),
    ("bench.worked", "--check", "pipe"),
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: f"{words[0]} {words[-2]}")
def test_commands_say_it_in_a_line(tmp_path, words):
    put(tmp_path / "pipe")
    found = run_module(*words, cwd=tmp_path)
    assert found.returncode == 2
    assert found.stderr.startswith("error: ")
    assert "it is a named pipe, needed a file on a disk\n" in found.stderr
    assert found.stderr.count("\n") == 1


@pytest.mark.slow
def test_in_results_and_in_the_store_they_are_replaced(tmp_path):
    """What is read of an earlier run, and is no file now, is made again."""
    assert run_grid(tmp_path, *GRID).returncode == 0
    out, store = tmp_path / "results", Store(tmp_path / ".store")
    for name in ("results.csv", "results.md", "index.html", "figures/accuracy.png"):
        put(out / name)
    (out / "below").mkdir()
    put(out / "below" / "grid.toml")
    (reduced,) = (store.root / "reduce").iterdir()
    put(reduced / SUMS)
    with pytest.raises(DamagedError, match="a named pipe"):
        store.load("reduce", reduced.name)
    found = run_grid(tmp_path, *GRID)
    assert found.returncode == 0, found.stderr
    assert "was damaged" in found.stdout
    assert (out / "results.csv").read_text().startswith("dataset")
    with Image.open(out / "figures" / "accuracy.png") as image:
        assert image.format == "PNG"


def test_a_manifest_that_is_none_counts_as_missing(tmp_path):
    store = Store(tmp_path)
    store.prepare()
    store.save("encode", "k", {"x": np.zeros(2)}, {}, {})
    put(store.path("encode", "k") / MANIFEST)
    assert ("encode", "k") not in store
    store.save("encode", "k", {"x": np.ones(2)}, {}, {})
    assert store.load("encode", "k").require("x").tolist() == [1, 1]


def test_the_record_of_a_grid_is_named(tmp_path):
    store = Store(tmp_path)
    store.prepare()
    put(tmp_path / "grids" / "x.json")
    found = run_module("bench.store", "--store", tmp_path, "prune", cwd=tmp_path)
    assert found.returncode == 1
    assert "grids/x.json, cannot be read" in found.stderr
