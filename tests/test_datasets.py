import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from bench.datasets import photos
from bench.datasets.dataset import load
from bench.datasets.folder import decode
from bench.errors import UsageError
from bench.sampling import stratified
from registry import UnknownNameError
from tests.canned_openml import CannedOpenML
from tests.conftest import make_images


def refused(spec, message, **settings):
    with pytest.raises(UsageError) as error:
        load(spec, **settings)
    assert message in str(error.value)


# digits and photos


def test_digits_are_all_there_and_look_like_digits():
    data = load("digits")
    assert data.images.shape == (1797, 32, 32, 3)
    assert data.clusters == 10
    assert data.class_names == tuple("0123456789")
    assert (data.images[..., 0] == data.images[..., 2]).all()
    # Shrunk back to 8×8 they are the digits of scikit-learn.
    from sklearn.datasets import load_digits

    small = data.images[..., 0].reshape(1797, 8, 4, 8, 4).mean((2, 4)) * 16 / 255
    assert np.corrcoef(small.ravel(), load_digits().images.ravel())[0, 1] > 0.97


def test_photos_split_without_overlap():
    data = load("photos")
    assert data.images.shape == (1550, 32, 32, 3)
    assert data.validation_images.shape == (350, 32, 32, 3)
    assert data.clusters == 2
    # Patches of a picture whose pixels are its column numbers tell where they were cut.
    columns = np.broadcast_to(np.arange(640)[None, :, None], (427, 640, 3))
    train = photos._patches(columns, 0, photos.SPLIT)
    held_out = photos._patches(columns, photos.SPLIT, 640)
    assert train.max() < held_out.min()
    assert len(train) * 2 == len(data.images)
    assert "not independent" in " ".join(data.notes)


# npy


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


def test_npy_grey_and_other_sizes_are_brought_to_form(tmp_path):
    np.save(tmp_path / "trainX.npy", np.full((5, 28, 28), 99, np.uint8))
    data = load(f"npy:{tmp_path}")
    assert data.images.shape == (5, 32, 32, 3)
    assert (data.images == 99).all()
    assert "28×28 images were resized" in " ".join(data.notes)


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
        (np.zeros((4, 32, 32, 3), np.int64), "has dtype int64"),
        (np.full((4, 32, 32, 3), -0.5), "values from -0.5 to -0.5"),
        (np.full((4, 32, 32, 3), 300.0), "values from 300 to 300"),
        (np.full((4, 32, 32, 3), np.nan), "no NaN"),
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
    refused(f"npy:{npy_folder}", "not a whole .npy array")
    (npy_folder / "trainX.npy").write_bytes(b"")
    refused(f"npy:{npy_folder}", "not a whole .npy array")
    (npy_folder / "trainX.npy").write_bytes(whole)
    np.save(npy_folder / "trainY.npy", np.zeros(7, int))
    refused(f"npy:{npy_folder}", "has shape (7,): expected (120,)")
    np.save(npy_folder / "trainY.npy", np.full(120, 0.5))
    refused(f"npy:{npy_folder}", "dtype float64")
    np.save(npy_folder / "trainY.npy", np.zeros(120, int))
    (npy_folder / "valY.npy").unlink()
    refused(f"npy:{npy_folder}", "valX.npy without valY.npy")


@given(
    hnp.arrays(st.sampled_from([np.float32, np.float64]), (2, 3, 4), elements=st.floats(width=32))
)
def test_npy_any_floats_are_images_or_refused(tmp_path_factory, array):
    folder = tmp_path_factory.mktemp("fuzz")
    np.save(folder / "trainX.npy", array)
    if (array >= 0).all() and (array <= 255).all():
        assert load(f"npy:{folder}", clusters=1).images.shape == (2, 32, 32, 3)
    else:
        refused(f"npy:{folder}", "allowed are 0..1 or 0..255", clusters=1)


# folder


def test_folder_with_sub_folders_is_labelled(image_folder):
    data = load(f"folder:{image_folder}")
    assert data.images.shape == (20, 32, 32, 3)
    assert data.class_names == ("bright", "dark")
    assert data.clusters == 2
    assert data.files[0] == "bright/01.jpg"
    means = data.images.mean((1, 2, 3))
    assert (means[data.labels == 0] > means[data.labels == 1].max()).all()


def test_flat_folder_is_unlabelled_and_needs_clusters(image_folder):
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
    assert "Skipped 9 unreadable files: bright/cut.jpg, bright/readme.txt, dark/broken0" in text
    assert "and 4 more" in text
    assert "Left out 1 images beside the sub-folders: cover.png" in text


def test_a_flat_folder_stays_flat_beside_a_folder_of_other_files(image_folder):
    flat = image_folder / "dark"
    (flat / "notes").mkdir()
    (flat / "notes" / "a.txt").write_text("no image")
    assert load(f"folder:{flat}", clusters=2).labels is None
    Image.new("L", (9, 9)).save(flat / "notes" / "one.png")
    data = load(f"folder:{flat}", clusters=2)
    assert (len(data), data.labels) == (10, None)
    assert "Left out 1 images in sub-folders: notes/one.png" in " ".join(data.notes)


def test_folders_that_are_links_are_followed_once(image_folder, tmp_path):
    links = tmp_path / "links"
    links.mkdir()
    for name in ("dark", "bright"):
        (links / name).symlink_to(image_folder / name)
    (links / "again").symlink_to(links)
    data = load(f"folder:{links}")
    assert data.class_names == ("bright", "dark")
    assert len(data) == 20


def test_folder_refuses_what_holds_no_image(tmp_path):
    refused("folder", "needs a folder")
    refused(f"folder:{tmp_path / 'none'}", "no such folder")
    refused(f"folder:{tmp_path}", "no readable image")


@pytest.mark.parametrize(
    "mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "I;16", "I", "F", "PA", "RGBX"]
)
def test_folder_reads_every_mode(tmp_path, mode):
    grey = Image.fromarray(np.full((40, 60), 200, np.uint8))
    if mode in ("I;16", "I"):
        image = Image.fromarray(np.full((40, 60), 200 * 257, np.uint16))
        image = image.convert("I") if mode == "I" else image
    elif mode == "F":
        image = Image.fromarray(np.full((40, 60), 200, np.float32))
    elif mode == "PA":
        image = grey.convert("LA").convert("PA")
    elif mode == "P":
        image = grey.convert("RGB").quantize()
    else:
        image = grey.convert("RGB").convert(mode)
    path = tmp_path / ("x.tiff" if mode != "PA" else "x.png")
    if mode == "PA":
        image.convert("RGBA").quantize().save(path)
    else:
        image.save(path)
    found = decode(path)
    assert found.shape == (32, 32, 3)
    expected = 255 if mode == "1" else 200
    assert abs(found.astype(int) - expected).max() <= 6 or (mode == "1" and found.mean() > 150)


def test_folder_lays_transparency_on_white_and_turns_photographs(tmp_path):
    Image.new("RGBA", (20, 20), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (decode(tmp_path / "clear.png") == 255).all()
    lying = np.zeros((64, 64, 3), np.uint8)
    lying[:, 32:] = 255  # bright at its right; the camera says: turn it by 90 degrees
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(lying).save(tmp_path / "turned.png", exif=exif)
    found = decode(tmp_path / "turned.png").astype(int)
    assert found[20:].mean() > 200
    assert found[:12].mean() < 50


def test_image_bombs_are_not_decoded(tmp_path, monkeypatch):
    Image.new("L", (100, 100)).save(tmp_path / "big.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60 * 100)
    assert decode(tmp_path / "big.png") is None


# openml


@pytest.fixture
def openml(monkeypatch, tmp_path):
    """Make a replayed openml.org answer scikit-learn, with an empty cache."""

    def start(name, number, rows, labels):
        canned = CannedOpenML(name, number, rows, labels)
        monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path / "cache"))
        monkeypatch.setattr("sklearn.datasets._openml.urlopen", canned.urlopen)
        monkeypatch.setattr("sklearn.datasets._openml.time.sleep", lambda seconds: None)
        return canned

    return start


def test_openml_by_name_then_from_the_cache_without_a_network(openml):
    rows = np.tile(np.arange(784) % 256, (6, 1))
    canned = openml("Fashion-MNIST", 40996, rows, list("012012"))
    first = load("openml:Fashion-MNIST")
    assert first.images.shape == (6, 32, 32, 3)
    assert first.class_names == ("0", "1", "2")
    assert first.clusters == 3
    assert "28×28 images were resized" in " ".join(first.notes)
    asked = len(canned.requests)
    canned.unplug()
    again = load("openml:Fashion-MNIST")
    assert again.fingerprint == first.fingerprint
    assert load("openml:fashion-mnist").fingerprint == first.fingerprint
    assert len(canned.requests) == asked


def test_openml_by_number_with_channels_first(openml):
    planes = np.stack([np.full((32, 32), value) for value in (10, 20, 30)])
    openml("CIFAR_10", 40927, np.tile(planes.ravel(), (4, 1)), list("abab"))
    data = load("openml:40927")
    assert (data.images == [10, 20, 30]).all()


def test_openml_without_a_network_says_so_in_one_line(openml):
    openml("mnist_784", 554, np.zeros((1, 784), int), ["0"]).unplug()
    refused("openml:mnist_784", "needs the network")
    refused("openml", "needs a name or number")


def test_openml_refuses_tables_that_are_no_images(openml):
    openml("iris", 61, np.zeros((3, 5), int), list("aab"))
    refused("openml:iris", "rows of 5 values are no square images")


def test_openml_refuses_values_and_labels_that_mean_nothing(openml):
    rows = np.zeros((4, 9), int)
    rows[3, 3] = 300
    openml("loud", 1, rows, list("aabb"))
    refused("openml:loud", "openml:loud: it holds values from 0 to 300")
    openml("gaps", 2, rows // 300, ["a", "b", "a", "?"])
    refused("openml:gaps", "openml:gaps: some of its labels are missing")
    openml("real", 3, rows // 300, ["0.5", "1.5", "2", "3"])
    refused("openml:real", "they hold fractions")


def test_openml_values_from_0_to_1_are_no_black_images(openml):
    openml("ink", 4, np.tile([0, 1], (4, 8)), list("aabb"))
    assert load("openml:ink").images.max() == 255


# subsets and fingerprints


@given(
    hnp.arrays(np.int64, st.integers(1, 200), elements=st.integers(0, 5)),
    st.integers(1, 200),
    st.integers(0, 99),
)
def test_stratified_keeps_each_labels_share(labels, count, seed):
    count = min(count, len(labels))
    chosen = stratified(labels, count, np.random.default_rng(seed))
    assert len(set(chosen.tolist())) == count
    for label in np.unique(labels):
        share = (labels == label).sum() * count / len(labels)
        assert abs((labels[chosen] == label).sum() - share) < 1


def test_limit_is_the_same_for_the_same_seed_and_only_then():
    one = load("digits", limit=100, seed=3)
    assert one.fingerprint == load("digits", limit=100, seed=3).fingerprint
    assert one.fingerprint != load("digits", limit=100, seed=4).fingerprint
    assert (np.diff(one.indices) > 0).all()
    assert np.bincount(one.labels).min() >= 9
    np.testing.assert_array_equal(one.images, load("digits").images[one.indices])
    assert load("digits", limit=5000).fingerprint == load("digits").fingerprint


def test_fingerprint_of_images_does_not_know_the_labels(npy_folder):
    before = load(f"npy:{npy_folder}")
    labels = np.load(npy_folder / "trainY.npy")
    np.save(npy_folder / "trainY.npy", labels[::-1].copy())
    after = load(f"npy:{npy_folder}")
    assert after.fingerprint == before.fingerprint
    assert after.labels_fingerprint != before.labels_fingerprint
    images = np.load(npy_folder / "trainX.npy")
    images[0, 0, 0, 0] += 1
    np.save(npy_folder / "trainX.npy", images)
    assert load(f"npy:{npy_folder}").fingerprint != before.fingerprint


def test_unknown_data_sets_and_arguments():
    with pytest.raises(UnknownNameError, match="did you mean 'digits'"):
        load("digit")
    refused("digits:8", "takes no argument")
    refused("photos:8", "takes no argument")
    refused("digits", "allowed are 1 to 20", limit=20, clusters=21)


def test_scenes_are_read_whole(scenes):
    data = load(f"npy:{scenes}")
    assert data.images.shape == (8500, 32, 32, 3)
    assert data.validation_images.shape == (500, 32, 32, 3)
    assert np.bincount(data.labels).tolist() == [4250, 4250]
