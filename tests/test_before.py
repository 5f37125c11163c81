"""Files of the release before are read for one release, with a line of warning each."""

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

from bench import check, compare, select
from bench.analysis import before, correctness, thresholds
from bench.analysis.records import read
from bench.analysis.results import PIPELINE, Results
from bench.report import headline

FILES = Path(__file__).parent / "release_0"
NAMES = {
    (model, "pca4", clusterer)
    for model in ("pixels", "hand-crafted", "dnn")
    for clusterer in ("kmeans", "gmm")
}


@pytest.fixture
def records():
    with pytest.warns(FutureWarning, match="was made by the previous release") as caught:
        found = read(FILES / "results.csv")
    assert len(caught) == 1
    return found


def test_records_have_their_present_names(records):
    results = Results(records)
    assert set(results.by_pipeline()) == NAMES
    assert not set(before.COLUMNS) & set(records)
    assert records["knn_modularity"].notna().all()
    assert records["stability_artifacts"].str.len().eq(40).all()
    # Verdicts were by another rule.
    assert records["verdict"].isna().all()
    assert records["interval_low"].notna().all()
    assert results.metric == "accuracy"
    assert results.best.pipeline == ("hand-crafted", "pca4", "kmeans")


def test_the_form_of_images_is_unknown(records):
    for name in ("image_size", "pretrained", "grid_image_size", "fit"):
        assert records[name].isna().all()
    results = Results(records)
    assert results.pretrained == results.image_sizes == {}
    assert headline.form(results) == f"Images: {records['images'].iloc[0]}."


def test_per_image_correctness_is_found_under_its_former_name(records):
    with pytest.warns(FutureWarning, match=r"hits\.safetensors"):
        found = correctness.read(records, FILES / correctness.FILE)
    assert set(found) == NAMES
    for name, rows in Results(records).by_pipeline().items():
        np.testing.assert_allclose(found[name].values().mean(axis=1), rows["accuracy"])


def test_thresholds_keep_their_meaning(records):
    with pytest.warns(FutureWarning, match="thresholds without a clusterer"):
        found = thresholds.read(FILES / "thresholds.toml")
    assert {threshold.pipeline for threshold in found} == NAMES
    results = Results(records)
    assert all(len(threshold.matching(results)) == 1 for threshold in found)


@pytest.mark.parametrize(
    ("written", "patterns"),
    [
        ("pca4", ("pca4", "kmeans")),
        ("pca4 → gmm", ("pca4", "gmm")),
        ("pca4 → g*", ("pca4", "g*")),
        ("*", ("*", "*")),
        ("pca*", ("pca*", "*")),
        ("pca?", ("pca?", "kmeans")),
    ],
)
def test_a_pattern_of_chains_took_in_clusterers(written, patterns):
    assert before.pattern(written) == patterns


@pytest.mark.parametrize(
    ("written", "model"),
    [
        ("handmade", "hand-crafted"),
        ("contrastive-handmade", "contrastive-hand-crafted"),
        ("untrained-contrastive-handmade(size=8)", "untrained-contrastive-hand-crafted(size=8)"),
        ("handmade*", "hand-crafted*"),
        ("handmade-mine", "handmade-mine"),
        ("mine-handmade", "mine-handmade"),
    ],
)
def test_models_have_their_present_names(written, model):
    assert before.model(written) == model


@pytest.mark.parametrize(
    ("main", "arguments", "said"),
    [
        (check.main, ["results.csv", "--thresholds", "thresholds.toml"], "holds"),
        (compare.main, ["results.csv", "results.csv"], "no significant difference"),
        (select.main, ["results.csv"], "kNN modularity × stability"),
    ],
)
def test_commands_read_them(tmp_path, monkeypatch, capfd, main, arguments, said):
    shutil.copytree(FILES, tmp_path / "old")
    monkeypatch.chdir(tmp_path / "old")
    with pytest.raises(SystemExit) as end:
        main(arguments)
    shown = capfd.readouterr()
    assert end.value.code == 0
    assert said in shown.out
    lines = shown.err.splitlines()
    assert lines
    assert all("results.csv" in x or "thresholds.toml" in x or "hits" in x for x in lines)


def test_results_of_this_release_are_read_in_silence(records, tmp_path):
    records.to_csv(tmp_path / "results.csv", index=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = read(tmp_path / "results.csv")
    assert again[PIPELINE].values.tolist() == records[PIPELINE].values.tolist()
