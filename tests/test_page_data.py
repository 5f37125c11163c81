"""What the page's script is given: images, models, runs, charts, and where they are kept."""

import base64
import io
import json
import re
import shlex
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from bench.analysis.folder import open_grid
from bench.analysis.results import Results
from bench.base.naming import unique_names
from bench.base.processors import pool_of
from bench.contracts.material import make_images
from bench.datasets.dataset import load
from bench.planning import repeat
from bench.planning.settings import resolve
from bench.report.inputs import Inputs
from bench.report.page import assets, charts, embeddings, kept, models, render, shown, thumbnails
from bench.report.page.flat import FINE, fit, flat
from bench.report.page.nearest import MOST, nearest
from bench.report.page.sheets import SHEET, per_row, sheets
from bench.stages.metrics.centroid_ratio import ambiguities, centers
from bench.store import Store, StoreError
from bench.store.upkeep import prune, recorded
from tests.conftest import run_grid, run_module

COUNT, SEEDS, EDGE = 30, 2, 150  # images, seeds, pixels of the shorter side of an image
GRID = [
    *("--dataset", "folder:my images", "--models", "pixels,untrained-dnn", "--reducers"),
    *("pca2,pca5", "--seeds", SEEDS, "--no-null", "--no-baselines", "--image-size", 32),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A grid on files of which two have the same pixels, as a page shows it."""
    place = tmp_path_factory.mktemp("data")
    images, labels = make_images(COUNT)
    images[7] = images[3]
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        sub = place / "my images" / ("dark", "bright")[label]
        sub.mkdir(parents=True, exist_ok=True)
        large = Image.fromarray(image).resize((EDGE + 60, EDGE), Image.Resampling.NEAREST)
        large.save(sub / f"{number:02d}.png")
    done = run_grid(place, *GRID)
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture(scope="module")
def inputs(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        found = open_grid(folder / "results")
        dataset = replace(found.dataset, images=np.asarray(found.dataset.images))
    return Inputs(Results(found.records), dataset, Store(folder / ".store"), folder / "results")


@pytest.fixture
def at_home(folder, monkeypatch):
    """Paths are relative to where the grid was run."""
    monkeypatch.chdir(folder)


@pytest.fixture
def found(inputs, at_home):
    return embeddings.collect(inputs)


def data_of(page: Path) -> dict:
    text = page.read_text()
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])


def asset_of(page: Path, name: str) -> bytes:
    """Return an asset of a page, from where its script would take it."""
    text = page.read_text()
    folder = data_of(page)["folder"]
    if folder is None:
        inside = re.search(rf'class="asset" id="asset-{name}">([^<]*)</script>', text)
        return base64.b64decode(inside[1])
    sheet = page.parent / folder / f"{name}.webp"
    if sheet.is_file():
        return sheet.read_bytes()
    script = (page.parent / folder / f"{name}.js").read_text()
    return base64.b64decode(re.fullmatch(rf'latentgrid\.asset\("{name}","(.*)"\)\n', script)[1])


def run_of(content: bytes, count: int) -> dict:
    """Return the parts of a run's asset."""
    kinds = {"x": "<u2", "y": "<u2", "clusters": "<i2", "distance": "<u2", "ambiguity": "<u2"}
    assert len(content) == 10 * count
    parts = [content[2 * count * part : 2 * count * (part + 1)] for part in range(5)]
    pairs = zip(kinds.items(), parts, strict=True)
    return {name: np.frombuffer(part, kind) for (name, kind), part in pairs}


def neighbors_of(content: bytes, count: int, near: int) -> tuple:
    split = 2 * count * near
    indices = np.frombuffer(content[:split], "<u2").reshape(count, near)
    return indices, np.frombuffer(content[split:], "<f4").reshape(count, near)


def tiles_of(placed: dict, contents: list[bytes], count: int) -> np.ndarray:
    """Return the images of sheets, as a page cuts them out."""
    tile, columns = placed["tile"], placed["perRow"]
    found = []
    for content in contents:
        sheet = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
        assert max(sheet.shape[:2]) <= SHEET
        rows = len(sheet) // tile
        found += [
            sheet[row * tile : (row + 1) * tile, column * tile : (column + 1) * tile]
            for row in range(rows)
            for column in range(columns)
        ][: columns * columns]
    return np.stack(found[:count])


# ---- a page as it is written ----


def test_what_is_written_is_what_the_store_has(folder, inputs):
    page = folder / "results" / "index.html"
    data, records = data_of(page), inputs.results.records
    assert data["folder"] is None
    assert data["count"] == len(data["names"]) == COUNT
    assert data["key"] == render.made_from(page)
    assert data["dataset"] == {
        "name": "folder:my images",
        "fingerprint": inputs.dataset.fingerprint,
    }
    labels = np.frombuffer(asset_of(page, data["labels"]), "<i2")
    np.testing.assert_array_equal(labels, inputs.dataset.labels)
    assert [name.split("/")[0] for name in data["names"]] == [data["classes"][i] for i in labels]
    assert data["seeds"] == [0, 1]
    assert data["seed"] == inputs.results.best.seed_index
    assert [p["model"] for p in data["pipelines"]] == inputs.results.summary["model"].tolist()
    for pipeline in data["pipelines"]:
        key = tuple(pipeline[name] for name in ("model", "chain", "clusterer"))
        for _, record in inputs.results.rows(key).iterrows():
            run = pipeline["runs"][str(record["seed_index"])]
            parts = run_of(asset_of(page, run["asset"]), COUNT)
            clusters = inputs.store.load("cluster", record["cluster_artifacts"]).require("train")
            np.testing.assert_array_equal(parts["clusters"], clusters)
            assert run["numbers"] == [0, 1]
            assert run["assignment"] == json.loads(record["assignment"])
            reduced = record["reduce_artifacts"].split()[-1]
            points = inputs.store.load("reduce", reduced).require("train")
            distance, ambiguity = ambiguities(points, clusters, centers(points, clusters))
            np.testing.assert_allclose(parts["ambiguity"] / FINE, ambiguity, atol=1e-5)
            np.testing.assert_allclose(
                parts["distance"] / FINE, distance / distance.max(), atol=1e-5
            )
            if pipeline["chain"] == "pca2":
                placed = np.column_stack([parts["x"], parts["y"]]).astype(float)
                expected = np.linalg.norm(points[0] - points[1])
                scale = np.ptp(points, axis=0).max() / FINE
                assert np.linalg.norm(placed[0] - placed[1]) * scale == pytest.approx(
                    expected, rel=1e-3
                )
    assert set(data["models"]) == {"pixels", "untrained-dnn"} == set(records["model"])


def test_neighbors_are_the_nearest_in_the_codes(folder, inputs):
    page = folder / "results" / "index.html"
    data, record = data_of(page), inputs.results.done.iloc[-1]
    assert data["near"] == 12
    run = data["models"][record["model"]]["runs"][str(record["seed_index"])]
    indices, distances = neighbors_of(asset_of(page, run["neighbors"]), COUNT, 12)
    encoded = inputs.store.load("encode", record["encode_artifacts"])
    codes = encoded.require("train").astype(float)
    expected, positions = (
        NearestNeighbors(n_neighbors=13, algorithm="brute").fit(codes).kneighbors()
    )
    np.testing.assert_allclose(distances, expected[:, :12], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(np.sort(indices), np.sort(positions[:, :12]))
    errors = np.frombuffer(asset_of(page, run["errors"]), "<f4")
    np.testing.assert_array_equal(errors, encoded.require("errors"))
    assert ("neighbors", record["encode_artifacts"]) in inputs.store


def test_images_with_the_same_pixels_are_a_group(folder):
    data = data_of(folder / "results" / "index.html")
    (group,) = data["duplicates"]
    assert {Path(data["names"][image]).stem for image in group} == {"03", "07"}


def test_thumbnails_are_larger_than_what_models_see(folder, inputs):
    page = folder / "results" / "index.html"
    data = data_of(page)
    thumbs = data["thumbs"]
    assert thumbs["tile"] == 96
    tiles = tiles_of(thumbs, [asset_of(page, name) for name in thumbs["sheets"]], COUNT)
    for number, name in enumerate(data["names"]):
        original = Image.open(folder / "my images" / name)
        middle = original.crop((30, 0, 30 + EDGE, EDGE)).resize((96, 96), Image.Resampling.BILINEAR)
        assert np.abs(tiles[number].astype(float) - np.asarray(middle)).mean() < 12


def test_files_are_named_as_seen_from_the_page(folder):
    data = data_of(folder / "results" / "index.html")
    assert data["files"] == "../my%20images/"
    there = folder / "results" / unquote(data["files"])
    assert all((there / name).is_file() for name in data["names"])


def test_reconstructions_are_those_of_a_model(folder, inputs):
    page = folder / "results" / "index.html"
    data = data_of(page)
    assert data["models"]["pixels"]["reconstructions"]["sheets"] == []
    rebuilt = data["models"]["untrained-dnn"]["reconstructions"]
    assert rebuilt["seed"] == data["seed"]
    tiles = tiles_of(rebuilt, [asset_of(page, name) for name in rebuilt["sheets"]], COUNT)
    done = inputs.results.done
    of = done[(done["model"] == "untrained-dnn") & (done["seed_index"] == data["seed"])]
    encoded = inputs.store.load("encode", of["encode_artifacts"].iloc[0])
    expected = encoded.require("reconstructions")
    assert tiles.shape == expected.shape
    assert np.abs(tiles.astype(float) - expected).mean() < 12


def test_the_command_makes_the_run_again(folder, inputs):
    data = data_of(folder / "results" / "index.html")
    words = shlex.split(data["command"])
    assert words[:3] == ["python", "-m", "bench.grid"]
    assert "folder:my images" in words
    done = run_module("bench.grid", *words[3:], "--only-cached", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert ", 0 of" not in done.stdout
    assert data_of(folder / "results" / "index.html")["command"] == data["command"]


def test_pages_are_the_same_again_and_read_no_image_twice(folder, inputs, at_home, monkeypatch):
    before = (folder / "results" / "index.html").read_text()
    for make in ("sheets", "of_arrays"):
        monkeypatch.setattr(thumbnails, make, pytest.fail)
    monkeypatch.setattr(models, "nearest", pytest.fail)
    text, files = render.render(inputs, render.made_from(folder / "results" / "index.html"))
    assert (text, files) == (before, {})


def test_what_a_page_keeps_is_pruned_with_its_run(folder, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    store = Store(copy / ".store")
    (record,) = (copy / ".store" / "grids").iterdir()
    record.write_text(record.read_text().replace(str(folder), str(copy)))
    assert prune(store, False, lambda *_: None)[0] == 0
    assert len(list((copy / ".store" / "neighbors").iterdir())) == 3  # pixels, and two seeds
    shutil.rmtree(copy / "results")
    assert prune(store, False, lambda *_: None)[0] > 0
    for stage in ("neighbors", "rebuilt", "thumbnails"):
        assert list((copy / ".store" / stage).iterdir()) == []
    assert recorded(store) == {}


# ---- in a folder beside the page ----


def test_what_makes_a_page_too_large_is_in_a_folder(folder, inputs, at_home, tmp_path, monkeypatch):
    alone = folder / "results" / "index.html"
    out = tmp_path / "results"
    shutil.copytree(folder / "results", out)
    beside, page = replace(inputs, out=out), out / "index.html"
    monkeypatch.setattr(render, "MOST_BYTES", 50_000)
    render.write(beside, again=True)
    data, before = data_of(page), data_of(alone)
    assert data["folder"] == "index_files/"
    assert page.stat().st_size < alone.stat().st_size
    run, same = (each["pipelines"][0]["runs"]["0"]["asset"] for each in (data, before))
    assert asset_of(page, run) == asset_of(alone, same)
    sheet = data["thumbs"]["sheets"][0]
    assert asset_of(page, sheet) == asset_of(alone, sheet)
    assert all(
        re.fullmatch(r"[a-z0-9-]+\.(webp|js)", each.name)
        for each in (out / "index_files").iterdir()
    )
    # Current as long as it is whole.
    key = render.made_from(page)
    assert key is not None
    changed = page.read_text().replace("</html>", "<!-- kept --></html>")
    page.write_text(changed)
    render.write(beside)
    assert page.read_text() == changed
    (out / "index_files" / f"{sheet}.webp").unlink()
    assert render.made_from(page) is None
    render.write(beside)
    assert "<!-- kept -->" not in page.read_text()
    assert render.made_from(page) == key
    # What is not needed any more goes; what somebody else put there stays.
    (out / "index_files" / "notes.txt").write_text("mine")
    (out / "index_files" / f"{'0' * 24}.js").write_text("of an earlier page")
    monkeypatch.setattr(render, "MOST_BYTES", 30_000_000)
    render.write(beside, again=True)
    assert data_of(page)["folder"] is None
    assert [each.name for each in (out / "index_files").iterdir()] == ["notes.txt"]
    (out / "index_files" / "notes.txt").unlink()
    render.write(beside, again=True)
    assert not (out / "index_files").exists()


def test_no_file_is_written_through_a_link(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "index_files").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        assets.write(tmp_path / "index_files", {"a.js": b"1"})
    (tmp_path / "elsewhere" / f"{'0' * 24}.js").write_text("not ours")
    assets.remove(tmp_path / "index_files")
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1


def test_the_same_content_is_there_once():
    made = assets.Assets()
    one = made.array((np.arange(3), "<u2"), (np.ones(2), "<f4"))
    assert one == made.array((np.arange(3, dtype=float), "<u2"), (np.ones(2), "<f4"))
    assert base64.b64decode(made.inside[one]) == b"\0\0\1\0\2\0" + np.ones(2, "<f4").tobytes()
    assert made.room >= len(made.inside[one])


# ---- what there is room for ----


def test_of_many_images_evenly_spaced_ones_are_shown(inputs, at_home, monkeypatch):
    monkeypatch.setattr(shown, "MOST", 10)
    found = embeddings.collect(inputs)
    assert found.data["count"] == 10
    assert any("10 of 30 images are shown" in note for note in found.left_out)
    positions = shown.Shown.of(inputs.dataset).positions
    assert positions.tolist()[::9] == [0, COUNT - 1]
    run = next(iter(found.data["pipelines"][0]["runs"].values()))
    assert len(run_of(found.assets.arrays[run["asset"]], 10)["x"]) == 10
    assert found.data["models"]["pixels"]["runs"]["0"]["neighbors"] is None


def test_seeds_are_added_while_there_is_room(inputs, at_home, monkeypatch):
    # Four pipelines at a seed have 1,200 bytes, errors and neighbors of two models 4,560.
    monkeypatch.setattr(embeddings, "MOST_BYTES", 2 * (4 * 10 + 2 * 76) * COUNT)
    assert len(embeddings.collect(inputs).data["seeds"]) == 2
    monkeypatch.setattr(embeddings, "MOST_BYTES", 2 * (4 * 10 + 2 * 76) * COUNT - 1)
    found = embeddings.collect(inputs)
    assert found.data["seeds"] == [found.seed_index]
    assert "Embeddings are shown at 1 of 2 seeds." in found.left_out
    for pipeline in found.data["pipelines"]:
        assert list(pipeline["runs"]) == [str(found.seed_index)]


def test_a_page_has_room_for_so_many_pipelines():
    assert embeddings.pipelines_with_room(600) == embeddings.MOST_PIPELINES
    assert 10 < embeddings.pipelines_with_room(70_000) < embeddings.MOST_PIPELINES
    assert embeddings.pipelines_with_room(10**9) == 2


def test_a_model_without_room_for_reconstructions_is_named(inputs, at_home, monkeypatch):
    monkeypatch.setattr(models, "REBUILT_BYTES", 1)
    found = embeddings.collect(inputs)
    assert found.data["models"]["untrained-dnn"]["reconstructions"] is None
    assert any("reconstructions by untrained-dnn are left out" in each for each in found.left_out)


def test_a_seed_that_failed_is_missing(inputs, at_home):
    records = inputs.results.records.copy()
    gone = (records["model"] == "untrained-dnn") & (records["chain"] == "pca2")
    gone &= records["seed_index"] != inputs.results.best.seed_index
    records.loc[gone, "status"] = "failed"
    found = embeddings.collect(replace(inputs, results=Results(records)))
    missing = {
        (each["model"], each["chain"]): SEEDS - len(each["runs"])
        for each in found.data["pipelines"]
    }
    assert missing.pop(("untrained-dnn", "pca2")) == 1
    assert set(missing.values()) == {0}


def test_a_store_that_cannot_be_written_keeps_nothing(tmp_path):
    (tmp_path / "store").write_text("in the way")
    made = kept.kept(Store(tmp_path / "store"), "rebuilt", "a" * 40, (nearest,), lambda: {"a": 1})
    assert made == {"a": 1}


def test_what_is_kept_is_made_again_where_it_depends_on_something_else(tmp_path):
    store, key = Store(tmp_path), "a" * 40
    store.prepare()
    for near, expected in ((1, 1), (2, 2), (2, 2)):
        made = kept.kept(
            store, "rebuilt", key, (fit,), lambda n=near: {"a": np.array([n])}, near=near
        )
        assert made["a"] == expected
    path = store.path("rebuilt", key) / "arrays.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    made = kept.kept(store, "rebuilt", key, (fit,), lambda: {"a": np.array([3])}, near=2)
    assert made["a"] == 3


def test_what_is_kept_and_cannot_be_read_is_made_again(tmp_path, monkeypatch):
    store, key = Store(tmp_path), "a" * 40
    store.prepare()
    kept.kept(store, "rebuilt", key, (fit,), lambda: {"a": np.array([1])})

    def refused(*place):
        raise StoreError("no permission")

    monkeypatch.setattr(store, "load", refused)
    made = kept.kept(store, "rebuilt", key, (fit,), lambda: {"a": np.array([2])})
    assert made["a"] == 2


@given(st.lists(st.binary(max_size=5), min_size=1, max_size=4))
def test_files_are_joined_and_taken_apart(parts):
    assert kept.apart(kept.joined(parts)) == parts


# ---- the parts ----


@pytest.mark.parametrize(("count", "dimensions"), [(2, 3), (14, 3), (300, 1), (700, 40)])
def test_nearest_are_those_that_brute_force_finds(count, dimensions):
    random = np.random.default_rng(count)
    points = (100 + random.normal(size=(count, dimensions))).astype(np.float32)
    near = min(12, count - 1)
    found, distances = nearest(points, near)
    exact = NearestNeighbors(n_neighbors=near, algorithm="brute").fit(points.astype(float))
    expected, positions = exact.kneighbors()
    # Distances as such by differences: scikit-learn's are products of matrices as well.
    apart = np.linalg.norm(points[:, None].astype(float) - points[found], axis=2)
    np.testing.assert_allclose(distances, apart, rtol=1e-6)
    np.testing.assert_allclose(distances, expected, rtol=1e-5, atol=1e-5)
    same = (found == positions) | np.isclose(distances, expected, rtol=1e-5, atol=1e-5)
    assert same.all()
    assert (found != np.arange(count)[:, None]).all()


def test_of_points_at_one_place_the_first_are_the_nearest():
    count = 2 * MOST + 20
    points = np.repeat(np.random.default_rng(0).normal(size=(2, 7)), [count, 5], axis=0)
    found, distances = nearest(points.astype(np.float32), 12)
    assert found[0].tolist() == [*range(1, 13)]
    assert found[5].tolist() == [0, 1, 2, 3, 4, *range(6, 13)]
    assert found[count - 1].tolist() == [*range(12)]
    assert found[count + 1].tolist()[:5] == [count, count + 2, count + 3, count + 4, 0]
    assert not distances[: count - 1].any()


@settings(max_examples=30)
@given(st.integers(2, 40), st.integers(1, 5), st.integers(0, 3))
def test_nearest_of_points_on_a_lattice(count, dimensions, seed):
    """Many are at the same distance, where the order is that of the positions."""
    points = np.random.default_rng(seed).integers(0, 3, (count, dimensions)).astype(np.float32)
    near = min(12, count - 1)
    between = np.square(points[:, None] - points).sum(axis=2)
    np.fill_diagonal(between, np.inf)
    found, distances = nearest(points, near)
    np.testing.assert_array_equal(found, np.argsort(between, axis=1, kind="stable")[:, :near])
    np.testing.assert_allclose(distances**2, np.sort(between, axis=1)[:, :near], rtol=1e-6)


def test_images_come_back_from_sheets():
    images = make_images(70)[0]
    (content,) = sheets(70, 32, lambda some, pool: images[some])
    tiles = tiles_of({"tile": 32, "perRow": per_row(32)}, [content], 70).astype(float)
    for number in (0, 31, 32, 69):
        errors = [np.abs(tiles[number] - other).mean() for other in images]
        assert np.argmin(errors) == number
        assert min(errors) < 25
    most = per_row(32) ** 2
    assert (
        len(
            sheets(
                most + 1, 32, lambda some, _: np.resize(images, (some.stop - some.start, 32, 32, 3))
            )
        )
        == 2
    )


def test_small_images_come_back_as_they_are():
    images = make_images(9)[0][:, :8, :8]
    (content,) = sheets(9, 8, lambda some, pool: images[some])
    np.testing.assert_array_equal(tiles_of({"tile": 8, "perRow": per_row(8)}, [content], 9), images)


def test_arrays_are_shown_in_their_own_size():
    digits = load("digits", limit=12)
    images = shown.Shown.of(digits)
    assert thumbnails.tile_of(images) == 8  # the grid has them at 32
    with pool_of(1) as pool:
        tiles = digits.originals.at(8, slice(None), pool)
    gray = digits.originals.source.read(digits.indices)
    np.testing.assert_array_equal(tiles, gray)


def test_many_images_have_smaller_thumbnails(inputs, monkeypatch):
    monkeypatch.setattr(thumbnails, "MANY", COUNT - 1)
    assert thumbnails.tile_of(shown.Shown.of(inputs.dataset)) == thumbnails.TILE_OF_MANY


def test_a_file_that_is_gone_is_gray(folder, at_home, tmp_path):
    shutil.copytree(folder / "my images", tmp_path / "images")
    dataset = load(f"folder:{tmp_path / 'images'}")
    (tmp_path / "images" / dataset.files[1]).unlink()
    with pool_of(2) as pool:
        tiles = dataset.originals.at(16, slice(0, 2), pool)
    assert len(np.unique(tiles[0])) > 1
    assert np.unique(tiles[1]).tolist() == [128]


def test_names_are_unique():
    assert unique_names(["a", "b", "a", "a (2)", "a"]) == ["a", "b", "a (3)", "a (2)", "a (4)"]


def test_embeddings_keep_their_shape():
    placed = fit(np.array([[0.0, 0.0], [10.0, 5.0], [10.0, 0.0]]))
    assert placed.min() >= 0
    assert placed.max() <= FINE
    lengths = placed.max(axis=0) - placed.min(axis=0)
    assert lengths[0] == pytest.approx(2 * lengths[1], abs=2)


def test_embeddings_are_laid_flat_by_their_principal_components():
    random = np.random.default_rng(0)
    wide = (random.normal(size=(300, 7)) * [9, 5, 1, 1, 1, 1, 1] + 3).astype(np.float32)
    points, words = flat(wide)
    assert words == "first two principal components of 7 dimensions"
    expected = PCA(2, svd_solver="full").fit_transform(wide)
    np.testing.assert_allclose(abs(points), abs(expected), atol=1e-3)
    assert flat(wide[:, :2])[1] == "as embedded"
    assert flat(wide[:, :1])[0].shape == (300, 2)
    assert flat(np.zeros((5, 4), np.float32))[0].shape == (5, 2)


def test_charts_have_numbers_that_json_has():
    losses = pd.DataFrame(
        [("", "dnn", 1, 0.5, 0.4, 0.6), ("", "dnn", 2, np.inf, 0.4, 0.6)],
        columns=["images", "model", "epoch", "mean", "low", "high"],
    )
    times = pd.DataFrame(
        {"name": ["a", "b"], "mean": [0.5, 0.6], "seconds": [1.0, np.nan], "front": [True, False]}
    )
    results = Results(pd.DataFrame({"primary_metric": ["accuracy"]}))
    vars(results).update(compared=times, metric="accuracy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Results, "loss_marks", losses.iloc[:0].assign(name="", loss=0.0))
        found = charts.collect(results, losses)
    assert json.loads(json.dumps(found, allow_nan=False)) == {
        "score": "accuracy",
        "time": [{"name": "a", "mean": 0.5, "seconds": 1.0, "front": True}],
        "losses": [
            {"images": "", "model": "dnn", "epoch": 1, "mean": 0.5, "low": 0.4, "high": 0.6}
        ],
        "marks": [],
    }


# ---- the command ----


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"models": ["dnn", "cnn(code=32)"], "reducers": ["pca8+tsne2(perplexity=5)"], "seeds": 7},
        {"dataset": ["folder:a, b", "digits"], "lr": 1.5e-5, "null": False, "baselines": False},
        {"preset": "homework", "dataset": "photos", "limit": 50, "subsample_images": True},
        {"models": ["on(model=dnn)", "untrained-cnn", "pixels"], "reducers": ["none"]},
        {"dataset": "photos", "limit": "all", "out": "o", "store": "s t", "budget": "5m"},
        {"dataset": "digits", "clusters": 3, "image_size": 48, "background": "#00ff00"},
        {"lr": 1 / 3, "models": ["hand-crafted", "dnn", "cnn"], "baselines": False},
        {"preset": "best", "models": ["pixels"], "reducers": ["pca2"], "baselines": True},
    ],
)
def test_a_command_has_the_settings_that_it_was_made_from(asked, tmp_path):
    given = tomllib.loads(resolve(asked).to_toml())
    said = repeat.command(given)
    assert tomllib.loads(resolve(_read(said)).to_toml()) == given


def _read(command: str) -> dict:
    """Return the settings of a command line."""
    found: dict = {}
    words = shlex.split(command)[3:]
    while words:
        name = words.pop(0).removeprefix("--")
        if words and not words[0].startswith("--"):
            found[name.replace("-", "_")] = words.pop(0)
        else:
            found[name.removeprefix("no-").replace("-", "_")] = not name.startswith("no-")
    return found


def test_a_command_is_short_and_quoted():
    given = tomllib.loads(resolve({}).to_toml())
    assert repeat.command(given) == "python -m bench.grid"
    asked = {"dataset": "digits", "models": ["dnn"], "reducers": ["pca2"]}
    given = tomllib.loads(resolve(asked).to_toml())
    assert repeat.command(given) == (
        "python -m bench.grid --dataset digits --models dnn --reducers pca2"
    )
    odd = {"dataset": "folder:$(rm -rf x)'", "unknown": "; rm", "plugins": ["a b.py", "c.py"]}
    said = repeat.command(odd)
    assert shlex.split(said)[3:] == [
        *("--dataset", "folder:$(rm -rf x)'", "--plugin", "a b.py", "--plugin", "c.py")
    ]
