import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.stages.metrics.majority import ClusterName, cluster_names


def test_a_cluster_has_the_name_of_its_majority_and_is_never_forced_to_another():
    clusters = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2, -1])
    labels = np.array([0, 0, 1, 0, 0, 0, 0, 1, 2, 2])
    assert cluster_names(clusters, labels, ("tulip", "rose", "fern")) == {
        0: ("tulip", pytest.approx(2 / 3)),
        1: ("tulip", 1.0),
        2: ("mixed", pytest.approx(1 / 3)),
    }


def test_half_is_enough_and_images_without_a_label_do_not_count():
    clusters, labels = np.array([0, 0, 0, 1]), np.array([0, 1, -1, -1])
    assert cluster_names(clusters, labels, ("a", "b")) == {0: ("a", 0.5)}
    assert cluster_names(clusters, None, ()) == {}
    assert str(ClusterName("a", 0.505)) == "a (50%)"


@given(st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 3)), min_size=1))
def test_names_are_true_of_half_of_their_images(pairs):
    clusters, labels = np.array(pairs).T
    for cluster, (name, share) in cluster_names(clusters, labels, tuple("abcd")).items():
        found = ["abcd"[label] for label in labels[clusters == cluster] if label >= 0]
        most = max(map(found.count, found))
        assert share == most / len(found)
        assert name == "mixed" if share < 0.5 else found.count(name) == most
