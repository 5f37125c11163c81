"""The null control: what a chain makes of data without clusters."""

import numpy as np
import pandas as pd
import pytest

from bench.analysis.null_draws import columns, pooled
from bench.analysis.records import read
from bench.analysis.results import Results
from bench.clusterers.kmeans import KMeans
from bench.planning.plan import plan
from bench.planning.settings import resolve
from bench.session.session import Session
from bench.stages.cluster import cluster
from bench.stages.measure import measure
from bench.stages.null import draws, images, null
from tests.conftest import run_grid
from tests.test_report import frame, record, render


def blobs(count=600, features=20, seed=0):
    random = np.random.default_rng(seed)
    centers = random.normal(size=(4, features)) * 4
    groups = np.arange(count) % 4
    return (centers[groups] + random.normal(size=(count, features))).astype(np.float32), groups


def test_it_has_the_codes_mean_and_covariance():
    codes, _ = blobs(3000)
    drawn = null(codes, len(codes), 1).arrays["train"]
    assert drawn.shape == codes.shape
    assert drawn.dtype == np.float32
    scale = codes.std(axis=0)
    np.testing.assert_allclose(drawn.mean(0) / scale, codes.mean(0) / scale, atol=0.1)
    error = np.cov(drawn.T) - np.cov(codes.T)
    assert np.abs(error).max() < 0.12 * np.abs(np.cov(codes.T)).max()


def test_it_keeps_the_rank_of_fewer_codes_than_dimensions():
    codes, _ = blobs(30, 100)
    drawn = null(codes, len(codes), 1).arrays["train"]
    assert np.linalg.matrix_rank(drawn - drawn.mean(0), tol=1e-2) <= 29


def test_it_has_no_clusters_where_the_codes_have_some():
    codes, _ = blobs()
    found = []
    for points in (codes, null(codes, len(codes), 1).arrays["train"]):
        clusters = cluster(KMeans(4, random_state=0), points, None).arrays["train"]
        found.append(measure(points, clusters).values["silhouette"])
    assert found[0] > 0.5
    assert found[1] < 0.25


def test_the_seed_decides():
    codes, _ = blobs(50)
    assert null(codes, 20, 1).arrays["train"].shape == (20, 20)
    one, same, other = (null(codes, 20, seed).arrays["train"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(("seeds", "each"), [(1, 10), (2, 5), (3, 4), (5, 2), (9, 2), (20, 1)])
def test_each_pipeline_has_ten_draws_or_more(seeds, each):
    assert draws(seeds) == each
    assert seeds * each >= 10


def test_draws_have_few_images_but_enough_for_each_cluster():
    assert images(100, 10) == 100
    assert images(5000, 10) == 200
    assert images(5000, 26) == 520


def planned(**settings):
    flags = {"models": "pixels,untrained-dnn", "reducers": "none,pca5", "seeds": 3, "null": True}
    flags["dataset"] = "digits"
    (run,) = Session(resolve(flags | {"limit": 100} | settings)).grids
    return run, plan(run.settings, run.dataset)


def test_a_draw_is_shared_by_chains_and_is_of_the_codes_of_its_seed():
    run, made = planned()
    drawn = {task.key: task for task in made.tasks.values() if task.stage == "null"}
    # Two models, three seeds, four draws each; two chains read each of them.
    assert len(drawn) == 2 * 3 * 4
    assert len({task.settings["seed"] for task in drawn.values()}) == 3 * 4
    assert len(made.runs) == 12
    for cell in made.runs:
        own = [task for task in cell.null if task.stage == "null"]
        assert [task.parents for task in own] == [(("encode", cell.task("encode").key),)] * 4
        measured = [task for task in cell.null if task.stage == "measure"]
        assert len({task.key for task in measured}) == 4
        # The seeds of reducer and clusterer are those of the run.
        (clusterer,) = {task.settings["seed"] for task in cell.null if task.stage == "cluster"}
        assert clusterer == cell.task("cluster").settings["seed"]
    without = plan(run.settings.model_copy(update={"null": False}), run.dataset)
    assert set(without.tasks) < set(made.tasks)
    assert all(not cell.null for cell in without.runs)


def test_a_chain_that_needs_more_images_is_given_all(monkeypatch):
    monkeypatch.setattr("bench.stages.null.IMAGES", 50)
    monkeypatch.setattr("bench.stages.null.IMAGES_PER_CLUSTER", 1)
    _, made = planned(models="pixels", reducers="pca60,pca5", seeds=1)
    found = {
        str(cell.pipeline.chain): {task.samples for task in cell.null if task.stage == "cluster"}
        for cell in made.runs
    }
    assert found == {"none": {50}, "pca5": {50}, "pca60": {100}}


def drawn(*silhouettes, **values):
    """What a record has of draws of its seed."""
    found = columns(list(silhouettes), 50)
    return found | {"null_artifacts": f"k{silhouettes}"} | values


def test_draws_of_all_seeds_are_pooled():
    rows = frame(
        record("a", "x", 0, silhouette=0.5) | drawn(0.1, 0.3),
        record("a", "x", 1, silhouette=0.3) | drawn(0.2, 0.45),
        record("a", "x", 2, silhouette=0.4) | drawn(),
    )
    found = pooled(rows)
    assert found["null_draws"] == 4
    assert found["null_silhouette"] == pytest.approx(np.mean([0.1, 0.3, 0.2, 0.45]))
    assert found["null_silhouette_std"] == pytest.approx(np.std([0.1, 0.3, 0.2, 0.45], ddof=1))
    assert found["null_below"] == 3  # than 0.4
    row = Results(rows).summary.iloc[0]
    assert {name: row[name] for name in found} == found


def test_results_of_the_release_before_have_one_draw_for_all_seeds(tmp_path):
    before = {"null_artifacts": "k", "null_silhouette": 0.25}
    rows = frame(*(record("a", "x", seed, silhouette=0.5) | before for seed in range(3)))
    rows.to_csv(tmp_path / "results.csv", index=False)
    found = Results(read(tmp_path / "results.csv")).summary.iloc[0]
    assert (found["null_draws"], found["null_below"], found["null_silhouette"]) == (1, 1, 0.25)
    assert np.isnan(found["null_silhouette_std"])
    assert "It is drawn once for each encoder and chain." in render(
        read(tmp_path / "results.csv").assign(clusters_found=10)
    )


def test_the_report_shows_each_beside_its_null_reference_and_flags_those_that_do_not_beat_it():
    beats = record("a", "x", 0, silhouette=0.5) | drawn(0.3, 0.2)
    fails = record("b", "x", 0, silhouette=0.25) | drawn(0.3, 0.2)
    broken = record("c", "x", 0, silhouette=0.2) | {"null_error": "reduce: E: x"}
    text = render(frame(*(each | {"clusters_found": 10} for each in (beats, fails, broken))))
    section = text[text.index("## Clusters and null reference") : text.index("## What was run")]
    rows = {
        line.split("|")[1].strip(): [field.strip() for field in line.split("|")[5:-1]]
        for line in section.splitlines()
        if "| x " in line
    }
    assert rows == {
        "a": ["0.250\u00a0±\u00a00.071", "2 of 2", ""],
        "b": ["0.250\u00a0±\u00a00.071", "1 of 2", "does not beat its null reference"],
        "c": ["failed", "–", "reduce: E: x"],
    }
    assert "drawn up to 2 times for each pipeline, each time with 50 images." in section
    assert "by chance in about 1 of 3 cases or less" in section
    plain = render(frame(record("a", "x", 0, clusters_found=10)), [])
    assert "null reference |" not in plain


ONLY_CODES = """
import numpy as np
from reducers import reducers
from reducers.reducer import Reducer

@reducers.register("picky", "refuses a Gaussian")
class Picky(Reducer):
    def fit_transform(self, X, y=None):
        if X.min() < -1.01:
            raise ValueError("not an image")
        return X[:, :3]
"""


def test_from_images_to_report_and_a_control_that_fails(tmp_path):
    (tmp_path / "picky.py").write_text(ONLY_CODES)
    found = run_grid(
        tmp_path, "--plugin", "picky.py", "--models", "pixels", "--reducers", "pca5,picky",
        "--seeds", "2", "--limit", "100", "--null",
    )  # fmt: skip
    assert found.returncode == 1
    said = "failed: null reference in reduce: ValueError: not an image (see .store/errors/"
    assert found.stderr.startswith(said)
    assert found.stderr.count("\n") == 1
    records = pd.read_csv(tmp_path / "results" / "results.csv")
    assert (records["status"] == "ok").all()
    assert (records["null_images"].dropna() == 100).all()
    found = [text.split() for text in records["null_silhouettes"][records["chain"] == "pca5"]]
    assert [len(texts) for texts in found] == [5, 5]
    draws = np.array(found, float)
    assert ((draws > 0) & (draws < 0.3)).all()
    means = records["null_silhouette"][records["chain"] == "pca5"]
    np.testing.assert_allclose(means, draws.mean(axis=1), atol=1e-6)
    assert records["null_silhouette"][records["chain"] == "picky"].isna().all()
    text = (tmp_path / "results" / "results.md").read_text()
    assert "| null " in text
    assert "not an image" in text
