"""Odd content for every reader of a file: it is read, or refused in one line, and never else.

Each target writes its file from random content that is near to what is right, has it read as the
commands do, and uses what was read. `make test` tries a few contents of each; `make soak` goes on
for half a minute each.
"""

import csv
import functools
import hashlib
import io
import json
import os
import shutil
import tempfile
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tomli_w
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from bench.analysis import correctness, gate, record_columns, records, suggest, thresholds
from bench.analysis.results import Results
from bench.base.errors import RunError, UsageError
from bench.bundle import applying, clusters_file, format
from bench.bundle.bundle import Bundle
from bench.bundle.correcting import Corrections
from bench.datasets.dataset import load as load_dataset
from bench.planning.settings import resolve
from bench.report import speed, speed_changes, speed_page
from bench.store import ARRAYS, MANIFEST, SUMS, DamagedError, Store, StoreError, upkeep
from bench.store.content import VALUES
from tests.bundles import CLUSTERS_FILE, StandIn
from tests.conftest import ROOT

SECONDS = 30.0  # of each target in `make soak`
EXAMPLES = 4  # of each target in `make test`
RELEASE_0 = ROOT / "tests" / "release_0"

TEXTS = st.text(max_size=8) | st.sampled_from(
    ["", "nan", "-1", "1e999", "9" * 40, "9" * 5000, "[[0, 99]]", "[" * 3000, "../x", "\x00", "=1"]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXTS
    | st.sampled_from([10**30, 10**400, -(10**9)])
)
ODD = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
DTYPES = [np.float64, np.float32, np.float16, np.int64, np.int8, np.uint8, np.bool_]


def spots(value, inner=()):
    """List the paths to all values in a JSON value; of a list to the first three."""
    found = [inner] if inner else []
    if isinstance(value, dict):
        return found + [spot for k, v in value.items() for spot in spots(v, (*inner, k))]
    if isinstance(value, list):
        return found + [spot for i, v in enumerate(value[:3]) for spot in spots(v, (*inner, i))]
    return found


@st.composite
def harmed_json(draw, good):
    """Draw a JSON value with one to two values of it replaced or left out."""
    value = json.loads(json.dumps(good))
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(spots(value) or [()]))
        if not path:
            return draw(ODD)
        place = value
        for step in path[:-1]:
            place = place[step]
        if isinstance(place, dict) and draw(st.booleans()) and draw(st.booleans()):
            del place[path[-1]]
        else:
            place[path[-1]] = draw(ODD)
    return value


def as_json(value):
    """Write JSON as Python does, whole numbers of any length included."""
    return json.dumps(value).encode(errors="replace") if depth_is_fine(value) else b"[" * 10**5


def depth_is_fine(value):
    try:
        json.dumps(value)
    except (ValueError, RecursionError):  # a whole number of too many digits
        return False
    return True


@st.composite
def harmed_arrays(draw, good):
    """Draw arrays of which one has another type, shape, name or content, or is gone."""
    arrays = dict(good)
    name = draw(st.sampled_from(sorted(arrays)))
    array = arrays.pop(name)
    kind = draw(st.sampled_from(["gone", "name", "type", "flat", "short", "scalar", "nan"]))
    if kind == "name":
        arrays[draw(st.text(max_size=20)) or "x"] = array
    elif kind == "type":
        arrays[name] = array.astype(draw(st.sampled_from(DTYPES)))
    elif kind == "flat":
        arrays[name] = array.reshape(-1, 1)
    elif kind == "short":
        arrays[name] = array[: draw(st.integers(0, len(array)))] if array.ndim else array
    elif kind == "scalar":
        arrays[name] = np.zeros((), array.dtype)
    elif kind == "nan":
        arrays[name] = np.full(array.shape, np.nan, np.float32)
    return {k: np.array(v, order="C") for k, v in arrays.items()}


@st.composite
def harmed_bytes(draw, good):
    """Draw content with some bytes replaced, cut off or put in."""
    at, end = sorted(draw(st.tuples(*[st.integers(0, len(good))] * 2)))
    return good[:at] + draw(st.binary(max_size=20)) + good[end:]


def read_or_refused(read, error_type=UsageError):
    """Read something; what refuses it says so in one line, and nothing is warned of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", FutureWarning)  # of the release before
        try:
            read()
        except error_type as error:
            text = str(error)
            assert text
            assert "\n" not in text


RESULTS = ROOT / "results" / "results.csv"
with open(RESULTS, newline="", encoding="utf-8") as _file:
    ROWS = list(csv.reader(_file))[:9]
NAMES = ROWS[0]


def as_csv(rows):
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode(errors="replace")


@st.composite
def results_csv(draw):
    """Draw results.csv with cells replaced, a column or row left out, or other bytes."""
    rows = [list(row) for row in ROWS]
    kind = draw(st.sampled_from(["cell", "cell", "cell", "column", "rows", "bytes"]))
    if kind == "bytes":
        return draw(harmed_bytes(as_csv(rows)))
    if kind == "rows":
        return as_csv(rows[: draw(st.integers(0, 3))] + rows[draw(st.integers(1, 9)) :])
    column = draw(st.integers(0, len(NAMES) - 1))
    if kind == "column":
        return as_csv([row[:column] + row[column + 1 :] for row in rows])
    text = draw(TEXTS | st.floats().map(str) | st.integers().map(str) | st.just("True"))
    for row in rows[1 : draw(st.sampled_from([2, len(rows)]))]:
        row[column] = text
    return as_csv(rows)


LIMIT = {
    "preset": "quick", "dataset": "photos", "model": "*", "chain": "none", "clusterer": "kmeans",
    "seeds": 3, "min_accuracy": 0.1, "accuracy_margin": 0.1, "max_loss": 1.0, "loss_margin": 0.1,
    "image_size": 32,
}  # fmt: skip


def fuzz_results(data, folder):
    path = folder / "results.csv"
    path.write_bytes(data.draw(results_csv()))

    def read():
        results = Results(records.read(path))
        for of_set in results.by_dataset().values():
            assert len(of_set.summary)
            of_set.best  # noqa: B018 - it is computed
            records.distinct_seconds(of_set.records, "reduce")
        gate.as_json(gate.judge([thresholds.Threshold(**LIMIT)], results))
        thresholds.update([], results)

    read_or_refused(read)


def fuzz_thresholds(data, folder):
    path = folder / "thresholds.toml"
    good = {"threshold": [LIMIT, LIMIT | {"model": "dnn"}]}
    path.write_bytes(data.draw(toml(good)))
    read_or_refused(lambda: gate.judge(thresholds.read(path), good_results()))


@st.composite
def toml(draw, good):
    """Draw TOML with values replaced or left out, or other bytes."""
    found = draw(harmed_json(good))
    other = draw(harmed_bytes(tomli_w.dumps(good).encode()))
    try:
        return tomli_w.dumps(found).encode(errors="replace")
    except (TypeError, ValueError, AttributeError, RecursionError):  # nothing that TOML can say
        return other


@functools.cache
def good_results():
    """The first rows of results that were not harmed."""
    with tempfile.TemporaryDirectory() as folder:
        found = Results(records.read(write(Path(folder) / "results.csv", as_csv(ROWS))))
    assert len(found.summary)  # is kept
    return found


GRID = {
    "preset": "quick", "dataset": "digits", "limit": 100, "models": ["pixels", "dnn(code=8)"],
    "reducers": ["pca5+tsne2(perplexity=9)"], "clusterers": ["gmm"], "baselines": False, "seeds": 2,
    "seed": 3, "epochs": 2, "lr": 0.1, "batch_size": 8, "threads": 1, "checkpoint": 3.5,
    "budget": "15m", "resamples": 1, "range": "0:1", "out": "results", "store": ".store",
}  # fmt: skip


def fuzz_settings(data, folder):
    path = folder / "grid.toml"
    path.write_bytes(data.draw(toml(GRID)))
    read_or_refused(lambda: resolve({}, path).to_toml())


VALUES_OF = {
    "train": {"history": [0.5, 0.25], "objective_is_loss": True},
    "checkpoint": {"epoch": 1, "batch": 2, "history": [0.5], "steps": 3, "kernels": {"a": "b"}},
    "encode": {"reconstruction_loss": 0.5, "code_loss": None, "code_size": 8},
    "reduce": {"notes": ["said"]},
    "score": {"accuracy": 0.5, "assignment": [[0, 1], [1, 0]]},
    "scan": {"counts": [2, 3], "knn_modularity": [0.5, 0.25]},
    "budget": {"epochs": 3},
    "images": {"count": 3, "digest": "d", "readable": [True, False]},
    "data": {"name": "digits", "sizes": {"32": [[["k", 3, "d"]], []]},
             "names": {"files": ["a"], "indices": [0], "source_count": 1, "validation_count": 0}},
}  # fmt: skip


def fuzz_manifest(data, folder):
    """The checksums fit what is there: somebody wrote it so."""
    stage = data.draw(st.sampled_from(sorted(VALUES_OF)))
    place = folder / stage / "k"
    if not place.exists():
        arrays = {"train": np.zeros((3, 2), np.float32)}
        Store(folder).save(stage, "k", arrays, VALUES_OF[stage], {"settings": {"model": "dnn"}})
    good = json.loads((place / MANIFEST).read_bytes())
    text = as_json(data.draw(harmed_json(good)))
    (place / MANIFEST).write_bytes(text)
    lines = (place / SUMS).read_text().splitlines()
    sums = [line for line in lines if not line.endswith(MANIFEST)]
    sums.append(f"{hashlib.sha256(text).hexdigest()}  {MANIFEST}")
    (place / SUMS).write_text("\n".join(sums))

    def read():
        found = Store(folder).load(stage, "k")
        found.arrays()
        for name in VALUES_OF[stage]:
            found.values[name]

    try:
        read_or_refused(read, DamagedError)
    finally:
        Store(folder).remove(stage, "k")


def fuzz_arrays(data, folder):
    Store(folder).save("encode", "k", {"train": np.zeros((3, 2), np.float32)}, {}, {})
    place = folder / "encode" / "k"
    name = data.draw(st.sampled_from([ARRAYS, MANIFEST, SUMS]))
    text = data.draw(harmed_bytes((place / name).read_bytes()))
    if name != MANIFEST:  # whose size is that of the arrays
        (place / name).write_bytes(text)
    if name == ARRAYS:
        manifest = json.loads((place / MANIFEST).read_bytes()) | {"bytes": len(text)}
        (place / MANIFEST).write_text(json.dumps(manifest))
        files = (ARRAYS, MANIFEST)
        sums = [f"{hashlib.sha256((place / n).read_bytes()).hexdigest()}  {n}\n" for n in files]
        (place / SUMS).write_text("".join(sums))
    try:
        read_or_refused(Store(folder).load("encode", "k").arrays, DamagedError)
    except DamagedError:
        pass
    finally:
        Store(folder).remove("encode", "k")


def fuzz_grids(data, folder):
    (folder / "grids").mkdir(exist_ok=True)
    good = {
        "out": str(folder / "results"),
        "artifacts": ["train/a", "score/b"],
        "grid": "seeds = 3",
    }
    text = as_json(data.draw(harmed_json(good)))
    (folder / "grids" / "one.json").write_bytes(text)

    def read():
        upkeep.prune(Store(folder), True, lambda *_: None)

    read_or_refused(read, StoreError)


def fuzz_correctness(data, folder):
    path = folder / correctness.FILE
    rows = good_results().records
    bits = np.packbits(np.ones(int(rows["images"].iloc[0]), bool))
    good = {
        "\n".join((*map(str, name), str(index))): bits
        for name, each in Results(rows).by_pipeline().items()
        for index in each["seed_index"]
    }
    if data.draw(st.booleans()):
        path.write_bytes(save(data.draw(harmed_arrays(good))))
    else:
        path.write_bytes(data.draw(harmed_bytes(save(good))))

    def read():
        for each in correctness.read(rows, path).values():
            each.values()

    read_or_refused(read)


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def fuzz_clusters(data, folder):
    path = folder / suggest.FILE
    rows = [[*suggest.COLUMNS], *(["dnn", "pca5", k, 0.5 + k / 100] for k in range(2, 6))]
    kind = data.draw(st.sampled_from(["cell", "cell", "column", "bytes"]))
    if kind == "bytes":
        path.write_bytes(data.draw(harmed_bytes(as_csv(rows))))
    else:
        column = data.draw(st.integers(0, 3))
        if kind == "cell":
            rows[data.draw(st.integers(0, 4))][column] = data.draw(TEXTS)
        else:
            rows = [row[:column] + row[column + 1 :] for row in rows]
        path.write_bytes(as_csv(rows))
    read_or_refused(lambda: suggest.choose(suggest.read(path)))


def timed(name, against):
    return {
        "group": "train", "name": f"test_{name}", "param": None, "stats": {"data": [0.5, 0.25]},
        "extra_info": {"rival": name, "against": against, "images_per_second": 3.5, "threads": 2,
                       "device_name": "cpu", "torch": "2", "peak_memory_mb": 9.0},
    }  # fmt: skip


def fuzz_speed(data, folder):
    good = {
        "machine_info": {"cpu": {"brand_raw": "a processor"}},
        "datetime": "2026-01-01T00:00:00",
        "benchmarks": [timed("naive", "naive"), timed("core", "naive")],
    }
    path = write(folder / "speed.json", as_json(data.draw(harmed_json(good))))
    old = speed.read(write(folder / "old.json", as_json(good)))

    def read():
        found = speed.read(path)
        speed_page.table(found)
        speed_page.page(found)
        speed_changes.table(speed_changes.compare(old, found, 0.1))
        speed_changes.compare(found, old, 0.1)

    read_or_refused(read)


def fuzz_bundle(data, folder):
    with zipfile.ZipFile(RELEASE_0 / "old.latentgrid") as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    manifest = json.loads(parts[format.MANIFEST])
    if data.draw(st.booleans()):
        manifest = data.draw(harmed_json(manifest))
    else:
        names = [n for n in parts if n != format.MANIFEST and load(parts[n])]
        name = data.draw(st.sampled_from(sorted(names)))
        parts[name] = save(data.draw(harmed_arrays(load(parts[name]))))
        manifest["parts"][name] = {
            "sha256": hashlib.sha256(parts[name]).hexdigest(),
            "size": len(parts[name]),
        }
    path = folder / "odd.latentgrid"
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in (parts | {format.MANIFEST: as_json(manifest)}).items():
            packed.writestr(name, content)
    images = np.zeros((2, 8, 8, 3), np.uint8)
    read_or_refused(lambda: Bundle.load(path).transform(images))


def fuzz_npy(data, folder):
    buffer = io.BytesIO()
    np.save(buffer, np.arange(3 * 8 * 8 * 3, dtype=np.uint8).reshape(3, 8, 8, 3))
    write(folder / "trainX.npy", data.draw(harmed_bytes(buffer.getvalue())))
    read_or_refused(lambda: load_dataset(f"npy:{folder}", clusters=2))


def fuzz_labels(data, folder):
    if not (folder / "trainX.npy").exists():
        images = np.arange(4 * 8 * 8, dtype=np.uint8).reshape(4, 8, 8)
        np.save(folder / "trainX.npy", images)
    text = data.draw(harmed_bytes(b"id,label\n0,a\n1,b\n2,a\n3,b\n"))
    path = write(folder / "labels.csv", text)
    read_or_refused(lambda: load_dataset(f"npy:{folder}", labels=str(path), clusters=2))


def fuzz_corrected(data, folder):
    good = as_json(CLUSTERS_FILE)
    harmed = as_json(data.draw(harmed_json(CLUSTERS_FILE)))
    path = write(folder / "clusters.json", data.draw(st.just(harmed) | harmed_bytes(good)))
    album, into = folder / "album", folder / "sorted"
    album.mkdir(exist_ok=True)
    for name in "ab":
        write(album / f"{name}.png", b"")
    points = np.arange(10, dtype=np.float32).reshape(5, 2)
    clusters = np.array([3, 3, 3, 3, 0])
    bundle = StandIn(points, clusters, [f"{name}.png" for name in "abcde"])

    def read():
        found = clusters_file.read(path)
        applying.apply(
            found, path, sort_into=into, images=album, skip_missing=True, table=folder / "t.csv"
        )
        list(applying.describe(found, path, None))
        Corrections(found, path, bundle).by_rule(points, clusters)

    read_or_refused(read)
    shutil.rmtree(into, ignore_errors=True)


TARGETS = {
    name.removeprefix("fuzz_"): target
    for name, target in list(globals().items())
    if name.startswith("fuzz_")
}


def run(target, folder, examples, number=None):
    """Try random contents; with a number, those that it stands for."""

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink] if number is None else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def check(data):
        target(data, folder)

    (check if number is None else seed(number)(check))()


@pytest.mark.parametrize("name", TARGETS)
def test_odd_content_is_read_or_refused(name, tmp_path):
    run(TARGETS[name], tmp_path, EXAMPLES)


@pytest.mark.soak
@pytest.mark.parametrize("name", TARGETS)
def test_odd_content_for_half_a_minute(name, tmp_path):
    number = first = int.from_bytes(os.urandom(4), "big")
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        run(TARGETS[name], tmp_path, 100, number)
        number += 1
    assert number > first


def test_every_stage_whose_values_are_typed_is_tried():
    others = {"cluster", "linear", "measure", "stability"}  # numbers, as those of encode
    assert set(VALUES_OF) | others == set(VALUES)


def test_a_column_of_records_has_a_type_if_it_holds_numbers():
    """A column that is newer than the types of record_columns must get one."""
    found = pd.read_csv(RESULTS)
    known = {*record_columns.ALWAYS, *record_columns.SOMETIMES}
    untyped = [
        name
        for name in found
        if pd.api.types.is_numeric_dtype(found[name])
        and found[name].notna().any()
        and name not in known
        and not name.endswith(tuple(record_columns.ENDINGS))
    ]
    assert untyped == ["limit"]  # a number or a word


def test_run_error_is_what_damage_ends_a_command_with():
    assert issubclass(DamagedError, RunError)
    assert str(DamagedError("train", "k", "why")).startswith("store: train k is damaged (why): ")
