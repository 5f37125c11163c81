"""``python -m bench.export`` and ``python -m bench.assign``, and what they write."""

import csv
import importlib
import itertools
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tracemalloc
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench import corrected_names, export_bundle, load_bundle
from bench.base.errors import RunError, UsageError
from bench.bundle import assigning, groups, sheets, sorting
from bench.bundle.assigning import assign, describe, drift_warning, least_share
from bench.bundle.bundle import Bundle
from bench.bundle.clusters_file import read
from bench.bundle.correcting import Corrections
from bench.bundle.format import Errors
from bench.bundle.format import read as read_bundle
from bench.stages.metrics.majority import ClusterName
from reducers import reducers
from tests.bundles import CLUSTERS_FILE, NEW, TRAINED, make_grid, write_digits
from tests.conftest import ROOT, run_module, run_python, without_progress


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A finished grid on ``old``, images in ``new``, and the best cell's bundle."""
    folder = tmp_path_factory.mktemp("assign")
    make_grid(
        folder, models="dnn(code=8)", reducers="pca4,pca4+spectral2", clusterers="kmeans,hdbscan"
    )
    export_bundle(
        folder / "m.latentgrid", "dnn(code=8), pca4", results=folder / "results",
        store=folder / ".store",
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def bundle(place):
    return load_bundle(place / "m.latentgrid")


def table(out):
    return pd.read_csv(out / "assignments.csv", keep_default_na=False)


def sorted_files(out):
    return {str(path.relative_to(out / "sorted")) for path in (out / "sorted").rglob("*.png")}


# the two commands


def test_the_winner_is_exported_and_put_to_work(place):
    found = run_module("bench.export", "--best", "--to", "best.latentgrid", cwd=place)
    assert found.returncode == 0, found.stderr
    assert re.match(r"best\.latentgrid: .+, seed 0 \([0-9.]+ MB\)\n", found.stdout)
    (place / "new" / "broken.png").write_bytes(b"\x89PNG nonsense")
    try:
        found = run_module(
            "bench.assign", "best.latentgrid", "new", "--out", "clusters", "--sort-into", "link",
            cwd=place,
        )  # fmt: skip
    finally:
        (place / "new" / "broken.png").unlink()
    assert found.returncode == 0, found.stderr
    assert f"{NEW} images, 0 of them seen before" in found.stdout
    assert "note: skipped 1 unreadable file: broken.png" in found.stdout
    assert without_progress(found.stderr) == ""
    written = table(place / "clusters")
    assert written.columns.tolist()[:4] == ["file", "cluster", "distance", "ambiguity"]
    assert len(written) == NEW + 1
    broken = written[written["file"] == "broken.png"].iloc[0]
    assert (broken["cluster"], broken["problem"]) == ("", "unreadable")
    links = [path for path in (place / "clusters" / "sorted").rglob("*") if path.is_symlink()]
    assert len(links) == NEW
    assert all(path.resolve().parent == place / "new" for path in links)


def run_here(capsys, module, *arguments):
    """Run a command in this process; return its exit code and what it printed."""
    with pytest.raises(SystemExit) as end:
        importlib.import_module(module).main(list(map(str, arguments)))
    return end.value.code, *capsys.readouterr()


@pytest.fixture
def here(place, monkeypatch):
    """Be where the results are."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("LATENTGRID_STORE", str(place / ".store"))


def test_the_store_is_the_one_that_the_grid_names(place, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("LATENTGRID_STORE", str(tmp_path / "empty"))
    monkeypatch.setenv("COLUMNS", "300")
    export_bundle(tmp_path / "m.latentgrid", "dnn(code=8), pca4", results=place / "results")
    _, out, _ = run_here(capsys, "bench.export", "--help")
    assert "by default the one that the grid.toml of the results names" in out
    assert "LATENTGRID_STORE" not in out + export_bundle.__doc__


@pytest.mark.usefixtures("here")
def test_a_chain_that_cannot_place_says_so_when_exported_and_when_used(capsys):
    cell = "dnn(code=8), pca4+spectral2 -> hdbscan"
    code, out, err = run_here(capsys, "bench.export", cell, "--to", "s.latentgrid")
    assert code == 0, err
    note = (
        "note: spectral2 cannot transform unseen images; they get the weighted mean and the "
        "cluster of their 5 nearest training images in pca4 (of 4 dimensions)"
    )
    assert note in out.splitlines()
    code, out, err = run_here(capsys, "bench.assign", "s.latentgrid", "new", "--out", "of-s")
    assert code == 0, err
    assert note in out.splitlines()


@pytest.mark.skipif(os.name == "nt", reason="no such file names there")
@pytest.mark.usefixtures("here")
def test_a_terminal_is_told_nothing_that_it_would_obey(bundle, tmp_path, capsys, monkeypatch):
    write_digits(tmp_path / "new", slice(0, 1))
    (tmp_path / "new" / "\x1b[31mred\n.png").write_text("no image")
    names = dict.fromkeys(bundle.clusters, ClusterName("\x1b[2Jgone", 1.0))
    monkeypatch.setattr(type(bundle), "names", property(lambda self: names))
    arguments = ("bench.assign", "m.latentgrid", tmp_path / "new", "--out", tmp_path / "o")
    code, out, err = run_here(capsys, *arguments)
    assert code == 0, err
    assert "\x1b" not in out
    assert "\ufffd[2Jgone" in out
    assert "note: skipped 1 unreadable file: \ufffd[31mred .png" in out


@pytest.mark.usefixtures("here")
def test_images_seen_before_land_where_the_report_has_them(place, capsys):
    reported = pd.read_csv(place / "results" / "assignments.csv").set_index("image")["cluster"]
    run_here(capsys, "bench.export", "--best", "--to", "b.latentgrid")
    _, out, _ = run_here(capsys, "bench.assign", "b.latentgrid", "old", "--out", "again")
    assert f"{TRAINED} images, {TRAINED} of them seen before" in out
    assert "warning" not in out
    written = table(place / "again").set_index("file")["cluster"].astype(int)
    pd.testing.assert_series_equal(
        written.sort_index(), reported.sort_index(), check_names=False, check_index_type=False
    )


PLUGIN = '''
import numpy as np
from reducers import reducers
from reducers.reducer import Reducer, as_float32

@reducers.register("mine", "the first columns")
class Mine(Reducer):
    """The first columns."""
    deterministic = True
    def __init__(self, n_components: int = 3):
        self.n_components = n_components
    def fit_transform(self, X, y=None):
        return as_float32(X[:, : self.n_components])
    def transform(self, X):
        return as_float32(X[:, : self.n_components])
'''


@pytest.mark.usefixtures("here")
def test_a_plugins_reducer_is_stood_in_for_and_must_be_named(place, tmp_path, capsys):
    plugin = tmp_path / "mine.py"
    plugin.write_text(PLUGIN)
    run_python(
        dataset=f"folder:{place / 'old'}", plugins=[str(plugin)], models="histogram",
        reducers="mine3", seeds=1, null=False, baselines=False, resamples=0, out=tmp_path / "r",
    )  # fmt: skip
    results, to = ("--results", tmp_path / "r"), tmp_path / "m.latentgrid"
    _, out, _ = run_here(capsys, "bench.export", "--best", "--to", to, *results, "--plugin", plugin)
    assert "note: mine3 cannot transform unseen images; they get the weighted mean and the" in out
    arguments = ("bench.assign", to, "new", "--out", tmp_path / "o")
    code, out, err = run_here(capsys, *arguments, "--plugin", plugin)
    assert code == 0, err
    assert "note: histogram has no reconstruction error, so" in out
    reducers.unregister("mine")
    code, _, err = run_here(capsys, *arguments)
    assert code == 2
    assert re.fullmatch(r"error: unknown reducer 'mine': .*needs --plugin FILE\n", err)


@pytest.mark.parametrize(
    ("module", "arguments", "message"),
    [
        ("bench.export", ["--to", "x"], "give either a pipeline, 'MODEL, CHAIN', or --best"),
        ("bench.export", ["--best"], "Missing option '--to'"),
        ("bench.export", ["dnn(code=8), pca", "--to", "x"], "did you mean 'dnn(code=8), pca4'"),
        ("bench.export", ["--best", "--to", "x", "--results", "new"], "no results of a grid in"),
        ("bench.export", ["--best", "--to", "no/x"], "cannot write no/x: No such file"),
        ("bench.export", ["--best", "--to", "x", "--plugin", "no.py"], "no such plugin file"),
        ("bench.assign", ["m.latentgrid", "nowhere"], "no such folder: nowhere"),
        ("bench.assign", ["nowhere", "new"], "no bundle at nowhere"),
        ("bench.assign", ["m.latentgrid", "new", "--sort-into", "move"], "must be copy or link"),
        ("bench.assign", ["m.latentgrid", "new", "--device", "gpu"], "no device 'gpu' here"),
        (
            "bench.assign",
            ["m.latentgrid", "new", "--threads", "0"],
            "should be greater than or equal to 1",
        ),
    ],
)
@pytest.mark.usefixtures("here")
def test_misuse_is_one_line(place, capsys, module, arguments, message):
    code, _, told = run_here(capsys, module, *arguments)
    assert code == 2, told
    assert message in told
    assert told.count("\n") == 1
    assert not (place / "x").exists()


# folders


@pytest.mark.parametrize("out", ["images", "images/out", "images/../images/deep/out"])
def test_it_does_not_read_what_it_writes(bundle, tmp_path, out):
    write_digits(tmp_path / "images", slice(0, 3))
    (tmp_path / "images" / "deep").mkdir()
    with pytest.raises(UsageError, match="its pictures would be read as images"):
        assign(bundle, tmp_path / "images", tmp_path / out)
    assert len(list((tmp_path / "images").iterdir())) == 4


def test_what_was_sorted_is_never_replaced(bundle, tmp_path):
    write_digits(tmp_path / "images", slice(0, 3))
    out = tmp_path / "out"
    assign(bundle, tmp_path / "images", out, sort_into="copy")
    before = sorted_files(out)
    with pytest.raises(UsageError, match="sorted exists"):
        assign(bundle, tmp_path / "images", out, sort_into="copy")
    with pytest.raises(UsageError, match=r"overlaps with .*sorted, which would be written"):
        assign(bundle, out / "sorted", out)
    assign(bundle, tmp_path / "images", out)  # without sorting it may run again
    assert sorted_files(out) == before
    assert len(before) == 3


@pytest.mark.parametrize("images", ["out/sheets", "out/sheets/deep", "linked"])
def test_images_where_sheets_go_are_refused_and_stay(bundle, tmp_path, images):
    write_digits(tmp_path / images, slice(0, 3))
    (tmp_path / images / "0000.png").rename(tmp_path / images / "cluster-0.png")
    out = tmp_path / "out"
    if images == "linked":
        out.mkdir()
        (out / "sheets").symlink_to(tmp_path / "linked")
    before = {path: path.read_bytes() for path in (tmp_path / images).iterdir()}
    with pytest.raises(UsageError, match=r"overlaps with .*sheets, which would be written: name"):
        assign(bundle, tmp_path / images, out)
    assert {path: path.read_bytes() for path in (tmp_path / images).iterdir()} == before
    assert not (out / "assignments.csv").exists()


@pytest.mark.parametrize("name", ["cluster-0.png", "cluster-999.png", "cluster-none.png"])
def test_pictures_that_are_no_sheets_are_never_replaced(bundle, place, tmp_path, name):
    mine = tmp_path / "out" / "sheets" / name
    mine.parent.mkdir(parents=True)
    for content in (b"no picture", next((place / "new").iterdir()).read_bytes()):
        mine.write_bytes(content)
        with pytest.raises(UsageError, match=rf"{name} would be replaced, but is not a contact"):
            assign(bundle, place / "new", tmp_path / "out")
        assert mine.read_bytes() == content


def test_an_empty_folder_for_sorted_files_is_taken_and_a_link_is_not(bundle, tmp_path):
    write_digits(tmp_path / "images", slice(0, 3))
    (tmp_path / "out" / "sorted").mkdir(parents=True)
    assign(bundle, tmp_path / "images", tmp_path / "out", sort_into="copy")
    assert len(sorted_files(tmp_path / "out")) == 3
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "sorted").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="sorted exists"):
        assign(bundle, tmp_path / "images", tmp_path / "linked", sort_into="copy")


@pytest.mark.parametrize("way", sorting.HOW)
def test_files_of_one_name_are_all_kept_and_sources_left_alone(bundle, tmp_path, way):
    images = tmp_path / "images"
    for number in range(4):
        write_digits(tmp_path / "one", slice(number, number + 1))
        (images / str(number)).mkdir(parents=True)
        shutil.move(tmp_path / "one" / f"{number:04d}.png", images / str(number) / "same.png")
    shutil.copy(images / "0" / "same.png", images / "same-2.png")
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in images.rglob("*.png")}
    assign(bundle, images, tmp_path / "out", sort_into=way)
    made = list((tmp_path / "out" / "sorted").rglob("*.png"))
    assert len(made) == 5
    contents = sorted(path.read_bytes() for path in made)
    assert contents == sorted(data for data, _ in before.values())
    assert all(path.is_symlink() == (way == "link") for path in made)
    after = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in images.rglob("*.png")}
    assert after == before


@pytest.mark.skipif(os.name == "nt", reason="file names are text there")
@pytest.mark.parametrize("way", sorting.HOW)
def test_names_as_long_as_they_may_be_are_all_kept(bundle, tmp_path, way):
    write_digits(tmp_path / "one", slice(0, 1))
    (one,) = (tmp_path / "one").iterdir()
    names = [b"n" * 251 + b".png", "ü".encode() * 125 + b"n.png", b"\xff" * 251 + b".png",
             b"a." + b"b" * 253]  # fmt: skip
    for folder, name in itertools.product("abc", names):
        (tmp_path / "images" / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(one, os.path.join(os.fsencode(tmp_path / "images" / folder), name))
    assign(bundle, tmp_path / "images", tmp_path / "out", sort_into=way)
    made = [os.fsencode(path.name) for path in (tmp_path / "out" / "sorted").glob("*/*")]
    assert len(made) == 12
    assert b"n" * 249 + b"-2.png" in made
    assert "ü".encode() * 124 + b"-2.png" in made
    assert b"\xff" * 249 + b"-3.png" in made
    assert b"a." + b"b" * 251 + b"-3" in made


def test_what_a_run_that_was_killed_left_is_removed(bundle, tmp_path):
    write_digits(tmp_path / "images", slice(0, 3))
    kill = (
        "import os, pathlib; from bench.bundle.sorting import open_sorter\n"
        "with open_sorter(pathlib.Path('out/sorted'), 'copy') as sorter:\n"
        "    sorter.add(pathlib.Path('images/0000.png'), 'cluster-7'); os._exit(9)"
    )
    (tmp_path / "out").mkdir()
    subprocess.run([sys.executable, "-c", kill], cwd=tmp_path, env=os.environ | {
        "PYTHONPATH": str(ROOT)}, check=False)  # fmt: skip
    assert (sorting.draft_of(tmp_path / "out" / "sorted") / "cluster-7" / "0000.png").is_file()
    assign(bundle, tmp_path / "images", tmp_path / "out", sort_into="copy")
    left = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert left == ["assignments.csv", "sheets", "sorted"]
    assert len(sorted_files(tmp_path / "out")) == 3


def test_a_draft_that_cannot_be_moved_to_its_place_is_removed(bundle, tmp_path, monkeypatch):
    write_digits(tmp_path / "images", slice(0, 3))
    move = os.replace

    def fail(source, target):
        if os.path.basename(target) == "sorted":
            raise OSError(28, "No space left on device")
        move(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(RunError, match="No space left on device"):
        assign(bundle, tmp_path / "images", tmp_path / "out", sort_into="copy")
    left = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert left == ["assignments.csv", "sheets"]


def test_two_runs_do_not_sort_into_one_folder(bundle, tmp_path):
    write_digits(tmp_path / "images", slice(0, 3))
    (tmp_path / "out").mkdir()
    with sorting.open_sorter(tmp_path / "out" / "sorted", "copy") as other:
        with pytest.raises(UsageError, match=r"another run sorts into .*sorted now: wait for it"):
            assign(bundle, tmp_path / "images", tmp_path / "out", sort_into="copy")
        other.add(tmp_path / "images" / "0000.png", "cluster-7")  # its draft is still there
    assert sorted_files(tmp_path / "out") == {"cluster-7/0000.png"}


def test_what_fails_midway_leaves_nothing_half(bundle, tmp_path, monkeypatch):
    write_digits(tmp_path / "images", slice(0, 3))
    out = tmp_path / "out"
    assign(bundle, tmp_path / "images", out)
    before = (out / "assignments.csv").read_bytes()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(RunError, match=r"cannot sort .*: No space left on device"):
        assign(bundle, tmp_path / "images", out, sort_into="copy")
    assert (out / "assignments.csv").read_bytes() == before
    assert sorted(path.name for path in out.iterdir()) == ["assignments.csv", "sheets"]


def test_a_folder_without_images_is_refused(bundle, tmp_path):
    (tmp_path / "images").mkdir()
    with pytest.raises(UsageError, match="no files in"):
        assign(bundle, tmp_path / "images", tmp_path / "out")
    (tmp_path / "images" / "a.png").write_text("no image")
    with pytest.raises(UsageError, match=r"no readable image in .*: 1 files found"):
        assign(bundle, tmp_path / "images", tmp_path / "out")
    assert not (tmp_path / "out" / "assignments.csv").exists()


@pytest.mark.skipif(os.name == "nt", reason="file names are text there")
def test_any_file_name_is_a_row(bundle, tmp_path):
    write_digits(tmp_path / "images", slice(0, 1))
    (one,) = (tmp_path / "images").iterdir()
    names = [b"new\nline.png", b'comma, "quotes".png', b"not-utf8-\xff.png", b"=1+1.png"]
    for name in names:
        shutil.copy(one, os.path.join(os.fsencode(tmp_path / "images"), name))
    assign(bundle, tmp_path / "images", tmp_path / "out", sort_into="copy")
    with open(tmp_path / "out" / "assignments.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5
    assert {row["cluster"] for row in rows} == {rows[0]["cluster"]}


def test_batches_make_no_difference(bundle, place, tmp_path, monkeypatch):
    assign(bundle, place / "new", tmp_path / "one", threads=2)
    monkeypatch.setattr(assigning.user_images, "BATCH", 7)
    assign(bundle, place / "new", tmp_path / "other")
    one, other = table(tmp_path / "one"), table(tmp_path / "other")
    assert one["file"].tolist() == other["file"].tolist()
    assert one["cluster"].tolist() == other["cluster"].tolist()
    expected = bundle.transform([place / "new" / name for name in one["file"]])
    # A distance of almost 0 is a difference of codes of order one, and has their rounding.
    np.testing.assert_allclose(one["distance"], other["distance"], rtol=1e-3, atol=1e-6)
    assert one["cluster"].tolist() == expected.clusters.tolist()
    np.testing.assert_allclose(one["ambiguity"], expected.ambiguity, atol=1e-3)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images(bundle, tmp_path, monkeypatch):
    """Names are held, and a number an image; a thousand images of 32×32 would be 3 MB."""
    image = np.random.default_rng(0).integers(0, 255, (24, 24, 3)).astype(np.uint8)
    images = tmp_path / "images"
    images.mkdir()
    Image.fromarray(image).save(images / "0.png")
    for number in range(1, 4000):
        os.link(images / "0.png", images / f"{number}.png")
    whole = assigning.list_files(images)
    peaks = []
    for count in (1000, 4000):
        monkeypatch.setattr(assigning, "list_files", lambda folder, count=count: whole[:count])
        tracemalloc.start()
        assign(bundle, images, tmp_path / "out")
        peaks.append(tracemalloc.get_traced_memory()[1] / 1e6)
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 0.5 + 3000 * 100 / 1e6, peaks


# contact sheets


def test_sheets_show_the_most_typical_and_the_most_ambiguous_in_bounded_memory(tmp_path):
    album = sheets.Album(groups.Clusters({3: ClusterName("seven", 0.625)}))
    random = np.random.default_rng(0)
    distance, ambiguity = random.permutation(500), random.permutation(500) / 500
    for i in range(500):
        album.add(tmp_path / f"{i}.png", i, 3, float(distance[i]), float(ambiguity[i]))
    members = album.members[3]
    assert len(members.typical) == len(members.ambiguous) == sheets.SHOWN
    typical, ambiguous = members.rows()
    assert [-entry[1] for entry in typical] == np.argsort(distance)[: sheets.SHOWN].tolist()
    shown = {entry[1] for entry in typical}
    wanted = [i for i in np.argsort(-ambiguity)[: sheets.SHOWN] if -i not in shown]
    assert [-entry[1] for entry in ambiguous] == wanted
    assert album.title(3) == "cluster 3, seven (62%): 500 images"


def test_a_sheet_a_cluster_and_none_of_a_run_before(bundle, place, tmp_path):
    (tmp_path / "out" / "sheets").mkdir(parents=True)
    (tmp_path / "out" / "sheets" / "mine.png").write_text("old")
    assign(bundle, place / "new", tmp_path / "out")
    some = next((tmp_path / "out" / "sheets").glob("cluster-*.png"))
    shutil.copy(some, some.with_name("cluster-999.png"))  # as a run with more clusters leaves it
    assign(bundle, place / "new", tmp_path / "out")
    found = {path.name for path in (tmp_path / "out" / "sheets").iterdir()}
    clusters = set(table(tmp_path / "out")["cluster"])
    assert found == {f"cluster-{cluster}.png" for cluster in clusters} | {"mine.png"}
    for name in found - {"mine.png"}:
        with Image.open(tmp_path / "out" / "sheets" / name) as sheet:
            assert sheet.width == 1080
            assert sheet.height > 150


def test_thumbnails_keep_proportions_and_bear_files_that_are_gone(tmp_path):
    Image.new("RGB", (200, 50), "red").save(tmp_path / "wide.png")
    wide = np.asarray(sheets.thumbnail(tmp_path / "wide.png"))
    red = (wide == [255, 0, 0]).all(2)
    assert red.any(1).sum() == 24
    assert red.any(0).sum() == 96
    assert sheets.thumbnail(tmp_path / "gone.png").size == (96, 96)
    assert sheets.paint("a title", [], []).width == 1080


def test_images_in_no_cluster_have_a_sheet_and_a_folder():
    assert groups.cluster_folder(-1) == "cluster-none"
    album = sheets.Album(groups.Clusters({}))
    album.add("a.png", 0, -1, math.nan, 1.0)
    assert album.title(-1) == "in no cluster: 1 image"


# corrected clusters


@pytest.fixture
def corrected(place, bundle, tmp_path):
    """A clusters.json of the run: the largest cluster split, all others merged, one image moved."""
    names = np.array(names_of(place))
    clusters, points, data = (
        bundle.pipeline.clusters,
        bundle.pipeline.embedding,
        bundle.manifest.data,
    )
    largest = np.bincount(clusters).argmax()
    low = points[:, 0] < np.median(points[clusters == largest, 0])
    halves = [(clusters == largest) & low, (clusters == largest) & ~low]
    parts = {f"{largest}/{part}": names[half].tolist() for part, half in enumerate(halves)}
    others = [str(cluster) for cluster in bundle.clusters if cluster != largest]
    owners = [("a/b", others), *zip(("<low>", "high"), [[part] for part in parts], strict=True)]
    images = dict.fromkeys(names.tolist(), "a/b")
    for name, its in zip(("<low>", "high"), parts.values(), strict=True):
        images |= dict.fromkeys(its, name)
    images[next(iter(parts.values()))[0]] = "high"
    pipeline = {"model": "dnn(code=8)", "chain": "pca4", "clusterer": "kmeans", "seed_index": 0}
    changed = {
        "dataset": data.name, "fingerprint": data.fingerprint, "pipeline": pipeline,
        "clusters": [{"name": name, "of": of} for name, of in owners], "parts": parts,
        "images": images, "tags": {},
    }  # fmt: skip
    path = tmp_path / "clusters.json"
    path.write_text(json.dumps(CLUSTERS_FILE | changed))
    return path


def names_of(place):
    """Return the training images' names in the order of the bundle."""
    return sorted(str(path.relative_to(place / "old")) for path in (place / "old").rglob("*.png"))


def test_new_images_get_the_corrected_names(place, bundle, corrected, tmp_path, capsys):
    out = tmp_path / "out"
    code, said, err = run_here(
        capsys, "bench.assign", place / "m.latentgrid", place / "new", "--out", out,
        "--clusters", corrected, "--sort-into", "link",
    )  # fmt: skip
    assert code == 0, err
    found = table(out)
    files = [place / "new" / name for name in found["file"]]
    made = bundle.transform(files)
    parts = json.loads(corrected.read_text())["parts"]
    means = [bundle.pipeline.embedding[bundle.find(its)].mean(0) for its in parts.values()]
    largest = int(next(iter(parts)).split("/")[0])
    expected = []
    for point, cluster in zip(made.embedding, made.clusters, strict=True):
        far = [np.linalg.norm(point - mean) for mean in means]
        part = "<low>" if far[0] < far[1] else "high"
        expected.append(part if cluster == largest else "a/b")
    assert set(expected) == {"a/b", "<low>", "high"}
    assert found["cluster_name"].tolist() == expected
    assert found["cluster"].tolist() == made.clusters.tolist()
    folders = {"a/b": "a_b", "<low>": "_low_", "high": "high"}
    sorted_into = {path.name: path.parent.name for path in (out / "sorted").rglob("*.png")}
    assert sorted_into == {
        name: folders[each] for name, each in zip(found["file"], expected, strict=True)
    }
    assert sorted(os.listdir(out / "sheets")) == ["_low_.png", "a_b.png", "high.png"]
    lines = said.splitlines()
    assert lines[1] == f"  a_b  {expected.count('a/b')}  a/b"
    assert lines[3] == f"  high  {expected.count('high')}"
    assert f"note: moved by hand in {corrected}: 1 image; new images like these go where" in said
    assert corrected_names(bundle, files, corrected) == expected


def test_training_images_have_the_names_that_the_file_gives_them(
    place, bundle, corrected, tmp_path
):
    given = Corrections(read(corrected), corrected, bundle)
    summary = assign(bundle, place / "old", tmp_path / "out", corrections=given)
    found = table(tmp_path / "out").set_index("file")["cluster_name"]
    assert found.to_dict() == json.loads(corrected.read_text())["images"]
    assert "150 images, 150 of them seen before" in next(iter(describe(bundle, summary, None)))


def test_sheets_of_other_names_are_removed_if_they_are_ours(place, bundle, corrected, tmp_path):
    out = tmp_path / "out"
    assign(bundle, place / "new", out)
    mine = out / "sheets" / "best of.png"
    shutil.copy(next((out / "sheets").iterdir()), mine)
    given = Corrections(read(corrected), corrected, bundle)
    assign(bundle, place / "new", out, corrections=given)
    ours = ["_low_.png", "a_b.png", "high.png"]
    assert sorted(os.listdir(out / "sheets")) == sorted([*ours, mine.name])
    assign(bundle, place / "new", out)
    found = os.listdir(out / "sheets")
    clusters = set(table(out)["cluster"])
    assert set(found) == {f"cluster-{cluster}.png" for cluster in clusters} | {mine.name}
    (out / "sheets" / "high.png").write_bytes(mine.read_bytes()[:100])
    with pytest.raises(UsageError, match=r"high.png would be replaced, but is not a contact sheet"):
        assign(bundle, place / "new", out, corrections=given)


def test_a_bundle_of_the_release_before_does_not_know_its_images(place, corrected):
    contents = read_bundle(place / "m.latentgrid")
    del contents.parts["training"]["names"]
    with pytest.raises(UsageError, match=r"made by an earlier release .* export it again"):
        Corrections(read(corrected), corrected, Bundle(contents))


def test_a_bundle_finds_its_images_and_reveals_no_name(place, bundle):
    names = names_of(place)
    assert bundle.find(names).tolist() == list(range(len(names)))
    assert bundle.find(["no.png", names[7]]).tolist() == [-1, 7]
    with zipfile.ZipFile(place / "m.latentgrid") as packed:
        assert not any(names[7].encode() in packed.read(part) for part in packed.namelist())


# drift

TRAINING = Errors(median=0.01, percentile_99=0.03)


def test_images_of_the_same_kind_do_not_warn():
    random = np.random.default_rng(0)
    for scale, count in itertools.product((0.5, 1, 2), (1, 30, 1000)):
        errors = (scale * 0.01 * random.lognormal(0, 0.45, count)).astype(np.float32)
        assert drift_warning(errors, TRAINING) is None
    assert drift_warning(np.empty(0, np.float32), TRAINING) is None


def test_images_of_another_kind_warn_with_figures():
    errors = np.full(50, 0.2, np.float32)
    told = drift_warning(errors, TRAINING)
    assert "error of 50 new images is 20.0 times that of the training images" in told
    assert "\n" not in told


def test_some_images_of_another_kind_among_many_warn():
    mixed = np.full(1000, 0.01, np.float32)
    mixed[:150] = 0.5
    assert drift_warning(mixed, TRAINING) is None
    mixed[:300] = 0.5
    assert "30% have more than 2 times" in drift_warning(mixed, TRAINING)


def test_where_most_training_images_had_no_error_any_error_is_larger():
    nearly = Errors(median=0.0, percentile_99=0.03)
    told = drift_warning(np.full(50, 0.02, np.float32), nearly)
    assert "error of 50 new images is 0.02, and that of the training images is 0," in told
    assert drift_warning(np.zeros(50, np.float32), nearly) is None


def test_a_share_is_as_certain_as_a_sample_allows():
    assert least_share(0, 10) == 0
    assert least_share(10, 10) == pytest.approx(0.001**0.1)
    assert 0.05 < least_share(120, 1000) < 0.12


def test_another_kind_of_images_warns_and_the_same_does_not(bundle, place, tmp_path):
    same = assign(bundle, place / "new", tmp_path / "same")
    assert same.drift is None
    assert same.no_drift is None
    (tmp_path / "noise").mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (40, 64, 64, 3)).astype(np.uint8)
    for number, image in enumerate(noise):
        Image.fromarray(image).save(tmp_path / "noise" / f"{number}.png")
    other = assign(bundle, tmp_path / "noise", tmp_path / "other")
    assert other.drift.startswith("the images look unlike those that the model was trained on")
