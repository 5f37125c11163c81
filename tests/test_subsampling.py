"""Every seed on its own random half of the images, the same for every pipeline."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis import correctness
from bench.analysis.folder import open_grid
from bench.analysis.results import Results
from bench.base.errors import UsageError
from bench.base.seeds import derive
from bench.bundle.bundle import Bundle
from bench.bundle.making import export
from bench.datasets import pieces
from bench.datasets.dataset import load
from bench.datasets.pieces import Subset
from bench.planning.plan import plan
from bench.planning.settings import resolve
from bench.report.inputs import Inputs
from bench.report.page import embeddings
from bench.stages.metrics import clustering
from bench.store import Store
from bench.store.images import describe, image_sets
from tests.bundles import write_digits
from tests.conftest import HANGING, ROOT, refused, run_grid, run_grid_process, run_module
from tests.test_image_sizes import pieces_of
from tests.test_report import record

DIGITS, HALF, SEEDS = 121, 61, 3
GRID = [
    *("--dataset", "folder:digits", "--models", "pixels,untrained-dnn", "--reducers", "pca6"),
    *("--clusterers", "kmeans,agglomerative", "--seeds", SEEDS, "--resamples", 1, "--null"),
    *("--image-size", 32, "--no-baselines", "--subsample-images"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A grid on files of digits, a half for each seed."""
    place = tmp_path_factory.mktemp("halves")
    write_digits(place / "digits", slice(0, DIGITS), nested=True)
    done = run_grid(place, *GRID)
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture(scope="module")
def grid(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        found = open_grid(folder / "results")
        np.asarray(found.dataset.images)  # decoded, or read, while the folder is known
        return replace(found, store=Store(folder / ".store"))


def runs(grid):
    return [row for _, row in grid.records.iterrows()]


# The halves


def test_a_half_is_the_same_for_a_seed_and_differs_between_seeds():
    whole = load("digits", limit=301, seed=5, halves=True)
    halves = [whole.of_seed(seed) for seed in range(4)]
    assert all(len(half) == whole.images_per_seed == 151 for half in halves)
    again = load("digits", limit=301, seed=5, halves=True).of_seed(2)
    np.testing.assert_array_equal(again.positions, halves[2].positions)
    assert again.artifact == halves[2].artifact
    assert len({half.fingerprint for half in halves}) == 4
    for one, other in itertools.pairwise(halves):
        # Two halves share half of their images, up to chance.
        assert 50 < len(np.intersect1d(one.positions, other.positions)) < 100
    other_base = load("digits", limit=301, seed=6, halves=True).of_seed(2)
    assert other_base.fingerprint != halves[2].fingerprint


def test_a_half_holds_its_images_of_the_whole():
    whole = load("digits", limit=200, halves=True)
    half = whole.of_seed(1)
    chosen = half.positions
    assert (np.diff(chosen) > 0).all()
    np.testing.assert_array_equal(np.asarray(half.images), whole.images[chosen])
    np.testing.assert_array_equal(half.labels, whole.labels[chosen])
    np.testing.assert_array_equal(half.indices, whole.indices[chosen])
    np.testing.assert_array_equal(half.images[np.array([3, 0])], whole.images[chosen[[3, 0]]])
    assert (half.clusters, half.class_names) == (whole.clusters, whole.class_names)
    counts = np.bincount(whole.labels)
    assert (np.abs(np.bincount(half.labels) - counts / 2) <= 1).all()  # stratified


def test_without_the_option_a_seed_has_the_data_set_itself():
    whole = load("digits", limit=60)
    assert whole.of_seed(3) is whole
    assert "positions" not in describe(whole)


def test_validation_images_are_the_same_in_every_half(npy_folder):
    whole = load(f"npy:{npy_folder}", halves=True, own_sizes=(16,))
    half = whole.of_seed(0)
    np.testing.assert_array_equal(half.validation_images, whole.validation_images)
    np.testing.assert_array_equal(half.validation_labels, whole.validation_labels)
    assert half.names.validation_count == 20
    train, held_out = half.sizes[16]
    np.testing.assert_array_equal(np.asarray(train), whole.sizes[16][0][half.positions])
    assert len(held_out) == 20
    sizes = {size: half.fingerprints(size)["images"] for size in (32, 16)}
    assert len({*sizes.values(), whole.fingerprint, whole.sizes[16][0].fingerprint}) == 4


def test_unlabeled_images_are_halved_at_random(tmp_path):
    write_digits(tmp_path / "flat", slice(0, 41))
    whole = load(f"folder:{tmp_path / 'flat'}", clusters=3, halves=True)
    half = whole.of_seed(0)
    assert half.labels is None
    assert len(set(half.files)) == 21
    assert list(half.files) == [whole.files[i] for i in half.positions]


@given(
    st.lists(st.integers(0, 22), unique=True, min_size=1),
    st.lists(st.integers(0, 100)),
    st.integers(1, 7),
)
def test_a_subset_of_images_in_pieces_is_read_as_an_array(chosen, which, length):
    images = np.random.default_rng(0).integers(0, 256, (23, 8, 8, 3)).astype(np.uint8)
    positions = np.array(chosen, np.int64)
    found, expected = Subset(pieces_of(images, 5), positions), images[positions]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "piece_length", lambda size: length)
        assert found.shape == expected.shape
        assert found.nbytes == expected.nbytes
        np.testing.assert_array_equal(np.asarray(found), expected)
        starts = [start for start, _ in found.arrays()]
        assert starts == list(range(0, len(expected), length))
    some = np.array(which, np.int64) % len(expected)
    np.testing.assert_array_equal(found[some], expected[some])
    np.testing.assert_array_equal(found[1:3], expected[1:3])


# The plan


def planned(**settings):
    flags = {"models": "pixels,untrained-dnn,dnn", "reducers": "none,pca5", "seeds": 2}
    flags |= {"clusterers": "kmeans,agglomerative", "limit": 120, "null": True, "resamples": 1}
    flags |= {"dataset": "digits", "baselines": False, "threads": 1, "device": "cpu"} | settings
    spec = resolve(flags)
    whole = load("digits", limit=120, halves=spec.subsample_images)
    return plan(spec, whole), whole


def test_all_pipelines_of_a_seed_are_on_the_same_half():
    made, whole = planned(subsample_images=True)
    for seed in range(2):
        half = whole.of_seed(seed)
        of_seed = [run for run in made.runs if run.seed_index == seed]
        assert len(of_seed) == 12
        tasks = [task for run in of_seed for task in (*run.tasks, *run.resamples)]
        assert {task.data for task in tasks if task.key_inputs["data"]} == {half.artifact}
        assert {task.samples for task in tasks} == {60}
        for name, fingerprint in half.fingerprints(32).items():
            found = {task.key_inputs["data"].get(name, fingerprint) for task in tasks}
            assert found == {fingerprint}
    # Null references are those of the codes of each seed.
    for run in made.runs:
        null = [task for task in run.null if task.stage == "null"]
        assert {key for task in null for _, key in task.parents} == {run.task("encode").key}
    draws = [task for task in made.tasks.values() if task.stage == "resample"]
    assert {task.settings["images"] for task in draws} == {60}


def test_without_the_option_no_task_knows_of_it():
    made, whole = planned()
    expected = whole.fingerprints(32)
    for task in made.tasks.values():
        assert task.data == ""
        assert task.samples == 120
        assert task.key_inputs["data"].items() <= expected.items()
    assert made.tasks.keys() == planned(subsample_images=False)[0].tasks.keys()


def test_a_stage_has_the_key_that_it_has_on_such_a_data_set():
    """A half is a data set as any other: nothing but its images and labels is in the keys."""
    made, whole = planned(subsample_images=True, seeds=1, null=False)
    half = whole.of_seed(0)
    alone = plan(made.spec.model_copy(update={"subsample_images": False}), half)
    assert alone.tasks.keys() == made.tasks.keys()


# A whole run


def test_a_pipeline_without_a_seed_differs_between_halves(grid):
    still = grid.records[
        (grid.records["model"] == "pixels") & (grid.records["clusterer"] == "agglomerative")
    ]
    assert still["cluster_artifacts"].nunique() == SEEDS
    row = Results(grid.records).row(("pixels", "pca6", "agglomerative"))
    assert row["accuracy_std"] == pytest.approx(still["accuracy"].std())


def test_correctness_is_that_of_the_right_images(grid, folder):
    """Recomputed from the clusters in the store and the names of all files."""
    found = correctness.read(grid.records, folder / "results" / correctness.FILE)
    truth = np.array([grid.dataset.class_names[i] for i in grid.dataset.labels])
    assert len(found) == 4
    for row in runs(grid):
        each = found[row["model"], row["chain"], row["clusterer"]]
        seed = row["seed_index"]
        clusters = grid.store.load("cluster", row["cluster_artifacts"]).require("train")
        assigned = {
            cluster: grid.dataset.class_names[label]
            for cluster, label in json.loads(row["assignment"])
        }
        positions = each.images[seed]
        assert len(positions) == len(clusters) == HALF
        right = [
            assigned[cluster] == truth[position]
            for cluster, position in zip(clusters, positions, strict=True)
        ]
        np.testing.assert_array_equal(each.by_seed[seed], right)
        assert np.mean(right) == row["accuracy"]
        np.testing.assert_array_equal(positions, grid.dataset.of_seed(seed).positions)


def test_an_image_is_public_in_every_seed_or_in_none(grid):
    whole = grid.dataset
    public = clustering.public_half(whole.labels)
    for row in runs(grid):
        half = whole.of_seed(row["seed_index"])
        clusters = grid.store.load("cluster", row["cluster_artifacts"]).require("train")
        shown = public[half.positions]
        assignment = clustering.assign(clusters[shown], half.labels[shown])
        for metric, chosen in (("public_accuracy", shown), ("private_accuracy", ~shown)):
            right = [
                assignment.get(c) == label
                for c, label in zip(clusters[chosen], half.labels[chosen], strict=True)
            ]
            assert row[metric] == np.mean(right)


def test_assignments_are_those_of_the_median_seeds_files(grid, folder):
    results = Results(grid.records)
    rows = results.rows(results.best.pipeline)
    row = rows[rows["seed_index"] == results.best.seed_index].iloc[0]
    written = pd.read_csv(folder / "results" / "assignments.csv", dtype=str)
    half = grid.dataset.of_seed(results.best.seed_index)
    assert written["image"].tolist() == list(half.files)
    label = written["image"].str.split("/").str[-2]  # the folder
    assert written["true_label"].tolist() == label.tolist()
    assigned = {str(cluster): str(name) for cluster, name in json.loads(row["assignment"])}
    classes = dict(enumerate(half.class_names))
    found = written["cluster"].map({c: classes[int(name)] for c, name in assigned.items()})
    assert (found == label).mean() == pytest.approx(row["accuracy"])


def test_the_page_shows_all_images_and_each_seeds_half(grid, folder, monkeypatch):
    monkeypatch.chdir(folder)
    inputs = Inputs(Results(grid.records), grid.dataset, grid.store, grid.out)
    found = embeddings.collect(inputs)
    assert found.data["names"] == list(grid.dataset.files)
    assert found.data["seeds"] == [*range(SEEDS)]
    for pipeline in found.data["pipelines"]:
        key = (pipeline["model"], pipeline["chain"], pipeline["clusterer"])
        for _, row in inputs.results.rows(key).iterrows():
            seed = row["seed_index"]
            half = grid.dataset.of_seed(seed).positions
            content = found.assets.arrays[pipeline["runs"][str(seed)]["asset"]]
            shown = np.frombuffer(content, "<i2")[2 * DIGITS : 3 * DIGITS]
            clusters = grid.store.load("cluster", row["cluster_artifacts"]).require("train")
            np.testing.assert_array_equal(shown[half], clusters)
            assert np.flatnonzero(shown == -(2**15)).tolist() == sorted(
                set(range(DIGITS)) - {*half}
            )
    run = found.data["models"]["untrained-dnn"]["runs"]["1"]
    half = grid.dataset.of_seed(1).positions
    near = np.frombuffer(found.assets.arrays[run["neighbors"]][: 24 * DIGITS], "<u2")
    assert np.isin(near.reshape(DIGITS, 12)[half], half).all()
    errors = np.frombuffer(found.assets.arrays[run["errors"]], "<f4")
    assert np.flatnonzero(~np.isnan(errors)).tolist() == half.tolist()
    assert len(found.data["models"]["untrained-dnn"]["reconstructions"]["sheets"]) == 1


def test_the_report_says_how_many_images_a_seed_has(folder):
    text = (folder / "results" / "results.md").read_text()
    assert f"Images: {DIGITS}, brought to 32×32 pixels" in text
    assert f"Each seed is on its own random half of them ({HALF}), the same for every" in text
    assert "over seeds, each with its own images" in text
    assert "nothing is concluded about other images" not in text
    again = run_module("bench.report", "results", cwd=folder)
    assert again.returncode == 0, again.stderr
    assert (folder / "results" / "results.md").read_text() == text


def test_a_bundle_holds_the_images_of_its_seed(grid, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    export("untrained-dnn, pca6", tmp_path / "b", folder / "results", seed_index=1)
    half = grid.dataset.of_seed(1)
    bundle = Bundle.load(tmp_path / "b")
    assert bundle.manifest.data.images == HALF
    chosen = grid.records[
        (grid.records["model"] == "untrained-dnn")
        & (grid.records["clusterer"] == "kmeans")
        & (grid.records["seed_index"] == 1)
    ].iloc[0]
    clusters = grid.store.load("cluster", chosen["cluster_artifacts"]).require("train")
    np.testing.assert_array_equal(bundle.assign(np.asarray(half.images)), clusters)
    # The page, and so clusters.json, has the names and the fingerprint of the whole data set.
    assert bundle.manifest.data.whole == grid.dataset.fingerprint != half.fingerprint
    names = grid.dataset.image_names
    found = bundle.find([names[i] for i in half.positions])
    assert found.tolist() == list(range(HALF))
    assert (bundle.find(names) >= 0).sum() == HALF


@pytest.mark.slow
def test_runs_are_compared_by_the_seeds_that_have_the_same_images(folder, tmp_path):
    results = folder / "results" / "results.csv"
    alike = run_module("bench.compare", results, results, cwd=folder)
    assert alike.returncode == 0
    assert alike.stdout.count("no significant difference") == 4
    options = [each for each in GRID if each != "--subsample-images"]
    whole = run_grid(folder, *options, "--out", tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    other = run_module("bench.compare", results, tmp_path / "whole" / "results.csv", cwd=folder)
    assert other.returncode == 2
    assert other.stderr == (
        "error: each seed is on half of the images (--subsample-images) only in the results "
        "before: their accuracies are not comparable\n"
    )


def test_another_half_under_the_same_seed_is_no_pair():
    values = np.ones(3, bool)
    one, same, other = (
        correctness.Correctness({0: values, 1: values}, True, {0: at, 1: np.arange(3)})
        for at in (np.array([0, 2, 4]), np.array([0, 2, 4]), np.array([0, 2, 5]))
    )
    assert one.shared(same) == [0, 1]
    assert one.shared(other) == [1]
    assert one.shared(other.renumbered()) == []


def test_verdicts_are_of_seeds_alone_and_about_images_like_these(grid):
    results = Results(grid.records)
    assert not results.over_images
    assert results.scope == "on images like these"
    for pipeline, rows in results.by_pipeline().items():
        accuracy = rows["accuracy"].to_numpy()
        row = results.row(pipeline)
        # Student's quantile for three seeds.
        half = 4.302653 * accuracy.std(ddof=1) / np.sqrt(3)
        assert row["interval_high"] == pytest.approx(min(1, accuracy.mean() + half), abs=1e-6)


@pytest.mark.parametrize(
    ("values", "over_images", "scope"),
    [
        ({}, True, "on these 100 images"),
        ({"subsample_images": False}, True, "on these 100 images"),
        ({"subsample_images": True}, False, "on images like these"),
        (
            {"subsample_images": True, "independent_images": False},
            False,
            "on these 100 images",
        ),
        ({"subsample_images": True, "accuracy": None}, True, "on images like these"),
    ],
)
def test_what_results_are_about(values, over_images, scope):
    """Validation images are the same in every seed, and have their own part in the interval."""
    row = record(accuracy=0.5, public_accuracy=0.5, validation_accuracy=0.5)
    if "accuracy" in values:
        row |= {"accuracy": None, "public_accuracy": None, "primary_metric": "validation_accuracy"}
    results = Results(pd.DataFrame([row | values]))
    assert results.over_images == over_images
    assert results.scope == scope


# Killed, damaged, and with other options


def lasting(place):
    frame = pd.read_csv(place / "results" / "results.csv", dtype=str)
    return frame[[c for c in frame if "seconds" not in c and "memory" not in c]]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_a_killed_grid_ends_with_the_same_numbers(folder, tmp_path):
    write_digits(tmp_path / "digits", slice(0, DIGITS), nested=True)
    command = [sys.executable, "-m", "bench.grid", *map(str, GRID)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, start_new_session=True
    )
    begun, scores = time.monotonic(), tmp_path / ".store" / "score"
    while time.monotonic() - begun < HANGING and not list(scores.glob("*/manifest.json")):
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (tmp_path / "results" / "results.csv").exists()
    found = run_grid_process(tmp_path, *GRID)
    assert found.returncode == 0, found.stderr
    assert " 0 were in .store" not in found.stdout
    pd.testing.assert_frame_equal(lasting(tmp_path), lasting(folder))


def test_a_damaged_half_is_made_again(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    place = tmp_path / "copy"
    shutil.rmtree(place / ".store" / "data")
    shutil.rmtree(place / ".store" / "score")
    assert run_grid(place, *GRID).returncode == 0  # which keeps the data of the files here
    kept = sorted((place / ".store" / "data").glob("*/manifest.json"))
    assert len(kept) == 1 + SEEDS
    for manifest in kept:
        manifest.write_text(manifest.read_text().replace("positions", "position"))
    shutil.rmtree(place / ".store" / "encode")
    shutil.rmtree(place / ".store" / "score")
    found = run_grid(place, *GRID)
    assert found.returncode == 0, found.stderr
    assert found.stdout.count("was damaged") == SEEDS
    pd.testing.assert_frame_equal(lasting(place), lasting(folder))


def test_several_data_sets_and_a_suggested_number_of_clusters(tmp_path):
    for name, first in (("one", 0), ("two", 300)):
        write_digits(tmp_path / name, slice(first, first + 70))
    found = run_grid(
        tmp_path,
        *("--dataset", "folder:one,folder:two", "--clusters", "auto", "--models", "pixels"),
        *("--reducers", "pca5,pca3", "--seeds", 2, "--no-baselines", "--no-null"),
        "--subsample-images",
    )
    assert found.returncode == 0, found.stderr
    records = pd.read_csv(tmp_path / "results" / "results.csv")
    assert (records["images_per_seed"] == 35).all()
    assert (records["status"] == "ok").all()
    assert records["stability"].notna().all()
    written = list((tmp_path / "results").glob("*/assignments/*-seed*.csv"))
    assert len(written) == len(records) == 8
    assert all(len(pd.read_csv(path)) == 35 for path in written)
    again = run_grid(tmp_path, "--config", "results/grid.toml", "--dry-run")
    assert "70 images (each seed on 35)" in again.stdout
    assert "0 of" in again.stdout.splitlines()[-1]


def test_what_cannot_work_is_refused(tmp_path):
    with pytest.raises(UsageError, match="subsample_images: each seed has its own images"):
        resolve({"subsample_images": True, "vary": "model"})
    write_digits(tmp_path / "two", slice(0, 2), nested=True)
    refused(
        f"folder:{tmp_path / 'two'}",
        "clusters: 2 clusters of 2 images: allowed are 1 to 1 (a half of them",
        halves=True,
    )
    spec = resolve({"models": "pixels", "reducers": "none", "baselines": False})
    with pytest.raises(UsageError, match=r"1 image to group of 2 .--subsample-images.: at least 2"):
        plan(spec, load(f"folder:{tmp_path / 'two'}", clusters=1, halves=True))
    with pytest.raises(UsageError, match=r"pca40: 40 components of 31 images"):
        plan(
            resolve({"models": "pixels", "reducers": "pca40", "baselines": False}),
            load("digits", limit=61, halves=True),
        )


def test_halves_are_drawn_from_the_base_seed_alone(monkeypatch):
    """The seed of a half does not depend on what else is in the grid."""
    asked = []
    monkeypatch.setattr(
        "bench.datasets.dataset.derive", lambda *names: asked.append(names) or derive(*names)
    )
    load("digits", limit=40, seed=7, halves=True).of_seed(4)
    assert (7, 4, "half of the images") in asked


def test_a_store_gives_back_a_half(tmp_path):
    from bench.store.images import KeptImages

    store = Store(tmp_path)
    store.prepare()
    half = load("digits", limit=60, halves=True, keeper=KeptImages(store)).of_seed(1)
    for piece in half.pieces():
        store.save("images", piece.key, {"images": piece.read()}, {}, {})
    (train, held_out), *_ = image_sets(store, json.loads(json.dumps(describe(half)))).values()
    np.testing.assert_array_equal(np.asarray(train), np.asarray(half.images))
    assert len(held_out) == 0
