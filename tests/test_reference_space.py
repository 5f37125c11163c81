"""The reference space, and clusters compared in it."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.datasets.dataset import load
from bench.stages.metrics import neighbors, reference_space
from bench.stages.reference import reference
from tests.conftest import make_images


@given(st.integers(4, 40), st.integers(1, 3), st.integers(1, 5), st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_knn_modularity_is_networkx_modularity(count, degree, groups, seed):
    random = np.random.default_rng(seed)
    near = np.array(
        [random.choice(np.delete(np.arange(count), i), degree, replace=False) for i in range(count)]
    )
    clusters = random.integers(0, groups, count)
    graph = nx.DiGraph((i, int(j)) for i, line in enumerate(near) for j in line)
    parts = [set(np.flatnonzero(clusters == c).tolist()) for c in np.unique(clusters)]
    expected = nx.community.modularity(graph, parts)
    assert reference_space.modularity_by_image(near, clusters).mean() == pytest.approx(expected)


def test_knn_modularity_by_hand():
    near = np.array([[1], [0], [3], [2]])
    assert reference_space.modularity_by_image(near, np.array([0, 0, 1, 1])).tolist() == [0.5] * 4
    assert reference_space.modularity_by_image(near, np.array([0, 1, 0, 1])).tolist() == [-0.5] * 4
    assert reference_space.modularity_by_image(near, np.array([0, 0, 0, 1])).tolist() == [
        0.375,
        0.375,
        -0.625,
        -0.625,
    ]
    assert (reference_space.modularity_by_image(near, np.zeros(4, int)) == 0).all()


def test_features_depend_on_the_image_alone():
    images = make_images(300)[0]
    together = reference_space.features(images)
    assert together.shape == (300, 8192)
    assert together.dtype == np.float32
    np.testing.assert_allclose(
        reference_space.features(images[7:8]), together[7:8], rtol=1e-4, atol=1e-5
    )


def test_the_common_space_is_white():
    placed = reference_space.transform(make_images(400)[0])
    assert placed.shape == (400, 32)
    np.testing.assert_allclose(placed.T @ placed / 400, np.eye(32), atol=1e-3)
    np.testing.assert_allclose(placed.mean(0), 0, atol=1e-3)


def test_few_or_equal_images_have_a_place():
    images = make_images(5)[0]
    assert reference_space.transform(images).shape == (5, 1)
    assert reference_space.transform(make_images(40)[0]).shape == (40, 4)
    same = reference_space.transform(np.repeat(images[:1], 7, axis=0))
    assert (same == 0).all()
    assert reference(images[:2]).arrays["near"].shape == (2, 0)


def test_neighbors_in_the_common_space_tell_digits_apart():
    digits = load("digits", limit=500)
    near = reference(digits.images).arrays["near"]
    assert near.shape == (500, 30)
    assert neighbors.knn_label_purity(near, digits.labels) > 0.5  # 0.1 by chance
    assert reference_space.modularity_by_image(near, digits.labels).mean() > 0.4
    shuffled = np.random.default_rng(0).permutation(digits.labels)
    assert abs(reference_space.modularity_by_image(near, shuffled).mean()) < 0.03
