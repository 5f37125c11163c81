"""From pixel values of any type to 8 bits: one decision for a whole data set."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from bench.base.errors import UsageError
from bench.datasets import brightness
from bench.datasets.brightness import TOLERANCE, Range, Values, decide, join, survey
from bench.datasets.dataset import load
from bench.planning.settings import resolve
from tests.conftest import refused


def decided(*numbers, kind=np.float64):
    used = decide(survey(np.array(numbers, kind)), "it")
    return used.low, used.high


@pytest.mark.parametrize(
    ("numbers", "kind", "expected"),
    [
        ([0, 200], np.uint16, (0, 255)),
        ([0, 3000], np.uint16, (0, 4095)),
        ([7, 256], np.uint16, (0, 511)),
        ([0, 65535], np.uint16, (0, 65535)),
        ([0, 2**31 + 5], np.uint32, (0, 2**32 - 1)),
        ([0, 1], np.int64, (0, 1)),
        ([0, 0], np.int64, (0, 1)),
        ([False, True], bool, (0, 1)),
        ([-1024, 3071], np.int16, (-1024, 3071)),
        ([-5, -5], np.int8, (-5, -4)),
        ([0.0, 1.0], np.float32, (0, 1)),
        ([0.0, 255.0], np.float32, (0, 255)),
        ([0.0, 65535.0], np.float32, (0, 65535)),
        ([0.1, 0.9], np.float32, (0, 1)),
        ([0.1, 1.0000001], np.float32, (0, 1)),
        ([-0.2, 1.2], np.float32, (0, 1)),
        ([-0.2, 0.2], np.float32, (-1, 1)),
        ([-1.2, 1.1], np.float32, (-1, 1)),
        ([0.5, 127.5], np.float32, (0, 255)),
        ([-3.5, 258.7], np.float32, (0, 255)),
        ([0.5, 4100.5], np.float32, (0, 4095)),
        ([0.5, 39835.5], np.float32, (0, 32767)),
    ],
)
def test_the_range_follows_from_type_and_values(numbers, kind, expected):
    assert decided(*numbers, kind=kind) == expected


@pytest.mark.parametrize(
    "numbers",
    [
        [0.5, 16.5],
        [-2.1, 2.6],
        [0.5, np.nan],
        [0.5, np.inf],
        [-200.5, 255.0],
        [0.001, 0.01],  # a hundredth of 0..1: three levels would be left
    ],
)
def test_what_cannot_be_known_is_refused_and_says_how_to_say_it(numbers):
    with pytest.raises(UsageError, match=r"brightness cannot be known: --range LOW:HIGH"):
        decided(*numbers)


integers = hnp.arrays(
    st.sampled_from([np.uint16, np.int16, np.uint32, np.int32, np.int64]),
    st.integers(2, 40),
    elements=st.integers(0, 2**15 - 1),
)


@given(integers)
def test_integers_keep_their_order_and_their_contrast(values):
    brought = decide(survey(values), "it").to_bytes(values).astype(int)
    order = np.argsort(values, kind="stable")
    assert (np.diff(brought[order]) >= 0).all()
    assert brought.max() >= 127 or not values.any()


@given(st.integers(8, 31), st.booleans())
def test_integers_of_more_than_8_bits_keep_a_hundred_levels(bits, negative):
    values = np.linspace(0, 2**bits, 4096).astype(np.int64) - (2 ** (bits - 1)) * negative
    assert len(np.unique(decide(survey(values), "it").to_bytes(values))) >= 100


@given(
    st.sampled_from([(0, 1), (0, 255), (0, 4095), (0, 65535)]),
    st.floats(0, TOLERANCE * 0.99),
    st.floats(0, TOLERANCE * 0.99),
)
def test_an_overshoot_changes_nothing_but_what_is_cut_off(ends, below, above):
    low, high = ends
    values = np.linspace(low, high, 301) * 0.999 + high * 0.0003
    far = values.copy()
    far[0], far[-1] = low - below * high, high + above * high
    used = decide(survey(far), "it")
    assert (used.low, used.high) == ends
    assert (used.to_bytes(far)[1:-1] == Range(low, high).to_bytes(values)[1:-1]).all()
    assert used.to_bytes(far)[[0, -1]].tolist() == [0, 255]


@given(hnp.arrays(np.float64, 20, elements=st.floats(-1e6, 1e6)), st.floats(-1e5, 1e5))
def test_bytes_are_linear_rounded_and_cut_off(values, low):
    high = low + 1000
    expected = np.clip(np.rint((values - low) * 0.255), 0, 255)
    assert (abs(Range(low, high).to_bytes(values) - expected) <= 1).all()
    assert Range(low, high).to_bytes(np.array([np.nan, np.inf, -np.inf])).tolist() == [0, 255, 0]


def test_8_bit_floats_come_back_as_they_were():
    levels = np.arange(256)
    for kind in (np.float16, np.float32, np.float64):
        assert (Range(0, 1).to_bytes((levels / 255).astype(kind)) == levels).all()
        assert (Range(0, 255).to_bytes(levels.astype(kind)) == levels).all()
    assert (Range(0, 65535).to_bytes((levels * 257).astype(np.uint16)) == levels).all()


def test_what_is_known_of_arrays_is_joined():
    every = [np.array([3, 9], np.uint16), np.array([1, 5], np.int32), np.array([0.5, np.nan])]
    assert join(map(survey, every[:2])) == Values("int32, uint16", True, 1, 9)
    found = join(map(survey, every))
    assert (found.whole, found.finite, found.least, found.largest) == (False, False, 0.5, 9)


@pytest.mark.parametrize("text", ["", "5", "a:b", "1:1", "2:1", "0:inf", "nan:1", "1:2:3"])
def test_a_range_that_is_none_is_refused(text):
    settings = {"dataset": "digits", "range": text}
    with pytest.raises(UsageError, match="range: must be two numbers LOW:HIGH"):
        resolve(settings)
    assert resolve(settings | {"range": "-1:2.5"}).range == "-1:2.5"


# Arrays


def pictures(count=40, seed=0):
    random = np.random.default_rng(seed)
    found = random.uniform(0, 0.3, (count, 16, 16, 3))
    found[::2, :8, :, 0] += 0.6
    return found


def test_one_value_above_1_does_not_turn_images_black(tmp_path):
    values = pictures().astype(np.float32)
    np.save(tmp_path / "trainX.npy", values)
    within = load(f"npy:{tmp_path}", image_size=16)
    values[0, 0, 0, 0] = np.nextafter(np.float32(1), np.float32(2))
    np.save(tmp_path / "trainX.npy", values)
    beyond = load(f"npy:{tmp_path}", image_size=16)
    assert (within.images[1:] == beyond.images[1:]).all()
    assert (beyond.images[1:] == np.rint(values[1:] * 255)).all()
    assert "(float32, " in beyond.notes[0]
    assert "brought from 0..1 to 8 bits a channel; values beyond were cut off." in beyond.notes[0]


def test_training_and_validation_arrays_are_decided_together(tmp_path):
    values = (pictures() * 4095).astype(np.uint16)
    for name, array in {"trainX": values // 8, "valX": values}.items():
        np.save(tmp_path / f"{name}.npy", array)
    for name in ("trainY", "valY"):
        np.save(tmp_path / f"{name}.npy", np.arange(40) % 2)
    data = load(f"npy:{tmp_path}", image_size=16)
    assert (data.images == np.rint((values // 8) * (255 / 4095))).all()
    assert (data.validation_images == np.rint(values * (255 / 4095))).all()
    assert data.notes[0].startswith("Pixel values of 80 images (uint16, 0 to 3,6")
    for array in ((values // 16).astype(np.uint8), values / 4095):
        np.save(tmp_path / "valX.npy", array)
        found = f"trainX.npy uint16 and valX.npy {array.dtype}: needed are arrays of one type"
        refused(f"npy:{tmp_path}", found)


def test_a_range_that_is_given_counts_also_for_8_bits(tmp_path):
    np.save(tmp_path / "trainX.npy", np.full((4, 16, 16), 16.5))
    refused(f"npy:{tmp_path}", "--range LOW:HIGH")
    assert (load(f"npy:{tmp_path}", range="0:33").images == 128).all()
    np.save(tmp_path / "trainX.npy", np.full((4, 16, 16), 5, np.uint8))
    plain, given = load(f"npy:{tmp_path}"), load(f"npy:{tmp_path}", range="0:10")
    assert plain.images.max() == 5
    assert plain.notes == ("No labels to count and no --clusters given: 2 clusters, as in the "
                           "homework.",)  # fmt: skip
    assert (given.images == 128).all()
    assert "Values of 8 bits a channel were brought from 0..10 to 0..255" in given.notes[0]


def test_arrays_of_integers_and_booleans_are_images(tmp_path):
    mask = np.zeros((4, 16, 16), bool)
    mask[:, :8] = True
    for array in (mask, mask.astype(np.int64), mask.astype(np.int32) * 1000 - 500):
        np.save(tmp_path / "trainX.npy", array)
        assert (load(f"npy:{tmp_path}", image_size=16).images[..., 0] == mask * 255).all()


# Labels


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (np.array([2**63, 1] * 20, np.uint64), "uint64 labels, of which 20 values"),
        (np.array([1e19, 1] * 20), "float64 labels, of which 20 values"),
        (np.array([0.5, 1] * 20), "the first is 0.5, of image 0"),
        (np.array([1, np.inf] * 20), "the first is inf, of image 1"),
        (np.array([1, np.nan] * 20), "the first is nan, of image 1"),
        (np.array([1, 2] * 20, complex), "has dtype complex128"),
    ],
)
def test_labels_are_never_wrapped_or_truncated(tmp_path, labels, found):
    np.save(tmp_path / "trainX.npy", np.zeros((40, 16, 16), np.uint8))
    np.save(tmp_path / "trainY.npy", labels)
    refused(f"npy:{tmp_path}", found)


def test_the_largest_labels_are_kept(tmp_path):
    np.save(tmp_path / "trainX.npy", np.zeros((40, 16, 16), np.uint8))
    np.save(tmp_path / "trainY.npy", np.array([2**63 - 1, 2**63 - 2] * 20, np.uint64))
    assert load(f"npy:{tmp_path}").class_names == (str(2**63 - 2), str(2**63 - 1))


# Files


def save(folder, arrays):
    for name, array in arrays.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (array if isinstance(array, Image.Image) else Image.fromarray(array)).save(path)
    return f"folder:{folder}"


def test_12_bits_in_16_bit_files_keep_the_8_bit_images(tmp_path):
    gray = np.random.default_rng(0).integers(0, 256, (6, 32, 32)).astype(np.uint8)
    gray[0, 0, 0] = 255
    eight = save(tmp_path / "8", {f"{i}.png": each for i, each in enumerate(gray)})
    twelve = {f"{i}.png": (each * (4095 / 255)).astype(np.uint16) for i, each in enumerate(gray)}
    one = load(eight, clusters=1, image_size=32)
    other = load(save(tmp_path / "12", twelve), clusters=1, image_size=32)
    assert abs(one.images.astype(int) - other.images).max() <= 1
    assert len(np.unique(other.images)) > 200
    assert other.notes == (
        "Pixel values of 6 images (uint16, 0 to 4,095) were brought from 0..4,095 to 8 bits a "
        "channel.",
    )
    assert one.notes == ()


def test_dark_files_are_as_dark_beside_bright_ones(tmp_path):
    """Half of the files have their maximum below 256, and were taken for 8 bits."""
    arrays = {f"{i}.tif": np.full((20, 20), 130 + 20 * i, np.uint16) for i in range(10)}
    data = load(save(tmp_path, arrays), clusters=1)
    means = data.images.mean((1, 2, 3))
    assert means.tolist() == [round((130 + 20 * i) * 255 / 511) for i in range(10)]


def test_float_files_of_which_some_overshoot_are_as_bright(tmp_path):
    ramp = np.linspace(0, 1, 1024, dtype=np.float32).reshape(32, 32)
    beyond = ramp.copy()
    beyond[-1, -1] = 1.001
    data = load(save(tmp_path, {"a.tif": ramp, "b.tif": beyond}), clusters=1, image_size=32)
    assert (data.images[0] == data.images[1]).all()
    assert (data.images[0, ..., 0] == np.rint(ramp * 255)).all()
    assert "values beyond were cut off" in data.notes[0]


@pytest.mark.parametrize(
    ("array", "low", "high"),
    [
        (np.arange(-1000, 3000, 4).astype(np.int16), -1000, 2996),
        (np.arange(0, 3_000_000, 3000).astype(np.int32), 0, 2**22 - 1),
        (np.linspace(0, 2**32 - 1, 1000).astype(np.uint32), 0, 2**32 - 1),
        (np.arange(0, 65535, 65).astype(np.float32), 0, 65535),
        (np.linspace(-1, 1, 1000, dtype=np.float32), -1, 1),
        (np.resize(np.arange(-128, 128), 1000).astype(np.int8), -128, 127),
    ],
)
def test_tiff_files_of_every_type(tmp_path, array, low, high):
    tifffile = pytest.importorskip("tifffile")
    array = np.resize(array, (32, 32))
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="minisblack")
    found = load(f"folder:{tmp_path}", clusters=1, image_size=32).images[0, ..., 0]
    expected = (array.astype(float) - low) * 255 / (high - low)
    assert abs(found - expected).max() <= 0.51


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("order", "<>")
def test_color_of_12_bits_in_16_bit_files_keeps_its_levels(tmp_path, compression, order):
    tifffile = pytest.importorskip("tifffile")
    array = np.random.default_rng(0).integers(0, 4096, (32, 32, 3)).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif", array, photometric="rgb", compression=compression, byteorder=order
    )
    found = load(f"folder:{tmp_path}", clusters=1, image_size=32).images[0]
    assert abs(found - array * (255 / 4095)).max() <= 0.51


def test_files_with_nan_are_named(tmp_path):
    array = np.linspace(0, 1, 1024, dtype=np.float32).reshape(32, 32)
    array[3, 3] = np.nan
    data = load(save(tmp_path, {"a.tif": array}), clusters=1, image_size=32)
    assert (data.images[0, 3, 3] == 0).all()
    assert "1 file with values that are NaN (made black) or infinite: a.tif." in data.notes


def test_files_whose_brightness_cannot_be_known_are_refused(tmp_path):
    spec = save(tmp_path, {"a.tif": np.linspace(0, 16.5, 1024, dtype=np.float32).reshape(32, 32)})
    refused(spec, "values from 0 to 16.5, whose brightness cannot be known", clusters=1)
    data = load(spec, clusters=1, range="0:16.5", image_size=32)
    assert data.images[0, 0, 0, 0] == 0
    assert data.images[0, -1, -1, 0] == 255


def test_large_deep_images_are_averaged_before_they_are_gray_levels_in_color(tmp_path):
    array = np.tile(np.array([[1000, 3000]], np.uint16), (700, 350))
    array[0, 0] = 4095
    data = load(save(tmp_path, {"a.png": array}), clusters=1, image_size=16)
    assert abs(data.images[0, 5:].astype(int) - round(2000 * 255 / 4095)).max() <= 1


@given(st.lists(st.floats(-1e9, 1e9, width=32), min_size=2, max_size=20))
def test_any_floats_are_decided_or_refused(numbers):
    values = np.array(numbers, np.float32)
    try:
        used = decide(survey(values), "it")
    except UsageError:
        return
    assume(len(np.unique(values)) > 1)
    cut = max(used.low - values.min(), values.max() - used.high, 0)
    assert cut <= TOLERANCE * (used.high - used.low) * 1.001 + 1e-6
    assert brightness.note(1, survey(values), used).endswith(".")
