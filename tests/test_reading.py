"""What is read of files, and what is said of the rest: transparency, frames, folders, memory."""

import json
import os
import re
import struct
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw

from bench.base.errors import UsageError
from bench.base.progress import silent
from bench.bundle.bundle import Bundle
from bench.bundle.format import Contents, Manifest, read, write
from bench.datasets import folder as folders
from bench.datasets import image_form
from bench.datasets.brightness import Range
from bench.datasets.dataset import load
from bench.datasets.folder import decode, measure, open_image
from bench.datasets.reading import Reading
from bench.planning.settings import resolve
from bench.session.api import export_bundle
from bench.store import Store
from bench.store.images import KeptImages
from bench.store.upkeep import prune
from tests.conftest import ROOT, run_python


def icons(folder, shades, count=4):
    """Discs and bars of some brightness on a transparent ground."""
    for shade in shades:
        for kind in ("disc", "bar"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            for i in range(count):
                image = Image.new("RGBA", (48, 48), (shade,) * 3 + (0,))
                draw = ImageDraw.Draw(image)
                form = draw.ellipse if kind == "disc" else draw.rectangle
                form((12 + i, 12, 36, 36) if kind == "disc" else (14 + i, 4, 29, 44),
                     fill=(shade,) * 3 + (255,))  # fmt: skip
                image.save(folder / kind / f"{shade}-{i}.png")
    return f"folder:{folder}"


# Transparency


@pytest.mark.parametrize(
    ("shades", "ground"), [([0], 255), ([255], 0), ([120], 255), ([0, 255], 128), ([235], 0)]
)
def test_the_ground_shows_what_is_on_it(tmp_path, shades, ground):
    data = load(icons(tmp_path, shades))
    assert (data.images[:, 0, 0] == ground).all()
    spread = data.images.std((1, 2, 3))
    assert spread.min() > 20
    (note,) = data.notes
    count = 8 * len(shades)
    color = {255: "white", 0: "black", 128: "gray"}[ground]
    assert note.startswith(f"Transparent parts of {count} images were laid on {color}")
    assert ("because white would hide" in note) == (ground != 255)


def test_a_few_white_images_among_others_do_not_change_the_ground(tmp_path):
    icons(tmp_path, [60], count=12)
    data = load(icons(tmp_path, [255], count=1))
    assert (data.images[:, 0, 0] == 255).all()


def test_a_background_that_is_given_is_used(tmp_path):
    spec = icons(tmp_path, [255])
    found = load(spec, background="#102030")
    assert (found.images[:, 0, 0] == [16, 32, 48]).all()
    assert found.notes == (
        "Transparent parts of 8 images were laid on #102030 (--background COLOR chooses).",
    )
    settings = {"dataset": "digits", "background": "pink"}
    with pytest.raises(UsageError, match="background: must be auto, white, black, gray or #rrggbb"):
        resolve(settings)


def test_opaque_images_with_an_alpha_channel_have_no_ground(tmp_path):
    for i in range(3):
        Image.new("RGBA", (20, 20), (90 * i, 9, 9, 255)).save(tmp_path / f"{i}.png")
    assert load(f"folder:{tmp_path}", clusters=2).notes == ()


def test_kept_images_are_those_of_the_ground(tmp_path):
    spec, keeper = icons(tmp_path / "icons", [255]), KeptImages(Store(tmp_path / "store"))
    grounds = ("white", "auto", "gray", "white", "black")
    found = [load(spec, keeper=keeper, background=each).images[0, 0, 0, 0] for each in grounds]
    assert [int(each) for each in found] == [255, 0, 128, 255, 0]


# Frames and folders


def test_files_of_several_frames_are_counted_and_named(tmp_path):
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "lime", "blue")]
    for name in ("a.gif", "b.tif", "c.png", "d.webp"):
        more = {"lossless": True} if name == "d.webp" else {}
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], **more)
    frames[1].save(tmp_path / "e.png")
    data = load(f"folder:{tmp_path}", clusters=2)
    assert (data.images[:4] == [255, 0, 0]).all()
    assert data.notes == (
        "Of 4 files with several frames only the first frame was read: a.gif, b.tif, c.png, "
        "d.webp.",
    )


def test_a_folder_that_cannot_be_read_is_named(image_folder, monkeypatch):
    whole = os.scandir

    def scandir(path):
        if str(path).endswith("dark"):
            raise PermissionError(13, "Permission denied", str(path))
        return whole(path)

    monkeypatch.setattr(os, "scandir", scandir)
    data = load(f"folder:{image_folder}", clusters=2)
    assert len(data) == 10
    assert "Left out 1 folder that cannot be read: dark." in data.notes
    with pytest.raises(UsageError, match="0 files found; 1 folder cannot be read"):
        load(f"folder:{image_folder / 'dark'}", clusters=2)


def test_a_second_link_to_a_folder_is_named_and_a_circle_is_not(image_folder):
    (image_folder / "shadow").symlink_to(image_folder / "dark")
    (image_folder / "bright" / "up").symlink_to(image_folder)
    data = load(f"folder:{image_folder}")
    assert data.class_names == ("bright", "dark")
    assert data.notes == ("Left out 1 link to folders that were read already: shadow.",)


# Files as they come


def png_of_16_bits(array, orientation=1, late=False):
    """A PNG file of 16 bits a channel, which Pillow does not write in color.

    Its EXIF data may stand behind the pixels, where they are found only after these.
    """

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    height, width, channels = array.shape
    head = struct.pack(">IIBBBBB", width, height, 16, {2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels, turned = chunk(b"IDAT", zlib.compress(rows)), chunk(b"eXIf", exif.tobytes()[6:])
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + b"".join([pixels, turned] if late else [turned, pixels])
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_png_of_16_bits_a_channel_keeps_all_of_them(tmp_path, channels):
    array = np.random.default_rng(0).integers(0, 4096, (32, 32, channels)).astype(np.uint16)
    array[0, 0] = 4095
    if channels != 3:
        array[..., -1] = 65535
    (tmp_path / "a.png").write_bytes(png_of_16_bits(array))
    data = load(f"folder:{tmp_path}", clusters=1, image_size=32)
    color = array[..., :3] if channels > 2 else array[..., :1]
    assert abs(data.images[0] - color * (255 / 4095)).max() <= 0.51
    assert data.notes == (
        f"Pixel values of 1 image (uint16, {color.min()} to 4,095) were brought from 0..4,095 to 8 "
        "bits a channel.",
    )


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_deep_images_are_turned_as_the_camera_says(tmp_path, kind, name):
    if kind == np.float32 and name == "a.png":
        pytest.skip("PNG holds no floats")
    upright = np.zeros((40, 40), kind)
    upright[:20] = 1000
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = Image.fromarray(upright).transpose(Image.Transpose.ROTATE_90)
    lying.save(tmp_path / name, exif=exif)
    found = decode(tmp_path / name, 40, Reading(Range(0, 1000), Range(0, 1000)))
    assert (found[:20] == 255).all()
    assert (found[20:] == 0).all()


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("channels", [2, 3, 4])
def test_png_of_16_bits_a_channel_is_turned_as_the_camera_says(tmp_path, channels, late):
    upright = np.full((40, 40, channels), 65535, np.uint16)
    upright[20:, :, : min(channels, 3) - (channels == 2)] = 0
    lying = np.rot90(upright)
    (tmp_path / "a.png").write_bytes(png_of_16_bits(lying, orientation=6, late=late))
    found = decode(tmp_path / "a.png", 40)
    assert (found[:20] == 255).all()
    assert (found[20:] == 0).all()


def test_images_are_refused_by_the_bytes_that_they_take(tmp_path, monkeypatch):
    Image.fromarray(np.zeros((100, 100), np.float32)).save(tmp_path / "a.tif")
    Image.new("L", (100, 100)).save(tmp_path / "b.png")
    monkeypatch.setattr(folders, "MOST_BYTES", 30_000)
    assert open_image(tmp_path / "a.tif", 32) is None
    assert measure(tmp_path / "a.tif") is None
    assert decode(tmp_path / "b.png", 32).shape == (100, 100, 3)


def test_filters_of_warnings_stay_as_they_are_while_files_are_read(tmp_path):
    """They are the same for all threads."""
    Image.new("L", (100, 100)).save(tmp_path / "a.png")
    before = list(warnings.filters)
    seen = []
    whole = Image.open

    def look(*given, **named):
        seen.append(warnings.filters == before)
        return whole(*given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folders.Image, "open", look)
        assert decode(tmp_path / "a.png", 32) is not None
    assert seen == [True]


def test_large_images_are_worked_on_one_at_a_time(monkeypatch):
    monkeypatch.setattr(image_form, "LARGE", 100)
    with image_form.alone(101):
        assert image_form._one.locked()
    assert not image_form._one.locked()
    with image_form.alone(100):
        assert not image_form._one.locked()


def test_large_images_are_the_same_as_others(tmp_path, monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (700, 300, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    plain = decode(tmp_path / "a.png", 32)
    monkeypatch.setattr(folders, "LARGE", 1000)
    np.testing.assert_array_equal(decode(tmp_path / "a.png", 32), plain)
    np.testing.assert_array_equal(plain, noise)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the most memory from /proc")
def test_two_16_bit_files_of_88_megapixels_stay_under_a_gigabyte(tmp_path):
    array = np.tile(np.arange(0, 4096, 8, dtype=np.uint16), (9400, 19))[:, :9400]
    for i in range(2):
        Image.fromarray(array).save(tmp_path / f"{i}.png", compress_level=1)
    # What getrusage says begins with the memory of the process that started this one.
    text = (
        "from bench.datasets.dataset import load; "
        f"load('folder:{tmp_path}', clusters=1); print(open('/proc/self/status').read())"
    )
    found = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    assert int(re.search(r"VmHWM:\s+(\d+) kB", found.stdout)[1]) / 1e6 < 1


# Stores and bundles


def deep_folder(folder, count=20, top=4095):
    random = np.random.default_rng(0)
    for i in range(count):
        array = random.integers(0, top // 2, (32, 32)).astype(np.uint16)
        array[:, : 16 * (i % 2)] = top
        path = folder / "ab"[i % 2] / f"{i:02}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
    return folder


def test_a_finished_grid_of_deep_files_looks_into_none(tmp_path, command, monkeypatch):
    folder = deep_folder(tmp_path / "deep")
    options = ["--dataset", f"folder:{folder}", "--models", "pixels", "--reducers", "pca5"]
    options += ["--seeds", 1, "--no-baselines"]
    assert command(*options).returncode == 0
    prune(Store(tmp_path / ".store"), dry_run=False, progress=silent)
    looked = []
    monkeypatch.setattr(folders, "measure", looked.append)
    for way in ("--only-cached", "--dry-run"):
        assert command(*options, way).returncode == 0
    assert not looked
    report = (tmp_path / "results" / "results.md").read_text()
    assert "were brought from 0..4,095 to 8 bits a channel" in report


def test_a_bundle_reads_new_files_as_those_that_it_was_made_with(tmp_path):
    folder = deep_folder(tmp_path / "deep")
    run_python(
        dataset=f"folder:{folder}", models="pixels", reducers="pca5", seeds=1, baselines=False,
        image_size=32, store=tmp_path / "store", out=tmp_path / "out",
    )  # fmt: skip
    path = tmp_path / "a.latentgrid"
    export_bundle(path, results=tmp_path / "out")
    bundle = Bundle.load(path)
    assert bundle.manifest.reading == Reading(integers=Range(0, 4095))
    files = sorted(folder.rglob("*.tif"))
    assert bundle.transform(files).seen.all()
    Image.fromarray(np.full((32, 32), 200, np.uint16)).save(tmp_path / "dim.tif")
    dim = bundle.transform([tmp_path / "dim.tif"]).embedding
    gray = np.full((1, 32, 32), round(200 * 255 / 4095), np.uint8)
    np.testing.assert_allclose(dim, bundle.transform(gray).embedding, atol=1e-5)
    Image.fromarray(np.linspace(0, 9.5, 900, dtype=np.float32).reshape(30, 30)).save(
        tmp_path / "unknown.tif"
    )
    with pytest.raises(UsageError, match=r"cannot be known: --range .* in the grid of which"):
        bundle.transform([tmp_path / "unknown.tif"])
    contents = read(path)
    said = contents.manifest.model_dump(mode="json")
    del said["reading"]
    old = Manifest.model_validate_json(json.dumps(said))
    write(path, Contents(old, contents.parts))
    assert Bundle.load(path).transform(files).seen.all()  # measured together, they are the same
