"""Label-free selection: scores compared with accuracy where labels are known."""

import math

import pandas as pd
import pytest
from scipy.stats import spearmanr

from bench.analysis.results import Results
from bench.analysis.selection import DEFAULT, SCORES, Selection, leave_one_out, select, select_in
from bench.base.errors import UsageError
from bench.report import markdown
from bench.report.headline import render
from tests.conftest import run_module
from tests.test_report import frame, record


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
    assert knn_modularity.pipeline == ("m", "b", "kmeans")
    assert knn_modularity.regret == pytest.approx(0.2)
    accuracies, values = zip(*((a, v["knn_modularity"]) for a, v in FOUR.values()), strict=True)
    assert knn_modularity.correlation == pytest.approx(spearmanr(accuracies, values)[0])
    assert knn_modularity.correlation == pytest.approx(0.8)
    assert found["stability"].pipeline[1] == "c"
    assert found["stability"].regret == pytest.approx(0.4)
    assert found["kNN modularity × stability"].pipeline[1] == "a"
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
    assert all(math.isnan(each.correlation) for each in select(Results(cells(**same))))


def judged(**regrets):
    return [
        Selection(name.replace("knn_", "kNN "), 0.5, ("m", "c", "kmeans"), regret, 9)
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
    assert (found.name, found.pipeline[1], found.count) == ("MSE", "d", 4)
    # The model of the last is another, as a size is a model's.
    rows.loc[3, ["model", "image_size"]] = ["small", 32]
    (found,) = [each for each in select(Results(rows)) if each.score == "MSE"]
    assert (found.name, found.pipeline[1], found.count) == ("MSE, images of 64×64", "b", 3)
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
    of_b = cells(**FOUR).assign(verdict=lambda each: each["chain"].map({"b": "not tested"}))
    assert {each.verdict for each in select(Results(of_b)) if each.pipeline[1] == "b"} == {
        "not tested"
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
