"""Labels as people have them: folders, parts of a data set, CSV files, none."""

import csv

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from bench.analysis import correctness
from bench.analysis.results import Results
from bench.base.errors import UsageError
from bench.base.progress import silent
from bench.datasets import datasets, labels
from bench.datasets.dataset import load
from bench.datasets.source import Source
from tests.conftest import refused, run_python


def tree(root, *names):
    """Write a small image under each name, each of another gray."""
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (9, 9), 5 * number).save(path)
    return root


def of_classes(data):
    """Return the class of each file."""
    return {
        file: data.class_names[label] for file, label in zip(data.files, data.labels, strict=True)
    }


def text(data):
    return " ".join(data.notes)


SPLIT = [f"{part}/{name}/{i}.png" for part in ("train", "Val") for name in "abc" for i in (1, 2)]


def test_parts_of_a_data_set_are_no_classes(tmp_path):
    data = load(f"folder:{tree(tmp_path, *SPLIT)}")
    assert of_classes(data) == {name: name.split("/")[1] for name in SPLIT}
    assert data.clusters == 3
    assert "The labels are the folders at level 2, below Val, train" in text(data)


def test_a_level_can_be_chosen(tmp_path):
    folder = tree(tmp_path, *SPLIT)
    data = load(f"folder:{folder}", label_depth=1)
    assert data.class_names == ("Val", "train")
    refused(f"folder:{folder}", "label_depth 3: no image lies that deep", label_depth=3)
    refused("digits", "label_depth 1 applies to the sub-folders", label_depth=1)
    refused(f"folder:{folder}", "applies to the sub-folders", label_depth=1, labels="none")


def test_parts_without_classes_are_unlabeled(tmp_path):
    folder = tree(tmp_path, *(f"{part}/{i}.png" for part in ("train", "test") for i in range(3)))
    data = load(f"folder:{folder}", clusters=2)
    assert (len(data), data.labels) == (6, None)
    assert "sub-folders (test, train) are parts of a data set, no labels" in text(data)


def test_folders_around_the_classes_are_passed(tmp_path):
    folder = tree(tmp_path, *(f"archive/images/{name}/{i}.png" for name in "ab" for i in (1, 2)))
    data = load(f"folder:{folder}")
    assert data.class_names == ("a", "b")
    assert "folders at level 3, below archive and images" in text(data)


def test_one_label_is_none(tmp_path):
    folder = tree(tmp_path, *(f"images/{i}.png" for i in range(6)))
    refused(f"folder:{folder}", "has only one label, images, so the number of clusters must be")
    data = load(f"folder:{folder}", clusters=2)
    assert (data.labels, data.class_names, data.primary_metric) == (None, (), "selection_score")
    assert "Only one label, images: the images count as unlabeled." in text(data)


def test_one_sub_folder_among_images_leaves_none_out(tmp_path):
    names = [f"{i}.png" for i in range(4)] + [f"thumbs/{i}.png" for i in range(5)]
    data = load(f"folder:{tree(tmp_path, *names)}", clusters=2)
    assert (len(data), data.labels) == (9, None)
    assert "The only sub-folder, thumbs, is no label: all images count." in text(data)


def test_one_label_of_arrays_is_none(npy_folder):
    np.save(npy_folder / "trainY.npy", np.full(120, 7))
    np.save(npy_folder / "valY.npy", np.full(20, 7))
    data = load(f"npy:{npy_folder}")
    assert (data.labels, data.validation_labels, data.clusters) == (None, None, 2)
    assert "Only one label, 7" in text(data)


def test_none_drops_labels_and_leaves_no_image_out(tmp_path, npy_folder):
    folder = tree(tmp_path / "x", "a/1.png", "a/2.png", "b/1.png", "loose.png")
    assert len(load(f"folder:{folder}")) == 3
    data = load(f"folder:{folder}", labels="none", clusters=2)
    assert (len(data), data.labels, data.notes) == (4, None, ())
    arrays = load(f"npy:{npy_folder}", labels="none")
    assert (arrays.labels, arrays.validation_labels, len(arrays.validation_images)) == (
        None, None, 0,
    )  # fmt: skip


def test_what_a_limit_loses_is_named(tmp_path):
    names = [f"{name}/{i}.png" for name in "ab" for i in range(20)] + ["rare/1.png"]
    data = load(f"folder:{tree(tmp_path, *names)}", limit=8)
    assert data.class_names == ("a", "b")
    assert "--limit left out all images of 1 label: rare." in text(data)


def test_classes_of_unreadable_files_alone_are_not_lost_by_a_limit(tmp_path):
    folder = tree(tmp_path, *(f"{name}/{i}.png" for name in "abc" for i in (1, 2)))
    for i in (1, 2):
        (folder / "c" / f"{i}.png").write_bytes(b"no picture")
    data = load(f"folder:{folder}")
    assert data.class_names == ("a", "b")
    assert "--limit" not in text(data)
    for i in (1, 2):
        (folder / "b" / f"{i}.png").write_bytes(b"no picture")
    refused(f"folder:{folder}", "has only one label, a")
    data = load(f"folder:{folder}", clusters=2)
    assert (data.labels, data.clusters) == (None, 2)
    assert "Only one label, a: the images count as unlabeled." in text(data)


def test_minus_one_is_said_to_be_a_class(npy_folder):
    found = np.load(npy_folder / "trainY.npy")
    found[:5] = -1
    np.save(npy_folder / "trainY.npy", found)
    data = load(f"npy:{npy_folder}")
    assert "-1" in data.class_names
    assert "The label -1 of 5 images counts as a class like any other." in text(data)


def test_years_are_said_to_be_none(tmp_path):
    names = [f"{year}/{i}.png" for year in (2019, 2020) for i in (1, 2)]
    data = load(f"folder:{tree(tmp_path / 'years', *names)}")
    assert "The labels are years (2019, 2020), which say when" in text(data)
    names = [f"{number}/{i}.png" for number in (19, 2020) for i in (1, 2)]
    assert load(f"folder:{tree(tmp_path / 'numbers', *names)}").notes == ()


NAMES = ["a/1.png", "a/2.png", "b/3.png", "b/4.png"]
WANTED = {"a/1.png": "cat", "a/2.png": "dog", "b/3.png": "dog", "b/4.png": "cat"}


@pytest.mark.parametrize("named", [lambda n: n, lambda n: n[2:], lambda n: n[2:3]])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_file_gives_labels_by_any_name(tmp_path, named, separator, encoding):
    folder, file = tree(tmp_path / "x", *NAMES), tmp_path / "labels.csv"
    rows = ["file,label", *(f"{named(name)},{label}" for name, label in WANTED.items())]
    file.write_text("\r\n".join(rows).replace(",", separator), encoding=encoding, newline="")
    data = load(f"folder:{folder}", labels=str(file))
    assert of_classes(data) == WANTED
    assert data.notes == ("The labels are those of labels.csv.",)


def test_a_file_may_know_fewer_and_other_images(tmp_path):
    folder, file = tree(tmp_path / "x", *NAMES), tmp_path / "labels.csv"
    file.write_text("file,weight,Label\na\\1.png,3,x\n./b/3.png,4,y\nb/4.png,5,\ngone.png,1,x\n")
    data = load(f"folder:{folder}", labels=str(file))
    assert data.files == tuple(NAMES)
    assert data.class_names == ("x", "y")
    assert data.labels.tolist() == [0, -1, 1, -1]
    assert (data.labeled_images, data.clusters) == (2, 2)
    assert "2 of 4 images have a label: accuracy" in text(data)
    assert "Intervals over so few images are too narrow." in text(data)
    assert "labels.csv has 1 name of no image: gone.png." in text(data)


def test_few_labels_survive_a_limit(tmp_path):
    names = [f"{i:02d}.png" for i in range(30)]
    folder, file = tree(tmp_path / "x", *names), tmp_path / "labels.csv"
    file.write_text("file,label\n" + "".join(f"{name},{name[1]}\n" for name in names[::7]))
    known = set(names[::7])
    data = load(f"folder:{folder}", labels=str(file), limit=12)
    assert len(data) == 12
    assert {f for f, label in zip(data.files, data.labels, strict=True) if label >= 0} == known
    fewer = load(f"folder:{folder}", labels=str(file), limit=3)
    assert fewer.labeled_images == len(fewer) == 3
    with pytest.raises(UsageError, match="needs a label for every image, or none"):
        load(f"folder:{folder}", labels=str(file), halves=True)


def test_a_file_names_arrays_by_position(npy_folder, tmp_path):
    file = tmp_path / "labels.csv"
    file.write_text("id,label\n5,x\n3,y\n119,x\n")
    data = load(f"npy:{npy_folder}", labels=str(file))
    assert data.class_names == ("x", "y")
    assert data.labels[[3, 5, 119]].tolist() == [1, 0, 0]
    assert data.labeled_images == 3
    assert len(data) == len(np.load(npy_folder / "trainX.npy"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"file,label\nz.png,1\n", "names none of the images: it names z.png; the images are"),
        (b"file,label\na/1.png,1\na/1.png,2\n", "line 3: a/1.png is named twice, first in line 2"),
        (b"file,one,two\na/1.png,1,2\n", "more than one column that may hold the labels (file,"),
        (b"file,label,class\na/1.png,1,2\n", "more than one column that may hold the labels"),
        (b"file\na/1.png\n", "has one column (file)"),
        (b"file,label\na/1.png,caf\xe9\n", "is not UTF-8 text: found byte 0xe9 in line 2"),
        ("file,label\na/1.png,x\n".encode("utf-16"), "found byte 0xff in line 1"),
        (b"", "has no rows"),
        (b"file,label\n", "has no rows"),
        (b"file,label\na/1.png\n", "line 2: found 1 value, expected 2 (file, label)"),
        (b"file,label\na/1.png,\n", "has no label in its column 'label'"),
        (b'file,label\n"a/1.png,x\n', "is not a CSV file"),
        (b"file,label\nsame.png,x\n", "line 2: same.png is the name of 2 images (a/same.png, b/"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_refused_in_one_line(tmp_path, content, said):
    folder = tree(tmp_path / "x", *NAMES, "a/same.png", "b/same.png")
    file = tmp_path / "labels.csv"
    file.write_bytes(content)
    with pytest.raises(UsageError) as error:
        load(f"folder:{folder}", labels=str(file))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1).filter(
    lambda cell: cell.strip() == cell and not cell.startswith("./")
)


@given(st.dictionaries(CELLS.filter(lambda c: "\\" not in c and "/" not in c), CELLS, min_size=1))
def test_every_name_and_label_that_csv_can_write_is_read(tmp_path_factory, wanted):
    file = tmp_path_factory.mktemp("labels") / "labels.csv"
    with open(file, "w", encoding="utf-8", newline="") as opened:
        csv.writer(opened).writerows([("file", "label"), *wanted.items()])
    found = labels.apply(Source(len(wanted), files=tuple(wanted)), str(file))
    assert dict(zip(found.files, found.labels.tolist(), strict=True)) == wanted


def test_images_that_are_left_out_change_nothing_of_which_code_decodes_the_others(tmp_path):
    folder = tree(tmp_path, "a/1.png", "a/2.png", "b/3.png", "loose.png")
    source = datasets["folder"](str(folder), silent)
    found = labels.apply(source)
    assert (source.count, found.count) == (4, 3)
    assert found.open.__module__ == source.open.__module__ == "bench.datasets.folder"
    np.testing.assert_array_equal(found.open(2, 9), source.open(2, 9))


def test_few_labels_rank_pipelines_and_all_images_are_clustered(image_folder, tmp_path):
    known = sorted(image_folder.rglob("*.*"))[::3]
    file, out = tmp_path / "few.csv", tmp_path / "out"
    rows = [f"{path.relative_to(image_folder)},{path.parent.name}" for path in known]
    file.write_text("\n".join(["file,label", *rows]) + "\n")
    records = run_python(
        dataset=f"folder:{image_folder}", labels=str(file), models=["pixels", "histogram"],
        reducers=["none"], seeds=2, baselines=False, image_size=16, out=out,
        store=tmp_path / "store",
    )  # fmt: skip
    assert (records["status"] == "ok").all()
    assert set(records["labeled_images"]) == {7}
    assert set(records["clusters"]) == {2}
    assert ((records["accuracy"] * 7).round(9) % 1 == 0).all()
    results = Results(records)
    assert results.scope == "on the 7 labeled of these 20 images"
    of_seven = correctness.read(records, out / correctness.FILE)
    assert {v.shape for each in of_seven.values() for v in each.by_seed.values()} == {(7,)}
    assigned = pd.read_csv(out / "assignments.csv", keep_default_na=False)
    assert len(assigned) == 20
    assert (assigned["cluster"] >= 0).all()
    assert (assigned["true_label"] != "").sum() == 7
    assert "7 of 20 images have a label: accuracy" in (out / "results.md").read_text()
