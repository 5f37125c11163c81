"""Corrected clusters: ``clusters.json``, what new images are in, and ``latentgrid apply``.

``latentgrid assign --clusters`` is in test_assign.
"""

import csv
import importlib
import json
import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bench.base.errors import RunError, UsageError
from bench.bundle import applying
from bench.bundle.clusters_file import ClustersFile, read
from bench.bundle.correcting import Corrections
from bench.bundle.folder_names import LONGEST, folder_names, safe
from bench.datasets.dataset import load
from tests.bundles import CLUSTERS_FILE, PIPELINE, StandIn

GOOD = CLUSTERS_FILE


def write(path, **changes):
    path.write_text(json.dumps(GOOD | changes))
    return path


def run_here(capsys, module, *arguments):
    """Run a command in this process; return its exit code and what it printed."""
    with pytest.raises(SystemExit) as end:
        importlib.import_module(module).main(list(map(str, arguments)))
    return end.value.code, *capsys.readouterr()


# the file


def test_a_file_says_what_became_of_each_cluster(tmp_path):
    found = read(write(tmp_path / "c.json"))
    assert found.names == ["cats", "dogs", "boats", "none of these"]
    assert found.tree.owners == {"0": 0, "3/1": 0, "3/0/0": 1, "-1": 1, "1": 1, "3/0/1": 2}
    assert found.tree.parts == {"3": ["3/0", "3/1"], "3/0": ["3/0/0", "3/0/1"]}
    with_mark = tmp_path / "m.json"
    with_mark.write_bytes(b"\xef\xbb\xbf" + (tmp_path / "c.json").read_bytes())
    assert read(with_mark) == found


def named(*of):
    return [{"name": f"c{i}", "of": list(each)} for i, each in enumerate(of)]


ALL = ("0", "-1", "1", "3/1", "3/0/0", "3/0/1")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, "version: Input should be 1, found 2"),
        ({"format": "x"}, "format: Input should be 'latentgrid-clusters', found 'x'"),
        ({"more": 1}, "more: Extra inputs are not permitted, found 1"),
        ({"tags": {"x": "a"}}, "tags.x: Input should be a valid array, found 'a'"),
        (
            {"clusters": [*GOOD["clusters"], *GOOD["clusters"][:1]]},
            "two clusters are called 'cats'",
        ),
        ({"clusters": named(ALL, ["0"])}, "0 is in two clusters, 'c0' and 'c1'"),
        ({"clusters": named(["0", "0"])}, "0 is in two clusters, 'c0' and 'c0'"),
        ({"clusters": named(ALL, ["3"])}, "'c1' has 3, which was split: needed are its parts"),
        ({"clusters": named(ALL, ["3/0"])}, "'c1' has 3/0, which was split: needed are its"),
        ({"clusters": named(ALL, ["3/2"])}, "'c1' has the part 3/2, which is not there"),
        ({"clusters": named(ALL[:-1])}, "the part 3/0/1 is in no cluster"),
        ({"clusters": named(["3/1/"])}, "clusters.0.of.0: needed is the number of a cluster"),
        ({"clusters": named(["../3"])}, "clusters.0.of.0: needed is the number of a cluster"),
        ({"clusters": [{"name": "x" * 1001, "of": []}]}, "at most 1000 characters"),
        ({"parts": {"5": ["a.png"]}}, "parts.5.[key]: needed is the number of a cluster"),
        ({"parts": {"5/0/1": ["a.png"]}}, "there are parts of 5/0, which is not there"),
        ({"parts": {"5/0": ["a"], "5/1": ["a"]}}, "'a' is twice in the parts of 5"),
        ({"parts": {"5/0": ["a", "a"]}}, "'a' is twice in the parts of 5"),
        ({"parts": {"5/0": [], "5/1": []}}, "the parts of 5 have no image"),
        ({"images": {"z": "zebras"}}, "'z' is in the cluster 'zebras', which is not there"),
        ({"pipeline": PIPELINE | {"seed_index": -1}}, "greater than or equal to 0, found -1"),
    ],
)
def test_what_is_no_such_file_is_refused_in_a_line(tmp_path, changes, message):
    images = {} if "clusters" in changes else GOOD["images"]
    path = write(tmp_path / "c.json", **({"images": images} | changes))
    with pytest.raises(UsageError) as refused:
        read(path)
    assert str(refused.value).startswith(f"{path} is no file of corrected clusters: ")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_files_that_cannot_be_read_are_refused_in_a_line(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"no file .*c.json: download it on the page of a run"):
        read(tmp_path / "c.json")
    (tmp_path / "c.json").write_text("[" * 10_000)
    with pytest.raises(
        UsageError, match="is no file of corrected clusters: Invalid JSON: recursion limit"
    ):
        read(tmp_path / "c.json")
    (tmp_path / "c.json").write_bytes(b"\xff{}")
    with pytest.raises(UsageError, match=r"cannot read .*c.json: 'utf-8' codec"):
        read(tmp_path / "c.json")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="it is a named pipe"):
        read(tmp_path / "pipe")
    monkeypatch.setattr("bench.bundle.clusters_file.MOST_BYTES", 2)
    with pytest.raises(
        UsageError, match="is larger than 0 MB, which no file of corrected clusters is"
    ):
        read(tmp_path / "c.json")


# folders of any name


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("cats", "cats"), ("Kätzchen 2", "Kätzchen 2"), ("日本語 🐈", "日本語 🐈"),
        ("<b>cats</b>", "_b_cats__b_"), ("a/b\\c", "a_b_c"), ("..", "unnamed"), ("", "unnamed"),
        ("../../etc", "_.._etc"), (".hidden", "hidden"), ("end. ", "end"), (" \t ", "_"),
        ("CON", "_CON"), ("nul.txt", "_nul.txt"), ("COM1", "_COM1"), ("common", "common"),
        ("a\x00b\x1b[31m\u202e", "a_b_[31m_"), ("x" * 300, "x" * LONGEST),
        ("ü" * 300, "ü" * (LONGEST // 2)), ("e\u0301", "é"), ("\ud800", "_ud800"),
    ],
)  # fmt: skip
def test_a_name_becomes_a_folder_that_every_system_takes(name, folder):
    assert safe(name) == folder


def test_folders_differ_by_more_than_case_and_a_safe_name_stays():
    names = ["a/b", "Cats", "a_b", "cats", "CATS", "", "..", "Straße", "STRASSE"]
    assert folder_names(names) == {
        "a/b": "a_b-2", "Cats": "Cats", "a_b": "a_b", "cats": "cats-2", "CATS": "CATS-3",
        "": "unnamed", "..": "unnamed-2", "Straße": "Straße", "STRASSE": "STRASSE-2",
    }  # fmt: skip


ANY_NAME = st.text(max_size=20) | st.sampled_from(
    [
        "a",
        "A",
        "a-2",
        "A-2",
        "..",
        ".",
        "/",
        "\\",
        "con",
        "CON",
        "x" * 400,
        "ü" * 400,
        "é",
        "e\u0301",
    ]
)


@given(st.lists(ANY_NAME, unique=True, max_size=8))
def test_any_names_become_folders_beside_each_other(names):
    found = folder_names(names)
    assert list(folder_names(names).values()) == list(found.values())
    assert set(found) == set(names)
    assert len({folder.casefold() for folder in found.values()}) == len(names)
    for folder in found.values():
        assert folder == os.path.basename(folder)
        assert 0 < len(os.fsencode(folder)) <= LONGEST + 9
        assert folder.strip(". ") == folder
        assert folder.isprintable() or not folder.isascii()


# which corrected cluster an image is in


def corrections(bundle, clusters, parts, images=None):
    given = {"clusters": clusters, "parts": parts, "images": images or {}, "tags": {}}
    return Corrections(ClustersFile.model_validate_json(json.dumps(GOOD | given)), "c.json", bundle)


@st.composite
def splits(draw):
    """Draw points, their clusters, and splits of clusters and of parts into two or three."""
    count = draw(st.integers(4, 20))
    number = st.integers(-8, 8).map(lambda value: value / 2)
    points = draw(st.lists(st.tuples(number, number), min_size=count, max_size=count))
    clusters = draw(st.lists(st.integers(-1, 2), min_size=count, max_size=count))
    members = {str(c): [i for i in range(count) if clusters[i] == c] for c in set(clusters)}
    parts, leaves = {}, dict(members)
    for _ in range(draw(st.integers(0, 3))):
        able = [place for place, its in leaves.items() if its]
        place = draw(st.sampled_from(sorted(able)))
        its = leaves.pop(place)
        into = draw(st.lists(st.integers(0, 2), min_size=len(its), max_size=len(its)))
        for part in range(3):
            of_part = [i for i, its_part in zip(its, into, strict=True) if its_part == part]
            parts[f"{place}/{part}"] = leaves[f"{place}/{part}"] = of_part
    return np.array(points, np.float32), np.array(clusters), parts, sorted(leaves)


@given(splits(), st.lists(st.tuples(*[st.integers(-9, 9)] * 2), min_size=1, max_size=9))
def test_new_images_go_down_to_the_part_of_the_nearest_mean(split, new):
    points, clusters, parts, leaves = split
    owners = named(*([leaf] for leaf in leaves))
    written = {part: [str(i) for i in its] for part, its in parts.items()}
    made = corrections(StandIn(points, clusters), owners, written)
    rows = np.array(new, np.float32) / 3
    for cluster in np.unique(clusters):
        found = made.by_rule(rows, np.full(len(rows), cluster))
        for point, number in zip(rows.astype(float), found, strict=True):
            at = str(cluster)
            while at not in leaves:
                below = [f"{at}/{part}" for part in range(3) if parts[f"{at}/{part}"]]
                at = min(below, key=lambda p: np.linalg.norm(points[parts[p]].mean(0) - point))
            if leaves[number] != at:  # as near to another part
                assert _ways_tie(points, parts, point, at, leaves[number])


def _ways_tie(points, parts, point, one, other):
    """Tell whether two leaves part at a split whose means are equally far, to a rounding."""
    ways = [leaf.split("/") for leaf in (one, other)]
    shared = next(i for i, pair in enumerate(zip(*ways, strict=False)) if len(set(pair)) > 1)
    far = [
        np.linalg.norm(points[parts["/".join(way[: shared + 1])]].mean(0, dtype=float) - point)
        for way in ways
    ]
    return abs(far[0] - far[1]) < 1e-5


POINTS = np.array([[0, 0], [1, 0], [8, 0], [9, 0], [50, 0], [51, 0]], np.float32)
CLUSTERS = np.array([0, 0, 0, 0, 1, 1])
SPLIT = {"0/0": ["0", "1"], "0/1": ["2", "3"]}
NAMED = [{"name": "low", "of": ["0/0"]}, {"name": "high", "of": ["1", "0/1"]}]


def transformed(bundle, points, clusters, positions):
    return SimpleNamespace(
        embedding=np.array(points, np.float32), clusters=np.array(clusters),
        positions=np.array(positions), seen=np.array(positions) >= 0,
    )  # fmt: skip


def test_a_training_image_has_its_own_name_and_a_new_one_that_of_the_rule():
    images = {"0": "low", "1": "high", "2": "high", "3": "high", "4": "high"}  # 1 was moved
    made = corrections(StandIn(POINTS, CLUSTERS), NAMED, SPLIT, images)
    asked = transformed(made, [[1, 0], [1, 0], [8, 0], [50, 0], [51, 0]], [0, 0, 0, 1, 1],
                        [1, -1, -1, -1, 5])  # fmt: skip
    assert made.numbers(asked).tolist() == [1, 0, 1, 1, 1]
    (note,) = made.notes
    assert note == (
        "moved by hand in c.json: 1 image; new images like these go where their cluster went"
    )
    assert made.other_run is None


def test_a_cluster_that_the_page_did_not_show_keeps_its_name():
    bundle = StandIn(POINTS, np.array([0, 0, 0, 0, 7, -1]))
    for name in ("Cluster-7", "cluster-7"):
        made = corrections(bundle, [{"name": name, "of": ["0", "1"]}], {}, {"gone.png": name})
        found = made.numbers(transformed(made, POINTS[:3], [0, 7, -1], [-1, -1, -1])).tolist()
        folders = [made.group(number).folder for number in found]
        assert folders[0] == made.group(found[0]).name == name
        assert folders[2] == made.group(found[2]).name == "cluster-none"
        assert folders[1].casefold() not in (folders[0].casefold(), folders[2])
        assert folders[1].startswith("cluster-7")
    assert made.notes[1].startswith("cluster-7 is in no cluster of c.json, and keeps its name")
    assert made.notes[2] == "1 image in c.json not found by name among those of the bundle"


def test_a_file_of_another_run_is_refused_or_warned_of():
    good, other = StandIn(POINTS, CLUSTERS), StandIn(POINTS, CLUSTERS, fingerprint="0" * 64)
    with pytest.raises(UsageError) as refused:
        corrections(other, NAMED, SPLIT)
    assert str(refused.value) == (
        "c.json is of other images than the bundle: of folder:album (fingerprint ffffffff), and "
        "the bundle of d (fingerprint 00000000): needed are a page and a bundle of one run"
    )
    corrections(StandIn(POINTS, CLUSTERS, fingerprint="0", whole="f" * 64), NAMED, SPLIT)
    good.manifest.seed_index = 2
    with pytest.raises(UsageError) as refused:
        corrections(good, NAMED, SPLIT)
    assert str(refused.value) == (
        "c.json corrects the clusters of pixels, pca4, seed 0, and the bundle is of pixels, pca4, "
        "seed 2: latentgrid export 'pixels, pca4' --seed-index 0 --results FOLDER --to FILE makes "
        "the one that is needed"
    )
    with pytest.raises(UsageError, match=r"c.json, part 0/1: not among the training .* x.png"):
        corrections(StandIn(POINTS, CLUSTERS), NAMED, SPLIT | {"0/1": ["2", "x.png"]})
    moved = dict.fromkeys("0123", "high") | {"4": "low", "5": "low"}
    made = corrections(StandIn(POINTS, CLUSTERS), NAMED, SPLIT, moved)
    assert made.other_run == (
        "4 of 6 images in c.json are in another cluster than in the bundle: unless you moved so "
        "many by hand, the bundle is of another run"
    )


# latentgrid apply


@pytest.fixture
def album(tmp_path, monkeypatch):
    """Five files that a clusters.json is of, in a folder beside it, and one more."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "album").mkdir()
    for name in "abcdef":
        Image.new("L", (4, 4), ord(name)).save(tmp_path / "album" / f"{name}.png")
    return write(tmp_path / "clusters.json")


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


SORTED = ["boats/c.png", "cats/a.png", "cats/e.png", "dogs/b.png", "none of these/d.png"]


def rows(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("how", ["copy", "link"])
def test_images_are_sorted_by_their_corrected_cluster(album, tmp_path, capsys, how):
    code, out, err = run_here(
        capsys, "bench.apply", "clusters.json", "--sort-into", "deep/sorted", "--files", how,
        "--table", "table.csv",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "5 images in 4 clusters",
        "  cats  2", "  dogs  1", "  boats  1", "  none of these  1",
        "note: left out 1 image of album that clusters.json does not have: f.png; latentgrid "
        "assign --clusters sorts them as well",
        "see deep/sorted", "see table.csv",
    ]  # fmt: skip
    into = tmp_path / "deep" / "sorted"
    assert files_in(into) == SORTED
    assert (into / "cats" / "a.png").is_symlink() == (how == "link")
    assert (into / "cats" / "a.png").read_bytes() == (tmp_path / "album" / "a.png").read_bytes()
    assert files_in(tmp_path / "album") == [f"{name}.png" for name in "abcdef"]
    assert os.listdir(into.parent) == ["sorted"]
    assert rows(tmp_path / "table.csv") == [
        ["image", "cluster", "tags"], ["a.png", "cats", "blurred; =1"], ["b.png", "dogs", ""],
        ["c.png", "boats", ""], ["d.png", "none of these", "blurred"], ["e.png", "cats", ""],
    ]  # fmt: skip
    code, _, err = run_here(capsys, "bench.apply", "clusters.json", "--sort-into", into)
    assert code == 2
    assert "exists, and files are sorted only into an empty folder" in err


def test_images_that_are_no_files_have_a_table(album, tmp_path, capsys):
    names = {"image 3": "cats", "image 7": "<b>"}
    clusters = [{"name": name, "of": []} for name in names.values()]
    tags = {"odd": ["image 9"]}
    write(album, dataset="digits", clusters=clusters, parts={}, images=names, tags=tags)
    code, out, _ = run_here(capsys, "bench.apply", "clusters.json", "--table", "t.csv")
    assert code == 0
    assert out == "2 images in 2 clusters\n  cats  1\n  <b>  1\nsee t.csv\n"
    assert rows(tmp_path / "t.csv")[1:] == [
        ["image 3", "cats", ""], ["image 7", "<b>", ""], ["image 9", "", "odd"],
    ]  # fmt: skip
    code, _, err = run_here(capsys, "bench.apply", "clusters.json", "--sort-into", "sorted")
    assert code == 2
    assert err == (
        "error: clusters.json is of digits, whose images are no files that could be sorted: "
        "--table FILE writes their clusters\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --sort-into DIR, --table FILE, or both"),
        (["--sort-into", "out", "--files", "move"], "--files must be copy or link, found 'move'"),
        (["--sort-into", "album/sorted"], "album overlaps with"),
        (["--sort-into", "out", "--images", "gone"], "no such folder: gone\n"),
        (["--sort-into", "out", "--images", "empty"], "none of the 5 images of clusters.json is in "
         "empty: missing are a.png, b.png, c.png, d.png, e.png; --images DIR names another folder"),
        (["--table", "clusters.json"], "clusters.json is the file that is read"),
        (["--table", "no/t.csv"], "no/t.csv: No such file"),
        (["--sort-into", "x" * 300], "File name too long"),
        (["--sort-into", "out", "--table", "out/t.csv"], "out/t.csv would be among the sorted"),
    ],
)  # fmt: skip
def test_misuse_is_one_line_and_nothing_is_written(album, tmp_path, capsys, arguments, message):
    (tmp_path / "empty").mkdir()
    before = album.read_bytes()
    code, out, err = run_here(capsys, "bench.apply", "clusters.json", *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert sorted(os.listdir(tmp_path)) == ["album", "clusters.json", "empty"]
    assert album.read_bytes() == before


def test_the_folder_of_images_may_be_elsewhere(album, tmp_path, capsys):
    (tmp_path / "album").rename(tmp_path / "moved")
    code, _, err = run_here(capsys, "bench.apply", "clusters.json", "--sort-into", "out")
    assert code == 2
    assert err == (
        "error: no such folder: album (named in clusters.json, relative to here): --images DIR "
        "names another\n"
    )
    arguments = ("clusters.json", "--sort-into", "out", "--images", "moved")
    assert run_here(capsys, "bench.apply", *arguments)[0] == 0
    assert files_in(tmp_path / "out") == SORTED


def test_missing_images_are_counted_and_named(album, tmp_path, capsys):
    for name in ("a.png", "c.png"):
        (tmp_path / "album" / name).unlink()
    arguments = ("clusters.json", "--sort-into", "out")
    code, _, err = run_here(capsys, "bench.apply", *arguments)
    assert code == 2
    assert err == (
        "error: 2 of 5 images of clusters.json are not in album: a.png, c.png; --skip-missing "
        "sorts the others\n"
    )
    assert not (tmp_path / "out").exists()
    code, out, _ = run_here(capsys, "bench.apply", *arguments, "--skip-missing")
    assert code == 0
    assert out.startswith("3 images in 3 clusters\n  cats  1\n")
    assert "note: skipped 2 images not in album: a.png, c.png\n" in out
    assert files_in(tmp_path / "out") == [SORTED[2], *SORTED[3:]]


def test_no_name_leads_out_of_the_folders(album, tmp_path):
    """Neither that of an image, which could be read, nor that of a cluster, which is written."""
    shutil.copy(tmp_path / "album" / "a.png", tmp_path / "secret.png")
    names = ["../../up", "..", "/tmp/x", "a\\..\\b"]
    images = {f"{letter}.png": name for letter, name in zip("abcd", names, strict=True)}
    outside = {"../secret.png": "..", str(tmp_path / "secret.png"): ".."}
    write(album, images=images | outside, parts={}, clusters=[{"name": n, "of": []} for n in names])
    found = read(album)
    with pytest.raises(UsageError, match=r"2 of 6 images of .* are not in album: ../secret.png"):
        applying.apply(found, album, sort_into=tmp_path / "out")
    applying.apply(found, album, sort_into=tmp_path / "out", skip_missing=True)
    assert files_in(tmp_path / "out") == [
        "_.._up/a.png", "_tmp_x/c.png", "a_.._b/d.png", "unnamed/b.png",
    ]  # fmt: skip


def test_what_fails_midway_leaves_no_folder(album, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(RunError, match=r"cannot sort album/a.png into .*: No space left"):
        applying.apply(read(album), album, sort_into=tmp_path / "out")
    assert sorted(os.listdir(tmp_path)) == ["album", "clusters.json"]


def test_the_page_and_the_bundle_call_images_the_same(image_folder):
    """By their files, or where they are none by their position in the source."""
    assert sorted(load(f"folder:{image_folder}").image_names) == files_in(image_folder)
    some = load("digits", limit=20)
    assert some.image_names == [f"image {i}" for i in some.indices]
