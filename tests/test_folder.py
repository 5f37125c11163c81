import re

import numpy as np
import pytest
from PIL import Image

from bench.base.errors import UsageError
from bench.datasets import formats
from bench.datasets.dataset import load
from bench.datasets.folder import decode, decode_to
from bench.datasets.image_form import Form
from bench.session.sorting import sort
from tests.conftest import refused


def test_folder_with_sub_folders_is_labeled(image_folder):
    data = load(f"folder:{image_folder}")
    assert data.images.shape == (20, 64, 64, 3)
    assert data.class_names == ("bright", "dark")
    assert data.clusters == 2
    assert data.files[0] == "bright/01.jpg"
    means = data.images.mean((1, 2, 3))
    assert (means[data.labels == 0] > means[data.labels == 1].max()).all()


def test_flat_folder_is_unlabeled_and_needs_clusters(image_folder):
    flat = image_folder / "dark"
    refused(f"folder:{flat}", "--clusters N")
    data = load(f"folder:{flat}", clusters=3)
    assert data.labels is None
    assert data.clusters == 3


def test_folder_names_and_counts_what_it_skips(image_folder):
    for i in range(7):
        (image_folder / "dark" / f"broken{i}.png").write_bytes(b"not a picture")
    whole = (image_folder / "bright" / "01.jpg").read_bytes()
    (image_folder / "bright" / "cut.jpg").write_bytes(whole[: len(whole) // 3])
    (image_folder / "bright" / "readme.txt").write_text("hello")
    Image.new("L", (9, 9)).save(image_folder / "cover.png")
    (image_folder / ".hidden").write_text("ignored")
    data = load(f"folder:{image_folder}")
    assert len(data) == 20
    text = " ".join(data.notes)
    assert "Skipped 1 file that Pillow does not know as images: bright/readme.txt." in text
    assert "Skipped 8 unreadable files" in text
    assert "pixels): bright/cut.jpg, dark/broken0" in text
    assert "and 3 more" in text
    assert "Left out 1 image beside the sub-folders: cover.png" in text


def test_a_flat_folder_stays_flat_beside_a_folder_of_other_files(image_folder):
    flat = image_folder / "dark"
    (flat / "notes").mkdir()
    (flat / "notes" / "a.txt").write_text("no image")
    assert load(f"folder:{flat}", clusters=2).labels is None
    Image.new("L", (9, 9)).save(flat / "notes" / "one.png")
    data = load(f"folder:{flat}", clusters=2)
    assert (len(data), data.labels) == (10, None)
    assert "Left out 1 image in sub-folders: notes/one.png" in " ".join(data.notes)


def test_folders_that_are_links_are_followed_once(image_folder, tmp_path):
    links = tmp_path / "links"
    links.mkdir()
    for name in ("dark", "bright"):
        (links / name).symlink_to(image_folder / name)
    (links / "again").symlink_to(links)
    data = load(f"folder:{links}")
    assert data.class_names == ("bright", "dark")
    assert len(data) == 20


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100)


@pytest.mark.parametrize(
    ("name", "content", "advice"),
    [
        ("a.HEIC", HEIC, "3 HEIC files: pip install pillow-heif (latentgrid's extra [heif])"),
        ("a.svg", b"<svg/>", "3 SVG files: convert them to PNG"),
        ("a.CR3", b"raw", "3 camera raw files: convert them to JPEG, PNG or TIFF"),
        ("a.jxl", b"\xff\x0a", "3 JPEG XL files: convert them"),
        ("a.jpg", HEIC, "3 HEIC files: pip install pillow-heif"),
    ],
)
def test_pictures_that_pillow_does_not_read_come_with_advice(
    tmp_path, image_folder, monkeypatch, name, content, advice
):
    monkeypatch.setattr(formats, "_reads_heic", lambda: False)
    for folder in (tmp_path / "alone", image_folder / "dark"):
        folder.mkdir(exist_ok=True)
        for number in range(3):
            (folder / f"{number}{name}").write_bytes(content)
    refused(f"folder:{tmp_path / 'alone'}", f"3 files found; {advice}", clusters=2)
    with pytest.raises(UsageError, match=re.escape(advice)):
        sort(tmp_path / "alone", tmp_path / "out", "copy", {})
    data = load(f"folder:{image_folder}")
    assert len(data) == 20
    assert f"dark/2{name}; {advice}" in " ".join(data.notes)


def test_camera_raw_is_not_read_as_its_small_preview(image_folder):
    Image.new("RGB", (16, 12)).save(image_folder / "dark" / "a.NEF", format="TIFF")
    assert decode(image_folder / "dark" / "a.NEF", 32) is None
    data = load(f"folder:{image_folder}")
    assert len(data) == 20
    assert "dark/a.NEF; 1 camera raw file: convert" in " ".join(data.notes)


def test_heic_is_read_where_pillow_heif_is_installed(image_folder, monkeypatch):
    pillow_heif = pytest.importorskip("pillow_heif")
    pillow_heif.register_heif_opener()
    Image.new("RGB", (48, 32), (200, 20, 20)).save(image_folder / "dark" / "a.HEIC", quality=95)
    data = load(f"folder:{image_folder}")
    assert "dark/a.HEIC" in data.files
    red = data.images[data.files.index("dark/a.HEIC")].astype(int)
    assert abs(red - (200, 20, 20)).max() <= 6
    assert not data.notes


def test_folder_refuses_what_holds_no_image(tmp_path):
    refused("folder", "needs a folder")
    refused(f"folder:{tmp_path / 'none'}", "no such folder")
    refused(f"folder:{tmp_path}", "no image in")
    (tmp_path / "a.png").write_bytes(b"not a picture")
    refused(f"folder:{tmp_path}", "no readable image", clusters=1)


@pytest.mark.parametrize(
    "mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "I;16", "I", "F", "PA", "RGBX"]
)
def test_folder_reads_every_mode(tmp_path, mode):
    gray = Image.fromarray(np.full((40, 60), 200, np.uint8))
    if mode in ("I;16", "I"):
        image = Image.fromarray(np.full((40, 60), 200 * 257, np.uint16))
        image = image.convert("I") if mode == "I" else image
    elif mode == "F":
        image = Image.fromarray(np.full((40, 60), 200, np.float32))
    elif mode == "PA":
        image = gray.convert("LA").convert("PA")
    elif mode == "P":
        image = gray.convert("RGB").quantize()
    else:
        image = gray.convert("RGB").convert(mode)
    path = tmp_path / ("x.tiff" if mode != "PA" else "x.png")
    if mode == "PA":
        image.convert("RGBA").quantize().save(path)
    else:
        image.save(path)
    found = decode_to(path, Form())
    assert found.shape == (32, 32, 3)
    expected = 255 if mode == "1" else 200
    assert abs(found.astype(int) - expected).max() <= 6 or (mode == "1" and found.mean() > 150)


def test_folder_lays_transparency_on_white_and_turns_photographs(tmp_path):
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (decode(tmp_path / "clear.png", 32) == 255).all()
    lying = np.zeros((64, 64, 3), np.uint8)
    lying[:, 32:] = 255  # bright at its right; the camera says: turn it by 90 degrees
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(lying).save(tmp_path / "turned.png", exif=exif)
    found = decode_to(tmp_path / "turned.png", Form()).astype(int)
    assert found[20:].mean() > 200
    assert found[:12].mean() < 50


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_image_bombs_are_not_decoded(tmp_path, monkeypatch):
    Image.new("L", (100, 100)).save(tmp_path / "big.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60 * 100)
    assert decode(tmp_path / "big.png", 32) is None
