"""The null control: what a chain makes of data without clusters."""

import numpy as np
import pandas as pd

from bench.clusterers.kmeans import KMeans
from bench.planning.plan import plan
from bench.planning.settings import resolve
from bench.session.session import Session
from bench.stages.cluster import cluster
from bench.stages.measure import measure
from bench.stages.null import null
from tests.conftest import run_grid
from tests.test_report import frame, record, render


def blobs(count=600, features=20, seed=0):
    random = np.random.default_rng(seed)
    centers = random.normal(size=(4, features)) * 4
    groups = np.arange(count) % 4
    return (centers[groups] + random.normal(size=(count, features))).astype(np.float32), groups


def test_it_has_the_codes_mean_and_covariance():
    codes, _ = blobs(3000)
    drawn = null(codes, 1).arrays["train"]
    assert drawn.shape == codes.shape
    assert drawn.dtype == np.float32
    scale = codes.std(axis=0)
    np.testing.assert_allclose(drawn.mean(0) / scale, codes.mean(0) / scale, atol=0.1)
    error = np.cov(drawn.T) - np.cov(codes.T)
    assert np.abs(error).max() < 0.12 * np.abs(np.cov(codes.T)).max()


def test_it_keeps_the_rank_of_fewer_codes_than_dimensions():
    codes, _ = blobs(30, 100)
    drawn = null(codes, 1).arrays["train"]
    assert np.linalg.matrix_rank(drawn - drawn.mean(0), tol=1e-2) <= 29


def test_it_has_no_clusters_where_the_codes_have_some():
    codes, _ = blobs()
    found = []
    for points in (codes, null(codes, 1).arrays["train"]):
        clusters = cluster(KMeans(4, random_state=0), points, None).arrays["train"]
        found.append(measure(points, clusters).values["silhouette"])
    assert found[0] > 0.5
    assert found[1] < 0.25


def test_the_seed_decides():
    codes, _ = blobs(50)
    one, same, other = (null(codes, seed).arrays["train"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_one_control_a_model_and_chain():
    settings = {"models": "pixels,untrained-dnn", "reducers": "none,pca5", "seeds": 3}
    (run,) = Session(resolve(settings | {"dataset": "digits", "limit": 100, "null": True})).grids
    made = plan(run.settings, run.dataset)
    controls = {tuple(task.key for task in cell.null) for cell in made.runs}
    assert len(made.runs) == 12
    assert len(controls) == 4
    assert sum(task.stage == "null" for task in made.tasks.values()) == 2  # one a model
    without = plan(run.settings.model_copy(update={"null": False}), run.dataset)
    assert {key for key, task in made.tasks.items() if task.key in without.tasks} == set(
        without.tasks
    )


def test_the_report_shows_each_beside_its_null_reference_and_flags_those_not_above_it():
    beats = record("a", "x", 0, silhouette=0.5) | {"null_silhouette": 0.3, "null_artifacts": "k"}
    fails = record("b", "x", 0, silhouette=0.2) | {"null_silhouette": 0.3, "null_artifacts": "k"}
    broken = record("c", "x", 0, silhouette=0.2) | {"null_error": "reduce: E: x"}
    text = render(frame(*(each | {"clusters_found": 10} for each in (beats, fails, broken))))
    section = text[text.index("## Clusters and null reference") : text.index("## Pictures")]
    rows = {line.split("|")[1].strip(): line for line in section.splitlines() if "| x " in line}
    assert "0.300" in rows["a"]
    assert "not above" not in rows["a"]
    assert "not above its null reference" in rows["b"]
    assert "failed" in rows["c"]
    assert "reduce: E: x" in rows["c"]
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
    by_chain = records.drop_duplicates("chain").set_index("chain")
    assert 0 < by_chain.loc["pca5", "null_silhouette"] < 0.3
    assert np.isnan(by_chain.loc["picky", "null_silhouette"])
    text = (tmp_path / "results" / "results.md").read_text()
    assert "| null " in text
    assert "not an image" in text
