"""What reports say of scores without labels is what the study in docs/unlabeled found."""

import importlib.util

import pytest

from bench.analysis.selection import RECORDS
from tests.conftest import ROOT

FOLDER = ROOT / "docs" / "unlabeled"


@pytest.fixture(scope="module")
def study():
    """The script that analyzes the study, and its rows with the agreement of clusterings."""
    spec = importlib.util.spec_from_file_location("analyze", FOLDER / "analyze.py")
    analyze = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(analyze)
    rows = analyze.read()
    by_key = rows.groupby(["set", "clusters", "seed"], sort=False)
    return analyze, rows, {key: (g.index.to_numpy(), analyze.agreement(g)) for key, g in by_key}


@pytest.mark.slow
@pytest.mark.parametrize("pretrained", [True, False])
def test_the_track_record_is_the_studys(study, pretrained):
    analyze, rows, matrices = study
    some = rows if pretrained else rows[rows["model"] != analyze.PRETRAINED]
    some = analyze.add_consensus(some, matrices)
    truth = analyze.at_truth(analyze.tables(some, pretrained))

    def regrets(found):
        said = analyze.summary(found)
        return round(said["mean regret"], 3), round(said["worst regret"], 3)

    random, _ = regrets(analyze.judge(truth, analyze.rules(pretrained)["random pick"]))
    modularity = regrets(analyze.judge(truth, lambda table: table["kNN modularity, random space"]))
    known = RECORDS["knn_modularity", pretrained]
    assert (known.sets, known.random) == (len({name for name, _ in truth}), random)
    assert (known.mean, known.worst) == modularity
    if pretrained:
        known = RECORDS["selection_score", True]
        assert (known.mean, known.worst) == regrets(analyze.left_out(truth, 2))
        assert known.random == random


@pytest.mark.slow
def test_the_table_of_few_labels_is_the_studys(study):
    analyze, rows, _ = study
    assert (
        analyze.show_few(analyze.few_labels(rows)) in (FOLDER.parent / "unlabeled.md").read_text()
    )
