"""results.tex is a table that TeX takes, with what the data carry marked in it."""

import re

from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.results import Results
from bench.report.columns import escape_tex
from bench.report.latex import render
from tests.test_report import frame, scored


def table(**verdicts):
    found = frame(
        *scored("dnn_1", "pca5(whiten=true)", 0.5, 0.7),
        *scored("cnn", "none", 0.8, 0.9),
    )
    found["verdict"] = found["model"].map(verdicts)
    return render(Results(found))


def test_the_best_is_bold_and_those_like_it_have_a_dagger():
    text = table(cnn="best", dnn_1="in the group of the best")
    lines = text.splitlines()
    (best,) = [line for line in lines if "cnn" in line]
    (other,) = [line for line in lines if "dnn" in line]
    assert best.startswith(r"\textbf{cnn} & \textbf{none} & \textbf{0.850 $\pm$ 0.071}")
    assert r"dnn\_1 & pca5(whiten=true) & 0.600 $\pm$ 0.141$^\dagger$" in other
    assert r"\dagger" not in table(cnn="best", dnn_1="significantly worse")


def test_without_labels_knn_modularity_is_shown():
    rows = [
        row
        | dict.fromkeys(("accuracy", "public_accuracy", "private_accuracy", "nmi", "ari"))
        | {"knn_modularity": 0.5 + row["seed_index"] / 10, "largest_class": None, "labeled": False}
        for row in scored("cnn", "none", 0.8, 0.9)
    ]
    text = render(Results(frame(*rows)))
    assert "model & chain & kNN modularity & MSE & 95\\% interval" in text
    assert "cnn & none & 0.550" in text
    assert "interval of kNN modularity" in text
    assert "Bold: best by kNN modularity" in text
    assert "Bold: best by accuracy" in table()


def test_every_row_has_as_many_columns_as_the_table():
    text = table()
    columns = len(re.search(r"begin\{tabular\}\{(\w+)\}", text)[1])
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 3
    assert all(len(re.findall(r"(?<!\\)&", row)) == columns - 1 for row in rows)


@given(st.text(alphabet="a\\&%$#_{}~^±–", max_size=20))
def test_nothing_in_a_name_is_a_command(text):
    found = escape_tex(text)
    for known in (r"\textbackslash{}", r"\textasciitilde{}", r"\textasciicircum{}", r"$\pm$"):
        found = found.replace(known, "")
    assert not re.search(r"(?<!\\)[&%$#_{}~^]", found)
