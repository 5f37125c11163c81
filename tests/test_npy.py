import contextlib
import math
import os
import resource
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bench.base import arrays
from bench.base.arrays import Rows
from bench.base.errors import UsageError
from bench.datasets import brightness
from bench.datasets.dataset import load
from tests.conftest import make_images, refused, run_grid


def test_npy_as_the_homework_has_it(npy_folder):
    data = load(f"npy:{npy_folder}")
    images, labels = make_images(120)
    np.testing.assert_array_equal(data.images, images)
    np.testing.assert_array_equal(data.labels, labels)
    assert data.validation_images.shape == (20, 32, 32, 3)
    assert data.clusters == 2
    assert data.id_label_form


def test_npy_is_mapped_and_read_in_pieces(tmp_path):
    """A sparse file of 24 GB would not fit: only what is asked for is read."""
    shape = (8_000_000, 32, 32, 3)
    np.lib.format.open_memmap(tmp_path / "trainX.npy", mode="w+", dtype=np.uint8, shape=shape)
    data = load(f"npy:{tmp_path}", limit=50)
    assert len(data) == 50
    assert data.source_count == 8_000_000


@pytest.mark.parametrize("form", ["uint8", "unit", "byte", "first", "unit first", "float16"])
def test_npy_forms_give_the_same_images(tmp_path, form):
    images, _ = make_images(10)
    values = images
    if "unit" in form:
        values = (values / 255).astype(np.float32)
    if form == "byte":
        values = values.astype(np.float64)
    if form == "float16":
        values = values.astype(np.float16)
    if "first" in form:
        values = values.transpose(0, 3, 1, 2)
    np.save(tmp_path / "trainX.npy", values)
    np.testing.assert_array_equal(load(f"npy:{tmp_path}").images, images)


def test_npy_gray_and_other_sizes_are_brought_to_form(tmp_path):
    np.save(tmp_path / "trainX.npy", np.full((5, 28, 28), 99, np.uint8))
    data = load(f"npy:{tmp_path}")
    assert data.images.shape == (5, 32, 32, 3)
    assert (data.images == 99).all()


def test_npy_without_labels_has_the_homeworks_two_clusters_and_says_so(npy_folder):
    for name in ("trainY", "valX", "valY"):
        (npy_folder / f"{name}.npy").unlink()
    data = load(f"npy:{npy_folder}")
    assert data.labels is None
    assert data.clusters == 2
    assert "2 clusters, as in the homework" in " ".join(data.notes)
    assert load(f"npy:{npy_folder}", clusters=5).clusters == 5


def test_npy_with_validation_labels_only_counts_those(npy_folder):
    (npy_folder / "trainY.npy").unlink()
    np.save(npy_folder / "valY.npy", np.arange(20) % 4)
    data = load(f"npy:{npy_folder}")
    assert (data.labels, data.clusters) == (None, 4)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.array(["cat", "dog"] * 60), ("cat", "dog")),
        (np.array([[3.0], [7.0]] * 60), ("3", "7")),
        (np.array([True, False] * 60), ("0", "1")),
        (np.array([7, 9] * 60, np.uint64), ("7", "9")),
        (np.array([b"a", b"b"] * 60), ("a", "b")),
    ],
)
def test_npy_labels_of_several_types(npy_folder, labels, names):
    np.save(npy_folder / "trainY.npy", labels)
    np.save(npy_folder / "valY.npy", labels.ravel()[:20])
    assert load(f"npy:{npy_folder}").class_names == names


def test_npy_refuses_pickles_without_running_them(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (exec, ("import pathlib; pathlib.Path('ran').touch()",))

    np.save(tmp_path / "trainX.npy", np.array([Bomb()], object), allow_pickle=True)
    refused(f"npy:{tmp_path}", "pickled objects")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 32, 32, 5), np.uint8), "has shape (4, 32, 32, 5)"),
        (np.zeros((4, 3072), np.uint8), "has shape (4, 3072)"),
        (np.zeros((0, 32, 32, 3), np.uint8), "is empty"),
        (np.zeros((4, 32, 32, 3), complex), "has dtype complex128"),
        (np.full((4, 32, 32, 3), 16.5), "values from 16.5 to 16.5, whose brightness"),
        (np.linspace(-2.1, 2.6, 3072).reshape(1, 32, 32, 3), "values from -2.1 to 2.6"),
        (np.full((4, 32, 32, 3), np.nan), "holds NaN or infinite values"),
    ],
)
def test_npy_refuses_what_are_no_images(tmp_path, array, message):
    np.save(tmp_path / "trainX.npy", array)
    refused(f"npy:{tmp_path}", message)


def test_npy_refuses_archives_and_labels_of_another_kind(npy_folder):
    np.savez(npy_folder / "x.npz", a=np.zeros(3))
    (npy_folder / "x.npz").rename(npy_folder / "valX.npy")
    refused(f"npy:{npy_folder}", "archive (.npz)")
    np.save(npy_folder / "valX.npy", make_images(20)[0])
    np.save(npy_folder / "valY.npy", np.array(["a", "b"] * 10))
    refused(f"npy:{npy_folder}", "none of the validation labels (a, b) is a label")


def test_npy_refuses_broken_folders(npy_folder, tmp_path):
    refused("npy", "needs a folder")
    refused("npy:/no/such/folder", "no trainX.npy")
    whole = (npy_folder / "trainX.npy").read_bytes()
    (npy_folder / "trainX.npy").write_bytes(whole[: len(whole) // 2])
    refused(f"npy:{npy_folder}", "not a complete .npy array")
    (npy_folder / "trainX.npy").write_bytes(b"")
    refused(f"npy:{npy_folder}", "not a complete .npy array")
    (npy_folder / "trainX.npy").write_bytes(whole)
    np.save(npy_folder / "trainY.npy", np.zeros(7, int))
    refused(f"npy:{npy_folder}", "has shape (7,): expected (120,)")
    np.save(npy_folder / "trainY.npy", np.full(120, 0.5))
    refused(f"npy:{npy_folder}", "float64 labels, of which 120 values cannot be a class")
    np.save(npy_folder / "trainY.npy", np.zeros(120, int))
    (npy_folder / "valY.npy").unlink()
    refused(f"npy:{npy_folder}", "valX.npy without valY.npy")


@pytest.mark.parametrize(
    ("shape", "labels", "message"),
    [
        ((32, 32, 3), None, "looks like one image in color"),
        ((32, 48, 4), None, "looks like one image in color"),
        ((32, 32, 3), 32, "looks like one image in color"),
        ((3, 32, 32), None, "one image in color, channels first"),
        ((32, 32, 100), None, "100 gray images of 32×32 along the last axis"),
        ((24, 32, 200), None, "200 gray images of 24×32 along the last axis"),
        ((24, 32, 40), 40, "40 gray images of 24×32 along the last axis"),
        ((32, 32, 3, 50), None, "has shape (32, 32, 3, 50), images of 32×3: allowed"),
        ((32, 32, 3, 1), None, "images of 32×3: allowed are"),
    ],
)
def test_npy_refuses_one_image_and_images_along_another_axis(tmp_path, shape, labels, message):
    np.save(tmp_path / "trainX.npy", np.zeros(shape, np.uint8))
    if labels:
        np.save(tmp_path / "trainY.npy", np.arange(labels) % 2)
    refused(f"npy:{tmp_path}", message)


@pytest.mark.parametrize(
    ("shape", "labels"),
    [
        ((100, 32, 32), None),
        ((32, 32, 32), None),
        ((24, 24, 40), 24),  # the labels say so
        ((24, 24, 40, 1), None),  # and so does an axis of channels
        ((200, 24, 32), None),
        ((3, 32, 32), 3),
    ],
)
def test_npy_gray_images_are_as_many_as_the_first_axis(tmp_path, shape, labels):
    np.save(tmp_path / "trainX.npy", np.zeros(shape, np.uint8))
    if labels:
        np.save(tmp_path / "trainY.npy", np.arange(labels) % 2)
    assert len(load(f"npy:{tmp_path}").images) == shape[0]


@given(
    hnp.arrays(st.sampled_from([np.float32, np.float64]), (2, 3, 5), elements=st.floats(width=32))
)
def test_npy_any_floats_are_images_or_refused(tmp_path_factory, array):
    folder = tmp_path_factory.mktemp("fuzz")
    np.save(folder / "trainX.npy", array)
    try:
        data = load(f"npy:{folder}", clusters=1)
    except UsageError:
        refused(f"npy:{folder}", "--range LOW:HIGH", clusters=1)
        return
    assert np.isfinite(array).all()
    assert data.images.shape == (2, 32, 32, 3)


@given(data=st.data())
def test_npy_any_bytes_are_images_or_refused(tmp_path_factory, data):
    """A whole file with some of its bytes replaced, or cut: never anything but a refusal."""
    folder = tmp_path_factory.mktemp("fuzz")
    path = folder / "trainX.npy"
    np.save(path, make_images(3)[0][:, :4, :4])
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        # Most of them in the header, which is what is parsed.
        whole[data.draw(st.integers(0, 127))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.sampled_from([len(whole), 200, 128, 60, 7, 0]))])
    with contextlib.suppress(UsageError):
        assert load(f"npy:{folder}", clusters=1).images.dtype == np.uint8


@pytest.mark.parametrize("order", ["C", "F"])
@given(data=st.data())
def test_rows_are_those_of_the_array(tmp_path_factory, order, data):
    shape = data.draw(st.sampled_from([(7,), (7, 1), (5, 2, 3), (9, 4, 2, 3), (3, 0)]))
    dtype = data.draw(st.sampled_from(["u1", ">u2", "f4", "<U3", "?"]))
    whole = np.asarray(np.arange(math.prod(shape)).reshape(shape).astype(dtype), order=order)
    path = tmp_path_factory.mktemp("rows") / "x.npy"
    np.save(path, whole)
    rows = Rows(path)
    assert (rows.shape, rows.dtype, len(rows)) == (shape, whole.dtype, shape[0])
    positions = data.draw(st.lists(st.integers(0, shape[0] - 1), max_size=20))
    with mock.patch.object(arrays, "WINDOW", data.draw(st.sampled_from([1, 40, 2**20]))):
        found = rows.read(np.array(positions, np.intp))
    np.testing.assert_array_equal(found, whole[positions])
    assert found.dtype == whole.dtype


@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_that_is_cut_while_it_is_read_is_an_error(tmp_path, order):
    """A mapped one would end the process, by SIGBUS."""
    np.save(tmp_path / "trainX.npy", np.asarray(make_images(40)[0], order=order))
    rows = Rows(tmp_path / "trainX.npy")
    os.truncate(tmp_path / "trainX.npy", 128 + 3072)
    with pytest.raises(UsageError, match=r"trainX\.npy was cut off while it was read"):
        rows.read(np.arange(40))


def test_a_data_set_that_is_cut_while_it_is_read_is_an_error(tmp_path, monkeypatch):
    np.save(tmp_path / "trainX.npy", make_images(40)[0] / np.float32(255))
    survey = brightness.survey

    def cut_then(values):
        os.truncate(tmp_path / "trainX.npy", 5000)
        return survey(values)

    monkeypatch.setattr(brightness, "survey", cut_then)
    refused(f"npy:{tmp_path}", "trainX.npy was cut off while it was read: write it again")


@pytest.mark.slow
def test_a_million_images_stay_under_two_gigabytes(tmp_path):
    """A sparse file of 3 GB, fingerprinted whole and read in pieces."""
    with open(tmp_path / "trainX.npy", "wb") as file:
        shape = (1_000_000, 32, 32, 3)
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": shape}
        )
        start = file.tell()
        file.truncate(start + 1_000_000 * 3072)
        for image in range(0, 1_000_000, 40):  # elsewhere it is black, and takes no disk
            file.seek(start + image * 3072)
            file.write(np.random.default_rng(image).bytes(3072))
    found = run_grid(
        tmp_path, "--dataset", "npy:.", "--clusters", "2", "--models", "pixels", "--reducers",
        "pca8", "--seeds", "1", "--limit", "5000", "--no-baselines",
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024  # of any one process
    assert peak < 2000
