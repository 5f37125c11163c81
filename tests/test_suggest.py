"""How many clusters: the curve, the choice, and the command that takes it."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.datasets import make_blobs

from bench.analysis import suggest
from bench.base.errors import RunError, UsageError
from bench.datasets.dataset import load
from bench.execution.runner import Outcome
from bench.planning.mode import Mode
from bench.planning.plan import plan_scan
from bench.planning.settings import resolve
from bench.session.session import Session
from bench.stages.metrics import neighbors
from bench.stages.scan import counts, scan
from tests.conftest import run_grid


def curve(**cells):
    """A curve of cells by name, each with its kNN modularity from 2 clusters on."""
    rows = [
        {"model": name, "chain": "x", "clusters": k, "knn_modularity": value}
        for name, values in cells.items()
        for k, value in enumerate(values, start=2)
    ]
    return pd.DataFrame(rows)


def test_one_cell_has_no_error_and_its_highest_wins():
    assert suggest.choose(curve(a=[0.4, 0.6, 0.59])) == 3


def test_of_equal_numbers_the_least():
    assert suggest.choose(curve(a=[0.4, 0.6, 0.6])) == 3


def test_within_one_standard_error_by_hand():
    """The better half are a and b; at 5 clusters they have 0.70 and 0.74: 0.72 ± 0.02."""
    cells = {"a": [0.5, 0.69, 0.69, 0.70], "b": [0.5, 0.66, 0.73, 0.74]}
    worse = {"c": [0.6, 0.1, 0.1, 0.1], "d": [0.5, 0.1, 0.1, 0.1]}
    assert list(suggest.leading(curve(**cells, **worse)).columns) == [("b", "x"), ("a", "x")]
    # 3 clusters: 0.675, too low; 4: 0.71, within 0.02 of 0.72.
    assert suggest.choose(curve(**cells, **worse)) == 4


@pytest.mark.parametrize(("images", "most"), [(2, 2), (3, 2), (9, 8), (16, 15), (5000, 15)])
def test_numbers_that_are_tried(images, most):
    assert counts(images) == tuple(range(2, most + 1))


@pytest.mark.parametrize("groups", [3, 6])
def test_groups_that_are_there_are_counted(groups):
    points, _ = make_blobs(300, 5, centers=groups, cluster_std=0.5, random_state=1)
    near = neighbors.nearest(neighbors.ranks(neighbors.distances(points)), 10)
    found = scan(points.astype(np.float32), near, tuple(range(2, 10)), 0, 3).values
    table = pd.DataFrame(
        {
            "model": "m",
            "chain": "c",
            "clusters": found["counts"],
            "knn_modularity": found["knn_modularity"],
        }
    )
    assert suggest.choose(table) == groups


def test_the_scan_shares_every_embedding_with_the_grid():
    settings = {"models": "pixels,untrained-dnn", "reducers": "pca9,pca9+tsne2", "seeds": 2,
                "dataset": "digits", "limit": 100, "baselines": False,
                "clusters": "auto"}  # fmt: skip
    (run,) = Session(resolve(settings)).grids
    assert run.plan.tasks.keys() == plan_scan(run.settings, run.dataset).tasks.keys()
    scans = [task for task in run.plan.tasks.values() if task.stage == "scan"]
    assert len(scans) == 4
    (given,) = Session(run.settings.model_copy(update={"clusters": 7})).grids
    assert {k for k, t in run.plan.tasks.items() if t.stage != "scan"} <= given.plan.tasks.keys()


def flat(folder):
    """A folder of unlabeled digits, of zeros, ones and sixes."""
    digits = load("digits")
    chosen = np.flatnonzero(np.isin(digits.labels, (0, 1, 6)))[:130]
    folder.mkdir()
    for i in chosen:
        Image.fromarray(digits.images[i]).save(folder / f"{i:04d}.png")


def test_the_command_suggests_ranks_and_resumes(tmp_path):
    flat(tmp_path / "flat")
    grid = ["--dataset", "folder:flat", "--clusters", "auto", "--models", "pixels", "--reducers",
            "pca9,pca5+tsne2", "--seeds", "2", "--no-null", "--no-baselines"]  # fmt: skip
    planned = run_grid(tmp_path, *grid, "--dry-run")
    assert "2 to 15 clusters" in planned.stdout
    assert "suggest a number of clusters" in planned.stdout
    found = run_grid(tmp_path, *grid)
    assert found.returncode == 0, found.stderr
    out = tmp_path / "results"
    records = pd.read_csv(out / "results.csv")
    chosen = suggest.choose(pd.read_csv(out / suggest.FILE))
    assert (records["clusters"] == chosen).all()
    assert 3 <= chosen <= 5
    assert f"note: {chosen} clusters, suggested by kNN modularity from 2 to 15." in found.stdout
    assert records["stability"].notna().all()  # unlabeled: resampled without being asked
    text = (out / "results.md").read_text()
    assert "## How many clusters" in text
    assert "figures/clusters.png" in text
    assert text.index("## Selection without labels") < text.index("## How many clusters")
    first = " ".join(text.splitlines()[2:5])
    best = records.groupby("chain")["knn_modularity"].mean()
    assert f"**pixels, {best.idxmax()}**" in first
    assert f"ts kNN modularity is {best.max():.3f}" in first
    by_chain = records.drop_duplicates("chain").set_index("chain")["verdict"]
    other = by_chain.pop(best.idxmax()), *by_chain
    assert other[0] == "best"
    assert {*other[1:]} <= {"significantly worse", "in the group of the best"}
    assert (out / "figures" / "knn_modularity.png").exists()
    assert len(list((out / "assignments").iterdir())) == 4
    assert (out / "assignments.csv").exists()

    again = run_grid(tmp_path, "--config", "results/grid.toml")
    assert "0 tasks done" in again.stdout
    pd.testing.assert_frame_equal(pd.read_csv(out / "results.csv"), records)
    from bench.store import Store
    from bench.store.upkeep import prune

    assert prune(Store(tmp_path / ".store"), True, lambda *_: None)[0] == 0
    with_number = run_grid(tmp_path, *grid[:2], *grid[4:], "--clusters", "3")
    assert with_number.returncode == 0
    assert not (out / suggest.FILE).exists()
    assert not (out / "figures" / "clusters.png").exists()


def test_without_any_embedding_nothing_is_suggested(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    flat(tmp_path / "flat")
    settings = {"dataset": "folder:flat", "clusters": "auto", "models": "pixels",
                "reducers": "pca9", "baselines": False}  # fmt: skip
    (run,) = Session(resolve(settings)).grids
    run.plan = plan_scan(run.settings, run.dataset)
    with pytest.raises(RunError, match="no number of clusters can be suggested"):
        run._take_suggestion(Outcome())


def test_what_is_there_in_part_suggests_nothing(tmp_path, monkeypatch):
    """A number from the cells that happened to be done would not be the run's."""
    monkeypatch.chdir(tmp_path)
    settings = {"dataset": "digits", "limit": 60, "clusters": "auto", "models": "pixels",
                "seeds": 1, "null": False, "baselines": False, "engine": "inline"}  # fmt: skip
    Session(resolve(settings | {"reducers": "pca9"})).execute()
    more = Session(resolve(settings | {"reducers": "pca9,pca5"}), Mode.CACHED)
    with pytest.raises(UsageError, match="1 of 2 pipelines are missing in"):
        more.execute()


def test_too_few_images_are_refused():
    with pytest.raises(UsageError, match="auto needs 20 images or more, found 19"):
        Session(resolve({"dataset": "digits", "limit": 19, "clusters": "auto", "models": "pixels",
                     "reducers": "pca2", "baselines": False}))  # fmt: skip
