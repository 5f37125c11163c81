"""Bundles: every chain and clusterer restored; images of users; what is refused."""

import shutil
import tomllib

import numpy as np
import pytest
import tomli_w
from PIL import Image
from sklearn.metrics import adjusted_rand_score

from bench import export_bundle, load_bundle
from bench.analysis.folder import open_grid
from bench.analysis.results import PIPELINE
from bench.base.errors import UsageError
from bench.bundle import format, making
from bench.bundle.bundle import Bundle
from bench.bundle.choosing import choose
from bench.bundle.transform import majority, weighted_mean
from tests.bundles import BY, NEW, TRAINED, make_grid


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    return make_grid(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The same images under a model that trains and reconstructs."""
    return make_grid(
        tmp_path_factory.mktemp("trained"), models="dnn(code=8)", reducers="none,kpca6",
        clusterers="kmeans,agglomerative",
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(trained):
    return trained.out.parent


@pytest.fixture(scope="module")
def bundle(trained, folder):
    """A bundle that places by what it found, on disk and read back."""
    settings = {"results": trained.out, "store": trained.store.root}
    export_bundle(folder / "b.latentgrid", "dnn(code=8), none", **settings)
    return load_bundle(folder / "b.latentgrid")


def refused(message, call, *arguments, **settings):
    with pytest.raises(UsageError, match=message) as error:
        call(*arguments, **settings)
    assert "\n" not in str(error.value)


def new_files(folder):
    return sorted((folder / "new").glob("*.png"))


def test_every_cell_was_finished(grid):
    assert (grid.records["status"] == "ok").all()
    assert len(grid.records) == 9 * len(BY.split(","))


def test_seen_images_land_where_they_were_in_every_cell(grid, tmp_path):
    """Whatever the chain: t-SNE, UMAP, spectral, HDBSCAN; by the file, and not by the memory."""
    for _, record in grid.records.iterrows():
        path = tmp_path / "every.latentgrid"
        format.write(path, making.make(grid, record))
        made = Bundle.load(path)
        found = made.transform(grid.dataset.images)
        kept = grid.store.load("cluster", record["cluster_artifacts"]).require("train")
        last = grid.store.load("reduce", record["reduce_artifacts"].split()[-1]).require("train")
        assert found.seen.all()
        assert np.isnan(found.errors).all()
        np.testing.assert_array_equal(found.clusters, kept)
        np.testing.assert_array_equal(found.embedding, last)


def test_images_that_were_not_seen_land_beside_those_that_they_are_like(grid):
    """Whatever places them."""
    nearly = grid.dataset.images.copy()
    nearly[:, 0, 0] ^= 1
    for _, record in grid.records.iterrows():
        made = Bundle(making.make(grid, record))
        found = made.transform(nearly)
        assert not found.seen.any()
        kept = grid.store.load("cluster", record["cluster_artifacts"]).require("train")
        assert adjusted_rand_score(found.clusters, kept) > 0.5, record["chain"]


def test_it_says_what_cannot_place_unseen_images(grid):
    def notes(cell):
        return Bundle(making.make(grid, choose(grid.records, cell).record)).notes

    assert notes("histogram, none") == []
    assert notes("histogram, pca8+spectral2 -> hdbscan") == [
        "spectral2 cannot transform unseen images; they get the weighted mean and the cluster of "
        "their 5 nearest training images in pca8 (of 8 dimensions)"
    ]
    (note,) = notes("histogram, kpca6 -> hdbscan")
    assert note.startswith("hdbscan cannot predict the clusters of unseen images; they join")
    (note,) = notes("histogram, none -> hdbscan")
    assert "in the codes (of 64 dimensions)" in note


def test_a_bundle_carries_points_only_where_they_are_needed(grid):
    def spaces(cell):
        made = making.make(grid, choose(grid.records, cell).record)
        return sorted(name for name in made.parts["training"] if name.startswith("space"))

    assert spaces("histogram, svd8+normalize") == ["space.2"]
    assert spaces("histogram, pca8+tsne2(perplexity=10)") == ["space.1", "space.2"]
    assert spaces("histogram, pca8+spectral2") == ["space.1", "space.2"]
    assert spaces("histogram, kpca6") == ["space.0", "space.1"]


def test_the_same_cell_makes_the_same_file(grid, tmp_path):
    record = choose(grid.records, "histogram, ica4").record
    files = [tmp_path / "one.latentgrid", tmp_path / "two.latentgrid"]
    for file in files:
        format.write(file, making.make(grid, record))
    assert files[0].read_bytes() == files[1].read_bytes()


def test_arrays_and_files_of_any_size_are_the_same_images(bundle, folder):
    files = new_files(folder)
    from PIL import Image

    gray = np.stack([np.asarray(Image.open(file)) for file in files])
    rgb = np.repeat(gray[..., None], 3, axis=-1)
    found = bundle.transform(files)
    assert found.embedding.dtype == np.float32
    assert found.clusters.dtype == np.int64
    assert ((found.ambiguity >= 0) & (found.ambiguity <= 1)).all()
    for images in (gray, rgb, list(map(str, files))):
        np.testing.assert_array_equal(bundle.assign(images), found.clusters)
        np.testing.assert_array_equal(bundle.embed(images), found.embedding)
        np.testing.assert_array_equal(bundle.ambiguities(images), found.ambiguity)
    assert bundle.encode(gray).shape == (NEW, 8)


def test_no_image_is_no_work(bundle):
    none = np.empty((0, 20, 20), np.uint8)
    assert bundle.encode(none).shape == (0, 8)
    assert bundle.embed([]).shape == (0, 8)
    assert bundle.assign(none).shape == (0,)


def test_an_image_lies_where_it_lies_alone(bundle, folder):
    files = new_files(folder)[:5]
    together = bundle.embed(files)
    alone = np.concatenate([bundle.embed([file]) for file in files])
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_progress_reaches_its_end(bundle, folder):
    told = []
    bundle.transform(new_files(folder), lambda *step: told.append(step))
    assert told[-1] == ("assigning images", NEW, NEW)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 8, 8), np.float32), "images must be uint8, 0 to 255, found float32"),
        (np.zeros((32, 32, 3), np.uint8), r"looks like one image in color: give images\[None\]"),
        (np.zeros((2, 8, 8, 4), np.uint8), r"shape \(n, H, W\) or \(n, H, W, 3\), found"),
        (np.zeros((2, 0, 8), np.uint8), "images must have shape"),
        (np.zeros(9, np.uint8), "images must have shape"),
        ("a.png", "an array or a list of files, found 'a.png'"),
        ([np.zeros((8, 8), np.uint8)], "an array or a list of files, found ndarray"),
        ((p for p in ["a.png"]), "an array or a list of files, found generator"),
        ({"a.png"}, "an array or a list of files, found set"),
        (5, "an array or a list of files, found int"),
        (None, "an array or a list of files, found NoneType"),
        (["nowhere.png"], "cannot read nowhere.png as an image"),
    ],
)
def test_what_is_no_images_is_refused(bundle, images, message):
    refused(message, bundle.assign, images)


def test_of_equal_images_the_first_counts(grid):
    record = choose(grid.records, "histogram, none").record
    contents = making.make(grid, record)
    training = contents.parts["training"]
    training["digests"] = training["digests"].copy()
    training["digests"][7] = training["digests"][3]
    made = Bundle(contents)
    assert made.assign(grid.dataset.images[3:4]) == training["clusters"][3]


def test_it_names_clusters_by_their_majority(bundle, trained):
    assert set(bundle.names) == set(bundle.clusters) - {-1}
    assert {name for name, _ in bundle.names.values()} <= {*map(str, range(10)), "mixed"}
    for cluster, (name, share) in bundle.names.items():
        labels = trained.dataset.labels[bundle.pipeline.clusters == cluster]
        most = np.bincount(labels).argmax()
        assert share == (labels == most).mean()
        assert name == (trained.dataset.class_names[most] if share >= 0.5 else "mixed")


def change(contents, **changes):
    return format.Contents(contents.manifest.model_copy(update=changes), contents.parts)


def test_another_model_than_the_bundles_is_refused(trained):
    made = making.make(trained, choose(trained.records, "dnn(code=8), none").record)
    made.parts["check"]["codes"] = made.parts["check"]["codes"] + 1
    refused("installed here gives other codes than the one", Bundle, made)
    made = making.make(trained, choose(trained.records, "dnn(code=8), none").record)
    other = change(made, model=made.manifest.model.model_copy(update={"text": "dnn(code=9)"}))
    refused(r"do not fit the model dnn\(code=9\)", Bundle, other)


def test_what_is_not_registered_here_is_refused(trained):
    made = making.make(trained, choose(trained.records, "dnn(code=8), kpca6").record)
    model = made.manifest.model.model_copy(update={"text": "mine"})
    refused("unknown model 'mine'.*needs --plugin FILE", Bundle, change(made, model=model))
    link = made.manifest.links[0].model_copy(update={"text": "mine6"})
    refused("unknown reducer 'mine'.*needs --plugin FILE", Bundle, change(made, links=(link,)))
    by = made.manifest.clusterer.model_copy(update={"text": "mine"})
    refused("unknown clusterer 'mine'.*needs --plugin FILE", Bundle, change(made, clusterer=by))


@pytest.mark.parametrize(
    ("part", "name", "array", "message"),
    [
        ("training", "digests", None, "has no array digests"),
        ("training", "clusters", np.zeros(3, np.int64), r"array clusters is int64 \(3,\), needed"),
        ("training", "clusters", np.full(TRAINED, -2), "a cluster -2, needed -1 or more"),
        ("training", "space.0", np.full((TRAINED, 8), np.nan, np.float32), "not finite"),
        ("training", "space.1", np.zeros((TRAINED, 6)), "float64"),
        ("check", "images", np.zeros((0, 32, 32, 3), np.uint8), "array images"),
        ("check", "codes", np.zeros((9, 8), np.float32), "array codes"),
        ("training", "more", np.zeros(1, np.float32), "array more, which nothing reads"),
        ("fitted", "clusterer.centers", np.full((10, 6), np.nan, np.float32), "not finite"),
        ("fitted", "0.means", None, "kpca6 cannot be restored from the bundle: KeyError"),
        ("fitted", "clusterer.centers", None, "kmeans cannot be restored from the bundle"),
    ],
)
def test_arrays_that_are_not_as_they_should_be_are_refused(trained, part, name, array, message):
    made = making.make(trained, choose(trained.records, "dnn(code=8), kpca6").record)
    if array is None:
        del made.parts[part][name]
    else:
        made.parts[part][name] = array
    refused(message, Bundle, made)


def test_what_cannot_place_images_is_one_line(trained):
    made = making.make(trained, choose(trained.records, "dnn(code=8), kpca6").record)
    made.parts["fitted"]["clusterer.centers"] = np.zeros((2, 3), np.float32)
    images = np.zeros((1, 32, 32, 3), np.uint8)
    refused("chain kpca6 cannot transform images: ValueError", Bundle(made).assign, images)


def test_results_that_are_gone_say_what_to_do(grid, tmp_path):
    refused("is no longer in the store .*: run the grid again", export_bundle,
            tmp_path / "c", results=grid.out, store=tmp_path / "empty")  # fmt: skip
    record = choose(grid.records, "histogram, ica4").record
    artifact = grid.store.path("reduce", record["reduce_artifacts"]) / "arrays.safetensors"
    whole = artifact.read_bytes()
    artifact.write_bytes(whole[:-1] + b"\0")
    try:
        refused("the artifact of reduce is damaged", making.make,
                open_grid(grid.out, grid.store.root), record)  # fmt: skip
    finally:
        artifact.write_bytes(whole)


def test_paths_that_are_relative_to_another_place_say_so(grid, tmp_path, monkeypatch):
    hint = rf"\(paths in {tmp_path / 'grid.toml'} are relative to where the grid was run\)"
    shutil.copy(grid.out / "results.csv", tmp_path)
    settings = tomllib.loads((grid.out / "grid.toml").read_text())
    monkeypatch.chdir(tmp_path)

    def write(**changes):
        (tmp_path / "grid.toml").write_text(tomli_w.dumps(settings | changes))

    write(dataset=["folder:flat"])
    refused(f"no such folder: flat {hint}$", open_grid, tmp_path)
    (tmp_path / "flat").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "flat" / "other.png")
    refused(f".* {hint}$", open_grid, tmp_path)  # another folder of that name
    write(dataset=["folder:/nowhere/flat"])
    refused("no such folder: /nowhere/flat$", open_grid, tmp_path)
    write(store=".store")
    refused(rf"no longer in the store .store {hint}: run", export_bundle, "c", results=tmp_path)
    refused(
        "no longer in the store other: run", export_bundle, "c", results=tmp_path, store="other"
    )


def test_results_of_another_version_say_what_to_do(grid, monkeypatch):
    record = choose(grid.records, "histogram, ica4").record
    monkeypatch.setattr(making.keys, "source", lambda *items: "another")
    refused("another version of ICA than is installed", making.make, grid, record)


@pytest.mark.parametrize(
    ("written", "chain", "clusterer"),
    [
        ("histogram, kpca6", "kpca6", "kmeans"),
        ("histogram with kpca6", "kpca6", "kmeans"),
        (" histogram ,kpca6 -> kmeans", "kpca6", "kmeans"),
        ("histogram, kpca6->hdbscan", "kpca6", "hdbscan"),
        ("histogram, kpca6 → gmm( covariance = diag )", "kpca6", "gmm(covariance=diag)"),
        ("histogram, pca8 + tsne2(perplexity=10)", "pca8+tsne2(perplexity=10)", "kmeans"),
    ],
)
def test_cells_are_named_as_tables_name_them(grid, written, chain, clusterer):
    record = choose(grid.records, written).record
    assert record[PIPELINE].tolist() == ["histogram", chain, clusterer]


@pytest.mark.parametrize(
    ("cell", "seed", "message"),
    [
        ("histogam, kpca6", None, "did you mean 'histogram, kpca6'"),
        ("histogram, kpca7", None, "no pipeline 'histogram, kpca7': did you mean"),
        ("histogram", None, "no pipeline 'histogram'"),
        ("histogram, (", None, "no pipeline"),
        ("", None, "no pipeline ''"),
        ("histogram, kpca6", 4, "histogram, kpca6 has no seed 4: it has 0"),
    ],
)
def test_cells_that_are_not_there_are_refused(grid, cell, seed, message):
    refused(message, choose, grid.records, cell, seed)


def test_cells_that_were_not_finished_are_refused(grid):
    records = grid.records.copy()
    records["status"] = "failed"
    records["failed_stage"], records["error"] = "train", "no luck"
    refused(r"failed at train \(no luck\)", choose, records, "histogram, kpca6")
    why = f"none was finished: see {grid.out / 'results.md'}$"
    refused(why, choose, records, None, None, grid.out)
    records["status"], records["skip_reason"] = "skipped", "too few"
    refused(r"it was skipped \(too few\)", choose, records, "histogram, kpca6")


def test_the_median_seed_stands_for_a_cell(grid):
    rows = grid.records[grid.records["chain"] == "kpca6"].iloc[:1]
    three = rows.loc[rows.index.repeat(3)].reset_index(drop=True).astype(object)
    three["seed_index"], three["accuracy"] = [0, 1, 2], [0.1, 0.3, 0.2]
    three.loc[1, "status"] = "failed"
    three.loc[1, ["failed_stage", "error"]] = ["train", "no luck"]
    assert choose(three, "histogram, kpca6").why == "seed 0, the median of 2"
    assert choose(three, "histogram, kpca6", 2).why == "seed 2"
    refused("seed 1: it failed at train", choose, three, "histogram, kpca6", 1)


def test_neighbors_stand_for_what_cannot_be_placed():
    far = np.array([[1.0, 2.0, 2.0], [0.0, 0.0, 5.0]])
    which = np.array([[0, 1, 2], [1, 2, 0]])
    embedding = np.array([[0.0], [4.0], [8.0]], np.float32)
    np.testing.assert_allclose(weighted_mean(embedding, far, which), [[3.0], [6.0]])
    clusters = np.array([7, -1, -1, 2])
    assert majority(clusters, np.array([[0, 1, 2], [3, 0, 1], [1, 0, 3]])).tolist() == [-1, 2, -1]
