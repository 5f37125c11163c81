"""The gate: thresholds read, set, and compared with results."""

import contextlib
import json
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis import gate, thresholds
from bench.analysis.records import read
from bench.analysis.results import Results
from bench.base.errors import UsageError
from bench.report.command_tables import check_table
from bench.stages.metrics.table import METRICS
from tests.conftest import run_module


def records(cells, preset="quick", dataset="digits", images=600):
    """Records of cells: (model, chain) to accuracies, a seed each; None for a failed seed."""
    rows = []
    for (model, chain), accuracies in cells.items():
        for index, accuracy in enumerate(accuracies):
            row = dict.fromkeys(METRICS, np.nan)
            row |= {
                f"{metric.stage}_artifacts": f"{model}{chain}{index}" for metric in METRICS.values()
            }
            row |= {
                "preset": preset, "dataset": dataset, "model": model, "chain": chain,
                "clusterer": "kmeans",
                "seed_index": index, "images": images,
                "status": "failed" if accuracy is None else "ok",
            }  # fmt: skip
            if accuracy is not None:
                row |= {"accuracy": accuracy, "reconstruction_loss": 0.1 + accuracy / 1000}
                row |= {"public_accuracy": accuracy, "private_accuracy": accuracy}
            rows.append(row)
    return pd.DataFrame(rows)


CELLS = {("dnn", "pca8"): [0.7, 0.72, 0.74], ("cnn", "pca8"): [0.8, 0.8, 0.83]}


@pytest.fixture
def good():
    return records(CELLS)


def verdict(found, model, metric="accuracy"):
    (only,) = [v for v in found if (v.model, v.metric) == (model, metric)]
    return only


def test_set_from_results_and_compared_with_them_all_holds(good):
    found = gate.judge(thresholds.update([], Results(good)), Results(good))
    assert [v.verdict for v in found] == ["holds"] * 4
    assert gate.exit_code(found) == 0
    assert all(v.room > 0 for v in found)


def test_margins_are_the_prediction_bound_by_hand(good):
    """Two spreads that differ as those of three seeds do by chance are pooled, with 4 df."""
    (dnn,) = [t for t in thresholds.update([], Results(good)) if t.model == "dnn"]
    pooled = (0.02**2 + np.var([0.8, 0.8, 0.83], ddof=1)) / 2
    assert dnn.accuracy_margin == pytest.approx(3.747 * (pooled * 2 / 3) ** 0.5, abs=2e-4)
    assert dnn.min_accuracy + dnn.accuracy_margin == pytest.approx(0.72, abs=1e-4)
    assert dnn.seeds == 3


def test_of_one_pipeline_the_margin_is_that_of_students_t():
    """t of 2 degrees of freedom at 99% is 6.965; times 0.02 times the root of 2/3."""
    (bound,) = thresholds.bounds([0.02**2], [3])
    assert bound == pytest.approx(6.965 * 0.02 * (2 / 3) ** 0.5, abs=2e-4)


@pytest.mark.parametrize("seeds", [2, 3])
def test_margins_hold_for_new_seeds_as_often_as_they_say(seeds):
    """Of 400 pairs of runs of ten pipelines about one in a hundred falls short."""
    random = np.random.default_rng(0)
    short, sd = 0.0, np.geomspace(0.005, 0.05, 10)[:, None]
    for _ in range(400):
        first, second = sd * random.normal(size=(2, 10, seeds))
        margin = thresholds.bounds(first.var(axis=1, ddof=1), np.full(10, seeds))
        short += (second.mean(axis=1) < first.mean(axis=1) - margin).mean()
    assert 0.002 < short / 400 < 0.025


def test_two_seeds_set_a_threshold_that_can_fail():
    """By its own t of one degree of freedom, 31.8, each limit would be 0."""
    random = np.random.default_rng(1)
    two = {(f"m{k}", "pca8"): list(0.6 + 0.03 * random.normal(size=2)) for k in range(12)}
    limits = thresholds.update([], Results(records(two)))
    assert all(0.2 < t.min_accuracy < 0.6 for t in limits)
    assert not thresholds.idle(limits)


def test_a_threshold_that_cannot_fail_is_not_set(tmp_path):
    wild = records({("dnn", "pca8"): [0.3, 0.6], ("cnn", "pca8"): [0.3, 0.8]})
    assert thresholds.idle(thresholds.update([], Results(wild)))
    wild.to_csv(tmp_path / "r.csv", index=False)
    found = run_module("bench.check", "r.csv", "--thresholds", "t.toml", "--update", cwd=tmp_path)
    assert found.returncode == 3
    assert "no thresholds written: the lowest accuracy of" in found.stderr
    assert found.stderr.count("\n") == 1
    assert not (tmp_path / "t.toml").exists()


def test_what_fell_short_is_told_by_how_much(good):
    limits = thresholds.update([], Results(good))
    worse = records({**CELLS, ("cnn", "pca8"): [0.5, 0.5, 0.5]})
    found = gate.judge(limits, Results(worse))
    cnn = verdict(found, "cnn")
    assert cnn.verdict == "falls short"
    assert cnn.room == pytest.approx(0.5 - cnn.limit)
    assert gate.exit_code(found) == 1
    assert check_table(found).splitlines()[2].startswith("cnn")  # first


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({("dnn", "pca8"): [0.7, 0.72, 0.74]}, "missing"),
        ({**CELLS, ("cnn", "pca8"): [0.8, None, 0.83]}, "1 failed of 3 seeds"),
        ({**CELLS, ("cnn", "pca8"): [None, None, None]}, "3 failed of 3 seeds"),
    ],
)
def test_a_pipeline_that_is_missing_or_failed_falls_short(good, cells, reason):
    found = gate.judge(thresholds.update([], Results(good)), Results(records(cells)))
    assert (verdict(found, "cnn").verdict, verdict(found, "cnn").reason) == ("falls short", reason)
    assert gate.exit_code(found) == 1


def test_too_few_seeds_cannot_tell(good):
    limits = thresholds.update([], Results(good))
    fewer = records({cell: values[:1] for cell, values in CELLS.items()})
    found = gate.judge(limits, Results(fewer))
    assert {v.verdict for v in found} == {"too few seeds"}
    assert gate.exit_code(found) == 3
    # What certainly fell short goes before what cannot be told.
    assert gate.exit_code(gate.judge(limits, Results(fewer[fewer["model"] == "cnn"]))) == 1


def test_wild_cards_match_every_pipeline_that_fits(good):
    wild = thresholds.Threshold(
        preset="q*", dataset="*", model="*nn", chain="pca*", clusterer="*", seeds=3,
        min_accuracy=0.75, accuracy_margin=0.1,
    )  # fmt: skip
    found = gate.judge([wild], Results(good))
    assert {v.model: v.verdict for v in found} == {"cnn": "holds", "dnn": "falls short"}
    (renewed,) = thresholds.update([wild], Results(good))
    assert (renewed.model, renewed.chain) == ("*nn", "pca*")
    assert renewed.min_accuracy < 0.72 - 0.05  # from the worst cell
    assert gate.exit_code(gate.judge([renewed], Results(good))) == 0


def test_a_wild_card_takes_in_models_that_have_no_loss(good):
    by_hand = records({("hog", "pca8"): [0.7, 0.71, 0.72]})
    by_hand["reconstruction_loss"] = np.nan
    both = pd.concat([good, by_hand], ignore_index=True)
    every = thresholds.Threshold(
        preset="quick", dataset="digits", model="*", chain="*", clusterer="*", seeds=1,
        min_accuracy=0.1, accuracy_margin=0.1,
    )  # fmt: skip
    renewed = thresholds.update([every], Results(both))
    assert {v.verdict for v in gate.judge(renewed, Results(both))} == {"holds"}
    # One that is named must have what it is held to.
    named = thresholds.update([], Results(good))
    good["reconstruction_loss"] = np.nan
    assert verdict(gate.judge(named, Results(good)), "dnn", "loss").reason == "has no loss"


def test_losses_of_images_of_another_size_are_not_compared(good):
    sized = Results(good.assign(image_size=64.0))
    found = thresholds.update([], sized)
    assert {threshold.image_size for threshold in found} == {64}
    assert gate.exit_code(gate.judge(found, sized)) == 0
    verdicts = gate.judge(found, Results(good.assign(image_size=32)))
    losses = [each for each in verdicts if each.metric == "loss"]
    assert {(each.verdict, each.reason) for each in losses} == {
        ("no threshold", "of images of 32×32; the threshold is of 64×64")
    }
    assert {each.verdict for each in verdicts if each.metric == "accuracy"} == {"holds"}
    assert gate.exit_code(verdicts) == 3
    assert gate.exit_code(gate.judge(found, Results(good))) == 0  # a size that is not known


def test_no_threshold_is_set_from_pipelines_without_a_number(good):
    """Labels of validation images alone, and a clusterer that cannot place those."""
    good["validation_accuracy"] = good["accuracy"].where(good["model"] == "dnn")
    good[["accuracy", "public_accuracy", "private_accuracy"]] = np.nan
    good["reconstruction_loss"] = np.nan
    (only,) = thresholds.update([], Results(good))
    assert only.model == "dnn"


def test_updating_leaves_other_presets_alone(good):
    other = thresholds.update([], Results(records(CELLS, preset="regression")))
    both = thresholds.update(other, Results(good))
    assert both[: len(other)] == other
    assert len(both) == 2 * len(other)
    assert gate.exit_code(gate.judge(both, Results(good))) == 0


def test_what_no_seed_moves_has_the_least_margin():
    same = records({("pixels", "pca8"): [0.7, 0.7, 0.7]})
    same[[c for c in same if c.endswith("_artifacts")]] = "one"
    (limit,) = thresholds.update([], Results(same))
    assert limit.accuracy_margin == pytest.approx(0.02, abs=2e-4)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({("dnn", "pca8"): [0.7]}, "these results have 1 seed"),
        ({("dnn", "pca8"): [0.7, None]}, "pipelines failed or were skipped: dnn, pca8"),
    ],
)
def test_thresholds_are_not_set_from_what_cannot_carry_them(cells, message):
    with pytest.raises(UsageError, match=message):
        thresholds.update([], Results(records(cells)))


def test_no_threshold_for_this_preset_is_misuse(good):
    with pytest.raises(UsageError, match="no threshold applies to preset quick on digits"):
        gate.judge([], Results(good))


def test_files_survive_writing_and_reading(tmp_path, good):
    limits = thresholds.update([], Results(good))
    thresholds.write(tmp_path / "t.toml", limits)
    assert thresholds.read(tmp_path / "t.toml") == limits


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[threshold]]\nmodel = 'dnn'", "number 1: preset: Field required"),
        ("[[treshold]]\nmodel = 'dnn'", "allowed are tables"),
        ("threshold = 3", "allowed are tables"),
        ("threshold = [3]", "number 1"),
        ("[[threshold", "cannot read thresholds"),
        (
            "[[threshold]]\npreset='q'\ndataset='d'\nmodel='m'\nchain='c'\nclusterer='k'\nseeds=3\nmin_acuracy=1",
            "did you mean 'min_accuracy'",
        ),
        (
            "[[threshold]]\npreset='q'\ndataset='d'\nmodel='m'\nchain='c'\nclusterer='k'\nseeds=3",
            "neither min_accuracy nor max_loss is given",
        ),
    ],
)
def test_a_file_that_is_no_file_of_thresholds_is_refused(tmp_path, text, message):
    (tmp_path / "t.toml").write_text(text)
    with pytest.raises(UsageError, match=message):
        thresholds.read(tmp_path / "t.toml")


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_thresholds_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("fuzz") / "t.toml"
    path.write_bytes(data)
    with contextlib.suppress(UsageError):
        assert isinstance(thresholds.read(path), list)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_are_results_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("fuzz") / "results.csv"
    path.write_bytes(data)
    with pytest.raises(UsageError):
        read(path)


def test_the_command_writes_for_people_and_build_servers(tmp_path, good):
    good.assign(chain='<&"pca8').to_csv(tmp_path / "r.csv", index=False)
    first = run_module("bench.check", "r.csv", cwd=tmp_path)
    assert first.returncode == 2
    assert "no thresholds at results/thresholds.toml" in first.stderr
    files = ["r.csv", "--thresholds", "t.toml"]
    assert run_module("bench.check", *files, "--update", cwd=tmp_path).returncode == 0
    found = run_module(
        "bench.check", *files, "--json", "gate.json", "--junit", "gate.xml", cwd=tmp_path
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.count("holds") == 4
    assert json.loads((tmp_path / "gate.json").read_text())["exit_code"] == 0
    suite = ET.parse(tmp_path / "gate.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("4", "0")

    bad = good.assign(chain='<&"pca8')
    bad.loc[bad["model"] == "cnn", "accuracy"] = 0.1
    bad.to_csv(tmp_path / "r.csv", index=False)
    found = run_module("bench.check", *files, "--junit", "gate.xml", cwd=tmp_path)
    assert found.returncode == 1
    assert ET.parse(tmp_path / "gate.xml").getroot()[0].get("failures") == "1"

    bad[bad["seed_index"] == 0].to_csv(tmp_path / "r.csv", index=False)
    assert run_module("bench.check", *files, cwd=tmp_path).returncode == 3
    clash = run_module("bench.check", *files, "--update", "--json", "x", cwd=tmp_path)
    assert clash.returncode == 2
