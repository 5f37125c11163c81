"""Stability: do clusters stay the same when chain and clusterer see fewer images?"""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from bench.planning.plan import plan
from bench.planning.settings import resolve
from bench.session.session import Session
from bench.stages.metrics.clustering import stability
from bench.stages.resample import resample
from tests.conftest import run_grid


def planned(**settings):
    flags = {"models": "pixels,untrained-dnn", "reducers": "none,pca5+tsne2", "seeds": 2}
    flags |= {"dataset": "digits", "limit": 120, "null": False, "baselines": False}
    flags |= {"resamples": 2, "threads": 1}
    (run,) = Session(resolve(flags | settings)).grids
    return plan(run.settings, run.dataset)


def test_four_fifths_without_replacement():
    chosen = resample(101, 3).arrays["chosen"]
    assert len(chosen) == len(set(chosen.tolist())) == 81
    assert (np.diff(chosen) > 0).all()
    assert 0 <= chosen.min() <= chosen.max() < 101
    assert not np.array_equal(chosen, resample(101, 4).arrays["chosen"])


def test_stability_is_the_mean_adjusted_rand_index_on_shared_images():
    random = np.random.default_rng(0)
    clusters = random.integers(0, 3, 50)
    again = []
    for seed in (1, 2):
        chosen = resample(50, seed).arrays["chosen"]
        again.append((chosen, random.integers(0, 3, 40)))
    expected = np.mean([adjusted_rand_score(clusters[c], other) for c, other in again])
    assert stability(clusters, again) == pytest.approx(expected)
    same = [(chosen, 2 - clusters[chosen]) for chosen, _ in again]  # other names
    assert stability(clusters, same) == 1


def test_every_model_and_chain_sees_the_same_fewer_images():
    made = planned()
    drawn = {key for key, task in made.tasks.items() if task.stage == "resample"}
    assert len(drawn) == 4  # two a repetition
    for cell in made.runs:
        assert {task.key for task in cell.resamples if task.stage == "resample"} <= drawn
        assert cell.resamples[-1].stage == "stability"
        assert cell.resamples[-1].parents[0] == ("cluster", cell.task("cluster").key)


def test_another_number_of_images_has_draws_of_its_own():
    keys = [
        {key for key, task in planned(limit=limit).tasks.items() if task.stage == "resample"}
        for limit in (120, 100)
    ]
    assert len(keys[0]) == len(keys[1]) == 4
    assert not keys[0] & keys[1]


def test_they_change_no_cell():
    made, without = planned(), planned(resamples=0)
    assert set(without.tasks) < set(made.tasks)
    assert [c.tasks for c in made.runs] == [c.tasks for c in without.runs]


def test_a_chain_that_only_all_images_suffice_for_is_not_resampled():
    made = planned(reducers="pca110,pca5")
    assert {str(c.pipeline.chain): len(c.resamples) > 0 for c in made.runs} == {
        "pca110": False, "pca5": True
    }  # fmt: skip


PICKY = """
from reducers import reducers
from reducers.reducer import Reducer

@reducers.register("all-or-none", "refuses fewer than all images")
class Picky(Reducer):
    def fit_transform(self, X, y=None):
        if len(X) < 100:
            raise ValueError("too few")
        return X[:, :3]
"""


def test_from_images_to_records_and_one_that_fails(tmp_path):
    (tmp_path / "picky.py").write_text(PICKY)
    found = run_grid(
        tmp_path, "--plugin", "picky.py", "--models", "pixels", "--reducers", "pca5,all-or-none",
        "--seeds", "2", "--limit", "100", "--no-null", "--no-baselines", "--resamples", "1",
    )  # fmt: skip
    assert found.returncode == 1
    assert found.stderr.startswith("failed: resample in reduce: ValueError: too few (see .store/")
    assert found.stderr.count("\n") == 1  # of two that failed in the same way
    records = pd.read_csv(tmp_path / "results" / "results.csv")
    assert (records["status"] == "ok").all()
    by_chain = records.groupby("chain")["stability"]
    assert by_chain.count().to_dict() == {"pca5": 2, "all-or-none": 0}
    assert records["stability"].dropna().between(0.3, 1).all()
