import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import copytree
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from bench.analysis.choices import Choices
from bench.analysis.records import _given, distinct_seconds
from bench.analysis.results import GIVEN_COLUMNS, VERDICT_COLUMNS, Results
from bench.base.naming import pipeline_file_name
from bench.report import columns, fresh, headline, latex, markdown, tables, templates
from bench.report.columns import Table, escape
from bench.report.paint import curves, images
from bench.report.tables import mean_and_spread
from bench.report.write import prepare
from bench.stages import stages_of_runs
from bench.stages.metrics.table import METRICS
from bench.store import Store
from tests.conftest import run_python


def record(model="dnn", chain="pca5", seed=0, **values):
    """A record with everything a report reads."""
    row = dict.fromkeys(METRICS)
    row |= {
        "dataset": "digits",
        "model": model,
        "chain": chain,
        "clusterer": "kmeans",
        "seed_index": seed,
        "status": "ok",
        "failed_stage": None,
        "error": None,
        "traceback": None,
        "images": 100,
        "images_in_source": 200,
        "validation_images": 0,
        "labeled": True,
        "independent_images": True,
        "largest_class": 0.1,
        "clusters": 10,
        "preset": "quick",
        "epochs": 2,
        "lr": 1e-3,
        "batch_size": 32,
        "schedule": "constant",
        "base_seed": 0,
        "vary": "all",
        "stability_artifacts": "",
        "device": "cpu",
        "precision": "float32",
        "threads": 2,
        "platform": "Linux",
        "processor": "openblas 0 Any",
        "dataset_fingerprint": "f" * 64,
        "dataset_notes": "",
        "python": "3.11",
        "torch": "2",
        "scikit-learn": "1",
        "openTSNE": "1",
        "umap-learn": "0",
        "numpy": "2",
        "code_size": 1024,
    }
    for name in ("null", "resample"):
        row |= dict.fromkeys((f"{name}_artifacts", f"{name}_link_seconds"), "")
        row |= {f"{name}_link_warm_up_seconds": "", f"{name}_error": None}
    for stage in stages_of_runs():
        row |= {
            f"{stage}_artifacts": f"{stage}-{model}-{chain}-{seed}",
            f"{stage}_seconds": "1.5",
            f"{stage}_warm_up_seconds": "0.5",
        }
    row |= {"reduce_link_seconds": "1.5", "reduce_link_warm_up_seconds": "0.5"}
    return row | values


def frame(*rows):
    return pd.DataFrame(rows).assign(**dict.fromkeys(VERDICT_COLUMNS))


def render(records, figures=(), curve=None):
    return markdown.render(Results(records), list(figures), curve)


def scored(model, chain, *accuracies, **values):
    return [
        record(
            model,
            chain,
            i,
            accuracy=a,
            public_accuracy=a + 0.01,
            private_accuracy=a - 0.01,
            nmi=a,
            ari=a,
            reconstruction_loss=0.25,
            summed_batch_mse=1.0 + i,
            **values,
        )
        for i, a in enumerate(accuracies)
    ]


def test_mean_and_spread_by_hand():
    cells = Results(frame(*scored("dnn", "pca5", 0.5, 0.7, 0.9))).summary
    row = cells.iloc[0]
    assert mean_and_spread(row, "accuracy") == "0.700 ± 0.200"  # sample standard deviation
    assert mean_and_spread(row, "summed_batch_mse") == "2.0000 ± 1.0000"
    assert mean_and_spread(row, "validation_accuracy") == "–"
    one = Results(frame(*scored("dnn", "pca5", 0.5))).summary.iloc[0]
    assert mean_and_spread(one, "accuracy") == "0.500"


def test_what_is_transductive_and_what_is_inductive_is_said():
    rows = scored("dnn", "pca5", 0.5, 0.7)
    text = render(frame(*rows), [])
    assert "NMI, AMI and ARI are transductive" in text
    assert "is inductive" not in text
    text = render(frame(*(row | {"validation_accuracy": 0.4} for row in rows)), [])
    assert "*Validation* accuracy is inductive" in text
    assert "Mean ± standard deviation over 2 seeds. Images: 100." in text


def test_a_collapse_is_seen_whatever_its_accuracy():
    rows = scored("dnn", "pca5", 0.9, 0.9, clusters_found=10)
    rows[1]["clusters_found"] = 3
    (line,) = (
        line
        for line in render(frame(*rows), []).splitlines()
        if "fewer clusters than requested" in line
    )
    assert [part.strip() for part in line.split("|")[1:4]] == ["dnn", "pca5", "3"]
    assert "7 fewer clusters than requested" in line
    rows[1]["clusters_found"] = 10
    assert "fewer clusters than requested" not in render(frame(*rows), [])


def test_the_table_of_embeddings_has_what_was_measured():
    rows = scored("dnn", "pca5", 0.5, 0.7, clusters_found=10, trustworthiness=0.9)
    text = render(frame(*rows), [])
    section = text[text.index("### What embeddings keep") : text.index("## What was run")]
    assert "| model   | chain   |   trustworthiness |" in section
    assert "| dnn     | pca5    |" in section
    assert "continuity" not in section
    assert "kNN label purity" not in section


def test_one_result_shared_by_all_seeds_has_no_spread():
    rows = scored("pixels", "pca5", 0.5, 0.7)
    for row in rows:
        row["encode_artifacts"] = "the same"
    found = Results(frame(*rows)).summary.iloc[0]
    assert mean_and_spread(found, "reconstruction_loss") == "0.2500"
    assert "±" in mean_and_spread(found, "accuracy")


def failed(model, chain, seed):
    return record(
        model, chain, seed, status="failed", failed_stage="reduce", error="ValueError: a|b <c>"
    )


def test_failed_cells_are_shown_as_failed():
    rows = [*scored("dnn", "pca5", 0.5, 0.7), failed("dnn", "pca5", 2), failed("cnn", "pca5", 0)]
    records = frame(*rows)
    table = tables.grid(Results(records)).texts
    assert table[0][:3] == ["dnn", "pca5", "0.600 ± 0.141"]
    assert table[0][-1] == "2 of 3, rest failed"
    assert table[1][:3] == ["cnn", "pca5", "failed"]
    text = render(records, [])
    assert "2 of 4 runs failed." in text
    assert r"ValueError: a\|b \<c\>" in text


def test_all_cells_failed():
    text = render(frame(failed("dnn", "pca5", 0)), [])
    assert "No pipeline finished on these 100 images.\n\n1 of 1 run failed." in text
    assert headline.advice(Results(frame(failed("dnn", "pca5", 0)))) == ""
    assert re.search(r"\| dnn +\| pca5 +\| +failed \|", text)


def test_best_is_chosen_by_the_number_that_is_compared():
    rows = scored("dnn", "pca5", 0.5) + scored("cnn", "pca5", 0.6)
    rows[0]["public_accuracy"] = 0.9
    best = Results(frame(*rows)).best
    assert best is not None
    assert best.pipeline[0] == "cnn"


def test_a_cell_of_which_seeds_failed_is_not_best():
    rows = [*scored("dnn", "pca5", 0.9), failed("dnn", "pca5", 1), *scored("cnn", "pca5", 0.6, 0.7)]
    records = frame(*rows)
    best = Results(records).best
    assert best is not None
    assert best.pipeline[0] == "cnn"
    assert Results(records).summary["model"].tolist() == ["cnn", "dnn"]
    alone = Results(frame(*rows[:2])).best
    assert alone is not None
    assert alone.pipeline[0] == "dnn"


JOINT = "(95%, all comparisons together, choice of the best included)"


def judged(frame, **verdicts):
    """Give cells, by model, a verdict, and all of them an interval."""
    frame["verdict"] = frame["model"].map(verdicts)
    behind = frame["verdict"].map(lambda verdict: np.nan if verdict == "best" else 0.1)
    return frame.assign(
        interval_low=0.7, interval_high=0.9, behind_best=behind, behind_best_half=0.05,
        equivalent=False, equivalence=0.02,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("frame_of", "sentences"),
    [
        (
            lambda: judged(
                frame(*scored("cnn", "none", 0.8, 0.9), *scored("dnn", "none", 0.4, 0.6)),
                cnn="best", dnn="significantly worse",
            ),
            [
                "cnn, none is the best pipeline on these 100 images: the other is significantly "
                f"worse {JOINT}.",
                "Its accuracy is 0.850 ± 0.071, 95% interval 0.700 to 0.900 over seeds and "
                "images; on the private half it is 0.840 ± 0.071.",
            ],
        ),
        (
            lambda: judged(
                frame(*scored("cnn", "none", 0.8, 0.9), *scored("dnn", "none", 0.8, 0.8)),
                cnn="best", dnn="in the group of the best",
            ),
            [
                "2 of 2 pipelines may be the best on these 100 images; none is significantly "
                f"worse {JOINT}.",
                "cnn, none ranks first: its accuracy is 0.850 ± 0.071, 95% interval 0.700 to "
                "0.900 over seeds and images; on the private half it is 0.840 ± 0.071.",
            ],
        ),
        (
            lambda: judged(
                frame(
                    *scored("cnn", "none", 0.8, 0.9), *scored("dnn", "none", 0.8, 0.8),
                    *scored("hog", "none", 0.7, 0.7), *scored("pixels", "none", 0.5, 0.5),
                ),
                cnn="best", dnn="in the group of the best", hog="worse (step-down)",
                pixels="significantly worse",
            ),
            [
                "2 of 4 pipelines may be the best on these 100 images; 2 are significantly worse "
                f"{JOINT}.",
                "cnn, none ranks first: its accuracy is 0.850 ± 0.071, 95% interval 0.700 to "
                "0.900 over seeds and images; on the private half it is 0.840 ± 0.071.",
            ],
        ),
        (
            lambda: judged(
                frame(
                    *scored("cnn", "none", 0.8, 0.8, independent_images=False),
                    *scored("dnn", "none", 0.7, 0.7),
                ),
                cnn="best", dnn="not tested",
            ),
            [
                "cnn, none ranks first of 2 pipelines on these 100 images.",
                "Its accuracy is 0.800 ± 0.000, 95% interval 0.700 to 0.900 over seeds, not "
                "images; on the private half it is 0.790 ± 0.000 (the images depend on each "
                "other across the halves).",
                "1 pipeline is not tested against it: neither depends on the seed, and these "
                "images say nothing about others.",
            ],
        ),
        (
            lambda: frame(*scored("cnn", "none", 0.8), *scored("dnn", "none", 0.8)),
            [
                "cnn, none ranks first of 2 pipelines on these 100 images.",
                "Its accuracy is 0.800; on the private half it is 0.790.",
                "Always naming the largest class has accuracy 0.100.",
                "One seed does not show how much results vary between seeds, so no pipeline is "
                "tested.",
            ],
        ),
        (
            lambda: frame(*scored("cnn", "none", 0.8)),
            [
                "cnn, none is the only pipeline on these 100 images.",
                "Its accuracy is 0.800; on the private half it is 0.790.",
                "Always naming the largest class has accuracy 0.100.",
                "One seed does not show how much results vary between seeds.",
            ],
        ),
        (
            lambda: judged(
                frame(
                    *scored("cnn", "none", 0.8, 0.9, independent_images=False),
                    *scored("dnn", "none", 0.4, 0.6),
                    record("pixels", "none", 0, status="failed"),
                ),
                cnn="best", dnn="significantly worse",
            ),
            [
                "cnn, none is the best pipeline on these 100 images: the other is significantly "
                f"worse {JOINT}.",
                "Its accuracy is 0.850 ± 0.071, 95% interval 0.700 to 0.900 over seeds, not "
                "images; on the private half it is 0.840 ± 0.071 (the images depend on each "
                "other across the halves).",
                "1 of 5 runs failed.",
            ],
        ),
        (
            lambda: frame(record(status="failed"), record(seed=1, status="skipped")),
            [
                "No pipeline finished on these 100 images.",
                "1 of 2 runs failed.",
                "1 of 2 runs was skipped.",
            ],
        ),
    ],
)  # fmt: skip
def test_the_answer_comes_first_and_says_how_certain_it_is(frame_of, sentences):
    assert headline.answer(Results(frame_of())) == sentences


def test_the_heat_map_says_what_failed(tmp_path):
    from bench.report.figures import _heat_map

    rows = [*scored("dnn", "pca5", 0.9), failed("dnn", "pca5", 1), failed("cnn", "pca5", 0)]
    results = Results(frame(*rows, *scored("dnn", "none", 0.5), record("cnn", "none")))
    _, texts, _ = tables.heat_map(results)
    assert texts.to_numpy().tolist() == [["0.900*", "0.500"], ["failed", "–"]]
    assert list(texts.index) == ["dnn", "cnn"]
    (drawn,) = _heat_map(SimpleNamespace(results=results), tmp_path / "scores.png")
    assert drawn.path.name == "accuracy.png"
    assert drawn.path.stat().st_size > 1000


def test_median_seed_is_the_lower_median_of_those_that_did_not_fail():
    cell = frame(*scored("dnn", "pca5", 0.9, 0.1, 0.5, 0.7), failed("dnn", "pca5", 4))
    assert Results(cell).median_seed(("dnn", "pca5", "kmeans")) == 2


def test_validation_leads_where_training_images_have_no_labels():
    rows = [
        record("dnn", "pca5", 0, validation_accuracy=0.6, validation_images=9, labeled=False),
        record("cnn", "pca5", 0, validation_accuracy=0.8, validation_images=9, labeled=False),
    ]
    records = frame(*rows)
    best = Results(records).best
    assert best is not None
    assert best.pipeline[0] == "cnn"
    _, table = tables.hw5(Results(records))
    assert table.header == [
        "model", "summed batch MSE", "MSE", "validation", "validation, 95%"
    ]  # fmt: skip
    assert table.texts[0][0] == "cnn"


def test_the_table_in_the_form_of_the_hw5_report_has_a_row_a_model():
    records = frame(*scored("dnn", "pca128+tsne2", 0.5), *scored("dnn", "none", 0.9))
    chain, table = tables.hw5(Results(records))
    assert chain == "pca128+tsne2"
    assert table.header[:4] == ["model", "summed batch MSE", "MSE", "accuracy"]
    assert [row[3] for row in table.texts] == ["0.500"]
    assert tables.hw5_own().texts == [
        ["CNN", "7.41368", "0.0526", "0.79589"],
        ["DNN", "6.72101", "0.0477", "0.81089"],
    ]


@pytest.mark.parametrize(
    ("preset", "dataset", "shown"),
    [
        ("quick", "photos", True),
        ("quick", "digits", False),
        ("homework", "npy:mine", True),
        ("quick", "folder:mine", False),
        ("best", "digits", False),
    ],
)
def test_the_hw5_reports_own_rows_stand_in_the_demonstration_and_its_recipe(preset, dataset, shown):
    text = render(frame(*scored("dnn", "pca5", 0.5, preset=preset, dataset=dataset)))
    assert "## In the form of the HW5 report" in text
    assert ("0.79589" in text) == shown
    assert ("with one seed on 9,000 images of its own" in text) == shown


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ({"dnn": "best", "untrained-dnn": "significantly worse", "pixels": "worse (step-down)"},
         "Use dnn with PCA 128 and t-SNE; training helped here."),
        ({"dnn": "best", "untrained-dnn": "significantly worse",
          "pixels": "in the group of the best"},
         "Use dnn with PCA 128 and t-SNE; training helped here."),
        ({"dnn": "best", "untrained-dnn": "in the group of the best",
          "pixels": "significantly worse"},
         "Use dnn with PCA 128 and t-SNE; whether training helps is not shown."),
        ({"untrained-dnn": "best", "dnn": "significantly worse", "cnn": "in the group of the best"},
         "Use untrained-dnn with PCA 128 and t-SNE; no trained model ranks higher."),
        ({"pixels": "best", "dnn": "significantly worse",
          "untrained-dnn": "in the group of the best"},
         "Use pixels with PCA 128 and t-SNE; trained models are significantly worse."),
        ({"untrained-dnn": "best", "dnn": "in the group of the best",
          "pixels": "significantly worse"},
         "Use untrained-dnn with PCA 128 and t-SNE; trained models may be as good."),
        ({"hog": "best", "dnn": "in the group of the best", "untrained-dnn": "significantly worse"},
         "Use hog with PCA 128 and t-SNE; trained models may be as good."),
        ({"dnn": "best", "pixels": "significantly worse"}, "Use dnn with PCA 128 and t-SNE."),
        ({"dnn": "best"}, "Only dnn with PCA 128 and t-SNE was run, so nothing is compared."),
        ({"dnn": None, "pixels": None},
         "Try dnn with PCA 128 and t-SNE first; one seed shows little."),
    ],
)  # fmt: skip
def test_the_advice_is_one_short_sentence(verdicts, expected):
    best = next((name for name, verdict in verdicts.items() if verdict == "best"), "dnn")
    rows = [
        row
        for model in verdicts
        for row in scored(model, "pca128+tsne2", *([0.9, 0.8] if model == best else [0.7, 0.6]))
    ]
    records = frame(*rows)
    records["verdict"] = records["model"].map(verdicts)
    if any(verdicts.values()):
        records = records.assign(interval_low=0.5, interval_high=0.95, equivalence=0.02)
        behind = np.where(records["verdict"] == "best", np.nan, 0.2)
        records = records.assign(behind_best=behind, behind_best_half=0.3, worse_than="dnn")
    assert headline.advice(Results(records)) == expected
    assert len(expected.split()) <= 15
    text = render(records)
    assert f"**{expected}**" in text.replace("\\", "")
    if "worse (step-down)" in verdicts.values():
        assert "worse (step-down): behind by 0.200 ± 0.300; dnn is ahead" in text.replace(
            "\xa0", " "
        )


def test_training_that_is_equivalent_added_nothing():
    rows = [*scored("pixels", "none", 0.9, 0.8), *scored("dnn", "none", 0.89, 0.81),
            *scored("untrained-dnn", "none", 0.5, 0.4)]  # fmt: skip
    verdicts = {"pixels": "best", "dnn": "in the group of the best",
                "untrained-dnn": "significantly worse"}  # fmt: skip
    records = frame(*rows)
    records["verdict"] = records["model"].map(verdicts)
    records = records.assign(interval_low=0.5, interval_high=0.95, behind_best=0.01)
    records["equivalent"] = records["model"] == "dnn"
    assert headline.advice(Results(records)) == (
        "Use pixels without reduction; training added nothing here."
    )


def test_long_advice_is_cut_to_what_to_use():
    chain, by = "normalize+pca64+umap8(min_dist=0,n_neighbors=30)", "agglomerative(linkage=average)"
    rows = [*scored("dnn", chain, 0.9, 0.8, clusterer=by),
            *scored("untrained-dnn", chain, 0.5, 0.4, clusterer=by)]  # fmt: skip
    records = frame(*rows).assign(interval_low=0.5, interval_high=0.95)
    records["verdict"] = records["model"].map(
        {"dnn": "best", "untrained-dnn": "in the group of the best"}
    )
    said = headline.advice(Results(records))
    assert said == "Use dnn with normalization, PCA 64 and UMAP 8 and agglomerative."
    assert len(said.split()) <= 15


def test_few_labels_do_not_make_random_clusters_good():
    rows = scored("dnn", "none", 0.5, 0.52, largest_class=0.2, random_accuracy=0.45)
    records = frame(*rows).assign(interval_low=0.44, interval_high=0.58)
    found = Results(records)
    assert headline.advice(found) == (
        "Do not rely on these clusters: random clusters may be as good."
    )
    assert (
        "random clusters that are assigned to the labels as fits best, which have accuracy 0.450"
        in (" ".join(headline.answer(found)))
    )
    better = Results(records.assign(random_accuracy=0.3))
    assert headline.advice(better).startswith("Only dnn")


def test_advice_without_labels_confirms_nothing():
    rows = [record(m, "none", s, knn_modularity=0.5 + s / 10, labeled=False)
            for m in ("dnn", "pixels") for s in (0, 1)]  # fmt: skip
    assert headline.advice(Results(frame(*rows))) == (
        "Look at dnn without reduction first; no labels confirm its clusters."
    )


def test_shared_work_is_counted_once():
    rows = scored("dnn", "pca5", 0.5) + scored("dnn", "pca5+tsne2", 0.5)
    both = ("reduce_artifacts", "reduce_link_seconds", "reduce_link_warm_up_seconds")
    rows[0] |= zip(both, ("p", "2", "0"), strict=True)
    rows[1] |= zip(both, ("p t", "2 3", "0 1"), strict=True)
    assert distinct_seconds(frame(*rows), "reduce") == (2, 5.0, 1.0)


@pytest.mark.parametrize("text", ["a|b", "<script>", "![x](y)", "*b*", "`c`", "a\nb", "$x$"])
def test_markdown_shows_text_as_it_is(text):
    from rich.markdown import MarkdownIt

    shown = MarkdownIt().render(escape(text))
    plain = re.sub(r"</?p>", "", shown).strip()
    import html

    assert html.unescape(plain) == " ".join(text.split())


def test_the_table_of_the_hw5_report_is_of_a_chain_that_reduces_where_there_is_one():
    records = [record(chain=chain) for chain in ("none", "pca5", "umap2")]
    assert tables.hw5(Results(frame(*records)))[0] == "pca5"
    assert tables.hw5(Results(frame(records[0])))[0] == "none"


def test_names_of_files_do_not_collide():
    pairs = [("a-b", "c"), ("a", "b-c"), ("a", "b+c"), ("a", "b(c)"), ("A", "b c")]
    names = {pipeline_file_name(*pair, "kmeans") for pair in pairs}
    assert len(names) == len(pairs)
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)


def test_a_column_is_declared_once_and_shown_in_every_form():
    rows = [{"name": "a_1", "value": 0.5}, {"name": "<b>", "value": float("nan")}]
    table = Table(
        [
            columns.words("name", lambda row: row["name"]),
            columns.numbers("value", lambda row: row["value"], ".2f", meaning="how many"),
        ],
        rows,
    )
    assert table.texts == [["a_1", "0.50"], ["<b>", "–"]]
    lines = columns.to_terminal(table).splitlines()
    assert [line.split() for line in lines[2:]] == [["a_1", "0.50"], ["<b>", "–"]]
    assert "| \\<b\\>  |       – |" in columns.to_markdown(table)
    assert r"a\_1 & 0.50 \\" in columns.to_latex(table, lambda row, column, text: text)
    html = templates.to_html(table, sortable=True)
    assert "&lt;b&gt;" in html
    assert 'data-order="0.5"' in html
    assert '<div popover class="meaning" id="about-value"><strong>value</strong>: how many.' in html


def test_the_clusterer_is_a_column_where_it_is_not_always_kmeans():
    rows = scored("dnn", "pca5", 0.5)
    assert "clusterer" not in tables.grid(Results(frame(*rows))).header
    table = tables.grid(Results(frame(*rows, *scored("dnn", "pca5", 0.4, clusterer="gmm"))))
    assert [row[:3] for row in table.texts] == [
        ["dnn", "pca5", "kmeans"], ["dnn", "pca5", "gmm"],
    ]  # fmt: skip


def test_the_largest_class_is_the_last_row():
    results = Results(frame(*scored("dnn", "pca5", 0.5)))
    table = tables.with_chance(tables.grid(results), results)
    assert table.texts[-1][:3] == ["always the largest class", "–", "0.100"]
    assert set(table.texts[-1][3:]) == {"–"}


# the largest class


def near_the_largest(largest, low=0.45, high=0.65):
    """Return a grid whose best pipeline has an accuracy of 0.55, and this interval."""
    records = frame(
        *scored("cnn", "none", 0.5, 0.6, largest_class=largest),
        *scored("dnn", "none", 0.4, 0.4, largest_class=largest),
    )
    records["verdict"] = records["model"].map({"cnn": "best", "dnn": "significantly worse"})
    is_best = records["model"] == "cnn"
    records["equivalence"] = 0.02
    records.loc[~is_best, ["behind_best", "behind_best_half"]] = 0.15, 0.05
    return records.assign(
        interval_low=np.where(is_best, low, 0.35), interval_high=np.where(is_best, high, 0.45)
    )


def test_no_winner_is_named_below_the_largest_class():
    results = Results(near_the_largest(0.6, low=0.5))
    first, second, third, *_ = headline.answer(results)
    assert first == (
        "No pipeline is more accurate on these 100 images than always naming the largest class, "
        "which has accuracy 0.600."
    )
    assert headline.advice(results) == (
        "Do not rely on these clusters: naming the largest class may be as good."
    )
    assert second == (
        "cnn, none ranks first of 2 pipelines and differs from that by -0.050, 95% interval -0.100 "
        "to +0.050."
    )
    assert third.startswith("Its accuracy is 0.550")
    text = render(results.records)
    assert "0 of 2 pipelines have a higher mean, 0 with the whole interval above it" in text
    assert "best pipeline on" not in text
    assert "*Best* means here only that a pipeline ranks first." in text
    assert "**cnn" not in text


@pytest.mark.parametrize("largest", [0.1, 0.5, 0.9])
def test_the_largest_class_is_drawn_inside_the_picture_of_an_interval(largest):
    drawn = templates.to_html(tables.page(Results(near_the_largest(largest)), []))
    places = [float(place) for place in re.findall(r'(?:x1|x2|cx)="([\d.]+)"', drawn)]
    assert len(places) == 10
    assert min(places) == 4
    assert max(places) == tables.WIDTH - 4


def test_no_winner_is_named_where_the_interval_includes_the_largest_class():
    results = Results(near_the_largest(0.5))
    first, second, *_ = headline.answer(results)
    assert first == (
        "No pipeline is shown to be more accurate on these 100 images than always naming the "
        "largest class, which has accuracy 0.500."
    )
    assert second.endswith("differs from that by +0.050, 95% interval -0.050 to +0.150.")
    text = render(results.records)
    assert "1 of 2 pipelines has a higher mean, 0 with the whole interval above it" in text
    assert headline.notes(results)[1:3] == [first, second]
    tex = latex.render(results)
    assert "textbf" not in tex
    assert "dagger" not in tex
    assert "% " + "digits: 100 images" in tex
    assert "No pipeline is shown to be more accurate" in tex


def test_a_pipeline_whose_interval_is_above_the_largest_class_may_be_best():
    results = Results(near_the_largest(0.3))
    assert headline.answer(results)[0].startswith("cnn, none is the best pipeline")
    assert "largest class" not in " ".join(headline.answer(results))
    assert r"\textbf{cnn}" in latex.render(results)
    text = render(results.records)
    assert "2 of 2 pipelines have a higher mean, 2 with the whole interval above it" in text


def test_a_first_pipeline_is_not_excused_by_others_that_are_above():
    records = near_the_largest(0.5)
    records.loc[records["model"] == "dnn", ["accuracy", "interval_low"]] = [0.54, 0.52]
    (first, *_) = headline.answer(Results(records))
    assert first.startswith("cnn, none is not shown to be more accurate")


# pretrained models

ON = "ImageNet-1k, with labels"


def with_pretrained(*more):
    """Return a grid whose best pipeline is pretrained, at a size of its own."""
    own = {"grid_image_size": 64, "fit": "crop"}
    return judged(
        frame(
            *scored("cnn", "none", 0.5, 0.7, **own, image_size=32),
            *scored("net", "none", 0.8, 0.8, **own, image_size=224, pretrained=ON),
            *scored("dnn", "none", 0.6, 0.6, **own, image_size=64, pretrained=None),
            *more,
        ).assign(largest_class=0.2),
        net="best", cnn="in the group of the best", dnn="in the group of the best",
    )  # fmt: skip


def rows_of(text):
    return [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("|")]


def test_pretrained_models_stand_in_a_group_of_their_own():
    results = Results(with_pretrained())
    table = tables.with_chance(tables.grid(results), results)
    assert [row[0] for row in table.texts] == ["cnn", "dnn", "net", tables.CHANCE]
    assert rows_of(columns.to_markdown(table))[2:] == [
        "**Not pretrained**", "cnn", "dnn", "**Pretrained**", "net", "**For comparison**",
        tables.CHANCE,
    ]  # fmt: skip
    lines = columns.to_terminal(table).splitlines()[2:]
    assert [line.split("  ")[0] for line in lines[::3]] == [
        "[Not pretrained]", "[Pretrained]", "always the largest class",
    ]  # fmt: skip
    html = templates.to_html(table)
    assert html.count("<tbody>") == 3
    assert '<tr class="group"><th scope="rowgroup"' in html
    assert r"\multicolumn{7}{l}{\emph{Pretrained}} \\" in latex.render(results)


@pytest.mark.parametrize(
    "table_of",
    [tables.grid, lambda r: tables.hw5(r)[1], tables.null_reference, tables.embeddings,
     tables.without_labels, tables.latex, lambda r: tables.page(r, [])],
)  # fmt: skip
def test_every_table_of_pipelines_has_the_groups(table_of):
    results = Results(with_pretrained().assign(trustworthiness=0.9, stability=0.5))
    headings = [heading for heading, _ in table_of(results).groups]
    assert headings[:2] == ["Not pretrained", "Pretrained"]
    plain = Results(frame(*scored("cnn", "none", 0.5)).assign(trustworthiness=0.9, stability=0.5))
    assert [heading for heading, _ in table_of(plain).groups] == [""]


def test_the_heat_map_has_pretrained_models_last():
    assert list(tables.heat_map(Results(with_pretrained()))[0].index) == ["cnn", "dnn", "net"]


def test_the_headline_names_the_best_that_is_not_pretrained():
    results = Results(with_pretrained())
    assert "3 of 3 pipelines may be the best on these 100 images" in headline.answer(results)[0]
    (found,) = [text for text in headline.answer(results) if "not pretrained" in text]
    assert found == (
        "Of the pipelines that are not pretrained, cnn, none ranks first: its accuracy is 0.600 ± "
        "0.141, behind by 0.100 ± 0.050."
    )
    assert found in headline.notes(results)
    assert headline.answer(results)[0] in headline.notes(results)
    records = with_pretrained().assign(behind_best=np.nan)
    assert "± 0.141, behind by 0.200." in headline.render(Results(records))
    alone = Results(frame(*scored("cnn", "none", 0.5)))
    assert "pretrained" not in render(alone.records)
    last = records[records["model"] != "net"]
    assert "pretrained" not in render(last)


def test_what_pretrained_models_were_trained_on_is_said():
    text = render(with_pretrained())
    said = "Pretrained: net on ImageNet-1k, with labels. Images like those of ImageNet flatter"
    assert said in text
    assert said in " ".join(headline.notes(Results(with_pretrained())))
    other = with_pretrained(
        *scored("a", "none", 0.1, 0.1, pretrained="PASS, without labels"),
    ).replace(ON, "faces, without labels")
    text = headline.pretrained(Results(other))
    assert text == "Pretrained: net on faces, without labels; a on PASS, without labels."


# the form of images, and losses at several sizes


@pytest.mark.parametrize(
    ("fit", "words"),
    [
        ("crop", "the middle square of each"),
        ("pad", "each as a whole, with gray margins"),
        ("stretch", "each as a whole, stretched to a square"),
    ],
)
def test_the_form_of_images_is_said(fit, words):
    records = with_pretrained().assign(fit=fit)
    said = f"Images: 100, brought to 64×64 pixels ({words}). cnn was given 32×32; net was given"
    assert headline.form(Results(records)) == f"{said} 224×224."
    assert said in render(records)
    assert f"64×64, {fit}" in render(records)
    assert headline.form(Results(frame(*scored("dnn", "none", 0.5)))) == "Images: 100."


def test_models_given_one_size_are_named_together():
    same = {"grid_image_size": 64.0, "fit": "crop", "image_size": 32.0}
    names = ("cnn", "plain_cnn", "untrained-cnn")
    records = frame(*(row for name in names for row in scored(name, "none", 0.5, **same)))
    said = "cnn, plain_cnn and untrained-cnn were given 32×32."
    assert said in headline.form(Results(records))
    assert said.replace("_", r"\_") in render(records)


def test_the_size_stands_beside_losses_of_several():
    results = Results(with_pretrained())
    table = tables.grid(results)
    at = table.header.index("MSE")
    assert [row[at - 1] for row in table.texts] == ["32×32", "64×64", "224×224"]
    assert [table.columns[at].within(row) for row in table.rows] == [32, 64, 224]
    one = Results(with_pretrained().assign(image_size=64))
    assert "image size" not in tables.grid(one).header
    assert tables.hw5(results)[1].header[1] == "image size"
    assert "image size" not in tables.hw5(one)[1].header
    assert "only be compared at one size of images" in render(results.records)
    assert "only be compared at one size of images" not in render(one.records)


def test_losses_of_several_sizes_have_axes_of_their_own():
    lines = pd.DataFrame(
        [(images, model, epoch, 1.0, 0.9, 1.1)
         for model, images in (("dnn", "64×64"), ("cnn", "32×32"), ("cnn-plain", "32×32"))
         for epoch in (1, 2)],
        columns=["images", "model", "epoch", "mean", "low", "high"],
    )  # fmt: skip
    marks = pd.DataFrame([("32×32", "mean image", 0.5)], columns=["images", "name", "loss"])
    drawn = curves.losses(lines, marks).axes
    assert [axes.get_title() for axes in drawn] == ["images of 64×64", "images of 32×32"]
    one = curves.losses(lines[lines["model"] == "dnn"].assign(images=""), marks).axes
    assert [axes.get_title() for axes in one] == [""]


def test_reconstructions_of_several_sizes_are_drawn_at_one():
    strips = [images.Strip(str(side), np.zeros((3, side, side, 3), np.uint8)) for side in (64, 32)]
    figure = images.reconstructions(strips)
    figure.canvas.draw()
    boxes = {tuple(axes.get_window_extent().size.round(3)) for axes in figure.axes}
    assert len(boxes) == 1


def test_a_code_loss_has_a_column_of_its_own():
    records = with_pretrained().assign(code_loss=[0.5, 0.5, *[None] * 4])
    table = tables.grid(Results(records))
    at, mse = table.header.index("code loss"), table.header.index("MSE")
    assert [row[at] for row in table.texts] == ["0.5000 ± 0.0000", "–", "–"]
    assert [row[mse] for row in table.texts] == ["0.2500 ± 0.0000"] * 3
    without = Results(records.assign(code_loss=None))
    assert "code loss" not in tables.grid(without).header


@pytest.mark.parametrize(
    ("model", "given"),
    [
        ("plain", (64, None)),
        ("small", (32, None)),
        ("net", (224, ON)),
        ("on-net", (224, ON)),
        ("file", (None, ON)),
    ],
)
def test_what_a_model_was_given_is_recorded(monkeypatch, model, given):
    classes = {
        "plain": SimpleNamespace(base=None, image_size=None, pretrained=None),
        "small": SimpleNamespace(image_size=32),
        "net": SimpleNamespace(base=None, image_size=224, pretrained=ON),
        "on-net": SimpleNamespace(base="net", image_size=None, pretrained=ON),
        "file": SimpleNamespace(from_names=True, pretrained=ON),
    }
    monkeypatch.setattr("bench.analysis.records.find_model", classes.__getitem__)
    dataset = SimpleNamespace(form=SimpleNamespace(size=64))
    assert _given(model, dataset) == dict(zip(GIVEN_COLUMNS, given, strict=True))


# a whole run


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    place = tmp_path_factory.mktemp("run")
    records = run_python(
        models="pixels,dnn",
        reducers="pca9,pca9+tsne2",
        limit=150,
        epochs=2,
        seeds=2,
        threads=1,
        device="cpu",
        baselines=False,
        out=place / "out",
        store=place / "store",
    )
    return records, place


def test_results_csv_is_the_records(finished):
    records, place = finished
    read = pd.read_csv(place / "out" / "results.csv")
    assert len(read) == len(records) == 8
    assert list(read.columns) == list(records.columns)
    assert {
        "accuracy", "public_accuracy", "private_accuracy", "validation_accuracy", "nmi", "ari",
        "reconstruction_loss", "summed_batch_mse",
    } <= set(read.columns)  # fmt: skip
    for name in METRICS:
        np.testing.assert_allclose(
            pd.to_numeric(read[name]), pd.to_numeric(records[name]).astype(float)
        )
    assert set(read["status"]) == {"ok"}
    assert read["reconstruction_loss"][read["model"] == "pixels"].eq(0).all()
    assert read["summed_batch_mse"][read["model"] == "pixels"].isna().all()
    assert read["summed_batch_mse"][read["model"] == "dnn"].gt(0).all()
    assert set(read["image_size"]) == set(read["grid_image_size"]) == {32}
    assert set(read["fit"]) == {"crop"}
    assert read["pretrained"].isna().all()


def test_results_md_can_be_made_again_from_results_csv_and_store(finished):
    _, place = finished
    out = place / "out"
    text = (out / "results.md").read_text()
    tables = text.split("## Pictures")[0]
    results = Results(pd.read_csv(out / "results.csv"))
    again = markdown.render(results, [], found=Choices.of(results, Store(place / "store")))
    assert again.split("## Pictures")[0] == tables
    assert again.split("## What was run")[1] == text.split("## What was run")[1]


def test_the_schedule_is_among_the_settings_and_the_differences_from_the_hw5_report():
    text = render(frame(*scored("dnn", "pca5", 0.5, 0.6, schedule="warmup-cosine")))
    assert "Adam, learning rate 0.001 (warmup-cosine), 2 epochs, batches of 32" in text
    assert "learning-rate schedule warmup-cosine instead of constant" in text
    plain = render(frame(*scored("dnn", "pca5", 0.5, 0.6)))
    assert "learning rate 0.001 (constant)" in plain
    assert "learning-rate schedule" not in plain


def test_results_md_names_what_is_there(finished):
    records, place = finished
    out = place / "out"
    text = (out / "results.md").read_text()
    for link in re.findall(r"\]\((figures/[^)]+)\)", text):
        with Image.open(out / link) as image:
            assert image.size[0] > 200
    assert text.count("![") == 6
    assert "150 of the data set's 1,797 images" in text
    assert "2 instead of 100 epochs" in text
    assert records["dataset_fingerprint"][0][:16] in text
    headings = re.findall("^## (.*)$", text, re.MULTILINE)
    assert headings[:5] == [
        "All pipelines", "Which choice mattered", "Pictures", "Selection without labels",
        "Other scores",
    ]  # fmt: skip


def test_results_md_names_the_page_on_speed_where_the_folder_has_a_run(finished):
    from bench.report import speed

    out = finished[1] / "out"
    assert "docs/speed.md" not in (out / "results.md").read_text()
    results = Results(pd.read_csv(out / "results.csv"))
    assert markdown.render(results, [], speed=True).rstrip().endswith("measured on one machine.")
    assert speed.FILE == "speed.json"


def test_figures_are_drawn_once_and_stale_ones_removed(finished):
    from bench.report import figures

    _, place = finished
    folder = place / "out" / "figures"
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.png")}
    names = ("accuracy", "differences", "embeddings", "loss", "reconstructions", "time")
    assert sorted(before) == [f"{name}.png" for name in names]
    stale = ["embedding-of-the-release-before", "plane-of-one-before", "intervals", "clusters"]
    for name in (*stale, "mine"):
        (folder / f"{name}.png").write_bytes(b"")
    run_python(config=place / "out" / "grid.toml")
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.png")}
    assert after.pop("mine.png")
    assert after == before
    assert figures._made_from(folder / "loss.png")


def test_an_edit_of_what_shapes_them_draws_pictures_and_page_again(finished, monkeypatch, tmp_path):
    _, place = finished
    out = place / "out"
    made = ["figures/loss.png", "figures/accuracy.png", "index.html"]
    before = [(out / name).stat().st_mtime_ns for name in made]
    # A copy of the metrics, an explanation of which is edited.
    copy = tmp_path / "metrics"
    copytree(Path(fresh.__file__).parents[1] / "stages" / "metrics", copy)
    monkeypatch.setattr(fresh, "PACKAGES", (*fresh.PACKAGES, copy))
    run_python(config=out / "grid.toml")
    again = [(out / name).stat().st_mtime_ns for name in made]
    assert all(new > old for new, old in zip(again, before, strict=True))
    run_python(config=out / "grid.toml")
    assert [(out / name).stat().st_mtime_ns for name in made] == again
    with (copy / "table.py").open("a") as file:
        file.write("# edited")
    run_python(config=out / "grid.toml")
    after = [(out / name).stat().st_mtime_ns for name in made]
    assert all(new > old for new, old in zip(after, again, strict=True))


def test_what_an_earlier_run_left_is_removed(finished, image_folder):
    _, place = finished
    out = place / "shared"
    common = {"models": "pixels", "seeds": 1, "out": out, "store": place / "store"}
    common["baselines"] = False
    run_python(dataset=f"folder:{image_folder}", reducers="pca2", **common)
    assert (out / "assignments.csv").exists()
    assert (out / "figures" / "accuracy.png").exists()
    flat = f"folder:{image_folder / 'dark'}"
    run_python(dataset=flat, reducers="pca2", clusters=2, **common)
    assert not (out / "figures" / "accuracy.png").exists()
    run_python(dataset=flat, reducers="pca3", clusters=2, **common)
    (only,) = (out / "assignments").iterdir()
    assert only.name.startswith("pixels-pca3")
    assert not (out / "assignments.csv").exists()  # ten images: none can be called best


def test_drawing_leaves_the_callers_pictures_alone(tmp_path):
    import matplotlib

    matplotlib.use("svg")
    run_python(
        models="pixels", reducers="pca2", limit=30, seeds=1, out=tmp_path, store=tmp_path / "s"
    )
    import matplotlib.pyplot as plt

    assert matplotlib.get_backend() == "svg"
    assert plt.get_fignums() == []


def test_assignments_give_the_accuracy_in_the_table(finished):
    from bench.datasets.dataset import load

    records, place = finished
    found = pd.read_csv(place / "out" / "assignments.csv")
    assert list(found.columns) == ["image", "cluster", "cluster_name", "true_label"]
    digits = load("digits")
    truth = digits.labels[found["image"]]
    names = [digits.class_names[label] for label in truth]
    assert found["true_label"].astype(str).tolist() == names
    best = Results(records).best
    assert best is not None
    row = records[
        (records["model"] == best.pipeline[0])
        & (records["chain"] == best.pipeline[1])
        & (records["seed_index"] == best.seed_index)
    ].iloc[0]
    assigned = found["cluster"].map(dict(json.loads(row["assignment"])))
    assert np.mean(truth == assigned) == pytest.approx(row["accuracy"])
    for _, rows in found.groupby("cluster"):
        counts = rows["true_label"].astype(str).value_counts()
        wanted = counts.index[0] if counts.iloc[0] >= len(rows) / 2 else "mixed"
        assert set(rows["cluster_name"].astype(str)) == {wanted}


def test_grids_may_share_a_results_folder(tmp_path):
    """Each tries whether it can be written, at the same time."""
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(prepare, tmp_path / "out") for _ in range(400)]:
            done.result()
    assert list((tmp_path / "out").iterdir()) == []
