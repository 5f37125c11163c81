"""Generalization: kappa image by image, which codes are used, what unlabeled data are ranked by."""

import math

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import cohen_kappa_score

from bench.analysis import correctness
from bench.analysis.generalization import Classifier, add_generalization
from bench.analysis.results import Results
from bench.analysis.selection import RECORDS, track_record
from bench.report import headline
from bench.store import Store
from tests.test_report import frame, record


@pytest.fixture(scope="module")
def blobs():
    return make_blobs(60, 5, centers=3, cluster_std=0.3, random_state=0)


def test_the_score_is_the_mean_kappa_of_both_halves(blobs):
    points, groups = blobs
    classifier = Classifier(points.astype(np.float32))
    clusters = np.where(np.random.default_rng(0).random(60) < 0.7, groups, 0)
    kappas = []
    for head, (fit, test) in zip(classifier.heads, classifier.halves, strict=True):
        assert sorted([*fit, *test]) == [*range(60)]
        told = (head @ np.eye(3)[clusters[fit]]).argmax(axis=1)
        kappas.append(cohen_kappa_score(clusters[test], told))
    found = classifier.by_image(clusters)
    assert found.mean() == pytest.approx(np.mean(kappas))
    assert 0.2 < found.mean() < 0.9


def test_groups_of_the_codes_generalize_and_random_ones_do_not(blobs):
    points, groups = blobs
    classifier = Classifier(points.astype(np.float32))
    assert classifier.by_image(groups) == pytest.approx(np.ones(60))
    assert classifier.by_image(np.array([7, 1, 3])[groups]).mean() == pytest.approx(1)
    assert abs(classifier.by_image(np.random.default_rng(1).permutation(groups)).mean()) < 0.3
    assert not classifier.by_image(np.zeros(60, int)).any()


@pytest.fixture
def store(tmp_path, blobs):
    """The codes of two models, and clusters: the groups of the first, and what is no group."""
    points, groups = blobs
    found = Store(tmp_path)
    found.prepare()
    random = np.random.default_rng(0).permutation(60)
    for key, order in (("network", np.arange(60)), ("other", random)):
        found.save("encode", key, {"train": points[order].astype(np.float32)}, {}, {})
    for key, clusters in (("groups", groups), ("none", groups[random])):
        found.save("cluster", key, {"train": clusters}, {}, {})
    return found


def runs(**columns):
    """Records of two pipelines without labels: a pretrained one, and another."""
    given = {"labeled": False, "primary_metric": "selection_score", "largest_class": math.nan}
    rows = [
        record("net", "x", 0, cluster_artifacts="none", encode_artifacts="network",
               pretrained="photographs", base_artifacts="", knn_modularity=0.1, **given),
        record("own", "x", 0, cluster_artifacts="groups", encode_artifacts="other",
               pretrained=None, base_artifacts="", knn_modularity=0.5, **given),
    ]  # fmt: skip
    return frame(*rows).assign(**columns)


def test_all_clusters_are_told_from_pretrained_codes(store):
    records = add_generalization(runs(), store)
    none, groups = records["generalization"]
    assert groups == pytest.approx(1)
    assert abs(none) < 0.3
    results = Results(records)
    assert (results.metric, results.labeled) == ("selection_score", False)
    assert list(results.summary["model"]) == ["own", "net"]
    by_image = correctness.collect(results, store)["own", "x", "kmeans"].values()
    assert by_image == pytest.approx(np.full((1, 60), 10 / 11))  # no stability was measured
    assert track_record(results).pretrained
    assert not track_record(results).poor


def test_a_tenth_of_stability_decides_near_ties(store):
    alike = {"cluster_artifacts": "groups", "stability": [0.9, 0.4]}
    records = add_generalization(runs(**alike), store)
    assert records["generalization"].tolist() == pytest.approx([1, 1])
    assert records["selection_score"].tolist() == pytest.approx([10.9 / 11, 10.4 / 11])
    found = correctness.collect(Results(records), store)
    assert found["net", "x", "kmeans"].values().mean() == pytest.approx(10.9 / 11)


@pytest.mark.parametrize("columns", [{"pretrained": None}, {"base_artifacts": "below"}])
def test_without_frozen_pretrained_codes_knn_modularity_ranks(store, columns):
    records = add_generalization(runs(**columns), store)
    assert records["generalization"].isna().all()
    assert Results(records).metric == "knn_modularity"
    assert list(Results(records).summary["model"]) == ["own", "net"]


def test_what_failed_is_not_scored(store):
    failed = add_generalization(
        runs(status=["ok", "failed"], cluster_artifacts=["none", ""]), store
    )
    assert failed["generalization"].notna().tolist() == [True, False]


def test_the_report_warns_where_the_score_chose_badly(store):
    without = " ".join(headline.answer(Results(add_generalization(runs(pretrained=None), store))))
    assert "it is hardly known which pipeline is best" in without
    assert f"{RECORDS['knn_modularity', False].worst:.3f}" in without
    given = " ".join(headline.answer(Results(add_generalization(runs(), store))))
    assert "hardly known" not in given
    assert f"{RECORDS['selection_score', True].mean:.3f} less accurate than the best" in given
