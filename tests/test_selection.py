"""Label-free selection: scores compared with accuracy where labels are known."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr, t

from bench.analysis.inference import Interval
from bench.analysis.results import Results
from bench.analysis.selection import (
    DEFAULT,
    SCORES,
    Selection,
    leave_one_out,
    rank_correlation,
    select,
    select_in,
)
from bench.base.errors import UsageError
from bench.report import markdown, tables
from bench.report.headline import render
from tests.conftest import run_module
from tests.test_report import frame, record


def selected(found):
    """The chains of the pipelines that a score selects."""
    return [chain for _, chain, _ in found.pipelines]


def cells(**by_chain):
    """Records of one seed: by chain, accuracy and what else the cell has."""
    return frame(
        *(
            record("m", chain, 0, accuracy=accuracy, public_accuracy=accuracy,
                   **{"null_silhouette": 0.1} | values)
            for chain, (accuracy, values) in by_chain.items()
        )
    )  # fmt: skip


FOUR = {
    "a": (0.9, {"knn_modularity": 0.50, "stability": 0.9, "silhouette": 0.3}),
    "b": (0.7, {"knn_modularity": 0.55, "stability": 0.8, "silhouette": 0.2}),
    "c": (0.5, {"knn_modularity": 0.40, "stability": 0.99, "silhouette": 0.5}),
    "d": (0.3, {"knn_modularity": 0.10, "stability": 0.7, "silhouette": 0.1}),
}


def test_rank_correlation_pick_and_regret_by_hand_and_scipy():
    found = {each.score: each for each in select(Results(cells(**FOUR)))}
    knn_modularity = found["kNN modularity"]
    assert knn_modularity.pipelines == (("m", "b", "kmeans"),)
    assert knn_modularity.regret == pytest.approx(0.2)
    accuracies, values = zip(*((a, v["knn_modularity"]) for a, v in FOUR.values()), strict=True)
    assert knn_modularity.correlation.mean == pytest.approx(spearmanr(accuracies, values)[0])
    assert knn_modularity.correlation.mean == pytest.approx(0.8)
    assert math.isnan(knn_modularity.correlation.low)  # one encoder
    assert selected(found["stability"]) == ["c"]
    assert found["stability"].regret == pytest.approx(0.4)
    assert selected(found["kNN modularity × stability"]) == ["a"]
    assert found["kNN modularity × stability"].regret == 0
    assert "reference silhouette" not in found  # no cell has one


def test_pipelines_of_which_seeds_failed_do_not_count():
    broken = {**FOUR, "e": (0.95, {"knn_modularity": 0.99, "status": "failed"})}
    assert {each.count for each in select(Results(cells(**broken)))} == {4}


def test_nothing_is_said_without_labels_or_with_two_cells():
    nothing = cells(**FOUR).assign(accuracy=math.nan, public_accuracy=math.nan)
    assert select(Results(nothing)) == []
    assert select(Results(cells(a=FOUR["a"], b=FOUR["b"]))) == []


def test_one_accuracy_for_all_has_no_order():
    same = {name: (0.5, values) for name, (_, values) in FOUR.items()}
    assert all(math.isnan(each.correlation.mean) for each in select(Results(cells(**same))))


def test_all_that_are_tied_are_selected():
    """The loss is a model's, the same for all of its chains; regret is 0 for the best alone."""
    losses = [0.1, 0.2, 0.1, 0.1 + 1e-16]
    rows = cells(**FOUR).assign(reconstruction_loss=losses)
    rows["verdict"] = ["best", "not tested", "not tested", None]
    (found,) = [each for each in select(Results(rows)) if each.score == "MSE"]
    assert selected(found) == ["a", "c", "d"]
    assert found.regret == pytest.approx(np.mean([0.0, 0.4, 0.6]))
    (line,) = [line for line in section(Results(rows))[1].splitlines() if "| MSE " in line]
    said = [part.strip() for part in line.split("|")[3:8]]
    assert said == [
        "3 tied: m, a; m, c; m, d",
        "-0.26",
        "0.333",
        "1 best, 1 not tested",
        "4",
    ]
    many = Selection("MSE", found.correlation, (("m", "c", "kmeans"),) * 6, 0.1, 9)
    assert tables.selected(many) == "6 tied: m, c; m, c; m, c; 3 more"


def test_the_interval_of_a_correlation_is_the_jackknife_over_encoders():
    """By hand: each encoder left out, on the scale of Fisher's z, with Student's quantile."""
    random = np.random.default_rng(3)
    encoders = np.repeat(list("abcde"), 4)
    scores = random.normal(size=20)
    accuracies = scores + random.normal(size=20)
    found = rank_correlation(pd.Series(scores), pd.Series(accuracies), pd.Series(encoders))
    rest = [
        np.arctanh(spearmanr(scores[encoders != e], accuracies[encoders != e])[0]) for e in "abcde"
    ]
    half = t.ppf(0.975, 4) * np.sqrt(4 / 5 * np.sum((rest - np.mean(rest)) ** 2))
    center = np.arctanh(spearmanr(scores, accuracies)[0])
    assert found.mean == pytest.approx(spearmanr(scores, accuracies)[0])
    assert (found.low, found.high) == pytest.approx(np.tanh([center - half, center + half]))
    assert tables.correlation(found) == f"{found.mean:+.2f} ({found.low:+.2f} to {found.high:+.2f})"


def test_pipelines_of_one_encoder_are_no_sample_of_their_own():
    """Each pipeline four times over says nothing new: the interval stays as wide."""
    random = np.random.default_rng(5)
    scores, accuracies = random.normal(size=(2, 6))
    once = rank_correlation(pd.Series(scores), pd.Series(accuracies), pd.Series(list("abcdef")))
    repeated = (np.repeat(each, 4) for each in (scores, accuracies, list("abcdef")))
    often = rank_correlation(*map(pd.Series, repeated))
    assert often.mean == pytest.approx(once.mean)
    assert (often.low, often.high) == pytest.approx((once.low, once.high))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from("abcd")),
        min_size=3,
        max_size=20,
    )
)
def test_any_correlation_is_in_its_interval(cells):
    scores, accuracies, encoders = (pd.Series(each) for each in zip(*cells, strict=True))
    found = rank_correlation(scores, accuracies, encoders)
    if math.isnan(found.mean):
        assert min(scores.nunique(), accuracies.nunique()) == 1
    if not math.isnan(found.low):
        assert encoders.nunique() >= 3
        assert -1 <= found.low <= found.mean <= found.high <= 1
        assert found.low < found.high


def test_a_perfect_correlation_has_no_interval():
    order = pd.Series([0.1, 0.2, 0.3, 0.4])
    found = rank_correlation(order, order, pd.Series(list("abcd")))
    assert found.mean == pytest.approx(1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


HALF = Interval(0.5, 0.1, 0.8)


def judged(**regrets):
    return [
        Selection(name.replace("knn_", "kNN "), HALF, (("m", "c", "kmeans"),), regret, 9)
        for name, regret in regrets.items()
    ]


def test_a_score_is_chosen_on_the_others_and_judged_on_the_one_left_out():
    found = leave_one_out(
        {
            "x": judged(knn_modularity=0.00, stability=0.30),
            "y": judged(knn_modularity=0.02, stability=0.10),
            "z": judged(knn_modularity=0.50, stability=0.00),
        }
    )
    # Left out x: kNN modularity 0.26 on y and z, stability 0.05. y: 0.25, 0.15. z: 0.01, 0.20.
    assert [(each.dataset, each.chosen, each.regret) for each in found] == [
        ("x", "stability", 0.30), ("y", "stability", 0.10), ("z", "kNN modularity", 0.50),
    ]  # fmt: skip


def test_losses_select_among_images_of_one_size_only():
    """The lowest loss of all, at another size, selects nothing among the others."""
    losses = {"a": 0.3, "b": 0.2, "c": 0.25, "d": 0.01}
    rows = cells(**FOUR)
    rows = rows.assign(reconstruction_loss=rows["chain"].map(losses), image_size=64)
    (found,) = [each for each in select(Results(rows)) if each.score == "MSE"]
    assert (found.name, selected(found), found.count) == ("MSE", ["d"], 4)
    # The model of the last is another, as a size is a model's.
    rows.loc[3, ["model", "image_size"]] = ["small", 32]
    (found,) = [each for each in select(Results(rows)) if each.score == "MSE"]
    assert (found.name, selected(found), found.count) == ("MSE, images of 64×64", ["b"], 3)
    assert "| MSE, images of 64×64 " in markdown.render(Results(rows), [])


def test_only_scores_that_all_sets_have_can_be_chosen():
    found = leave_one_out(
        {"x": judged(knn_modularity=0.1), "y": judged(knn_modularity=0.2, stability=0.0)}
    )
    assert {each.chosen for each in found} == {"kNN modularity"}


def test_the_default_is_a_candidate_and_all_have_a_meaning():
    assert SCORES[DEFAULT].candidate
    assert all(score.meaning and score.name == name for name, score in SCORES.items())


def section(results):
    """The paragraphs of the section on selection without labels."""
    _, _, after = markdown.render(results, []).partition("## Selection without labels\n\n")
    return after.partition("\n\n## ")[0].split("\n\n")


def test_the_report_of_labeled_images_shows_what_would_have_been_selected():
    note, table = section(Results(cells(**FOUR)))
    assert "regret" in note
    (line,) = [line for line in table.splitlines() if line.startswith("| kNN modularity  ")]
    said = [part.strip() for part in line.split("|")[3:8]]
    assert said == ["m, b", "+0.80", "0.200", "–", "4"]
    assert "it needs three encoders" in note
    of_b = cells(**FOUR).assign(verdict=lambda each: each["chain"].map({"b": "not tested"}))
    assert {each.verdicts for each in select(Results(of_b)) if selected(each) == ["b"]} == {
        ("not tested",)
    }


def test_unlabeled_pipelines_are_ranked_by_knn_modularity():
    nothing = cells(**FOUR).assign(
        accuracy=math.nan, public_accuracy=math.nan, largest_class=math.nan, labeled=False
    )
    _, table = section(Results(nothing))
    chains = [line.split("|")[2].strip() for line in table.splitlines()[2:]]
    assert chains == ["b", "a", "c", "d"]
    said = render(Results(nothing))
    assert "**m, b** ranks first of 4 pipelines" in said
    assert "Its kNN modularity is 0.550; a score without labels" in said
    page = markdown.render(Results(nothing.assign(interval_low=0.4, interval_high=0.6)), [])
    assert "The interval is for kNN modularity" in page
    assert "Images share neighbors" in page


def test_cells_that_were_not_finished_do_not_lead():
    """Measured, and then not scored: a kNN modularity alone makes no best cell."""
    rows = cells(**FOUR).assign(
        status="skipped", skip_reason="only-cached", accuracy=math.nan, public_accuracy=math.nan
    )
    assert Results(rows).best is None
    assert not Results(rows).has_scores
    assert "No pipeline finished" in render(Results(rows))
    rows.loc[3, "status"] = "ok"  # of the least kNN modularity
    found = Results(rows).best
    assert found is not None
    assert found.pipeline[1] == "d"


def test_the_command_reads_results_of_several_runs(tmp_path):
    for name in ("one", "two"):
        rows = cells(**FOUR).assign(dataset=name)
        (tmp_path / name).mkdir()
        rows.to_csv(tmp_path / name / "results.csv", index=False)
    found = run_module("bench.trust", "one/results.csv", "two/results.csv", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert found.stdout.count("| kNN modularity  ") >= 2
    assert "data set left out" in found.stdout
    with pytest.raises(UsageError, match="one is in these results twice"):
        select_in([tmp_path / "one" / "results.csv"] * 2)
    few = pd.read_csv(tmp_path / "one" / "results.csv").head(2)
    few.to_csv(tmp_path / "few.csv", index=False)
    with pytest.raises(UsageError, match="no accuracy to compare scores with"):
        select_in([tmp_path / "few.csv"])
