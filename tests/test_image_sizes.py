"""Images of any size: how they are brought to it, that they are decoded once, and models' own."""

from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from bench import run_grid
from bench.base.errors import UsageError
from bench.bundle.bundle import Bundle
from bench.datasets import folder as folders
from bench.datasets.dataset import load
from bench.datasets.image_form import FITS, MARGIN, Form
from bench.datasets.pieces import ImageSet, Piece, piece_length
from bench.session.api import export_bundle
from bench.stages.encode import encode
from bench.stages.train import train
from bench.stages.training.core import Recipe
from bench.store import Store
from bench.store.images import KeptImages
from models import autoencoders
from models.autoencoder import Autoencoder
from models.dnn import DNN
from models.hand_crafted import Gray
from tests.conftest import run_python


def halves(height, width):
    """An image whose left half is black, and its right half white."""
    image = np.zeros((height, width, 3), np.uint8)
    image[:, width // 2 :] = 255
    return image


def test_crop_keeps_the_middle_square():
    wide = np.full((20, 60, 3), 9, np.uint8)
    wide[:, 20:40] = 200
    assert (Form(20, "crop").bring(wide) == 200).all()
    tall = wide.transpose(1, 0, 2)
    assert (Form(10, "crop").bring(tall) == 200).all()


def test_pad_keeps_all_and_adds_gray_margins():
    brought = Form(40, "pad").bring(np.full((20, 40, 3), 200, np.uint8))
    assert (brought[10:30] == 200).all()
    assert (brought[:10] == MARGIN).all()
    assert (brought[30:] == MARGIN).all()


def test_stretch_keeps_all_and_distorts():
    brought = Form(10, "stretch").bring(halves(10, 40))
    assert (brought[:, :4] == 0).all()
    assert (brought[:, 6:] == 255).all()


@given(
    st.integers(1, 40), st.integers(1, 40), st.sampled_from(FITS), st.integers(8, 32),
    st.integers(0, 255),
)  # fmt: skip
def test_any_image_gets_the_form_and_a_flat_one_stays_flat(height, width, fit, size, gray):
    brought = Form(size, fit).bring(np.full((height, width, 3), gray, np.uint8))
    assert brought.shape == (size, size, 3)
    assert brought.dtype == np.uint8
    if fit != "pad":
        assert (brought == gray).all()


def test_a_square_image_is_the_same_with_every_fit():
    image = np.random.default_rng(0).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    crop, *others = (Form(16, fit).bring(image) for fit in FITS)
    assert all((crop == other).all() for other in others)
    assert Form(30).bring(image) is image


def test_the_size_is_that_of_small_arrays_and_64_for_others(tmp_path, image_folder):
    assert load("digits", limit=3).form.size == 32
    assert load(f"folder:{image_folder}").form.size == 64
    np.save(tmp_path / "trainX.npy", np.zeros((4, 40, 33), np.uint8))
    assert load(f"npy:{tmp_path}").images.shape == (4, 64, 64, 3)
    assert load(f"npy:{tmp_path}", image_size=8).images.shape == (4, 8, 8, 3)


@pytest.fixture
def opened(monkeypatch):
    """The files that are decoded, one after the other."""
    found = []
    whole = folders.decode
    monkeypatch.setattr(
        folders, "decode", lambda path, *how: found.append(path) or whole(path, *how)
    )
    return found


def test_a_limit_decodes_so_many_and_no_more(image_folder, opened):
    data = load(f"folder:{image_folder}", limit=6)
    assert len(opened) == len(data) == 6
    assert np.bincount(data.labels).tolist() == [3, 3]


def test_no_file_is_decoded_twice(image_folder, opened, tmp_path):
    keeper = KeptImages(Store(tmp_path / "store"))
    spec = f"folder:{image_folder}"
    first = load(spec, keeper=keeper)
    assert len(opened) == 20
    again = load(spec, keeper=keeper)
    assert len(opened) == 20
    assert (first.images == again.images).all()
    assert first.fingerprint == again.fingerprint
    load(spec, keeper=keeper, image_size=16)
    assert len(opened) == 40
    load(spec, keeper=keeper, fit="pad")
    assert len(opened) == 60
    both = load(spec, keeper=keeper, own_sizes=[16, 24])  # 16 is there, 24 is not
    assert len(opened) == 80
    assert {size: images.shape for size, (images, _) in both.sizes.items()} == {
        64: (20, 64, 64, 3),
        16: (20, 16, 16, 3),
        24: (20, 24, 24, 3),
    }


def test_images_of_a_size_do_not_depend_on_what_else_is_wanted(tmp_path):
    """Of a JPEG less is decoded where a smaller image is asked for."""
    noise = np.random.default_rng(0).integers(0, 256, (700, 900, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "large.jpg")
    alone = load(f"folder:{tmp_path}", clusters=1)
    together = load(f"folder:{tmp_path}", clusters=1, own_sizes=[224])
    assert (alone.images == together.images).all()
    other = load(f"folder:{tmp_path}", clusters=1, image_size=224)
    assert (np.asarray(together.sizes[224][0]) == other.images).all()


def test_a_file_that_changed_is_decoded_again(image_folder, opened, tmp_path):
    keeper = KeptImages(Store(tmp_path / "store"))
    spec = f"folder:{image_folder}"
    first = load(spec, keeper=keeper)
    Image.new("RGB", (50, 40), "red").save(image_folder / first.files[-1])
    again = load(spec, keeper=keeper)
    assert len(opened) == 40
    assert first.fingerprint != again.fingerprint


def test_unreadable_files_are_remembered(image_folder, opened, tmp_path):
    (image_folder / "dark" / "broken.png").write_bytes(b"not a picture")
    keeper = KeptImages(Store(tmp_path / "store"))
    for _ in range(2):
        data = load(f"folder:{image_folder}", keeper=keeper)
        assert len(data) == 20
        assert "dark/broken.png" not in data.files
        assert "Skipped 1 unreadable file" in " ".join(data.notes)
    assert len(opened) == 21


def test_what_computes_nothing_decodes_nothing(image_folder, opened, tmp_path, command):
    flat, folder = f"folder:{image_folder / 'dark'}", f"folder:{image_folder}"
    models = ["--models", "pixels", "--reducers", "pca5", "--seeds", 1, "--no-baselines"]
    assert "--clusters N" in command("--dataset", flat, *models).stderr
    dry = command("--dataset", folder, *models, "--dry-run")
    assert "1 runs on" in dry.stdout
    assert "20 images" in dry.stdout
    cached = command("--dataset", folder, *models, "--only-cached")
    assert cached.returncode == 2
    assert "no result of this grid" in cached.stderr
    assert not opened
    assert not (tmp_path / ".store").exists()


def test_a_finished_folder_is_reported_without_decoding(image_folder, opened, command):
    options = ["--dataset", f"folder:{image_folder}", "--models", "pixels", "--reducers", "pca5"]
    options += ["--seeds", 1, "--no-baselines"]
    assert command(*options).returncode == 0
    opened.clear()
    assert command(*options, "--only-cached").returncode == 0
    assert command(*options, "--dry-run").returncode == 0
    assert not opened


def pieces_of(images, length):
    parts = [images[i : i + length] for i in range(0, len(images), length)]
    made = [
        Piece(str(i), len(part), str(i), lambda part=part: part) for i, part in enumerate(parts)
    ]
    return ImageSet(images.shape[1], tuple(made))


@given(st.integers(0, 23), st.integers(0, 23), st.lists(st.integers(0, 22)))
def test_images_in_pieces_are_indexed_as_an_array(start, stop, positions):
    images = np.arange(23 * 8 * 8 * 3, dtype=np.uint32).astype(np.uint8).reshape(23, 8, 8, 3)
    pieces = pieces_of(images, 5)
    assert pieces.shape == images.shape
    assert (np.asarray(pieces) == images).all()
    assert (pieces[start:stop] == images[start:stop]).all()
    which = np.array(positions, dtype=np.int64)
    assert (pieces[which] == images[which]).all()


def test_a_piece_ends_where_a_batch_does():
    assert piece_length(64) % 256 == 0
    assert piece_length(224) * 224**2 * 3 < 64e6
    assert piece_length(512) == 256


def test_images_in_pieces_have_the_codes_of_an_array():
    images = load("digits", limit=600).images
    recipe = Recipe(1, 1e-3, 64)
    trained = train(DNN, images, recipe, 1, 2, "cpu")
    again = train(DNN, pieces_of(images, 256), recipe, 1, 2, "cpu")
    assert all((trained.arrays[name] == again.arrays[name]).all() for name in trained.arrays)
    whole = encode(DNN, trained.arrays, images, images[:10], "cpu", 50)
    pieces = pieces_of(images, 256)
    parts = encode(DNN, trained.arrays, pieces, pieces_of(images[:10], 256), "cpu", 50)
    assert parts.values["reconstruction_loss"] == pytest.approx(whole.values["reconstruction_loss"])
    assert whole.arrays.keys() == parts.arrays.keys()
    for name in whole.arrays:
        assert (whole.arrays[name] == parts.arrays[name]).all(), name


class Means(Autoencoder):
    """Mean colors of squares, of images with sides of 48 pixels."""

    trains: ClassVar[bool] = False
    decodes: ClassVar[bool] = False
    deterministic: ClassVar[bool] = True
    image_size: ClassVar[int | None] = 48

    def __init__(self, image_shape):
        super().__init__()
        assert image_shape == (3, 48, 48)
        self.encoder = nn.Sequential(nn.AvgPool2d(12), nn.Flatten())
        self.decoder = Gray(image_shape)


@pytest.fixture
def means():
    autoencoders.register("means", "mean colors")(Means)
    yield
    autoencoders.unregister("means")


def by_hand(paths):
    """The codes of `Means`, computed without the harness."""
    codes = []
    for path in paths:
        with Image.open(path) as image:
            side = min(image.size)
            left, top = (image.width - side) // 2, (image.height - side) // 2
            square = image.convert("RGB").crop((left, top, left + side, top + side))
            brought = square.resize((48, 48), Image.Resampling.BILINEAR)
        scaled = np.asarray(brought, np.float32) / 127.5 - 1
        codes.append(scaled.reshape(4, 12, 4, 12, 3).mean((1, 3)).transpose(2, 0, 1).ravel())
    return np.array(codes)


def test_a_model_is_given_images_of_its_own_size(means, image_folder, tmp_path):
    options = {
        "dataset": f"folder:{image_folder}",
        "models": "means,cnn",
        "reducers": "pca3",
        "seeds": 1,
        "epochs": 1,
        "baselines": False,
        "store": tmp_path / "store",
        "out": tmp_path / "out",
    }
    records = run_python(**options)
    assert (records["status"] == "ok").all(), records["error"].tolist()
    row = records[records["model"] == "means"].iloc[0]
    codes = Store(tmp_path / "store").load("encode", row["encode_artifacts"]).require("train")
    files = load(f"folder:{image_folder}").files
    expected = by_hand([image_folder / file for file in files])
    assert codes == pytest.approx(expected, abs=0.02)

    bundle = export_bundle(tmp_path / "b.latentgrid", "means, pca3", results=tmp_path / "out")
    again = Bundle.load(tmp_path / "b.latentgrid")
    assert bundle.form == again.form == Form(48, "crop")
    found = again.transform([str(image_folder / file) for file in files])
    assert found.seen.all()
    assert again.encode([str(image_folder / file) for file in files]) == pytest.approx(codes)


@pytest.mark.slow
def test_a_grid_of_worker_processes_reads_images_of_each_size(image_folder, tmp_path):
    """The process that works has the images from the store alone."""
    options = {"reducers": "pca3", "seeds": 1, "epochs": 1, "baselines": False, "image_size": 40}
    places = {"store": tmp_path / "store", "out": tmp_path / "out"}
    records = run_grid(
        dataset=f"folder:{image_folder}", models="dnn,cnn", batch_size=4, **options, **places
    )
    assert (records["status"] == "ok").all(), records["error"].tolist()
    shapes = {}
    for _, row in records.iterrows():
        kept = Store(tmp_path / "store").load("encode", row["encode_artifacts"])
        shapes[row["model"]] = kept.require("reconstructions").shape[1:]
    assert shapes == {"dnn": (40, 40, 3), "cnn": (32, 32, 3)}


def test_other_pixels_at_a_models_own_size_are_other_results(means, tmp_path):
    """Two sets of images can be the same at the grid's size, and differ at a model's."""
    image = torch.rand(20, 96, 96, 3, generator=torch.Generator().manual_seed(0))
    large = (image * 255).to(torch.uint8).numpy()
    small = np.stack([Form(32).bring(each) for each in large])
    keys = []
    for name, images in (("large", large), ("small", small)):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "trainX.npy", images)
        options = {"models": "means", "reducers": "pca3", "seeds": 1, "baselines": False}
        records = run_python(
            dataset=f"npy:{tmp_path / name}", image_size=32, store=tmp_path / "store",
            out=tmp_path / "out", **options,
        )  # fmt: skip
        keys.append(records.iloc[0][["dataset_fingerprint", "encode_artifacts"]].tolist())
    assert keys[0][0] == keys[1][0]
    assert keys[0][1] != keys[1][1]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"image_size": 7}, "greater than or equal to 8, found 7"),
        ({"image_size": 513}, "less than or equal to 512, found 513"),
        ({"image_size": True}, "must be a number, found true"),
        ({"fit": "squash"}, "'crop', 'pad' or 'stretch', found 'squash'"),
    ],
)
def test_sizes_that_cannot_be_are_refused(setting, message):
    with pytest.raises(UsageError, match=message):
        run_grid(**setting)


def test_damaged_images_are_decoded_again(image_folder, opened, tmp_path):
    options = {
        "dataset": f"folder:{image_folder}", "models": "pixels", "reducers": "pca5", "seeds": 1,
        "baselines": False, "store": tmp_path / "store", "out": tmp_path / "out",
    }  # fmt: skip
    first = run_python(**options)
    store = Store(tmp_path / "store")
    every = list((tmp_path / "store" / "images").iterdir())
    (kept,) = (path for path in every if "count" in store.load("images", path.name).values)
    data = bytearray((kept / "arrays.safetensors").read_bytes())
    data[-1] ^= 1
    (kept / "arrays.safetensors").write_bytes(data)
    opened.clear()
    again = run_python(**options)
    assert len(opened) == 20
    assert first["accuracy"].tolist() == again["accuracy"].tolist()
