"""Data sets of the Hugging Face hub, and local files in the forms that its library reads."""

import importlib.util
import io
import json
import socket

import datasets as library
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from bench.base.progress import silent
from bench.contracts.material import make_images
from bench.datasets import datasets, hf
from bench.datasets.dataset import load, split
from bench.datasets.hf import read_argument
from tests.canned_hub import canned_hub
from tests.conftest import SMALL, refused

COUNT = 12
IMAGES = make_images(COUNT)[0]
CLASSES = np.arange(COUNT) % 2


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Where the library keeps its Arrow files, and no network but this machine's own."""
    place, find = tmp_path / "arrow", socket.getaddrinfo
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", place)

    def no_network(host, *given, **named):
        if host != "127.0.0.1":
            raise OSError("no network here")
        return find(host, *given, **named)

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    return place


def png(image):
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def structs(images=IMAGES, name="{}.png"):
    """Images as parquet files hold them, bytes beside a path."""
    return pa.array([{"bytes": png(x), "path": name.format(i)} for i, x in enumerate(images)])


def write(folder, split="train", features=None, **columns):
    """Write one split of a data set as a parquet file; features as the library marks columns."""
    folder.mkdir(exist_ok=True)
    table = pa.table(columns)
    if features is not None:
        marks = {"info": {"features": features}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(marks)})
    pq.write_table(table, folder / f"{split}-00000-of-00001.parquet")
    return folder


IMAGE = {"_type": "Image"}


def classes(*names):
    return {"names": list(names), "_type": "ClassLabel"}


@pytest.fixture
def marked(tmp_path):
    """A data set as `push_to_hub` writes it: two splits, images and classes marked as such."""
    features = {"image": IMAGE, "label": classes("cat", "dog")}
    folder = tmp_path / "marked"
    write(folder, "train", features, image=structs(), label=CLASSES)
    return write(folder, "test", features, image=structs(IMAGES[:4]), label=CLASSES[:4])


def same(data, images=IMAGES):
    np.testing.assert_array_equal(data.images, images)


# What is read


def test_marked_columns_are_found_by_their_features(marked, capfd):
    data = load(f"hf:{marked}", image_size=32)
    same(data)
    assert data.class_names == ("cat", "dog")
    np.testing.assert_array_equal(data.labels, CLASSES)
    assert data.files == tuple(f"{i}.png" for i in range(COUNT))
    assert data.notes == (
        "Split train (not used: test): images from column image, labels from column label.",
    )
    assert len(data.validation_images) == 0
    assert capfd.readouterr() == ("", "")


def test_its_labels_can_be_set_aside_or_replaced(marked, tmp_path):
    assert load(f"hf:{marked}", labels="none", clusters=2).labels is None
    rows = "".join(f"{i}.png,{'late' if i > 8 else 'early'}\n" for i in range(COUNT))
    (tmp_path / "labels.csv").write_text(f"file,label\n{rows}")
    data = load(f"hf:{marked}", labels=str(tmp_path / "labels.csv"))
    assert data.class_names == ("early", "late")
    np.testing.assert_array_equal(data.labels, np.arange(COUNT) > 8)


def test_another_split_is_named(marked):
    data = load(f"hf:{marked}:test", image_size=32)
    same(data, IMAGES[:4])
    assert "Split test (not used: train)" in data.notes[0]


def test_bytes_without_any_mark_are_images_and_text_under_label_labels(tmp_path):
    names = np.array(["no", "yes"], object)[CLASSES]
    bare = pa.array([png(image) for image in IMAGES])
    folder = write(tmp_path / "bare", picture=bare, labels=names, price=np.ones(COUNT))
    data = load(f"hf:{folder}", image_size=32)
    same(data)
    assert data.class_names == ("no", "yes")
    np.testing.assert_array_equal(data.labels, CLASSES)
    assert data.files[:2] == ("row-000000", "row-000001")


@pytest.mark.parametrize("values", [CLASSES + 7, CLASSES.astype(bool)])
def test_whole_numbers_and_booleans_are_labels(tmp_path, values):
    data = load(f"hf:{write(tmp_path / 'numbers', image=structs(), label=values)}")
    np.testing.assert_array_equal(data.labels, CLASSES)
    assert data.class_names == tuple(str(value) for value in np.unique(values).tolist())


def test_without_labels_a_data_set_is_unlabeled(tmp_path):
    folder = write(tmp_path / "plain", image=structs(), label=np.linspace(0, 1, COUNT))
    data = load(f"hf:{folder}", clusters=2)
    assert data.labels is None
    assert "images from column image, no labels" in data.notes[0]
    refused(f"hf:{folder}", "has no labels to count")


def test_a_split_whose_labels_are_not_told_is_unlabeled(tmp_path):
    features = {"image": IMAGE, "label": classes("cat", "dog")}
    folder = tmp_path / "secret"
    write(folder, "test", features, image=structs(), label=np.full(COUNT, -1))
    assert load(f"hf:{folder}", clusters=2).labels is None
    some = np.where(np.arange(COUNT) < 3, -1, CLASSES)
    write(folder, "test", features, image=structs(), label=some)
    refused(f"hf:{folder}", "column label lacks 3 of 12 labels")


def test_one_parquet_file_is_a_data_set(marked, tmp_path):
    same(load(f"hf:{marked}/test-00000-of-00001.parquet", image_size=32), IMAGES[:4])
    (tmp_path / "table.csv").write_text("image,label\n")
    refused(f"hf:{tmp_path}/table.csv", "a single file must be a .parquet file")


def test_a_folder_of_images_has_the_labels_and_names_of_its_files(image_folder):
    data, files = load(f"hf:{image_folder}"), load(f"folder:{image_folder}")
    assert sorted(data.files) == list(files.files)
    assert data.class_names == files.class_names
    order = np.argsort(data.files)
    np.testing.assert_array_equal(data.images[order], files.images)
    np.testing.assert_array_equal(data.labels[order], files.labels)


def test_what_save_to_disk_wrote_is_read(marked, tmp_path):
    splits = library.load_dataset(str(marked))
    splits.save_to_disk(tmp_path / "all")
    splits["test"].save_to_disk(tmp_path / "one")
    same(load(f"hf:{tmp_path}/all:test", image_size=32), IMAGES[:4])
    same(load(f"hf:{tmp_path}/one", image_size=32), IMAGES[:4])
    refused(f"hf:{tmp_path}/one:train", "no split 'train'; its splits are test")


def test_a_configuration_is_named(marked, tmp_path):
    folder = tmp_path / "several"
    folder.mkdir()
    for name, count in (("small", 4), ("large", COUNT)):
        write(folder / name, image=structs(IMAGES[:count]))
    configs = "".join(
        f"- config_name: {name}\n  data_files: {name}/*.parquet\n" for name in ("small", "large")
    )
    (folder / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    same(load(f"hf:{folder}:config=small", clusters=2, image_size=32), IMAGES[:4])
    assert len(load(f"hf:{folder}:train:config=large", clusters=2)) == COUNT
    known = f"configurations are small, large: name one, as in hf:{folder}:config=small"
    refused(f"hf:{folder}", f"it has no default; its {known}")
    refused(f"hf:{folder}:config=huge", f"no configuration 'huge'; its {known}")


def test_columns_are_named_where_there_are_several(tmp_path):
    features = {
        "front": IMAGE, "back": IMAGE, "fine": classes("a", "b"), "coarse": classes("all"),
    }  # fmt: skip
    folder = write(
        tmp_path / "views", "train", features,
        front=structs(), back=structs(255 - IMAGES), fine=CLASSES, coarse=CLASSES * 0,
    )  # fmt: skip
    where = f"hf:{folder}"
    refused(where, f"several columns hold images: front, back; name one, as in {where}:image=front")
    refused(f"{where}:image=back", f"hold labels: fine, coarse; name one, as in {where}:label=fine")
    data = load(f"{where}:train:image=back:label=fine", image_size=32)
    same(data, 255 - IMAGES)
    assert data.class_names == ("a", "b")
    assert split(f"{where}:image=back:label=fine,digits") == [
        f"{where}:image=back:label=fine",
        "digits",
    ]


def test_a_broken_image_is_skipped_and_named(tmp_path):
    cells = [{"bytes": png(image), "path": f"{i}.png"} for i, image in enumerate(IMAGES)]
    cells[2]["bytes"] = b"no image"
    cells[5] = {"bytes": None, "path": "http://127.0.0.1/5.png"}
    data = load(f"hf:{write(tmp_path / 'broken', image=pa.array(cells))}", clusters=2)
    assert len(data) == COUNT - 2
    assert "Skipped 2 unreadable files" in data.notes[1]
    assert "2.png" in data.notes[1]
    data = load(f"hf:{write(tmp_path / 'null', image=pa.array([*cells[:2], None]))}", clusters=2)
    assert data.files == ("row-000000", "row-000001")


def test_a_jpeg_is_decoded_no_larger_than_it_has_to_be(tmp_path):
    file = io.BytesIO()
    Image.new("RGB", (1600, 1200), "red").save(file, "JPEG")
    source = datasets["hf"](str(write(tmp_path / "l", image=pa.array([file.getvalue()]))), silent)
    assert source.open(0, 64).shape == (150, 200, 3)


# Names and stamps


def test_images_are_named_by_their_paths_if_those_tell_them_apart():
    name = hf._file_names
    assert name(["a/1.png", "b/1.png"]) == ("a/1.png", "b/1.png")
    assert name(["/data/train/a/1.png", "/data/train/b/1.png"]) == ("a/1.png", "b/1.png")
    assert name(["/data/1.png"]) == ("1.png",)
    rows = ("row-000000", "row-000001")
    assert name(["image.png", "image.png"]) == rows
    assert name(["image.png", None]) == rows
    assert name([None, None]) == rows


def stamps(where):
    return datasets["hf"](str(where), silent).stamps


def test_stamps_stay_until_the_images_change(marked, tmp_path):
    before = stamps(marked)
    assert len(set(before)) == COUNT
    assert stamps(marked) == before
    assert not set(before) & set(stamps(f"{marked}:test"))
    features = {"image": IMAGE, "label": classes("cat", "dog")}
    write(marked, "train", features, image=structs(255 - IMAGES), label=CLASSES)
    assert not set(before) & set(stamps(marked))


def test_stamps_of_two_columns_differ(tmp_path):
    folder = write(tmp_path / "views", front=structs(), back=structs(255 - IMAGES))
    assert not set(stamps(f"{folder}:image=front")) & set(stamps(f"{folder}:image=back"))


def test_a_file_that_changes_has_another_stamp(image_folder):
    before = stamps(image_folder)
    changed = next(image_folder.rglob("*.png"))
    Image.new("RGB", (30, 30), "red").save(changed)
    after = stamps(image_folder)
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1


def test_images_of_12_bits_and_transparent_ones_are_read_as_in_folders(tmp_path):
    deep = [(image[..., 0] * (4095 / 255)).astype(np.uint16) for image in IMAGES]
    deep[0][0, 0] = 4095
    data = load(f"hf:{write(tmp_path / 'deep', image=structs(deep))}", clusters=2, image_size=32)
    assert abs(data.images[1:, ..., 0].astype(int) - IMAGES[1:, ..., 0]).max() <= 1
    assert "(uint16, 321 to 4,095) were brought from 0..4,095" in data.notes[1]
    clear = np.zeros((COUNT, 32, 32, 4), np.uint8)
    clear[..., :3], clear[:, 8:24, 8:24, 3] = 255, 255
    data = load(f"hf:{write(tmp_path / 'clear', image=structs(clear))}", clusters=2, image_size=32)
    assert (data.images[:, 0, 0] == 0).all()
    assert (data.images[:, 16, 16] == 255).all()


def test_labels_beyond_64_bits_are_refused(tmp_path):
    folder = write(tmp_path / "wide", image=structs(), label=np.full(COUNT, 2**63, np.uint64))
    refused(f"hf:{folder}", "uint64 labels, of which 12 values cannot be a class")


# What is refused


@pytest.mark.parametrize(
    ("argument", "found"),
    [
        ("DIR", {}),
        ("DIR:test", {"split": "test"}),
        ("DIR:test:image=a:label=b:config=c", {"split": "test", "image": "a", "label": "b",
                                              "config": "c"}),
        ("DIR:label=b:test", {"split": "test", "label": "b"}),
        ("DIR:label=b=c", {"label": "b=c"}),
        ("DIR:split=test", {"split": "test"}),
    ],
)  # fmt: skip
def test_the_argument_is_read_behind_what_exists(tmp_path, argument, found):
    for name in ("plain", "with:colon", "C:", "a=b:c=d"):
        where = tmp_path / name
        where.mkdir()
        wanted = read_argument(argument.replace("DIR", str(where)))
        assert wanted == hf.Wanted(str(where), True, **found)
    named = read_argument(argument.replace("DIR", "owner/name"))
    assert named == hf.Wanted("owner/name", False, **found)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        (":a:b", "cannot read 'b'"),
        (":", "cannot read ''"),
        (":image=", "cannot read 'image='"),
        (":image=a:image=b", "cannot read 'image=b'"),
        (":size=3", "cannot read 'size=3'"),
        (":test:split=train", "cannot read 'split=train'"),
    ],
)
def test_an_argument_that_cannot_be_read_is_refused(marked, argument, message):
    refused(f"hf:{marked}{argument}", message)


def test_what_is_not_there_is_refused(marked, tmp_path):
    where = f"hf:{marked}"
    refused("hf", "needs a name or path")
    refused("hf:mnist", "no such folder or file: mnist (a name on the hub looks like OWNER/NAME)")
    refused("hf:C:\\none", "no such folder or file: C:\\none")
    refused(f"hf:{tmp_path}/none", f"no such folder or file: {tmp_path}/none")
    refused(f"{where}:val", "no split 'val'; its splits are train, test: name one")
    refused(f"{where}:image=photo", "no column 'photo'; its columns are image, label")
    refused(f"{where}:label=photo", "no column 'photo'; its columns are image, label")
    refused(f"{where}:image=label", "column 'label' holds no images")
    refused(f"{where}:label=image", "column 'image' is Image: labels are classes")
    (tmp_path / "empty").mkdir()
    refused(f"hf:{tmp_path}/empty", "doesn't contain any data files")


def test_several_splits_of_which_none_is_train_are_refused(tmp_path):
    folder = tmp_path / "halves"
    for name in ("validation", "test"):
        write(folder, name, image=structs())
    refused(f"hf:{folder}", "no split train, and several others; its splits are validation, test")


def test_a_table_without_images_is_refused_with_its_columns(tmp_path):
    folder = write(tmp_path / "table", words=["a", "b"], label=[0, 1])
    refused(f"hf:{folder}", "no column holds images, as files or bytes; its columns are "
            "words (string), label (int64)")  # fmt: skip


def test_a_split_without_rows_is_refused(tmp_path, monkeypatch):
    empty = library.Dataset.from_dict({"image": []})
    monkeypatch.setattr(hf, "_splits", lambda wanted: {"train": empty})
    refused(f"hf:{tmp_path}", "split train has no rows")


def test_a_broken_file_is_refused_in_one_line(marked, capfd):
    (marked / "train-00000-of-00001.parquet").write_bytes(b"PAR1")
    refused(f"hf:{marked}", f"cannot read hf:{marked}: Parquet file size is 4 bytes")
    assert capfd.readouterr() == ("", "")


def test_code_of_a_data_set_is_not_run(tmp_path):
    folder = tmp_path / "script"
    folder.mkdir()
    (folder / "script.py").write_text("import pathlib; pathlib.Path(__file__ + '.ran').touch()")
    refused(f"hf:{folder}", "it needs a script of its own, and code of data sets is never run")
    assert [path.name for path in folder.iterdir()] == ["script.py"]


# The hub


@pytest.fixture
def hub(marked, image_folder, tmp_path, monkeypatch):
    """A hub with a data set of parquet files, one of image files, and one that is a script."""
    script = tmp_path / "script"
    script.mkdir()
    (script / "script.py").write_text("raise SystemExit('run')")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "downloads"))
    held = {"some/tiny": marked, "some/photos": image_folder, "some/script": script}
    with canned_hub(held) as address, monkeypatch.context() as plugged:
        url = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        plugged.setattr("huggingface_hub.constants.ENDPOINT", address)
        plugged.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", url)
        plugged.setattr("datasets.config.HF_ENDPOINT", address)
        yield plugged.undo


def test_a_data_set_of_the_hub_is_downloaded_once_and_then_needs_no_network(hub, cache, capfd):
    first = load("hf:some/tiny", image_size=32)
    same(first)
    assert first.class_names == ("cat", "dog")
    same(load("hf:some/tiny:test", image_size=32), IMAGES[:4])
    unplug = hub
    unplug()
    again = load("hf:some/tiny", image_size=32)
    assert again.fingerprint == first.fingerprint
    assert again.notes == first.notes
    assert not library.config.HF_HUB_OFFLINE
    assert capfd.readouterr() == ("", "")
    refused("hf:some/tiny:config=huge", "cannot read hf:some/tiny: Couldn't find cache")
    refused("hf:some/body", f"kept in {cache}: some/tiny; on a machine with a network")


def test_image_files_of_the_hub_are_those_of_a_local_folder(hub, image_folder):
    there, here = load("hf:some/photos"), load(f"hf:{image_folder}")
    assert there.files == here.files
    assert there.fingerprint == here.fingerprint
    assert there.labels_fingerprint == here.labels_fingerprint


def test_what_the_hub_does_not_have_is_refused(hub):
    refused("hf:some/nothing", "hf:some/nothing: neither a local folder or file nor a data set")
    refused("hf:some/script", "it needs a script of its own, and code of data sets is never run")
    known = "configurations are default: name one, as in hf:some/tiny:config=default"
    refused("hf:some/tiny:config=huge", f"no configuration 'huge'; its {known}")


def test_without_a_network_it_says_what_is_kept_and_what_to_do(cache):
    refused("hf:some/body:test", "hf:some/body is neither a local folder nor kept from an earlier")
    refused(
        "hf:some/body",
        f"the hub cannot be reached (ConnectError: no network here); kept in {cache}: nothing",
    )
    refused("hf:some/body", "hf download some/body --repo-type dataset --local-dir DIR")


def test_offline_mode_asks_nobody(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    refused("hf:some/body", "the hub cannot be reached (OfflineModeIsEnabled")


# The installation, and a grid


def test_without_the_extra_it_says_how_to_install_it(marked, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "datasets" else find(name)
    )
    refused(
        f"hf:{marked}",
        "data set hf needs the package datasets, which is not installed: pip install datasets "
        "(latentgrid's extra [hub])",
    )


@pytest.mark.slow
def test_a_grid_on_parquet_files(marked, command, tmp_path):
    found = command(*SMALL, "--dataset", f"hf:{marked}", "--out", "out")
    assert found.returncode == 0, found.stderr
    rows = pd.read_csv(tmp_path / "out" / "assignments.csv")
    assert rows["image"].tolist() == [f"{i}.png" for i in range(COUNT)]
    assert rows["true_label"].tolist() == ["cat", "dog"] * (COUNT // 2)
    report = (tmp_path / "out" / "results.md").read_text()
    assert "images from column image, labels from column label" in report
    wrong = command(*SMALL, "--dataset", f"hf:{marked}:val", "--out", "out")
    assert wrong.returncode == 2
    assert len(wrong.stderr.strip().splitlines()) == 1
