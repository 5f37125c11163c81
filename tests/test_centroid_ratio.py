"""Distances from clusters' centers, and doubt."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from bench.stages.metrics.centroid_ratio import Centers, ambiguities, centers


def test_the_doubt_of_kmeans_is_the_ratio_of_its_two_least_distances():
    points = np.random.default_rng(0).normal(size=(300, 5)).astype(np.float32)
    model = KMeans(4, n_init=3, random_state=0).fit(points)
    middle = centers(points, model.labels_)
    np.testing.assert_allclose(middle.points, model.cluster_centers_, atol=1e-4)
    distance, ambiguity = ambiguities(points, model.labels_, middle)
    least = np.sort(model.transform(points), axis=1)
    np.testing.assert_allclose(distance, least[:, 0], atol=1e-3)
    np.testing.assert_allclose(ambiguity, least[:, 0] / least[:, 1], atol=1e-3)


def test_images_in_no_cluster_are_in_all_doubt():
    points = np.array([[0.0], [2.0], [10.0], [12.0], [7.0]])
    clusters = np.array([3, 3, 5, 5, -1])
    middle = centers(points, clusters)
    assert middle.numbers.tolist() == [3, 5]
    distance, ambiguity = ambiguities(points, clusters, middle)
    assert distance.tolist() == [1, 1, 1, 1, 4]
    assert ambiguity.tolist() == pytest.approx([1 / 11, 1 / 9, 1 / 9, 1 / 11, 1])


def test_one_cluster_leaves_no_doubt_and_none_leaves_all():
    points = np.array([[0.0], [2.0]])
    _, ambiguity = ambiguities(points, np.zeros(2, int), centers(points, np.zeros(2, int)))
    assert ambiguity.tolist() == [0, 0]
    none = np.full(2, -1)
    distance, ambiguity = ambiguities(points, none, centers(points, none))
    assert np.isnan(distance).all()
    assert ambiguity.tolist() == [1, 1]


def test_centers_on_one_spot_are_in_all_doubt():
    points = np.zeros((4, 2))
    distance, ambiguity = ambiguities(
        points, np.array([0, 0, 1, 1]), Centers(np.arange(2), np.zeros((2, 2)))
    )
    assert distance.tolist() == [0] * 4
    assert ambiguity.tolist() == [1] * 4


@given(st.integers(1, 40), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_doubt_is_a_share(count, clusters, seed):
    random = np.random.default_rng(seed)
    points = random.normal(size=(count, 3))
    found = random.integers(-1, clusters, count)
    distance, ambiguity = ambiguities(points, found, centers(points, found))
    assert ((ambiguity >= 0) & (ambiguity <= 1)).all()
    assert (ambiguity[found == -1] == 1).all()
    assert (distance[found >= 0] >= 0).all()
