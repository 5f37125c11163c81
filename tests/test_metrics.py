import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from bench.report.columns import escape
from bench.report.metrics import page
from bench.stages import stages
from bench.stages.metrics import clustering
from bench.stages.metrics.table import METRICS, evaluate
from tests.conftest import ROOT


def best(clusters, labels):
    clusters, labels = np.asarray(clusters), np.asarray(labels)
    return clustering.accuracy(clusters, labels, clustering.assign(clusters, labels))


@pytest.mark.parametrize(
    ("clusters", "labels", "expected"),
    [
        ([0, 0, 1, 1], [0, 0, 1, 1], 1.0),
        ([1, 1, 0, 0], [0, 0, 1, 1], 1.0),  # swapped
        ([2, 2, 0, 0, 1, 1], [0, 0, 1, 1, 2, 2], 1.0),  # turned round
        ([0, 0, 0, 0], [0, 0, 1, 1], 0.5),  # merged: one cluster, two labels
        ([0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 2, 2], 4 / 6),  # two of three labels merged
        ([0, 1, 2, 2], [0, 0, 1, 1], 0.75),  # one label split over two clusters
        ([0, 1, 2, 3], [0, 0, 0, 0], 0.25),  # only one of the clusters can have the label
        ([5, 5, 9, 9], [0, 0, 1, 1], 1.0),  # clusters 0 to 4 and 6 to 8 are missing
        ([0, 0, 1, 1], [3, 3, 7, 7], 1.0),  # labels are missing
        ([0, 1, 0, 1, 0], [0, 0, 1, 1, 1], 3 / 5),
        ([0], [0], 1.0),
    ],
)
def test_accuracy_worked_by_hand(clusters, labels, expected):
    assert best(clusters, labels) == pytest.approx(expected)


vectors = st.integers(1, 40).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.int64, n, elements=st.integers(0, 4)),
        hnp.arrays(np.int64, n, elements=st.integers(0, 4)),
    )
)


@given(vectors)
def test_accuracy_is_the_best_over_all_assignments(pair):
    clusters, labels = pair
    by_hand = max(
        np.mean(np.array(order)[clusters] == labels) for order in itertools.permutations(range(5))
    )
    assert best(clusters, labels) == pytest.approx(by_hand)


@given(vectors, st.permutations(range(5)))
def test_names_of_clusters_do_not_matter(pair, order):
    clusters, labels = pair
    assert best(np.array(order)[clusters], labels) == pytest.approx(best(clusters, labels))


@given(vectors)
def test_counts_are_scikit_learns(pair):
    clusters, labels = pair
    ours = clustering.contingency(clusters, labels)
    theirs = contingency_matrix(clusters, labels)
    np.testing.assert_array_equal(ours[ours.any(1)][:, ours.any(0)], theirs)


@given(vectors)
def test_nmi_and_ari_are_scikit_learns_and_in_range(pair):
    clusters, labels = pair
    nmi = clustering.nmi(clusters, labels)
    ari = clustering.adjusted_rand(clusters, labels)
    assert nmi == pytest.approx(normalized_mutual_info_score(labels, clusters))
    assert ari == pytest.approx(adjusted_rand_score(labels, clusters))
    assert -1e-9 <= nmi <= 1 + 1e-9
    assert -0.5 <= ari <= 1


@given(vectors)
def test_assignment_is_one_to_one(pair):
    assignment = clustering.assign(*pair)
    assert len(set(assignment.values())) == len(assignment)


def test_oriented_marks_clusters_without_a_label():
    found = clustering.oriented(np.array([0, 1, 2, 4]), {0: 7, 2: 3, 9: 1})
    assert found.tolist() == [7, -1, 3, -1]


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="one length"):
        clustering.contingency(np.zeros(3, int), np.zeros(4, int))


@given(hnp.arrays(np.int64, st.integers(1, 80), elements=st.integers(0, 6)))
def test_halves_are_stratified_and_always_the_same(labels):
    public = clustering.public_half(labels)
    np.testing.assert_array_equal(public, clustering.public_half(labels))
    assert public.sum() == (len(labels) + 1) // 2
    for label in np.unique(labels):
        count = (labels == label).sum()
        assert abs(public[labels == label].sum() - count / 2) <= 1


def test_every_metric_says_what_it_means():
    for name, metric in METRICS.items():
        assert metric.name == name
        assert metric.title
        assert metric.range
        assert metric.meaning
        assert metric.stage in stages()
        assert (metric.formula is None) == (not metric.needs)


def test_metrics_are_computed_from_the_inputs_at_hand():
    labels = np.array([0, 0, 1, 1])
    found = evaluate("score", clusters=1 - labels, labels=labels, assignment=None, near=None)
    assert found == pytest.approx({"nmi": 1, "ami": 1, "ari": 1})
    assert evaluate("train", history=[3.0, 2.0], objective_is_loss=True) == {
        "summed_batch_mse": 2.0
    }
    assert evaluate("train", history=[3.0, 2.0], objective_is_loss=False) == {
        "summed_batch_mse": None
    }


def test_docs_describe_every_metric_from_its_one_declaration():
    """In docs/metrics.md, which ``python docs/metrics.py`` writes."""
    assert (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8") == page()
    for metric in METRICS.values():
        assert f"| {escape(metric.title)} " in page()
        assert f"| {escape(metric.name)} " in page()


def test_random_clusters_look_better_the_fewer_labels_there_are():
    random = np.random.default_rng(0)
    few, many = (random.permutation(np.arange(n) % 10) for n in (20, 2000))
    assert clustering.random_accuracy(many, 10) == pytest.approx(0.12, abs=0.02)
    assert 0.3 < clustering.random_accuracy(few, 10) < 0.5
    assert clustering.random_accuracy(np.array([0, 0, 0, 1]), 1) == 0.75
    assert clustering.random_accuracy(few, 10) == clustering.random_accuracy(few, 10)
