"""The user's own codes, from files of each kind, in order and by name."""

import importlib.util
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.datasets import load_digits

import bench
from bench.base.errors import UsageError
from bench.datasets.dataset import load
from bench.datasets.pieces import ImageNames
from bench.stages.encode import look_up
from bench.stages.training.probe import probe
from models.embeddings import match
from models.named import find
from tests.conftest import make_images

FILES = ("cats/1.png", "cats/2.png", "dogs/1.png", "dogs/3.png")
CODES = np.arange(12, dtype=np.float32).reshape(4, 3)
NAMED = ImageNames(FILES, (0, 1, 2, 3), 4)
ORDERED = ImageNames(None, (0, 1, 2, 3), 4)


def table(**columns):
    numbers = {f"e{number}": column for number, column in enumerate(CODES.T)}
    return pd.DataFrame({"file": FILES} | numbers | columns)


def write(path, value):
    """Write an array, arrays or a table as the kind of file that the path names."""
    if path.suffix == ".npy":
        np.save(path, value)
    elif path.suffix == ".npz":
        np.savez(path, **value)
    elif path.suffix == ".csv":
        value.to_csv(path, index=False)
    else:
        value.to_parquet(path, index=False)
    return path


def model(path):
    return find(f"embeddings(file={path})")


def rows(path, names):
    return model(path)((3, 32, 32)).rows(names)


def assert_refused(path, names, *words):
    """Assert that a file is refused in one line, which begins with it."""
    with pytest.raises(ValueError, match=r"\S") as caught:
        rows(path, names)
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith(f"{path}: ")
    for word in words:
        assert word in said


def test_it_is_what_it_says(tmp_path):
    path = write(tmp_path / "e.npy", CODES)
    item = model(path)
    assert item.files == (path,)
    assert item.from_names
    assert item.frozen
    assert item.deterministic
    assert not item.trains
    assert not item.decodes
    assert item((3, 32, 32)).code_size == 3
    assert probe(f"embeddings(file={path})", (3, 32, 32)).code_size == 3
    with pytest.raises(ValueError, match="its own images only"):
        item((3, 32, 32))(None)


# In order


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32, np.uint8, ">f8"])
@pytest.mark.parametrize("form", ["npy", "npz", "fortran", "deeper"])
def test_rows_in_order(tmp_path, dtype, form):
    value = CODES.astype(dtype)
    if form == "npz":
        path = write(tmp_path / "e.npz", {"anything": value})
    else:
        value = {"fortran": np.asfortranarray(value), "deeper": value[:, :, None, None]}.get(
            form, value
        )
        path = write(tmp_path / "e.npy", value)
    train, validation = rows(path, ImageNames(FILES, (3, 1), 4))
    assert train.dtype == validation.dtype == np.float32
    np.testing.assert_array_equal(train, CODES[[3, 1]])
    assert validation.shape == (0, 3)


def test_rows_behind_the_training_images_are_the_validation_images(tmp_path):
    path = write(tmp_path / "e.npy", CODES)
    train, validation = rows(path, ImageNames(None, (0, 2), 3, 1))
    np.testing.assert_array_equal(train, CODES[[0, 2]])
    np.testing.assert_array_equal(validation, CODES[3:])
    train, validation = rows(path, ImageNames(None, (0, 2), 4, 9))
    assert validation.shape == (0, 3)


def test_many_rows_come_in_pieces(tmp_path):
    values = np.random.default_rng(0).normal(size=(9001, 2))
    path = write(tmp_path / "e.npy", values)
    chosen = np.random.default_rng(1).permutation(9001)[:500]
    train, _ = rows(path, ImageNames(None, tuple(chosen.tolist()), 9001))
    np.testing.assert_array_equal(train, values[chosen].astype(np.float32))
    names = tuple(f"{number}.png" for number in range(9001))
    frame = pd.DataFrame({"file": names, "a": values[:, 0], "b": values[:, 1]})
    for kind in ("csv", "parquet"):
        listed = write(tmp_path / f"e.{kind}", frame)
        found, _ = rows(listed, ImageNames(tuple(names[n] for n in chosen), (), 9001))
        np.testing.assert_allclose(found, train, rtol=1e-6)


# By name


@pytest.mark.parametrize("kind", ["npz", "csv", "parquet"])
@pytest.mark.parametrize("called", ["files", "Path", "image"])
def test_rows_by_name(tmp_path, kind, called):
    order = [2, 0, 3, 1]
    names = [FILES[number] for number in order]
    if kind == "npz":
        value = {called: np.array(names), "embeddings": CODES[order], "labels": np.arange(4)}
    else:
        value = table().iloc[order].rename(columns={"file": called})
        value["note"] = "text, which is ignored"
        value["odd"] = [True, False, True, False]
    path = write(tmp_path / f"e.{kind}", value)
    train, validation = rows(path, NAMED)
    np.testing.assert_array_equal(train, CODES)
    assert train.dtype == np.float32
    assert validation.shape == (0, 3)
    train, _ = rows(path, ImageNames(FILES[1:3], (1, 2), 4))  # rows of no image are ignored
    np.testing.assert_array_equal(train, CODES[1:3])


def test_names_in_bytes_and_of_any_heading(tmp_path):
    value = {"embeddings": CODES, "files": np.array(FILES, dtype="S")}
    np.testing.assert_array_equal(rows(write(tmp_path / "e.npz", value), NAMED)[0], CODES)
    path = write(tmp_path / "e.csv", table().rename(columns={"file": "picture"}))
    np.testing.assert_array_equal(rows(path, NAMED)[0], CODES)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_names_that_read_like_numbers_or_nothing(tmp_path, kind):
    names = ("001", "NA", "", "1e5")
    path = write(tmp_path / f"e.{kind}", table(file=["001", "NA", "x", "1e5"]))
    wanted = ImageNames(("001", "NA", "x", "1e5"), (), 4)
    np.testing.assert_array_equal(rows(path, wanted)[0], CODES)
    assert_refused(path, ImageNames(names, (), 4), "1 of 4 images have no row")
    numbers = write(tmp_path / f"n.{kind}", table(file=[10, 11, 12, 13]))
    wanted = ImageNames(("13", "10"), (), 4)
    np.testing.assert_array_equal(rows(numbers, wanted)[0], CODES[[3, 0]])


@pytest.mark.parametrize(
    ("listed", "files", "found"),
    [
        (("a/1", "b/2"), ("b/2", "a/1"), [1, 0]),
        (("./a/1", "b\\2"), ("b/2", "a/1"), [1, 0]),
        (("x/y/1", "z/2"), ("b/2", "a/1"), [1, 0]),  # by the last part
        (("1", "2", "3"), ("a/2",), [1]),
        (("/d/a/1", "/d/b/1", "/d/b/2"), ("b/1", "a/1"), [1, 0]),  # less what rows share
        (("/d/e/a/1", "/d/e/a/2", "/d/e/a/b/1"), ("a/1", "a/b/1"), [0, 2]),
        (("a/1", "b/1"), ("d/b/1", "d/a/1"), [1, 0]),  # less what images share
        (("p/a/1", "p/b/1"), ("q/b/1", "q/a/1"), [1, 0]),  # or both
    ],
)
def test_ways_to_match_names(listed, files, found):
    assert match(listed, files).tolist() == found


def test_the_same_last_part_twice_is_no_match():
    with pytest.raises(ValueError, match=r"2 of 2 images have no row: a/1, b/2"):
        match(("c/1", "d/1", "d/2"), ("a/1", "b/2"))


PARTS = st.text("abc", min_size=1, max_size=2)
PATHS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)


@given(st.lists(PATHS, min_size=1, max_size=8, unique=True), st.randoms(), st.data())
def test_any_order_and_folder_is_matched(names, random, data):
    above = data.draw(st.sampled_from(["", "/data/x/", "photos/"]))
    surplus = data.draw(st.lists(PATHS.map("z{}".format), max_size=3, unique=True))
    listed = [above + name for name in [*names, *surplus]]
    random.shuffle(listed)
    found = match(listed, tuple(names)).tolist()
    last = {PurePosixPath(name).name for name in listed}
    if len(last) < len(listed):  # or else the last part decides, which are all different
        assert [listed[position] for position in found] == [above + name for name in names]
    assert [PurePosixPath(listed[position]).name for position in found] == [
        PurePosixPath(name).name for name in names
    ]


@given(st.lists(PATHS, min_size=2, max_size=8, unique=True), st.data())
def test_an_image_without_a_row_is_never_given_another(names, data):
    lacking = data.draw(st.sampled_from(names))
    listed = [f"w/{name}" for name in names if name != lacking]
    with pytest.raises(ValueError, match="no row"):
        match(listed, tuple(names))


# What is refused


def test_settings_that_cannot_work(tmp_path):
    (tmp_path / "codes.txt").write_text("1")
    with pytest.raises(ValueError, match=r"one of \.npy, \.npz, \.csv, \.parquet, found"):
        model(tmp_path / "codes.txt")
    with pytest.raises(ValueError, match=r"no such file: /nowhere/e\.npy"):
        model("/nowhere/e.npy")
    with pytest.raises(ValueError, match=r"write embeddings\(file=\.\.\.\)"):
        find("embeddings")


def test_a_home_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    path = write(tmp_path / "e.npy", CODES)
    assert model("~/e.npy").files == (path,)


def test_another_number_of_rows(tmp_path):
    path = write(tmp_path / "e.npy", CODES)
    said = "it holds 4 rows, and the data set 5 training images: needed one row for each"
    assert_refused(path, ImageNames(None, (0,), 5), said)
    said = "5 training images, or 7 with its 2 validation images: needed"
    assert_refused(path, ImageNames(None, (0,), 5, 2), said)


def test_images_without_a_row_are_named_and_counted(tmp_path):
    files = tuple(f"cats/{number}.png" for number in range(1, 10))
    path = write(tmp_path / "e.csv", table())
    said = "7 of 9 images have no row: cats/3.png, cats/4.png, cats/5.png, cats/6.png, cats/7.png "
    assert_refused(path, ImageNames(files, (), 9), said + "and 2 more", "is of cats/1.png")


def test_images_without_names(tmp_path):
    assert_refused(write(tmp_path / "e.csv", table()), ORDERED, "have no names", "as a .npy")


@pytest.mark.parametrize("kind", ["npz", "csv", "parquet"])
def test_a_name_that_is_there_twice(tmp_path, kind):
    names = [*FILES[:3], "./cats/1.png"]
    value = {"files": np.array(names), "e": CODES} if kind == "npz" else table(file=names)
    path = write(tmp_path / f"e.{kind}", value)
    assert_refused(path, NAMED, "1 names are there twice: cats/1.png")


@pytest.mark.parametrize("kind", ["npy", "npz", "csv", "parquet"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_numbers_that_are_not_finite(tmp_path, kind, value):
    codes = CODES.astype(np.float64)
    codes[2, 1] = value
    made = {"npy": codes, "npz": {"e": codes}}.get(kind, table(e1=codes[:, 1]))
    path = write(tmp_path / f"e.{kind}", made)
    assert_refused(path, NAMED, "row 3 holds a value that is missing, not finite, or too large")
    rows(path, ImageNames(FILES[:2], (0, 1), 4))  # it is no image's


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.zeros(4), "it has the shape (4,), needed a row for each image"),
        (np.zeros((4, 0)), "its rows hold no numbers"),
        (np.zeros((0, 3)), "it holds no rows"),
        (np.array([["a"]]), "values of type <U1, needed numbers"),
        (np.zeros((4, 2), complex), "values of type complex128, needed numbers"),
        (np.array([[None], [1]], dtype=object), "it holds Python objects"),
        (np.zeros((4, 2), [("a", "f4")]), "needed numbers"),
    ],
)
@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_arrays_that_are_no_codes(tmp_path, kind, value, said):
    path = write(tmp_path / f"e.{kind}", value if kind == "npy" else {"embeddings": value})
    if kind == "npz" and value.dtype.kind == "U":
        said = "0 arrays of numbers"
    assert_refused(path, ORDERED, said)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (
            {"a": CODES, "b": CODES},
            "it holds 2 arrays of numbers (a, b), needed one, or one called",
        ),
        ({"files": np.array(FILES)}, "it holds 0 arrays of numbers"),
        ({"e": CODES, "files": np.array(FILES[:3])}, "(3,), needed a name for each of 4 rows"),
        ({"e": CODES, "files": np.array(FILES, object)}, "files holds Python objects"),
    ],
)
def test_archives_that_hold_no_codes(tmp_path, arrays, said):
    assert_refused(write(tmp_path / "e.npz", arrays), NAMED, said)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pd.DataFrame({"file": FILES}), "it has no columns of numbers beside file: found file"),
        (table().drop(columns="file"), "it has no column of text, needed a column of file names"),
        (
            table(more=list("abcd")).rename(columns={"file": "x"}),
            "it has 2 columns of text (x, more)",
        ),
        (table(label=[0, 0, 1, 1]), "its columns of numbers include 'label'"),
        (table().reset_index(), "its columns of numbers include 'index'"),
        (table()[:0].astype({"file": str}), "it holds no rows"),
    ],
)
def test_tables_that_hold_no_codes(tmp_path, kind, frame, said):
    if kind == "parquet" and not len(frame):
        frame = frame.astype({"file": "string"})
    assert_refused(write(tmp_path / f"e.{kind}", frame), NAMED, said)


def test_text_among_numbers(tmp_path):
    path = write(tmp_path / "e.csv", table(e1=["1", "x1", "2", "3"]))
    assert_refused(path, NAMED, "its column 'e1' holds numbers and text: 'x1'")
    late = pd.DataFrame({"file": map(str, range(2000)), "a": ["1"] * 1999 + ["x1"]})
    path = write(tmp_path / "late.csv", late)
    assert_refused(path, ImageNames(("5",), (5,), 2000), "'x1'")


@pytest.mark.parametrize("kind", ["npy", "npz", "csv", "parquet"])
@pytest.mark.parametrize("content", [b"", b"\x00\xff\x00 neither", b"PK\x03\x04"])
def test_what_is_in_a_broken_file_is_refused(tmp_path, kind, content):
    path = tmp_path / f"e.{kind}"
    path.write_bytes(content)
    assert_refused(path, NAMED)


def test_without_pyarrow_it_says_how_to_install_it(tmp_path, monkeypatch):
    path = write(tmp_path / "e.parquet", table())
    there = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "pyarrow" else there(name)
    )
    assert_refused(path, NAMED, "pip install pyarrow (latentgrid's extra [tables])")


# In a grid


def grid(tmp_path, **settings):
    asked = {"reducers": "pca8", "seeds": 1, "null": False, "baselines": False, "resamples": 0}
    return bench.run_grid(
        engine="inline", out=tmp_path / "results", store=tmp_path / ".store", **asked | settings
    )


def test_a_grid_on_embeddings_in_order(tmp_path):
    digits = load_digits()
    path = write(tmp_path / "digits.npy", digits.data.astype(np.float32))
    text = f"embeddings(file={path})"
    asked = {"dataset": "digits", "limit": 80, "models": [text], "reducers": "none,pca8"}
    records = grid(tmp_path, **asked)
    assert records["status"].eq("ok").all()
    assert records["accuracy"].gt(0.4).all()
    assert records["code_size"].eq(64).all()
    for absent in ("reconstruction_loss", "code_loss", "summed_batch_mse"):
        assert records[absent].isna().all()
    # A limit takes the rows of its images.
    names = load("digits", limit=80).names
    codes = look_up(find(text), names).arrays["train"]
    np.testing.assert_array_equal(codes, digits.data[list(names.indices)].astype(np.float32))
    again = grid(tmp_path, **asked, only_cached=True)
    pd.testing.assert_series_equal(again["accuracy"], records["accuracy"])
    with pytest.raises(UsageError, match="codes for the images of its file only") as caught:
        bench.export_bundle(
            tmp_path / "no.latentgrid", f"{text}, pca8", results=tmp_path / "results"
        )
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "no.latentgrid").exists()
    np.save(path, digits.data[:, ::-1])
    assert not grid(tmp_path, **asked, only_cached=True)["status"].eq("ok").any()


def test_a_grid_on_embeddings_by_name(tmp_path):
    images, labels = make_images(40)
    names = [f"{('dark', 'bright')[label]}/{n:02d}.png" for n, label in enumerate(labels)]
    for name, image in zip(names, images, strict=True):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).resize((12, 12)).save(tmp_path / "images" / name)
    (tmp_path / "images" / "dark" / "broken.png").write_bytes(b"no image")
    random = np.random.default_rng(0)
    codes = random.normal(size=(40, 10)) + 9 * labels[:, None]
    order = random.permutation(40)
    frame = pd.DataFrame(codes[order]).add_prefix("e")
    frame.insert(0, "file", [f"/data/{names[number]}" for number in order])
    tables = [write(tmp_path / f"e.{kind}", frame) for kind in ("csv", "parquet")]
    models = [f"embeddings(file={path})" for path in tables]
    models.append(f"on(code=8,hidden=16,model={models[0]})")
    asked = {"dataset": f"folder:{tmp_path / 'images'}", "models": models}
    records = grid(tmp_path, **asked, epochs=3)
    assert records["accuracy"].tolist() == [1, 1, 1]
    write(tmp_path / "e.csv", frame[3:])
    for model in (models[0], models[2]):
        with pytest.raises(UsageError, match="3 of 40 images have no row") as caught:
            grid(tmp_path, **asked | {"models": [model]})
        assert str(caught.value).startswith(f"model {model}, folder:")


def test_validation_images_may_have_rows_or_not(tmp_path, npy_folder):
    codes = np.concatenate(
        [np.load(npy_folder / f"{n}X.npy").mean((1, 2)) for n in ("train", "val")]
    )
    asked = {"dataset": f"npy:{npy_folder}", "reducers": "none"}
    path = write(tmp_path / "both.npy", codes)
    records = grid(tmp_path, **asked, models=[f"embeddings(file={path})"])
    assert records["validation_accuracy"].tolist() == [1]
    path = write(tmp_path / "train.npy", codes[:120])
    records = grid(tmp_path, **asked, models=[f"embeddings(file={path})"])
    assert records["validation_accuracy"].isna().all()
    assert records["accuracy"].tolist() == [1]
    path = write(tmp_path / "few.npy", codes[:100])
    with pytest.raises(UsageError, match="100 rows, and the data set 120 training images, or 140"):
        grid(tmp_path, **asked, models=[f"embeddings(file={path})"])
