"""Significance is reported in results.md, and two runs are compared pipeline by pipeline."""

import re

import numpy as np
import pandas as pd
import pytest

from bench.analysis import correctness, records
from bench.analysis.compare_runs import Pair, compare, exit_code
from bench.analysis.correctness import Correctness
from bench.analysis.results import Results
from bench.analysis.verdicts import add_verdicts
from bench.compare import main
from bench.report.command_tables import compare_table
from bench.store import Store
from tests.conftest import run_grid, run_module
from tests.test_report import record, render

IMAGES = 400


def frame(*rows):
    return pd.DataFrame(rows)


def correctness_of(accuracy, seeds=9, repeated=True, first=0):
    random = np.random.default_rng(round(accuracy * 1000))
    found = {first + s: random.random(IMAGES) < accuracy for s in range(seeds)}
    return Correctness(found, repeated)


def test_better_worse_alike_and_what_has_no_pair():
    before = {
        ("a", "x", "kmeans"): correctness_of(0.6),
        ("b", "x", "kmeans"): correctness_of(0.9),
        ("c", "x", "kmeans"): correctness_of(0.8),
        ("d", "x", "kmeans"): correctness_of(0.5),
        ("e", "x", "kmeans"): correctness_of(0.5),
    }
    after = {
        ("a", "x", "kmeans"): correctness_of(0.901),
        ("b", "x", "kmeans"): correctness_of(0.601),
        ("c", "x", "kmeans"): correctness_of(0.801),
        ("e", "x", "kmeans"): correctness_of(0.5, first=100),
        ("f", "x", "kmeans"): correctness_of(0.7),
    }
    changes = {c.pipeline[0]: c for c in compare([Pair("", before, after)])}
    assert {model: change.verdict for model, change in changes.items()} == {
        "a": "significantly better", "b": "significantly worse", "c": "no significant difference",
        "d": "only before", "e": "no seed in common", "f": "only after",
    }  # fmt: skip
    gain = changes["a"].gain
    assert gain.low < 0.3 < gain.high
    assert changes["d"].after is None
    assert exit_code(list(changes.values())) == 1
    assert exit_code([changes["a"], changes["c"]]) == 0
    assert changes["a"].p < 0.05 < changes["c"].p
    assert changes["e"].p is None
    assert compare_table(list(changes.values())).splitlines()[2].startswith("b")


def test_the_same_run_twice_has_no_significant_difference():
    run = {("a", "x", "kmeans"): correctness_of(0.6), ("b", "x", "kmeans"): correctness_of(0.9)}
    assert {change.verdict for change in compare([Pair("", run, run)])} == {
        "no significant difference"
    }


def scored(store, model, chain, accuracy, seeds=9, **values):
    """Records of a cell whose correctness is in a store."""
    rows = []
    for seed, correct in correctness_of(accuracy, seeds).by_seed.items():
        row = record(model, chain, seed, images=IMAGES, accuracy=float(correct.mean()), **values)
        row["public_accuracy"] = row["private_accuracy"] = row["accuracy"]
        key = f"{model}-{chain}-{seed}-{accuracy}"
        store.save("score", key, {"correct": correct}, {}, {})
        rows.append(row | {"score_artifacts": key})
    return rows


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "store")
    store.prepare()
    return store


def cell(found, model):
    return Results(found).summary.set_index("model").loc[model]


def test_verdicts_stand_in_the_records_and_in_the_report(store):
    rows = [*scored(store, "high", "x", 0.9), *scored(store, "near", "x", 0.899)]
    found = add_verdicts(frame(*rows, *scored(store, "low", "x", 0.5)), store, 0.02)
    best = Results(found).summary.iloc[0]["model"]
    assert best in ("high", "near")
    assert cell(found, best)["verdict"] == "best"
    low, other = cell(found, "low"), "near" if best == "high" else "high"
    assert low["verdict"] == "significantly worse"
    assert cell(found, other)["verdict"] == "in the group of the best"
    assert low["behind_best"] == pytest.approx(0.4, abs=0.03)
    assert 0 < low["behind_best_half"] < 0.1
    assert pd.isna(low["seeds_needed"])
    assert cell(found, other)["seeds_needed"] > 9
    assert cell(found, best)["interval_low"] < 0.9 < cell(found, best)["interval_high"]
    text = render(found, [])
    said = "2 of 3 pipelines may be the best on these 400 images; 1 is significantly worse (95%,"
    assert said in text
    assert f"**{best}, x** ranks first: its accuracy is 0.90" in text
    assert f"The next pipeline, {other}, x, is behind by 0.00" in text
    assert re.search(r"\| worse: behind by 0\.\d{3}.±.0\.\d{3} +\|", text)
    assert re.search(r"\| in the group: behind by 0\.\d{3}.±.0\.\d{3}; ", text)
    assert "*Equivalent*: the whole interval lies within ±0.02" in text


def test_three_seeds_are_enough_for_a_large_difference(store):
    rows = [*scored(store, "high", "x", 0.9, 3), *scored(store, "low", "x", 0.4, 3)]
    text = render(add_verdicts(frame(*rows), store, 0.02), [])
    assert (
        "**high, x** is the best pipeline on these 400 images: the other is significantly" in text
    )


def test_equivalent_is_what_lies_within_the_margin(store):
    rows = [*scored(store, "high", "x", 0.9), *scored(store, "near", "x", 0.899)]
    found = add_verdicts(frame(*rows), store, 0.02)
    other = cell(found, Results(found).summary.iloc[1]["model"])
    reach = other["behind_best"] + other["behind_best_half"]
    assert reach > 0.02
    assert not other["equivalent"]
    again = add_verdicts(found, store, reach + 0.001)  # in place of the verdicts that are there
    assert not again.columns.duplicated().any()
    row = cell(again, other.name)
    assert row["equivalent"]
    assert row["verdict"] == "in the group of the best"
    text = render(again, [])
    assert "; equivalent |" in text
    assert f"within ±{reach + 0.001:g}" in text


def test_the_same_result_twice_is_equivalent_and_counts_once(store):
    rows = [*scored(store, "high", "x", 0.9), *scored(store, "low", "x", 0.5)]
    twin = [row | {"chain": "y"} for row in rows[:9]]
    found = add_verdicts(frame(*rows, *twin), store, 0.02)
    alone = add_verdicts(frame(*rows), store, 0.02)
    assert cell(found, "low")["behind_best_half"] == cell(alone, "low")["behind_best_half"]
    same = Results(found).row(("high", "y", "kmeans"))
    assert (same["verdict"], same["behind_best"]) == ("in the group of the best", 0)
    assert pd.isna(same["seeds_needed"])


def test_deterministic_pipelines_on_dependent_images_are_not_tested(store):
    rows = [*scored(store, "high", "x", 0.9, 1), *scored(store, "low", "x", 0.4, 1)]
    rows = [
        row | {"seed_index": seed, "independent_images": False, "cluster_artifacts": row["model"]}
        for row in rows
        for seed in (0, 1)
    ]
    found = add_verdicts(frame(*rows), store, 0.02)
    assert cell(found, "low")["verdict"] == "not tested"
    assert cell(found, "low")["behind_best"] == pytest.approx(0.5, abs=0.06)
    first = " ".join(render(found, []).splitlines()[2:5])
    assert "1 pipeline is not tested against it: neither depends on the seed" in first
    images = add_verdicts(frame(*rows).assign(independent_images=True), store, 0.02)
    assert cell(images, "low")["verdict"] == "significantly worse"


def test_one_seed_has_no_interval(store):
    """Of how far seeds move it nothing is known, and an interval of images would hide that."""
    rows = [*scored(store, "high", "x", 0.9, 1), *scored(store, "low", "x", 0.4, 1)]
    found = add_verdicts(frame(*rows), store, 0.02)
    assert found["interval_low"].isna().all()
    assert found["verdict"].tolist() == ["best", "not tested"]
    text = render(found, [])
    assert "vary between seeds, so no pipeline is tested." in text
    assert "The next pipeline, low, x, is behind by 0." in text


def test_cells_that_lost_seeds_leave_nothing_to_compare(store):
    rows = [*scored(store, "high", "x", 0.9), *scored(store, "lost", "x", 0.8)]
    rows[-1] |= {"status": "failed", "accuracy": None, "failed_stage": "score", "error": "E: x"}
    first = " ".join(render(add_verdicts(frame(*rows), store, 0.02), []).splitlines()[2:5])
    assert "**high, x** ranks first of 2 pipelines" in first
    assert "No other pipeline finished with all seeds, so none is compared." in first


def test_all_others_worse_is_said(store):
    rows = [*scored(store, "high", "x", 0.9), *scored(store, "low", "x", 0.4)]
    text = render(add_verdicts(frame(*rows), store, 0.02), [])
    assert (
        "**high, x** is the best pipeline on these 400 images: the other is significantly worse "
        "(95%, all comparisons together, choice of the best included)." in text
    )


def test_the_first_paragraph_says_how_far_no_method_at_all_is_behind(store):
    rows = [
        *scored(store, "dnn", "x", 0.9), *scored(store, "cnn", "x", 0.8),
        *scored(store, "pixels", "none", 0.5),
    ]  # fmt: skip
    first = " ".join(render(add_verdicts(frame(*rows), store, 0.02), []).splitlines()[2:5])
    assert "The next pipeline, cnn, x, is behind by 0.1" in first
    assert "k-means on pixels is behind by 0.4" in first
    assert "One run of dnn, x takes 6.0 s, from images to clusters." in first


def test_dependent_images_have_no_image_term(store):
    rows = scored(store, "high", "x", 0.9)
    with_images = add_verdicts(frame(*rows), store, 0.02)
    alone = add_verdicts(frame(*(row | {"independent_images": False} for row in rows)), store, 0.02)
    widths = [f["interval_high"][0] - f["interval_low"][0] for f in (with_images, alone)]
    assert widths[1] < widths[0]
    assert "over seeds, not images" in render(alone, [])


def test_a_cell_that_lost_seeds_has_no_verdict(store):
    rows = [*scored(store, "high", "x", 0.9), *scored(store, "lost", "x", 0.8)]
    rows[-1] |= {"status": "failed", "accuracy": None, "failed_stage": "score", "error": "E: x"}
    found = add_verdicts(frame(*rows), store, 0.02)
    assert pd.isna(cell(found, "lost")["verdict"])
    assert cell(found, "lost")["interval_low"] > 0


def test_unlabeled_records_have_empty_columns(store):
    found = add_verdicts(frame(record("pixels", "x", 0, labeled=False)), store, 0.02)
    assert found["verdict"].isna().all()
    assert correctness.write(found, store, store.root) is None


def test_correctness_survives_writing_and_reading(store, tmp_path):
    found = frame(*scored(store, "high", "x", 0.9), *scored(store, "low", "y", 0.5))
    path = correctness.write(found, store, tmp_path)
    again = correctness.read(found, path)
    for name, expected in correctness.collect(Results(found), store).items():
        assert again[name].repeated == expected.repeated
        np.testing.assert_array_equal(again[name].values(), expected.values())


def write(folder, store, *rows):
    folder.mkdir()
    found = frame(*rows)
    found.to_csv(folder / "results.csv", index=False)
    correctness.write(found, store, folder)
    return str(folder / "results.csv")


def common(**values):
    return {"validation_fingerprint": "v", "labels_fingerprint": "l"} | values


def test_the_command(tmp_path, store, capsys):
    one = write(tmp_path / "a", store, *scored(store, "m", "x", 0.9, **common()))
    worse = write(tmp_path / "b", store, *scored(store, "m", "x", 0.5, **common()))
    others = common(base_seed=7)
    short = write(tmp_path / "d", store, *scored(store, "m", "x", 0.4, 1, **common()))
    apart = write(tmp_path / "c", store, *scored(store, "m", "x", 0.5, **others))
    for after, code, said in (
        (worse, 1, "significantly worse"),
        (one, 0, "no significant difference"),
        (apart, 0, "no seed in common"),
        (short, 0, "not tested: two seeds in common are needed"),
    ):
        with pytest.raises(SystemExit) as end:
            main([one, after])
        assert end.value.code == code
        assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda folder: (folder / correctness.FILE).unlink(), "no correctness.safetensors beside"),
        (lambda folder: (folder / correctness.FILE).write_bytes(b"x"), "cannot read"),
        (lambda folder: (folder / "results.csv").write_text("a\n1\n"), "is not a results.csv"),
        (
            lambda folder: (folder / "results.csv").write_text(
                (folder / "results.csv").read_text().replace("f" * 64, "0" * 64)
            ),
            "not on the same data (dataset_fingerprint ffffffffffffffff and 0000000000000000)",
        ),
    ],
)
def test_misuse_is_one_line(tmp_path, store, capsys, harm, message):
    one = write(tmp_path / "a", store, *scored(store, "m", "x", 0.9, **common()))
    other = write(tmp_path / "b", store, *scored(store, "m", "x", 0.9, **common()))
    harm(tmp_path / "b")
    with pytest.raises(SystemExit) as end:
        main([one, other])
    shown = capsys.readouterr().err
    assert end.value.code == 2
    assert message in shown
    assert shown.count("\n") == 1


def test_a_grid_leaves_what_compare_needs(tmp_path, capsys):
    for name, seeds in (("a", 3), ("b", 2)):
        found = run_grid(
            tmp_path, "--models", "pixels", "--reducers", "pca5,none", "--seeds", seeds, "--limit",
            "100", "--out", name,
        )  # fmt: skip
        assert found.returncode == 0, found.stderr
    with pytest.raises(SystemExit) as end:
        main([str(tmp_path / "a" / "results.csv"), str(tmp_path / "b" / "results.csv")])
    assert end.value.code == 0
    # Both have the same results with the seeds that they share.
    assert capsys.readouterr().out.count("no significant difference") == 2
    written = records.read(tmp_path / "a" / "results.csv")
    assert "best" in set(written["verdict"])
    assert written["behind_best"].notna().sum() == 3
    assert set(written["equivalence"]) == {0.02}


@pytest.mark.slow
def test_another_margin_of_equivalence_computes_nothing(tmp_path):
    grid = ("--models", "pixels", "--reducers", "pca5,none", "--seeds", 2, "--limit", "100")
    assert run_grid(tmp_path, *grid).returncode == 0
    folder = tmp_path / "results"
    written = (folder / "results.csv").read_bytes()
    assert "within ±0.02" in (folder / "results.md").read_text()
    found = run_module("bench.report", "results", "--equivalence", "0.9", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    text = (folder / "results.md").read_text()
    assert "within ±0.9" in text
    assert "; equivalent" in text
    assert (folder / "results.csv").read_bytes() == written
    wrong = run_module("bench.report", "results", "--equivalence", "2", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "equivalence: " in wrong.stderr
    again = run_grid(tmp_path, *grid, "--equivalence", "0.3")
    assert "0 tasks done" in again.stdout
    assert "within ±0.3" in (folder / "results.md").read_text()
    assert "equivalence = 0.3" in (folder / "grid.toml").read_text()
