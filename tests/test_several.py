"""Several data sets in one run: split, planned, run, ranked, checked and compared."""

import itertools
import json
import shutil
import tomllib
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import rankdata, studentized_range
from scipy.stats import wilcoxon as scipys_wilcoxon

from bench import compare as command
from bench import grid
from bench.analysis import compare_runs, correctness, gate, thresholds
from bench.analysis.correctness import Correctness
from bench.analysis.ranks import (
    against_first,
    compare_ranks,
    least_p,
    range_test,
    rank,
    wilcoxon,
)
from bench.analysis.records import read
from bench.analysis.results import Results
from bench.base.errors import UsageError
from bench.base.naming import set_name
from bench.datasets import datasets
from bench.datasets.dataset import split
from bench.planning.settings import resolve
from bench.report.command_tables import check_table, compare_table
from bench.report.several import rank_table, render
from bench.report.write import remove_stale_sets
from bench.store import Store
from bench.store.upkeep import prune, recorded
from tests.conftest import run_grid, run_python
from tests.test_check import records as checked
from tests.test_report import frame, record, scored

# Splitting


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("digits", ["digits"]),
        ("digits,photos", ["digits", "photos"]),
        ("digits , photos", ["digits", "photos"]),
        ("digits,photo", ["digits", "photo"]),
        ("npy:/a,b/c", ["npy:/a,b/c"]),
        ("npy:/a,b,digits,npy:/c", ["npy:/a,b", "digits", "npy:/c"]),
        ("npy:/a,,b", ["npy:/a,,b"]),
        ("npy:/a,C:x,folder:y", ["npy:/a,C:x", "folder:y"]),
        ("npy:/a,photo", ["npy:/a,photo"]),
        (" npy:/a ", [" npy:/a "]),
        ("", [""]),
    ],
)
def test_a_list_is_split_at_commas_that_are_not_a_paths(text, sets):
    assert split(text) == sets


@pytest.mark.parametrize("text", ["digits,", ",digits", "digits,,photos", "digits, ,photos", ","])
def test_an_empty_piece_is_refused(text):
    with pytest.raises(ValueError, match="an empty name in"):
        split(text)


@given(st.text(max_size=40) | st.text("dgits:,/ n", max_size=30))
def test_splitting_loses_nothing(text):
    try:
        sets = split(text)
    except ValueError:
        assert "," in text
        return
    if len(sets) == 1:
        assert sets == [text]
    assert "".join(",".join(sets).split()) == "".join(text.split())


FOLDERS = st.text("abc/., ", min_size=1, max_size=12).map(lambda path: f"x{path}x")


@given(
    st.lists(
        st.sampled_from(["digits", "photos"])
        | st.builds("{}:{}".format, st.sampled_from(["npy", "folder"]), FOLDERS),
        min_size=1,
        unique=True,
    )
)
def test_what_is_joined_is_split_again(sets):
    assert split(",".join(sets)) == sets
    spec = resolve({"dataset": ",".join(sets)})
    assert list(spec.datasets) == sets
    assert tomllib.loads(spec.to_toml())["dataset"] == (sets if len(sets) > 1 else sets[0])


@given(st.lists(st.text(max_size=20).map("npy:{}".format), min_size=1, max_size=3, unique=True))
def test_a_list_is_taken_as_it_is_and_written_so(tmp_path_factory, sets):
    assume(all(name.encode(errors="replace").decode() == name for name in sets))
    spec = resolve({"dataset": sets})
    assert list(spec.datasets) == sets
    path = tmp_path_factory.mktemp("toml") / "grid.toml"
    path.write_text(spec.to_toml(), encoding="utf-8", newline="")
    assert resolve({}, path) == spec


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (["digits", "digits"], "digits is named twice"),
        ([], "names no data set"),
        (["digits", 3], "must be a data set or a list of them, found"),
        (["digits,photos"], "unknown data set 'digits,photos'"),
        (["digits", ""], "unknown data set ''"),
    ],
)
def test_a_list_that_is_wrong_is_refused(dataset, message):
    with pytest.raises(UsageError, match=message):
        resolve({"dataset": dataset})


def test_the_presets_limit_is_for_its_own_set_alone():
    assert resolve({"dataset": ["photos"]}).limit == 400
    assert resolve({"dataset": "digits,photos"}).limit == "all"


@given(st.lists(st.text(max_size=80), unique=True, max_size=20))
def test_names_of_folders_do_not_collide(names):
    found = {set_name(name).lower() for name in names}
    assert len(found) == len(names)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for name in found)


# Ranks


def cells(dataset, accuracies, **values):
    """Records of one data set: cells a, b, c … with their accuracies, two seeds each."""
    rows = []
    for model, accuracy in zip("abcdefgh", accuracies, strict=False):
        rows += scored(model, "x", accuracy, accuracy, dataset=dataset, **values)
    return rows


def broken(rows, model, seed, status):
    """Have a cell lose a seed, or both."""
    for row in rows:
        if row["model"] == model and row["seed_index"] in (seed, *([1] if seed == 0 else [])):
            row |= {"status": status, "failed_stage": "score", "error": "E: x", "traceback": "t"}
            row |= {"skip_reason": "too wide"}
            row |= dict.fromkeys(("accuracy", "public_accuracy", "private_accuracy"))
    return rows


def of(ranking):
    """Ranks by cell, as a dictionary."""
    return {
        model: list(ranking.ranks.loc[(model, "x", "kmeans")]) for model, *_ in ranking.pipelines
    }


def test_ranks_by_hand():
    rows = cells("one", [0.9, 0.8, 0.8, 0.5]) + cells("two", [0.5, 0.6, 0.7, 0.8])
    found = rank(Results(frame(*rows)))
    assert of(found) == {"a": [1, 4], "b": [2.5, 3], "c": [2.5, 2], "d": [4, 1]}
    assert [model for model, *_ in found.pipelines] == ["c", "a", "d", "b"]
    assert list(found.means) == [2.25, 2.5, 2.5, 2.75]
    assert found.leaders == [("c", "x", "kmeans")]
    assert compare_ranks(found) is None


def test_pretrained_models_and_the_largest_class_are_told_of():
    rows = cells("one", [0.9, 0.8, 0.7]) + cells("two", [0.5, 0.6, 0.7])
    records = frame(*rows)
    records["pretrained"] = records["model"].map({"b": "ImageNet, with labels"})
    records.loc[records["dataset"] == "two", "largest_class"] = 0.75
    results = Results(records)
    ranking = rank(results)
    table = rank_table(results, ranking, None)
    assert [(heading, [row.name[0] for row in rows]) for heading, rows in table.groups] == [
        ("Not pretrained", ["a", "c"]), ("Pretrained", ["b"]),
    ]  # fmt: skip
    text = render(results)
    assert "On two no pipeline, or not the first one, is shown to be above the largest" in text
    assert "On one no pipeline" not in text
    assert text.count("Pretrained: b on ImageNet, with labels.") == 2


def test_who_lacks_seeds_shares_the_worst_ranks():
    rows = cells("one", [0.9, 0.8, 0.7, 0.6]) + cells("two", [0.9, 0.8, 0.7, 0.6])
    broken(rows[:8], "a", 0, "failed")
    broken(rows[:8], "b", 1, "skipped")  # one seed only
    found = rank(Results(frame(*rows)))
    assert of(found) == {"a": [3.5, 1], "b": [3.5, 2], "c": [1, 3], "d": [2, 4]}
    assert list(found.states["one"].loc[[("a", "x", "kmeans"), ("b", "x", "kmeans")]]) == [
        "failed",
        "skipped",
    ]
    text = render(Results(frame(*rows)))
    assert "shares the worst ranks" in text
    assert "**2 of 16 runs failed;**" in text
    assert "**1 of 16 runs were skipped;**" in text


def test_a_set_on_which_nothing_was_finished_counts_and_one_without_labels_does_not():
    rows = cells("one", [0.9, 0.8])
    failed = [broken(cells("two", [0.9, 0.8]), model, 0, "failed") for model in "ab"]
    bare = [record(m, "x", s, dataset="bare", labeled=False, largest_class=None)
            for m, s in itertools.product("ab", (0, 1))]  # fmt: skip
    rows += [row for row in failed[0] if row["model"] == "a"]
    rows += [row for row in failed[1] if row["model"] == "b"]
    found = rank(Results(frame(*rows, *bare)))
    assert of(found) == {"a": [1, 1.5], "b": [2, 1.5]}
    assert found.unlabeled == ("bare",)
    text = render(Results(frame(*rows, *bare)))
    assert "have no labels, and therefore no accuracy and no ranks: bare" in text
    assert "These 100 images have no labels" in text
    nothing = render(Results(frame(*bare)))
    assert "No data set has labels" in nothing


def test_fewer_than_six_sets_claim_nothing_and_six_do():
    rows = [row for s in range(5) for row in cells(f"s{s}", [0.9, 0.5])]
    text = render(Results(frame(*rows)))
    assert "With fewer than six labeled data sets no claim of significance is made" in text
    assert "0.062 over 5, and 0.031 over six" in text
    assert "worse" not in text.partition("## s0")[0].replace("worst", "")
    text = render(Results(frame(*rows, *cells("s5", [0.9, 0.5]))))
    assert "Over 6 data sets, 1 of the 2 pipelines that finished on all of them may have" in text
    assert "best mean rank; 1 is significantly worse (95%, all comparisons together" in text
    assert "each of the data sets below hold for that data set alone, at 95% each" in text
    assert "significantly worse, p = 0.03" in text
    assert least_p(6) == 2 / 2**6


def test_cells_that_are_not_complete_take_no_part_in_tests():
    rows = [row for s in range(8) for row in cells(f"s{s}", [0.95, 0.9, 0.5])]
    broken(rows[:6], "a", 0, "failed")
    found = compare_ranks(rank(Results(frame(*rows))))
    assert found.best == ("b", "x", "kmeans")
    assert set(found.verdicts) == {("b", "x", "kmeans"), ("c", "x", "kmeans")}
    assert found.verdicts["c", "x", "kmeans"] == "significantly worse"


# Tests


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=12, unique=True), st.data())
def test_wilcoxon_is_scipys_where_nothing_is_tied(sizes, data):
    signs = data.draw(st.lists(st.sampled_from([-1, 1]), min_size=12, max_size=12))
    differences = np.array([size * sign for size, sign in zip(sizes, signs, strict=False)])
    expected = scipys_wilcoxon(differences, method="exact").pvalue
    assert wilcoxon(differences) == pytest.approx(expected)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=7))
def test_wilcoxon_counts_every_way_to_give_signs_with_ties_as_well(differences):
    sizes = pd.Series([abs(d) for d in differences if d], dtype=float).rank()
    found = sum(r for r, d in zip(sizes, [d for d in differences if d], strict=True) if d > 0)
    middle = sizes.sum() / 2
    ways = [
        sum(itertools.compress(sizes, chosen))
        for chosen in itertools.product([0, 1], repeat=len(sizes))
    ]
    expected = np.mean([abs(way - middle) >= abs(found - middle) for way in ways])
    assert wilcoxon(np.array(differences)) == pytest.approx(expected)


def test_six_of_six_is_the_least_that_can_be_told():
    assert wilcoxon(np.arange(1.0, 7)) == least_p(6) == 0.03125
    assert wilcoxon(np.arange(1.0, 6)) == 0.0625
    assert wilcoxon(np.zeros(6)) == 1


def test_two_pipelines_are_compared_by_signs():
    """Ranks of two are signs: six of six data sets are 2 of 64 ways."""
    values = np.array([[0.9] * 6, [0.5] * 6])
    assert range_test(values) == pytest.approx([2 / 64], abs=0.006)
    assert range_test(values[::-1]) == [1]
    assert range_test(np.full((3, 6), 0.5)).tolist() == [1, 1]


def test_the_range_of_ranks_tends_to_nemenyis():
    """12 pipelines on 40 data sets: the critical difference is q √(m (m + 1) / 12 N)."""
    random = np.random.default_rng(0)
    values = random.normal(size=(12, 40))
    values += np.linspace(1.0, 0, 12)[:, None]
    ranks = rankdata(-values, axis=0).mean(axis=1)
    critical = studentized_range.ppf(0.95, 12, np.inf) * np.sqrt(12 * 13 / (12 * 40))
    behind = ranks[1:] - ranks[0]
    told = range_test(values) <= 0.05
    assert told[behind > 1.03 * critical].all()
    assert not told[behind < 0.97 * critical].any()


def test_those_that_remain_are_compared_again():
    """Seven far behind make the ranks of the first three alike, until they are out."""
    random = np.random.default_rng(1)
    values = np.r_[
        0.9 + 0.01 * random.normal(size=(1, 8)), 0.8 + 0.01 * random.normal(size=(1, 8)),
        0.3 + 0.01 * random.normal(size=(8, 8)),
    ]  # fmt: skip
    assert range_test(values)[0] > 0.05
    assert (against_first(values) <= 0.05).all()


def test_many_pipelines_are_told_apart_on_six_data_sets():
    random = np.random.default_rng(2)
    values = random.normal(size=(10, 6)) * 0.5 - np.r_[0, 0, 0, np.full(7, 4.0)][:, None]
    order = np.argsort(rankdata(-values, axis=0).mean(axis=1), kind="stable")
    worse = against_first(values[order]) <= 0.05
    assert worse[2:].sum() >= 5
    assert not worse[:2].any()


@pytest.mark.parametrize("behind", [(), (5.0,)], ids=["all equal", "one of them far behind"])
def test_of_equal_cells_one_is_seldom_called_better(behind):
    """In 300 grids of four equal cells on eight sets: a false winner in some 5 of 100 or fewer."""
    random = np.random.default_rng(0)
    false = 0
    for _ in range(300):
        values = random.normal(size=(4 + len(behind), 8))
        values[4:] -= np.array(behind).reshape(-1, 1)
        order = np.argsort(rankdata(-values, axis=0).mean(axis=1), kind="stable")
        p = against_first(values[order])
        false += any(each <= 0.05 for cell, each in zip(order[1:], p, strict=True) if cell < 4)
    assert false / 300 <= 0.08


def test_a_cell_that_is_better_everywhere_is_called_so():
    rows = [row for s in range(10) for row in cells(f"s{s}", [0.9, 0.5, 0.4 + s / 100])]
    found = compare_ranks(rank(Results(frame(*rows))))
    assert found.worse == 2


# Gate and comparison

CELLS = {("dnn", "pca8"): [0.7, 0.72, 0.74], ("cnn", "pca8"): [0.8, 0.8, 0.83]}


def both(cells_of_two=CELLS):
    return pd.concat([checked(CELLS, dataset="one"), checked(cells_of_two, dataset="two")])


def test_each_set_is_held_against_its_own_thresholds():
    limits = thresholds.update([], Results(both()))
    assert [(t.dataset, t.model) for t in limits] == [
        ("one", "cnn"), ("one", "dnn"), ("two", "cnn"), ("two", "dnn"),
    ]  # fmt: skip
    assert gate.exit_code(gate.judge(limits, Results(both()))) == 0
    worse = both({**CELLS, ("cnn", "pca8"): [0.1, 0.1, 0.1]})
    found = gate.judge(limits, Results(worse))
    assert [(v.dataset, v.model) for v in found if v.verdict == "falls short"] == [("two", "cnn")]
    assert check_table(found).splitlines()[2].split()[:2] == ["two", "cnn"]
    suites = ET.fromstring(gate.junit(found))
    assert [(s.get("name"), s.get("failures")) for s in suites] == [
        ("latentgrid one", "0"), ("latentgrid two", "1"),
    ]  # fmt: skip
    assert {v["dataset"] for v in json.loads(gate.as_json(found))["verdicts"]} == {"one", "two"}


def test_updating_keeps_the_patterns_of_every_set():
    wild = thresholds.Threshold(
        preset="quick", dataset="*", model="*nn", chain="pca*", clusterer="*", seeds=3,
        min_accuracy=0.1, accuracy_margin=0.1,
    )  # fmt: skip
    other = wild.model_copy(update={"preset": "homework"})
    renewed = thresholds.update([wild, other], Results(both()))
    assert [(t.preset, t.dataset, t.model) for t in renewed] == [
        ("homework", "*", "*nn"), ("quick", "one", "*nn"), ("quick", "two", "*nn"),
    ]  # fmt: skip


def test_a_set_without_thresholds_is_no_pass():
    limits = thresholds.update([], Results(checked(CELLS, dataset="one")))
    found = gate.judge(limits, Results(both()))
    assert gate.exit_code(found) == 3
    assert [v.dataset for v in found if v.verdict == "no threshold"] == ["two"]
    assert "none applies to preset quick on this data set" in check_table(found)
    assert [s.get("errors") for s in ET.fromstring(gate.junit(found))] == ["0", "1"]
    with pytest.raises(UsageError, match="no threshold applies to preset quick on one or two"):
        gate.judge([], Results(both()))


def test_the_set_of_a_cell_that_failed_is_named():
    bad = both({**CELLS, ("cnn", "pca8"): [0.1, None, 0.1]})
    with pytest.raises(UsageError, match="skipped: cnn, pca8 on two"):
        thresholds.update([], Results(bad))


def evidence(accuracy, seeds=9):
    random = np.random.default_rng(round(accuracy * 1000))
    return Correctness({seed: random.random(400) < accuracy for seed in range(seeds)}, True)


def test_comparisons_on_all_sets_are_corrected_together():
    cell = ("a", "x", "kmeans")
    pairs = [
        compare_runs.Pair(name, {cell: evidence(0.6)}, {cell: evidence(0.9)}) for name in ("s", "t")
    ]
    alone, (one, other) = compare_runs.compare(pairs[:1]), compare_runs.compare(pairs)
    assert (one.dataset, other.dataset) == ("s", "t")
    assert one.p == other.p == pytest.approx(2 * alone[0].p)
    assert one.verdict == "significantly better"
    assert compare_table([one, other]).split()[:2] == ["data", "set"]


# The whole


TINY = [
    "--limit", "100", "--models", "pixels", "--reducers", "pca5,pca9", "--seeds", "2", "--no-null",
    "--no-baselines",
]  # fmt: skip


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A folder in which the command ran on two data sets, and what it said."""
    folder = tmp_path_factory.mktemp("several")
    return folder, run_grid(folder, "--dataset", "digits,photos", *TINY)


def in_process(capsys, *arguments):
    with pytest.raises(SystemExit) as end:
        grid.main([*arguments, "--engine", "inline"])
    return end.value.code, capsys.readouterr()


def test_the_command_leaves_a_report_a_set_and_one_of_all(ran):
    folder, found = ran
    assert found.returncode == 0, found.stderr
    out = folder / "results"
    names = {"digits": set_name("digits"), "photos": set_name("photos")}
    assert {path.name for path in out.iterdir()} == {
        "results.md", "index.html", "results.csv", "grid.toml", correctness.FILE,
        *names.values(),
    }  # fmt: skip
    assert "Ranks, 1 is best" in found.stdout
    assert "no claim of significance" in found.stdout
    assert found.stdout.rstrip().endswith("see results/results.md")
    whole = pd.read_csv(out / "results.csv")
    assert whole.groupby("dataset", sort=False).size().to_dict() == {"digits": 4, "photos": 4}
    text = (out / "results.md").read_text()
    for dataset, name in names.items():
        own = pd.read_csv(out / name / "results.csv")
        of_set = whole[whole["dataset"] == dataset].reset_index(drop=True)
        pd.testing.assert_frame_equal(of_set, own, check_dtype=False)
        assert f"({name}/results.md)" in text
        assert (out / name / "figures").is_dir()
        assert tomllib.loads((out / name / "grid.toml").read_text())["dataset"] == dataset
        evidence_of = correctness.read(
            read(out / name / "results.csv"), out / name / correctness.FILE
        )
        joined = correctness.read(of_set, out / correctness.FILE)
        for cell, each in evidence_of.items():
            np.testing.assert_array_equal(joined[cell].values(), each.values())


def test_it_runs_again_from_its_settings_and_from_python(ran, monkeypatch, capsys):
    folder, _ = ran
    monkeypatch.chdir(folder)
    code, shown = in_process(capsys, "--config", "results/grid.toml", "--out", "again")
    assert code == 0
    assert shown.out.count("0 tasks done") == 2
    code, shown = in_process(capsys, "--config", "results/grid.toml", "--dry-run")
    assert code == 0
    assert "4 runs on photos" in shown.out
    assert "2 data sets: 0 of" in shown.out
    again = run_python(config="results/grid.toml", only_cached=True, out="python")
    assert again["dataset"].unique().tolist() == ["digits", "photos"]
    assert len(again) == 8
    # The store knows what all these results rest on.
    store = Store(folder / ".store")
    assert {path.name for path in recorded(store)} >= {"results", "again", set_name("digits")}
    assert prune(store, True, lambda *_: None)[0] == 0
    with pytest.raises(SystemExit) as end:
        command.main(["results/results.csv", "again/results.csv"])
    assert end.value.code == 0
    assert capsys.readouterr().out.count("no significant difference") == 4


def test_one_set_in_the_same_folder_leaves_nothing_of_several(ran, monkeypatch, capsys):
    folder, _ = ran
    monkeypatch.chdir(folder)
    several = ["--dataset", "digits,photos", *TINY, "--out", "turns", "--only-cached"]
    shutil.copytree("results", "turns")
    theirs = folder / "turns" / set_name("photos") / "notes.txt"
    theirs.write_text("mine")
    in_process(capsys, "--dataset", "digits", *TINY, "--out", "turns", "--only-cached")
    left = {path.name for path in (folder / "turns").iterdir()}
    assert {"assignments.csv", "results.tex", "figures", theirs.parent.name} <= left
    assert set_name("digits") not in left
    assert list(theirs.parent.iterdir()) == [theirs]
    in_process(capsys, *several)
    left = {path.name for path in (folder / "turns").iterdir()}
    assert not {"assignments.csv", "results.tex"} & left


def test_only_cached_tells_of_a_set_that_has_nothing_there(ran, npy_folder, monkeypatch, capsys):
    folder, _ = ran
    monkeypatch.chdir(folder)
    sets = f"digits,npy:{npy_folder}"
    code, shown = in_process(capsys, "--dataset", sets, *TINY, "--only-cached", "--out", "half")
    assert code == 0, shown.err
    text = (folder / "half" / "results.md").read_text()
    assert "**4 of 8 runs were skipped;**" in text
    assert "No pipeline finished" in text


def test_only_folders_that_name_their_set_are_taken_away(tmp_path):
    for name, text in (
        (set_name("digits"), 'dataset = "digits"'),
        (set_name("photos"), 'dataset = "photos"'),
        (set_name("npy:x"), "dataset = ["),
        ("mine", 'dataset = "digits"'),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "grid.toml").write_text(text)
    remove_stale_sets(tmp_path, ("photos",))
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {set_name("photos"), set_name("npy:x"), "mine"}


FAILS = """
from reducers import reducers
from reducers.reducer import Reducer

@reducers.register("breaks", "raises")
class Breaks(Reducer):
    def fit_transform(self, X, y=None):
        raise RuntimeError("on purpose")
"""


def test_a_failure_on_a_set_is_shown_and_the_first_can_stop_all(ran, monkeypatch, capsys):
    folder, _ = ran
    monkeypatch.chdir(folder)
    (folder / "mine.py").write_text(FAILS)
    code, shown = in_process(
        capsys, "--plugin", "mine.py", "--dataset", "digits,photos", *TINY[:4], "--reducers",
        "breaks,pca5", "--seeds", "1", "--no-null", "--no-baselines", "--fail-fast",
        "--out", "failed",
    )  # fmt: skip
    assert code == 1
    assert "RuntimeError: on purpose" in shown.err
    records = read(folder / "failed" / "results.csv")
    of_photos = records[records["dataset"] == "photos"]
    assert of_photos["status"].tolist() == ["skipped", "ok"]  # pca5 was there
    assert "stopped after the first failure" in of_photos["skip_reason"].iloc[0]
    assert "RuntimeError: on purpose" in (folder / "failed" / "results.md").read_text()
    from reducers import reducers

    reducers.unregister("breaks")


def test_what_is_wrong_with_one_set_is_known_before_another_is_trained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "trainX.npy", np.zeros((9, 32, 32, 3), np.uint8))
    with pytest.raises(UsageError, match=r"npy:\.: all 9 images are the same"):
        run_python(dataset=["digits", "npy:."], limit=50, models="pixels", reducers="pca5")
    assert [path.name for path in tmp_path.iterdir()] == ["trainX.npy"]


def test_every_registered_name_may_stand_in_a_list():
    names = [name for name in datasets.names() if "-" not in name]
    assert split(",".join(names)) == names
