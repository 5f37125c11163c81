"""Consensus: AMI image by image, how others are weighted, and what unlabeled data are ranked by."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_mutual_info_score

from bench.analysis.consensus import Clustering, ami_by_image, by_image, collect, weights
from bench.analysis.results import Results
from bench.analysis.selection import select, track_record
from bench.stages.stage import Result
from bench.store import Store
from tests.test_report import frame, record

PAIRS = st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 4)), min_size=5, max_size=40)


@given(PAIRS)
def test_the_mean_over_images_is_scikit_learns_ami(pairs):
    one, other = np.array(pairs).T
    several = [1 < len(set(each)) < len(each) for each in (one.tolist(), other.tolist())]
    assume(all(several))
    found = ami_by_image(Clustering(one), Clustering(other)).mean()
    assert found == pytest.approx(adjusted_mutual_info_score(one, other), abs=1e-9)


def test_one_cluster_agrees_with_nothing():
    one, two = Clustering(np.zeros(6, int)), Clustering(np.array([0, 0, 0, 1, 1, 1]))
    assert not ami_by_image(one, two).any()
    assert not ami_by_image(one, one).any()
    assert ami_by_image(two, two) == pytest.approx(np.ones(6))


def test_weights_by_hand():
    found = weights(["a", "a", "a", "b", "b", "c"])
    assert found[0] == pytest.approx([0, 1 / 4, 1 / 4, 1 / 8, 1 / 8, 1 / 4])
    assert found[3] == pytest.approx([1 / 12, 1 / 12, 1 / 12, 0, 1 / 2, 1 / 4])
    # Without another chain of its encoder, all weight is on other encoders.
    assert found[5] == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 4, 1 / 4, 0])
    assert weights(["a", "a", "a"])[0] == pytest.approx([0, 1 / 2, 1 / 2])
    assert not weights(["a"]).any()


def test_the_score_is_the_weighted_mean_of_ami():
    random = np.random.default_rng(0)
    clusters, models = [random.integers(0, 3, 50) for _ in range(4)], ["a", "a", "b", "c"]
    clusters[2] = np.where(random.random(50) < 0.8, clusters[0], clusters[2])
    between = [[adjusted_mutual_info_score(one, two) for two in clusters] for one in clusters]
    expected = (weights(models) * between).sum(axis=1)
    assert by_image(clusters, models).mean(axis=1) == pytest.approx(expected)


def test_runs_are_compared_within_their_seed(tmp_path):
    store = Store(tmp_path)
    store.prepare()
    halves, thirds = np.arange(12) % 2, np.arange(12) % 3
    kept = {"halves": halves, "again": 1 - halves, "thirds": thirds}
    for key, clusters in kept.items():
        store.save("cluster", key, Result({"train": clusters}).arrays, {}, {})
    rows = [
        record("m", chain, seed, cluster_artifacts=key)
        for seed, keys in ((0, kept), (1, ["halves", "again"]))
        for chain, key in zip("xyz", keys, strict=False)
    ]
    found = collect(frame(*rows), store)
    assert {key[3] for key in found} == {0}  # two pipelines agree with each other alike
    other = adjusted_mutual_info_score(halves, thirds)
    assert found["m", "x", "kmeans", 0].mean() == pytest.approx((1 + other) / 2)
    assert found["m", "z", "kmeans", 0].mean() == pytest.approx(other)


def unlabeled(**columns):
    """Records of three pipelines without labels, the second best by consensus."""
    rows = [
        record("m", chain, 0, knn_modularity=near, accuracy=math.nan, largest_class=math.nan,
               labeled=False, primary_metric="consensus")
        for chain, near in zip("xyz", (0.5, 0.3, 0.1), strict=True)
    ]  # fmt: skip
    return frame(*rows).assign(**columns)


def test_consensus_ranks_unlabeled_data_and_else_knn_modularity():
    results = Results(unlabeled(consensus=[0.2, 0.6, 0.4]))
    assert results.metric == "consensus"
    assert not results.labeled
    assert list(results.summary["chain"]) == ["y", "z", "x"]
    few = Results(unlabeled(consensus=math.nan))
    assert few.metric == "knn_modularity"
    assert list(few.summary["chain"]) == ["x", "y", "z"]
    assert track_record(results) != track_record(few)
    assert track_record(results) != track_record(Results(results.records.assign(pretrained="set")))


def test_what_ties_for_the_first_place_counts_alike():
    rows = [
        record("m", chain, 0, accuracy=accuracy, reconstruction_loss=loss, null_silhouette=0.1)
        for chain, accuracy, loss in (("a", 0.9, 0.0), ("b", 0.7, 0.0), ("c", 0.8, 0.5))
    ]
    (found,) = [each for each in select(Results(frame(*rows))) if each.score == "MSE"]
    assert found.regret == pytest.approx(0.1)
    assert found.selects == "m, a and 1 tied"
