"""The file of a bundle: what is written is read, and whatever else is refused in one line."""

import hashlib
import io
import json
import pickle
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from bench.base.errors import UsageError
from bench.bundle import format
from bench.bundle.bundle import Bundle
from bench.bundle.format import (
    Data,
    Errors,
    Grouping,
    Link,
    Manifest,
    Model,
)
from bench.datasets.dataset import load as load_dataset
from tests.conftest import ROOT

IMAGES = np.random.default_rng(0).integers(0, 255, (1, 32, 32, 3)).astype(np.uint8)


def contents():
    manifest = Manifest(
        model=Model(text="histogram", clusters=None, source="s"),
        links=(Link(text="none", seed=None, threads=1, source="s"),),
        placed_links=1,
        clusterer=Grouping(text="kmeans", clusters=2, seed=3, source="s"),
        placed_clusters=True,
        image_shape=(3, 32, 32),
        seed_index=0,
        data=Data(name="digits", images=4, fingerprint="f", class_names=("a", "b")),
        assignment=((0, 1), (1, 0)),
        metrics={"accuracy": 0.5},
        errors=Errors(median=0.1, percentile_99=0.2),
        versions={"numpy": "2"},
        parts={},
    )
    return format.Contents(
        manifest,
        {
            "weights": {},
            "fitted": {"clusterer.centers": np.zeros((2, 3), np.float32)},
            "training": {"clusters": np.array([0, 1, 0, 1]), "scalar": np.array(2.5)},
            "check": {"images": IMAGES},
        },
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "good.latentgrid"
    format.write(path, contents())
    return path


def read_or_refused(path):
    """Return what is in a file; None if it is refused, in one line."""
    try:
        return format.read(path)
    except UsageError as error:
        message = str(error)
    assert "\n" not in message
    return None


def refused(path, message="."):
    with pytest.raises(UsageError, match=message) as error:
        format.read(path)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def members(file):
    with zipfile.ZipFile(file) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def pack(path, parts, how=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", how) as packed:
        for name, data in parts:
            packed.writestr(name, data)
    return path


def said(parts, **changes):
    """Return the members of a bundle with a changed manifest, whose checksums fit."""
    manifest = json.loads(parts["bundle.json"]) | changes
    for name, data in parts.items():
        if name in manifest["parts"]:
            manifest["parts"][name] = {
                "sha256": hashlib.sha256(data).hexdigest(),
                "size": len(data),
            }
    return parts | {"bundle.json": json.dumps(manifest).encode()}


def test_what_is_written_is_read(file):
    found, wanted = format.read(file), contents()
    assert found.manifest.model_copy(update={"parts": {}}) == wanted.manifest
    for part, arrays in wanted.parts.items():
        assert set(found.parts[part]) == set(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(found.parts[part][name], array)
            assert found.parts[part][name].dtype == array.dtype
            assert found.parts[part][name].shape == array.shape


def test_it_is_a_plain_zip_that_anything_can_read(file):
    with zipfile.ZipFile(file) as packed:
        assert packed.testzip() is None
        assert {info.compress_type for info in packed.infolist()} == {zipfile.ZIP_STORED}


def test_what_is_there_stays_if_it_cannot_be_written(tmp_path, monkeypatch):
    path = tmp_path / "kept.latentgrid"
    path.write_text("before")

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", fail)
    with pytest.raises(UsageError, match=r"cannot write .*No space left on device"):
        format.write(path, contents())
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


@settings(max_examples=60, deadline=None)
@given(position=st.floats(0, 1, exclude_max=True), bits=st.integers(1, 255))
def test_a_changed_byte_is_refused_or_changes_nothing(file, tmp_path_factory, position, bits):
    data = bytearray(file.read_bytes())
    data[int(position * len(data))] ^= bits
    path = tmp_path_factory.mktemp("bad") / "bad.latentgrid"
    path.write_bytes(data)
    found = read_or_refused(path)
    if found:  # a date was changed, say, which nothing depends on
        wanted = format.read(file)
        assert found.manifest == wanted.manifest
        for part, arrays in wanted.parts.items():
            for name, array in arrays.items():
                np.testing.assert_array_equal(found.parts[part][name], array)


@settings(max_examples=40, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_cut_file_is_refused(file, tmp_path_factory, share):
    data = file.read_bytes()
    path = tmp_path_factory.mktemp("cut") / "cut.latentgrid"
    path.write_bytes(data[: int(share * len(data))])
    refused(path, "damaged, or no bundle")


@settings(max_examples=40, deadline=None)
@given(data=st.binary(max_size=400))
def test_what_is_no_bundle_is_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any") / "any.latentgrid"
    path.write_bytes(data)
    refused(path, "damaged, or no bundle")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_a_manifest_of_other_values_is_refused(file, tmp_path_factory, data):
    parts = members(file)
    names = sorted(json.loads(parts["bundle.json"]))
    name = data.draw(st.sampled_from(names))
    value = data.draw(JSON)
    path = tmp_path_factory.mktemp("said") / "said.latentgrid"
    changed = json.loads(parts["bundle.json"]) | {name: value}
    pack(path, (parts | {"bundle.json": json.dumps(changed).encode()}).items())
    found = read_or_refused(path)
    assert found is None or isinstance(found.manifest, Manifest)


@pytest.mark.parametrize("version", [0, 2, "1", None, [1]])
def test_other_formats_are_refused(file, tmp_path, version):
    path = pack(tmp_path / "b", said(members(file), format=version).items())
    refused(path, "reads format 1")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"more": 1}, "more: Extra inputs are not permitted"),
        ({"links": []}, "links: Tuple should have at least 1 item"),
        ({"placed_links": 2}, "2 of 1 links cannot transform images"),
        ({"placed_links": 0}, "a clusterer cannot predict after a reducer that does not transform"),
        ({"placed_links": "1"}, "placed_links: Input should be a valid integer"),
        ({"assignment": [[0, 2]]}, "assigned to a label that is no class"),
        ({"metrics": {"accuracy": float("nan")}}, "damaged, or no bundle"),
        ({"seed_index": -1}, "seed_index: Input should be greater than or equal to 0"),
    ],
)
def test_what_a_manifest_must_not_say_is_refused(file, tmp_path, changes, message):
    refused(pack(tmp_path / "b", said(members(file), **changes).items()), message)


def test_names_that_it_does_not_have_are_refused(file, tmp_path):
    parts = members(file)
    for name in ("../evil.safetensors", "/etc/passwd", "weights.pkl", "weights.safetensors/x"):
        refused(pack(tmp_path / "b", [*parts.items(), (name, b"x")]), "it holds .* and must hold")
    for gone in format.PARTS:
        rest = [(name, data) for name, data in parts.items() if not name.startswith(gone)]
        refused(pack(tmp_path / "b", rest), "it holds .* and must hold")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused(file, tmp_path):
    parts = members(file)
    for name in parts:
        refused(pack(tmp_path / "b", [*parts.items(), (name, parts[name])]))


def test_a_bomb_is_refused(file, tmp_path):
    parts = members(file) | {"weights.safetensors": bytes(10_000_000)}
    refused(pack(tmp_path / "b", parts.items(), zipfile.ZIP_DEFLATED), "is compressed")
    # A directory that tells of more than there is.
    data = file.read_bytes()
    at = data.index(b"PK\x01\x02")
    lying = data[: at + 20] + struct.pack("<II", 2**31, 2**31) + data[at + 28 :]
    (tmp_path / "b").write_bytes(lying)
    refused(tmp_path / "b", "larger than the file|damaged")


def test_parts_that_are_no_arrays_are_refused_though_their_checksums_fit(file, tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("executed",))

    huge = struct.pack("<Q", 2**60) + b"{}"
    overlapping = json.dumps(
        {"a": {"dtype": "U8", "shape": [2**50], "data_offsets": [0, 2**50]}}
    ).encode()
    for data in (
        pickle.dumps(Evil()),
        b"",
        huge,
        struct.pack("<Q", len(overlapping)) + overlapping,
        save({"a": np.zeros(3)})[:-1],
    ):
        parts = said(members(file) | {"weights.safetensors": data})
        refused(pack(tmp_path / "b", parts.items()), "damaged, or no bundle")


def test_checksums_that_do_not_fit_are_refused(file, tmp_path):
    parts = members(file) | {"fitted.safetensors": save({"clusterer.centers": np.ones((2, 3))})}
    refused(pack(tmp_path / "b", parts.items()), "fitted.safetensors does not have its checksum")


def test_what_is_not_there_or_a_folder_is_refused(tmp_path):
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(UsageError, match=r"no bundle at .*python -m bench\.export makes one"):
            format.read(path)


def test_a_zip_of_something_else_is_refused(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("hello.txt", "hello")
    (tmp_path / "b").write_bytes(buffer.getvalue())
    refused(tmp_path / "b", "there is no bundle.json in it")


def test_a_bundle_of_the_release_before_still_loads_and_assigns():
    """hand-crafted, which was called handmade then, with pca4 and gmm, on 60 digits."""
    digits = load_dataset("digits", limit=60)
    with pytest.warns(FutureWarning, match="model handmade is now called hand-crafted"):
        bundle = Bundle.load(ROOT / "tests" / "release_0" / "old.latentgrid")
    assert (bundle.manifest.chain, bundle.notes) == ("pca4 → gmm", [])
    found = bundle.transform(digits.images)
    assert found.seen.all()
    assigned = dict(bundle.manifest.assignment)
    right = [assigned[int(c)] for c in found.clusters] == digits.labels
    assert bundle.names == {}
    assert np.mean(right) == bundle.manifest.metrics["accuracy"]
    changed = digits.images.copy()
    changed[:, 0, 0] ^= 1
    again = bundle.transform(changed)
    assert not again.seen.any()
    assert (again.clusters == found.clusters).mean() > 0.9
    with pytest.warns(FutureWarning, match=r"Bundle.doubts is now called Bundle.ambiguities"):
        np.testing.assert_array_equal(bundle.doubts(changed), again.ambiguity)
    with pytest.warns(FutureWarning, match=r"Bundle.place is now called Bundle.transform"):
        np.testing.assert_array_equal(bundle.place(changed).embedding, again.embedding)
